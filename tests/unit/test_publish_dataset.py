"""Publishing: everything wrong is said at once, and nothing is half applied."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.errors import (
    CapExceeded,
    ColumnMissing,
    ConstraintUnknown,
    DataFileMissing,
    DataFileUnreadable,
    DescriptionIncomplete,
    Malformed,
    NotFound,
    PolicyInvalid,
    PreauError,
)
from connector.identity.descriptions import dataset_facts
from connector.identity.descriptions import description as descriptions
from connector.services.publication import describing, publish, withdrawing
from tests.support.each import over
from tests.support.link import DATASET, PREAU, Link, Node, description, limit, link, offer

RULE = offer()["permission"][0]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path) as pair:
        yield pair


@pytest.fixture
def school(pair: Link) -> Node:
    return pair.school


def refused(school: Node, raw: dict[str, Any], code: type[PreauError]) -> str:
    """Publish, and return the reason of the refusal, after which nothing has changed."""
    before = school.state_of_everything()
    with pytest.raises(code) as refusal:
        publish.publish(school.ports, raw)
    assert school.state_of_everything() == before
    assert publish.datasets(school.ports).values == ()
    assert "\n" not in refusal.value.reason
    return refusal.value.reason


def test_a_dataset_with_its_offer(pair: Link, school: Node) -> None:
    published = publish.publish(school.ports, description(pair.folder))
    assert publish.datasets(school.ports).values == (published,)
    assert publish.dataset(school.ports, DATASET) == published
    (made,) = publish.offers(school.ports, DATASET)
    assert not made.withdrawn
    assert made.audience == made.derived_from == ""
    written = json.loads(made.policy)
    assert written["@id"] == made.id
    assert "target" not in written
    assert written["assigner"] == school.did
    (entry,) = school.log("dataset.published")
    assert entry.subject == DATASET
    assert b"pupils.csv" not in entry.event


def test_the_description_is_signed_and_says_nothing_of_the_file(pair: Link, school: Node) -> None:
    published = publish.publish(school.ports, description(pair.folder))
    document = school.member.document
    subject = descriptions.verify_description(published.credential, document, DATASET)
    facts = dataset_facts.read_facts(subject)
    assert facts.publisher == school.did
    assert facts.columns == published.columns
    assert (facts.population, facts.rows_per_person) == (4600, 4)
    assert "pupils.csv" not in json.dumps(subject)


def test_the_file_is_remembered_by_its_digest(pair: Link, school: Node) -> None:
    raw = description(pair.folder)
    published = publish.publish(school.ports, raw)
    path = Path(raw["file"]["path"])
    assert published.file.digest == school.ports.sources.digest(path)
    assert published.file.path == str(path)


def test_a_relative_path_starts_at_the_nodes_home(pair: Link, school: Node) -> None:
    (school.home / "rows.csv").write_text("pupil,grade,reading\np1,2,410\n", encoding="utf-8")
    raw = description(pair.folder, file={"path": "rows.csv", "format": "csv"})
    assert publish.publish(school.ports, raw).file.path == str(school.home / "rows.csv")


def test_publishing_again_withdraws_the_offers_that_are_left_out(pair: Link, school: Node) -> None:
    publish.publish(school.ports, description(pair.folder))
    (old,) = publish.offers(school.ports, DATASET)
    other = offer() | {"@id": "urn:example:other"}
    again = publish.publish(school.ports, description(pair.folder, population=4700, offer=other))
    assert publish.datasets(school.ports).values == (again,)
    found = {made.id: made.withdrawn for made in publish.offers(school.ports, DATASET)}
    assert found == {old.id: True, "urn:example:other": False}


def test_several_offers_one_of_them_for_one_consumer(pair: Link, school: Node) -> None:
    raw = description(pair.folder)
    del raw["offer"]
    raw["offers"] = [offer(), offer(epsilon="1", assignee="did:web:lab.example")]
    raw["offers"][1]["@id"] = "urn:example:for-the-lab"
    publish.publish(school.ports, raw)
    assert [made.audience for made in publish.offers(school.ports, DATASET)] == [
        "",
        "did:web:lab.example",
    ]


def test_a_reserve_stays_private(pair: Link, school: Node) -> None:
    publish.publish(school.ports, description(pair.folder, reserve=offer(epsilon="5")))
    (made,) = publish.offers(school.ports, DATASET)
    assert b'"5"' in made.reserve
    assert b'"5"' not in made.policy


def test_withdrawing_an_offer_twice_is_once(pair: Link, school: Node) -> None:
    publish.publish(school.ports, description(pair.folder))
    (made,) = publish.offers(school.ports, DATASET)
    assert withdrawing.withdraw_offer(school.ports, made.id, "taken back").withdrawn
    assert withdrawing.withdraw_offer(school.ports, made.id, "taken back").withdrawn
    assert len(school.log("offer.withdrawn")) == 1


def test_what_is_not_there_is_not_found(school: Node) -> None:
    with pytest.raises(NotFound):
        publish.dataset(school.ports, DATASET)
    with pytest.raises(NotFound):
        withdrawing.withdraw_offer(school.ports, "urn:none", "taken back")


def test_every_missing_statement_is_listed(pair: Link, school: Node) -> None:
    raw = description(pair.folder)
    for name in (
        *("title", "columns", "person_column", "rows_per_person", "population", "cap", "offer"),
        *("collection_purpose", "legal_basis", "retention", "territory", "file"),
    ):
        del raw[name]
    reason = refused(school, raw, DescriptionIncomplete)
    with pytest.raises(DescriptionIncomplete) as caught:
        publish.publish(school.ports, raw)
    assert "--offer FILE" in caught.value.hint
    for words in (
        *("title", "columns", "person_column", "rows_per_person", "population (rounded)", "cap {"),
        *("collection_purpose (IRI)", "legal_basis (IRI)", "retention (such", "territory (such"),
        *("file/path", "file/format", "offer"),
    ):
        assert words in reason


def test_an_empty_description_is_refused(school: Node) -> None:
    assert refused(school, {}, DescriptionIncomplete).startswith("description: missing: id, ")


def test_data_of_no_person_needs_no_cap(pair: Link, school: Node) -> None:
    names = ("person_column", "population", "cap", "legal_basis", "retention", "territory")
    raw = {k: v for k, v in description(pair.folder, personal=False).items() if k not in names}
    published = publish.publish(school.ports, {**raw, "rows_per_person": 1})
    assert published.cap is None


COLUMN = {"name": "grade", "class": "other", "datatype": "number"}


@over(
    ("changes", "says"),
    [
        ({"id": "pupils"}, "`id` must be an absolute IRI"),
        ({"id": 3}, "`id` must be text"),
        ({"title": "two\u0007bells"}, "`title` must be text"),
        ({"titel": "x"}, "unknown statement `titel`"),
        ({"personal": "yes"}, "`personal` must be true or false"),
        ({"population": 4601}, "rounded to two significant digits"),
        ({"population": 11600}, "rounded to two significant digits"),
        ({"population": 45}, "multiple of 10"),
        ({"population": -10}, "`population` must be a whole number"),
        ({"population": True}, "`population` must be a whole number"),
        ({"population": 4600.0}, "`population` must be a whole number"),
        ({"rows_per_person": "4"}, "`rows_per_person` must be a whole number"),
        ({"collection_purpose": "teaching"}, "`collection_purpose` must be an absolute IRI"),
        (
            {"legal_basis": "https://w3id.org/dpv/legal/eu/gdpr#A6-1-z"},
            "`legal_basis` is not a term of the vocabulary",
        ),
        ({"retention": "5 years"}, "`retention` must be an ISO 8601 duration"),
        ({"retention": "P"}, "`retention` must be an ISO 8601 duration"),
        ({"territory": "France"}, "`territory` must be an ISO 3166 code"),
        ({"cap": 3}, "`cap` must be an object"),
        ({"cap": {"epsilon": 0, "delta": 0.1}}, "`cap/epsilon` must be above 0"),
        ({"cap": {"epsilon": 1, "delta": 1}}, "`cap/delta` must be between 0 and 1"),
        ({"cap": {"epsilon": float("nan"), "delta": 0.1}}, "`cap/epsilon` must be a number"),
        ({"cap": {"epsilon": 1, "delta": 0.1, "x": 1}}, "unknown statement `cap/x`"),
        ({"columns": {"a": 1}}, "`columns` must be a list of objects"),
        ({"columns": [{**COLUMN, "labels": {"fr": "a\nb"}}]}, "`columns/0/labels/fr`"),
        ({"columns": [{**COLUMN, "categories": ["a", "a"]}]}, "names a category twice"),
        (
            {"columns": [{**COLUMN, "categories": [{"label": "a"}]}]},
            "`columns/0/categories/0/label`",
        ),
        (
            {"columns": [{**COLUMN, "territory": "canton"}]},
            "`columns/0/territory` must be `uai` or `commune`",
        ),
        (
            {"columns": [{**COLUMN, "datatype": "category", "lower": 0}]},
            "but does not hold numbers",
        ),
        ({"columns": [{**COLUMN, "class": "secret"}]}, "`columns/0/class` must be one of"),
        ({"columns": [{**COLUMN, "datatype": "text"}]}, "must be number or category"),
        ({"columns": [{"name": "grade"}]}, "columns/0/class"),
        ({"columns": [COLUMN, COLUMN], "person_column": "grade"}, "described twice"),
        ({"person_column": "name"}, "`person_column` names `name`, which is not described"),
        (
            {"columns": [{"name": "pupil", "class": "other", "datatype": "category"}]},
            "`person_column` names `pupil`, which is classed `other`",
        ),
        ({"file": {"path": "a.csv", "format": "xls"}}, "`file/format` must be csv, parquet, jsonl"),
        ({"file": {"path": "a.csv", "format": "xlsx"}}, "`file` needs a `layout`"),
        ({"offers": ["x"]}, "`offers` must be a list of objects"),
        ({"offer": "x"}, "`offer` must be an object"),
        ({"reserve": []}, "`reserve` must be an object"),
    ],
)
def test_ill_formed_statements(
    pair: Link, school: Node, changes: dict[str, Any], says: str
) -> None:
    assert says in refused(school, description(pair.folder, **changes), DescriptionIncomplete)


@over("population", [10, 90, 120, 4600, 12000, 1_000_000])
def test_rounded_populations(population: int) -> None:
    assert describing.is_rounded(population)


@over("population", [1, 45, 123, 4610, 11_598, 1_234_000])
def test_populations_that_say_too_much(population: int) -> None:
    assert not describing.is_rounded(population)


def test_a_described_column_that_the_file_lacks(pair: Link, school: Node) -> None:
    raw = description(pair.folder)
    raw["columns"].append({"name": "phone", "class": "other", "datatype": "category"})
    assert "`phone`" in refused(school, raw, ColumnMissing)


def test_no_such_file(pair: Link, school: Node) -> None:
    raw = description(pair.folder, file={"path": "none.csv", "format": "csv"})
    refused(school, raw, DataFileMissing)
    with pytest.raises(DataFileMissing) as caught:
        publish.publish(school.ports, raw)
    assert str(school.ports.settings.home / "none.csv") in caught.value.reason
    assert "--data FILE" in caught.value.hint


def test_a_file_of_another_format(pair: Link, school: Node) -> None:
    raw = description(pair.folder)
    raw["file"]["format"] = "parquet"
    refused(school, raw, DataFileUnreadable)


def _rule(**changes: Any) -> dict[str, Any]:
    return {"permission": [{**RULE, **changes}]}


@over(
    ("members", "code"),
    [
        ({"@type": "Agreement"}, PolicyInvalid),
        ({"target": DATASET}, PolicyInvalid),
        (_rule(target=DATASET), PolicyInvalid),
        ({"profile": "https://example.org/other-profile"}, PolicyInvalid),
        ({"permission": []}, PolicyInvalid),
        ({"@context": ["https://example.org/context.jsonld"]}, Malformed),
        ({"unheard": "of"}, Malformed),
        (_rule(action="odrl:execute"), ConstraintUnknown),
        (_rule(duty=[{"action": "odrl:acceptTracking"}]), ConstraintUnknown),
        # valid, but the protocol cannot carry obligations alone, and nobody here can see them done
        ({"permission": [], "obligation": [{"action": "odrl:inform"}]}, ConstraintUnknown),
        ({"obligation": [{"action": "odrl:acceptTracking"}]}, ConstraintUnknown),
        (_rule(**{"https://others.example/onlyIf": "text"}), PolicyInvalid),
        (_rule(constraint=[*RULE["constraint"], {}]), PreauError),
        (
            _rule(constraint=[*RULE["constraint"], limit("odrl:count", "lteq", "5", "integer")]),
            ConstraintUnknown,
        ),
        (
            _rule(
                constraint=[
                    *RULE["constraint"],
                    limit(f"{PREAU}epsilon", "gteq", "1", "decimal"),
                ]
            ),
            PreauError,
        ),
        (_rule(constraint=RULE["constraint"][:3]), PolicyInvalid),
    ],
)
@over("place", ["offer", "reserve"])
def test_policies_that_cannot_be_published(
    pair: Link, school: Node, members: dict[str, Any], code: type[PreauError], place: str
) -> None:
    if place == "reserve" and "@type" in members:
        members = {"@type": "Offer", "target": DATASET}
    refused(school, description(pair.folder, **{place: offer(**members)}), code)


@pytest.mark.parametrize("place", ["offer", "reserve"])
@pytest.mark.parametrize("terms", [{"epsilon": "10.1"}, {"delta": "0.001"}], ids=str)
def test_promises_above_the_cap(
    pair: Link, school: Node, terms: dict[str, str], place: str
) -> None:
    raw = description(pair.folder, **{place: offer(**terms)})
    assert "above the cap" in refused(school, raw, CapExceeded)


def test_a_promise_of_the_whole_cap(pair: Link, school: Node) -> None:
    publish.publish(school.ports, description(pair.folder, offer=offer(epsilon="10")))
    assert len(publish.offers(school.ports, DATASET)) == 1


def test_a_bad_second_version_leaves_the_first(pair: Link, school: Node) -> None:
    first = publish.publish(school.ports, description(pair.folder))
    before = school.state_of_everything()
    with pytest.raises(ConstraintUnknown):
        publish.publish(school.ports, description(pair.folder, offer=offer(**_rule(action="use"))))
    assert school.state_of_everything() == before
    assert publish.datasets(school.ports).values == (first,)


def test_an_offer_that_nothing_could_satisfy_is_not_published(pair: Link, school: Node) -> None:
    never = limit("odrl:dateTime", "gt", "2028-01-01T00:00:00Z", "dateTime")
    raw = description(pair.folder, offer=offer(extra=(never,)))
    assert "/permission/0" in refused(school, raw, PolicyInvalid)
