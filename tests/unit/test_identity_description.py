from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from connector.domain.catalog.dataset import Column, ColumnClass, DataFile, Dataset, PrivacyCap
from connector.domain.catalog.dictionary import Category, Meaning
from connector.domain.catalog.hierarchy import Hierarchy, Tier
from connector.errors import DescriptionTampered
from connector.identity.descriptions import description
from connector.identity.descriptions.dataset_facts import DatasetFacts, read_facts
from connector.jsonld.canonical import canonical, sha256_hex
from federated.privacy.rule import Accounting, Rule
from tests.support.contracts import DATASET, NOW, PROVIDER, stranger
from tests.support.each import over

NODE = stranger(PROVIDER)
GROUPS = Hierarchy(
    *("Groups", "INSEE", "2026-01-01", "a" * 64, 4),
    (Tier("epci", 2, ("200065928", "243500139")), Tier("zone", 1, ("west",))),
)
SET = Dataset(
    id=DATASET,
    title="Reading",
    description="Reading scores",
    personal=True,
    columns=(
        Column("pupil", ColumnClass.DIRECT_IDENTIFIER, "category", "pseudonym"),
        Column("birth", ColumnClass.QUASI_IDENTIFIER, "number"),
        Column(
            *("score", ColumnClass.SENSITIVE, "number", ""),
            Meaning(labels=(("fr", "lecture"),), unit="1", lower=0.0, upper=500.0, missing=0.0),
        ),
        Column(
            *("grade", ColumnClass.OTHER, "category", ""),
            Meaning(
                categories=(Category("K", (("en", "kindergarten"), ("fr", "GS"))), Category("1"))
            ),
        ),
        Column(*("school", ColumnClass.QUASI_IDENTIFIER, "category", ""), Meaning(territory="uai")),
        Column(
            *("commune", ColumnClass.QUASI_IDENTIFIER, "category", ""),
            Meaning(territory="commune", hierarchy=GROUPS, leaves_as="zone"),
        ),
    ),
    person_column="pupil",
    rows_per_person=4,
    population=4600,
    collection_purpose="https://w3id.org/dpv#ServiceProvision",
    legal_basis="https://w3id.org/dpv/legal/eu/gdpr#A6-1-e",
    retention="P5Y",
    territory="FR",
    register_id="",
    cap=PrivacyCap(6.0, 1e-5),
    file=DataFile("/secret/place/star.csv", "csv", "f" * 64),
    credential="",
    published_at=NOW,
)
SUBJECT = description.describe_dataset(SET, PROVIDER, Accounting(Rule.SUMS))


def issued(subject: dict[str, Any] = SUBJECT, **changes: Any) -> str:
    values: dict[str, Any] = {"issuer_did": PROVIDER, "valid_from": NOW, **changes}
    return description.issue_description(NODE.signer, subject, **values)


def test_every_statement_is_there_and_can_be_read_back() -> None:
    facts = read_facts(description.verify_description(issued(), NODE.document, DATASET))
    for field in fields(DatasetFacts):
        if field.name not in ("publisher", "rule"):
            assert getattr(facts, field.name) == getattr(SET, field.name)
    assert (facts.publisher, facts.rule) == (PROVIDER, Rule.SUMS)


def test_the_file_is_never_described() -> None:
    text = canonical(SUBJECT).decode()
    for secret in (SET.file.path, SET.file.digest, "secret"):
        assert secret not in text


def test_own_statements_stand_on_a_node_of_their_own() -> None:
    own = {name for name in SUBJECT if name.startswith("preau:")}
    assert own == {"preau:governance"}
    assert SUBJECT["preau:governance"]["id"] != SUBJECT["id"]


def test_every_term_has_a_known_prefix() -> None:
    def terms(value: Any) -> set[str]:
        if isinstance(value, dict):
            return {*value, *(term for item in value.values() for term in terms(item))}
        if isinstance(value, list):
            return {term for item in value for term in terms(item)}
        return set()

    participant = description.describe_participant(PROVIDER, "Nord", "FR", "123")
    for term in terms(SUBJECT) | terms(participant):
        assert term in ("id", "type", "@list", "@type", "@value", "@language") or (
            term.split(":")[0] in description.CONTEXT
        )


