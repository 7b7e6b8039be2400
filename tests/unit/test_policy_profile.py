"""The profile: vocabulary, concepts of DPV, labels, and the documents made from them."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pyoxigraph
import pytest

from docs.profile_document import (
    NAMES,
    SKOS,
    profile_context,
    profile_data,
    profile_jsonld,
    profile_nodes,
)
from policies_odrl import Constraint, Iri, Knowledge, Operator, Truth, load
from policies_odrl.authoring import full
from policies_odrl.concepts import concepts, hierarchy
from policies_odrl.documents.sources import nodes_of as turtle_nodes
from policies_odrl.evaluation.operands import check
from policies_odrl.knowledge import NOTHING_MORE
from policies_odrl.language.phrases import label, names
from policies_odrl.model import ODRL, XSD
from policies_odrl.reading.writer import CONTEXTS
from policies_odrl.values import Step, at_most, scalar, step
from policies_odrl.vocabulary import (
    ACTIONS,
    ALLOWED,
    DPV,
    INCLUDED_IN,
    LEVELS,
    OPERANDS,
    PREAU,
    PROFILE,
    ROLES,
    SAME_ACTION,
    Kind,
    closure,
    wider_actions,
)
from tests.support.algebra import contradictory, implied
from tests.support.each import over

ROOT = Path(__file__).parents[2]
GDPR = "https://w3id.org/dpv/legal/eu/gdpr#"
SCHOOL = "https://w3id.org/dpv/sector/education#"
NODES = {node["@id"]: node for node in profile_nodes()}
DATA = profile_data()
STEPS = [step for steps in LEVELS.values() for step in steps]
LEVEL = PREAU + "protectionLevel"


# -- levels -------------------------------------------------------------------------------------


def at(name: str, operator: Operator, left: str = LEVEL) -> Constraint:
    return Constraint(left, operator, (Iri(PREAU + name),))


def test_steps_of_two_scales_have_no_order() -> None:
    raw, delivered = step(Iri(PREAU + "Raw")), step(Iri(PREAU + "Delivered"))
    assert isinstance(raw, Step)
    assert isinstance(delivered, Step)
    assert not at_most(raw, delivered)
    assert not at_most(delivered, raw)
    assert scalar(Kind.LEVEL, "Raw") is None


def test_a_stronger_level_proves_a_weaker_one_and_not_the_other_way() -> None:
    weak, strong = at("Minimised", Operator.GTEQ), at("Aggregated", Operator.GTEQ)
    assert implied(weak, [strong])
    assert not implied(strong, [weak])
    assert contradictory([strong, at("Minimised", Operator.LT)])
    assert not contradictory([weak, at("Aggregated", Operator.LT)])


def test_a_step_belongs_to_one_scale_only() -> None:
    assert len(STEPS) == len(set(STEPS))
    assert all(OPERANDS[left].kind is Kind.LEVEL for left in LEVELS)
    assert {item.id for item in OPERANDS.values() if item.kind is Kind.LEVEL} == set(LEVELS)


# -- concepts of DPV ----------------------------------------------------------------------------


def test_every_ground_of_ferpa_is_a_legal_basis_apart_from_those_of_the_gdpr() -> None:
    ferpa = [iri for iri in hierarchy("legal_bases") if iri.startswith(PREAU)]
    assert len(ferpa) == 11
    for iri in ferpa:
        assert DPV + "LegalBasis" in NOTHING_MORE.above(iri)
        assert not any(item.startswith(GDPR) for item in NOTHING_MORE.above(iri))


@over(
    "table",
    [hierarchy("purposes"), hierarchy("legal_bases"), hierarchy("measures")],
)
def test_hierarchies_are_closed_and_without_cycles(table: Mapping[str, tuple[str, ...]]) -> None:
    for iri, broader in table.items():
        assert set(broader) <= table.keys()
        assert all(iri not in closure(item, table) for item in broader)


def test_a_concept_may_have_several_broader_ones() -> None:
    expected = {DPV + "AcademicResearch", SCHOOL + "EducationManagement"}
    assert set(hierarchy("purposes")[SCHOOL + "ResearchManagement"]) == expected
    assert NOTHING_MORE.above("urn:example:unknown") == {"urn:example:unknown"}
    assert all(item in NOTHING_MORE.above(item) for item in hierarchy("purposes"))
    assert set(concepts()) == {
        *hierarchy("purposes"),
        *hierarchy("legal_bases"),
        *hierarchy("measures"),
    }


def reference(*names: str) -> dict[str, tuple[str, ...]]:
    """Return class IRI -> broader classes, of DPV's own tables."""
    found = {}
    for name in names:
        file = Path(os.environ["PREAU_REFERENCE"]) / "dpv" / name
        with file.open(encoding="utf-8") as rows:
            for row in csv.DictReader(rows):
                if row["type"] == "class":
                    above = tuple(item for item in row["hasbroader"].split(";") if item)
                    found[row["iri"]] = above
    return found


