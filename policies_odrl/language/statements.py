"""A policy as a tree of statements, each of which is one sentence, and back.

A statement names its sentence and says what its slots hold; numbers and words are of others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from policies_odrl.errors import NotUnderstood
from policies_odrl.language.conditions import Deed, Speech
from policies_odrl.language.mistakes import mistake
from policies_odrl.language.phrases import Pair, table
from policies_odrl.model import (
    Action,
    AssetRef,
    Common,
    Condition,
    Conflict,
    Constraint,
    Duty,
    LogicalConstraint,
    Notes,
    PartyRef,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Rule,
    below,
    conditions,
    duties_below,
)
from policies_odrl.values import naive
from policies_odrl.vocabulary import OPERANDS, Kind

Name = tuple[str, str]  # table of phrases, row

DUTIES: Final[Mapping[str, str]] = {
    "duty": "duty",
    "odrl:remedy": "remedy",
    "odrl:consequence": "consequence",
}
_ONE: Final = ("target", "assigner", "assignee")
# Row of the sentence -> (attribute of `Common`, property of the document).
_SHARED: Final[Mapping[str, str]] = {
    "targets": "target",
    "assigners": "assigner",
    "assignees": "assignee",
    "outputs": "odrl:output",
}
_STRATEGIES: Final = frozenset({"unsaid", *(item.value for item in Conflict)})


@dataclass(slots=True)
class Statement:
    """One sentence with what is below it.

    Attributes:
        name: which sentence it is.
        path: JSON pointer of what it says, in the written policy; empty for the whole policy.
        slots: what the sentence is filled with.
        below: statements with the number's branches: `2.1`, `2.2`.
        parts: statements with its letters: `2(a)`, `2(b)`.
        number: of a sentence that was read.
    """

    name: Name
    path: str = ""
    slots: Mapping[str, Any] = field(default_factory=dict)
    below: list[Statement] = field(default_factory=list)
    parts: list[Statement] = field(default_factory=list)
    number: str = ""

    @property
    def pair(self) -> Pair:
        """The sentence in both languages."""
        return table(self.name[0])[self.name[1]]


# -- from a policy --------------------------------------------------------------------------------


def statements(policy: Policy, speech: Speech) -> Iterator[Statement]:
    """Yield what a policy states, in the order of its sentences.

    Args:
        policy: see `model.py`, its values in one spelling.
        speech: says which parts of a duty its sentence can hold.
    """
    yield Statement(("kinds", policy.kind.value))
    yield from _head(policy)
    for path, rule in policy.rules():
        yield _rule(_opened(rule), path, rule, speech)
    for key in _closing(policy):
        yield Statement(("close", key), "/odrl:conflict" if key in _STRATEGIES else "")


def _head(policy: Policy) -> Iterator[Statement]:
    for key, path, slot, value in _said_of(policy):
        yield Statement(("head", key), path, {slot: value})
    for index, (name, stated) in enumerate(policy.metadata):
        slots = {"property": name, "value": stated}
        yield Statement(("head", "metadata"), f"/metadata/{index}", slots)
    for key in _ONE:
        yield from _reference(("head", key), f"/{key}", getattr(policy, key))
    if policy.inherits:
        yield from _taken_over(policy.common)


def _said_of(policy: Policy) -> Iterator[tuple[str, str, str, str]]:
    if policy.id:
        yield "id", "/@id", "iri", policy.id
    for index, profile in enumerate(policy.profiles):
        yield "profile", f"/profile/{index}", "profile", profile
    for index, parent in enumerate(policy.inherits):
        yield "inherits", f"/odrl:inheritFrom/{index}", "iri", parent
    if policy.replaced_by:
        yield "replaced", "/dct:isReplacedBy", "iri", policy.replaced_by
    if policy.timestamp:
        yield "timestamp", "/dspace:timestamp", "moment", policy.timestamp


def _taken_over(common: Common) -> Iterator[Statement]:
    """Yield what is stated for the rules of parents; a policy's own rules say it themselves."""
    for key, name in _SHARED.items():
        for index, item in enumerate(getattr(common, key)):
            yield from _reference(("taken-over", key), f"/{name}/{index}", item)
    for index, action in enumerate(common.actions):
        path = f"/action/{index}"
        inner = list(_about(path, action))
        yield Statement(("taken-over", "actions"), path, {"action": action.id}, inner)
    for index, (name, party) in enumerate(common.functions):
        yield _function(("taken-over", "functions"), f"/{name}/{index}", name, party)


def _rule(key: str, path: str, rule: Rule, speech: Speech) -> Statement:
    deed = speech.deed(rule) if isinstance(rule, Duty) else Deed(rule.action.id)
    slots = {"deed": deed, "id": rule.id}
    made = Statement(("rules", key), path, slots, list(_parts(path, rule, deed)))
    for name, duties in duties_below(rule):
        for index, duty in enumerate(duties):
            made.below.append(_rule(DUTIES[name], f"{path}/{name}/{index}", duty, speech))
    return made