def test_a_dataset_that_is_not_personal() -> None:
    bare = replace(
        SET,
        personal=False,
        person_column="",
        population=0,
        collection_purpose="",
        legal_basis="",
        retention="",
        territory="",
        cap=None,
    )
    assert description.missing_statements(bare) == []
    facts = read_facts(description.describe_dataset(bare, PROVIDER))
    assert (facts.cap, facts.legal_basis, facts.retention, facts.territory) == (None, "", "", "")


@over(
    ("change", "missing"),
    [
        ({"title": ""}, "title"),
        ({"columns": ()}, "columns"),
        ({"collection_purpose": ""}, "collection_purpose (IRI)"),
        ({"legal_basis": ""}, "legal_basis (IRI)"),
        ({"retention": ""}, "retention (such as P3Y)"),
        ({"territory": ""}, "territory (such as FR)"),
        ({"person_column": ""}, "person_column"),
        ({"population": 0}, "population (rounded)"),
        ({"rows_per_person": 0}, "rows_per_person"),
        ({"cap": None}, "cap {epsilon, delta} per person"),
    ],
)
def test_what_personal_data_lacks(change: dict[str, Any], missing: str) -> None:
    assert description.missing_statements(SET) == []
    assert description.missing_statements(replace(SET, **change)) == [missing]


def test_all_that_is_missing_is_listed() -> None:
    assert len(description.missing_statements(replace(SET, cap=None, retention=""))) == 2
    assert description.missing_statements(replace(SET, personal=False, title="")) == ["title"]


def test_participant() -> None:
    subject = description.describe_participant(PROVIDER, "Nord", "FR", "123")
    token = issued(subject)
    found = description.verify_description(token, NODE.document, PROVIDER)
    assert found == subject
    assert found["gx:legalAddress"]["gx:countryCode"] == "FR"


def test_tampering() -> None:
    head, body, signature = issued().split(".")
    other = issued({**SUBJECT, "dct:title": "Else"}).split(".")[1]
    for token in (f"{head}.{other}.{signature}", f"{head}.{body}.", "", "x"):
        with pytest.raises(DescriptionTampered):
            description.verify_description(token, NODE.document, DATASET)


def test_another_publisher_or_another_thing() -> None:
    with pytest.raises(DescriptionTampered):
        description.verify_description(issued(), stranger(PROVIDER).document, DATASET)
    with pytest.raises(DescriptionTampered):
        description.verify_description(issued(), NODE.document, DATASET + "0")
    with pytest.raises(DescriptionTampered):
        description.verify_description(
            issued(issuer_did="did:web:else.example"), NODE.document, DATASET
        )


def test_period() -> None:
    token = issued(valid_until=NOW + timedelta(days=1))
    description.verify_description(token, NODE.document, DATASET, now=NOW)
    for at in (NOW - timedelta(seconds=1), NOW + timedelta(days=1)):
        with pytest.raises(DescriptionTampered):
            description.verify_description(token, NODE.document, DATASET, now=at)
    description.verify_description(issued(), NODE.document, DATASET, now=NOW + timedelta(days=900))


def test_digest_is_of_the_text() -> None:
    assert description.digest(issued()) == sha256_hex(issued().encode())


@over(
    "change",
    [
        lambda s: s.pop("preau:governance"),
        lambda s: s.update({"preau:governance": []}),
        lambda s: s.update({"dct:title": None}),
        lambda s: s.update({"dct:publisher": PROVIDER}),
        lambda s: s["preau:governance"].pop("preau:personalData"),
        lambda s: s["preau:governance"].update({"preau:personalData": "yes"}),
        lambda s: s["preau:governance"].update({"preau:rowsPerPerson": "4"}),
        lambda s: s["preau:governance"].update({"preau:rowsPerPerson": True}),
        lambda s: s["preau:governance"].update({"preau:roundedPopulation": -1}),
        lambda s: s["preau:governance"].update({"preau:column": []}),
        lambda s: s["preau:governance"].update({"preau:column": {"@list": ["x"]}}),
        lambda s: s["preau:governance"]["preau:column"]["@list"][0].update(
            {"preau:columnClass": "harmless"}
        ),
        lambda s: s["preau:governance"].update({"preau:cap": {"preau:epsilon": 1}}),
        lambda s: s["preau:governance"]["preau:cap"].update({"preau:epsilon": 0}),
        lambda s: s["preau:governance"]["preau:cap"].update({"preau:epsilon": "nan"}),
        lambda s: s["preau:governance"]["preau:cap"].update({"preau:epsilon": "inf"}),
        lambda s: s["preau:governance"]["preau:cap"].update({"preau:delta": 1}),
        lambda s: s["preau:governance"].update({"dpv:hasPurpose": {"id": 1}}),
    ],
)
def test_descriptions_that_cannot_be_read(change: Callable[[dict[str, Any]], Any]) -> None:
    subject = json.loads(canonical(SUBJECT))
    assert read_facts(subject)
    change(subject)
    with pytest.raises(DescriptionTampered):
        read_facts(subject)