@pytest.mark.reference
def test_purposes_are_those_of_dpv() -> None:
    stated = reference("dpv_purposes.csv", "sector_education_purposes.csv")
    stated.pop(DPV + "Sector")
    above = {item for broader in stated.values() for item in broader} - set(stated)
    assert above == {DPV + "LegalObligation"}  # DPV has one purpose below a legal basis as well
    ours = {k: set(v) for k, v in hierarchy("purposes").items() if k not in above and DPV[:-1] in k}
    assert ours == {k: set(v) for k, v in stated.items()}


@pytest.mark.reference
def test_legal_bases_are_those_of_dpv() -> None:
    stated = reference(
        "dpv_legal_basis.csv",
        "legal_eu_gdpr_legal_basis.csv",
        "legal_eu_gdpr_legal_basis_special.csv",
        "legal_eu_gdpr_legal_basis_data_transfer.csv",
    )
    ours = {k: set(v) for k, v in hierarchy("legal_bases").items() if k in stated}
    assert ours == {k: set(v) for k, v in stated.items()}


@pytest.mark.reference
def test_measures_are_those_of_dpv() -> None:
    stated = reference("dpv_TOM.csv", "dpv_technical_measures.csv")
    assert {k: set(v) for k, v in hierarchy("measures").items()} == {
        k: set(v) for k, v in stated.items()
    }


# -- labels -------------------------------------------------------------------------------------


@over("lang", ["fr", "en"])
def test_every_concept_and_step_has_a_name_of_its_own(lang: str) -> None:
    for iri in (*concepts(), *STEPS):
        name = label("values", iri, lang)
        assert name, iri
        assert names("values", lang).terms.get(name) == iri


@over("lang", ["fr", "en"])
def test_every_operand_and_action_has_a_name(lang: str) -> None:
    current = [iri for iri, operand in OPERANDS.items() if not operand.replaced_by]
    assert all(label("operands", iri, lang) for iri in current)
    assert all(label("actions", iri, lang) for iri in INCLUDED_IN)


def test_french_names_are_french() -> None:
    same = {
        iri
        for iri in (*concepts(), *STEPS, *(i for i in OPERANDS if i.startswith(PREAU)))
        for group in (["operands"] if iri in OPERANDS else ["values"])
        if label(group, iri, "fr") == label(group, iri, "en")
    }
    assert same <= {DPV + name for name in ("Marketing", "Anonymisation", "Pseudonymisation")}


# -- the document -------------------------------------------------------------------------------


def defined(kind: str) -> dict[str, Any]:
    return {full(item["name"]): item for item in DATA[kind]}


def test_left_operands_are_those_that_the_engine_knows() -> None:
    ours = {iri for iri in OPERANDS if not iri.startswith(ODRL)}
    assert {*defined("operands"), *defined("reused")} == ours
    assert all(iri.startswith(PREAU) for iri in defined("operands"))
    assert all(iri.startswith(DPV) for iri in defined("reused"))


