"""The console in a real browser: every page, both languages, found accessible, and alone.

Chromium is Debian's package, driven by Playwright; what axe-core finds is a fault of the page.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from chromium import chromium as started

from connector.console.pages import PAGES
from connector.domain.account import AccountRole
from connector.ports import Ports
from connector.services.approval import deciding
from connector.services.negotiation import agree, negotiate
from connector.services.publication import publish
from tests.support.browsing import Visitor
from tests.support.console import PASSWORD, person, served
from tests.support.doubles import FixedClock, ports_for_tests
from tests.support.federation import Federation
from tests.support.jobs import all_running, submitted
from tests.support.link import DATASET, Link, description, entry, link, offer
from tests.support.negotiating import ask
from tests.support.owing import INFORM, name, owed
from tests.support.provider import provider, trusting
from tests.unit.test_job_check import contracted
from tests.unit.test_use_flow import linked, prepared, worker
from tests.unit.test_use_flow import offer as use

pytestmark = pytest.mark.browser
OUTLINED = "getComputedStyle(document.activeElement).outlineStyle"
WRONG = ("/publish/source?place=nothing.csv", "/nothing", "/contract?id=urn:none")
UNMET = "/job/request?target=grade"  # no contract allows it
STOPS = """[...document.querySelectorAll(
    "a[href], button, input:not([type=hidden]), select, textarea, [tabindex='0']")].length"""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Link]:
    with link(tmp_path_factory.mktemp("console")) as pair:
        told = description(pair.folder, offer=entry(roles=["dpo", "head"]))
        publish.publish(pair.school.ports, told)
        data = pair.school.home / "data" / "grades.csv"
        data.parent.mkdir()
        data.write_text("pupil,grade\na1,2\na2,3\n", encoding="utf-8")
        ask(pair)
        (first,) = deciding.approvals(pair.school.ports).values
        for role in ("dpo", "head"):
            deciding.accept(pair.school.ports, first.id, role)
        pair.pump()
        ask(pair)
        ask(pair, policy=offer(epsilon="5"))
        for node in (pair.school, pair.lab):
            person(node.ports, "everybody", *AccountRole, reviews=("dpo", "head"))
            for role in AccountRole:
                person(node.ports, role, reviews=("dpo", "head") if role == "approver" else ())
        yield pair


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with started() as browser:
        yield browser


def paths(ports: Ports) -> list[str]:
    """Every page that there is, with something on it."""
    (waits,) = deciding.approvals(ports).values
    (contract,) = agree.agreements(ports).values
    negotiation = negotiate.negotiations(ports).values[0]
    standing = publish.offers(ports, DATASET)[0]
    details = [
        f"/approval?id={waits.id}",
        "/account?name=everybody",
        f"/dataset?id={DATASET}",
        f"/contract?id={contract.id}",
        f"/contract/life?id={contract.id}",
        "/accessibility",
        "/map",
        "/doctor",
        "/messages",
        "/figures",
        f"/negotiation?id={negotiation.pid}",
        "/publish/source?place=data/grades.csv",
        f"/policy?offer={standing.id}",
    ]
    return [*(each.path for each in PAGES if each.menu), *details, *WRONG]


def consumed(pair: Link) -> list[str]:
    """The pages on which a consumer does what a provider does not."""
    peer = pair.school.did
    countered = pair.lab.negotiations()[-1]
    return [
        "/catalog?words=",
        f"/catalog?words=&peer={peer}",
        f"/catalog/dataset?peer={peer}&id={DATASET}",
        f"/negotiation?id={countered.pid}",
        "/job/request",
        UNMET,
    ]


def together(found: list[str]) -> dict[str, list[str]]:
    """Who has all roles visits all pages, each of which then holds all that it can."""
    return {"everybody": found}


def by_role(found: list[str]) -> dict[str, list[str]]:
    """Each page is visited by somebody of one role, and the first by each."""
    visits: dict[str, list[str]] = {role: [] for role in AccountRole}
    entries = {entry.path: entry for entry in PAGES if entry.method == "GET"}
    for path in found:
        entry = entries.get(path.partition("?")[0], entries["/"])
        may = [role for role in AccountRole if entry.leads_role(role)]
        for role in may if path == "/" else [min(may, key=lambda role: len(visits[role]))]:
            visits[role].append(path)
    return {role: paths for role, paths in visits.items() if paths}


@pytest.mark.parametrize(
    ("language", "scheme", "divided"), [("en", "light", together), ("fr", "dark", by_role)]
)
def test_every_page_is_accessible_alone_and_without_complaint(
    pair: Link, chromium: Any, language: str, scheme: str, divided: Callable[..., Any]
) -> None:
    for node, found in (
        (pair.school, paths(pair.school.ports)),
        (pair.lab, consumed(pair)),
    ):
        with served(node.ports) as address:
            visitor = Visitor(chromium, address, language, color_scheme=scheme)
            visitor.page.goto("/login")
            assert visitor.violations(whole=scheme == "light") == []
            titles = set()
            for name, visits in divided(found).items():
                visitor.log_in(name)
                for path in visits:
                    answer = visitor.page.goto(path)
                    assert (answer.status == 200) == (path not in (*WRONG, UNMET)), (name, path)
                    assert visitor.language == language
                    assert visitor.violations(whole=scheme == "light") == [], (name, path)
                    assert len(answer.body()) < 150_000
                    titles.add((visitor.page.title(), path.partition("?")[0]))
            assert len({title for title, _ in titles}) == len(titles), (
                "pages have titles of their own"
            )
            # what Chromium says of an answer that is an error on purpose
            visitor.faults = [
                each for each in visitor.faults if not re.search("4(0[034]|22)", each)
            ]
            assert visitor.faults == []
            visitor.context.close()


def test_every_page_is_accessible_on_a_node_that_holds_nothing(
    chromium: Any, tmp_path: Path
) -> None:
    ports = ports_for_tests(tmp_path)
    person(ports, "everybody", *AccountRole)
    person(ports, "auditor")
    with served(ports) as address:
        visitor = Visitor(chromium, address, "fr")
        visitor.log_in("everybody")
        for path in (each.path for each in PAGES if each.menu):
            assert visitor.page.goto(path).status == 200, path
            assert visitor.violations() == [], path
        visitor.context.close()
        visitor = Visitor(chromium, address, "en")
        visitor.log_in("auditor")
        assert visitor.page.goto("/accounts").status == 403
        assert visitor.violations() == []
        visitor.context.close()


def test_duties_tables_and_requests_are_accessible(chromium: Any, tmp_path: Path) -> None:
    with owed(tmp_path / "owed") as pair:
        person(pair.lab.ports, "everybody", *AccountRole)
        with served(pair.lab.ports) as address:
            visitor = Visitor(chromium, address, "fr")
            visitor.log_in("everybody")
            for path in ("/", "/duties", f"/duty?id={quote(name(pair, INFORM))}"):
                assert visitor.page.goto(path).status == 200, path
                assert visitor.violations() == [], path
            visitor.context.close()
    with linked(tmp_path / "linked", use("odrl:aggregate")) as pair:
        worker(pair).content = b'{"grade": "2", "persons": 12}\n'
        person(pair.lab.ports, "everybody", *AccountRole)
        with served(pair.lab.ports) as address:
            visitor = Visitor(chromium, address, "en", color_scheme="dark")
            page = visitor.page
            visitor.log_in("everybody")
            page.goto("/tables")
            assert visitor.violations() == []
            page.locator("input[name^='measure.']:checked").uncheck()
            visitor.presses("form[action='/table/ask'] button")
            page.locator("#refused:focus").wait_for()
            assert visitor.violations() == []
            page.locator("input[name^='measure.']").first.check()
            visitor.presses("form[action='/table/ask'] button")
            page.wait_for_url("**/table?id=*")
            prepared(pair)
            visitor.presses("form[action='/table'] button")
            assert page.locator("caption").count() >= 1
            assert visitor.violations() == []
            visitor.context.close()
    with contracted(tmp_path / "job") as pair:
        person(pair.lab.ports, "everybody", *AccountRole)
        with served(pair.lab.ports) as address:
            visitor = Visitor(chromium, address, "fr")
            page = visitor.page
            visitor.log_in("everybody")
            page.goto("/job/request")
            page.locator("[name=target]").fill("level")
            visitor.presses("form[action='/job/request'] button")
            assert visitor.violations() == []
            for epsilon, ready in (("much", "#refused"), ("1", "form[action='/job/submit']")):
                page.locator("[name='/privacy/epsilon']").fill(epsilon)
                visitor.presses("form[action='/job/check'] button")
                page.locator(ready).wait_for()
                assert visitor.violations() == []
            visitor.context.close()


def test_what_was_refused_is_accessible_and_comes_first(pair: Link, chromium: Any) -> None:
    ports = pair.school.ports
    (waits,) = deciding.approvals(ports).values
    with served(ports) as address:
        visitor = Visitor(chromium, address, "fr", color_scheme="dark")
        page = visitor.page
        page.goto("/login")
        visitor.presses("main button")
        assert_refused(visitor, 2)
        visitor.log_in("everybody")
        for path, form, fields in (
            ("/accounts", "/accounts/add", 3),
            (f"/approval?id={waits.id}", "/approval/refuse", 1),
            ("/publish/source?place=data/grades.csv", "/publish/describe", 5),
            ("/evidence", "/evidence/verify", 1),
            ("/log?start=x", "", 1),
        ):
            page.goto(path)
            if form:
                visitor.presses(f"form[action='{form}'] button")
            assert_refused(visitor, fields)
        visitor.context.close()


def assert_refused(visitor: Visitor, fields: int) -> None:
    """The summary has the focus, and leads by keyboard to each field that is meant."""
    page = visitor.page
    assert re.match(r"Erreur\s: ", page.title())
    page.locator("#refused:focus").wait_for()
    links = page.locator("#refused a")
    assert links.count() >= fields
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator("main").locator("input:focus, select:focus, textarea:focus").wait_for()
    assert page.evaluate("document.activeElement.ariaInvalid") == "true"
    assert visitor.violations(whole=True) == []


def test_what_others_wrote_breaks_no_page(pair: Link, chromium: Any) -> None:
    about, long = f"urn:example:{'i' * 200}", "x" * 150
    title = f"\u200b{long}\u05d0\u05d1\u05d2 \u202e{long}"
    told = description(
        pair.folder, id=about, title=title, offer={**offer(), "@id": "urn:example:o"}
    )
    publish.publish(pair.school.ports, told, distinct="the same file on purpose")
    for node, found in (
        (pair.school, ("/datasets", f"/dataset?id={about}")),
        (pair.lab, ("/catalog?words=", f"/catalog/dataset?peer={pair.school.did}&id={about}")),
    ):
        with served(node.ports) as address:
            visitor = Visitor(chromium, address, "en")
            visitor.log_in("everybody")
            for path in found:
                assert visitor.page.goto(path).status == 200, path
                assert long in visitor.page.locator("main").text_content()
                assert visitor.violations() == [], path
            visitor.context.close()


def test_publishing_is_accessible_at_each_step(pair: Link, chromium: Any) -> None:
    ports = pair.school.ports
    with served(ports) as address:
        visitor = Visitor(chromium, address, "fr")
        page = visitor.page
        visitor.log_in("steward")
        page.goto("/publish/source?place=data/grades.csv")
        page.locator("input[name=id]").fill("urn:example:walked")
        page.locator("input[name=population]").fill("40")
        page.locator("input[name=retention]").fill("P1Y")
        page.locator("input[name=territory]").fill("FR")
        page.locator("select[name=collection_purpose]").select_option(index=1)
        page.locator("select[name=legal_basis]").select_option(index=1)
        page.locator("input[name=epsilon]").fill("3")
        page.locator("input[name=delta]").fill("0,00001")
        visitor.presses("form[action='/publish/describe'] button")
        assert visitor.violations() == []
        page.locator("select[name=template]").select_option("statistics")
        visitor.presses("form[action='/publish/terms'] button")
        assert visitor.violations() == []
        page.locator("input[name='value.until']").fill("2030-06-30")
        visitor.presses("form[action='/publish/offer'] button")
        assert visitor.violations() == []
        visitor.presses("form[action='/publish'] button")
        page.wait_for_url("**/dataset?*")
        assert [each for each in visitor.faults if "404" not in each] == []
        visitor.context.close()


def test_the_editor_is_accessible_in_each_state(pair: Link, chromium: Any) -> None:
    ports = pair.school.ports
    with served(ports) as address:
        visitor = Visitor(chromium, address, "fr")
        page = visitor.page
        visitor.log_in("steward")
        page.goto("/policy")
        page.locator("select[name=template]").select_option("federated-training")
        visitor.presses("form[action='/policy/template'] button")
        assert visitor.violations() == []
        page.locator("input[name='value.space']").fill("did:web:authority.example")
        page.locator("input[name='value.until']").fill("2030-06-30")
        visitor.presses("form[action='/policy/template'] button")
        written = page.locator("textarea#form-policy-edit-document-text").input_value()
        page.locator("input[name=assignee]").fill("urn:example:lab")
        visitor.presses("form[action='/policy/what-if'] button")
        assert visitor.violations() == []
        page.locator("textarea[name=other]").fill(written)
        visitor.presses("form[action='/policy/compare'] button")
        assert visitor.violations() == []
        visitor.presses("form[action='/policy/layers'] button")
        assert visitor.violations() == []
        page.locator("textarea#form-policy-edit-sentences-text").fill("A. Rien.")
        visitor.presses("form:has(#form-policy-edit-sentences-text) button")
        assert page.locator("[role=alert]").count() == 1
        assert visitor.violations() == []
        visitor.context.close()


class Editor:
    """The policy editor in a browser, and how many requests of it are under way at a time."""

    def __init__(self, visitor: Visitor, offer: str) -> None:
        self.page, self.most, self._open = visitor.page, 0, 0
        self.page.on("request", lambda request: self._counted(request, 1))
        self.page.on("requestfinished", lambda request: self._counted(request, -1))
        visitor.log_in("author")
        self.page.goto(f"/policy?offer={offer}")
        self.page.evaluate("window.loaded = true")
        self.said = self.page.locator("#form-policy-edit-sentences-text")
        self.written = self.page.locator("#form-policy-edit-document-text")
        self.line = self.page.locator("#form-policy-edit-sentences-beside")

    @property
    def place(self) -> tuple[str, int]:
        """Which field has the focus, and where its caret is."""
        here = "[document.activeElement.id, document.activeElement.selectionStart]"
        name, caret = self.page.evaluate(here)
        return name, caret

    def shows(self, area: Any, text: str) -> None:
        """Wait until a view holds a text."""
        from playwright.sync_api import expect  # noqa: PLC0415 - only where it is used

        expect(area).to_have_value(re.compile(re.escape(text)))

    def _counted(self, request: Any, more: int) -> None:
        if request.url.endswith("/policy/edit"):
            self._open += more
            self.most = max(self.most, self._open)


@pytest.fixture
def editor(pair: Link, chromium: Any) -> Iterator[tuple[Visitor, Editor]]:
    with served(pair.school.ports) as address:
        visitor = Visitor(chromium, address, "fr")
        editor = Editor(visitor, publish.offers(pair.school.ports, DATASET)[0].id)
        yield visitor, editor
        assert editor.page.evaluate("window.loaded"), "no page was loaded anew"
        assert editor.most == 1, "one request at a time"
        assert [each for each in visitor.faults if "422" not in each] == []
        visitor.context.close()


def test_views_and_findings_follow_what_is_typed(editor: tuple[Visitor, Editor]) -> None:
    visitor, views = editor
    page = views.page
    page.locator("main").focus()
    for _ in range(40):  # by keyboard alone
        if views.place[0] == "form-policy-edit-sentences-text":
            break
        page.keyboard.press("Tab")
    before, document = views.said.input_value(), views.written.input_value()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(before.replace("au moins 3 sites", "au moins 12 sites"))
    views.shows(views.written, '"@value": "12"')
    assert views.place == ("form-policy-edit-sentences-text", len(views.said.input_value()))
    assert "au moins 12 sites" in views.said.input_value()
    assert visitor.violations() == []
    twice = json.loads(document)
    conditions = twice["permission"][0]["constraint"]
    conditions.append(conditions[0])
    views.written.fill(json.dumps(twice))
    page.locator("#findings td a").wait_for()
    beside = page.locator("#form-policy-edit-document-beside")
    assert re.search(r"constats\s: 1, dont erreurs\s: 0", beside.inner_text())
    assert visitor.violations() == []
    box = f"out:/permission/0/constraint/{len(conditions) - 1}"
    page.locator(f"input[name='{box}']").focus()
    page.keyboard.press("Space")
    page.locator("#findings td a").wait_for(state="detached")
    assert page.evaluate("document.activeElement.name") == box
    assert views.said.input_value() == before
    asked: list[str] = []
    page.once("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.locator("nav a").first.click()
    assert asked == ["beforeunload"], "what is kept nowhere else is not left by mistake"


def test_what_cannot_be_read_has_its_line_and_changes_nothing(
    editor: tuple[Visitor, Editor],
) -> None:
    visitor, views = editor
    before, document = views.said.input_value(), views.written.input_value()
    views.said.focus()
    views.page.keyboard.press("Control+End")
    views.page.keyboard.type(" et plus", delay=20)
    views.line.get_by_text("POLICY_INVALID").wait_for()
    assert views.said.get_attribute("aria-invalid") == "true"
    assert views.written.input_value() == document
    assert visitor.violations() == []
    # nor is it lost when another view is changed
    views.written.fill(document.replace("dpv#AcademicResearch", "dpv#ScientificResearch"))
    views.page.locator("#form-policy-edit-document-beside a").wait_for()
    views.page.locator("[id='form-policy-edit-form-part']", has_text="scientifique").wait_for()
    assert views.said.input_value() == f"{before} et plus"
    views.said.focus()
    views.page.keyboard.press("Control+End")
    for _ in " et plus":
        views.page.keyboard.press("Backspace")
    views.shows(views.written, "dpv#AcademicResearch")
    assert views.said.get_attribute("aria-invalid") is None
    # a session that has ended
    visitor.context.clear_cookies()
    views.page.keyboard.type(" ")
    views.line.get_by_text("n'est pas lu").wait_for()
    assert views.said.input_value() == f"{before} "


def test_the_keyboard_is_enough(pair: Link, chromium: Any) -> None:
    ports = pair.school.ports
    with served(ports) as address:
        visitor = Visitor(chromium, address, "en")
        page = visitor.page
        page.emulate_media(forced_colors="active")
        page.goto("/login")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"
        page.keyboard.press("Tab")
        page.keyboard.type("everybody")
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/")
        page.goto("/evidence")
        stops = page.evaluate(STOPS)
        assert stops > len(PAGES) / 3
        for stop in range(stops):
            page.keyboard.press("Tab")
            assert (
                page.evaluate("[...document.querySelectorAll('*')].indexOf(document.activeElement)")
                > 0
            )
            assert page.evaluate(OUTLINED) != "none", stop
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body"), "nothing holds the focus"
        visitor.context.close()


PLANTED = {
    "no caption": "document.querySelector('caption').remove()",
    "focus is not seen": "document.querySelector('main a').style.outline = 'none'",
    "faint text": "document.querySelector('h1').style.color = '#999999'",
    "faint border": "document.querySelector('main select').style.borderColor = '#eeeeee'",
    "scrolls sideways": "document.querySelector('h1').style.width = '500px'",
    "is cut": "document.querySelector('h1').style.cssText = 'height: 1em; overflow: hidden'",
    "small target": "document.querySelectorAll('nav ul, nav a').forEach("
    "each => each.style.cssText = 'display: block; font-size: 9px; line-height: 9px; padding: 0')",
    "html-has-lang": "document.documentElement.removeAttribute('lang')",
}


def test_faults_of_pages_are_seen(pair: Link, chromium: Any) -> None:
    ports = pair.school.ports
    with served(ports) as address:
        visitor = Visitor(chromium, address, "en")
        visitor.log_in("everybody")
        for fault, plant in PLANTED.items():
            visitor.page.goto("/approvals")
            visitor.page.evaluate(plant)
            assert any(fault in each for each in visitor.violations()), fault
        visitor.context.close()


def test_a_job_is_watched_to_its_end_and_shown_in_curves(chromium: Any, tmp_path: Path) -> None:
    federation = Federation(tmp_path)
    ports = federation.lead.ports
    person(ports, "everybody", *AccountRole)
    privacy = {**federation.request()["privacy"], "epsilon": 2.0}
    asked = {"every": 2, "bins": 4, "noiseMultiplier": 2.0}
    job_id = submitted(federation, evaluation=asked, privacy=privacy)
    with served(ports) as address:
        visitor = Visitor(chromium, address, "en")
        visitor.log_in("everybody")
        visitor.page.goto(f"/job?id={job_id}")
        assert visitor.violations() == []
        with all_running(federation):
            visitor.page.locator("text=Model card").wait_for()  # nobody loads the page again
        assert visitor.images() > 1
        assert visitor.violations() == []
        assert visitor.faults == []
        visitor.context.close()


def test_the_institutions_login_leads_to_the_page_that_was_asked_for(
    tmp_path: Path, chromium: Any
) -> None:
    with provider(tmp_path, FixedClock()) as at:
        at.asks = True
        with served(trusting(tmp_path, at, FixedClock())) as address:
            visitor = Visitor(chromium, address, "fr", ignore_https_errors=True)
            page = visitor.page
            page.goto("/approvals")
            assert visitor.violations() == []
            page.locator("a[href^='/login/institution']").click()
            visitor.presses("button")  # of another site: no strict cookie comes along
            page.wait_for_url("**/approvals")
            assert page.locator(".who p").inner_text() == "dana.martin"
            visitor.presses("form[action='/logout'] button")
            page.wait_for_url("**/login?left=yes")
            assert visitor.violations() == []
            assert [each for each in visitor.faults if at.origin not in each] == []
            visitor.context.close()
