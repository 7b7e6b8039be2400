"""How conditions on rows stand to one another: a condition covers those that are stricter."""

from __future__ import annotations

from policies_odrl.algebra.relations import COVERED, Link, Requests
from policies_odrl.logic import Truth
from policies_odrl.row_conditions import entails
from policies_odrl.values import FactValue, name


class RowConditions(Requests):
    """Conditions as a request is told to meet them; one that is stricter meets the wider one."""

    def stands(self, value: FactValue, link: Link, *, exact: bool = False) -> Truth:
        if link.relation is COVERED and entails(name(value) or "", link.name):
            return Truth.TRUE
        return super().stands(value, link, exact=exact)

    def _apart(self, one: Link, other: Link) -> bool:
        """No two conditions exclude one another: one that is stricter than both meets both."""
        return False