@over("iri", [iri for iri in OPERANDS if not iri.startswith(ODRL)])
def test_operators_and_values_are_those_that_the_engine_decides_by(iri: str) -> None:
    item = {**defined("operands"), **defined("reused")}[iri]
    operand = OPERANDS[iri]
    assert set(item["operators"]) <= {operator.value for operator in ALLOWED[operand.kind]}
    kinds = {
        Kind.CONCEPT: {"concept"},
        Kind.IDENTITY: {"iri", "concept", "xsd:string"},
        Kind.PLACE: {"place"},
        Kind.NUMBER: {"xsd:decimal"},
        Kind.COUNT: {"xsd:integer"},
        Kind.DURATION: {"xsd:duration"},
        Kind.LEVEL: {"step"},
    }
    assert item["value"] in kinds[operand.kind]


@over("iri", [iri for iri in OPERANDS if not iri.startswith(ODRL)])
def test_its_example_is_a_constraint_that_its_own_value_satisfies(iri: str) -> None:
    text = NODES[iri][SKOS + "example"][0]["@value"]
    rule = {"action": "odrl:read", "constraint": [json.loads(text)]}
    document = {"@id": "urn:p", "@type": "Set", "profile": PROFILE, "permission": [rule]}
    named = {name: NAMES[name] for name in ("preau", "dpv", "education", "eu-gdpr", "cc")}
    made = load({"@context": [*CONTEXTS, named], **document}, strict=True)
    constraint = made.permissions[0].constraints[0]
    assert isinstance(constraint, Constraint)
    assert constraint.left == iri
    if OPERANDS[iri].kind is Kind.COUNT:  # the use that is asked for comes on top
        assert check(constraint, (0,), Knowledge())[0] is Truth.TRUE
    elif constraint.operator is not Operator.IS_NONE_OF:
        assert check(constraint, constraint.right, Knowledge())[0] is Truth.TRUE


def test_actions_are_those_that_the_engine_knows() -> None:
    assert set(defined("actions")) == {iri for iri in INCLUDED_IN if iri.startswith(PREAU)}


def test_steps_are_those_that_the_engine_orders() -> None:
    stated = {
        full(scale["operand"]): tuple(full(item["name"]) for item in scale["steps"])
        for scale in DATA["scales"]
    }
    assert stated == LEVELS
    for steps in LEVELS.values():
        ranks = [int(NODES[iri][PREAU + "rank"][0]["@value"]) for iri in steps]
        assert ranks == list(range(len(steps)))


def test_grounds_of_ferpa_lie_where_the_engine_has_them() -> None:
    stated = {
        iri: {full(name) for name in item["broader"]}
        for iri, item in defined("concepts").items()
        if item["group"] == "ferpa"
    }
    ours = {
        iri: set(above) for iri, above in hierarchy("legal_bases").items() if iri.startswith(PREAU)
    }
    assert stated == ours


def test_every_term_is_defined_in_both_languages() -> None:
    for iri, node in NODES.items():
        if not iri.startswith(PREAU):
            continue
        if SKOS + "memberList" not in node:
            for name in ("prefLabel", "definition"):
                assert {value["@language"] for value in node[SKOS + name]} == {"fr", "en"}, iri
        for name in ("prefLabel", "definition", "scopeNote"):
            assert all(value["@value"] for value in node.get(SKOS + name, ()))


def test_every_name_of_ours_that_the_document_uses_is_defined_there() -> None:
    used = {
        value["@id"]
        for node in NODES.values()
        for values in node.values()
        if isinstance(values, list)
        for value in values
        if isinstance(value, dict) and "@id" in value
    }
    keys = {key for node in NODES.values() for key in node}
    assert {iri for iri in used | keys if iri.startswith(PROFILE)} <= set(NODES)


def test_every_term_that_templates_and_contracts_use_is_defined() -> None:
    choices = [
        iri
        for file in (ROOT / "policies_odrl" / "templates").glob("*.json")
        for iri in words(json.loads(file.read_text("utf-8")))
    ]
    assert choices
    assert set(choices) <= set(NODES)


