"""Publishing in the console: what may be pointed at, step by step to a published offer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connector.console.pages.steward import levels
from connector.console.parts import Words, tables
from connector.domain.privacy.findings import Findings, Risk
from connector.errors import NotPermitted
from connector.identity.statements.risk_report import JudgedUse
from connector.ports import Ports
from connector.services.publication import pointing, publish
from tests.support.console import browsers, text_of
from tests.support.each import over
from tests.support.forms import fields_of, sent
from tests.support.link import Link, link

HOSTILE = "<script>alert(1)</script>"
ROWS = 400
ID = "urn:example:grades"


def write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (f"p{n},{n % 4},{400 + n % 90},{n % 2}" for n in range(ROWS))
    path.write_text("pupil,grade,reading,<b>sex</b>\n" + "\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Link]:
    with link(tmp_path_factory.mktemp("publishing")) as pair:
        home = pair.school.home
        write(home / "data" / "grades.csv")
        write(home / "secret.csv")
        (home / "data" / "out.csv").symlink_to(home / "secret.csv")
        (home / "data" / ".hidden.csv").write_text("a\n1\n")
        yield pair


@pytest.fixture(scope="module")
def school(pair: Link) -> Ports:
    ports: Ports = pair.school.ports
    return ports


@over(
    "place",
    ["secret.csv", "data/../secret.csv", "/etc/passwd", "data/out.csv", "keys/signing.pem", "a\0b"],
)
def test_nothing_beside_the_folders_of_the_settings_is_read(school: Ports, place: str) -> None:
    with pytest.raises(NotPermitted, match="not beneath a folder"):
        pointing.propose(school, "", place)
    column = {"name": "a", "hierarchy": {"file": place}}
    for told in ({"file": {"path": place}}, {"file": {"connection": "x"}, "columns": [column]}):
        for service in (pointing.confirm, pointing.weigh, pointing.publish_pointed):
            with pytest.raises(NotPermitted):
                service(school, told)


def test_a_file_that_becomes_a_link_between_two_steps_is_refused(school: Ports) -> None:
    file = school.settings.home / "data" / "swapped.csv"
    file.write_text("a\n1\n", encoding="utf-8")
    told = {"file": {"path": "data/swapped.csv"}}
    assert pointing.propose(school, "", "data/swapped.csv").found["rows"] == 1
    file.unlink()
    file.symlink_to(school.settings.home / "secret.csv")
    try:
        assert "data/swapped.csv" not in pointing.places(school).files
        for service in (pointing.confirm, pointing.weigh, pointing.publish_pointed):
            with pytest.raises(NotPermitted):
                service(school, told)
    finally:
        file.unlink()


def test_what_is_in_the_folders_is_listed_and_read(school: Ports) -> None:
    assert pointing.places(school).files == ("data/grades.csv",)
    assert pointing.propose(school, "", "data/grades.csv").found["rows"] == ROWS
    closed = replace(school, settings=replace(school.settings, console_folders=()))
    with pytest.raises(NotPermitted):
        pointing.propose(closed, "", "data/grades.csv")


def test_only_a_steward_publishes(school: Ports) -> None:
    with browsers(school, "author", "operator") as visitors:
        for browser in visitors:
            for path in ("/publish", "/publish/source?place=data/grades.csv"):
                assert browser.get(path).status_code == 403
            draft = json.dumps({"file": {"path": "data/grades.csv"}})
            for path in ("/publish/describe", "/publish/terms", "/publish/offer", "/publish"):
                assert browser.do(path, draft=draft, template="research").status_code == 403


@over("draft", ["", "3", "[]", '{"columns": 3}', '{"columns": [3], "cap": 3}', '{"offers": 3}'])
def test_a_form_that_was_changed_by_hand_is_refused(school: Ports, draft: str) -> None:
    with browsers(school, "steward") as (steward,):
        for path in ("/publish/describe", "/publish/offer", "/publish"):
            answer = steward.do(path, draft=draft, template="open-data")
            assert 400 <= answer.status_code < 500, (path, text_of(answer))


def test_a_steward_publishes_step_by_step(school: Ports) -> None:
    with browsers(school, "steward") as (steward,):
        assert "data/grades.csv" in text_of(steward.get("/publish"))
        shown = steward.get("/publish/source?place=data/grades.csv")
        for words in ("Proposed classes", "to confirm", "400", "<b>sex</b>"):
            assert words in text_of(shown).replace("&lt;", "<"), words
        assert "<b>sex" not in shown.text
        wrong = sent(steward, shown, "/publish/describe", id="no iri", title=HOSTILE)
        assert wrong.status_code == 422
        assert "<code>id</code> must be an absolute IRI" in wrong.text
        assert HOSTILE not in wrong.text
        assert fields_of(wrong, "/publish/describe")["title"] == HOSTILE
        known = {
            "id": ID,
            "title": HOSTILE,
            "population": "400",
            "rows_per_person": "1",
            "collection_purpose": "https://w3id.org/dpv/sector/education#EducationManagement",
            "legal_basis": "https://w3id.org/dpv/legal/eu/gdpr#A6-1-e",
            "retention": "P5Y",
            "territory": "FR",
            "epsilon": "10",
            "delta": "0,0001",
            "column.2.fr": "lecture",
            "column.2.lower": "0",
            "column.2.upper": "600",
        }
        offers = sent(steward, wrong, "/publish/describe", **known)
        assert offers.status_code == 200, text_of(offers)
        asked = sent(steward, offers, "/publish/terms", template="statistics")
        short = sent(steward, asked, "/publish/offer")
        assert short.status_code == 422
        assert "until" in text_of(short)
        weighed = sent(
            steward, short, "/publish/offer", **{"value.until": "2030-06-30", "report": "shown"}
        )
        assert weighed.status_code == 200, text_of(weighed)
        for words in ("Risk and use, side by side", "cells withheld", "Offer 1", "Publish"):
            assert words in text_of(weighed), words
        assert '<svg class="bars"' in weighed.text
        done = sent(steward, weighed, "/publish")
        assert done.status_code == 200, text_of(done)
        assert HOSTILE not in done.text
    found = publish.dataset(school, ID)
    assert (found.title, found.population) == (HOSTILE, 400)
    assert found.columns[2].meaning.range == (0, 600)
    with school.store.read() as tx:
        (entry,) = tx.audit.entries(kind="dataset.published")
    assert b'"account"' in entry.event
    taken_back(school)


def taken_back(school: Ports) -> None:
    """Take the offer back, and read the rows anew."""
    (before,) = publish.offers(school, ID)
    with browsers(school, "steward", "auditor") as (steward, auditor):
        form = {"id": before.id, "reason": "too wide"}  # type: ignore[union-attr]
        assert auditor.do("/offer/withdraw", **form).status_code == 403
        assert steward.do("/offer/withdraw", **form).status_code == 200
        assert steward.do("/dataset/refresh", id=ID).status_code == 200
    (after,) = publish.offers(school, ID)
    assert after.withdrawn  # type: ignore[union-attr]


def test_levels_of_a_template_stand_side_by_side(school: Ports) -> None:
    told = {
        **pointing.propose(school, "", "data/grades.csv").description,
        "id": "urn:example:levels",
        "collection_purpose": "https://w3id.org/dpv/sector/education#EducationManagement",
        "legal_basis": "https://w3id.org/dpv/legal/eu/gdpr#A6-1-e",
        "retention": "P5Y",
        "territory": "FR",
        "cap": {"epsilon": 10, "delta": 0.0001},
    }
    with browsers(school, "steward") as (steward,):
        asked = steward.do("/publish/terms", draft=json.dumps(told), template="research")
        assert "required" in text_of(asked)
        values = {"dpia": "urn:a:dpia", "ethics": "urn:a:ethics", "until": "2030-06-30"}
        values |= {"delete_by": "2031-06-30"}
        filled = {f"value.{name}": value for name, value in values.items()}
        weighed = sent(steward, asked, "/publish/offer", **filled)
        assert weighed.status_code == 200, text_of(weighed)
        shown = text_of(weighed)
        assert any(level in shown.lower() for level in ("1, minimis", "1, anonymis")), shown
        assert "What the figures say" in shown


def test_levels_show_the_figures_that_there_are_and_no_count_under_five() -> None:
    risk = Risk(k=0, l=1, t=0.5, unique=0.4, rare=0.9, linkable=0.2)
    rows = JudgedUse("odrl:read", "", Findings(risk=risk, pairs=0.0))
    cells = JudgedUse("odrl:aggregate", "", Findings(withheld=0.9))
    of_rows, of_cells = (
        next(iter(tables(levels.side_by_side([("1", (use,))], "en")))) for use in (rows, cells)
    )
    assert Words("fewer than 5") in of_rows.rows[0]
    assert "cells withheld" not in of_rows.headings
    assert list(of_cells.headings) == [
        "offer",
        "use",
        "cells withheld",
        "values lost, worst column",
    ]
