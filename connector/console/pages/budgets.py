"""Where the budgets of registers stand."""

from __future__ import annotations

from typing import Final

from connector.console.pages.entry import Entry
from connector.console.pages.listing import listed
from connector.console.parts import Cell, Page, Part
from connector.console.visit import Visit
from connector.services.privacy import standing
from connector.services.privacy.standing import RegisterBudget

PATH: Final = "/budgets"
_HEADINGS: Final = ("register", "cap ε", "promised ε", "spent ε")


def budgets(visit: Visit) -> Page:
    """List the budgets of all registers."""
    return Page("Budgets of persons", table(visit, visit.rows))


def table(visit: Visit, most: int) -> list[Part]:
    """Return the budgets of so many registers at most, as a table."""
    after = visit.asked("after")
    page = visit.served.do(standing.registers, after=after, limit=most, named=False)
    title, empty = (
        "Budgets of persons",
        "No dataset holds persons yet: a steward publishes one with a cap.",
    )
    return listed(title, _HEADINGS, page, _row, empty=empty, name="budgets", visit=visit)


def _row(each: RegisterBudget) -> tuple[Cell, ...]:
    cap = each.standing.budget.epsilon
    return each.register_id, cap, each.promised_epsilon, each.standing.spent


PAGES: Final = (Entry(PATH, budgets, (standing.registers,)),)