def test_every_term_that_reports_use_is_defined() -> None:
    source = "".join(
        file.read_text("utf-8") for file in (ROOT / "tests/conformance/reports").glob("*.py")
    )
    used = set(re.findall(r'PREAU \+ "(\w+)"', source))
    assert {"verdict", "missing", "asked"} <= used
    stated = {"Undetermined", "Permit", "Deny", "controlState", "contested", "void"}
    follows = {"remedyReport", "consequenceReport"}
    defined_ = {iri.removeprefix(PREAU) for iri in NODES if iri.startswith(PREAU)}
    assert used | stated | follows <= defined_


def words(part: Any) -> list[str]:
    if isinstance(part, dict):
        return [found for item in part.values() for found in words(item)]
    if isinstance(part, list):
        return [found for item in part for found in words(item)]
    named = isinstance(part, str) and (part.startswith((PREAU, "preau:")))
    return [full(part)] if named else []


def generator() -> ModuleType:
    file = ROOT / "docs" / "generate_profile.py"
    spec = importlib.util.spec_from_file_location("generate_profile", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@over("name", ["profile.ttl", "profile.jsonld", "context.jsonld", "profile.md"])
def test_the_files_are_what_the_definitions_say(name: str) -> None:
    files = {file.name: (file, made) for file, made in generator().FILES.items()}
    file, made = files[name]
    assert file.read_text("utf-8") == made()


def test_turtle_and_json_ld_say_the_same() -> None:
    folder = ROOT / "policies_odrl" / "profile"
    turtle = (folder / "profile.ttl").read_bytes()
    graph = pyoxigraph.Dataset(pyoxigraph.parse(turtle, format=pyoxigraph.RdfFormat.TURTLE))
    linked = (folder / "profile.jsonld").read_bytes()
    other = pyoxigraph.Dataset(pyoxigraph.parse(linked, format=pyoxigraph.RdfFormat.JSON_LD))
    for dataset in (graph, other):
        dataset.canonicalize(pyoxigraph.CanonicalizationAlgorithm.UNSTABLE)
    assert len(graph) > 300
    assert graph == other
    assert {node["@id"] for node in turtle_nodes(turtle)} >= set(NODES)


def test_the_context_names_the_terms() -> None:
    context = profile_context()["@context"]
    assert context["protectionLevel"] == "preau:protectionLevel"
    assert {full(name) for name in context.values() if name.startswith("preau:")} <= set(NODES)
    assert profile_jsonld()["@context"].items() >= {"preau": PREAU}.items()
    assert XSD in context.values()


# -- the vocabulary of ODRL -----------------------------------------------------------------------


def test_use_includes_reading_and_not_selling() -> None:
    assert ODRL + "use" in wider_actions(ODRL + "display")
    assert ODRL + "use" not in wider_actions(ODRL + "sell")


def test_a_shared_ancestor_is_found_once() -> None:
    graph = {"a": ("b", "c"), "b": ("d",), "c": ("d",), "d": ("a",)}
    assert closure("a", graph) == frozenset("abcd")


def test_rows_name_operators_that_mean_something_and_rows_and_french() -> None:
    for operand in OPERANDS.values():
        assert operand.usual <= ALLOWED[operand.kind]
        assert {key.split()[0] for key in operand.sentences} <= set(ALLOWED[operand.kind])
    for row in (*OPERANDS.values(), *ACTIONS.values(), *ROLES.values()):
        assert row.names["fr"]
        assert not row.replaced_by or row.replaced_by in {*OPERANDS, *ACTIONS}
    for row in ACTIONS.values():
        assert set(row.included_in) <= set(ACTIONS)


@pytest.mark.reference
def test_terms_are_those_of_the_vocabulary() -> None:
    text = (Path(os.environ["PREAU_REFERENCE"]) / "odrl" / "w3c" / "ODRL22.ttl").read_text("utf-8")
    for term in (*INCLUDED_IN, *SAME_ACTION, *OPERANDS):
        if term.startswith(ODRL):
            assert f":{term.removeprefix(ODRL)}" in text
