"""The agreement: one canonical document that both parties sign, and the provider's receipt.

Rules: what is signed are the exact RFC 8785 bytes, kept by both and never written anew to verify;
the document names both DIDs, the digests of both DID documents, the offer and the dataset's
description, so that nothing outside it can be swapped later. Reading is strict: another member,
another spelling or two statements that contradict one another are `AgreementTampered`. Version 2
states how privacy is accounted for and which training recipes are accepted; a contract of version
1 states neither, and stays readable. What that means is `services/privacy/budget.py`. Version 3
states the version of the semantics that its policy is decided by; what states none is of the first
(`policies_odrl/checking/semantics.py`). Version 4 states the plan that both nodes keep and execute
(`enforcement/plan.py`); a contract that spends no privacy states no accounting. Version 5 names the
templates and the charter that its terms uphold, and of each line of the table the layer; it may
name the space whose rules it is under, which its parties' memberships tell where it does not.
Version 6 is what a consumer draws up for itself where its provider signs nothing: it alone signs.

The terms themselves (ODRL) are negotiated and compiled elsewhere; here they are carried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final

from connector.domain import instant
from connector.domain.layer import LayerKind, LayerName
from connector.errors import AgreementTampered, PreauError
from connector.identity import jws
from connector.identity.document import DidDocument
from connector.identity.key import Relationship
from connector.identity.reading import Kind
from connector.jsonld.canonical import canonical, sha256_hex
from connector.jsonld.kept import kept
from federated.privacy.rule import Accounting, stated
from federated.privacy.rule import read as read_accounting
from federated.reading import Member

TYPE: Final = "preau:Agreement"
VERSION: Final = 5
ALONE: Final = 6  # version of what the consumer draws up, and signs alone
SIGNATURE_TYPE: Final = "preau-agreement+jws"
MAX_BYTES: Final = 1024 * 1024
# Version of the document -> the members that it has besides `_MEMBERS`.
_BESIDES: Final[Mapping[int, tuple[str, ...]]] = {
    1: (),
    2: ("accounting", "recipes"),
    3: ("accounting", "recipes", "semantics"),
    4: ("recipes", "semantics", "plan"),
    5: ("recipes", "semantics", "plan", "layers"),
    6: ("recipes", "semantics", "plan", "layers"),
}
_MOST_RECIPES: Final = 64
FIRST_SEMANTICS: Final = 1  # of what states none
_MOST_SEMANTICS: Final = 1000
_PLANNED: Final = 4  # version from which a plan is stated
LAYERED: Final = 5  # version from which layers are named
_MOST_LAYERS: Final = 32
_MOST_PLAN: Final = 16  # members; `enforcement/plan.py` reads them
_MEMBERS: Final = (
    *("type", "version", "agreement", "offer", "dataset", "provider", "consumer", "coverage"),
    "timestamp",
)
_LABELS: Final = ("checked", "enforced", "audited")
_KIND: Final = Kind("agreement", AgreementTampered, MAX_BYTES)


@dataclass(frozen=True, slots=True)
class Party:
    """One party as the agreement names it.

    Attributes:
        did: DID.
        document_digest: SHA-256 of its DID document, hex.
        pid: its id of the negotiation.
        key: DID URL of the key that signs first; empty for the other party.
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
        rows_per_person: most rows of one person; >= 1, and 0 where no column names persons.
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
        accounting: rule and adjacency of its ε and δ; None in version 1, or without a budget.
        recipes: SHA-256 (hex) of the training recipes that the provider accepts, sorted; none in
            version 1.
        semantics: version of the semantics that it was signed under.
        plan: what is executed, canonical JSON; None before version 4.
        layers: templates and charter that its terms uphold; none before version 5.
        space: IRI of the space whose rules it is under; empty where it states none.
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
    semantics: int
    plan: Mapping[str, Any] | None = field(repr=False)
    layers: tuple[LayerName, ...]
    space: str
    data: bytes = field(repr=False)
    digest: str

    @property
    def alone(self) -> bool:
        """Whether its consumer drew it up and signs alone."""
        return self.version == ALONE


def build(  # noqa: PLR0913 - the parts of an agreement
    policy: Mapping[str, Any],
    *,
    offer_id: str,
    offer_digest: str,
    dataset: Subject,
    provider: Party,
    consumer: Party,
    coverage: Sequence[Mapping[str, str]],
    accounting: Accounting | None,
    recipes: Sequence[str],
    semantics: int,
    plan: Mapping[str, Any],
    layers: Sequence[LayerName],
    timestamp: datetime,
    alone: bool = False,
    space: str = "",
) -> bytes:
    """Return the canonical bytes of an agreement.

    Args:
        policy: ODRL Agreement, compact JSON-LD, with all that it and this document both state.
        offer_id: the provider's offer that was accepted.
        offer_digest: SHA-256 of that offer, hex.
        dataset: what it is about.
        provider: who gives, with the key that will sign.
        consumer: who may use.
        coverage: lines with `path`, `constraint`, `label`, `by`, `layer`.
        accounting: rule and adjacency of its ε and δ; None without a budget.
        recipes: SHA-256 (hex) of the training recipes that are accepted.
        semantics: version of the semantics that the policy is decided by.
        plan: what is executed, JSON.
        layers: templates and charter that the terms uphold.
        timestamp: UTC.
        alone: whether the consumer draws it up, whose key will sign; the provider signs nothing.
        space: IRI of the space whose rules it is under; empty where the memberships tell it.

    Raises:
        AgreementTampered: the parts contradict one another.
    """
    data = canonical(
        {
            "type": TYPE,
            "version": ALONE if alone else VERSION,
            "agreement": dict(policy),
            "offer": {"id": offer_id, "digest": offer_digest},
            "dataset": _stated(dataset),
            "provider": _named(provider),
            "consumer": _named(consumer),
            "coverage": [dict(line) for line in coverage],
            **_maybe(accounting, space),
            "recipes": sorted(set(recipes)),
            "semantics": semantics,
            "plan": dict(plan),
            "layers": [asdict(each) for each in layers],
            "timestamp": instant.text(timestamp),
        }
    )
    read(data)  # what we would refuse to sign is never sent
    return data


