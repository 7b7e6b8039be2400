"""What the node holds before the kit comes: who is believed, datasets, finalized agreements."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from connector.bootstrap.node import Node
from connector.domain.contract.negotiation import NegotiationState, Role
from connector.domain.participant import IssuerDocument, Participant, StatusList
from connector.identity import credential, status
from connector.identity import did as dids
from connector.identity import document as documents
from connector.jsonld import opaque
from connector.ports import Ports
from connector.services.publication import publish, saying
from tests.support.keys import MemorySigner
from tests.support.link import CONTEXT
from tests.support.opening import schools
from tests.support.stored import contract, negotiation
from tests.tck.scripts import KIT_DID, NEGOTIATIONS, TRANSFERS, UNKNOWN, Case

_AGO, _LIFE = timedelta(hours=1), timedelta(days=365)
_NAME: Final = "urn:example:kit"
USE: Final = {"@type": "Offer", "@context": CONTEXT, "permission": [{"action": "use"}]}


def admit(node: Node, ports: Ports) -> None:
    """Let an authority of this process believe the node and the kit, for a year."""
    now, space = ports.clock.now(), ports.settings.spaces[0]
    authority = _Authority(space.id, now)
    kit = documents.build(MemorySigner(KIT_DID), KIT_DID)
    own = documents.read(ports.own_document(), ports.settings.did)
    node._identity.keep_membership(authority.membership(own), space)
    read = documents.read(kit, KIT_DID)
    with ports.store.write() as tx:
        tx.issuers.put(IssuerDocument(space.id, authority.document, now))
        tx.status_lists.put(authority.list())
        tx.participants.put(
            Participant(
                did=KIT_DID,
                name="Conformance kit",
                document=kit,
                document_digest=read.digest,
                membership=authority.membership(read),
                description="",
                grpc_endpoint="",
                tls_authorities=(),
                admitted_at=now,
                refreshed_at=now,
            )
        )


class _Authority:
    def __init__(self, did: str, now: datetime) -> None:
        self._did, self._now = did, now
        self._signer = MemorySigner(did)
        self._url = dids.origin(did) + "/status/1"
        self._index = 0
        self.document = documents.build(self._signer, did)

    def membership(self, of: documents.DidDocument) -> str:
        self._index += 1
        return credential.issue_membership(
            self._signer,
            self._did,
            of.did,
            name="Member of the space",
            role="member",
            space=self._did,
            key_thumbprints=sorted(of.thumbprints()),
            index=self._index,
            status_url=self._url,
            valid_from=self._now - _AGO,
            valid_until=self._now + _LIFE,
        )

    def list(self) -> StatusList:
        until = self._now + _LIFE
        token = status.build(
            self._signer, self._did, self._url, (), valid_from=self._now - _AGO, valid_until=until
        )
        return StatusList(self._url, token, until, self._now)


def offer(ports: Ports, folder: Path, cases: Iterable[Case]) -> None:
    """Publish one dataset as operators do, and show it under the id of each case.

    Ids that are no IRIs cannot be published; nothing but id and offer differs.
    """
    publish.publish(ports, schools(folder, {**USE, "@id": f"{_NAME}:offer"}, id=_NAME))
    wanted = {(each.about, each.offer) for each in cases if _shown(each)}
    with ports.store.write() as tx:
        dataset, made = tx.datasets.get(_NAME), tx.offers.get(f"{_NAME}:offer")
        assert dataset is not None
        assert made is not None
        policy = publish.read_policy(made.policy, ports.mechanisms.profiles)
        for about, name in sorted(wanted):
            one = replace(dataset, id=about)
            tx.datasets.put(one)
            offered = publish.new_offer(ports, policy, one.id, opaque.inward(name))
            kept = {"dsp": saying.kept(offered.policy), "coverage": made.coverage}
            tx.offers.put(replace(offered, id=name, **kept, space=made.space))
        tx.offers.put(replace(made, withdrawn=True))


def agree(ports: Ports, cases: Iterable[Case]) -> None:
    """Keep a finalized agreement with the kit for each case of a transfer."""
    now, own = ports.clock.now(), ports.settings.did
    for each in cases:
        if each.kind != TRANSFERS:
            continue
        parties = (own, KIT_DID) if each.role is Role.PROVIDER else (KIT_DID, own)
        said: dict[str, Any] = dict(zip(("provider", "consumer"), parties, strict=True))
        pid, name = f"urn:example:negotiation:{each.about}", opaque.inward(each.about)
        made = negotiation(
            pid,
            role=each.role,
            peer=KIT_DID,
            peer_pid=f"{pid}:kit",
            state=NegotiationState.FINALIZED,
            agreement_id=name,
            created_at=now,
            updated_at=now,
        )
        with ports.store.write() as tx:
            tx.agreements.put(contract(name, role=each.role, pid=pid, dataset_id=_NAME, **said))
            tx.negotiations.put(made)


def _shown(case: Case) -> bool:
    negotiated = case.name != UNKNOWN and case.kind == NEGOTIATIONS
    return negotiated and case.role is Role.PROVIDER
