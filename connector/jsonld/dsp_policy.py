"""Policies in the compact form of the Dataspace Protocol, and back.

Rules: only the protocol's context gives members their meaning; what its form cannot say is refused
and never left out; what is written is read back under that context and compared. Of others, terms
that nobody defines are kept under a name that nobody knows, so that no rule is wider for them.
Shape and identifiers are left to `dsp_shape.py` and `opaque.py`.
Source: DSP 2025-1, contract and dataset schemas, context and ODRL profile context.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import policies_odrl
from connector.errors import Malformed, MessageTooLarge, PolicyInvalid, PolicyOutsideProtocol
from connector.jsonld.canonical import canonical
from connector.jsonld.dsp_shape import CATALOG, MESSAGE, TIMESTAMP, Shaped, shaped
from connector.jsonld.opaque import inward, outward
from connector.jsonld.policy import insist_same, nodes_at_border
from connector.jsonld.profiles import NO_PROFILES, Profiles
from federated.reading import Member
from policies_odrl import LimitExceeded, OdrlError, Policy
from policies_odrl.documents.contexts import PINNED
from policies_odrl.reading.nodes import WRITTEN, types_of

SPACE: Final = "https://w3id.org/dspace/2025/1/"
CONTEXT: Final = SPACE + "context.jsonld"

# Members whose text is a term, which a reader of plain JSON does not find behind a prefix.
_TERMS: Final = frozenset({"@id", "action", "leftOperand"})
_IDENTIFIERS: Final = frozenset({"@id", "target", "assigner", "assignee"})
# Class of a policy -> the message whose scoped context gives its members their meaning.
_AROUND: Final = {
    "Offer": ("ContractOfferMessage", "offer"),
    "Agreement": ("ContractAgreementMessage", "agreement"),
}


def to_dsp(policy: bytes, *, kind: str) -> dict[str, Any]:
    """Return an offer or agreement as it stands in a message or dataset of DSP 2025-1.

    Its context is that of the whole message. The time of an agreement loses its datatype, which
    the schema takes as text only; `from_dsp` gives it back.

    Args:
        policy: an Offer or Agreement, JSON-LD.
        kind: `message`, or `catalog`, where the dataset is the target.

    Raises:
        Malformed: not JSON-LD under pinned contexts.
        PolicyInvalid: not ODRL.
        PolicyOutsideProtocol: the protocol cannot say it; the reason has the JSON pointer.
    """
    _insist_kind(kind)
    found = _read(policy)
    body = _written(found)
    whole = Member(body, _unsayable)
    if found.inherits:
        whole.child("odrl:inheritFrom").refuse("names rules that are defined elsewhere")
    if kind == CATALOG:
        target = whole.child("target")
        if "target" in body and not isinstance(target.value, str):
            target.refuse("must be one identifier: the dataset of the catalog")
        body.pop("target", None)
        found = replace(found, target=None)
    if body["@type"] == "Agreement":
        whole.fields(TIMESTAMP[0], others=True)  # CN Protocol, Contract Agreement Message: MUST
    shaped(whole, kind)
    insist_same(_read(_enveloped(body, ())), found)
    sent: dict[str, Any] = _renamed(body, _IDENTIFIERS, outward)
    return sent


def from_dsp(
    body: Mapping[str, Any],
    *,
    kind: str,
    target: str = "",
    contexts: Sequence[object] = (),
    profiles: Profiles = NO_PROFILES,
) -> bytes:
    """Return the canonical bytes of an offer or agreement of a message or dataset of DSP 2025-1.

    Names in it are absolute; whether its terms are known is left to `read_policy`.

    Args:
        body: the member that holds the policy.
        kind: `message`, or `catalog`.
        target: identifier of the dataset that the offer of a catalog stands in.
        contexts: `@context` of the message; those of other vocabularies that are pinned here give
            their terms a meaning, others are left aside, as by a reader of plain JSON.
        profiles: those of the node; one whose terms are used is declared, as ODRL asks (IM 2.1)
            and policies of other connectors do not.

    Raises:
        Malformed: another form, of which the reason has the JSON pointer, or not ODRL.
        MessageTooLarge: more than is read.
    """
    _insist_kind(kind)
    found = shaped(Member(dict(body), _malformed), kind)
    if target:
        found["target"] = inward(target)
    # The specification's own catalog calls an offer by the name of its dataset.
    found["@id"] = inward(body["@id"], taken=found.get("target", ""))
    try:
        policy = _declared(policies_odrl.load(_enveloped(found, contexts)), profiles)
        written = policies_odrl.write(policy)
    except LimitExceeded as exc:
        raise MessageTooLarge(exc.reason) from exc
    except OdrlError as exc:
        raise Malformed(f"policy: {exc.reason}") from exc
    try:
        insist_same(_read(written), policy)
    except PolicyInvalid as exc:  # text where ODRL wants a node, kept as it was
        raise Malformed(f"policy: {exc.reason}") from exc
    return canonical(written)


def _insist_kind(kind: str) -> None:
    if kind not in (CATALOG, MESSAGE):
        raise ValueError(kind)


def _declared(policy: Policy, profiles: Profiles) -> Policy:
    used = sorted({profile for _, profile in profiles.undeclared(policy)})
    return replace(policy, profiles=(*policy.profiles, *used))


def _at(pointer: str, fault: str) -> str:
    return f"policy `{pointer}` {fault}" if pointer else f"policy {fault}"


def _unsayable(pointer: str, fault: str) -> PolicyOutsideProtocol:
    return PolicyOutsideProtocol(
        _at(pointer, fault),
        hint="express it differently, or offer it to peers over gRPC only",
    )


def _malformed(pointer: str, fault: str) -> Malformed:
    return Malformed(_at(pointer, fault))


def _read(document: bytes | Mapping[str, Any]) -> Policy:
    """Read a policy of which nothing may be lost, whether or not its terms are known here."""
    nodes = nodes_at_border(document)
    try:
        return policies_odrl.read([it for it in nodes if not _is_message(it)], strict=True)
    except OdrlError as exc:
        raise PolicyInvalid(str(exc)) from exc


def _is_message(node: Mapping[str, Any]) -> bool:
    return any(it.startswith(SPACE + "Contract") for it in types_of(node))


def _enveloped(body: Mapping[str, Any], contexts: Sequence[object]) -> dict[str, Any]:
    """Return a policy in the message whose context is scoped to it; ours comes last and wins."""
    others = [it for it in contexts if isinstance(it, str) and it in PINNED and it != CONTEXT]
    message, member = _AROUND[body["@type"]]
    return {"@context": [*dict.fromkeys(others), CONTEXT], "@type": message, member: body}


def _written(policy: Policy) -> Shaped:
    try:
        body = policies_odrl.write(policy)
    except OdrlError as exc:
        raise PolicyInvalid(str(exc)) from exc
    del body["@context"]
    if TIMESTAMP[1] in body and body["@type"] == "Agreement":
        body[TIMESTAMP[0]] = body.pop(TIMESTAMP[1])["@value"]
    found: Shaped = _renamed(body, _TERMS, _absolute)
    return found


def _absolute(name: str) -> str:
    return next((iri + name.removeprefix(it) for iri, it in WRITTEN if name.startswith(it)), name)


def _renamed(value: Any, names: Collection[str], change: Callable[[str], str]) -> Any:
    """Return JSON with the text of some members changed, at any depth but in values."""
    if isinstance(value, list):
        return [_renamed(item, names, change) for item in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for name, item in value.items():
        if name in names and isinstance(item, str):
            found[name] = change(item)
        else:
            found[name] = item if name == "rightOperand" else _renamed(item, names, change)
    return found
