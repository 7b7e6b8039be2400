"""Documents that are not policies: every fault is listed, none crashes, none costs the earth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings

from policies_odrl import Finding, Knowledge, OdrlError, inspect, read_all
from policies_odrl.checking.findings import (
    MAX_FINDINGS,
    MAX_SEARCHES,
    PROPERTIES,
    Report,
    Severity,
    local_name,
    table,
)
from policies_odrl.checking.lint import MAX_HEIRS
from policies_odrl.model import ODRL, XSD
from policies_odrl.reading.nodes import MAX_DEPTH
from policies_odrl.reading.walk import MAX_NODES
from policies_odrl.vocabulary import DPV, PREAU, PROFILE
from tests.support.choices import Choices, any_text, chosen
from tests.support.each import over

Body = dict[str, Any]


def node(name: str, *types: str, **properties: Any) -> Body:
    body: Body = {"@id": name}
    if types:
        body["@type"] = [ODRL + item for item in types]
    for key, values in properties.items():
        listed = values if isinstance(values, list) else [values]
        body[ODRL + key] = [{"@id": item} if isinstance(item, str) else item for item in listed]
    return body


def policy(*rules: str, **more: Any) -> Body:
    return node("urn:p", "Set", permission=list(rules), target="urn:data", **more)


def comparison(name: str = "_:c", **changes: Any) -> Body:
    parts: Body = {
        "leftOperand": ODRL + "count",
        "operator": ODRL + "lteq",
        "rightOperand": {"@value": "5", "@type": XSD + "integer"},
    }
    parts |= changes
    return node(name, **{key: item for key, item in parts.items() if item is not None})


def rule(name: str = "_:r", **more: Any) -> Body:
    return node(name, **{"action": ODRL + "read", **more})


def places(found: tuple[Finding, ...]) -> set[tuple[str, str]]:
    return {(item.code, item.path) for item in found}


def with_constraint(*nodes: Body) -> tuple[Finding, ...]:
    return inspect([policy("_:r"), rule(constraint="_:c"), *nodes])


C0 = "/permission/0/constraint/0"
GOOD = [policy("_:r"), rule(constraint="_:c"), comparison()]


def test_a_document_that_is_read_has_no_structural_finding() -> None:
    assert inspect(GOOD) == ()


def test_all_faults_are_listed_together() -> None:
    found = inspect(
        [
            policy("_:r", "_:s", conflict=ODRL + "permitted"),
            node("_:r", constraint=["_:c", "_:d"]),
            rule("_:s", action=ODRL + "raed"),
            comparison("_:c", operator=ODRL + "lesser"),
            comparison("_:d", leftOperand=ODRL + "contu"),
        ]
    )
    assert places(found) == {
        ("unknown-strategy", "/odrl:conflict"),
        ("missing-action", "/permission/0"),
        ("unknown-operator", C0),
        ("unknown-operand", "/permission/0/constraint/1"),
        ("unknown-action", "/permission/1/action"),
    }
    assert all(item.severity is Severity.ERROR for item in found)


def test_what_makes_sense_is_looked_at_where_only_names_are_wrong() -> None:
    nodes = [
        policy("_:r", profile="https://example.org/profile"),
        rule(constraint=["_:c", "_:d", "_:e"]),
        comparison("_:c", leftOperand="urn:x:colour"),
        comparison("_:d", rightOperand={"@value": "many"}),
        comparison("_:e", leftOperand=PREAU + "kAnonymity", operator=ODRL + "gteq"),
    ]
    found = [(item.code, item.path) for item in inspect(nodes)]
    assert found == [
        ("unknown-profile", "/profile"),
        ("term-of-unknown-profile", C0),
        ("undeclared-profile", "/permission/0/constraint/2"),
        ("wrong-datatype", "/permission/0/constraint/1"),
    ]


def test_other_faults_keep_the_rest_from_being_looked_at() -> None:
    broken = [policy("_:r"), rule(constraint="_:c"), comparison(leftOperand="urn:x", operator=None)]
    assert {item.code for item in inspect(broken)} == {"unknown-operand", "missing-operator"}


def test_several_policies_are_told_apart() -> None:
    nodes = [
        node("urn:a", "Set", permission="_:r", target="urn:data"),
        node("urn:b", "Set", permission="_:s", target="urn:data"),
        rule("_:r"),
        rule("_:s", action=ODRL + "write"),
    ]
    (found,) = inspect(nodes)
    assert (found.code, found.policy) == ("deprecated-term", "urn:b")
    nodes[3] = node("_:s")
    (found,) = inspect(nodes)
    assert (found.code, found.policy) == ("missing-action", "urn:b")


def test_a_misspelled_namespace_is_one_finding_and_the_rest_is_checked() -> None:
    wrong = "https://www.w3.org/ns/odrl/2/"

    def spelled(value: Any) -> Any:
        if isinstance(value, str):
            return value.replace(ODRL, wrong)
        if isinstance(value, list):
            return [spelled(item) for item in value]
        if isinstance(value, dict):
            return {spelled(key): spelled(item) for key, item in value.items()}
        return value

    assert spelled(5) == 5
    loose = {"@id": "_:c", ODRL + "andSequence": [{"@list": [{"@id": ODRL + "x"}, 5]}]}
    found = inspect([spelled(item) for item in [policy("_:r"), rule(constraint="_:c"), loose]])
    assert ("wrong-namespace", "") in places(found)
    found = inspect([spelled(item) for item in GOOD])
    assert places(found) == {("wrong-namespace", "")}
    deep: Any = {"@id": ODRL + "x"}
    for _ in range(2000):
        deep = {"@list": [deep]}
    nodes = [spelled(policy("_:r")), {"@id": "_:r", wrong + "constraint": [deep]}]
    assert ("wrong-namespace", "") in places(inspect(nodes))
    bad = [policy("_:r"), rule(constraint="_:c"), comparison(operator=None)]
    found = inspect([spelled(item) for item in bad])
    assert places(found) == {("wrong-namespace", ""), ("missing-operator", C0)}


def test_a_name_that_is_text() -> None:
    found = with_constraint(comparison(leftOperand={"@value": "purpose"}))
    fixes = {item.fix for item in found if item.code == "text-for-term"}
    assert fixes == {'write `{"@id": "odrl:purpose"}`'}
    found = with_constraint(comparison(unit={"@value": "days"}))
    fixes = {item.fix for item in found if item.code == "text-for-term"}
    assert fixes == {'write it as `{"@id": …}` with an IRI'}


SHAPES = (Path(__file__).parent / "data" / "node_shapes.json").read_text("utf-8")
ROWS = json.loads(SHAPES.replace('"odrl:', f'"{ODRL}'))["rows"]


@over("row", ROWS)
def test_shapes(row: dict[str, Any]) -> None:
    found = inspect(row["nodes"])
    assert {(code, path) for code, path in row["finds"]} <= places(found)
    assert {item.severity for item in found} & {Severity.ERROR, Severity.WARNING}
    assert inspect(row["nodes"], lang="fr")


def test_depth_and_size_are_bounded() -> None:
    deep = [
        policy("_:r"),
        rule(constraint="_:0"),
        *(node(f"_:{at}", **{"or": [f"_:{at + 1}"]}) for at in range(MAX_DEPTH)),
        comparison(f"_:{MAX_DEPTH}"),
    ]
    assert "over-the-limit" in {item.code for item in inspect(deep)}
    many = [node(f"_:{at}") for at in range(MAX_NODES + 1)]
    assert {item.code for item in inspect(many)} == {"over-the-limit"}


@over(("count", "code"), [(MAX_HEIRS, "circular-inheritance"), (MAX_HEIRS + 1, "over-the-limit")])
def test_families_are_bounded(count: int, code: str) -> None:
    circle = [
        node(
            f"urn:{at}",
            "Set",
            permission="_:r",
            target="urn:data",
            inheritFrom=f"urn:{(at + 1) % count}",
        )
        for at in range(count)
    ]
    found = {item.code for item in inspect([*circle, rule()]) if item.severity is Severity.ERROR}
    assert found == {code}


def test_nodes_that_share_parts_are_looked_at_once() -> None:
    layers = [
        node(f"_:{at}", **{"and": [f"_:{at + 1}"], "or": [f"_:{at + 1}"]}) for at in range(20)
    ]
    found = inspect([policy("_:r"), rule(constraint="_:0"), *layers, comparison("_:20")])
    assert {item.code for item in found} == {"two-connectives"}
    assert len(found) == len(layers)


def test_very_many_faults_are_cut_off() -> None:
    rules = [node(f"_:{at}", permision=[]) for at in range(2 * MAX_FINDINGS)]
    found = inspect([policy(*(item["@id"] for item in rules)), *rules])
    assert len(found) == MAX_FINDINGS
    assert found[-1].code == "more-findings"


def test_limits_of_the_reader_are_named_as_such() -> None:
    values = [{"@value": "x" * 70_000}]
    (found,) = with_constraint(comparison(leftOperand=ODRL + "language", rightOperand=values))
    assert (found.code, found.path) == ("over-the-limit", "")


def test_profiles_of_the_caller_are_known() -> None:
    nodes = [policy("_:r", profile="urn:x:profile"), rule()]
    known = Knowledge(profiles=frozenset({"urn:x:profile"}))
    assert [item.code for item in inspect(nodes)] == ["unknown-profile"]
    assert inspect(nodes, known) == ()
    nodes[1] = rule(action=PREAU + "federatedTraining")
    assert [item.code for item in inspect(nodes, known)] == ["undeclared-profile"]


def test_terms_of_the_caller_are_known() -> None:
    nodes = [policy("_:r"), rule(action="urn:x:paint")]
    assert [item.code for item in inspect(nodes)] == ["unknown-action"]
    assert inspect(nodes, Knowledge(actions={"urn:x:paint": ()})) == ()


# -- near terms -----------------------------------------------------------------------------


@over(
    ("written", "meant"),
    [
        ("odrl:purpose", ODRL + "purpose"),
        ("https://www.w3.org/ns/odrl/2/purpose", ODRL + "purpose"),
        ("urn:x#Purpose", ODRL + "purpose"),
        ("purpsoe", ODRL + "purpose"),
        ("epsilonn", PREAU + "epsilon"),
        ("wholly different", ""),
        ("", ""),
    ],
)
def test_the_nearest_left_operand(written: str, meant: str) -> None:
    assert Report().near("operand", written) == meant


def test_near_terms_of_each_sort() -> None:
    report = Report()
    assert report.near("action", "odrl:distibute") == ODRL + "distribute"
    assert report.near("operator", "equals") == ""
    assert report.near("operator", "isNone") == ODRL + "isNoneOf"
    assert report.near("strategy", "prohibited") == ODRL + "prohibit"
    assert report.near("property", "constrain") == ODRL + "constraint"
    assert report.near("property", ODRL + "constraint") == ""
    assert report.near("class", "Offre") == ODRL + "Offer"
    assert report.near("class", ODRL + "Offer") == ""
    assert report.near("purpose", DPV + "Advertsing") == DPV + "Advertising"
    assert local_name("plain") == "plain"


def test_searches_are_bounded() -> None:
    report = Report()
    found = [report.near("operand", f"purpos{at}") for at in range(MAX_SEARCHES + 5)]
    assert all(found[:MAX_SEARCHES])
    assert not any(found[MAX_SEARCHES:])
    assert report.near("operand", "PURPOSE") == ODRL + "purpose"


# -- hostile --------------------------------------------------------------------------------

NAMES = ("urn:p", "_:a", "_:b", "_:c", ODRL + "read", ODRL + "count", ODRL + "lteq", PROFILE, "")
STRANGE: tuple[Body, ...] = ({}, {"@id": 5}, {"@value": None}, {"@list": 3}, {"@list": ["x"]})
KEYS = (*sorted(PROPERTIES), "urn:x")
TYPES = (ODRL + "Set", ODRL + "Offer", ODRL + "Ticket", "urn:x")


def value(pick: Choices) -> Body:
    """A value of a property; where no more can be chosen, the name of a node."""
    match pick.below(6):
        case 0 | 1 | 2:
            return {"@id": pick.one(NAMES)}
        case 3:
            return {"@value": any_text(pick, 3) if pick.yes() else pick.below(256) - 128}
        case 4:
            return pick.one(STRANGE)
        case _:
            return {"@list": [*pick.some(value, range(4))]}


def body(pick: Choices) -> Body:
    made: Body = {"@id": pick.one(NAMES), "@type": [ODRL + "Set"]}
    if pick.yes():
        made["@type"] = [*pick.several(TYPES, range(4))]
    for _ in range(pick.below(7)):
        said = "text" if pick.below(8) == 1 else [*pick.some(value, range(4))]
        made[pick.one(KEYS)] = said
    return made


def whatever(pick: Choices) -> list[Body]:
    bodies = pick.some(body, range(7))
    return list({item["@id"]: item for item in bodies}.values())


@settings(max_examples=200, deadline=None)
@given(chosen(whatever, 256))
def test_whatever_comes_is_answered(nodes: list[Body]) -> None:
    found = inspect(nodes)
    assert {item.code for item in found} <= set(table())
    try:
        read_all(nodes)
    except OdrlError:
        assert any(item.severity is Severity.ERROR for item in found)
