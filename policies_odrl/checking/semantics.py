"""Versions of the semantics, and the clauses that a later version decides otherwise.

An agreement states the version that it was signed under; one that states none is of the first.
`semantics.json` names what each version changed, where it is recorded, and whether it bears on a
node (which states counts and clocks itself, and asks for no amount below zero).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from policies_odrl.completeness import incomplete
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.model import (
    ODRL,
    Constraint,
    Duty,
    Policy,
    Rule,
    conditions,
    duties_below,
)
from policies_odrl.units import canonical
from policies_odrl.vocabulary import AFTER_USE, BY_ANYBODY, Kind, Operand

FIRST: Final = 1  # of an agreement that states none
PRESENT: Final = 2

_CLOCKS: Final = frozenset(ODRL + name for name in ("elapsedTime", "delayPeriod"))


@dataclass(frozen=True, slots=True)
class Change:
    """What a version of the semantics changed.

    Attributes:
        name: of the change.
        since: first version that has it.
        record: number of the decision record.
        source: specification and clause.
        node: whether it bears on what a node decides.
        words: language -> what is decided otherwise.
    """

    name: str
    since: int
    record: str
    source: str
    node: bool
    words: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of a policy that the present semantics may decide otherwise.

    Attributes:
        path: JSON pointer into the written policy.
        change: why.
    """

    path: str
    change: Change


@cache
def changes() -> tuple[Change, ...]:
    """Return what was changed, oldest version first."""
    text = files("policies_odrl").joinpath("checking", "semantics.json").read_text("utf-8")
    rows = json.loads(text)["changes"]
    return tuple(
        Change(
            **{name: row[name] for name in ("name", "since", "record", "source", "node")},
            words=MappingProxyType({lang: row[lang] for lang in ("en", "fr")}),
        )
        for row in rows
    )


def decided_otherwise(
    policy: Policy, signed_under: int = FIRST, knowledge: Knowledge = NOTHING_MORE
) -> tuple[Clause, ...]:
    """Return the clauses that decisions may differ by, in order of the changes.

    >>> from policies_odrl.model import Action, Permission, PolicyKind
    >>> told = Duty(action=Action(ODRL + "inform"))
    >>> reading = Permission(action=Action(ODRL + "read"), duties=(told,))
    >>> policy = Policy(kind=PolicyKind.SET, permissions=(reading,))
    >>> [(item.path, item.change.name) for item in decided_otherwise(policy)]
    [('/permission/0/duty/0', 'own-acts')]
    >>> decided_otherwise(policy, PRESENT)
    ()

    Args:
        policy: as it was signed.
        signed_under: version of the semantics that the agreement states.
        knowledge: operands and actions beyond the built-in ones.
    """
    duties = [pair for path, rule in policy.rules() for pair in _duties(path, rule)]
    found = {
        "unbound": [path for path, _ in incomplete(policy)],
        "after-use": [path for path, duty in duties if duty.action.id in AFTER_USE],
        "own-acts": [path for path, duty in duties if not _paying(duty, knowledge)],
        "towards": [f"{path}/{name}" for path, duty in duties for name, _ in duty.functions],
    }
    stated = [pair for path, rule in policy.rules() for pair in _constraints(path, rule)]
    for name, touches in _TOUCHED.items():
        found[name] = [
            path
            for path, item in stated
            if (operand := knowledge.operand(item.left)) is not None and touches(item, operand)
        ]
    return tuple(
        Clause(path, change)
        for change in changes()
        if change.since > signed_under
        for path in dict.fromkeys(found[change.name])
    )


_TOUCHED: Final[Mapping[str, Callable[[Constraint, Operand], bool]]] = MappingProxyType(
    {
        "clock": lambda item, _: item.left in _CLOCKS,
        "language-tags": lambda item, _: item.left == ODRL + "language",
        "anchored-lengths": lambda _, operand: (
            operand.kind is Kind.DURATION and not operand.by_node
        ),
        "currencies": lambda item, _: bool(item.unit) and canonical(item.unit) != item.unit,
        "limits": lambda _, operand: operand.least is not None or operand.most is not None,
        "claims": lambda _, operand: operand.by_node,
    }
)


def _paying(duty: Duty, knowledge: Knowledge) -> bool:
    """Return whether anybody may do it for the one who has to."""
    return bool(BY_ANYBODY & knowledge.wider_actions(duty.action.id))


def _duties(path: str, rule: Rule) -> Iterator[tuple[str, Duty]]:
    """Yield (JSON pointer, duty) of a rule itself and of all below it."""
    if isinstance(rule, Duty):
        yield path, rule
    for name, duties in duties_below(rule):
        for index, duty in enumerate(duties):
            yield from _duties(f"{path}/{name}/{index}", duty)


def _constraints(path: str, rule: Rule) -> Iterator[tuple[str, Constraint]]:
    """Yield (JSON pointer, constraint) of a rule, of its action and parts, and of its duties."""
    groups = [("constraint", rule.constraints), ("action/odrl:refinement", rule.action.refinements)]
    named = {"target": rule.target, "assigner": rule.assigner, "assignee": rule.assignee}
    groups += [
        (f"{name}/odrl:refinement", item.refinements) for name, item in named.items() if item
    ]
    for name, group in groups:
        for where, item in conditions(group, f"{path}/{name}"):
            if isinstance(item, Constraint):
                yield where, item
    for name, duties in duties_below(rule):
        for index, duty in enumerate(duties):
            yield from _constraints(f"{path}/{name}/{index}", duty)
