"""Logging in to the console, staying logged in, and requests that are not its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from connector.console.attempts import AT_ONCE, FREE, Attempts
from connector.console.attempts import COOKIE as KNOWN
from connector.console.sessions import COOKIE, IDLE, LONGEST, MOST_OF_ONE, Sessions
from connector.errors import LoginRefused, TooManyRequests
from connector.ports import Ports
from connector.services.access import accounts
from tests.support.console import PASSWORD, Browser, browsers, person, text_of
from tests.support.doubles import NOON, FixedClock, ports_for_tests
from tests.support.each import over


@pytest.fixture
def ports(tmp_path: Path) -> Ports:
    made = ports_for_tests(tmp_path)
    person(made, "ada", "operator", "auditor")
    return made


@pytest.fixture
def browser(ports: Ports) -> Iterator[Browser]:
    with browsers(ports, "") as (made,):
        yield made


def clock(ports: Ports) -> FixedClock:
    assert isinstance(ports.clock, FixedClock)
    return ports.clock


def kinds(ports: Ports) -> list[str]:
    with ports.store.read() as tx:
        return [each.kind for each in tx.audit.entries()]


def test_who_is_not_logged_in_is_led_to_the_door_and_back(browser: Browser) -> None:
    asked = browser.get("/log")
    assert asked.url.path == "/login"
    assert 'value="/log"' in asked.text
    entered = browser.log_in("ada", to="/log")
    assert entered.status_code == 200
    assert entered.url.path == "/log"


@over(("name", "password"), [("ada", "wrong"), ("nobody", PASSWORD), ("", ""), ("ada", "x" * 5000)])
def test_whatever_is_wrong_is_said_in_the_same_words(
    browser: Browser, name: str, password: str
) -> None:
    answer = browser.log_in(name, password)
    assert answer.status_code == 401
    assert "LOGIN_REFUSED" in answer.text
    assert "name or password is wrong" in answer.text
    assert password not in answer.text or len(password) < 6
    assert COOKIE not in browser.cookies


def test_who_fails_often_waits_and_gets_in_later(browser: Browser, ports: Ports) -> None:
    for _ in range(FREE + 1):
        assert browser.log_in("ada", "wrong").status_code == 401
    waiting = browser.log_in("ada")
    assert (waiting.status_code, "try again in 2 seconds" in text_of(waiting)) == (429, True)
    clock(ports).advance(3)
    assert browser.log_in("ada").status_code == 200


def test_strangers_who_fail_keep_nobody_out_who_works_here(browser: Browser) -> None:
    browser.log_in("ada")
    stranger = Browser(browser.address)
    stranger.cookies[KNOWN] = "mark.seal"
    for _ in range(FREE + 1):
        assert stranger.log_in("ada", "wrong").status_code == 401
    assert stranger.log_in("ada").status_code == 429
    stranger.close()
    browser.cookies.pop(COOKIE)
    assert browser.log_in("ada").status_code == 200
    for _ in range(FREE + 1):
        assert browser.log_in("ada", "wrong").status_code == 401
    assert browser.log_in("ada").status_code == 429, "who works here waits as well"


def test_a_known_browser_is_known_for_its_account_alone(browser: Browser, ports: Ports) -> None:
    person(ports, "dana", "auditor")
    browser.log_in("ada")
    stranger = Browser(browser.address)
    for _ in range(FREE + 1):
        stranger.log_in("dana", "wrong")
    stranger.close()
    assert browser.log_in("dana").status_code == 429


def test_guesses_that_are_made_at_once_count_each() -> None:
    attempts, name = Attempts(lambda: NOON), "x" * 1_000_000

    def begun(stack: ExitStack) -> None:
        stack.enter_context(attempts.one(name, ""))

    for _ in range(FREE):
        with suppress(LoginRefused), ExitStack() as stack:
            begun(stack)
            raise LoginRefused("wrong")
    with suppress(LoginRefused), ExitStack() as stack:
        begun(stack)
        with pytest.raises(TooManyRequests, match="too many attempts"):
            begun(stack)  # while the other is being looked at
        raise LoginRefused("wrong")
    assert [len(each) for each in attempts._failed] == [32], "a long name takes no room"
    with attempts.one("ada", ""):
        pass
    assert len(attempts._failed) == 1, "who succeeds is forgotten"


def test_so_many_passwords_are_looked_at_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connector.console.attempts._PATIENCE", 0.01)
    attempts = Attempts(lambda: NOON)
    with ExitStack() as stack:
        for number in range(AT_ONCE):
            stack.enter_context(attempts.one(f"p{number}", ""))
        with pytest.raises(TooManyRequests, match="too many log in"), attempts.one("ada", ""):
            pass
    with attempts.one("ada", ""):
        pass


def test_the_cookies_are_for_this_server_alone(browser: Browser) -> None:
    sent = browser._asked("POST", "/login", {"name": "ada", "password": PASSWORD}, {})
    cookies = sent.headers.get_list("set-cookie")
    assert len(cookies) == 2
    for cookie in map(str.lower, cookies):
        for word in ("__host-", "httponly", "secure", "samesite=strict", "path=/"):
            assert word in cookie
        assert "domain" not in cookie
        assert not re.search(r"\bada\b", cookie)  # digits of a token may spell it


def test_a_session_that_somebody_planted_is_not_taken_over(browser: Browser) -> None:
    browser.cookies[COOKIE] = "planted"
    browser.log_in("ada")
    first = browser.cookies[COOKIE]
    assert first != "planted"
    browser.log_in("ada")
    assert browser.cookies[COOKIE] != first
    stale = Browser(browser.address)
    stale.cookies[COOKIE] = first
    assert stale.get("/").url.path == "/login"
    stale.close()


@over("seconds", [IDLE.total_seconds() + 1, LONGEST.total_seconds() + 1])
def test_a_session_ends_by_itself(browser: Browser, ports: Ports, seconds: float) -> None:
    browser.log_in("ada")
    assert browser.get("/log").url.path == "/log"
    clock(ports).advance(seconds)
    assert browser.get("/log").url.path == "/login"


def test_a_session_lasts_while_it_is_used_but_not_for_ever(browser: Browser, ports: Ports) -> None:
    browser.log_in("ada")
    step = IDLE - timedelta(seconds=1)
    for _ in range(int(LONGEST / step)):
        clock(ports).advance(step.total_seconds())
        assert browser.get("/log").url.path == "/log"
    clock(ports).advance(step.total_seconds())
    assert browser.get("/log").url.path == "/login"


def test_a_changed_or_closed_account_is_logged_out(browser: Browser, ports: Ports) -> None:
    browser.log_in("ada")
    clock(ports).advance(1)
    accounts.change(ports, "ada", roles=["auditor"])
    assert browser.get("/log").url.path == "/login"
    browser.log_in("ada")
    clock(ports).advance(1)
    accounts.close(ports, "ada")
    assert browser.get("/log").url.path == "/login"
    assert browser.log_in("ada").status_code == 401


def test_a_session_of_an_account_as_it_was_before_a_change_is_none(ports: Ports) -> None:
    """Its password was looked at before the change, and its session begins after it."""
    found = accounts.standing(ports, "ada")
    assert found is not None
    sessions = Sessions(lambda name: accounts.standing(ports, name), ports.clock.now)
    assert sessions.find(sessions.begin(found)) is not None
    clock(ports).advance(1)
    accounts.change(ports, "ada", roles=["auditor"])
    clock(ports).advance(1)
    assert sessions.find(sessions.begin(found)) is None


def test_logins_of_one_account_push_out_no_other(ports: Ports) -> None:
    person(ports, "dana", "auditor")
    ada, dana = (accounts.standing(ports, name) for name in ("ada", "dana"))
    assert ada is not None
    assert dana is not None
    sessions = Sessions(lambda name: accounts.standing(ports, name), ports.clock.now)
    other = sessions.begin(dana)
    names = []
    for _ in range(MOST_OF_ONE + 1):
        clock(ports).advance(1)
        names.append(sessions.begin(ada))
    assert [sessions.find(name) is not None for name in names] == [False] + [True] * MOST_OF_ONE
    assert sessions.find(other) is not None


def test_logging_out_ends_the_session(browser: Browser) -> None:
    browser.log_in("ada")
    held = browser.cookies[COOKIE]
    assert browser.post("/logout", {"word": "another's"}).status_code == 401
    assert browser.cookies[COOKIE] == held
    assert browser.do("/logout").url.path == "/login"
    browser.cookies[COOKIE] = held
    assert browser.get("/").url.path == "/login"


def test_the_operator_changes_and_closes_accounts(browser: Browser, ports: Ports) -> None:
    person(ports, "dana", "auditor")
    browser.log_in("ada")
    assert 'href="/account?name=dana"' in browser.get("/accounts").text
    changed = {"name": "dana", "roles.3": "approver", "roles.5": "auditor", "reviews": "dpo"}
    assert "approver; auditor" in text_of(browser.do("/accounts/change", **changed))
    nobody = browser.do("/accounts/change", name="dana", reviews="")
    assert (nobody.status_code, "at least one" in text_of(nobody)) == (400, True)
    browser.do("/accounts/password", name="dana", password="another long password")
    found = accounts.standing(ports, "dana")
    assert found is not None
    assert (found.roles, found.reviews) == (("approver", "auditor"), ("dpo",))
    assert accounts.enter(ports, "dana", "another long password") == found
    assert "closed for good" in text_of(browser.do("/accounts/close", name="dana"))
    assert accounts.standing(ports, "dana") is None
    assert browser.get("/account?name=nobody").status_code == 404


@over("to", ["https://evil.example", "//evil.example", "/\\evil.example", "/a\r\nx: y", "evil"])
def test_nobody_is_led_to_another_site(browser: Browser, to: str) -> None:
    answer = browser.log_in("ada", to=to)
    assert answer.status_code == 200
    assert answer.url.path == "/"


def test_the_language_is_the_browsers_or_the_one_chosen(browser: Browser) -> None:
    assert "Log in" in browser.get("/login").text
    french = browser.get("/login", accept_language="fr-FR,en;q=0.5")
    assert 'lang="fr"' in french.text
    assert "Se connecter" in french.text
    chosen = browser.post("/language", {"language": "fr", "to": "/login"})
    assert "Se connecter" in chosen.text
    assert browser.post("/language", {"language": "de", "to": "/login"}).status_code == 200
    assert "Se connecter" in browser.get("/login").text


def test_logins_are_in_the_log_by_pseudonym(browser: Browser, ports: Ports) -> None:
    browser.log_in("ada", "wrong")
    browser.log_in("ada")
    assert kinds(ports)[-2:] == ["account.refused", "account.entered"]
    with ports.store.read() as tx:
        assert all(b"ada" not in each.event for each in tx.audit.entries())


def test_there_is_no_such_page(browser: Browser) -> None:
    browser.log_in("ada")
    answer = browser.get("/nothing")
    assert answer.status_code == 404
    assert "There is no such page" in text_of(answer)
