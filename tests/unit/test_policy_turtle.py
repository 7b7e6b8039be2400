"""Turtle: the same node map as JSON-LD, nothing lost, bounded, and the same bytes each time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyoxigraph
import pytest
from hypothesis import given

from connector.cli.policy.files import nodes_at, policy_at
from connector.errors import ConfigurationInvalid, Malformed, PolicyInvalid
from connector.jsonld.turtle import MAX_INLINE, turtle_bytes
from policies_odrl import Knowledge, Request, evaluate
from policies_odrl.documents.graphs import MAX_DEPTH
from policies_odrl.documents.sources import MAX_BYTES, MAX_QUOTES
from policies_odrl.documents.sources import nodes_of as turtle_nodes
from policies_odrl.errors import IllFormed, LimitExceeded
from policies_odrl.model import ODRL
from policies_odrl.reading.inventory import strange
from policies_odrl.reading.reader import load
from policies_odrl.vocabulary import Kind, Operand
from tests.support.choices import Choices, Make, any_text, chosen
from tests.support.each import over
from tests.support.policies import load_all, nodes

XSD = "http://www.w3.org/2001/XMLSchema#"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
FEW = 5_000
P = f"@prefix x: <urn:x:> . @prefix rdf: <{RDF}> . @prefix xsd: <{XSD}> . "


def values(text: str) -> list[Any]:
    """What stands in `x:p` of `x:a`."""
    found = {node["@id"]: node for node in turtle_nodes(P + text)}
    return list(found["urn:x:a"]["urn:x:p"])


# -- reading --------------------------------------------------------------------------------


@over(
    ("written", "expected"),
    [
        ("<urn:b>", {"@id": "urn:b"}),
        ("[]", {"@id": "_:b0"}),
        ("_:other", {"@id": "_:b0"}),
        ('"x"', {"@value": "x"}),
        ('"x"^^xsd:string', {"@value": "x"}),
        ('"x"@en-GB', {"@value": "x", "@language": "en-gb"}),
        ("5", {"@value": "5", "@type": XSD + "integer"}),
        ("5.0", {"@value": "5.0", "@type": XSD + "decimal"}),
        ("5e0", {"@value": "5e0", "@type": XSD + "double"}),
        ("true", {"@value": "true", "@type": XSD + "boolean"}),
        ('"2026-01-01"^^xsd:date', {"@value": "2026-01-01", "@type": XSD + "date"}),
        ("()", {"@list": []}),
        ("( 1 'a' )", {"@list": [{"@value": "1", "@type": XSD + "integer"}, {"@value": "a"}]}),
        ("( ( x:b ) )", {"@list": [{"@list": [{"@id": "urn:x:b"}]}]}),
    ],
)
def test_terms_are_those_of_expanded_json_ld(written: str, expected: object) -> None:
    assert values(f"x:a x:p {written} .") == [expected]


def test_nodes_stand_once_in_order_of_appearance_without_duplicates() -> None:
    found = turtle_nodes(P + "x:b x:p x:a . x:a a x:T, x:T ; x:q 1 . x:b x:p x:a, [ x:q 2 ] .")
    assert [node["@id"] for node in found] == ["urn:x:b", "urn:x:a", "_:b0"]
    assert found[0]["urn:x:p"] == [{"@id": "urn:x:a"}, {"@id": "_:b0"}]
    assert found[1]["@type"] == ["urn:x:T"]


def test_a_base_of_the_document_is_its_own_affair() -> None:
    assert turtle_nodes("@base <https://a.example/> . <b> <urn:p> <#c> .")[0]["@id"] == (
        "https://a.example/b"
    )


def test_turtle_and_json_ld_of_one_policy_give_the_same_nodes() -> None:
    document = {
        "@context": "http://www.w3.org/ns/odrl.jsonld",
        "@type": "Set",
        "uid": "urn:x:a",
        "permission": {"@id": "urn:x:r", "action": "read", "constraint": {"and": {"@list": ["c"]}}},
    }
    turtle = (
        f"{P}@prefix o: <{ODRL}> . x:a a o:Set ; o:permission x:r ."
        " x:r o:action o:read ; o:constraint [ o:and ( 'c' ) ] ."
    )
    assert turtle_nodes(turtle) == nodes(document)


DATA = json.loads((Path(__file__).parent / "data" / "turtle.json").read_text("utf-8"))
BAD = {
    **DATA["refused"],
    "not UTF-8": P.encode() + b'x:a x:p "\xff" .',
    "lists too deep": P + "x:a x:p " + "( " * (MAX_DEPTH + 1) + ") " * (MAX_DEPTH + 1) + ".",
}


@over("name", BAD)
def test_what_the_node_map_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(IllFormed):
        turtle_nodes(BAD[name])


def test_lists_at_the_limit_of_depth_are_read() -> None:
    assert values("x:a x:p " + "( " * MAX_DEPTH + ") " * MAX_DEPTH + ".")


def test_bytes_and_triples_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LimitExceeded, match="bytes"):
        turtle_nodes(b"#" * (MAX_BYTES + 1))
    assert turtle_nodes(b"#" * MAX_BYTES) == []
    monkeypatch.setattr("policies_odrl.documents.graphs.MAX_TRIPLES", FEW)  # all take seconds
    most = ",".join(f"{number}" for number in range(FEW))
    assert len(turtle_nodes(f"{P} x:a x:p {most} .")[0]["urn:x:p"]) == FEW
    with pytest.raises(LimitExceeded, match="triples"):
        turtle_nodes(f"{P} x:a x:p {most}, -1 .")


def test_triples_within_triples_do_not_reach_the_parser() -> None:
    """A hundred thousand of them overflow its stack, which no `except` would catch."""
    deep = "<<( x:a x:b " * 60_000 + "1" + " )>>" * 60_000
    with pytest.raises(IllFormed, match="triples about triples"):
        turtle_nodes(f"{P} x:a x:p {deep} .")
    assert values("x:a x:p '" + "<<" * MAX_QUOTES + "' .")


def test_nesting_is_read_without_recursion() -> None:
    found = turtle_nodes(P + "x:a x:p " + "[ x:p " * 10_000 + "1" + " ]" * 10_000 + " .")
    assert len(found) == 10_001
    long = turtle_nodes(P + "x:a x:p (" + " 1" * 10_000 + " ) .")
    assert len(long[0]["urn:x:p"][0]["@list"]) == 10_000


def test_the_parser_is_imported_on_first_use_only() -> None:
    code = (
        "import sys, policies_odrl.documents.sources as t, connector.jsonld.policy;"
        "assert not [m for m in sys.modules if m.startswith('pyoxigraph')], 'it is loaded';"
        "sys.modules['connector.jsonld.turtle'].turtle_bytes([], {});"
        "assert 'pyoxigraph' not in sys.modules;"
        "t.nodes_of(b'');"
        "assert 'pyoxigraph' in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


# -- writing --------------------------------------------------------------------------------


def test_nodes_are_written_as_people_write_them() -> None:
    found = turtle_nodes(
        P + "x:a a x:T, x:U ; x:p [ x:q ( 1 [] 'x'@fr ) ], <urn:other> ; x:q _:s . x:b x:p _:s ."
        " _:s x:p 'shared' ."
    )
    assert turtle_bytes(found, {"x": "urn:x:", "y": "urn:y:"}).decode() == (
        "@prefix x: <urn:x:> .\n"
        "\n"
        "x:a a x:T, x:U ;\n"
        "    x:p [\n"
        f'        x:q ( "1"^^<{XSD}integer> [] "x"@fr )\n'
        "    ], <urn:other> ;\n"
        "    x:q _:b5 .\n"
        "\n"
        "x:b x:p _:b5 .\n"
        "\n"
        '_:b5 x:p "shared" .\n'
    )


def test_the_longest_namespace_wins_and_odd_names_stay_whole() -> None:
    found = [{"@id": "urn:x:a#b", "urn:x:a#": [{"@id": "urn:x:a/b"}, {"@id": "urn:x:é"}]}]
    assert turtle_bytes(found, {"x": "urn:x:", "y": "urn:x:a#"}).decode() == (
        "@prefix y: <urn:x:a#> .\n\ny:b <urn:x:a#> <urn:x:a/b>, <urn:x:é> .\n"
    )


def test_nothing_is_written_for_nothing() -> None:
    assert turtle_bytes([], {"x": "urn:x:"}) == b""
    assert turtle_bytes([{"@id": "urn:a", "urn:p": []}], {}) == b""


def test_native_values_are_written_with_their_type() -> None:
    given = [{"@id": "urn:a", "urn:p": [{"@value": item} for item in (True, 5, 0.5)]}]
    found = turtle_nodes(turtle_bytes(given, {}))[0]["urn:p"]
    assert [(item["@value"], item["@type"]) for item in found] == [
        ("true", XSD + "boolean"),
        ("5", XSD + "integer"),
        ("0.5", XSD + "double"),
    ]


@over("names", ["ab", "abc"])
def test_circles_of_blank_nodes_are_written(names: str) -> None:
    pairs = zip(names, names[1:] + names[0], strict=True)
    circle = [{"@id": f"_:{one}", "urn:p": [{"@id": f"_:{two}"}]} for one, two in pairs]
    assert len(turtle_nodes(turtle_bytes(circle, {}))) == len(names)


def test_deep_blank_nodes_are_written_by_label() -> None:
    depth = MAX_INLINE * 4
    chain = [{"@id": f"_:c{n}", "urn:p": [{"@id": f"_:c{n + 1}"}]} for n in range(depth)]
    first: list[dict[str, Any]] = [{"@id": "urn:a", "urn:p": [{"@id": "_:c0"}]}]
    assert len(turtle_nodes(turtle_bytes([*first, *chain], {}))) == depth + 1


UNWRITABLE: dict[str, list[dict[str, Any]]] = DATA["unwritable"]


@over("name", UNWRITABLE)
def test_what_has_no_turtle_form_is_refused(name: str) -> None:
    with pytest.raises(Malformed):
        turtle_bytes(UNWRITABLE[name], {})


def test_lists_too_deep_are_not_written() -> None:
    value: Any = {"@value": "x"}
    for _ in range(MAX_DEPTH + 1):
        value = {"@list": [value]}
    with pytest.raises(Malformed, match="deeper"):
        turtle_bytes([{"@id": "urn:a", "urn:p": [value]}], {})


NAMES = ["urn:x:a", "urn:x:b", "https://a.example/é#f", "_:a", "_:b", "_:c"]
KEYS = [["urn:x:p"], ["urn:y:q"], ["urn:x:p", "urn:y:q"]]
ATOMS: list[Make[dict[str, Any]]] = [
    lambda pick: {"@id": pick.one(NAMES)},
    lambda pick: {"@value": any_text(pick, 8)},
    lambda pick: {"@value": any_text(pick, 8), "@type": XSD + "decimal"},
    lambda _: {"@value": "x", "@language": "fr"},
]


def value(pick: Choices, depth: int = 3) -> dict[str, Any]:
    if not depth or pick.below(3) < 2:
        return pick.one(ATOMS)(pick)
    return {"@list": [*pick.some(lambda it: value(it, depth - 1), range(4))]}


def graph(pick: Choices) -> list[dict[str, Any]]:
    named = dict.fromkeys(pick.several(NAMES, range(5)))
    return [
        {"@id": name, **{key: [*pick.some(value, (1, 2, 3))] for key in pick.one(KEYS)}}
        for name in named
    ]


def triples(data: bytes) -> pyoxigraph.Dataset:
    """The graph, equal to every other one that differs in labels only."""
    found = pyoxigraph.Dataset(pyoxigraph.parse(data, format=pyoxigraph.RdfFormat.TURTLE))
    found.canonicalize(pyoxigraph.CanonicalizationAlgorithm.UNSTABLE)
    return found


@given(chosen(graph, 256))
def test_what_is_written_is_read_and_written_alike(graph: list[dict[str, Any]]) -> None:
    prefixes = {"x": "urn:x:"}
    data = turtle_bytes(graph, prefixes)
    assert data == turtle_bytes(graph, prefixes)
    again = turtle_bytes(turtle_nodes(data), prefixes)
    assert triples(again) == triples(data)
    assert triples(turtle_bytes(graph, {})) == triples(data)


# -- files ----------------------------------------------------------------------------------

SET = f"<urn:p> a <{ODRL}Set> ; <{ODRL}permission> [ <{ODRL}action> <{ODRL}read> ] ."
JSON = (
    '{"@context": "http://www.w3.org/ns/odrl.jsonld", "@type": "Set", "uid": "urn:p",'
    ' "permission": [{"action": "read"}]}'
)


@over("name", ["policy.ttl", "policy.jsonld", "policy"])
@over("text", [SET, "\ufeff" + SET, "\n " + JSON, "\ufeff" + JSON])
def test_files_are_told_apart_by_content(tmp_path: Path, name: str, text: str) -> None:
    file = tmp_path / name
    file.write_text(text, "utf-8")
    assert policy_at(file).id == "urn:p"
    assert load_all(file) == (policy_at(file),)
    assert len(nodes_at(file)) == 2


def test_turtle_that_begins_with_a_bracket_is_turtle(tmp_path: Path) -> None:
    file = tmp_path / "policy"
    file.write_text(SET.replace("<urn:p>", "[ <urn:q> <urn:r> ]"), "utf-8")
    assert len(nodes_at(file)) == 2
    file.write_text(f"[{JSON}]", "utf-8")
    assert len(nodes_at(file)) == 2


def test_text_of_turtle_is_read_as_the_context_of_odrl_coerces_it() -> None:
    """A ban by text bans; other text is refused, and so is any in what is signed."""
    text = SET.replace("permission", "prohibition").replace(f"<{ODRL}read>", '"read"')
    assert load(text) == load(JSON.replace("permission", "prohibition"))
    allowed = f"<urn:q> a <{ODRL}Set> ; <{ODRL}permission> [ <{ODRL}action> <{ODRL}read> ] ."
    both = Request(ODRL + "read", target="urn:t")
    aimed = [item.replace("> a <", f"> <{ODRL}target> <urn:t> ; a <") for item in (allowed, text)]
    assert [evaluate(load(item), both).granted for item in aimed] == [True, False]
    for other in ('"raed"', '"read"@en', "5", '"_:b0"', '"read it"'):
        with pytest.raises(IllFormed):
            load(text.replace('"read"', other))
    with pytest.raises(IllFormed):
        load(text, strict=True)


def test_knowledge_reaches_the_reader(tmp_path: Path) -> None:
    file = tmp_path / "policy"
    atom = f"[ <{ODRL}leftOperand> <urn:l> ; <{ODRL}operator> <{ODRL}eq> ; <{ODRL}rightOperand> 1 ]"
    file.write_text(SET.replace(" ] .", f" ; <{ODRL}constraint> {atom} ] ."), "utf-8")
    knowledge = Knowledge(operands={"urn:l": Operand("urn:l", Kind.NUMBER, frozenset())})
    assert policy_at(file, knowledge) == load_all(file, knowledge)[0]
    assert list(strange(policy_at(file), knowledge)) == []
    assert list(strange(policy_at(file), Knowledge())) == ["urn:l"]


def test_faults_of_files_name_them_and_are_the_operators(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid):
        policy_at(tmp_path / "none")
    file = tmp_path / "policy.ttl"
    file.write_text("nothing of the kind", "utf-8")
    with pytest.raises(PolicyInvalid, match=r"policy\.ttl.*not well-formed Turtle in line 1"):
        policy_at(file)
