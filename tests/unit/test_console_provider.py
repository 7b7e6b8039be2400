"""Logging in to the console by the institution's provider: the whole flow over real HTTPS."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from connector.bootstrap import logins
from connector.bootstrap.diagnosis.provider import checks
from connector.console import beginnings
from connector.console.beginnings import Beginnings
from connector.console.sessions import COOKIE, IDLE
from connector.domain.account import AccountRole, Person
from connector.errors import AccountTaken, LoginRefused, NotPermitted, TooManyRequests
from connector.ports import Ports
from connector.services.access import accounts
from connector.services.access.institution import AT_ONCE, KEPT
from tests.support.console import PASSWORD, Browser, person, served, text_of
from tests.support.doubles import FixedClock, ports_for_tests
from tests.support.each import over
from tests.support.provider import DANA, Provider, provider, trusting

STATED = "/.well-known/openid-configuration"
BEGIN, DONE = "/login/institution", "/login/institution/done"


@pytest.fixture(scope="module")
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture(scope="module")
def at_school(tmp_path_factory: pytest.TempPathFactory, clock: FixedClock) -> Iterator[Provider]:
    with provider(tmp_path_factory.mktemp("provider"), clock) as made:
        yield made


@pytest.fixture
def at(at_school: Provider) -> Provider:
    """The provider, as it is before a test changes it."""
    fresh = Provider(at_school.origin, at_school.root, at_school.now)
    for name in vars(fresh):
        if name != "key":
            setattr(at_school, name, getattr(fresh, name))
    return at_school


@pytest.fixture
def ports(tmp_path: Path, at: Provider, clock: FixedClock) -> Ports:
    return trusting(tmp_path, at, clock)


@pytest.fixture
def browser(ports: Ports) -> Iterator[Browser]:
    with served(ports) as address:
        made = Browser(address)
        yield made
        made.close()


def led(browser: Browser, to: str = "", **headers: str) -> httpx.Response:
    """The answer that leads to the provider."""
    path = f"{BEGIN}?to={to}" if to else BEGIN
    return browser._asked("GET", path, None, headers)


def back(browser: Browser, at: Provider, to: str = "") -> str:
    """Go to the provider and log in there; return where that leads."""
    return at.come_back(led(browser, to).headers["location"])


def log_in(browser: Browser, at: Provider, to: str = "") -> httpx.Response:
    """Log in with a browser that knows nothing yet."""
    browser.cookies.clear()
    return browser._asked("GET", back(browser, at, to), None, {"sec-fetch-site": "cross-site"})


def log(ports: Ports) -> list[tuple[str, str]]:
    with ports.store.read() as tx:
        return [(each.kind, each.subject) for each in tx.audit.entries()]


def test_who_logs_in_there_is_let_in_by_a_page_with_what_the_groups_give(
    browser: Browser, at: Provider, ports: Ports
) -> None:
    door = browser.get("/approvals")
    assert f'href="{BEGIN}?to=%2Fapprovals"' in door.text
    entered = log_in(browser, at, to="/approvals")
    assert entered.status_code == 200  # no redirect: its cookie is strict
    assert entered.headers["refresh"] == "0; url=/approvals"
    assert 'href="/approvals"' in entered.text
    assert beginnings.COOKIE not in browser.cookies
    assert browser.get("/approvals").url.path == "/approvals"
    (made,) = accounts.page(ports).values
    assert (made.name, made.roles, made.reviews) == ("dana.martin", ("approver",), ("dpo",))
    assert made.subject == f"{at.issuer} {DANA['sub']}"
    assert log(ports) == [("account.made", made.id), ("account.entered", made.id)]
    with ports.store.read() as tx:
        assert not any(b"dana" in each.event.lower() for each in tx.audit.entries())


def test_the_cookies_are_for_this_server_alone(browser: Browser, at: Provider) -> None:
    begun = led(browser).headers["set-cookie"].lower()
    assert begun.startswith("__host-")
    assert "samesite=lax" in begun
    assert "max-age=600" in begun
    entered = log_in(browser, at).headers.get_list("set-cookie")
    session = next(each for each in entered if each.startswith(COOKIE + "=")).lower()
    assert "samesite=strict" in session
    for each in (begun, session):
        for word in ("httponly", "secure", "path=/"):
            assert word in each


def test_what_is_asked_tells_one_login_from_all_others(browser: Browser) -> None:
    first, second = (parse_qs(urlsplit(led(browser).headers["location"]).query) for _ in range(2))
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]
        assert len(first[name][0]) == 43
    assert first["code_challenge_method"] == ["S256"]
    assert first["redirect_uri"] == [f"{browser.address}{DONE}"]


def test_roles_are_those_of_each_login_and_sessions_of_others_end(
    browser: Browser, at: Provider, ports: Ports, clock: FixedClock
) -> None:
    log_in(browser, at)
    (first,) = accounts.page(ports).values
    clock.advance(1)
    at.person = {**DANA, "preferred_username": "d.martin", "groups": "labo"}
    elsewhere = Browser(browser.address)
    log_in(elsewhere, at)
    (second,) = accounts.page(ports).values
    assert (second.id, second.name) == (first.id, first.name)
    assert (second.roles, second.reviews) == (("author", "scientist"), ())
    assert elsewhere.get("/").url.path == "/"
    elsewhere.close()
    assert browser.get("/").url.path == "/login"


def test_who_is_in_no_group_any_more_is_not_let_in_and_what_goes_on_ends(
    browser: Browser, at: Provider, clock: FixedClock
) -> None:
    log_in(browser, at)
    other = Browser(browser.address)
    clock.advance(1)
    at.person = {**DANA, "groups": ["others"]}
    refused = log_in(other, at)
    other.close()
    assert (refused.status_code, COOKIE in other.cookies) == (401, False)
    assert "LOGIN_REFUSED" in refused.text
    assert browser.get("/").url.path == "/login"
    at.person = dict(DANA)
    assert log_in(browser, at).status_code == 200


@over("groups", [[], ["others"], None])
def test_who_has_no_role_gets_no_account(
    browser: Browser, at: Provider, ports: Ports, groups: Any
) -> None:
    at.person = {**DANA, "groups": groups}
    at.elsewhere = {"sub": DANA["sub"]}
    assert log_in(browser, at).status_code == 401
    assert list(accounts.page(ports).values) == []
    assert log(ports)[-1] == ("account.refused", "")


def test_an_account_that_the_operator_closed_stays_closed(
    browser: Browser, at: Provider, ports: Ports
) -> None:
    log_in(browser, at)
    accounts.close(ports, "dana.martin")
    assert browser.get("/").url.path == "/login"
    assert log_in(browser, at).status_code == 401
    assert COOKIE not in browser.cookies
    at.person = {**DANA, "sub": "another", "preferred_username": "eve"}
    assert log_in(browser, at).status_code == 200


def test_a_name_does_not_lead_into_an_account_of_this_node(
    browser: Browser, at: Provider, ports: Ports
) -> None:
    person(ports, "ada", "operator")
    at.person = {**DANA, "preferred_username": "ada"}
    log_in(browser, at)
    ada, other = accounts.page(ports).values
    assert (ada.name, ada.roles, ada.subject) == ("ada", ("operator",), "")
    assert other.name.startswith("oidc-")
    assert other.roles == ("approver",)
    assert browser.get("/accounts").status_code == 403
    local = Browser(browser.address)
    assert local.log_in("ada").status_code == 200
    shown = local.get("/accounts?as=json").json()
    assert [each["by the provider"] for each in shown] == [False, True]
    assert local.log_in(other.name).status_code == 401  # it has no password
    local.close()


def test_what_the_provider_states_is_not_changed_here(
    browser: Browser, at: Provider, ports: Ports
) -> None:
    log_in(browser, at)
    for change in ({"password": PASSWORD}, {"roles": ["operator"]}):
        with pytest.raises(NotPermitted):
            accounts.change(ports, "dana.martin", **change)
    with pytest.raises(AccountTaken):
        accounts.add(ports, "dana.martin", ["operator"], [], PASSWORD)


@over(("where", "groups"), [
        ("realm_access.roles", {"realm_access": {"roles": ["dpo"]}}),
        ("https://school.example/groups", {"https://school.example/groups": ["dpo"]}),
        ("email", {"email": "dpo", "email_verified": True}),
    ])  # fmt: skip
def test_groups_are_where_the_settings_say(
    tmp_path: Path, at: Provider, clock: FixedClock, where: str, groups: dict[str, Any]
) -> None:
    at.person = {"sub": "x", **groups}
    ports = trusting(tmp_path, at, clock, claim=where)
    with served(ports) as address:
        browser = Browser(address)
        assert log_in(browser, at).status_code == 200
        browser.close()
    (made,) = accounts.page(ports).values
    assert made.roles == ("approver",)
    assert made.name.startswith("oidc-")  # it is called nothing


@over(("changes", "signs", "status"), [
        ({}, False, 200), ({}, True, 200), ({"sub": "another"}, False, 401),
        ({"sub": "another"}, True, 401), ({"aud": "another"}, True, 401),
        ({"iss": "https://evil.example"}, True, 401),
    ])  # fmt: skip
def test_groups_that_are_stated_apart_from_the_token(
    browser: Browser, at: Provider, changes: dict[str, str], *, signs: bool, status: int
) -> None:
    at.person, at.elsewhere = {"sub": DANA["sub"]}, {**DANA, **changes}
    at.signs_elsewhere = signs
    assert log_in(browser, at).status_code == status


def test_groups_that_the_provider_does_not_state_when_it_is_asked(
    browser: Browser, at: Provider
) -> None:
    at.person = {"sub": DANA["sub"]}
    answer = log_in(browser, at)
    assert answer.status_code == 503
    assert "LOGIN_UNAVAILABLE" in answer.text


# --- of this login, and of no other


def test_a_login_of_another_browser_is_not_taken_over(browser: Browser, at: Provider) -> None:
    attacker = Browser(browser.address)
    brought = back(attacker, at)
    assert browser.get(brought).status_code == 401  # nothing was begun in it
    led(browser)
    refused = browser.get(brought)  # something else was
    assert (refused.status_code, COOKIE in browser.cookies) == (401, False)
    assert "this login was not begun in this browser" in text_of(refused)
    assert attacker.get(brought).status_code == 200
    attacker.close()


@over("cookie", ["", "x", "1.2.3", "1700000000.AAAA.Lw"])
def test_a_cookie_of_nobodys_making_begins_nothing(
    browser: Browser, at: Provider, cookie: str
) -> None:
    browser.cookies.clear()
    brought = back(browser, at)
    own = browser.cookies[beginnings.COOKIE]
    browser.cookies[beginnings.COOKIE] = cookie
    assert browser.get(brought).status_code == 401
    browser.cookies[beginnings.COOKIE] = own
    assert browser.get(brought).status_code == 200


def test_a_path_put_into_the_cookie_is_not_gone_to(browser: Browser, at: Provider) -> None:
    brought = back(browser, at)
    at_, name, _ = browser.cookies[beginnings.COOKIE].split(".")
    browser.cookies[beginnings.COOKIE] = f"{at_}.{name}.L2xvZw"
    assert browser.get(brought).status_code == 401


def test_what_was_brought_once_is_not_brought_again(browser: Browser, at: Provider) -> None:
    brought = back(browser, at)
    held = dict(browser.cookies)
    assert browser.get(brought).status_code == 200
    browser.cookies = held
    again = browser.get(brought)
    assert again.status_code == 401
    assert "this login has ended" in text_of(again)
    assert at.asked.count("/token") == 1


def test_so_many_ended_logins_are_remembered(
    clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beginnings, "MOST", 2)
    logins = Beginnings(clock.now)
    for begun in [logins.begin("/log") for _ in range(3)]:
        assert logins.end(begun.cookie, begun.secrets.state).to == "/log"
        with pytest.raises(LoginRefused):
            logins.end(begun.cookie, begun.secrets.state)
    assert len(logins._ended) == 2


@over(("seconds", "status"), [(599, 200), (601, 401)])
def test_a_login_that_was_begun_too_long_ago_ends(
    browser: Browser, at: Provider, clock: FixedClock, seconds: int, status: int
) -> None:
    browser.cookies.clear()
    brought = back(browser, at)
    clock.advance(seconds)
    assert browser.get(brought).status_code == status


def test_a_code_of_another_login_is_not_redeemed(browser: Browser, at: Provider) -> None:
    victim = Browser(browser.address)
    stolen, own = back(victim, at), back(browser, at)
    code = parse_qs(urlsplit(stolen).query)["code"][0]
    state = parse_qs(urlsplit(own).query)["state"][0]
    refused = browser.get(f"{DONE}?code={code}&state={state}")
    victim.close()
    assert (refused.status_code, COOKIE in browser.cookies) == (401, False)
    assert "invalid_grant" in refused.text  # its verifier is the victim's


def test_a_session_of_it_ends_as_any_other(
    browser: Browser, at: Provider, clock: FixedClock
) -> None:
    log_in(browser, at)
    clock.advance(IDLE.total_seconds())
    assert browser.get("/").url.path == "/"
    clock.advance(IDLE.total_seconds() + 1)
    assert browser.get("/").url.path == "/login"


def test_a_session_that_somebody_planted_is_not_taken_over(browser: Browser, at: Provider) -> None:
    brought = back(browser, at)
    browser.cookies[COOKIE] = "planted"
    browser.get(brought)
    first = browser.cookies[COOKIE]
    assert first != "planted"
    brought = back_of_a_second(browser, at)
    assert browser.get(brought).status_code == 200
    stale = Browser(browser.address)
    stale.cookies[COOKIE] = first
    assert stale.get("/").url.path == "/login"
    stale.close()


def back_of_a_second(browser: Browser, at: Provider) -> str:
    """Begin a login in a window that has no session yet, and come back in one that has."""
    session = browser.cookies.pop(COOKIE)
    brought = back(browser, at)
    browser.cookies[COOKIE] = session
    return brought


@over("site", ["cross-site", "same-site"])
def test_another_site_begins_no_login(browser: Browser, site: str) -> None:
    browser.cookies.clear()
    answer = led(browser, "/log", **{"sec-fetch-site": site})
    assert answer.headers["location"] == "/login?to=%2Flog"
    assert beginnings.COOKIE not in browser.cookies
    assert led(browser, **{"sec-fetch-site": "same-origin"}).status_code == 303
    assert beginnings.COOKIE in browser.cookies


@over("to", ["https://evil.example", "//evil.example", "/%5Cevil.example", "/a%0D%0Ax:y", "evil"])
def test_nobody_is_led_to_another_site(browser: Browser, at: Provider, to: str) -> None:
    entered = log_in(browser, at, to)
    assert entered.status_code == 200
    assert entered.headers["refresh"] == "0; url=/"
    assert "evil" not in entered.text


# --- of this provider, and of no other


@over(("announced", "named", "status"), [
        (True, "own", 200), (False, "own", 200), (False, None, 200),
        (True, None, 401), (True, "https://evil.example", 401),
        (False, "https://evil.example", 401),
    ])  # fmt: skip
def test_the_answer_of_another_provider_is_not_taken(
    browser: Browser,
    at: Provider,
    clock: FixedClock,
    named: str | None,
    status: int,
    *,
    announced: bool,
) -> None:
    clock.advance(KEPT.total_seconds())
    at.asked.clear()
    at.changes = {"authorization_response_iss_parameter_supported": announced}
    at.names_itself = at.issuer if named == "own" else named
    assert log_in(browser, at).status_code == status
    assert ("/token" in at.asked) is (status == 200)


@over("claims", [
        {"iss": "https://evil.example"}, {"aud": "another"}, {"aud": ["the console", "another"]},
        {"azp": "another"}, {"nonce": "another"}, {"nonce": None}, {"at_hash": "another"},
        {"sub": None},
    ])  # fmt: skip
def test_a_token_of_something_else_lets_nobody_in(
    browser: Browser, at: Provider, ports: Ports, claims: dict[str, Any]
) -> None:
    at.claims = claims
    refused = log_in(browser, at)
    at.claims = {}
    assert (refused.status_code, COOKIE in browser.cookies) == (401, False)
    assert list(accounts.page(ports).values) == []
    assert log(ports)[-1] == ("account.refused", "")


def test_the_provider_may_refuse(browser: Browser) -> None:
    asked = parse_qs(urlsplit(led(browser).headers["location"]).query)
    said = f"{DONE}?state={asked['state'][0]}&error=access_denied&error_description=<b>no</b>"
    answer = browser.get(said)
    assert answer.status_code == 401
    assert "the provider refused: access_denied" in text_of(answer).replace("`", "")
    assert "no</b>" not in answer.text


@over("status", [400, 500, 302])
def test_a_code_that_is_not_redeemed(browser: Browser, at: Provider, status: int) -> None:
    at.status = status
    answer = log_in(browser, at)
    assert answer.status_code in (401, 503)
    assert ("LOGIN_REFUSED" if status != 302 else "LOGIN_UNAVAILABLE") in answer.text
    assert ("invalid_client" in answer.text) is (status != 302)


def test_a_provider_that_does_not_fit_is_not_led_to(
    browser: Browser, at: Provider, clock: FixedClock
) -> None:
    at.changes = {"issuer": "https://evil.example"}
    answer = led(browser)
    assert answer.status_code == 503
    assert "LOGIN_UNAVAILABLE" in answer.text
    at.changes = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert log_in(browser, at).status_code == 200
    asked = at.asked.count(STATED)
    log_in(browser, at)
    assert at.asked.count(STATED) == asked  # it is kept for minutes
    clock.advance(KEPT.total_seconds())
    log_in(browser, at)
    assert at.asked.count(STATED) == asked + 1


def test_a_secret_that_others_may_read_is_not_sent(
    browser: Browser, at: Provider, ports: Ports, caplog: pytest.LogCaptureFixture
) -> None:
    file = ports.settings.path("keys/oidc.secret")
    file.chmod(0o644)
    with caplog.at_level(logging.INFO):
        assert log_in(browser, at).status_code == 503
    assert "/token" not in at.asked
    assert "oidc.secret" in caplog.text
    file.chmod(0o600)
    assert log_in(browser, at).status_code == 200


def test_nothing_of_a_person_or_a_token_is_in_the_log_of_the_node(
    browser: Browser, at: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "connector"):
        log_in(browser, at)
        at.claims = {"nonce": "another", "email": "dana@school.example"}
        refused = log_in(browser, at).text
    for text in (caplog.text.lower(), refused.lower()):
        assert not [each for each in ("7f3a", "@school", "code=", "eyj") if each in text]
    assert "of another login" in caplog.text


def test_logging_out_offers_to_log_out_there(browser: Browser, at: Provider, ports: Ports) -> None:
    log_in(browser, at)
    left = browser.do("/logout")
    assert 'href="/logout/institution"' in left.text
    away = browser._asked("GET", "/logout/institution", None, {}).headers["location"]
    assert away == f"{at.issuer}/logout?client_id=the+console"
    person(ports, "ada")
    browser.log_in("ada")
    assert "/logout/institution" not in browser.do("/logout").text


def test_a_node_without_a_provider_leads_to_none(tmp_path: Path) -> None:
    with served(ports_for_tests(tmp_path)) as address:
        browser = Browser(address)
        assert BEGIN not in browser.get("/login").text
        for path in (BEGIN, DONE, "/logout/institution"):
            assert browser.get(path).status_code == 404
        browser.close()


def test_so_many_log_in_at_a_time(at: Provider, ports: Ports) -> None:
    named = ports.settings.console_oidc
    assert named is not None
    made = logins.institution(ports, named, "https://console.example")
    for _ in range(AT_ONCE):
        made._places.acquire()
    with pytest.raises(TooManyRequests):
        made.farewell()
    made._places.release()
    assert made.farewell().startswith(at.issuer)


def test_two_first_logins_at_once_make_one_account(ports: Ports) -> None:
    somebody = Person("https://login.example 7", "dana", (AccountRole.STEWARD,), ())
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: accounts.vouched(ports, somebody).id, range(8)))
    assert len(set(made)) == 1
    assert len(accounts.page(ports).values) == 1


def test_doctor_says_what_is_wrong_with_the_provider(at: Provider, ports: Ports) -> None:
    def found(*, ask: bool = True) -> list[tuple[str, str]]:
        return [(each.verdict, each.finding) for each in checks(ports.settings, ask=ask)]

    assert found() == [("ok", f"`{at.issuer}` answers, and does what this node needs")]
    assert found(ask=False) == []
    at.changes = {"response_types_supported": ["id_token"]}
    ((verdict, finding),) = found()
    assert verdict == "fail"
    assert "response_types_supported" in finding
    file = ports.settings.path("keys/oidc.secret")
    file.chmod(0o644)
    assert [each[0] for each in found()] == ["fail", "fail"]
    file.unlink()
    ((_, finding),) = found(ask=False)
    assert "missing" in finding
    away = replace(ports.settings.console_oidc, issuer="https://localhost:1/none")
    ((_, finding),) = [
        (each.verdict, each.finding)
        for each in checks(replace(ports.settings, console_oidc=away), ask=True)
        if "missing" not in each.finding
    ]
    assert "no answer from" in finding
    assert checks(replace(ports.settings, console_oidc=None), ask=True) == []