@over(
    ("change", "at"),
    [
        ({"preau:leavesAs": "canton"}, ()),
        ({"preau:sha256": "0" * 63}, ("preau:hierarchy",)),
        ({"dct:issued": "2026-02-30"}, ("preau:hierarchy",)),
        ({"preau:codes": 0}, ("preau:hierarchy",)),
        ({"preau:level": {"@list": []}}, ("preau:hierarchy",)),
        ({"preau:units": 3}, ("preau:hierarchy", "preau:level", "@list", 0)),
        ({"preau:unit": ["west", 1]}, ("preau:hierarchy", "preau:level", "@list", 0)),
    ],
)
def test_a_hierarchy_that_is_none_is_refused(change: dict[str, Any], at: tuple[Any, ...]) -> None:
    subject = json.loads(canonical(SUBJECT))
    part = subject["preau:governance"]["preau:column"]["@list"][5]
    assert read_facts(subject).columns[5].meaning.hierarchy == GROUPS
    for step in at:
        part = part[step]
    part.update(change)
    with pytest.raises(DescriptionTampered, match="column/@list/5"):
        read_facts(subject)


@over(
    "change",
    [
        {"schema:minValue": 0},
        {"schema:minValue": 5, "schema:maxValue": 5},
        {"schema:minValue": 0, "schema:maxValue": 1, "preau:missingCountsAs": 2},
        {"qudt:hasUnit": {"qudt:ucumCode": "m s"}},
        {"qudt:hasUnit": "m"},
        {
            "skos:prefLabel": [
                {"@language": "fr", "@value": "a"},
                {"@language": "fr", "@value": "b"},
            ]
        },
        {"skos:prefLabel": [{"@language": "Français", "@value": "a"}]},
        {"skos:prefLabel": "score"},
        {"preau:category": {"@list": [{"skos:notation": "1"}, {"skos:notation": "1"}]}},
        {"preau:category": {"@list": [{"skos:notation": "low"}]}},
        {"preau:category": [{"skos:notation": "1"}]},
        {"preau:territorialUnit": {"id": "preau:Department"}},
        {"preau:territorialUnit": {"id": "preau:Planet"}},
    ],
)
def test_a_dictionary_that_contradicts_itself_is_refused(change: dict[str, Any]) -> None:
    subject = json.loads(canonical(SUBJECT))
    column = subject["preau:governance"]["preau:column"]["@list"]
    column[1].update({"schema:minValue": 1, "schema:maxValue": 2})
    assert read_facts(subject).columns[1].meaning == Meaning(lower=1.0, upper=2.0)
    column[1].clear()
    column[1].update({**SUBJECT["preau:governance"]["preau:column"]["@list"][1], **change})
    with pytest.raises(DescriptionTampered, match="column/@list/1"):
        read_facts(subject)


def test_neighbours_of_another_kind_are_refused_and_an_older_description_states_none() -> None:
    governance = SUBJECT["preau:governance"]
    older = {name: value for name, value in governance.items() if name != "preau:accounting"}
    assert read_facts({**SUBJECT, "preau:governance": older}).rule is None
    for stated in (
        {"preau:rule": "sums", "preau:adjacency": "replace-one"},
        {"preau:rule": "sums"},
        {"preau:rule": "best", "preau:adjacency": "add-or-remove-one"},
        {},
    ):
        with pytest.raises(DescriptionTampered):
            read_facts({**SUBJECT, "preau:governance": {**governance, "preau:accounting": stated}})
