"""The check of a data file: what refuses publication, whose persons are compared, what jobs see."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from connector.cli.exits import exit_of
from connector.domain.privacy.census import Census, ColumnCount, Counts
from connector.errors import (
    ColumnMissing,
    DataFault,
    DataUnchecked,
    DescriptionIncomplete,
    KeyUnusable,
    Malformed,
    NotFound,
    PersonsExceeded,
    PersonsOverlap,
    PreauError,
    RowsMalformed,
    TooManyRequests,
    Unlawful,
    WorkerFailed,
)
from connector.services.publication import checking, publish, recounting
from connector.services.publication.verdicts import judge, refuse, verdict
from tests.support.census import passing
from tests.support.command import invoked
from tests.support.doubles import PersonKeys
from tests.support.each import over
from tests.support.link import DATASET, Link, Node, description, link
from tests.support.management import TOKEN, application_of, commanded, served
from tests.support.publishing import HEADER, OTHER, described, put, refused, verdict_of

GOOD = Counts(100, 90, 2, 5, 1, 1, 1, 0, (ColumnCount("reading", 2),))


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path) as pair:
        yield pair


@pytest.fixture
def school(pair: Link) -> Node:
    return pair.school


@over(
    ("counts", "changes", "fault"),
    [
        (GOOD, {}, None),
        (GOOD, {"population": 90}, None),
        (GOOD, {"population": 80}, PersonsExceeded),
        (GOOD, {"population": 80, "personal": False}, None),
        (replace(GOOD, malformed=6), {}, RowsMalformed),
        (replace(GOOD, malformed=6), {"malformed_share": 0.06}, None),
        (GOOD, {"malformed_share": 0.0}, RowsMalformed),
        (replace(GOOD, malformed=0), {"malformed_share": 0.0}, None),
        (replace(GOOD, quotes=1), {"malformed_share": 0.9}, RowsMalformed),
        (Counts(0, 0, 0, 0, 0, 0, 0, 0), {}, None),
    ],
)
def test_what_counts_refuse(
    pair: Link, school: Node, counts: Counts, changes: dict[str, Any], fault: type | None
) -> None:
    dataset = replace(publish.publish(school.ports, description(pair.folder)), **changes)
    found = judge(dataset, counts)
    assert (found and type(found)) == fault
    assert found is None or "\n" not in found.reason


def test_a_file_that_is_as_described_runs_jobs(pair: Link, school: Node) -> None:
    put(school, description(pair.folder))
    found = verdict_of(school)
    assert (found.code, found.reasons) == ("", ())
    assert found.census is not None
    assert found.census.counts == Counts(2, 2, 0, 0, 0, 0, 0, 0, _odd(grade=0, reading=0))


def test_a_column_that_is_mostly_no_number_is_refused_whatever_may_be_malformed(
    pair: Link, school: Node
) -> None:
    raw = {**described(pair, "commas.csv"), "malformed_share": 0.99}
    path = Path(raw["file"]["path"])
    path.write_text('pupil,grade,reading\n1,2,"82,0"\n2,2,"91,5"\n3,2,70\n', encoding="utf-8")
    with pytest.raises(
        RowsMalformed, match="2 of 3 rows have no readable value in `reading`"
    ) as caught:
        publish.publish(school.ports, raw)
    assert "preau source inspect" in caught.value.hint
    path.write_text('pupil,grade,reading\n1,2,"82,0"\n2,2,91.5\n3,2,70\n', encoding="utf-8")
    publish.publish(school.ports, raw)
    shown = json.loads(preau(school, "dataset", "show", DATASET, "--json").stdout)["check"]
    assert shown["unreadable"] == {"grade": 0, "reading": 1}
    assert "unreadable in `reading`" in preau(school, "dataset", "show", DATASET).stdout


@over(
    ("of", "stated", "outside"),
    [
        (2, {"lower": 0, "upper": 420}, 1),
        (2, {"lower": 0, "upper": 500}, 0),
        (1, {"categories": ["2", "3"]}, 0),
        (1, {"categories": ["1", "3"]}, 2),
        (3, {"categories": ["M"]}, 1),
        (3, {"categories": ["F", {"value": "M", "labels": {"fr": "garçon"}}]}, 0),
        (3, {"territory": "departement"}, 2),
        (3, {"territory": "region"}, 0),
    ],
)
def test_a_file_that_its_dictionary_contradicts_is_refused(
    pair: Link, school: Node, of: int, stated: dict[str, Any], outside: int
) -> None:
    raw = description(pair.folder)
    raw["columns"].append({"name": "sex", "class": "quasi-identifier", "datatype": "category"})
    column = raw["columns"][of]
    column.update(stated)
    if outside:
        reason = refused(school, raw, DescriptionIncomplete)
        assert reason.startswith(f"{outside} of 2 values of `{column['name']}` are outside")
        raw["malformed_share"] = outside / 2 if outside < 2 else 0.99  # half, or not all
    if outside < 2:
        publish.publish(school.ports, raw)
        shown = json.loads(preau(school, "dataset", "show", DATASET, "--json").stdout)
        checked = stated.get("territory") != "region"  # no list of its codes is known
        assert shown["check"]["outside"] == ({column["name"]: outside} if checked else {})
        meaning = stated.keys() & shown["columns"][of].keys()
        assert meaning == stated.keys()


def test_what_columns_mean_is_shown_in_the_language_of_the_reader(pair: Link, school: Node) -> None:
    raw = description(pair.folder)
    raw["columns"][2] |= {"labels": {"fr": "lecture", "en": "reading score"}, "unit": "{score}"}
    raw["columns"][2] |= {"lower": 0, "upper": 500, "missing": 0}
    sex = {"name": "sex", "class": "other", "datatype": "category", "labels": {"fr": ""}}
    raw["columns"].append({**sex, "categories": ["F", {"value": "M", "labels": {"fr": "garçon"}}]})
    publish.publish(school.ports, raw)
    shown = preau(school, "dataset", "show", DATASET, "--lang", "fr").stdout
    for words in ("lecture", "{score};", "manquant", "(garçon)"):
        assert words in shown
    assert "reading score" in preau(school, "dataset", "show", DATASET).stdout
    assert "lecture" not in preau(pair.lab, "catalog", school.did).stdout
    for_the_lab = preau(pair.lab, "catalog", school.did, "--columns", "--lang", "fr").stdout
    assert "lecture" in for_the_lab
    assert "(garçon)" in for_the_lab


@pytest.mark.parametrize(
    ("persons", "population", "far"),
    [(869, 87_000, True), (869, 8_600, False), (100, 1_100, True), (99, 4_600, False)],
)
def test_a_population_far_above_the_persons_is_refused(
    pair: Link, school: Node, persons: int, population: int, *, far: bool
) -> None:
    dataset = publish.publish(school.ports, description(pair.folder))
    counts = Counts(persons, persons, 0, 0, 0, 0, 0, 0)
    census = replace(passing(dataset), counts=counts)
    declared = replace(dataset, population=population)
    with (
        pytest.raises(DescriptionIncomplete, match=f"{population}, far more than the {persons}")
        if far
        else nullcontext()
    ):
        refuse(declared, census)
    refuse(replace(declared, personal=False), census)


def _odd(**values: int) -> tuple[ColumnCount, ...]:
    return tuple(ColumnCount(name, number) for name, number in values.items())


@pytest.mark.parametrize(
    ("rows", "changes", "code"),
    [
        ("1,2,x,F\n2,2,410,F\n", {}, RowsMalformed),
        ("1,2,x,F\n2,2,410,F\n", {"malformed_share": 0.5}, None),
        ("1,2\n2,2,410,F\n", {}, RowsMalformed),
        (",2,410,F\n2,2,410,F\n", {}, RowsMalformed),
        ('1,2,410,"F\n2,2,410,F\n', {"malformed_share": 0.9}, RowsMalformed),
        ('1,2,410,"F"\n2,2,410,F\n', {}, None),
        ("".join(f"{i},2,410,F\n" for i in range(11)), {"population": 10}, PersonsExceeded),
        ("".join(f"{i},2,410,F\n" for i in range(10)), {"population": 10}, None),
        ("7,2,1,F\n07,2,1,F\n", {"population": 10, "person_format": "number"}, None),
        ("7,2,1,F\nx,2,1,F\n", {"population": 10, "person_format": "number"}, RowsMalformed),
    ],
)
def test_files_at_publication(
    pair: Link, school: Node, rows: str, changes: dict[str, Any], code: type[PreauError] | None
) -> None:
    raw = described(pair, "rows.csv", **changes)
    Path(raw["file"]["path"]).write_text(HEADER + rows, encoding="utf-8")
    if code is None:
        put(school, raw)
        assert not verdict_of(school).code
    else:
        refused(school, raw, code)
        assert publish.datasets(school.ports).values == ()


def test_no_count_enters_the_audit_log(pair: Link, school: Node) -> None:
    put(school, described(pair, "a.csv", "p1", "p2"))
    put(school, described(pair, "b.csv", "p2", id=OTHER), distinct="another town")
    text = b"".join(entry.event for entry in school.log())
    for word in (b'persons"', b'rows"', b"malformed"):
        assert word not in text
    (entry,) = school.log("persons.distinct")
    assert b"another town" in entry.event


def test_the_same_file_under_another_id_gets_no_cap_of_its_own(pair: Link, school: Node) -> None:
    register = put(school, described(pair, "a.csv", "p1", "p2"))
    again = described(pair, "a.csv", "p1", "p2", id=OTHER)
    assert "the same file" in refused(school, again, PersonsOverlap)
    assert put(school, {**again, "register": register}) == register
    assert not verdict_of(school, OTHER).code


@pytest.mark.parametrize(
    "changes",
    [
        {"person_column": "sex"},
        {"person_format": "text-fold"},
        {"personal": False},
        {"personal": False, "person_column": "", "cap": None},
    ],
)
def test_no_description_of_the_same_file_hides_that_it_is_the_same(
    pair: Link, school: Node, changes: dict[str, Any]
) -> None:
    columns = [*description(pair.folder)["columns"], {**SEX}]
    put(school, described(pair, "a.csv", "p1", "p2", columns=columns))
    again = described(pair, "a.csv", "p1", "p2", columns=columns, id=OTHER, **changes)
    assert "the same file" in refused(school, again, PersonsOverlap)


SEX = {"name": "sex", "class": "quasi-identifier", "datatype": "category"}


@pytest.mark.parametrize("spelling", ["p2", " P2 ", "p2 "])
def test_persons_of_another_register_are_shown_and_refused(
    pair: Link, school: Node, spelling: str
) -> None:
    register = put(school, described(pair, "a.csv", "p1", "p2"))
    raw = described(pair, "b.csv", spelling, "p3", id=OTHER)
    reason = refused(school, raw, PersonsOverlap)
    assert f"1 persons are also in register `{register}`" in reason
    assert put(school, raw, distinct="another town") != register
    assert not verdict_of(school, OTHER).code
    assert not verdict_of(school).code


def test_other_persons_need_no_answer(pair: Link, school: Node) -> None:
    put(school, described(pair, "a.csv", "p1", "p2"))
    put(school, described(pair, "b.csv", "p3", id=OTHER))
    assert not school.log("persons.distinct")


def test_persons_who_left_the_file_stay_in_the_register(pair: Link, school: Node) -> None:
    put(school, described(pair, "a.csv", "p1", "p2"))
    put(school, described(pair, "a.csv", "p1"))
    raw = described(pair, "b.csv", "p2", id=OTHER)
    assert "1 persons" in refused(school, raw, PersonsOverlap)


def test_an_answer_speaks_of_both_registers(pair: Link, school: Node) -> None:
    put(school, described(pair, "a.csv", "p1", "p2"))
    put(school, described(pair, "b.csv", "p2", id=OTHER), distinct="another town")
    assert not checking.check(school.ports, DATASET).open_overlaps
    put(school, described(pair, "a.csv", "p1", "p2", title="New title"))
    assert not verdict_of(school).code
    refused(school, described(pair, "a.csv", "p2", "p4"), PersonsOverlap)


def test_an_answer_holds_for_the_file_that_it_was_given_for(pair: Link, school: Node) -> None:
    put(school, described(pair, "a.csv", "p1", "p2"))
    raw = described(pair, "b.csv", "p2", id=OTHER)
    put(school, raw, distinct="another town")
    put(school, {**raw, "title": "New title"})
    refused(school, {**raw, "person_format": "text-fold"}, PersonsOverlap)
    refused(school, described(pair, "b.csv", "p2", "p1", id=OTHER), PersonsOverlap)


def test_a_register_that_nothing_is_left_in_stands_in_nobodys_way(pair: Link, school: Node) -> None:
    first = put(school, described(pair, "a.csv", "p1"))
    second = put(school, described(pair, "b.csv", "p9", id=OTHER))
    assert put(school, described(pair, "a.csv", "p1", register=second)) == second != first


@pytest.mark.parametrize("reason", [" ", "two\nlines", "x" * 501])
def test_a_reason_is_one_line(pair: Link, school: Node, reason: str) -> None:
    refused(school, description(pair.folder), DescriptionIncomplete, distinct=reason)


def test_a_file_published_meanwhile_is_compared_again(pair: Link, school: Node) -> None:
    raw = described(pair, "b.csv", "p2", id=OTHER)
    earlier = described(pair, "a.csv", "p1", "p2")
    workers: Any = school.ports.workers

    def publish_first() -> None:
        workers.before = lambda: None
        put(school, earlier)

    workers.before = publish_first
    with pytest.raises(PersonsOverlap):
        publish.publish(school.ports, raw)
    assert [each.id for each in publish.datasets(school.ports).values] == [DATASET]


def test_a_check_that_is_always_overtaken_gives_up(pair: Link, school: Node) -> None:
    workers: Any = school.ports.workers
    names = iter(range(100))

    def publish_another() -> None:
        again, workers.before = workers.before, lambda: None
        number = next(names)
        put(school, described(pair, f"{number}.csv", f"q{number}", id=f"urn:other:{number}"))
        workers.before = again

    workers.before = publish_another
    with pytest.raises(TooManyRequests):
        publish.publish(school.ports, described(pair, "a.csv", "p1"))


def test_without_a_worker_nothing_is_published(pair: Link, school: Node) -> None:
    workers: Any = school.ports.workers
    workers.failing = True
    refused(school, description(pair.folder), WorkerFailed)
    workers.failing = False
    put(school, description(pair.folder))


def test_a_lost_key_compares_nobody(pair: Link, school: Node) -> None:
    put(school, described(pair, "a.csv", "p1"))
    keys: Any = school.ports.person_key
    assert isinstance(keys, PersonKeys)
    kept = keys.key
    for wrong in (b"", bytes(32)):
        keys.key = wrong
        with pytest.raises(KeyUnusable):
            publish.publish(school.ports, described(pair, "b.csv", "p2", id=OTHER))
    keys.key = kept
    put(school, described(pair, "b.csv", "p2", id=OTHER))


def test_persons_are_taken_anew_once_their_key_is_lost(pair: Link, school: Node) -> None:
    put(school, described(pair, "a.csv", "p1", "p2"))
    other = described(pair, "b.csv", "p2", id=OTHER)
    put(school, other, distinct="other pupils")
    with pytest.raises(Unlawful):
        recounting.recount(school.ports, "lost with the disk")  # it is not lost
    keys: Any = school.ports.person_key
    keys.key = b""
    for wrong in ("", "two\nlines"):
        with pytest.raises(Malformed):
            recounting.recount(school.ports, wrong)
    assert recounting.recount(school.ports, "lost with the disk") == [DATASET, OTHER]
    (entry,) = school.log("persons.recounted")
    assert b"lost with the disk" in entry.event
    assert verdict_of(school).code == verdict_of(school, OTHER).code == DataUnchecked.code
    assert checking.sweep(school.ports) == []
    assert verdict_of(school, OTHER).code == PersonsOverlap.code  # what was answered is asked again
    refused(school, other, PersonsOverlap)
    put(school, other, distinct="other pupils")
    assert not verdict_of(school, OTHER).code
    with pytest.raises(Unlawful):
        recounting.recount(school.ports, "lost with the disk")


@pytest.mark.parametrize("spent", [False, True])
def test_who_has_spent_is_asked_of_for_good_after_a_recount(
    pair: Link,
    school: Node,
    spent: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Its earlier file is gone, and nobody can tell who was in it."""
    put(school, described(pair, "a.csv", "p1"))
    register = put(school, described(pair, "a.csv", "p2"))  # in the place of the first
    if spent:
        with school.ports.store.write() as tx:
            (known,) = tx.registers.find(id=register)
            tx.registers.put(replace(known, charges=1))
    keys: Any = school.ports.person_key
    keys.key = b""
    recounting.recount(school.ports, "lost with the disk")
    checking.sweep(school.ports)
    for name, person in (("b.csv", "p1"), ("c.csv", "p9")):
        raw = described(pair, name, person, id=f"urn:{name}")
        if spent:
            refused(school, raw, PersonsOverlap)
        put(school, raw, distinct="other pupils" if spent else "")