def _parts(path: str, rule: Rule, deed: Deed) -> Iterator[Statement]:
    yield from _noted(path, "note", rule.notes)
    yield from _about(f"{path}/action", rule.action)
    for key in _ONE:
        if key != "target" or deed.target is None:
            yield from _reference(("parts", key), f"{path}/{key}", getattr(rule, key))
    for index, item in enumerate(rule.constraints):
        if index or deed.deadline is None:
            yield _condition(("parts", "only-if"), f"{path}/constraint/{index}", item)
    for item in rule.unread:
        yield _condition(("parts", "unread"), path, item)
    yield from _reference(("parts", "output"), f"{path}/odrl:output", rule.output)
    for index, (name, party) in enumerate(rule.functions):
        if index or deed.towards is None:
            yield _function(("parts", "function"), f"{path}/{name}", name, party)


def _about(path: str, action: Action) -> Iterator[Statement]:
    yield from _noted(path, "action-note", action.notes)
    if action.node:
        yield Statement(("notes", "action-node"), f"{path}/@id", {"iri": action.node})
    for index, item in enumerate(action.refinements):
        yield _condition(("parts", "refined"), f"{path}/odrl:refinement/{index}", item)


def _reference(name: Name, path: str, item: AssetRef | PartyRef | None) -> Iterator[Statement]:
    if item is not None:
        slot = "asset" if isinstance(item, AssetRef) else "party"
        yield Statement(name, path, {slot: item}, list(_chosen(path, item)))


def _function(name: Name, path: str, function: str, party: PartyRef) -> Statement:
    slots = {"function": function, "party": party}
    return Statement(name, path, slots, list(_chosen(path, party)))


def _chosen(path: str, item: AssetRef | PartyRef) -> Iterator[Statement]:
    yield from _noted(path, "note", item.notes)
    for index, part in enumerate(item.refinements):
        yield _condition(("parts", "chosen"), f"{path}/odrl:refinement/{index}", part)


def _noted(path: str, key: str, notes: Notes) -> Iterator[Statement]:
    for index, (name, value) in enumerate(notes):
        slots = {"property": name, "value": value}
        yield Statement(("notes", key), f"{path}/notes/{index}", slots)


def _condition(name: Name, path: str, item: Condition) -> Statement:
    made = Statement(name, path, {"condition": item}, list(_noted(path, "note", item.notes)))
    if isinstance(item, LogicalConstraint):
        inner = below(item, path)
        for index, part in enumerate(item.operands):
            made.parts.append(_condition(("parts", "bare"), f"{inner}/{index}", part))
        return made
    if item.datatype:
        slots: dict[str, Any] = {"datatype": item.datatype}
        made.below.append(Statement(("notes", "datatype"), f"{path}/odrl:dataType", slots))
    if item.status is not None:
        slots = {"value": item.status}
        made.below.append(Statement(("notes", "status"), f"{path}/odrl:status", slots))
    return made


def _opened(rule: Rule) -> str:
    if isinstance(rule, Permission):
        return "permission"
    return "prohibition" if isinstance(rule, Prohibition) else "obligation"


def _closing(policy: Policy) -> Iterator[str]:
    """Yield the sentences that close a policy."""
    if policy.conflict is not None:
        yield policy.conflict.value
    elif policy.permissions and policy.prohibitions:
        yield "unsaid"
    if any(_without_zone(item) for item in _constraints(policy)):
        yield "zones"
    yield "else"


def _constraints(policy: Policy) -> Iterator[Constraint]:
    stack: list[Rule] = [rule for _, rule in policy.rules()]
    whole = [item for item in (policy.target, policy.assigner, policy.assignee) if item]
    groups = [item.refinements for item in whole]
    while stack:
        rule = stack.pop()
        stack.extend(duty for _, duties in duties_below(rule) for duty in duties)
        named = (rule.target, rule.assigner, rule.assignee, rule.output)
        parties = (party for _, party in rule.functions)
        groups += [rule.action.refinements, rule.constraints]
        groups += [item.refinements for item in (*named, *parties) if item]
    for group in groups:
        yield from (item for _, item in conditions(group, "") if isinstance(item, Constraint))


def _without_zone(item: Constraint) -> bool:
    operand = OPERANDS.get(item.left)
    if operand is None or operand.kind is not Kind.INSTANT:
        return False
    return any(naive(value) for value in item.right)


# -- back to a policy -----------------------------------------------------------------------------


