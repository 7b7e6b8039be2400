"""The shape of policies in the Dataspace Protocol: what its schemas ask of each member.

Rules: known members have the form that the schemas give them, and other members are let through; a
policy has one target and its rules none; a number or truth value is written as an object; nothing
has a context of its own, nor a prefix where the context needs none. A fault is named by its JSON
pointer. What is read comes back as JSON-LD without its loose ends: sequences are lists, and
identifiers are absolute IRIs.
Source: DSP 2025-1, contract schema; Contract Negotiation Protocol, message types.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any, Final

from connector.jsonld.canonical import MAX_DEPTH
from connector.jsonld.opaque import inward
from federated.reading import Member
from policies_odrl import Connective, Operator
from policies_odrl.documents.contexts import terms
from policies_odrl.model import ODRL

MAX_ITEMS: Final = 12_000  # of one list; `policies_odrl` counts what is read in all
# The term of the context that no other message than an agreement's has, and what it stands for.
TIMESTAMP: Final = ("timestamp", "dspace:timestamp")
# The context that the messages with policies import: what it defines is written without a prefix.
PROTOCOL: Final = "https://w3id.org/dspace/2025/1/odrl-profile.jsonld"
CATALOG: Final = "catalog"
MESSAGE: Final = "message"

_KINDS: Final = ("Offer", "Agreement")
_GROUPS: Final = ("permission", "prohibition", "obligation")
_BELOW: Final = ("duty", "odrl:remedy", "odrl:consequence")
_PARTIES: Final = ("assigner", "assignee")
_COMPARED: Final = ("leftOperand", "operator", "rightOperand")
_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)?", re.ASCII
)
Shaped = dict[str, Any]


def shaped(policy: Member, kind: str) -> Shaped:
    """Return an offer or agreement as JSON-LD, its form checked.

    Args:
        policy: the member of a message or dataset that holds it.
        kind: where it stands: `CATALOG`, or `MESSAGE`.

    Raises:
        Exception: another form, as the member's reader says it.
    """
    _insist_flat(policy)
    in_catalog = kind == CATALOG
    due = ("@id",) if in_catalog else ("@id", "@type", "target")
    maybe = ("@type", "profile", *_PARTIES, "target", TIMESTAMP[0], *_GROUPS)
    known = policy.fields(*due, maybe=maybe, others=True)
    found: Shaped = {**policy.value, "@type": "Offer"}
    if "@type" in known:  # the schema of offers in a catalog does not ask for it
        found["@type"] = known["@type"].exactly(*(("Offer",) if in_catalog else _KINDS))
    if in_catalog and "target" in known:
        known["target"].refuse("is not allowed in an offer of a catalog: its target is the dataset")
    if found["@type"] == "Agreement":
        known |= policy.fields(*_PARTIES, others=True)
    for name in ("@id", "target", *_PARTIES):
        if name in known and (name not in _PARTIES or _must_be_text(known[name], found)):
            found[name] = _name(known[name])
    if "profile" in known:
        _profile(known["profile"])
    if TIMESTAMP[0] in known:
        found |= _time(known[TIMESTAMP[0]])
        del found[TIMESTAMP[0]]
    found = _listed(found, known, _GROUPS, _rule)
    if not ({"permission", "prohibition"} & found.keys()):
        policy.refuse("has neither a `permission` nor a `prohibition`")
    return found


def _insist_flat(policy: Member) -> None:
    """Insist that nothing below has a context of its own, or lies too deep to be read."""
    stack: list[tuple[Member, int]] = [(policy, 1)]
    while stack:
        member, depth = stack.pop()
        value = member.value
        if depth > MAX_DEPTH:
            policy.refuse(f"is nested deeper than {MAX_DEPTH}")
        if isinstance(value, dict):
            if "@context" in value:
                member.child("@context").refuse("is accepted at the top of a message only")
            for name in value:  # a reader of plain JSON would not find it
                term = name.removeprefix(ODRL).removeprefix("odrl:")
                if term != name and term in _defined():
                    member.child(name).refuse(f"is written `{term}`")
            stack += [(member.child(name), depth + 1) for name in value]
        elif isinstance(value, list):
            stack += [(item, depth + 1) for item in member.items(most=MAX_ITEMS)]


@cache
def _defined() -> frozenset[str]:
    return frozenset(terms(PROTOCOL))


def _must_be_text(party: Member, policy: Shaped) -> bool:
    """Return whether a party is text, as it has to be in an agreement; an offer's is let be."""
    return policy["@type"] == "Agreement" or isinstance(party.value, str)


def _name(member: Member) -> str:
    if isinstance(member.value, dict | list):
        member.refuse("must be one identifier: the protocol has no collections and no descriptions")
    return inward(member.text())


def _profile(member: Member) -> None:
    for each in member.items(most=MAX_ITEMS) if isinstance(member.value, list) else [member]:
        each.text()


def _time(member: Member) -> Shaped:
    text = member.text()
    try:
        datetime.fromisoformat(text if _TIME.fullmatch(text) else "")
    except ValueError:
        member.refuse("must have the form of `xsd:dateTime`, as `2026-11-24T15:00:00Z`")
    return {TIMESTAMP[1]: {"@value": text, "@type": "xsd:dateTime"}}


def _listed(
    found: Shaped, known: dict[str, Member], names: tuple[str, ...], each: Callable[..., Shaped]
) -> Shaped:
    """Return an object with its lists read; one without elements says nothing."""
    lists = {it: known[it].items(most=MAX_ITEMS) for it in names if it in known}
    read = {it: [each(item) for item in items] for it, items in lists.items() if items}
    return {**{it: value for it, value in found.items() if it not in lists}, **read}


def _rule(rule: Member) -> Shaped:
    maybe = ("@id", "target", *_PARTIES, "constraint", *_BELOW)
    known = rule.fields("action", maybe=maybe, others=True)
    if "target" in known:
        known["target"].refuse(
            "is not allowed in a rule: the protocol has one target for all of them"
        )
    if not isinstance(known["action"].value, str):
        known["action"].refuse("must be a name: the protocol has no refined actions")
    known["action"].text()
    found = dict(rule.value)
    for name in ("@id", *_PARTIES):
        if name in known and (name == "@id" or isinstance(known[name].value, str)):
            found[name] = _name(known[name])
    found = _listed(found, known, ("constraint",), _condition)
    return _listed(found, known, _BELOW, _rule)


def _condition(item: Member) -> Shaped:
    known = item.fields(maybe=("@id", *_COMPARED, *Connective), others=True)
    joined = [name for name in Connective if name in known]
    if len(joined) + any(name in known for name in _COMPARED) > 1:
        item.refuse("must be one comparison or have one connective")
    named = {"@id": _name(known["@id"])} if "@id" in known else {}
    if not joined:
        _comparison(item)
        return {**item.value, **named}
    name = joined[0]
    if not isinstance(known[name].value, list):
        known[name].refuse("must be a list: the protocol's context does not keep its order")
    parts = [_condition(it) for it in known[name].items(least=1, most=MAX_ITEMS)]
    # The context keeps no order of it, the author of JSON meant one (schema: LogicalConstraint).
    read = {"@list": parts} if name is Connective.AND_SEQUENCE else parts
    return {**item.value, **named, name.value: read}


def _comparison(item: Member) -> None:
    known = item.fields(*_COMPARED, others=True)
    known["leftOperand"].text()
    known["operator"].exactly(*Operator)
    if not isinstance(known["rightOperand"].value, str | dict | list):
        known["rightOperand"].refuse(
            "must be a text, an object or a list: a number has `@value` and `@type`"
        )
