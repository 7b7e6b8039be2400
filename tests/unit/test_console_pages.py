"""The pages of the console: for whom each is, what it shows, and deciding by two persons."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from connector.console.pages import PAGES, home
from connector.domain.account import AccountRole
from connector.domain.contract.approval import ApprovalState
from connector.ports import Ports
from connector.services.access import accounts, inbox
from connector.services.access.desk import Desk
from connector.services.access.rights import right_of
from connector.services.approval import deciding
from connector.services.negotiation import agree
from connector.services.publication import publish
from tests.support.console import Browser, browsers, person, served, text_of
from tests.support.doubles import ports_for_tests
from tests.support.link import DATASET, Link, description, entry, link
from tests.support.negotiating import ask

_EMPTY = re.compile(r'<h2 id="table-([^"]*)">[^<]*</h2>\s*<p>([^<]*)</p>')
HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>"\' {{ 7*7 }}'


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path) as pair:
        told = description(pair.folder, offer=entry(roles=["dpo", "head"]), title=HOSTILE)
        publish.publish(pair.school.ports, told)
        yield pair


@pytest.fixture
def school(pair: Link) -> Ports:
    ports: Ports = pair.school.ports
    return ports


def waiting(ports: Ports) -> str:
    (found,) = deciding.approvals(ports).values
    return found.id


def test_each_page_is_shown_to_the_roles_that_it_is_for_and_to_nobody_else(school: Ports) -> None:
    """Who may is what `rights.py` says of the services that a page states."""
    roles = [each.value for each in AccountRole]
    with browsers(school, *roles) as visitors:
        for role, browser in zip(roles, visitors, strict=True):
            menu, word = browser.get("/").text, browser.word()
            for page in (each for each in PAGES if not each.open):
                rights = [right_of(each) for each in page.services]
                assert rights, page.path  # a page says whose it is
                assert None not in rights, page.path
                may = any(AccountRole(role) in each.roles for each in rights if each)
                if page.method == "GET":
                    answer = browser.get(page.path)
                else:
                    answer = browser.post(page.path, {"word": word})
                refused = "is not for the roles of this account" in answer.text
                assert refused is not may, (role, page.method, page.path)
                assert may or answer.status_code == 403, (role, page.method, page.path)
                if page.menu:
                    assert answer.status_code == (200 if may else 403), (role, page.path)
                    assert (f'href="{page.path}"' in menu) is may, (role, page.path)


def test_no_page_that_only_reads_states_a_command() -> None:
    for page in (each for each in PAGES if each.method == "GET"):
        for service in page.services:
            right = right_of(service)
            assert right is not None
            assert not right.command, page.path


def test_only_who_is_logged_in_gets_further_than_the_door(school: Ports) -> None:
    with browsers(school, "") as (stranger,):
        for page in PAGES:
            answer = stranger.get(page.path) if page.method == "GET" else None
            if answer is not None and page.path != "/accessibility":
                assert "Log in to this node" in answer.text, page.path
        assert "has not been audited" in stranger.get("/accessibility").text
        assert "/accessibility" in stranger.get("/login").text


def test_home_says_what_changed_since_the_last_login(pair: Link, school: Ports) -> None:
    with browsers(school, "steward") as (first,):
        assert "Changed since" not in first.get("/").text
    ask(pair)
    with served(school) as address:
        browser = Browser(address)
        assert browser.log_in("steward", "wrong password!").status_code == 401
        browser.log_in("steward")
        shown = text_of(browser.get("/"))
        browser.close()
    assert "Changed since your last login" in shown
    assert "a contract was asked for" in shown
    assert "failed since the last login: 1" in shown
    assert "The node works" in shown


def test_what_changed_is_said_in_words() -> None:
    assert set(home._CHANGED) == set(inbox.CHANGES)
    assert {each.partition(".")[0] for each in inbox.CHANGES} == set(home._WHERE)


def test_acts_are_refused_to_who_may_not_do_them(school: Ports) -> None:
    with browsers(school, "auditor") as (auditor,):
        for path in ("/dataset/withdraw", "/approval/accept", "/accounts/add", "/job/cancel"):
            answer = auditor.do(path, id=DATASET, name="eve", roles="operator", reason="x")
            assert answer.status_code == 403, path
            assert "NOT_PERMITTED" in answer.text


def test_two_persons_decide_and_the_contract_is_signed(pair: Link, school: Ports) -> None:
    ask(pair)
    person(school, "dana", "approver", reviews=("dpo", "head"))
    person(school, "henri", "approver", reviews=("head",))
    with browsers(school, "dana", "henri") as (dana, henri):
        found = waiting(school)
        page = text_of(dana.get(f"/approval?id={found}"))
        for words in (
            "What is asked",
            "Terms",
            "How each constraint is upheld",
            "Budget",
            "Accept",
        ):
            assert words in page, words
        dana.do("/approval/accept", id=found, role="dpo", reason="fine")
        again = dana.do("/approval/accept", id=found, role="head", reason="")
        assert again.status_code == 409
        assert "in another role" in again.text
        assert henri.do("/approval/accept", id=found, role="dpo", reason="").status_code == 403
        stated = {"id": found, "role": "head", "reason": ""}
        with ThreadPoolExecutor(2) as both:
            acts = [both.submit(one.do, "/approval/accept", **stated) for one in (dana, henri)]
        assert [each.result().status_code for each in acts] == [409, 200], "at one moment"
    pair.pump()
    assert deciding.approval(school, found).state is ApprovalState.ACCEPTED
    assert [each.finalized for each in agree.agreements(school).values] == [True]
    names = {each.name: each.id for each in accounts.page(school).values}
    with school.store.read() as tx:
        log = [each.event.decode() for each in tx.audit.entries(kind="approval.accepted")]
    assert names["dana"] in log[0]
    assert names["henri"] in log[1]


def test_refusing_needs_a_reason_and_ends_it(pair: Link, school: Ports) -> None:
    ask(pair)
    person(school, "dana", "approver", reviews=("dpo",))
    with browsers(school, "dana") as (dana,):
        found = waiting(school)
        assert dana.do("/approval/refuse", id=found, role="dpo", reason="").status_code == 400
        assert deciding.approval(school, found).state is ApprovalState.PENDING
        assert (
            dana.do("/approval/refuse", id=found, role="dpo", reason="too wide").status_code == 200
        )
    assert deciding.approval(school, found).state is ApprovalState.REFUSED


def test_tables_are_downloaded(school: Ports) -> None:
    with browsers(school, "steward") as (steward,):
        as_csv = steward.get("/datasets?as=csv")
        rows = list(csv.reader(io.StringIO(as_csv.content.decode("utf-8-sig"))))
        assert rows[0][:2] == ["dataset", "title"]
        assert rows[1][:2] == [DATASET, HOSTILE]
        as_json = json.loads(steward.get("/datasets?as=json").content)
        assert [each["dataset"] for each in as_json] == [DATASET]
        for answer in (as_csv, steward.get("/datasets?as=json")):
            assert "attachment" in answer.headers["content-disposition"]
        assert steward.get("/datasets?as=exe").headers["content-type"].startswith("text/html")


def test_a_page_in_french_has_no_english_heading(pair: Link, school: Ports) -> None:
    ask(pair)
    with browsers(school, "approver", "steward") as visitors:
        for browser in visitors:
            for path in ("/", "/approvals", "/datasets", "/contracts", "/negotiations", "/jobs"):
                page = browser.get(path, accept_language="fr")
                assert 'lang="fr"' in page.text
                for word in (
                    "Home",
                    "Decisions",
                    "Datasets",
                    "Negotiations",
                    "download",
                    "log out",
                ):
                    assert f">{word}<" not in page.text, (path, word)


def test_what_was_not_foreseen_is_said_and_not_shown(
    school: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("secret of the inside")

    with browsers(school, "steward") as (steward,):
        monkeypatch.setattr(Desk, "do", fails)
        answer = steward.get("/datasets")
        assert answer.status_code == 500
        assert "secret" not in answer.text
        assert "INTERNAL" in answer.text


def test_an_empty_table_says_what_to_do_first(tmp_path: Path) -> None:
    ports = ports_for_tests(tmp_path)
    person(ports, "all", *AccountRole)
    with served(ports) as address:
        browser = Browser(address)
        browser.log_in("all")
        told = {}
        for page in (each for each in PAGES if each.method == "GET" and not each.open):
            told |= dict(_EMPTY.findall(browser.get(page.path).text))
        browser.close()
    assert len(told) > 10
    for name, text in told.items():
        assert ": " in text, (name, text)  # what there is not, and what to do


def test_long_lists_come_a_page_at_a_time(school: Ports) -> None:
    for number in range(60):
        accounts.add(school, f"a{number}", ["auditor"], [], "a long password")
    with served(school) as address:
        person(school, "operator")
        browser = Browser(address)
        browser.log_in("operator")
        first = browser.get("/accounts")
        assert "next page" in first.text
        assert "a59" not in first.text
        following = first.text.split('href="/accounts?after=')[1].split('"')[0]
        assert "a59" in browser.get(f"/accounts?after={following}").text
        browser.close()
