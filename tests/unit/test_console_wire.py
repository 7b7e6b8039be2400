"""What pages of the console are on the wire: compressed, and telling nothing by their lengths."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from connector.console.sessions import Session
from connector.ports import Ports
from connector.services.access import accounts
from tests.support.console import Browser, browsers, person
from tests.support.doubles import ports_for_tests
from tests.support.each import over


@pytest.fixture
def ports(tmp_path: Path) -> Ports:
    made = ports_for_tests(tmp_path)
    person(made, "ada", "operator", "auditor")
    return made


@pytest.fixture
def browser(ports: Ports) -> Iterator[Browser]:
    with browsers(ports, "ada") as (made,):
        yield made


def asked(browser: Browser, path: str, **headers: str) -> httpx.Response:
    return browser._asked("GET", path, None, headers)


def test_pages_are_compressed_for_who_takes_that(browser: Browser) -> None:
    page, plain = browser.get("/log"), asked(browser, "/log", **{"accept-encoding": "identity"})
    assert page.headers["content-encoding"] == "gzip"
    assert page.headers["content-security-policy"] == plain.headers["content-security-policy"]
    assert "accept-encoding" in page.headers["vary"].lower()
    assert "content-encoding" not in plain.headers
    assert len(plain.content) == len(page.content) > 2 * page.num_bytes_downloaded


@over(("site", "compressed"), [("same-site", 0), ("cross-site", 0), ("same-origin", 1)])
def test_what_another_site_asks_tells_nothing_by_its_length(
    browser: Browser, site: str, compressed: int
) -> None:
    answer = asked(browser, "/log?subject=guess", **{"sec-fetch-site": site})
    assert ("content-encoding" in answer.headers) == bool(compressed)


def test_the_word_of_a_session_is_written_otherwise_on_each_page(
    browser: Browser, ports: Ports
) -> None:
    first, second = browser.word(), browser.word()
    assert first != second
    for word in (first, second):
        form = {"word": word, "name": "nobody"}
        assert browser.post("/accounts/close", form).status_code == 404
    changed = f"{first[:-1]}{'0' if first[-1] != '0' else '1'}"
    for word in (changed, first[:-2], first[:64], f"{first}00", first[64:] * 2, "0" * 128, "é", ""):
        assert browser.post("/accounts/close", {"word": word, "name": "ada"}).status_code == 401
    assert accounts.standing(ports, "ada") is not None


def test_a_word_is_of_its_own_session_alone(ports: Ports) -> None:
    found, now = accounts.standing(ports, "ada"), ports.clock.now()
    assert found is not None
    one, other = (Session(found, bytes([each]) * 32, now, now) for each in (1, 2))
    assert one.brings(one.masked())
    assert not one.brings(other.masked())
