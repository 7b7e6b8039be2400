"""One case of a public suite: a policy, a request, a state of the world, and its report.

Rules: a request with several wishes is permitted when each of them is; in mode `suite` unknown
names are different ones (the suite's worlds are closed), in mode `w3c` they may be synonyms; a day
of the week that nobody states is told from the time; an action that nobody wrote is not reported.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from policies_odrl import Iri, Literal, Mode, Policy, PolicyKind
from policies_odrl.algebra.domain import Fact
from policies_odrl.vocabulary import OPERANDS, same_action
from tests.conformance.cases.asking import Asked
from tests.conformance.cases.features import Features
from tests.conformance.cases.graph import Graph
from tests.conformance.cases.suite_policy import ANY, Nodes
from tests.conformance.cases.world import World
from tests.conformance.reports.report import (
    Control,
    PolicyReport,
    PremiseKind,
    ReportNames,
    RuleReport,
)
from tests.conformance.reports.report_of import report

_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class Fault:
    """A file or a case that cannot be read.

    Attributes:
        where: the case, or the file with the name of its folder.
        reason: one line.
    """

    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class Case:
    """What is given in a case.

    Attributes:
        name: of the case; its report is named so.
        request: IRI of the request.
        policy: the policy.
        wishes: what is asked, at least one.
        world: what is known.
        expected: nodes that hold the report which the suite expects; empty where it states none.
        root: the name of that report.
        results: the report that a W3C example expects, as statements; None where it states none.
    """

    name: str
    request: str
    policy: Policy
    wishes: tuple[Asked, ...]
    world: World
    expected: Nodes = ()
    root: str = ""
    results: Graph | None = None

    def report(self, mode: Mode) -> PolicyReport:
        """Return the report of the case, in full."""
        found = [self._wish(wish, mode) for wish in self.wishes]
        rules = tuple(_stated_only(rule) for item in found for rule in item.rules)
        refused = [item for item in found if item.verdict and item.verdict.control is Control.DENY]
        return replace((refused or found)[0], rules=rules)

    def _wish(self, wish: Asked, mode: Mode) -> PolicyReport:
        known = self.world.facts.knowledge
        asked = same_action(wish.request.action)
        actions = dict(known.actions)
        if ANY in actions:
            actions[asked] = (*actions.get(asked, ()), ANY)
        knowledge = replace(known, actions=actions, closed=mode is Mode.SUITE)
        stated = {**self._calendar(), **wish.request.facts}
        kept = {left: values for left, values in stated.items() if _by_node(left)}
        # a case may leave out what an agreement fills in
        bound = self.policy.kind is PolicyKind.AGREEMENT
        return report(
            self.policy if bound else replace(self.policy, kind=PolicyKind.OFFER),
            replace(wish.request, facts=stated),
            replace(
                self.world.facts, knowledge=knowledge, values={**kept, **self.world.facts.values}
            ),
            mode=mode,
            tentative=True,
            names=ReportNames(self.request, wish.id, self.world.reports),
        )

    def _calendar(self) -> dict[str, tuple[Fact, ...]]:
        """Return what the time tells about the day, where the policy asks and nobody states it."""
        now = self.world.facts.now
        if now is None or not self.world.facts.knowledge.operands:
            return {}
        features = Features(self.policy)
        left = features.day_of_week()
        return {left: features.facts(left, [Literal(_DAYS[now.weekday()])])} if left else {}


def _by_node(left: str) -> bool:
    """Return whether a request of a suite states what a node would keep: it is of the world."""
    operand = OPERANDS.get(left)
    return operand is not None and operand.by_node


def _stated_only(rule: RuleReport) -> RuleReport:
    """Return the report of a rule without the action that nobody wrote."""
    kept = tuple(
        item
        for item in rule.premises
        if not (item.kind is PremiseKind.ACTION and item.right == (Iri(ANY),))
    )
    return replace(rule, premises=kept)
