"""The console in a real browser: every page, both languages, found accessible, and alone.

Chromium is Debian's package, driven by Playwright; what axe-core finds is a fault of the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.console.pages import PAGES
from connector.domain.account import AccountRole
from connector.ports import Ports
from connector.services.approval import deciding
from connector.services.negotiation import agree, negotiate
from connector.services.publication import publish
from tests.support import browsing
from tests.support.browsing import Visitor
from tests.support.console import PASSWORD, person, served
from tests.support.doubles import FixedClock
from tests.support.federation import Federation
from tests.support.jobs import all_running, submitted
from tests.support.link import DATASET, Link, description, entry, link, offer
from tests.support.negotiating import ask
from tests.support.provider import provider, trusting

pytestmark = pytest.mark.browser


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
        yield pair


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browsing.chromium() as browser:
        yield browser


def paths(ports: Ports) -> list[str]:
    """Every page that there is, with something on it."""
    (waits,) = deciding.approvals(ports).values
    (contract,) = agree.agreements(ports).values
    negotiation = negotiate.negotiations(ports).values[0]
    standing = publish.offers(ports, DATASET)[0]
    details = [
        f"/approval?id={waits.id}",
        f"/dataset?id={DATASET}",
        f"/contract?id={contract.id}",
        f"/contract/life?id={contract.id}",
        "/accessibility",
        "/doctor?look=here",
        "/messages",
        "/figures",
        f"/negotiation?id={negotiation.pid}",
        "/publish/source?place=data/grades.csv",
        "/publish/source?place=nothing.csv",
        f"/policy?offer={standing.id}",
        "/nothing",
        "/contract?id=urn:none",
    ]
    return [*(each.path for each in PAGES if each.menu), *details]


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
        "/job/request?target=grade",
    ]


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_page_is_accessible_alone_and_without_complaint(
    pair: Link, chromium: Any, language: str
) -> None:
    for node, found in (
        (pair.school, paths(pair.school.ports)),
        (pair.lab, consumed(pair)),
    ):
        person(node.ports, "everybody", *AccountRole, reviews=("dpo", "head"))
        with served(node.ports) as address:
            visitor = Visitor(chromium, address, language)
            visitor.page.goto("/login")
            assert visitor.violations() == []
            visitor.log_in("everybody")
            for path in found:
                answer = visitor.page.goto(path)
                assert visitor.language == language
                assert visitor.violations() == [], path
                assert len(answer.body()) < 150_000
            # what Chromium says of an answer that is an error on purpose
            visitor.faults = [each for each in visitor.faults if not re.search("40[034]", each)]
            assert visitor.faults == []
            visitor.context.close()


def test_publishing_is_accessible_at_each_step(pair: Link, chromium: Any) -> None:
    ports = pair.school.ports
    person(ports, "steward")
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
        page.locator("form[action='/publish/describe'] button").click()
        assert visitor.violations() == []
        page.locator("select[name=template]").select_option("statistics")
        page.locator("form[action='/publish/terms'] button").click()
        assert visitor.violations() == []
        page.locator("input[name='value.until']").fill("2030-06-30")
        page.locator("form[action='/publish/offer'] button").click()
        assert visitor.violations() == []
        page.locator("form[action='/publish'] button").click()
        page.wait_for_url("**/dataset?*")
        assert [each for each in visitor.faults if "404" not in each] == []
        visitor.context.close()


def test_the_editor_is_accessible_in_each_state(pair: Link, chromium: Any) -> None:
    ports = pair.school.ports
    person(ports, "steward")
    with served(ports) as address:
        visitor = Visitor(chromium, address, "fr")
        page = visitor.page
        visitor.log_in("steward")
        page.goto("/policy")
        page.locator("select[name=template]").select_option("federated-training")
        page.locator("form[action='/policy/template'] button").click()
        assert visitor.violations() == []
        page.locator("input[name='value.space']").fill("did:web:authority.example")
        page.locator("input[name='value.until']").fill("2030-06-30")
        page.locator("form[action='/policy/template'] button").click()
        written = page.locator("textarea#form-policy-edit-document-text").input_value()
        page.locator("input[name=assignee]").fill("urn:example:lab")
        page.locator("form[action='/policy/what-if'] button").click()
        assert visitor.violations() == []
        page.locator("textarea[name=other]").fill(written)
        page.locator("form[action='/policy/compare'] button").click()
        assert visitor.violations() == []
        page.locator("form[action='/policy/layers'] button").click()
        assert visitor.violations() == []
        page.locator("textarea#form-policy-edit-sentences-text").fill("A. Rien.")
        page.locator("form:has(#form-policy-edit-sentences-text) button").click()
        assert page.locator("[role=alert]").count() == 1
        assert visitor.violations() == []
        visitor.context.close()


def test_the_keyboard_is_enough(pair: Link, chromium: Any) -> None:
    ports = pair.school.ports
    person(ports, "everybody", *AccountRole, reviews=("dpo", "head"))
    with served(ports) as address:
        visitor = Visitor(chromium, address, "en")
        page = visitor.page
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
        outlined = "getComputedStyle(document.activeElement).outlineStyle"
        for _ in range(12):
            page.keyboard.press("Tab")
            assert page.evaluate(outlined) != "none"
        visitor.context.close()


def test_nothing_is_cut_at_twice_the_size(pair: Link, chromium: Any) -> None:
    ports = pair.school.ports
    person(ports, "everybody", *AccountRole, reviews=("dpo", "head"))
    with served(ports) as address:
        visitor = Visitor(chromium, address, "fr")
        visitor.log_in("everybody")
        visitor.page.set_viewport_size({"width": 320, "height": 512})
        for path in paths(ports):
            visitor.page.goto(path)
            wide = visitor.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= 320, path
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
        drawn = "Array.from(document.images).map(each => each.complete && each.naturalWidth > 0)"
        visitor.page.wait_for_function(f"({drawn}).every(Boolean)")
        assert len(visitor.page.evaluate(drawn)) > 1
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
            page.locator("button").click()  # of another site: no strict cookie comes along
            page.wait_for_url("**/approvals")
            assert page.locator(".who p").inner_text() == "dana.martin"
            page.locator("form[action='/logout'] button").click()
            page.wait_for_url("**/login?left=yes")
            assert visitor.violations() == []
            assert [each for each in visitor.faults if at.origin not in each] == []
            visitor.context.close()
