"""In memory: an authority, members with keys and documents, and a contract that two signed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from typing import Any

from connector.domain.layer import LayerKind
from connector.domain.participant import StatusList
from connector.identity import agreement as agreements
from connector.identity import certificate, status
from connector.identity import credential as credentials
from connector.identity import did as dids
from connector.identity import document as documents
from connector.identity import layer as layers
from connector.identity.agreement import Party, Subject
from connector.identity.document import DidDocument
from connector.identity.receipts import receipt
from connector.jsonld.canonical import canonical
from connector.jsonld.policy import read_policy
from federated.privacy.rule import Accounting, Rule
from policies_odrl import Policy
from policies_odrl.checking.semantics import PRESENT
from tests.support.keys import MemorySigner

NOW = datetime(2026, 11, 24, 15, 0, 0, tzinfo=UTC)
AUTHORITY = "did:web:authority.example"
PROVIDER = "did:web:nord.example"
CONSUMER = "did:web:lab.example%3A8443"
DATASET = "urn:uuid:00000000-0000-4000-8000-00000000d474"
AGREEMENT = "urn:uuid:00000000-0000-4000-8000-0000000a6ee0"
DIGEST = "ab" * 32
TEMPLATE = layers.build(
    {"@type": "Set", "@id": "urn:template"},
    kind=LayerKind.AUTHORITY,
    issuer=AUTHORITY,
    identifier="urn:template",
    version=1,
    personal=False,
    published=NOW,
)


def policy_of(document: dict[str, Any]) -> Policy:
    """Read a policy; the same one once, however many tests agree on it."""
    return _read(json.dumps(document))


@cache
def _read(text: str) -> Policy:
    return read_policy(json.loads(text))


@dataclass(frozen=True)
class Member:
    """A node's keys and what it serves."""

    did: str
    signer: MemorySigner
    authority: tuple[str, str]
    data: bytes
    membership: str = ""

    @property
    def document(self) -> DidDocument:
        return documents.read(self.data, self.did)

    @cached_property
    def leaf(self) -> str:
        host = dids.host(self.did)
        return certificate.issue_leaf(*self.authority, self.did, host, NOW, 86_400)[0]


@dataclass
class Space:
    """An authority and its members; each `Space()` has keys of its own."""

    did: str = AUTHORITY
    signer: MemorySigner = field(init=False)
    data: bytes = field(init=False)
    admitted: int = 0

    def __post_init__(self) -> None:
        self.signer = MemorySigner(self.did)
        self.data = documents.build(self.signer, self.did)

    @property
    def document(self) -> DidDocument:
        return documents.read(self.data, self.did)

    @property
    def status_url(self) -> str:
        return dids.origin(self.did) + "/status/1"

    def membership(self, member: Member, **changes: Any) -> str:
        values: dict[str, Any] = {
            "name": "Académie d'essai",
            "role": "member",
            "space": self.did,
            "key_thumbprints": sorted(member.document.thumbprints()),
            "index": self.admitted,
            "status_url": self.status_url,
            "valid_from": NOW - timedelta(days=1),
            "valid_until": NOW + timedelta(days=30),
            **changes,
        }
        return credentials.issue_membership(self.signer, self.did, member.did, **values)

    def admit(self, member: Member, **changes: Any) -> Member:
        credential = self.membership(member, **changes)
        self.admitted += 1
        return replace(member, membership=credential)

    def status_list(self, *revoked: int, **changes: Any) -> str:
        values: dict[str, Any] = {
            "valid_from": NOW - timedelta(hours=1),
            "valid_until": NOW + timedelta(hours=23),
            **changes,
        }
        return status.build(self.signer, self.did, self.status_url, revoked, **values)

    def cached(self, token: str) -> dict[str, StatusList]:
        until = NOW + timedelta(hours=23)
        return {self.status_url: StatusList(self.status_url, token, until, NOW)}


_Changes = tuple[tuple[str, Any], ...]


class UsualSpace(Space):
    """The space of most tests, in all of which its authority and its members have the same keys.

    To make keys and papers takes longer than many tests do.
    """

    def __post_init__(self) -> None:
        self.signer, self.data = _authority(self.did)

    def admit(self, member: Member, **changes: Any) -> Member:
        found = _admitted(self.did, self.admitted, member, tuple(sorted(changes.items())))
        self.admitted += 1
        return found

    def status_list(self, *revoked: int, **changes: Any) -> str:
        return _listed(self.did, revoked, tuple(sorted(changes.items())))


