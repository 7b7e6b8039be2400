"""Contracts on rows and cells: which steps they become, and what cannot be upheld."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from connector.bootstrap.mechanisms import MECHANISMS
from connector.domain.catalog.dataset import Column, ColumnClass
from connector.domain.catalog.dictionary import TERRITORIES, Category, Meaning
from connector.domain.catalog.hierarchy import Hierarchy, Tier
from connector.enforcement.compile import compile_agreement, outline
from connector.enforcement.coverage import cover
from connector.enforcement.ground import Ground
from connector.enforcement.plan import Label
from connector.enforcement.steps import registry as steps
from connector.enforcement.steps.generalise import Generalise, How, Level
from connector.enforcement.steps.noise import Noise, Range
from connector.enforcement.steps.pseudonymise import Scope
from connector.enforcement.steps.table import TableSteps
from connector.errors import ConstraintUnknown, PolicyInvalid
from policies_odrl import Action, Constraint, Literal, Operator, Policy, Prohibition
from policies_odrl.model import ODRL, Condition
from policies_odrl.reading.reader import load
from policies_odrl.vocabulary import DPV, PREAU
from tests.support.each import over
from tests.support.policies import (
    CONSUMER,
    SPACE,
    agreed,
    amount,
    name_is,
    one_rule,
    purpose,
    until,
)

DIRECT, QUASI = ColumnClass.DIRECT_IDENTIFIER, ColumnClass.QUASI_IDENTIFIER
PUPILS = Ground(
    (
        Column("ine", DIRECT, "category"),
        Column("name", DIRECT, "category"),
        Column("region", QUASI, "category"),
        Column("grade", QUASI, "number"),
        Column("reading", ColumnClass.SENSITIVE, "number"),
    ),
    "ine",
    4,
)
SCHOOLS = Ground((Column("uai", ColumnClass.OTHER, "category"),), "", 1, personal=False)
ALL = ("region", "grade", "reading")


def columns(*names: str, operator: str = "isAnyOf") -> Constraint:
    return Constraint(PREAU + "columns", Operator(operator), tuple(map(Literal, names)))


def level(name: str, operator: str = "gteq") -> Constraint:
    return name_is("protectionLevel", PREAU + name, operator)


def scope(name: str) -> Constraint:
    return name_is("pseudonymScope", PREAU + name)


def granularity(name: str, operator: str = "gteq") -> Constraint:
    return name_is("granularity", PREAU + name, operator)


def told(meaning: Meaning) -> Ground:
    """The pupils, with what the dictionary says of `region`."""
    columns = (replace(it, meaning=meaning) if it.name == "region" else it for it in PUPILS.columns)
    return replace(PUPILS, columns=tuple(columns))


def formats(*names: str) -> Constraint:
    return Constraint(ODRL + "fileFormat", Operator.IS_ANY_OF, tuple(map(Literal, names)))


def contract(action: str, *terms: Condition) -> Policy:
    return agreed(one_rule(action, *terms))


def made(action: str, *terms: Condition, ground: Ground = PUPILS) -> TableSteps:
    plan = compile_agreement(contract(action, *terms), MECHANISMS, ground)
    return steps.table(plan.uses[0].steps)


ROWS: dict[str, tuple[tuple[Condition, ...], Ground, tuple[str, ...], tuple[str, ...], str]] = {
    "nothing said": ((), PUPILS, ALL, (), "Minimised"),
    "at least raw": ((level("Raw"),), PUPILS, ALL, (), "Minimised"),
    "raw": ((level("Raw", "eq"),), PUPILS, ("ine", "name", *ALL), (), "Raw"),
    "an identifier that is listed": (
        (columns("name", "grade"),),
        PUPILS,
        ("name", "grade"),
        (),
        "Minimised",
    ),
    "all but some": (
        (columns("grade", operator="isNoneOf"),),
        PUPILS,
        ("region", "reading"),
        (),
        "Minimised",
    ),
    "two lists": (
        (columns("region", "grade"), columns("grade", "reading")),
        PUPILS,
        ("grade",),
        (),
        "Minimised",
    ),
    "pseudonyms": ((level("Pseudonymised"),), PUPILS, ("ine", *ALL), ("ine",), "Pseudonymised"),
    "pseudonyms by their scope": (
        (scope("PerProject"),),
        PUPILS,
        ("ine", *ALL),
        ("ine",),
        "Pseudonymised",
    ),
    "two pseudonyms": (
        (level("Pseudonymised", "eq"), columns("ine", "name", "grade")),
        PUPILS,
        ("ine", "name", "grade"),
        ("ine", "name"),
        "Pseudonymised",
    ),
    "nobody's data": ((), SCHOOLS, ("uai",), (), "Anonymised"),
    "nobody's data, demanded": ((level("Anonymised"),), SCHOOLS, ("uai",), (), "Anonymised"),
}


@over("name", ROWS)
def test_rows(name: str) -> None:
    terms, ground, used, pseudonyms, reached = ROWS[name]
    found = made("read", *terms, ground=ground)
    assert (found.minimise.columns, found.pseudonyms) == (used, pseudonyms)
    assert (found.release.level, found.where.runs) == (reached, "delivered")


SCOPES: dict[str, tuple[tuple[Condition, ...], str, tuple[str, ...]]] = {
    "without one": ((level("Pseudonymised"),), "contract", (CONSUMER,)),
    "of the contract": ((scope("PerContract"),), "contract", (CONSUMER,)),
    "of a project": (
        (scope("PerProject"), purpose("Marketing", "AcademicResearch")),
        "project",
        (CONSUMER, DPV + "AcademicResearch", DPV + "Marketing"),
    ),
    "of a period": ((scope("PerPeriod"),), "period", (CONSUMER,)),
    "of a delivery": ((scope("PerDelivery"),), "delivery", (CONSUMER,)),
}


@over("name", SCOPES)
def test_scopes_of_pseudonyms(name: str) -> None:
    terms, kind, parts = SCOPES[name]
    step = made("read", *terms).pseudonymise
    assert step is not None
    assert (step.scope.kind, step.scope.of) == (kind, parts)


def test_formats_of_files() -> None:
    assert made("read").release.formats == ("arrow", "parquet", "csv", "jsonl")
    assert made("read", formats("text/csv", "application/json")).release.formats == ("csv",)


CELLS: dict[str, tuple[tuple[Condition, ...], Ground, tuple[str, ...], tuple[str, ...], int]] = {
    "nothing said": ((), PUPILS, ALL, ("grade", "reading"), 10),
    "more persons a cell": (
        (amount("minimumCellCount", "25", "gteq"),),
        PUPILS,
        ALL,
        ("grade", "reading"),
        25,
    ),
    "the strictest counts": (
        (amount("minimumCellCount", "5", "gteq"), amount("minimumCellCount", "11", "gteq")),
        PUPILS,
        ALL,
        ("grade", "reading"),
        11,
    ),
    "few columns": ((columns("ine", "region"),), PUPILS, ("region",), (), 10),
    "nobody's data": ((), SCHOOLS, ("uai",), (), 10),
}


@over("name", CELLS)
def test_cells(name: str) -> None:
    terms, ground, dimensions, measures, minimum = CELLS[name]
    found = made("aggregate", *terms, ground=ground)
    step = found.aggregate
    assert step is not None
    assert (step.dimensions, step.measures, step.minimum) == (dimensions, measures, minimum)
    assert ("persons" in step.functions) is ground.personal
    assert ("sum" in step.functions) is bool(measures)
    assert (found.release.level, found.where.runs) == ("Aggregated", "query")


PERSONS = name_is("unitOfPrivacy", PREAU + "Person")
BUDGET = (amount("epsilon", "2"), amount("delta", "0.00001"), PERSONS)


def test_noise() -> None:
    """A budget of privacy gives cells noise; of a smallest cell nothing need be said then."""
    found = made("aggregate", *BUDGET)
    assert found.noise is not None
    assert found.aggregate is not None
    assert (found.noise.epsilon, found.noise.delta, found.aggregate.minimum) == (2.0, 1e-5, 1)
    assert (found.noise.ranges, found.noise.categories) == ({}, {})
    assert found.noise.rows_per_person == PUPILS.rows_per_person
    fewer = made("aggregate", *BUDGET, amount("rowsPerPerson", "1")).noise
    assert fewer is not None
    assert fewer.rows_per_person == 1
    at_least = made("aggregate", *BUDGET, amount("minimumCellCount", "5", "gteq")).aggregate
    assert at_least is not None
    assert at_least.minimum == 5
    found_figures = outline(contract("aggregate", *BUDGET), MECHANISMS).figures
    assert (found_figures.epsilon, found_figures.delta) == (2.0, 1e-5)
    assert outline(contract("aggregate"), MECHANISMS).figures.epsilon == 0.0


def test_noise_is_measured_by_what_the_dictionary_says() -> None:
    stated = {
        "region": Meaning(categories=(Category("B"), Category("A"))),
        "grade": Meaning(categories=(Category("1"), Category("01"), Category("2.50"))),
        "reading": Meaning(lower=-5.0, upper=20.0),
        "ine": Meaning(categories=(Category("a"),)),
    }
    described = (replace(it, meaning=stated.get(it.name, it.meaning)) for it in PUPILS.columns)
    noise = made("aggregate", *BUDGET, ground=replace(PUPILS, columns=tuple(described))).noise
    assert noise is not None
    assert noise.ranges == {"reading": Range(-5.0, 20.0, 0.01)}
    assert noise.categories == {"region": ("B", "A"), "grade": ("1", "2.5")}


def test_noise_is_over_all_units_of_a_territory_and_none_of_the_rows() -> None:
    def noise(meaning: Meaning, *demanded: Condition) -> Noise:
        found = made("aggregate", *BUDGET, *demanded, ground=told(meaning)).noise
        assert found is not None
        return found

    academies = noise(Meaning(territory="commune"), granularity("EducationAuthority"))
    assert len(academies.units["region"]) == 30
    assert academies.version == 2
    groups = noise(GROUPED, granularity("MunicipalGroup"))
    assert groups.units == {"region": ("200065928", "243500139")}
    own = noise(Meaning(territory="departement"))
    assert (len(own.categories["region"]), own.units, own.version) == (101, {}, 1)
    listed = noise(Meaning(territory="departement", categories=(Category("35"),)))
    assert listed.categories == {"region": ("35",)}
    unlisted = replace(GROUPS, tiers=(Tier("epci", 2001),))
    nothing = noise(replace(GROUPED, hierarchy=unlisted), granularity("MunicipalGroup"))
    assert (nothing.units, nothing.categories) == ({}, {})


def test_one_contract_has_one_budget() -> None:
    tables = one_rule("aggregate", *BUDGET)
    (rule,) = tables.permissions
    training = replace(rule, action=Action(PREAU + "federatedTraining"))
    with pytest.raises(PolicyInvalid, match="two contracts"):
        outline(agreed(replace(tables, permissions=(rule, training))), MECHANISMS)
    free = replace(rule, action=Action(ODRL + "read"), constraints=())
    assert outline(agreed(replace(tables, permissions=(rule, free))), MECHANISMS).figures.epsilon


BOTH = (
    purpose("AcademicResearch"),
    name_is("membership", SPACE),
    name_is("dpia", "urn:dpia"),
    name_is(DPV + "hasLegalBasis", "urn:basis", "isA"),
    level("Pseudonymised"),
    scope("PerContract"),
    amount("retention", "P1Y"),
    until(),
)
FORBIDDEN = tuple(
    Prohibition(action=Action(name))
    for name in (ODRL + "sell", ODRL + "distribute", PREAU + "reidentify")
)


def test_rows_and_cells_in_one_contract() -> None:
    policy = one_rule("read", *BOTH)
    (rule,) = policy.permissions
    cells = replace(rule, action=Action(ODRL + "aggregate"))
    policy = agreed(replace(policy, permissions=(rule, cells), prohibitions=FORBIDDEN))
    plan = compile_agreement(policy, MECHANISMS, PUPILS)
    assert [use.mechanism for use in plan.uses] == ["deliver", "query"]
    labels = [line.label for line in cover(policy, MECHANISMS)]
    checked, enforced, audited = Label.CHECKED, Label.ENFORCED, Label.AUDITED
    of_one = [enforced, *[checked] * 4, enforced, enforced, audited, checked]
    assert labels == [*of_one, *of_one, *[audited] * 3]


def test_rows_are_not_for_a_contract_on_cells() -> None:
    bans = tuple(Prohibition(action=Action(ODRL + name)) for name in ("read", "reproduce"))
    lines = cover(replace(contract("aggregate"), prohibitions=bans), MECHANISMS)
    assert [line.label for line in lines] == [Label.ENFORCED, Label.CHECKED, Label.CHECKED]


UNUPHELD: dict[str, tuple[str, tuple[Condition, ...], str]] = {
    "synthetic rows": ("read", (level("Synthetic"),), "protectionLevel"),
    "cells as rows": ("read", (level("Aggregated"),), "protectionLevel"),
    "persons made anonymous": ("read", (level("Anonymised"),), "Anonymised"),
    "k": ("read", (amount("kAnonymity", "5", "gteq"),), "kAnonymity"),
    "territories": ("aggregate", (granularity("Planet"),), "granularity"),
    "an unknown format": ("read", (formats("application/json"),), "fileFormat"),
    "cells of synthetic data": ("aggregate", (level("Synthetic", "eq"),), "protectionLevel"),
    "fewer persons a cell": ("aggregate", (amount("minimumCellCount", "5"),), "minimumCellCount"),
    "noise on rows": ("read", (amount("epsilon", "1"),), "epsilon"),
    "a bubble": ("execute", (), "execute"),
    "who asked": ("read", (name_is("requestedBy", PREAU + "DataSubject"),), "requestedBy"),
}


@over("name", UNUPHELD)
def test_what_no_mechanism_makes_is_refused_by_name(name: str) -> None:
    action, terms, part = UNUPHELD[name]
    with pytest.raises(ConstraintUnknown) as caught:
        compile_agreement(contract(action, *terms), MECHANISMS, PUPILS)
    assert part in caught.value.reason


GROUPS = Hierarchy(
    *("Groups", "INSEE", "2026-01-01", "a" * 64, 4),
    (Tier("epci", 2, ("200065928", "243500139")), Tier("zone", 1, ("west",))),
)
TRADES = Hierarchy(
    *("Trades", "INSEE", "2020-01-01", "b" * 64, 5),
    (Tier("csp24", 3, ("10", "21", "22")), Tier("csp6", 2, ("1", "2"))),
)
GROUPED = Meaning(territory="commune", hierarchy=GROUPS)
CODES: dict[str, tuple[Meaning, Constraint, How | None]] = {
    "communes by académie": (
        Meaning(territory="commune"),
        granularity("EducationAuthority"),
        Level("communes", "academie"),
    ),
    "communes by groups of them, or larger": (
        Meaning(territory="commune"),
        granularity("MunicipalGroup"),
        Level("communes", "departement"),
    ),
    "départements by exactly a région": (
        Meaning(territory="departement"),
        granularity("Region", "eq"),
        Level("departements", "region"),
    ),
    "no smaller than what is there": (
        Meaning(territory="departement"),
        granularity("Department", "eq"),
        None,
    ),
    "larger than demanded": (Meaning(territory="region"), granularity("Department"), None),
    "communes by exactly their group": (
        GROUPED,
        granularity("MunicipalGroup", "eq"),
        Level("Groups", "epci", "a" * 64),
    ),
    "what is declared goes before what is known": (
        replace(GROUPED, hierarchy=replace(GROUPS, tiers=(Tier("departement", 1, ("35",)),))),
        granularity("Department"),
        Level("Groups", "departement", "a" * 64),
    ),
    "larger than what is declared": (
        GROUPED,
        granularity("EducationAuthority"),
        Level("communes", "academie"),
    ),
    "schools": (
        Meaning(territory="uai"),
        granularity("EducationAuthority", "eq"),
        Level("etablissements", "academie"),
    ),
    "codes that only the hierarchy knows": (
        Meaning(hierarchy=GROUPS),
        granularity("Municipality"),
        Level("Groups", "epci", "a" * 64),
    ),
    "what leaves at a level alone": (
        Meaning(hierarchy=TRADES, leaves_as="csp6"),
        purpose(DPV + "AcademicResearch"),
        Level("Trades", "csp6", "b" * 64),
    ),
    "days by a part of them": (
        Meaning(leaves_as="decade"),
        purpose(DPV + "AcademicResearch"),
        "decade",
    ),
    "the larger of level and policy": (
        replace(GROUPED, leaves_as="epci"),
        granularity("Department"),
        Level("communes", "departement"),
    ),
    "a territory that leaves larger than the policy says": (
        replace(GROUPED, leaves_as="epci"),
        granularity("Municipality"),
        Level("Groups", "epci", "a" * 64),
    ),
}


@over("name", CODES)
def test_codes_of_territories_get_coarser(name: str) -> None:
    meaning, demanded, level = CODES[name]
    expected = [] if level is None else [Generalise("region", level)]
    for action in ("read", "aggregate"):
        found = made(action, demanded, ground=told(meaning))
        assert list(found.generalise) == expected
    without = made("read", demanded, columns("grade"), ground=told(meaning))
    assert not without.generalise


DEMANDS = tuple(product(TERRITORIES, ("eq", "gteq")))


@over("own", TERRITORIES)
def test_the_smallest_territory_that_meets_all_demands_leaves_or_the_policy_does_not_fit(
    own: str,
) -> None:
    sizes = list(TERRITORIES)
    coarser = ("departement", "academie", "region") if own in ("commune", "departement") else ()
    reached = [each for each in sizes if each == own or each in coarser]
    reached = [each for each in reached if sizes.index(each) >= sizes.index(own)]
    for pair in product(DEMANDS, DEMANDS):
        terms = [granularity(TERRITORIES[unit], operator) for unit, operator in pair]
        fit = [
            each
            for each in reached
            if all(
                each == unit if operator == "eq" else sizes.index(each) >= sizes.index(unit)
                for unit, operator in pair
            )
        ]
        if not fit:
            with pytest.raises(PolicyInvalid):
                made("aggregate", *terms, ground=told(Meaning(territory=own)))
            continue
        found = made("aggregate", *terms, ground=told(Meaning(territory=own))).generalise
        levels = [each.how.level for each in found if isinstance(each.how, Level)]
        assert (levels or [own]) == fit[:1], (own, pair)


def test_the_contract_of_monthly_counts_runs_where_the_dictionary_tells_territories() -> None:
    file = Path(__file__).parents[2] / "examples/contracts/effectifs/contrat.json"
    policy = load(file)
    assert isinstance(policy, Policy)
    assert cover(policy, MECHANISMS)
    plan = compile_agreement(policy, MECHANISMS, told(Meaning(territory="commune")))
    found = steps.table(plan.uses[0].steps)
    assert found.generalise == (Generalise("region", Level("communes", "departement")),)
    with pytest.raises(PolicyInvalid, match="whose codes"):
        compile_agreement(policy, MECHANISMS, PUPILS)


def test_pseudonyms_of_a_cohort_are_the_consumers_for_all_purposes() -> None:
    found = made("read", scope("PerCohort"), purpose(DPV + "AcademicResearch"))
    assert found.pseudonymise is not None
    assert found.pseudonymise.scope == Scope("cohort", (CONSUMER,))


UNFIT: dict[str, tuple[str, tuple[Condition, ...], Any, str]] = {
    "cells of which each is a person": (
        "read",
        (amount("minimumCellCount", "5", "gteq"),),
        PUPILS,
        "row here is about one person",
    ),
    "cells over nobody knows how many": (
        "read",
        (amount("minimumCellCount", "5", "gteq"),),
        replace(PUPILS, personal=False),
        "how many persons a row is about",
    ),
    "an unknown column": ("read", (columns("marks"),), PUPILS, "no column `marks`"),
    "no column": ("read", (columns("ine"), columns("name")), PUPILS, "leaves no column"),
    "only identifiers of which none is listed": (
        "read",
        (columns(*ALL, operator="isNoneOf"),),
        PUPILS,
        "all identify",
    ),
    "nothing to pseudonymise": (
        "read",
        (columns("grade"), level("Pseudonymised")),
        PUPILS,
        "list the person column",
    ),
    "two levels": ("read", (level("Raw", "eq"), level("Minimised", "eq")), PUPILS, "levels"),
    "a level and a scope": ("read", (level("Raw", "eq"), scope("PerProject")), PUPILS, "levels"),
    "two scopes": ("read", (scope("PerProject"), scope("PerPeriod")), PUPILS, "several scopes"),
    "no format": (
        "read",
        (formats("text/csv"), formats("application/jsonl")),
        PUPILS,
        "no file format",
    ),
    "territories that no column tells": ("aggregate", (granularity("Region"),), PUPILS, "whose"),
    "a group of communes": (
        *("read", (granularity("MunicipalGroup", "eq"),), told(Meaning(territory="commune"))),
        "generalise `region` to epci",
    ),
    "a level beside an exact demand": (
        *("read", (granularity("Department", "eq"),)),
        *(told(Meaning(hierarchy=TRADES, territory="commune", leaves_as="csp6")), "leave the"),
    ),
    "a hierarchy of no territory": (
        *("read", (granularity("Region"),), told(Meaning(hierarchy=TRADES)), "whose codes"),
    ),
    "an académie as its région": (
        *("read", (granularity("Region"),), told(Meaning(territory="academie"))),
        "leave the column out",
    ),
    "larger than exactly demanded": (
        *("aggregate", (granularity("Department", "eq"),), told(Meaning(territory="region"))),
        "generalise `region` to departement",
    ),
    "two granularities": (
        *("read", (granularity("Region"), granularity("Department", "eq"))),
        *(told(Meaning(territory="commune")), "several territorial"),
    ),
    "cells of identifiers": ("aggregate", (columns("ine"),), PUPILS, "all identify"),
    "a budget that is not whole": ("aggregate", BUDGET[1:], PUPILS, "no `"),
    "a budget of nobody": ("aggregate", BUDGET[:2], PUPILS, "be the person"),
    "a budget of data of nobody": ("aggregate", BUDGET, SCHOOLS, "no person column"),
    "half a person": ("aggregate", (amount("minimumCellCount", "5.5", "gteq"),), PUPILS, "whole"),
}


@over("name", UNFIT)
def test_what_does_not_fit_the_dataset_has_no_plan(name: str) -> None:
    action, terms, ground, part = UNFIT[name]
    with pytest.raises(PolicyInvalid) as caught:
        compile_agreement(contract(action, *terms), MECHANISMS, ground)
    assert part in caught.value.reason