def policy_of(found: Sequence[Statement]) -> Policy:
    """Return the policy that statements make.

    Raises:
        NotUnderstood: two of them say one thing that can only be said once.
    """
    it = _Group(found)
    shared = {key: it.references("taken-over", key) for key in _SHARED}
    common = Common(
        **shared,
        actions=tuple(
            _action(item, item.slots["action"]) for item in it.all("taken-over", "actions")
        ),
        functions=it.functions("taken-over", "functions"),
    )
    kinds = [item.name[1] for item in found if item.name[0] == "kinds"]
    strategy = [item.name[1] for item in found if item.name[0] == "close"]
    conflicts = [Conflict(key) for key in strategy if key in _STRATEGIES - {"unsaid"}]
    return Policy(
        kind=PolicyKind(kinds[0]),
        id=it.slot("head", "id", "iri", ""),
        profiles=it.slots("head", "profile", "profile"),
        inherits=it.slots("head", "inherits", "iri"),
        replaced_by=it.slot("head", "replaced", "iri", ""),
        timestamp=it.slot("head", "timestamp", "moment", ""),
        metadata=it.notes("head", "metadata"),
        **{key: it.reference("head", key) for key in _ONE},
        common=common,
        permissions=tuple(_permission(item) for item in it.all("rules", "permission")),
        prohibitions=tuple(_prohibition(item) for item in it.all("rules", "prohibition")),
        obligations=tuple(_duty(item) for item in it.all("rules", "obligation")),
        conflict=conflicts[0] if conflicts else None,
    )


class _Group:
    """Statements that stand below one another, by the sentences that they are."""

    def __init__(self, found: Iterable[Statement]) -> None:
        self._by: dict[Name, list[Statement]] = {}
        for item in found:
            self._by.setdefault(item.name, []).append(item)

    def all(self, *name: str) -> list[Statement]:
        return self._by.get((name[0], name[1]), [])

    def slots(self, kind: str, row: str, slot: str) -> tuple[Any, ...]:
        return tuple(item.slots[slot] for item in self.all(kind, row))

    def slot(self, kind: str, row: str, slot: str, default: Any) -> Any:
        return next(iter(self.slots(kind, row, slot)), default)

    def notes(self, kind: str, row: str) -> Notes:
        return tuple((it.slots["property"], it.slots["value"]) for it in self.all(kind, row))

    def references(self, kind: str, row: str) -> tuple[Any, ...]:
        return tuple(_refined(item) for item in self.all(kind, row))

    def reference(self, kind: str, row: str) -> Any:
        found = self.references(kind, row)
        if len(found) > 1:
            again = self.all(kind, row)[1]
            raise mistake(NotUnderstood, "said-again", number=again.number)
        return found[0] if found else None

    def functions(self, kind: str, row: str) -> tuple[tuple[str, PartyRef], ...]:
        return tuple((it.slots["function"], _refined(it)) for it in self.all(kind, row))

    def conditions(self, row: str) -> tuple[Condition, ...]:
        return tuple(_stated(item) for item in self.all("parts", row))

    def duties(self) -> tuple[Duty, ...]:
        return tuple(_duty(item) for key in DUTIES.values() for item in self.all("rules", key))


def _permission(item: Statement) -> Permission:
    return Permission(**_shared(item), duties=_Group(item.below).duties())


def _prohibition(item: Statement) -> Prohibition:
    return Prohibition(**_shared(item), remedies=_Group(item.below).duties())


def _duty(item: Statement) -> Duty:
    return Duty(**_shared(item), consequences=_Group(item.below).duties())


def _shared(item: Statement) -> dict[str, Any]:
    """Return what all rules have."""
    it = _Group(item.below)
    deed: Deed = item.slots["deed"]
    said = it.conditions("only-if")
    functions = it.functions("parts", "function")
    return {
        "id": item.slots["id"],
        "action": _action(item, deed.action),
        "target": deed.target or it.reference("parts", "target"),
        "assigner": it.reference("parts", "assigner"),
        "assignee": it.reference("parts", "assignee"),
        "constraints": said if deed.deadline is None else (deed.deadline, *said),
        "unread": it.conditions("unread"),
        "output": it.reference("parts", "output"),
        "functions": functions if deed.towards is None else (deed.towards, *functions),
        "notes": it.notes("notes", "note"),
    }


def _action(item: Statement, iri: str) -> Action:
    it = _Group(item.below)
    node = it.slot("notes", "action-node", "iri", "")
    notes = it.notes("notes", "action-note")
    return Action(iri, it.conditions("refined"), node, notes)


def _refined(item: Statement) -> Any:
    it = _Group(item.below)
    reference = item.slots.get("asset") or item.slots["party"]
    return replace(reference, refinements=it.conditions("chosen"), notes=it.notes("notes", "note"))


def _stated(item: Statement) -> Condition:
    it, condition = _Group(item.below), item.slots["condition"]
    notes = it.notes("notes", "note")
    if isinstance(condition, LogicalConstraint):
        return replace(condition, operands=tuple(map(_stated, item.parts)), notes=notes)
    stated: Constraint = condition
    return replace(
        stated,
        datatype=it.slot("notes", "datatype", "datatype", ""),
        status=it.slot("notes", "status", "value", None),
        notes=notes,
    )
