"""An evidence bundle with every part open to a forger's hand."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from connector.domain.log import merkle
from connector.domain.log.audit import Head
from connector.identity import agreement as agreements
from connector.identity import bundle as bundles
from connector.identity import checkpoint as checkpoints
from connector.identity import document as documents
from connector.identity import layer as layers
from connector.identity import succession
from connector.identity.bundle import EntryEvidence, Evidence, LayerEvidence, PartyEvidence
from connector.identity.document import OtherKey
from connector.identity.key import Relationship
from connector.jsonld.canonical import canonical
from tests.support.contracts import NOW, TEMPLATE, Contract, Member, Space
from tests.support.keys import MemorySigner

Changes = dict[str, Any]


def event(index: int, kind: str, subject: str, **facts: object) -> bytes:
    """Return the bytes of an audit event."""
    at = "2026-11-24T15:00:00Z"
    return canonical({"kind": kind, "at": at, "subject": subject, "index": index, "facts": facts})


@dataclass
class Log:
    """A node's audit log in memory."""

    events: list[bytes] = field(default_factory=list)

    def append(self, kind: str, subject: str, **facts: object) -> None:
        self.events.append(event(len(self.events), kind, subject, **facts))

    def node(self) -> merkle.Node:
        return merkle.from_leaves([merkle.leaf_hash(item) for item in self.events])

    def root(self) -> bytes:
        return merkle.root(len(self.events), self.node())

    def entry(self, index: int) -> EntryEvidence:
        proof = merkle.inclusion(index, len(self.events), self.node())
        return EntryEvidence(index, self.events[index], tuple(proof))

    def note(self, member: Member, epoch: int = 0) -> str:
        head = Head(epoch, len(self.events), self.root())
        return checkpoints.make(member.signer, member.did, head, 0)


def log_of(contract: Contract) -> Log:
    """Return a log that records a contract among other things."""
    agreement = agreements.read(contract.data)
    log = Log()
    log.append("node.started", contract.provider.did)
    log.append("negotiation.requested", agreement.provider.pid)
    log.append("negotiation.agreed", agreement.id, digest=agreement.digest)
    log.append("dataset.published", agreement.dataset.id)
    log.append("negotiation.finalized", agreement.id, digest=agreement.digest)
    return log


def party(member: Member) -> PartyEvidence:
    """Return what a bundle says of a member."""
    return PartyEvidence(member.did, member.data, member.membership)


def rotated(member: Member, *, lost: bool = False) -> Member:
    """Return a member with its next key; where the first was lost, nothing leads to it."""
    did, old, new = member.did, member.signer, MemorySigner(member.did, "key-2")
    record = succession.make(new if lost else old, did, new.key_id, new.public_jwk, NOW)
    known = OtherKey(old.key_id, old.public_jwk, frozenset({Relationship.ASSERTION}))
    others = () if lost else (known,)
    data = documents.build(new, did, others=others, succession=record)
    return replace(member, signer=new, data=data)


def cosigned(note: str, by: Member, at: datetime = NOW) -> str:
    """Return a note with a witness's line."""
    return note + checkpoints.cosign(by.signer, by.did, note, at)


def exported(log: Log, by: Member, witness: Member, cosigned_size: int | None = None) -> Changes:
    """Return what an export by a member says of its log, cosigned up to a size."""
    size = len(log.events) if cosigned_size is None else cosigned_size
    note = Log(log.events[:size]).note(by)
    return {
        "exporter": party(by),
        "checkpoint": log.note(by),
        "peer_checkpoint": "",
        "cosigned": cosigned(note, witness),
        "cosigned_proof": tuple(merkle.consistency(size, len(log.events), log.node())),
    }


def evidence_of(contract: Contract, space: Space, log: Log | None = None) -> Evidence:
    """Return the evidence that the contract's provider would export."""
    recorded = log or log_of(contract)
    peer = Log()
    peer.append("node.started", contract.consumer.did)
    return Evidence(
        agreement=contract.data,
        provider_signature=contract.provider_signature,
        consumer_signature=contract.consumer_signature,
        receipt=contract.receipt,
        provider=party(contract.provider),
        consumer=party(contract.consumer),
        exporter=party(contract.provider),
        authorities={space.did: space.data},
        status_lists={space.status_url: (space.status_list(),)},
        checkpoint=recorded.note(contract.provider),
        entries=(recorded.entry(2), recorded.entry(4)),
        peer_checkpoint=peer.note(contract.consumer),
        cosigned=cosigned(recorded.note(contract.provider), contract.consumer),
        layers={
            layers.read(TEMPLATE).name.digest: LayerEvidence(
                TEMPLATE, layers.sign(space.signer, TEMPLATE)
            )
        },
    )


def sealed(evidence: Evidence, by: Member, **changes: object) -> bytes:
    """Return the bundle, with parts exchanged before it is sealed."""
    return bundles.build(by.signer, replace(evidence, **changes))  # type: ignore[arg-type]