def test_the_command_takes_persons_anew(pair: Link, school: Node) -> None:
    put(school, described(pair, "a.csv", "p1"))
    with commanded(school.ports) as preau:
        words = ("register", "recount", "--reason", "lost with the disk")
        refused_by = json.loads(preau(*words, "--json").stderr)
        assert refused_by["code"] == "UNLAWFUL"
        keys: Any = school.ports.person_key
        keys.key = b""
        assert f"`preau dataset check {DATASET}`" in preau(*words).stdout
        assert preau("dataset", "check", DATASET).exit_code == 0
    assert not verdict_of(school).code


def test_checking_what_is_not_published(school: Node) -> None:
    with pytest.raises(NotFound):
        checking.check(school.ports, DATASET)


def test_a_passed_file_that_is_gone_keeps_who_was_in_it(pair: Link, school: Node) -> None:
    raw = described(pair, "a.csv", "p1")
    register = put(school, raw)
    Path(raw["file"]["path"]).unlink()
    census = checking.check(school.ports, DATASET)
    assert (census.code, census.counts and census.counts.persons) == ("DATA_FILE_MISSING", 1)
    with school.ports.store.read() as tx:
        persons = tx.persons.get(register)
    assert persons is not None
    assert persons.persons == 1


@pytest.mark.parametrize("damage", ["none", "gone", "changed"])
def test_the_command_ends_as_the_check_does(pair: Link, school: Node, damage: str) -> None:
    raw = described(pair, "a.csv", "p1", "p2")
    put(school, raw)
    path = Path(raw["file"]["path"])
    code = {"gone": "DATA_FILE_MISSING", "changed": "DATA_FILE_CHANGED"}.get(damage, "")
    if damage == "gone":
        path.unlink()
    if damage == "changed":
        path.write_text(HEADER + "p9,2,410,F\n", encoding="utf-8")
    done = preau(school, "dataset", "check", DATASET)
    assert done.exit_code == (exit_of(DataFault("")) if code else 0)
    assert str(path) in done.stdout
    assert ("rows" in done.stdout.replace("rows it", "")) == (not code)
    assert f"error {code}: no job runs on `{DATASET}`: `{path}`: " in done.stderr or not code
    assert ("hint: put back the file as it was" in done.stderr) == bool(code)
    as_json = preau(school, "dataset", "check", DATASET, "--json")
    check = json.loads(as_json.stdout)["check"]
    assert (check["verdict"], check["persons"]) == ((code, None) if code else ("passed", 2))
    assert not code or json.loads(as_json.stderr)["code"] == code


