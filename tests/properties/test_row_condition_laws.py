"""Laws of conditions on rows: which of two is stricter, against the rows of small tables."""

from __future__ import annotations

from itertools import product
from typing import Final

import numpy as np

from connector.domain.catalog.dataset import Column, ColumnClass
from connector.enforcement.ground import Ground
from connector.enforcement.mechanisms import row_conditions
from connector.errors import PolicyInvalid
from federated.training.rows import row_test
from federated.training.rows.table import Table, from_columns
from policies_odrl import (
    Constraint,
    Facts,
    Literal,
    Operator,
    Policy,
    Request,
    Truth,
    compare,
    compile_policy,
    counter_offer,
)
from policies_odrl.algebra.extent import Reading
from policies_odrl.algebra.names import Named
from policies_odrl.algebra.relations import COVERED, SAME, Link
from policies_odrl.comparison.compare import Relation
from policies_odrl.comparison.meet import meet
from policies_odrl.model import ODRL
from policies_odrl.row_conditions import ROW_CONDITION, entails
from policies_odrl.vocabulary import OPERANDS
from tests.support.each import over
from tests.support.policies import CONSUMER, DATASET, one_rule

VALUES: Final = ("1", "2", "2.0", "3", "10", "2024-01-01", "2024-06-30", "2024-02-30", "a")
LISTS: Final = (*VALUES, "1 | 2", "2 | 3", "3 | 10", "2024-01-01 | 2024-06-30", "a | 2")
ENDS: Final = ("1", "2", "2.0", "10", "2024-01-01", "2024-06-30")
CONDITIONS: Final = (
    *(f"n {test} {each}" for test in ("in", "not in") for each in LISTS),
    *(f"n {test} {each}" for test in ("from", "to") for each in ENDS),
    *("n in 2 in a", "n not in a in a", "n in a in 2", "n in a from 2", "n in a not in 2 | 3"),
    *(
        "n in 2 not in 3",
        "n in 2 not in 3 | 7",
        "n to 2 from 1",
        "m in 1",
        "m from 1",
        "none",
        "n in  a",
        "n from 2024-02-30",
    ),
)
ODD: Final = ("n in a", "n not in a", "n not", "n in 2", "n to 2")
# A column of numbers, one of texts; and columns whose names let texts be read in two ways.
COLUMNS: Final[list[tuple[dict[str, list[str | None]], bool]]] = [
    ({"n": ["1", "2", "3", "7", "10", "", None]}, True),
    ({"n": [*VALUES, "b", None]}, False),
    *(
        ({name: ["1", "2", "3", "7", "a"], "m": ["1", "2", "1", "a", "3"]}, numbers)
        for name in ODD
        for numbers in (False, True)
    ),
]


SOME: Final = ("n from 1", "n from 2", "n in 2 | 3", "n to 2", "n not in a", "m from 1")


def ground(columns: dict[str, list[str | None]], *, numbers: bool) -> Ground:
    kind = "number" if numbers else "category"
    return Ground(tuple(Column(name, ColumnClass.OTHER, kind) for name in columns), "", 1)


DATA: Final = [(from_columns(it), ground(it, numbers=numbers)) for it, numbers in COLUMNS]


def passing(text: str, table: Table, known: Ground) -> frozenset[int] | None:
    """The rows that meet a condition, by the tests that a contract states; None where none may."""
    try:
        made = row_conditions.tests((asked(text),), known)
    except PolicyInvalid:
        return None
    tests = [row_test.RowTest.of(each.body()) for each in made]
    return frozenset(np.flatnonzero(row_test.passing(table, tests)).tolist())


def asked(*texts: str) -> Constraint:
    return Constraint(ROW_CONDITION, Operator.IS_ALL_OF, tuple(map(Literal, texts)))


