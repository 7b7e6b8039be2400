"""Prohibited acts that were carried out, and what is due for each.

Rules: an act violates a prohibition when it is certain that the prohibition was about it and held
at that time; each act counts for itself; a remedy is done after the act that it makes good, and
makes good that one alone.
Source: IM 2.6.2 and 2.6.7 (`remedy`); W3C draft, deontic state of a prohibition.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from policies_odrl.evaluation.acts import acts_of, case_of, without
from policies_odrl.evaluation.case import Case
from policies_odrl.evaluation.conditions import conditions, premises_of, refinements_of
from policies_odrl.evaluation.decision import Violation
from policies_odrl.evaluation.duties import followed
from policies_odrl.evaluation.request import Performed
from policies_odrl.logic import Truth
from policies_odrl.model import Prohibition


def violations_of(rule: Prohibition, path: str, case: Case) -> tuple[Violation, ...]:
    """Return the acts known to have violated a prohibition, in time order, with their remedies."""
    found: list[Violation] = []
    left = case
    for act in _prohibited(rule, path, case):
        left = without(left, [act])  # what was wrong does not make itself good
        his = replace(left, request=replace(case.request, assignee=act.party))
        remedies, his = followed(rule.remedies, f"{path}/odrl:remedy", his, rule, act.at)
        left = replace(his, request=case.request)
        found.append(Violation(act, tuple(remedies)))
    return tuple(found)


def _prohibited(rule: Prohibition, path: str, case: Case) -> Iterator[Performed]:
    if rule.unread:  # never certain
        return
    for act in acts_of(case.facts):
        done = case_of(act, case)
        if any(item.truth is not Truth.TRUE for item in premises_of(rule, path, done)):
            continue
        held = (
            *conditions(rule.constraints, f"{path}/constraint", done),
            *refinements_of(rule, path, done),
        )
        if all(item.truth is Truth.TRUE for item in held):
            yield act
