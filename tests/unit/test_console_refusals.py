"""Forms that are refused: shown again where they stood, filled, and saying what is wrong where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import quote_plus, unquote, urlencode

import httpx
import pytest

from connector.console.pages import PAGES
from connector.console.pages.entry import Entry
from connector.console.parts import Field, Form, Page
from connector.console.refusals import marked
from connector.console.visit import Visit
from connector.domain.account import AccountRole
from connector.errors import Malformed
from connector.ports import Ports
from connector.services.approval import deciding
from connector.services.publication import publish
from tests.support.console import PASSWORD, Browser, browsers, person, text_of
from tests.support.each import over
from tests.support.forms import fields_of, held, sent
from tests.support.link import DATASET, Link, description, entry, link
from tests.support.negotiating import ask

HOSTILE = "\"><script>alert(1)</script>'"
LINKED = re.compile(r'<li><a href="#([^"]+)">([^<]+)</a>: (.+?)</li>')


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path) as pair:
        publish.publish(
            pair.school.ports, description(pair.folder, offer=entry(roles=["dpo", "head"]))
        )
        yield pair


@pytest.fixture
def school(pair: Link) -> Ports:
    ports: Ports = pair.school.ports
    person(ports, "everybody", *AccountRole, reviews=("dpo", "head"))
    return ports


@pytest.fixture
def browser(school: Ports) -> Iterator[Browser]:
    with browsers(school, "everybody") as (made,):
        yield made


def faults(answer: httpx.Response) -> dict[str, str]:
    """Label -> what is wrong, of the summary; each link leads to a field that says the same."""
    assert "<title>Error: " in answer.text
    assert answer.text.count('role="alert"') == 1
    found = LINKED.findall(answer.text)
    for name, _, fault in found:
        assert f'id="{name}"' in answer.text
        owner = re.sub(r"-0$", "", name)
        assert f'id="{owner}-fault">{fault}</p>' in answer.text
        assert re.search(rf'aria-invalid="true" aria-describedby="[^"]*{owner}-fault"', answer.text)
    return {label: re.sub("</?code>", "`", fault) for _, label, fault in found}


def test_what_was_typed_is_kept_but_no_password(browser: Browser) -> None:
    shown = browser.get("/accounts")
    typed = {"name": "Eve", "roles.5": "auditor", "reviews": HOSTILE, "password": PASSWORD}
    answer = browser.post("/accounts/add", {**fields_of(shown, "/accounts/add"), **typed})
    assert answer.status_code == 400
    held = fields_of(answer, "/accounts/add")
    assert {name: held[name] for name in typed} == {**typed, "password": ""}
    assert HOSTILE not in answer.text
    assert "<h1>Accounts</h1>" in answer.text
    (label,) = faults(answer)
    assert label == "account name"
    assert "passwords and files do not" in text_of(answer)
    mended = browser.post("/accounts/add", held | {"name": "eve", "password": PASSWORD})
    assert list(faults(mended)) == ["decides as"]


def test_the_door_keeps_the_name_and_the_way(browser: Browser) -> None:
    browser.cookies.clear()
    answer = browser.log_in("everybody", "", to="/log")
    assert answer.status_code == 401
    assert fields_of(answer, "/login") == {"to": "/log", "name": "everybody", "password": ""}
    assert faults(answer) == {"password": "fill this in"}


def test_a_filter_that_cannot_be_read_is_kept(browser: Browser) -> None:
    answer = browser.get("/log?kind=&subject=urn:x&since=1.9.2026&start=x")
    assert answer.status_code == 400
    held = fields_of(answer, "/log")
    assert (held["subject"], held["since"], held["start"]) == ("urn:x", "1.9.2026", "x")
    assert faults(answer)["from day"] == "a day is written as in `2027-09-01`"


def test_a_form_stands_where_it_stood_though_two_lead_to_one_path(
    pair: Link, browser: Browser
) -> None:
    shown = browser.get(f"/dataset?id={DATASET}")
    answer = sent(browser, shown, "/dataset/withdraw", reason=" ")
    assert answer.status_code == 400
    assert DATASET in answer.text
    assert faults(answer) == {"reason": "a reason is one line of 1 to 300 characters"}
    ask(pair)
    (waits,) = deciding.approvals(pair.school.ports).values
    shown = browser.get(f"/approval?id={waits.id}")
    accepted = sent(browser, shown, "/approval/accept", role="dpo", reason="fine")
    again = sent(browser, accepted, "/approval/accept", role="head", reason="mine as well")
    assert again.status_code == 409
    assert fields_of(again, "/approval/accept")["reason"] == "mine as well"
    assert fields_of(again, "/approval/refuse")["reason"] == ""
    assert faults(again) == {}
    assert "in another role" in text_of(again)


def test_a_description_marks_each_field_that_is_meant(school: Ports, browser: Browser) -> None:
    data = school.settings.home / "data" / "grades.csv"
    data.parent.mkdir()
    data.write_text("pupil,grade\na1,2\na2,3\n", encoding="utf-8")
    shown = browser.get("/publish/source?place=data/grades.csv")
    typed = {"id": "urn:x", "population": "41,5", "column.0.lower": "low", "territory": "fr"}
    answer = sent(browser, shown, "/publish/describe", **typed)
    assert answer.status_code == 422
    held = fields_of(answer, "/publish/describe")
    assert {name: held[name] for name in typed} == typed
    found = faults(answer)
    assert {"population", "territory", "retention", "least"} <= found.keys()
    assert found["retention"] == "is missing"


def test_what_cannot_be_shown_again_is_said_on_a_page_of_its_own(browser: Browser) -> None:
    for back in (
        "/nothing",
        "//evil.example",
        "/dataset?id=none",
        "/logout",
        HOSTILE,
        "/job/model",
    ):
        answer = browser.do("/dataset/withdraw", id="none", reason="x", back=back)
        assert answer.status_code == 404, back
        assert "This could not be done" in text_of(answer)
        assert "<script>" not in answer.text


def test_nobody_is_shown_the_page_of_another_role(school: Ports) -> None:
    with browsers(school, "scientist") as (scientist,):
        answer = scientist.do("/job/cancel", id="none", back="/accounts")
        assert answer.status_code == 404
        assert "everybody" not in answer.text


def test_who_was_logged_out_is_led_back(browser: Browser) -> None:
    form = fields_of(browser.get(f"/dataset?id={DATASET}"), "/dataset/check")
    browser.cookies.clear()
    door = browser.post("/dataset/check", form)
    assert (
        fields_of(door, "/login")["to"]
        == "/dataset?id=" + quote_plus(DATASET) + "#form-dataset-check"
    )


@over(
    "entry",
    [each for each in PAGES if each.method == "POST"],
    ids=[each.path for each in PAGES if each.method == "POST"],
)
def test_each_form_says_on_which_page_it_stands(entry: Entry) -> None:
    (on,) = (each for each in PAGES if (each.path, each.method) == (entry.on, "GET"))
    roles = [role for role in AccountRole if entry.leads_role(role)]
    assert all(map(on.leads_role, roles)), "who may send a form may see where it stands"


def test_who_asks_for_what_only_takes_forms_is_led_to_the_form(browser: Browser) -> None:
    for path, page in (("/accounts/add", "/accounts"), ("/job/check", "/job/request")):
        assert browser.get(path).url.path == page


@over(("kind", "value", "fault"), [
        ("text", "", "fill this in"), ("lines", " \r\n ", "fill this in"),
        ("text", "x" * 11, "10 characters at most"), ("lines", "a\r\nb\r\nc", ""),
        ("choice", "", "choose from the list"), ("choice", "z", "choose from the list"),
        ("choice", "a", ""), ("date", "2026", "a day is written as in `2027-09-01`"),
        ("number", "0,5", ""), ("number", ".5", ""), ("number", "1e9", ""),
        ("number", "1e999", "`1e999` is no number"), ("number", "nan", "`nan` is no number"),
        ("number", "1_0", "`1_0` is no number"), ("file", "", "choose a file"),
        ("several", "", "choose at least one"),
    ])  # fmt: skip
def test_a_field_says_what_may_stand_there(kind: str, value: str, fault: str) -> None:
    field = Field("x", "X", kind=kind, choices=[("a", "A")], needed=True, longest=10)
    page = Page("P", [Form("F", "/f", [field], "send")])
    visit = Visit(None, None, "en", "/f", {}, {"x": value})
    made = marked(page, Malformed("refused"), visit)
    form = made.parts[1]
    assert isinstance(form, Form)
    assert form.fields[0].fault == fault


def test_every_form_without_what_it_needs_is_refused_and_says_so(
    pair: Link, school: Ports, browser: Browser
) -> None:
    """Whatever page is reached by links alone; what is needed is what the form says is needed."""
    data = school.settings.home / "data" / "grades.csv"
    data.parent.mkdir()
    data.write_text("pupil,grade\na1,2\na2,3\n", encoding="utf-8")
    ask(pair)
    found: dict[str, str] = {}
    seen, left = {"/"}, ["/"]
    while left and len(seen) < 200:
        text = browser.get(left.pop()).text
        for form in re.findall(r"<form id=.*?</form>", text, re.DOTALL):
            found.setdefault(re.search('id="([^"]+)"', form)[1], form)
        links = {unescape(each) for each in re.findall(r'<a href="(/[^"]*)">', text)}
        left += sorted(links - seen)
        seen |= links
    asked = {name: form for name, form in found.items() if " required" in form}
    assert len(asked) > 12, sorted(found)
    for name, form in asked.items():
        needs = {unescape(each) for each in re.findall(r' id="([^"]+)"[^>]* required', form)}
        path = re.search('action="([^"]+)"', form)[1]
        blank = {each.removeprefix(f"{name}-"): "" for each in needs}
        given = {**held(form), **blank}
        posted = 'method="post"' in form
        answer = browser.post(path, given) if posted else browser.get(f"{path}?{urlencode(given)}")
        assert 400 <= answer.status_code < 500, (name, text_of(answer)[:300])
        faults(answer)
        linked = {unquote(each) for each, _, _ in LINKED.findall(answer.text)}
        assert needs <= linked, (name, needs - linked)