def _maybe(accounting: Accounting | None, space: str) -> dict[str, Any]:
    """Return the members that stand only where there is something to state."""
    found = {"space": space} if space else {}
    return found if accounting is None else {**found, "accounting": stated(accounting)}


@kept(64)
def read(data: bytes) -> AgreementDocument:
    """Read an agreement strictly; the same bytes are read once while they are in use.

    Raises:
        AgreementTampered: not the canonical form of a complete, consistent agreement.
    """
    with _KIND.reading():
        root = _KIND.opened(data)
        result = _read(root, data)
        _check_policy(result)
        if canonical(root.value) != data:
            root.refuse("is not in canonical form")
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
        raise AgreementTampered(
            "the provider signed with a key other than the one that the agreement names"
        )


def verify_consumer(agreement: AgreementDocument, signature: str, document: DidDocument) -> None:
    """Check the consumer's signature; as `verify_provider`.

    Raises:
        AgreementTampered: it does not verify, or the DID document is not the one that the
            agreement fixes.
    """
    _verify(agreement, agreement.consumer, signature, document)
    if agreement.alone and jws.key_id(signature) != agreement.consumer.key:
        raise AgreementTampered(
            "the consumer signed with a key other than the one that the agreement names"
        )


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


def _read(root: Member, data: bytes) -> AgreementDocument:
    version = root.child("version").integer(least=1, most=ALONE)
    first = ("provider", "consumer") if version < ALONE else ("consumer", "provider")
    since = {"accounting": _PLANNED, "space": LAYERED}
    maybe = tuple(name for name, least in since.items() if version >= least)
    part = root.fields(*_MEMBERS, *_BESIDES[version], maybe=maybe)
    part["type"].exactly(TYPE)
    offer = part["offer"].fields("id", "digest")
    policy = part["agreement"]
    return AgreementDocument(
        id=policy.child("@id").text(),
        **{name: _party(part[name], *key) for name, key in zip(first, (("key",), ()), strict=True)},
        dataset=_subject(part["dataset"]),
        offer_id=offer["id"].text(),
        offer_digest=offer["digest"].digest(),
        policy=policy.value,
        coverage=tuple(_line(each, version) for each in part["coverage"].items(most=MAX_BYTES)),
        timestamp=part["timestamp"].instant(),
        version=version,
        accounting=read_accounting(part["accounting"]) if "accounting" in part else None,
        recipes=_recipes(part["recipes"]) if "recipes" in part else (),
        semantics=(
            part["semantics"].integer(least=FIRST_SEMANTICS, most=_MOST_SEMANTICS)
            if "semantics" in part
            else FIRST_SEMANTICS
        ),
        plan=_plan(part.get("plan")),
        layers=_layers(part["layers"]) if "layers" in part else (),
        space=part["space"].text() if "space" in part else "",
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
        raise AgreementTampered("a party cannot contract with itself")


def _named(party: Party) -> dict[str, str]:
    stated = {"did": party.did, "documentDigest": party.document_digest, "pid": party.pid}
    return {**stated, "key": party.key} if party.key else stated


def _stated(dataset: Subject) -> dict[str, Any]:
    return {
        "id": dataset.id,
        "descriptionDigest": dataset.description_digest,
        "population": dataset.population,
        "rowsPerPerson": dataset.rows_per_person,
        "personColumn": dataset.person_column,
    }


def _party(member: Member, *further: str) -> Party:
    part = member.fields("did", "documentDigest", "pid", *further)
    return Party(
        did=part["did"].text(),
        document_digest=part["documentDigest"].digest(),
        pid=part["pid"].text(),
        **{name: part[name].text() for name in further},
    )


def _subject(member: Member) -> Subject:
    part = member.fields("id", "descriptionDigest", "population", "rowsPerPerson", "personColumn")
    person = part["personColumn"].content()
    return Subject(
        id=part["id"].text(),
        description_digest=part["descriptionDigest"].digest(),
        population=part["population"].integer(),
        rows_per_person=part["rowsPerPerson"].integer(least=1 if person else 0),
        person_column=person,
    )


def _line(member: Member, version: int) -> Mapping[str, str]:
    layered = ("layer",) if version >= LAYERED else ()
    part = member.fields("path", "constraint", "label", "by", *layered)
    part["label"].exactly(*_LABELS)
    if layered:
        part["layer"].exactly(*LayerKind)
    return {name: each.content() for name, each in part.items()}


def _recipes(member: Member) -> tuple[str, ...]:
    found = [each.digest() for each in member.items(most=_MOST_RECIPES)]
    if found != sorted(set(found)):
        member.refuse("must be sorted, each once")
    return tuple(found)


def _plan(member: Member | None) -> Mapping[str, Any] | None:
    if member is None:
        return None
    member.entries(least=1, most=_MOST_PLAN)
    return dict(member.value)


def _layers(member: Member) -> tuple[LayerName, ...]:
    return tuple(map(_layer, member.items(most=_MOST_LAYERS)))


def _layer(member: Member) -> LayerName:
    part = member.fields("layer", "id", "version", "digest")
    return LayerName(
        part["layer"].exactly(LayerKind.AUTHORITY, LayerKind.CHARTER),
        part["id"].text(),
        part["version"].integer(least=1),
        part["digest"].digest(),
    )
