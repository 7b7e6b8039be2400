"""What a policy compares: which left operand a statement of a request or of the world is about.

Rules: a feature is meant where its whole name, or its local name, is that of a left operand of the
policy, or where it names the unit of one (as the W3C examples do); the current time goes by many
names. A value without a unit is read in the unit of the policy, and a name that is a value of an
undeclared left operand is the one that the policy writes with the same local name. These are
readings for public suites only: the node itself never guesses a unit or a name.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from policies_odrl import Constraint, Duty, Iri, Literal, Policy, Prohibition, Quantity
from policies_odrl.algebra.domain import Fact
from policies_odrl.evaluation.request import DATE_TIME
from policies_odrl.model import ODRL, Value, every_rule
from policies_odrl.reading.inventory import conditions_in
from policies_odrl.values import number
from policies_odrl.vocabulary import OPERANDS
from tests.conformance.cases.graph import local

NOW: Final = frozenset({"currenttime", "currentxsddatetime", "currentdatetime", "datetime", "now"})
# Properties of a state of the world that have the name of no left operand (W3C draft, odrl-fs).
_SAME: Final = {
    "location": ODRL + "spatial",
    "accumulatedtime": ODRL + "meteredTime",
    "paidamount": ODRL + "payAmount",
    "netamount": ODRL + "payAmount",  # of a payment record (Payments Ontology)
}


class Features:
    """The left operands, units and duties of one policy."""

    def __init__(self, policy: Policy) -> None:
        rules = [rule for _, rule, _ in every_rule(policy)]
        found = conditions_in(policy)
        self.constraints = [item for item in found if isinstance(item, Constraint)]
        self.bans = any(isinstance(rule, Prohibition) for rule in rules)
        self.rules = {rule.id for rule in rules if rule.id}
        self.duties = {rule.id: rule for rule in rules if isinstance(rule, Duty) and rule.id}
        self._by_id = {item.id: item for item in self.constraints if item.id}
        self._units = {item.unit: item.left for item in self.constraints if item.unit}
        self._lefts = {local(item.left).lower(): item.left for item in self.constraints}
        self._compared = set(self._lefts.values())
        self._unit_of = {item.left: item.unit for item in self.constraints if item.unit}
        self._written: dict[tuple[str, str], Value] = {}
        for item in self.constraints:
            for right in item.right if item.left not in OPERANDS else ():
                self._written.setdefault((item.left, _word(right)), right)

    def left_of(self, feature: str) -> str:
        """Return the left operand that a feature is about; its own name when none is meant."""
        name = local(feature).lower()
        if name in NOW:
            return DATE_TIME
        if feature in self._by_id:
            return self._by_id[feature].left
        if feature in self._units:
            return self._units[feature]
        name = name.removeprefix("current")
        return self._lefts.get(name) or _SAME.get(name) or feature

    def means(self, feature: str) -> bool:
        """Return whether the policy compares a feature."""
        return self.left_of(feature) in self._compared

    def facts(self, left: str, values: Iterable[Value], unit: str = "") -> tuple[Fact, ...]:
        """Return values of a left operand, with the unit that is stated or that the policy has."""
        own = self._unit_of.get(left, "")
        same = not unit or local(unit).lower() == local(own).lower()
        return tuple(
            _measured(self._as_written(left, value), own if same else unit) for value in values
        )

    def day_of_week(self) -> str:
        """Return the left operand that stands for the day of the week, or an empty string."""
        return self._lefts.get("dayofweek", "")

    def _as_written(self, left: str, value: Value) -> Value:
        """Return a value of an undeclared left operand as the policy writes it."""
        return self._written.get((left, _word(value)), value)


def _word(value: Value) -> str:
    return (local(value.value) if isinstance(value, Iri) else value.lexical).lower()


def _measured(value: Value, unit: str) -> Fact:
    amount = number(value) if unit and isinstance(value, Literal) else None
    return Quantity(amount, unit) if isinstance(amount, Decimal) else value
