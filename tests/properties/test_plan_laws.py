"""No plan lets a column, a row or a level leave beyond what its agreement says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connector.bootstrap.mechanisms import MECHANISMS
from connector.domain.catalog.dataset import Column, ColumnClass
from connector.domain.catalog.layout import Field
from connector.enforcement.compile import compile_agreement
from connector.enforcement.ground import Ground
from connector.enforcement.mechanisms import train
from connector.enforcement.steps import registry
from connector.enforcement.steps.release import LEVELS, RAW
from connector.errors import PreauError
from connector.protection.ground import Ground as Data
from federated.training.rows import row_test
from federated.training.rows.table import from_columns
from policies_odrl import Constraint, Literal, Operator
from policies_odrl.model import ODRL
from policies_odrl.vocabulary import PREAU
from tests.support.policies import agreed, amount, name_is, one_rule
from tests.support.protecting import delivered, table, uses

NAMES = tuple("abcdef")
SOME = st.lists(st.sampled_from(NAMES), unique=True)
COLUMNS = st.builds(
    lambda names, operator: Constraint(PREAU + "columns", operator, tuple(map(Literal, names))),
    SOME.filter(bool),
    st.sampled_from([Operator.IS_ANY_OF, Operator.IS_NONE_OF]),
)
LEVEL = st.builds(
    lambda level, operator: name_is("protectionLevel", PREAU + level, operator),
    st.sampled_from(LEVELS),
    st.sampled_from(["eq", "gteq"]),
)
SCOPE = st.sampled_from(["PerContract", "PerProject", "PerCohort", "PerPeriod", "PerDelivery"]).map(
    lambda scope: name_is("pseudonymScope", PREAU + scope)
)
CELLS = st.integers(1, 40).map(lambda n: amount("minimumCellCount", str(n), "gteq"))
TERMS = {
    "read": st.lists(st.one_of(COLUMNS, LEVEL, SCOPE), max_size=3),
    "aggregate": st.lists(st.one_of(COLUMNS, LEVEL, SCOPE, CELLS), max_size=4),
}


@st.composite
def grounds(draw: st.DrawFn) -> Ground:
    """Datasets of six columns, of which the first may name persons."""
    personal = draw(st.booleans())
    kinds = [ColumnClass.DIRECT_IDENTIFIER if personal else ColumnClass.OTHER]
    others = list(ColumnClass) if personal else [ColumnClass.OTHER]
    kinds += draw(st.lists(st.sampled_from(others), min_size=5, max_size=5))
    types = draw(st.lists(st.sampled_from(["number", "category"]), min_size=6, max_size=6))
    columns = tuple(map(Column, NAMES, kinds, types))
    return Ground(columns, "a" if personal else "", 3 if personal else 0, personal)


@settings(max_examples=80, deadline=None)
@given(data=st.data(), action=st.sampled_from(list(TERMS)), ground=grounds())
def test_nothing_leaves_beyond_the_agreement(
    data: st.DataObject, action: str, ground: Ground
) -> None:
    terms = data.draw(TERMS[action])
    try:
        plan = compile_agreement(agreed(one_rule(action, *terms)), MECHANISMS, ground)
    except PreauError:
        return
    steps = registry.table(plan.of(ODRL + action).steps)  # type: ignore[union-attr] - it has one
    leaving = set(steps.minimise.columns)
    listed, level = False, LEVELS.index(steps.release.level)
    for term in terms:
        named = {value.lexical for value in term.right if isinstance(value, Literal)}
        if term.left == PREAU + "columns" and term.operator is Operator.IS_ANY_OF:
            assert leaving <= named
            listed = True
        elif term.left == PREAU + "columns":
            assert not leaving & named
        elif term.left == PREAU + "protectionLevel":
            asked = LEVELS.index(term.right[0].value.removeprefix(PREAU))  # type: ignore[union-attr]
            assert level == asked if term.operator is Operator.EQ else level >= asked
        elif term.left == PREAU + "minimumCellCount" and steps.aggregate:
            assert steps.aggregate.minimum >= int(term.right[0].lexical)  # type: ignore[union-attr]
    direct = {it.name for it in ground.columns if it.kind is ColumnClass.DIRECT_IDENTIFIER}
    clear = (direct & leaving) - set(steps.pseudonyms)
    assert not clear or (action == "read" and (listed or steps.release.level == RAW))


COUNTED, TEXTS = ("1", "2", "3.5"), ("x", "y z", "2024-09-01", "2025-09-01")
TYPES = {"n": "number", "t": "text", "day": "text"}
PUPILS = Ground(
    tuple(Column(it, ColumnClass.OTHER, "number" if it == "n" else "category") for it in TYPES),
    *("", 0, False),
)
TRAINING = (
    amount("epsilon", "2"),
    amount("delta", "0.00001"),
    name_is("unitOfPrivacy", PREAU + "Person"),
)
PERSON = Column("p", ColumnClass.DIRECT_IDENTIFIER, "category")
SIGNS = {"n": ("in", "not in", "from", "to"), "t": ("in", "not in"), "day": ("from", "to", "in")}
Pupil = Mapping[str, Any]
Stated = tuple[str, Callable[[Pupil], bool]]


@st.composite
def conditions(draw: st.DrawFn) -> Stated:
    """A condition as it is written, and what it means."""
    column = draw(st.sampled_from(list(TYPES)))
    sign = draw(st.sampled_from(SIGNS[column]))
    known = COUNTED if column == "n" else TEXTS[2:] if sign in ("from", "to") else TEXTS
    most = 1 if sign in ("from", "to") else 2
    texts = draw(st.lists(st.sampled_from(known), min_size=1, max_size=most, unique=True))
    values: list[Any] = [float(it) for it in texts] if column == "n" else texts
    means: dict[str, Callable[[Any], bool]] = {
        "in": lambda it: it in values,
        "not in": lambda it: it not in values,
        "from": lambda it: it >= values[0] and (column == "n" or it[:2] == "20"),
        "to": lambda it: it <= values[0] and (column == "n" or it[:2] == "20"),
    }
    meant = means[sign]
    return (
        f"{column} {sign} {' | '.join(texts)}",
        lambda row: row[column] is not None and meant(row[column]),
    )


DATA = st.lists(
    st.tuples(
        st.none() | st.sampled_from([1.0, 2.0, 3.5, 4.0]),
        *(st.none() | st.sampled_from(TEXTS) for _ in range(2)),
    ),
    max_size=6,
)


@settings(max_examples=40, deadline=None)
@given(data=DATA, stated=st.lists(conditions(), min_size=1, max_size=3))
def test_no_row_is_used_beyond_the_agreement(
    data: list[tuple[Any, ...]], stated: list[Stated]
) -> None:
    """Rows that leave, rows of cells and rows of training are those that all conditions mean."""
    terms = [
        Constraint(PREAU + "rowCondition", Operator.IS_ALL_OF, (Literal(text),))
        for text, _ in stated
    ]
    named = [dict(zip(TYPES, row, strict=True)) for row in data]
    agreed_on = [row for row in named if all(holds(row) for _, holds in stated)]
    ground = Data(tuple(Field(name, datatype) for name, datatype in TYPES.items()))
    tests, of_cells = (
        registry.table(plan.uses[0].steps).minimise.rows
        for action in ("read", "aggregate")
        for plan in [compile_agreement(agreed(one_rule(action, *terms)), MECHANISMS, PUPILS)]
    )
    found = delivered(uses(tuple(TYPES), tests), table(data, ground), ground=ground)
    assert [dict(zip(TYPES, row, strict=True)) for row in found] == agreed_on
    rule = one_rule(train.FEDERATED_TRAINING, *terms, *TRAINING)
    pupils = replace(PUPILS, columns=(*PUPILS.columns, PERSON), person_column="p", personal=True)
    of_training = train.rows_of(compile_agreement(agreed(rule), MECHANISMS, pupils))
    assert of_cells == of_training == tests
    whole = from_columns({name: [_text(row[name]) for row in named] for name in TYPES})
    chosen = row_test.passing(whole, [row_test.RowTest.of(it.body()) for it in tests])
    assert [row for row, kept in zip(named, chosen, strict=True) if kept] == agreed_on


def _text(value: Any) -> str:
    return "" if value is None else str(value)
