"""How alike two reports are, and graphs read by local names."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from connector.errors import Malformed
from policies_odrl import Iri, Literal
from policies_odrl.documents.sources import nodes_of as turtle_nodes
from policies_odrl.model import ODRL, XSD
from tests.conformance.cases.graph import Graph, complete, local
from tests.conformance.cases.likeness import Likeness, likeness
from tests.support.each import over

PREFIXES = "@prefix report: <https://w3id.org/force/compliance-report#> .\n"

EXPECTED = """<urn:root> a report:PolicyReport ; report:ruleReport <urn:rule> .
<urn:rule> a report:PermissionReport ; report:rule <urn:r> ; report:activationState report:Active ;
    report:conditionReport <urn:elsewhere> ; report:premiseReport <urn:one>, <urn:two> .
<urn:one> a report:ActionReport ; report:satisfactionState report:Satisfied .
<urn:two> a report:ConstraintReport ; report:constraint <urn:k> ;
    report:satisfactionState report:Unsatisfied .
"""


MEASURES = ("activation", "simple", "isomorphic")


def alike(text: str, root: str = "urn:root") -> Likeness:
    return likeness(
        turtle_nodes(PREFIXES + text), root, turtle_nodes(PREFIXES + EXPECTED), "urn:root"
    )


@over(
    ("old", "new", "expected"),
    [
        ("urn:one", "urn:uno", "activation simple isomorphic"),
        ("report:Active", "report:Inactive", ""),
        ("<urn:r>", "<urn:q>", ""),
        ("report:Unsatisfied", "report:Satisfied", "activation"),
        ("<urn:k>", "<urn:j>", "activation"),
        ("urn:elsewhere", "urn:nowhere", "activation simple"),
        ("<urn:one>, <urn:two>", "<urn:two>", "activation"),
        ("report:Active ;", "report:Active ; <urn:other> report:Active ;", "activation simple"),
    ],
)
def test_measures(old: str, new: str, expected: str) -> None:
    found = alike(EXPECTED.replace(old, new))
    assert [name for name in MEASURES if getattr(found, name)] == expected.split()


def test_what_the_report_does_not_lead_to_does_not_count() -> None:
    assert alike(EXPECTED + "<urn:stray> a report:TargetReport .").isomorphic


def graph(edges: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return a root that leads to all nodes of a graph with these edges, and nothing else."""
    lines = [f"<urn:root> a <urn:Root> ; <urn:has> {', '.join(f'<urn:{n}>' for n in edges)} ."]
    for name, targets in edges.items():
        lines.extend(f"<urn:{name}> <urn:to> <urn:{target}> ." for target in targets)
    return turtle_nodes("\n".join(lines))


def isomorphic(one: Mapping[str, str], two: Mapping[str, str]) -> bool:
    return likeness(graph(one), "urn:root", graph(two), "urn:root").isomorphic


def test_graphs_that_are_no_forests_are_compared_by_canonical_names() -> None:
    hexagon = dict(zip("abcdef", "bcdefa", strict=True))
    turned = dict(zip("fedcba", "edcbaf", strict=True))
    triangles = dict(zip("abcdef", "bcaefd", strict=True))
    assert isomorphic(hexagon, turned)
    assert not isomorphic(hexagon, triangles)


def test_graphs_that_look_too_much_alike_are_not_said_to_be_the_same() -> None:
    names = "abcdefghijklmnop"
    clique = dict.fromkeys(names, names)
    assert not isomorphic(clique, clique)


def test_graphs_deeper_than_any_report_are_not_said_to_be_the_same() -> None:
    def chain(length: int) -> list[dict[str, Any]]:
        links = [f"<urn:{n}> <urn:to> <urn:{n + 1}> ." for n in range(length)]
        return turtle_nodes("\n".join(links))

    assert likeness(chain(40), "urn:0", chain(40), "urn:0").isomorphic
    assert not likeness(chain(400), "urn:0", chain(400), "urn:0").isomorphic
    assert not likeness(chain(40), "urn:0", chain(41), "urn:0").isomorphic


def test_twins_of_a_forest_are_told_apart_at_once() -> None:
    leaf = "[ a report:ConstraintReport ; report:premiseReport {} ]"
    inner = ", ".join(["[ a report:ConstraintReport ]"] * 30)
    text = "<urn:root> a report:PolicyReport ; report:ruleReport {} ."
    whole = text.format(", ".join([leaf.format(inner)] * 30))
    nodes = turtle_nodes(PREFIXES + whole)
    assert likeness(nodes, "urn:root", nodes, "urn:root").isomorphic


# -- graphs by local names -------------------------------------------------------


def test_json_is_read_as_statements() -> None:
    document = {
        "@context": [{"my": "https://my.example/", "bad": "https://no.example", "n": 1}],
        "@id": "my:thing",
        "@type": ["my:Kind", 3],
        "my:says": ["text", 1, 2.5, True, None, {"@value": "x", "@language": "fr"}],
        "lists": {"@list": [{"@id": "my:a"}, {"@value": "2026-01-01", "@type": "xsd:date"}]},
        "slip": {"@id": "1300", "@type": "xsd:integer"},
        "inner": {"says": "odrl:read"},
    }
    found = Graph.of_json(json.dumps(document).encode())
    assert found.of_class("Kind") == ["https://my.example/thing"]
    thing = "https://my.example/thing"
    assert found.values(thing, "says") == [
        Literal("text"),
        Literal("1", XSD + "integer"),
        Literal("2.5", XSD + "double"),
        Literal("true", XSD + "boolean"),
        Literal("x", XSD + "string", "fr"),
    ]
    assert found.values(thing, "lists") == [
        Iri("https://my.example/a"),
        Literal("2026-01-01", XSD + "date"),
    ]
    assert found.values(thing, "slip") == [Literal("1300", XSD + "integer")]
    assert found.iris(found.one(thing, "inner"), "says") == [ODRL + "read"]
    assert found.reachable(thing) == {thing, "https://my.example/a", "_:j1"}
    assert found.types("urn:nothing") == found.values("urn:nothing", "says") == []
    assert found.one("urn:nothing", "says") == ""


def test_json_may_hold_several_things_or_none() -> None:
    listed = Graph.of_json(b'[{"@id": "urn:a"}, {"@graph": [{"@id": "urn:b"}]}, "text"]')
    assert list(listed.things) == ["urn:a", "urn:b"]
    assert Graph.of_json(b"7").things == {}
    with pytest.raises(Malformed):
        Graph.of_json(b"{")


def test_names_are_completed_where_the_prefix_is_known() -> None:
    assert complete("odrl:read", {"odrl": ODRL}) == ODRL + "read"
    assert complete("http://x.example/", {"http": "no"}) == "http://x.example/"
    assert complete("who:knows", {}) == "who:knows"
    assert local("urn:x:last") == "last"