def preau(school: Node, *words: str) -> Result:
    """Run a command against the node."""
    home = school.ports.settings.home
    (home / "run").mkdir(exist_ok=True)
    with served(application_of(school.ports), school.ports.settings) as address:
        (home / "run" / "node.json").write_text(json.dumps({"management": address}))
        (home / "run" / "management.token").write_text(TOKEN)
        return invoked([*words, "--home", str(home)])


def test_a_file_without_a_row_is_not_published_and_stops_no_job(pair: Link, school: Node) -> None:
    assert "no row" in refused(school, described(pair, "empty.csv"), RowsMalformed)
    put(school, described(pair, "a.csv", "p1"))
    (dataset,) = publish.datasets(school.ports).values
    assert judge(dataset, Counts(0, 0, 0, 0, 0, 0, 0, 0)) is None


def test_a_file_with_semicolons_is_named_with_a_hint(pair: Link, school: Node) -> None:
    raw = described(pair, "semicolons.csv", "p1")
    path = Path(raw["file"]["path"])
    path.write_text(path.read_text().replace(",", ";"), encoding="utf-8")
    with pytest.raises(ColumnMissing, match=f"`{path}`") as caught:
        publish.publish(school.ports, raw)
    assert "commas" in caught.value.hint


def test_a_described_column_is_in_the_file(pair: Link, school: Node) -> None:
    columns = [*description(pair.folder)["columns"], {**SEX, "name": "age"}]
    assert "`age`" in refused(school, described(pair, "a.csv", "1", columns=columns), ColumnMissing)


def test_a_verdict_is_of_one_version_of_the_file(pair: Link, school: Node) -> None:
    put(school, description(pair.folder))
    (dataset,) = publish.datasets(school.ports).values
    with school.ports.store.read() as tx:
        (census,) = tx.censuses.find()
    changed = replace(dataset, file=replace(dataset.file, digest="0" * 64))
    assert verdict(changed, [census]).code == DataUnchecked.code
    assert isinstance(census, Census)
