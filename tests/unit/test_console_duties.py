"""Duties and offers that wait, in the console: listed, stated, and on the first page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from connector.services.access import inbox
from tests.support.console import browsers, text_of
from tests.support.link import Link
from tests.support.owing import DELETE, INFORM, contract, name, owed, seen


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with owed(tmp_path) as pair:
        yield pair


def test_a_duty_of_ours_is_listed_and_stated_to_be_done(pair: Link) -> None:
    duty = name(pair, INFORM)
    with browsers(pair.lab.ports, "steward", "scientist") as (steward, scientist):
        listed = text_of(steward.get("/duties"))
        assert INFORM in listed
        assert DELETE in listed
        home = text_of(steward.get("/"))
        assert INFORM in home.partition("Duties of this institution")[2]
        assert "/duty/done" not in scientist.get("/duty?" + urlencode({"id": duty})).text
        assert scientist.do("/duty/done", id=duty, note="").status_code == 403
        done = text_of(steward.do("/duty/done", id=duty, note="<b>letter</b> of today"))
        assert "<b>letter</b> of today" in done
        assert "State that it was done" not in done
        assert INFORM not in text_of(steward.get("/duties")).partition("Duties what")[2]
        assert INFORM in text_of(steward.get("/duties?closed=yes"))
        assert steward.get("/duty?id=urn:none").status_code == 404
    pair.pump()
    assert seen(pair, INFORM) == ["fulfilled", "fulfilled"]


def test_a_duty_owed_to_us_is_waived_with_a_reason(pair: Link) -> None:
    duty = name(pair, INFORM)
    with browsers(pair.school.ports, "steward", "auditor") as (steward, auditor):
        assert steward.do("/duty/waive", id=duty, reason="").status_code == 400
        assert "we know" in text_of(steward.do("/duty/waive", id=duty, reason="we know already"))
        life = text_of(auditor.get(f"/contract/life?id={contract(pair.school).id}"))
        assert "What was stated of duties" in life
        assert "we know already" in life
    pair.pump()
    assert seen(pair, INFORM) == ["inactive", "inactive"]


def test_the_inbox_has_what_this_institution_owes_the_most_urgent_first(pair: Link) -> None:
    owes = inbox.inbox(pair.lab.ports).duties
    assert {each.path for each in owes} == {INFORM, DELETE}
    due = [each.due for each in owes if each.due is not None]
    assert due == sorted(due)
    assert inbox.inbox(pair.school.ports).duties == ()
