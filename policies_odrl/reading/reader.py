"""Flattened, expanded JSON-LD to policies; strict and without loss.

Input: the node objects of a flattened, expanded document (`documents/sources.py` makes them): every
value of a property is a list of `{"@id"}`, `{"@value"}` or `{"@list"}` objects.
Rules: nothing is dropped. Names that are not known here (operands, actions, profiles) are read;
what else is not understood is kept with its rule (`Rule.unread`); descriptions are kept
(`notes.py`). A broken information model, a cycle and what exceeds the limits of `walk.py` stop the
reading, and the error names the node. Compact policies are expanded (IM 2.7). What makes a policy
sensible is left to `validate.py`, but that a ticket names no assignee.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from policies_odrl.errors import IllFormed
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import (
    ODRL,
    Common,
    Conflict,
    Duty,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
)
from policies_odrl.reading.compact import NOTHING_SHARED, Choices, Settling, one, pushed_down
from policies_odrl.reading.constraints import conditions_at
from policies_odrl.reading.flat import Node, at_most_one, short
from policies_odrl.reading.notes import Scope, besides
from policies_odrl.reading.parts import INFERRED, actions_at, asset, assets_at, parties_at, party
from policies_odrl.reading.walk import Count, Walk
from policies_odrl.vocabulary import DCT, FUNCTIONS

TIMESTAMP: Final = "https://w3id.org/dspace/2025/1/timestamp"
REPLACED_BY: Final = DCT + "isReplacedBy"

_KINDS: Final = {ODRL + kind.value: kind for kind in PolicyKind}
_CONFLICTS: Final = {ODRL + item.value: item for item in Conflict}
_T = TypeVar("_T")


def read(
    nodes: Sequence[Mapping[str, object]],
    knowledge: Knowledge | None = None,
    *,
    strict: bool = False,
) -> Policy:
    """Return the one policy that the nodes describe.

    >>> odrl = "http://www.w3.org/ns/odrl/2/"
    >>> nodes = [
    ...     {"@id": "urn:p", "@type": [odrl + "Set"], odrl + "permission": [{"@id": "_:r"}]},
    ...     {"@id": "_:r", odrl + "action": [{"@id": odrl + "read"}]},
    ... ]
    >>> read(nodes).permissions[0].action.id
    'http://www.w3.org/ns/odrl/2/read'

    Args:
        nodes: node objects of a flattened, expanded document.
        knowledge: left operands, actions and profiles beyond ODRL and our profile.
        strict: whether a node that belongs to no policy is refused, even if it only describes.

    Raises:
        IllFormed: the information model is broken, or there is not exactly one policy.
        LimitExceeded: too large, or nested too deep.
    """
    found = read_all(nodes, knowledge, strict=strict)
    if len(found) != 1:
        raise IllFormed("one policy was expected, {count} were found", count=len(found))
    return found[0]


def read_all(
    nodes: Sequence[Mapping[str, object]],
    knowledge: Knowledge | None = None,
    *,
    strict: bool = False,
) -> tuple[Policy, ...]:
    """Return the policies that the nodes describe, in the order of the nodes.

    >>> read_all([])
    Traceback (most recent call last):
        ...
    policies_odrl.errors.IllFormed: no policy was found

    Args:
        nodes: node objects of a flattened, expanded document; each belongs to some policy.
        knowledge: left operands, actions and profiles beyond ODRL and our profile.
        strict: see `read`.

    Raises:
        IllFormed: the information model is broken, or there is no policy.
        LimitExceeded: too large, or nested too deep.
    """
    walk = Walk(nodes, knowledge or Knowledge())
    found = [name for name, body in walk.nodes.items() if _is_policy(Node(body))]
    if not found:
        raise IllFormed("no policy was found")
    inferred = _inferred(walk)
    policies = tuple(walk.enter(name, lambda node: _policy(node, walk, inferred)) for name in found)
    walk.nothing_left(strict=strict)
    return policies


def _is_policy(node: Node) -> bool:
    return any(item in _KINDS or item == ODRL + "Policy" for item in node.types)


# Property -> policy -> names of the assets or parties that state it of the policy.
_Inferred = Mapping[str, Mapping[str, Sequence[str]]]


def _inferred(walk: Walk) -> _Inferred:
    found: dict[str, dict[str, list[str]]] = {name: {} for name in INFERRED}
    for name, body in walk.nodes.items():
        for stated in INFERRED:
            if ODRL + stated in body:
                for policy in Node(body).ids(ODRL + stated):
                    found[stated].setdefault(policy, []).append(name)
    return found


# -- policy ---------------------------------------------------------------------------------


def _policy(node: Node, walk: Walk, inferred: _Inferred) -> Policy:
    kind = _kind(node)
    conflict = _conflict(node)
    before = walk.counts()
    common = _common(node, walk, inferred)
    after = walk.counts()
    cost = {what: after[what] - before[what] for what in Count}
    whole = _Whole(node, walk)
    common = replace(common, unread=walk.taken())
    cost[Count.CONSTRAINTS] += len(common.unread)
    shared = _Shared(kind, common, cost, Settling(common))
    policy = Policy(
        kind=kind,
        id=walk.claim(node.name(), node),
        permissions=_rules_of(node, "permission", shared, walk, _permission),
        prohibitions=_rules_of(node, "prohibition", shared, walk, _prohibition),
        obligations=_rules_of(node, "obligation", shared, walk, _duty),
        profiles=tuple(node.iris(ODRL + "profile")),
        conflict=conflict,
        target=one(common.targets),
        assigner=one(common.assigners),
        assignee=one(common.assignees),
        inherits=whole.inherits,
        replaced_by=whole.replaced_by,
        timestamp=whole.timestamp,
        metadata=whole.metadata,
        common=common,
    )
    if kind is PolicyKind.TICKET and common.assignees:
        raise IllFormed("a ticket has no `odrl:assignee`", node=node.id)
    return pushed_down(policy)


class _Whole:
    """What a policy states as a whole; what is not understood of it bears on all its rules."""

    def __init__(self, node: Node, walk: Walk) -> None:
        for name in ("permission", "prohibition", "obligation", "profile"):
            node.all(ODRL + name)  # read beside this
        self.inherits = tuple(node.iris(ODRL + "inheritFrom"))
        self.replaced_by = node.one_iri(REPLACED_BY)
        self.timestamp = _text(node, TIMESTAMP)
        node.name()
        self.metadata, left = besides(node, Scope.WHOLE, [*PolicyKind, "Policy"], walk)
        strategy = node.all(ODRL + "conflict")
        if strategy and _conflict(node) is None:
            left.append((ODRL + "conflict", strategy))
        walk.leave(left, node)


def _kind(node: Node) -> PolicyKind:
    kinds = [_KINDS[item] for item in node.types if item in _KINDS]
    return at_most_one(kinds, "@type", node.id) or PolicyKind.SET  # IM 2.1.1: Set is the default


def _conflict(node: Node) -> Conflict | None:
    """Return the strategy; None where none is stated, or one that is not known."""
    return _CONFLICTS.get(node.one_id(ODRL + "conflict"))


def _text(node: Node, name: str) -> str:
    values = [value.get("@value") for value in node.all(name)]
    stated = at_most_one(values, name, node.id)
    if stated is not None and not isinstance(stated, str):
        raise IllFormed("`{name}` must be text", name=short(name), node=node.id)
    return stated or ""


def _common(node: Node, walk: Walk, inferred: _Inferred) -> Common:
    """Return what the policy states for all rules, or others state of it (IM 2.2.3, 2.3.3)."""
    stated = _stated(node, walk)
    targets = [asset(name, walk) for name in inferred["hasPolicy"].get(node.id, ())]
    assigners = [party(name, walk) for name in inferred["assignerOf"].get(node.id, ())]
    assignees = [party(name, walk) for name in inferred["assigneeOf"].get(node.id, ())]
    return Common(
        targets=tuple(dict.fromkeys((*stated.targets, *targets))),
        assigners=tuple(dict.fromkeys((*stated.assigners, *assigners))),
        assignees=tuple(dict.fromkeys((*stated.assignees, *assignees))),
        actions=stated.actions,
        outputs=stated.outputs,
        functions=stated.functions,
    )


def _stated(node: Node, walk: Walk) -> Common:
    return Common(
        targets=tuple(assets_at(node, "target", walk)),
        assigners=tuple(parties_at(node, ODRL + "assigner", walk)),
        assignees=tuple(parties_at(node, ODRL + "assignee", walk)),
        actions=tuple(actions_at(node, walk)),
        outputs=tuple(assets_at(node, "output", walk)),
        functions=tuple(
            (name, item)
            for name in sorted(FUNCTIONS & node.properties())
            for item in parties_at(node, name, walk)
        ),
    )


# -- rules ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Shared:
    """What the rules of a policy share, and what a copy of it costs."""

    kind: PolicyKind
    common: Common = NOTHING_SHARED
    cost: Mapping[Count, int] = field(default_factory=dict)
    settling: Settling = field(default_factory=lambda: Settling(NOTHING_SHARED))


_Build = Callable[[Node, _Shared, Walk], list[_T]]


def _rules_of(
    node: Node, name: str, shared: _Shared, walk: Walk, build: _Build[_T]
) -> tuple[_T, ...]:
    rules: list[_T] = []
    for item in node.ids(ODRL + name):
        rules.extend(walk.enter(item, lambda rule: build(rule, shared, walk)))
    return tuple(rules)


def _permission(node: Node, shared: _Shared, walk: Walk) -> list[Permission]:
    before = walk.counts()
    duties = _rules_of(node, "duty", _Shared(shared.kind), walk, _duty)
    parts = _rule_parts(node, shared, walk, "Permission", before)
    return [shared.settling.settled(Permission(**part, duties=duties)) for part in parts]


def _prohibition(node: Node, shared: _Shared, walk: Walk) -> list[Prohibition]:
    before = walk.counts()
    remedies = _rules_of(node, "remedy", _Shared(shared.kind), walk, _last_duty)
    parts = _rule_parts(node, shared, walk, "Prohibition", before)
    return [shared.settling.settled(Prohibition(**part, remedies=remedies)) for part in parts]


def _duty(node: Node, shared: _Shared, walk: Walk) -> list[Duty]:
    before = walk.counts()
    consequences = _rules_of(node, "consequence", _Shared(shared.kind), walk, _last_duty)
    parts = _rule_parts(node, shared, walk, "Duty", before)
    return [shared.settling.settled(Duty(**part, consequences=consequences)) for part in parts]


def _last_duty(node: Node, shared: _Shared, walk: Walk) -> list[Duty]:
    if node.all(ODRL + "consequence"):  # IM 2.6.3 and 2.6.7
        raise IllFormed(
            "a remedy or consequence has no `odrl:consequence` of its own", node=node.id
        )
    return _duty(node, shared, walk)


def _rule_parts(
    node: Node, shared: _Shared, walk: Walk, kind: str, before: Mapping[Count, int]
) -> list[dict[str, Any]]:
    """Return the parts of each rule that a node stands for.

    Args:
        node: the rule.
        shared: what its policy states for all rules.
        walk: the way here.
        kind: its class.
        before: what was counted before anything of it was read.
    """
    walk.pay(Count.RULES)
    own = _stated(node, walk)
    constraints = conditions_at(node, "constraint", walk)
    name = walk.claim(node.name(), node)
    notes, strange = besides(node, Scope.WHOLE, [kind, "Rule"], walk)
    walk.leave(strange, node)
    own = replace(own, unread=walk.taken())
    if own.assignees and shared.kind is PolicyKind.TICKET:
        raise IllFormed("a ticket has no `odrl:assignee`", node=node.id)
    choices = Choices(own, shared.common)
    count = choices.count
    if not count:
        raise IllFormed("a rule needs an `odrl:action`", node=node.id)
    walk.pay_copies(before, count - 1)
    for what, cost in shared.cost.items():
        walk.pay(what, cost * count)
    names = {"id": name} if count == 1 else {"origin": name}
    return [{**row, **names, "constraints": constraints, "notes": notes} for row in choices.rows()]
