"""Random policies, requests and facts over a small world, so that they meet often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from policies_odrl import (
    Action,
    AssetRef,
    Conflict,
    Connective,
    Constraint,
    Duty,
    Facts,
    Iri,
    Literal,
    LogicalConstraint,
    Operator,
    PartyRef,
    Performed,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Request,
)
from policies_odrl.algebra.domain import Fact
from policies_odrl.model import ODRL, XSD, Condition
from policies_odrl.vocabulary import DPV, PREAU, PROFILE

PURPOSES = [
    DPV + name
    for name in (
        "Purpose",
        "ResearchAndDevelopment",
        "AcademicResearch",
        "CommercialResearch",
        "CommercialPurpose",
        "Marketing",
        "Advertising",
    )
] + ["https://w3id.org/dpv/sector/education#ResearchManagement", "urn:example:unknown"]
ACTIONS = [ODRL + name for name in ("use", "read", "play", "display", "sell", "transfer")] + [
    PREAU + "federatedTraining"
]
PARTIES = ["urn:example:alice", "urn:example:bob"]
ASSETS = ["urn:example:a", "urn:example:b"]
START = datetime(2026, 1, 1, tzinfo=UTC)

numbers = st.sampled_from([Decimal(value) for value in ("0.5", "1", "2", "3", "5")])
instants = st.integers(0, 6).map(lambda days: START + timedelta(days=days, hours=12))


def literal(kind: str, lexical: str) -> Literal:
    return Literal(lexical, XSD + kind)


purpose_constraints = st.builds(
    lambda operator, values: Constraint(
        ODRL + "purpose",
        operator,
        tuple(
            Iri(value)
            for value in values[
                : 1 if operator in {Operator.IS_A, Operator.EQ, Operator.NEQ} else 3
            ]
        ),
    ),
    st.sampled_from(
        [
            Operator.IS_A,
            Operator.IS_ANY_OF,
            Operator.IS_NONE_OF,
            Operator.IS_ALL_OF,
            Operator.EQ,
            Operator.NEQ,
        ]
    ),
    st.lists(st.sampled_from(PURPOSES), min_size=1, max_size=3, unique=True),
)
order = st.sampled_from(
    [Operator.LT, Operator.LTEQ, Operator.GT, Operator.GTEQ, Operator.EQ, Operator.NEQ]
)
number_constraints = st.builds(
    lambda left, operator, value: Constraint(left, operator, (literal("decimal", str(value)),)),
    st.sampled_from([PREAU + "epsilon", ODRL + "percentage", ODRL + "count"]),
    order,
    numbers,
)
number_lists = st.builds(
    lambda operator, values: Constraint(
        ODRL + "percentage", operator, tuple(literal("decimal", str(value)) for value in values)
    ),
    st.sampled_from([Operator.IS_ANY_OF, Operator.IS_NONE_OF]),
    st.lists(numbers, min_size=1, max_size=3, unique=True),
)
time_constraints = st.builds(
    lambda operator, at: Constraint(
        ODRL + "dateTime", operator, (literal("dateTime", at.isoformat()),)
    ),
    order,
    instants,
)
date_constraints = st.builds(
    lambda operator, at: Constraint(
        ODRL + "dateTime", operator, (literal("date", at.date().isoformat()),)
    ),
    order,
    instants,
)
duration_constraints = st.builds(
    lambda operator, value: Constraint(
        ODRL + "elapsedTime", operator, (literal("duration", value),)
    ),
    order,
    st.sampled_from(["P1D", "P28D", "P30D", "P31D", "P1M", "P2M", "P1Y"]),
)
member_constraints = st.builds(
    lambda operator, value: Constraint(PREAU + "membership", operator, (Iri(value),)),
    st.sampled_from([Operator.EQ, Operator.NEQ, Operator.IS_ANY_OF, Operator.IS_NONE_OF]),
    st.sampled_from(["urn:example:space", "urn:example:other"]),
)
atoms = st.one_of(
    purpose_constraints,
    number_constraints,
    number_lists,
    time_constraints,
    date_constraints,
    duration_constraints,
    member_constraints,
)


def _logical(children: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    return st.builds(
        LogicalConstraint,
        st.sampled_from(Connective),
        st.lists(children, min_size=1, max_size=3).map(tuple),
    )


conditions = st.recursive(atoms, _logical, max_leaves=4)
condition_lists = st.lists(conditions, max_size=4).map(tuple)
actions = st.builds(Action, st.sampled_from(ACTIONS), st.lists(atoms, max_size=1).map(tuple))
parties = st.none() | st.sampled_from(PARTIES).map(PartyRef)
assets = st.none() | st.sampled_from(ASSETS).map(AssetRef)
duties = st.builds(
    Duty,
    action=st.sampled_from([ODRL + "compensate", ODRL + "delete"]).map(Action),
    constraints=st.lists(time_constraints, max_size=1).map(tuple),
)
permissions = st.builds(
    Permission,
    action=actions,
    target=assets,
    assignee=parties,
    constraints=condition_lists,
    duties=st.lists(duties, max_size=1).map(tuple),
)
prohibitions = st.builds(
    Prohibition,
    action=actions,
    target=assets,
    assignee=parties,
    constraints=condition_lists,
)
policies = st.builds(
    Policy,
    kind=st.just(PolicyKind.SET),
    id=st.just("urn:example:policy"),
    permissions=st.lists(permissions, min_size=1, max_size=3).map(tuple),
    prohibitions=st.lists(prohibitions, max_size=2).map(tuple),
    obligations=st.lists(duties, max_size=1).map(tuple),
    profiles=st.just((PROFILE,)),
    conflict=st.none() | st.sampled_from(Conflict),
)

_values: st.SearchStrategy[dict[str, tuple[Fact, ...]]] = st.fixed_dictionaries(
    {},
    optional={
        ODRL + "purpose": st.lists(st.sampled_from(PURPOSES), min_size=1, max_size=2).map(tuple),
        PREAU + "epsilon": numbers.map(lambda value: (value,)),
        ODRL + "percentage": numbers.map(lambda value: (value,)),
        ODRL + "count": numbers.map(lambda value: (value,)),
        ODRL + "elapsedTime": st.sampled_from(["P1D", "P29D", "P1M", "P3M"]).map(
            lambda value: (value,)
        ),
        PREAU + "membership": st.lists(
            st.sampled_from(["urn:example:space", "urn:example:other"]), min_size=1, max_size=2
        ).map(tuple),
    },
)
requests = st.builds(
    Request,
    action=st.sampled_from(ACTIONS),
    assignee=st.sampled_from(["", *PARTIES]),
    target=st.sampled_from([None, *ASSETS]),
    facts=_values,
)
acts = st.builds(
    Performed,
    action=st.sampled_from([ODRL + "compensate", ODRL + "delete"]),
    at=instants,
    party=st.sampled_from(["", *PARTIES]),
)
facts = st.builds(Facts, now=st.none() | instants, performed=st.lists(acts, max_size=2).map(tuple))
