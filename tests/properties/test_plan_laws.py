"""No plan lets a column or a level leave beyond what its agreement says."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from connector.bootstrap.mechanisms import MECHANISMS
from connector.domain.catalog.dataset import Column, ColumnClass
from connector.enforcement.compile import compile_agreement
from connector.enforcement.ground import Ground
from connector.enforcement.steps import registry
from connector.enforcement.steps.release import LEVELS, RAW
from connector.errors import PreauError
from policies_odrl import Constraint, Literal, Operator
from policies_odrl.model import ODRL
from policies_odrl.vocabulary import PREAU
from tests.support.policies import agreed, amount, name_is, one_rule

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
