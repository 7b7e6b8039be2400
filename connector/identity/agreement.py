"""The agreement: one canonical document that both parties sign, and the provider's receipt.

Rules: what is signed are the exact RFC 8785 bytes, kept by both and never written anew to verify;
the document names both DIDs, the digests of both DID documents, the offer and the dataset's
description, so that nothing outside it can be swapped later. Reading is strict: another member,
another spelling or two statements that contradict one another are `AgreementTampered`. Version 2
states how privacy is accounted for and which training recipes are accepted; a contract of version
1 states neither, and stays readable. What that means is `services/federation/allowance.py`.

The terms themselves (ODRL) are negotiated and compiled elsewhere; here they are carried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from connector.domain import instant
from connector.errors import AgreementTampered, PreauError
from connector.identity import jws
from connector.identity.document import DidDocument
from connector.identity.key import Relationship
from connector.jsonld.canonical import canonical, parse_object, sha256_hex
from connector.jsonld.kept import kept
from federated.errors import PrivacyFault
from federated.privacy.rule import Accounting, stated
from federated.privacy.rule import read as read_accounting

TYPE: Final = "preau:Agreement"
VERSION: Final = 2
SIGNATURE_TYPE: Final = "preau-agreement+jws"
MAX_BYTES: Final = 1024 * 1024
_SINCE_2: Final = frozenset(("accounting", "recipes"))
_MOST_RECIPES: Final = 64
_MEMBERS: Final = {
    "": "type version agreement offer dataset provider consumer coverage timestamp",
    "offer": "id digest",
    "dataset": "id descriptionDigest population rowsPerPerson personColumn",
    "provider": "did key documentDigest pid",
    "consumer": "did documentDigest pid",
}
_COVERAGE: Final = frozenset(("path", "constraint", "label", "by"))
_LABELS: Final = frozenset(("checked", "enforced", "audited"))


@dataclass(frozen=True, slots=True)
class Party:
    """One party as the agreement names it.

    Attributes:
        did: DID.
        document_digest: SHA-256 of its DID document, hex.
        pid: its id of the negotiation.
        key: DID URL of the key that signs; empty for the consumer, who signs later.
    """

    did: str
    document_digest: str
    pid: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """The dataset as the agreement fixes it.

    Attributes:
        id: IRI.
        description_digest: SHA-256 of the dataset's self-description (VC-JWT), hex.
        population: persons, rounded; >= 0.
        rows_per_person: most rows of one person; >= 1.
        person_column: column that identifies the person; may be empty.
    """

    id: str
    description_digest: str
    population: int
    rows_per_person: int
    person_column: str


@dataclass(frozen=True, slots=True)
class AgreementDocument:
    """An agreement that was read.

    Attributes:
        id: IRI.
        provider: who gives.
        consumer: who may use.
        dataset: what it is about.
        offer_id: the provider's offer that was accepted.
        offer_digest: SHA-256 of that offer, hex.
        policy: the ODRL Agreement, compact JSON-LD.
        coverage: how the provider's node upholds each constraint.
        timestamp: UTC.
        version: of the document.
        accounting: rule and adjacency of its ε and δ; None in version 1.
        recipes: SHA-256 (hex) of the training recipes that the provider accepts, sorted; none in
            version 1.
        data: the exact bytes.
        digest: their SHA-256, hex.
    """

    id: str
    provider: Party
    consumer: Party
    dataset: Subject
    offer_id: str
    offer_digest: str
    policy: Mapping[str, Any] = field(repr=False)
    coverage: tuple[Mapping[str, str], ...] = field(repr=False)
    timestamp: datetime
    version: int
    accounting: Accounting | None
    recipes: tuple[str, ...]
    data: bytes = field(repr=False)
    digest: str


def build(  # noqa: PLR0913 - the parts of an agreement
    policy: Mapping[str, Any],
    *,
    offer_id: str,
    offer_digest: str,
    dataset: Subject,
    provider: Party,
    consumer: Party,
    coverage: Sequence[Mapping[str, str]],
    accounting: Accounting,
    recipes: Sequence[str],
    timestamp: datetime,
) -> bytes:
    """Return the canonical bytes of an agreement.

    Args:
        policy: ODRL Agreement, compact JSON-LD, with `@id`, `target`, `assigner`, `assignee` and
            `timestamp`.
        offer_id: the provider's offer that was accepted.
        offer_digest: SHA-256 of that offer, hex.
        dataset: what it is about.
        provider: who gives, with the key that will sign.
        consumer: who may use.
        coverage: lines with `path`, `constraint`, `label`, `by`.
        accounting: rule and adjacency of its ε and δ.
        recipes: SHA-256 (hex) of the training recipes that are accepted.
        timestamp: UTC.

    Raises:
        AgreementTampered: the parts contradict one another.
    """
    data = canonical(
        {
            "type": TYPE,
            "version": VERSION,
            "agreement": dict(policy),
            "offer": {"id": offer_id, "digest": offer_digest},
            "dataset": {
                "id": dataset.id,
                "descriptionDigest": dataset.description_digest,
                "population": dataset.population,
                "rowsPerPerson": dataset.rows_per_person,
                "personColumn": dataset.person_column,
            },
            "provider": {**_named(provider), "key": provider.key},
            "consumer": _named(consumer),
            "coverage": [dict(line) for line in coverage],
            "accounting": stated(accounting),
            "recipes": sorted(set(recipes)),
            "timestamp": instant.text(timestamp),
        }
    )
    read(data)  # what we would refuse to sign is never sent
    return data


@kept(64)
def read(data: bytes) -> AgreementDocument:
    """Read an agreement strictly; the same bytes are read once while they are in use.

    Raises:
        AgreementTampered: not the canonical form of a complete, consistent agreement.
    """
    try:
        document = parse_object(data, limit=MAX_BYTES)
        _check_shape(document, data)
        result = _read(document, data)
        _check_policy(result)
    except AgreementTampered:
        raise
    except PreauError as exc:
        raise AgreementTampered(f"the agreement cannot be read: {exc.reason}") from exc
    return result


def sign(signer: jws.Signer, data: bytes) -> str:
    """Return a party's signature: compact JWS with detached payload.

    Raises:
        KeyUnusable: the key cannot be used.
        AgreementTampered: the bytes are not an agreement.
    """
    read(data)
    return jws.sign_detached(signer, data, SIGNATURE_TYPE)


def verify_provider(agreement: AgreementDocument, signature: str, document: DidDocument) -> None:
    """Check the provider's signature.

    Args:
        agreement: as read from the exact bytes.
        signature: compact JWS, detached.
        document: the provider's DID document as of signing.

    Raises:
        AgreementTampered: it does not verify, was made by another key than the agreement names,
            or the DID document is not the one that the agreement fixes.
    """
    _verify(agreement, agreement.provider, signature, document)
    if jws.key_id(signature) != agreement.provider.key:
        raise AgreementTampered("the provider signed with another key than the agreement names")


def verify_consumer(agreement: AgreementDocument, signature: str, document: DidDocument) -> None:
    """Check the consumer's signature; as `verify_provider`.

    Raises:
        AgreementTampered: it does not verify, or the DID document is not the one that the
            agreement fixes.
    """
    _verify(agreement, agreement.consumer, signature, document)


def _verify(
    agreement: AgreementDocument, party: Party, signature: str, document: DidDocument
) -> None:
    if document.did != party.did or document.digest != party.document_digest:
        raise AgreementTampered(f"the DID document of `{party.did}` is not the one agreed on")
    try:
        jws.verify_detached(
            signature, agreement.data, document, Relationship.ASSERTION, SIGNATURE_TYPE
        )
    except PreauError as exc:
        raise AgreementTampered(
            f"the signature of `{party.did}` over the agreement does not verify"
        ) from exc


def _check_shape(document: Mapping[str, Any], data: bytes) -> None:
    if isinstance(document.get("version"), bool):  # equal to 1 in Python, not in JSON
        raise AgreementTampered("not an agreement of a known version")
    for name, members in _MEMBERS.items():
        part = document[name] if name else document
        newer = _SINCE_2 if not name and document.get("version") == VERSION else frozenset()
        if not isinstance(part, dict) or set(part) != {*members.split(), *newer}:
            raise AgreementTampered(f"the agreement's part `{name or '/'}` is not as agreed on")
    if document["type"] != TYPE or document["version"] not in (1, VERSION):
        raise AgreementTampered("not an agreement of a known version")
    if canonical(document) != data:
        raise AgreementTampered("the agreement is not in canonical form")


def _read(document: Mapping[str, Any], data: bytes) -> AgreementDocument:
    policy, dataset = document["agreement"], document["dataset"]
    if not isinstance(policy, dict):
        raise AgreementTampered("the agreement has no policy")
    return AgreementDocument(
        id=_text(policy, "@id"),
        provider=_party(document["provider"]),
        consumer=_party(document["consumer"]),
        dataset=Subject(
            id=_text(dataset, "id"),
            description_digest=_digest(dataset, "descriptionDigest"),
            population=_count(dataset, "population", 0),
            rows_per_person=_count(dataset, "rowsPerPerson", 1),
            person_column=_text(dataset, "personColumn", empty=True),
        ),
        offer_id=_text(document["offer"], "id"),
        offer_digest=_digest(document["offer"], "digest"),
        policy=policy,
        coverage=_coverage(document["coverage"]),
        timestamp=instant.read(document["timestamp"]),
        version=document["version"],
        accounting=_accounting(document["accounting"]) if "accounting" in document else None,
        recipes=_recipes(document.get("recipes", [])),
        data=data,
        digest=sha256_hex(data),
    )


def _check_policy(agreement: AgreementDocument) -> None:
    """Refuse a policy that names other parties, another dataset or another time."""
    expected = {
        "@type": "Agreement",
        "target": agreement.dataset.id,
        "assigner": agreement.provider.did,
        "assignee": agreement.consumer.did,
        # a bare `timestamp` means something only inside the protocol's agreement message
        "dspace:timestamp": instant.text(agreement.timestamp),
    }
    for name, value in expected.items():
        stated = agreement.policy.get(name, agreement.policy.get(name.removeprefix("dspace:")))
        if isinstance(stated, dict):
            stated = stated.get("@id", stated.get("@value"))
        if stated != value:
            raise AgreementTampered(f"`{name}` of the policy contradicts the agreement")
    if agreement.provider.did == agreement.consumer.did:
        raise AgreementTampered("nobody contracts with oneself")


def _named(party: Party) -> dict[str, str]:
    return {"did": party.did, "documentDigest": party.document_digest, "pid": party.pid}


def _party(part: Mapping[str, Any]) -> Party:
    key = _text(part, "key") if "key" in part else ""
    return Party(_text(part, "did"), _digest(part, "documentDigest"), _text(part, "pid"), key)


def _coverage(lines: object) -> tuple[Mapping[str, str], ...]:
    if not isinstance(lines, list):
        raise AgreementTampered("the agreement's coverage is not a list")
    for line in lines:
        if not isinstance(line, dict) or set(line) != _COVERAGE:
            raise AgreementTampered("a line of the agreement's coverage is not as agreed on")
        if not all(isinstance(value, str) for value in line.values()):
            raise AgreementTampered("a line of the agreement's coverage is not as agreed on")
        if line["label"] not in _LABELS:
            raise AgreementTampered("a label of the agreement's coverage is not known")
    return tuple(lines)


def _accounting(part: object) -> Accounting:
    try:
        return read_accounting(part)
    except PrivacyFault as exc:
        raise AgreementTampered(f"the agreement's accounting: {exc.reason}") from exc


def _recipes(values: object) -> tuple[str, ...]:
    if not isinstance(values, list) or len(values) > _MOST_RECIPES:
        raise AgreementTampered("the agreement's recipes are not a short list")
    found = tuple(_digest({"recipe": value}, "recipe") for value in values)
    if list(found) != sorted(set(found)):
        raise AgreementTampered("the agreement's recipes are not sorted, or one stands there twice")
    return found


def _text(part: Mapping[str, Any], name: str, *, empty: bool = False) -> str:
    value = part.get(name)
    if not isinstance(value, str) or not (value or empty):
        raise AgreementTampered(f"`{name}` of the agreement is not text")
    return value


def _digest(part: Mapping[str, Any], name: str) -> str:
    value = _text(part, name)
    if len(value) != 64 or not set(value) <= set("0123456789abcdef"):  # noqa: PLR2004  SHA-256, hex
        raise AgreementTampered(f"`{name}` of the agreement is not a SHA-256 in hex")
    return value


def _count(part: Mapping[str, Any], name: str, least: int) -> int:
    value = part.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise AgreementTampered(f"`{name}` of the agreement is not a count")
    return value
