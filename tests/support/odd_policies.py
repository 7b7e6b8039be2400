"""Random policies of every shape that the model allows, sensible or not.

`policy_strategies.py` makes policies that decide something; these only have to be said and read.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from policies_odrl import (
    Action,
    AssetRef,
    Conflict,
    Connective,
    Constraint,
    Duty,
    Iri,
    Literal,
    LogicalConstraint,
    Operator,
    PartyRef,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
)
from policies_odrl.concepts import hierarchy
from policies_odrl.model import ODRL, XSD, XSD_STRING, Condition
from policies_odrl.vocabulary import (
    DCT,
    FUNCTIONS,
    INCLUDED_IN,
    LEVELS,
    OPERANDS,
    PROFILE,
    SAME_ACTION,
)

_ODD = [
    "urn:example:not",
    "urn:example:exactly",
    "urn:x:or",
    "urn:uuid:0b7f9b8e-6f0d-4d1c-9a52-1f1f1f1f1f1f",
    "https://example.org/with space",
    'https://example.org/quote"d/«x»',
    "did:web:lycée.example",
    "https://example.org/rule [5]).",
    "nothing",
    "urn:line\nbreak",
    "urn:x:5",
    "[1]",
    ODRL + "noSuchTerm",
    ODRL + "read",
    "http://qudt.org/vocab/currency/EUR",
    XSD + "decimal",
]
iris = st.sampled_from(_ODD)
concepts = st.sampled_from(
    [*sorted(hierarchy("purposes"))[:40], *(step for steps in LEVELS.values() for step in steps)]
)
text = st.text(max_size=8) | st.sampled_from(
    [
        "5",
        "a, b or c",
        '" (number)',
        " (condition [1]).",
        "“x”",
        "« y »",
        "\u2028",
        "\x00",
        "\ud800",
    ]
)
datatypes = st.sampled_from([XSD_STRING, XSD + "integer", XSD + "date", "urn:example:type"])
decimals = st.decimals(-1000, 1000, places=3).map(lambda n: Literal(f"{n}", XSD + "decimal"))
dates = st.dates().map(lambda day: Literal(day.isoformat(), XSD + "date"))
zones = st.sampled_from(["", "Z", "+02:00", "-11:30"])
moments = st.builds(
    lambda at, zone: Literal(at.isoformat() + zone, XSD + "dateTime"), st.datetimes(), zones
)
durations = st.sampled_from(
    ["P1D", "P01D", "PT1M", "P1M", "-P1Y2M3DT4H5M6.70S", "P0D", "PT36H", "P1Y", "PT0.5S", "P"]
).map(lambda span: Literal(span, XSD + "duration"))
literals = st.builds(Literal, text, datatypes, st.sampled_from(["", "", "fr", 'x"y']))
values = st.one_of(iris.map(Iri), concepts.map(Iri), literals, decimals, dates, moments, durations)
lefts = st.sampled_from([*sorted(OPERANDS), "urn:example:operand", ODRL + "noSuchOperand"])
maybe_iri = st.just("") | iris
names = st.builds(
    Literal,
    st.sampled_from(["la DEPP", "le labo", "les écoles", "the data", "not", "the members of not"]),
    st.just(XSD_STRING),
    st.sampled_from(["", "fr", "en-GB"]),
)

LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
described = st.tuples(iris | st.just(LABEL), values) | st.tuples(st.just(LABEL), names)
notes = st.just(()) | st.lists(described, max_size=1).map(tuple)
constraints = st.builds(
    Constraint,
    left=lefts,
    operator=st.sampled_from(Operator),
    right=st.lists(values, min_size=0, max_size=3).map(tuple),
    unit=st.just("") | iris,
    datatype=st.just("") | datatypes,
    reference=st.just(()) | st.lists(iris, max_size=2).map(tuple),
    status=st.none() | values,
    id=maybe_iri,
    notes=notes,
)
plain_constraints = st.builds(
    lambda left, operator, value: Constraint(left, operator, (value,)),
    lefts,
    st.sampled_from(Operator),
    values,
)
_conditions = st.recursive(
    constraints | plain_constraints,
    lambda inner: st.builds(
        LogicalConstraint,
        st.sampled_from(Connective),
        st.lists(inner, max_size=3).map(tuple),
        maybe_iri,
        notes,
    ),
    max_leaves=4,
)


@st.composite
def _named(draw: st.DrawFn, name: str) -> Any:
    """Draw from a strategy of this module by its name, which keeps its representation short."""
    return draw(globals()[name])


some: st.SearchStrategy[tuple[Condition, ...]] = _named("_some")
few: st.SearchStrategy[tuple[Condition, ...]] = _named("_few")
_some = st.lists(_conditions, max_size=2).map(tuple)
_few = st.lists(plain_constraints, max_size=1).map(tuple)
_actions = st.builds(
    Action,
    st.sampled_from([*sorted(INCLUDED_IN), *sorted(SAME_ACTION)]) | iris,
    few,
    maybe_iri,
    notes,
)
_assets = st.builds(AssetRef, maybe_iri, st.booleans(), maybe_iri, few, notes)
_parties = st.builds(PartyRef, maybe_iri, st.booleans(), maybe_iri, few, notes)
actions: st.SearchStrategy[Action] = _named("_actions")
assets: st.SearchStrategy[AssetRef] = _named("_assets")
parties: st.SearchStrategy[PartyRef] = _named("_parties")
_parts: dict[str, st.SearchStrategy[Any]] = {
    "action": actions,
    "target": st.none() | assets,
    "assigner": st.none() | parties,
    "assignee": st.none() | parties,
    "output": st.none() | assets,
    "functions": st.lists(
        st.tuples(st.sampled_from(sorted(FUNCTIONS)) | iris, parties), max_size=1
    ).map(tuple),
    "id": maybe_iri,
    "notes": notes,
}
_plain_duties = st.builds(Duty, constraints=few, **_parts)
duties = st.recursive(
    _named("_plain_duties"),
    lambda inner: st.builds(
        Duty, constraints=few, consequences=st.lists(inner, max_size=2).map(tuple), **_parts
    ),
    max_leaves=3,
)
odd_policies = st.builds(
    Policy,
    kind=st.sampled_from(PolicyKind),
    id=maybe_iri,
    permissions=st.lists(
        st.builds(
            Permission, constraints=some, duties=st.lists(duties, max_size=1).map(tuple), **_parts
        ),
        max_size=2,
    ).map(tuple),
    prohibitions=st.lists(
        st.builds(
            Prohibition,
            constraints=few,
            remedies=st.lists(duties, max_size=1).map(tuple),
            **_parts,
        ),
        max_size=1,
    ).map(tuple),
    obligations=st.lists(duties, max_size=1).map(tuple),
    profiles=st.lists(iris | st.just(PROFILE), max_size=2).map(tuple),
    conflict=st.none() | st.sampled_from(Conflict),
    target=st.none() | assets,
    assigner=st.none() | parties,
    assignee=st.none() | parties,
    inherits=st.lists(iris, max_size=2).map(tuple),
    replaced_by=maybe_iri,
    timestamp=st.just("") | text | moments.map(lambda value: value.lexical),
    metadata=st.lists(
        st.tuples(iris | st.sampled_from([DCT + "title", DCT + "creator"]), values), max_size=2
    ).map(tuple),
)
