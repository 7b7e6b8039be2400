"""Versions of the semantics, and the clauses that a later version decides otherwise.

`semantics.json` names what each version changed, where it is recorded, and whether it bears on a
node (which states counts and clocks itself, and asks for no amount below zero).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

from policies_odrl import model
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.units import canonical
from policies_odrl.vocabulary import AFTER_USE, BY_ANYBODY, Kind, Operand, loaded

FIRST: Final = 1  # of an agreement that states none
PRESENT: Final = 2

# Change -> whether it touches a constraint.
_TOUCHED: Final[Mapping[str, Callable[[model.Constraint, Operand], bool]]] = {
    "clock": lambda item, _: item.left in {model.ODRL + "elapsedTime", model.ODRL + "delayPeriod"},
    "language-tags": lambda item, _: item.left == model.ODRL + "language",
    "anchored-lengths": lambda _, operand: operand.kind is Kind.DURATION and not operand.by_node,
    "currencies": lambda item, _: bool(item.unit) and canonical(item.unit) != item.unit,
    "limits": lambda _, operand: operand.least is not None or operand.most is not None,
    "claims": lambda _, operand: operand.by_node,
}


@dataclass(frozen=True, slots=True)
class Change:
    """What a version of the semantics decides otherwise, in English and French."""

    name: str
    since: int  # first version that has it
    record: str  # number of the decision record
    source: str  # specification and clause
    node: bool  # whether it bears on what a node decides
    en: str
    fr: str


class Clause(NamedTuple):
    """A part of a policy, by its JSON pointer, that the present semantics may decide otherwise."""

    path: str
    change: Change


@cache
def changes() -> tuple[Change, ...]:
    """Return what was changed, oldest version first."""
    return tuple(Change(**row) for row in loaded("checking/semantics.json")["changes"])


def decided_otherwise(
    policy: model.Policy, signed_under: int = FIRST, knowledge: Knowledge = NOTHING_MORE
) -> tuple[Clause, ...]:
    """Return the clauses of a policy as signed that decisions may differ by, change by change."""
    later = [change for change in changes() if change.since > signed_under]
    touched = dict.fromkeys(_touched(policy, knowledge)) if later else {}
    return tuple(
        Clause(path, change) for change in later for name, path in touched if name == change.name
    )


def _touched(policy: model.Policy, knowledge: Knowledge) -> Iterator[tuple[str, str]]:
    """Yield (name of a change, JSON pointer of what it touches)."""
    for path, _ in model.incomplete(policy):
        yield "unbound", path
    for path, rule, _ in model.every_rule(policy):
        if isinstance(rule, model.Duty):
            if rule.action.id in AFTER_USE:
                yield "after-use", path
            if not BY_ANYBODY & knowledge.wider_actions(rule.action.id):
                yield "own-acts", path
            for name, _ in rule.functions:
                yield "towards", f"{path}/{name}"
        for where, item in _conditions(path, rule):
            operand = knowledge.operand(item.left) if isinstance(item, model.Constraint) else None
            if isinstance(item, model.Constraint) and operand:
                yield from ((name, where) for name, it in _TOUCHED.items() if it(item, operand))


def _conditions(path: str, rule: model.Rule) -> Iterator[tuple[str, model.Condition]]:
    """Yield (JSON pointer, condition) of a rule, of its action and of what it names."""
    yield from model.conditions(rule.constraints, f"{path}/constraint")
    for name in ("action", "target", "assigner", "assignee"):
        part = getattr(rule, name)
        where = f"{path}/{name}/odrl:refinement"
        yield from model.conditions(part.refinements if part else (), where)