def test_what_meets_a_stricter_condition_meets_the_wider_one() -> None:
    shown = set()
    rows = {(text, at): passing(text, *each) for text in CONDITIONS for at, each in enumerate(DATA)}
    for one, other in product(CONDITIONS, repeat=2):
        pairs = [(rows[one, at], rows[other, at]) for at in range(len(DATA))]
        both = [mine <= theirs for mine, theirs in pairs if mine is not None and theirs is not None]
        answer = entails(one, other)
        assert all(both) or not answer, (one, other)
        if one != other and answer and both:
            shown.add((one.split()[1], other.split()[1]))
    ways = {("in", "in"), ("in", "from"), ("in", "to"), ("in", "not"), ("not", "not")}
    assert shown >= ways | {("from", "from"), ("to", "to"), ("from", "not"), ("to", "not")}


def test_stricter_than_what_is_stricter_is_stricter() -> None:
    wider = {one: {it for it in CONDITIONS if entails(one, it)} for one in CONDITIONS}
    for one, known in wider.items():
        assert one in known
        assert all(wider[two] <= known for two in known)


def test_what_is_proved_of_conditions_holds_of_each_that_a_request_meets() -> None:
    order = Named(OPERANDS[ROW_CONDITION], Reading()).order
    few = (*SOME, "n in 2", "n to 1", "n not in a | 2", "none")
    links = [Link(*it) for it in product((SAME, COVERED), map(Literal, few), (True, False))]
    wanted = {True: Truth.TRUE, False: Truth.FALSE}
    met = {
        link: {it for it in few if order.stands(Literal(it), link) is wanted[link.holds]}
        for link in links
    }
    for one, other in product(links, repeat=2):
        assert met[one] <= met[other] or not order.implies(one, other), (one, other)
        assert not met[one] & met[other] or not order.excludes(one, other), (one, other)
    assert order.excludes(Link(COVERED, Literal("n in 2")), Link(SAME, Literal("n from 1")))
    assert not order.excludes(*(Link(COVERED, Literal(it)) for it in ("n from 2", "n to 2")))


ORDERED: Final = [
    ("grade from 3", "grade from 2"),
    ("grade from 2.5", "grade from 2"),
    ("grade to 9", "grade to 10"),
    ("vu from 2024-09-01", "vu from 2024-01-01"),
    ("vu to 2024-01-01", "vu to 2024-09-01"),
    ("académie in Rennes", "académie in Nantes | Rennes"),
    ("académie in Rennes", "académie not in Nantes"),
    ("statut not in sorti | radié", "statut not in sorti"),
    ("grade in 3 | 4", "grade from 2"),
    ("grade from 3", "grade not in 1 | 2"),
    ("vu in 2024-09-01", "vu to 2024-12-31"),
]


@over(("strict", "wide"), ORDERED)
def test_policies_are_compared_by_which_condition_is_stricter(strict: str, wide: str) -> None:
    narrow, broad = (one_rule("read", asked(it)) for it in (strict, wide))
    found = compare(narrow, broad)
    assert found.relation is Relation.WITHIN
    for both in (meet(narrow, broad), meet(broad, narrow)):  # of layers the stricter one stays
        assert both is not None
        assert both.permissions[0].constraints == narrow.permissions[0].constraints
    more = one_rule("read", asked(wide, "annee in 2023-2024"))
    assert compare(narrow, more).relation is Relation.OVERLAPPING
    answer = counter_offer(broad, narrow)
    assert (answer.agreed, answer.changes) == (True, ())


def test_what_is_said_of_two_policies_holds_for_what_requests_meet() -> None:
    """A request is told to meet conditions; whoever meets a stricter one is granted the wider."""
    lists = [(it,) for it in SOME] + [("n from 1", "m from 1"), ("n from 2", "n to 2")]
    policies = [one_rule("read", asked(*each)) for each in lists]
    known = [Facts(values={ROW_CONDITION: tuple(map(Literal, each))}) for each in lists]
    request = Request(ODRL + "read", CONSUMER, DATASET)

    def granted(policy: Policy) -> set[int]:
        permits = compile_policy(policy, tentative=True).permits
        return {at for at, each in enumerate(known) if permits(request, each)}

    for one, other in product(policies, repeat=2):
        mine, theirs = granted(one), granted(other)
        found, both = compare(one, other), meet(one, other)
        assert mine <= theirs or not found.forward
        assert theirs <= mine or not found.backward
        assert both is not None
        assert granted(both) == mine & theirs
    assert granted(policies[0]) == {0, 1, 2, 6, 7}
