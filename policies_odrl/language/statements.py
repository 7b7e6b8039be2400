"""What a policy states, member by member, and the sentence of each: one table for both directions.

Numbers of sentences are those of `outline.py`, words those of `voice.py` and `conditions.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from operator import attrgetter
from typing import Any, Final, NamedTuple

from policies_odrl.language import phrases
from policies_odrl.model import (
    Action,
    AssetRef,
    Conflict,
    Constraint,
    Duty,
    LogicalConstraint,
    PartyRef,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    below,
    constraints_in,
)
from policies_odrl.values import naive
from policies_odrl.vocabulary import OPERANDS, Kind


class Row(NamedTuple):
    """A member of a part of a policy, and its sentence.

    Attributes:
        kind: table of `phrases.json`.
        name: row of that table.
        member: attribute of the part, or of its attribute before the point; empty: see `_IMPLIED`.
        path: JSON pointer from the part.
        slot: what the sentence holds; empty where its name is the value.
        many: whether the member is a tuple of values.
    """

    kind: str
    name: str
    member: str
    path: str = ""
    slot: str = ""
    many: bool = True

    @property
    def pair(self) -> phrases.Pair:
        """The sentence in both languages."""
        return phrases.table(self.kind)[self.name]

    def has_digits(self, *, top: bool) -> bool:
        """Return whether its number ends in digits: rules do, and what is no part of a choice."""
        return self.kind == "rules" if top else self.name != "bare"


def _one(kind: str, name: str, slot: str, path: str = "", member: str = "") -> Row:
    return Row(kind, name, member or name, path or f"/{name}", slot, many=False)


def _named(kind: str) -> tuple[Row, ...]:
    whose = (("target", "asset"), ("assigner", "party"), ("assignee", "party"))
    return tuple(_one(kind, name, slot) for name, slot in whose)


def _inside(whole: str, rows: tuple[Row, ...]) -> tuple[Row, ...]:
    """Return the rows of an attribute as rows of the part that has it."""
    return tuple(row._replace(member=f"{whole}.{row.member}") for row in rows)


_REFINED: Final = "/odrl:refinement/{index}"
_NOTE: Final = Row("notes", "note", "notes", "/notes/{index}", "note")
_ACTION: Final = (
    Row("notes", "action-note", "notes", "/notes/{index}", "note"),
    _one("notes", "action-node", "iri", "/@id", "node"),
    Row("parts", "refined", "refinements", _REFINED, "condition"),
)
_REFERENCE: Final = (_NOTE, Row("parts", "chosen", "refinements", _REFINED, "condition"))
_COMMON: Final = (
    Row("taken-over", "targets", "targets", "/target/{index}", "asset"),
    Row("taken-over", "assigners", "assigners", "/assigner/{index}", "party"),
    Row("taken-over", "assignees", "assignees", "/assignee/{index}", "party"),
    Row("taken-over", "outputs", "outputs", "/odrl:output/{index}", "asset"),
    Row("taken-over", "actions", "actions", "/action/{index}", "action"),
    Row("taken-over", "functions", "functions", "/{name}/{index}", "function"),
)
_RULE: Final = (
    _NOTE,
    *(row._replace(path="/action" + row.path) for row in _inside("action", _ACTION)),
    *_named("parts"),
    Row("parts", "only-if", "constraints", "/constraint/{index}", "condition"),
    Row("parts", "unread", "unread", "", "condition"),
    _one("parts", "output", "asset", "/odrl:output"),
    Row("parts", "function", "functions", "/{name}", "function"),
)
KINDS: Final = tuple(Row("kinds", kind, "kind", many=False) for kind in PolicyKind)
# Part of a policy -> its members, in the order in which they are said.
ROWS: Final[Mapping[type, tuple[Row, ...]]] = {
    Policy: (
        _one("head", "id", "iri", "/@id"),
        Row("head", "profile", "profiles", "/profile/{index}", "profile"),
        Row("head", "inherits", "inherits", "/odrl:inheritFrom/{index}", "iri"),
        _one("head", "replaced", "iri", "/dct:isReplacedBy", "replaced_by"),
        _one("head", "timestamp", "moment", "/dspace:timestamp"),
        Row("head", "metadata", "metadata", "/metadata/{index}", "note"),
        *_named("head"),
        *_inside("common", _COMMON),
        Row("rules", "permission", "permissions", "/permission/{index}", "rule"),
        Row("rules", "prohibition", "prohibitions", "/prohibition/{index}", "rule"),
        Row("rules", "obligation", "obligations", "/obligation/{index}", "rule"),
        *(Row("close", item, "conflict", "/odrl:conflict", many=False) for item in Conflict),
        Row("close", "unsaid", "", "/odrl:conflict"),
        Row("close", "zones", ""),
        Row("close", "else", ""),
    ),
    Permission: (*_RULE, Row("rules", "duty", "duties", "/duty/{index}", "rule")),
    Prohibition: (*_RULE, Row("rules", "remedy", "remedies", "/odrl:remedy/{index}", "rule")),
    Duty: (
        *_RULE,
        Row("rules", "consequence", "consequences", "/odrl:consequence/{index}", "rule"),
    ),
    Action: _ACTION,
    AssetRef: _REFERENCE,
    PartyRef: _REFERENCE,
    Constraint: (
        _NOTE,
        _one("notes", "datatype", "datatype", "/odrl:dataType"),
        _one("notes", "status", "value", "/odrl:status"),
    ),
    LogicalConstraint: (_NOTE, Row("parts", "bare", "operands", "{name}/{index}", "condition")),
}
_PAIRS: Final = {"note": ("property", "value"), "function": ("function", "party")}


def stated(part: Any, path: str, rows: tuple[Row, ...]) -> Iterator[tuple[Row, str, Any]]:
    """Yield (row, JSON pointer, value) of each sentence of a part of a policy."""
    for row in rows:
        found = attrgetter(row.member)(part) if row.member else row.name
        if not row.slot:
            if found == row.name and (row.member or _implied(row.name, part)):
                yield row, row.path, found
            continue
        for index, value in enumerate(found if row.many else (found,)):
            if value:
                yield row, path + row.path.format(index=index, name=_name(row, part, value)), value


def _name(row: Row, part: Any, value: Any) -> str:
    if row.name == "bare":
        return below(part, "")
    return str(value[0]) if row.slot == "function" else ""


def _implied(name: str, policy: Policy) -> bool:
    """Return whether a policy has a sentence that none of its members states."""
    if name == "unsaid":
        return policy.conflict is None and bool(policy.permissions and policy.prohibitions)
    if name == "zones":
        return any(map(_without_zone, constraints_in(policy)))
    return True


def _without_zone(item: Constraint) -> bool:
    operand = OPERANDS.get(item.left)
    return (
        operand is not None
        and operand.kind is Kind.INSTANT
        and any(naive(value) for value in item.right)
    )


def slots(row: Row, value: Any) -> dict[str, Any]:
    """Return what the slots of a sentence hold."""
    if row.slot in _PAIRS:
        return dict(zip(_PAIRS[row.slot], value, strict=True))
    if row.slot == "rule":
        return {"deed": value, "id": value.id}
    return {row.slot: value.id if row.slot == "action" else value}


def value(row: Row, found: Mapping[str, Any]) -> Any:
    """Return the value that slots hold, without what is said below its sentence."""
    if row.slot in _PAIRS:
        return tuple(found[slot] for slot in _PAIRS[row.slot])
    if row.slot == "action":
        return Action(found["action"])
    return found[row.slot] if row.slot else row.name