@cache
def _authority(did: str) -> tuple[MemorySigner, bytes]:
    made = Space(did)
    return made.signer, made.data


@cache
def _admitted(
    did: str, number: int, member: Member, changes: tuple[tuple[str, Any], ...]
) -> Member:
    return Space.admit(UsualSpace(did, number), member, **dict(changes))


@cache
def _listed(did: str, revoked: tuple[int, ...], changes: _Changes) -> str:
    return Space.status_list(UsualSpace(did), *revoked, **dict(changes))


def usual(did: str, **services: str) -> Member:
    """Return a node that nobody has admitted, in all tests the same."""
    return _usual(did, tuple(services.items()))


@cache
def _usual(did: str, services: tuple[tuple[str, str], ...]) -> Member:
    return stranger(did, **dict(services))


def stranger(did: str, **services: str) -> Member:
    """Return a node that nobody has admitted, with keys of its own."""
    signer = MemorySigner(did)
    authority = certificate.make_authority(f"CA of {did}", NOW, 365)
    return Member(did, signer, authority, documents.build(signer, did, [authority[0]], services))


@dataclass(frozen=True)
class Contract:
    """A contract that both signed."""

    provider: Member
    consumer: Member
    data: bytes
    provider_signature: str
    consumer_signature: str
    receipt: str


PLAN: dict[str, Any] = {
    "version": 1,
    "validUntil": None,
    "uses": [
        {
            "action": "https://w3id.org/preau/odrl/v1#federatedTraining",
            "mechanism": "train",
            "steps": [{"kind": "where", "version": 1, "runs": "training"}],
        }
    ],
}


def policy(**changes: Any) -> dict[str, Any]:
    """Return a small ODRL agreement between PROVIDER and CONSUMER."""
    return {
        "@context": ["https://w3id.org/dspace/2025/1/context.jsonld"],
        "@id": AGREEMENT,
        "@type": "Agreement",
        "target": DATASET,
        "assigner": PROVIDER,
        "assignee": CONSUMER,
        "timestamp": "2026-11-24T15:00:00Z",
        "permission": [{"action": "preau:federatedTraining"}],
        **changes,
    }


def agreement_bytes(provider: Member, consumer: Member, **changes: Any) -> bytes:
    """Return the agreement of two members."""
    values: dict[str, Any] = {
        "offer_id": "urn:uuid:00000000-0000-4000-8000-0000000000ff",
        "offer_digest": DIGEST,
        "dataset": Subject(DATASET, DIGEST, 4600, 4, "pupil"),
        "provider": Party(provider.did, provider.document.digest, "urn:p", provider.signer.key_id),
        "consumer": Party(consumer.did, consumer.document.digest, "urn:c"),
        "coverage": [
            {
                "path": "/permission/0",
                "constraint": "x",
                "label": "checked",
                "by": "request",
                "layer": "offer",
            }
        ],
        "accounting": Accounting(Rule.SUMS),
        "recipes": [DIGEST],
        "semantics": PRESENT,
        "plan": PLAN,
        "layers": (layers.read(TEMPLATE).name,),
        "timestamp": NOW,
        **changes,
    }
    stated = policy(assigner=provider.did, assignee=consumer.did)
    return agreements.build(values.pop("policy", stated), **values)


# Version of the document -> the members that came after it.
_LATER = {
    1: ("accounting", "recipes", "semantics", "plan", "layers"),
    2: ("semantics", "plan", "layers"),
    3: ("plan", "layers"),
    4: ("layers",),
}


def of_version(data: bytes, version: int) -> bytes:
    """Return an agreement as an earlier version of the document states it."""
    document = json.loads(data)
    make_older(document, version)
    return canonical(document)


def make_older(document: dict[str, Any], version: int) -> None:
    """Make an agreement one of an earlier version."""
    for name in _LATER[version]:
        document.pop(name, None)
    for line in document["coverage"]:
        del line["layer"]
    document["version"] = version


def contract(provider: Member, consumer: Member, **changes: Any) -> Contract:
    """Return the contract of two members, with signatures and receipt."""
    data = agreement_bytes(provider, consumer, **changes)
    signed = agreements.sign(provider.signer, data)
    accepted = agreements.sign(consumer.signer, data)
    token = receipt.make_receipt(
        provider.signer,
        agreements.read(data),
        signed,
        accepted,
        minimum_sites=3,
        valid_until=NOW + timedelta(days=200),
        now=NOW,
    )
    return Contract(provider, consumer, data, signed, accepted, token)
