"""What an operator finds in the console: peers, the node's health, messages, doctor's findings."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path

import httpx
import pytest

from connector import config
from connector.bootstrap.backups import backup
from connector.bootstrap.diagnosis import probe
from connector.bootstrap.diagnosis.watch import _stated, watch
from connector.bootstrap.keys import signing_rotation
from connector.bootstrap.system import SystemClock
from connector.console.sessions import COOKIE
from connector.errors import TooManyRequests, WorldFault
from connector.ports import Ports
from connector.services.health import watching
from connector.services.health.diagnose import Check
from connector.services.health.looking import Looks
from connector.services.health.vitals import Vitals
from connector.services.health.watching import HeldKey
from connector.services.membership import onboard
from connector.services.negotiation import negotiate
from connector.services.publication import publish
from tests.support.console import Browser, browsers, text_of
from tests.support.console import watch as watch_of
from tests.support.federation import wait_for
from tests.support.link import DATASET, Link, description, link
from tests.support.samples import first_generation


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path) as pair:
        publish.publish(pair.school.ports, description(pair.folder))
        yield pair


@pytest.fixture
def school(pair: Link) -> Ports:
    ports: Ports = pair.school.ports
    return ports


def test_the_node_is_shown_in_words(school: Ports) -> None:
    with browsers(school, "operator", "auditor") as (operator, auditor):
        said = text_of(operator.get("/node"))
        for words in ("The node works", "keys/signing.pem", "40", "missing", "90", "Last backup"):
            assert words in said, words
        assert auditor.get("/node").status_code == 403
        figures = text_of(operator.get("/figures"))
        assert "events in the audit log" in figures
        assert "preau_audit_entries" in figures
        assert auditor.get("/figures").status_code == 403


def test_figures_are_said_in_the_language_of_the_reader(school: Ports) -> None:
    with browsers(school, "operator") as (operator,):
        shown = text_of(operator.get("/figures", accept_language="fr"))
        assert "de cette institution ; à faire" in shown.replace("\N{NO-BREAK SPACE}", " ")
        assert "did:web:school.example, participant, 1.0" in shown, "a name stays as it is"
        assert "of this institution; due" in text_of(operator.get("/figures"))


def test_doctor_looks_when_it_is_told_to(school: Ports) -> None:
    with browsers(school, "operator", "steward") as (operator, steward):
        assert "full" not in text_of(operator.get("/doctor"))
        here = looked(operator, "here")
        assert "Something has to be mended." in here
        assert here.index("it is full") < here.index("in time")  # what is to mend comes first
        assert "make room" in here
        assert "all is full" in looked(operator, "everywhere")
        assert "all is full" in text_of(operator.get("/doctor")), "it is kept"
        for path in ("/doctor", "/messages"):
            assert steward.get(path).status_code == 403
        assert steward.do("/doctor/look", look="here").status_code == 403


def looked(operator: Browser, where: str) -> str:
    """What the page of doctor says once it has looked."""
    operator.do("/doctor/look", look=where)
    assert wait_for(lambda: "is looking" not in text_of(operator.get("/doctor")))
    return text_of(operator.get("/doctor"))


def test_a_look_that_fails_is_said_and_can_be_taken_anew(school: Ports) -> None:
    """A refusal and a fault that was not foreseen end a look; the node goes on."""
    faults: list[Exception] = [
        RuntimeError("quotes a value"),
        WorldFault("no disk", hint="mend it"),
    ]

    def examine(_peers: bool) -> list[Check]:  # noqa: FBT001 - as the port
        if faults:
            raise faults.pop()
        return []

    looks = Looks(examine)
    told = replace(watch_of(school), looks=looks)
    for reason, noted in (("no disk", 0), ("`doctor` met a fault that was not foreseen", 1)):
        watching.look(school, told, peers=False)
        assert wait_for(lambda: looks.last is not None and looks.last.ended)
        last = watching.doctor(school, told)
        assert last is not None
        assert last.refusal is not None
        assert (last.refusal.reason, len(school.faults)) == (reason, noted)
    watching.look(school, told, peers=True)
    assert wait_for(lambda: looks.last is not None and looks.last.checks == [])


def test_the_first_key_is_as_old_as_the_log(school: Ports) -> None:
    now = school.clock.now()
    for since, by in ((now + timedelta(days=9), "log"), (now - timedelta(days=40), "file")):
        held = HeldKey(school.settings.signing_key.removeprefix("file:"), since)
        told = replace(watch_of(school), key_files=lambda held=held: [held])
        ((found,), _) = watching.keys(school, told)
        assert (found.by, found.since == since) == (by, by == "file")


def test_peers_are_judged_and_met(
    pair: Link, school: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    with browsers(school, "operator", "auditor") as (operator, auditor):
        shown = text_of(operator.get("/peers"))
        assert pair.lab.did in shown
        assert "in good standing" in shown
        alone = operator.do("/peers/meet", did=pair.lab.did, space="")
        assert "does not accept first contacts" in text_of(alone)  # over this link
        assert "DID_UNRESOLVABLE" in text_of(alone)
        known = onboard.known(school, pair.lab.did)
        monkeypatch.setattr(onboard, "meet", lambda _ports, _did: known)
        assert "Own memberships" in operator.do("/peers/meet", did=pair.lab.did, space="").text
        assert operator.do("/peers/meet", did=pair.lab.did, space="urn:no").status_code == 404
        assert auditor.do("/peers/meet", did=pair.lab.did, space="").status_code == 403
        assert "Meet a peer" not in auditor.get("/peers").text


def test_a_peer_that_is_not_believed_is_named_with_the_reason(pair: Link, school: Ports) -> None:
    pair.clock.advance(60 * 24 * 3600)  # its membership has ended
    with browsers(school, "operator") as (operator,):
        shown = text_of(operator.get("/peers"))
        assert "in good standing" not in shown
        assert pair.lab.did in shown


def test_messages_that_were_not_delivered_are_listed(pair: Link) -> None:
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    with browsers(pair.lab.ports, "operator") as (operator,):
        shown = text_of(operator.get("/messages"))
        assert "ContractRequestMessage" in shown
        assert "waits" in shown
        assert "ContractRequestMessage" in text_of(operator.get("/")), "it waits for who operates"
        pair.pump()
        assert "Every message was delivered" in text_of(operator.get("/messages"))
        assert "ContractRequestMessage" not in text_of(operator.get("/"))


def test_queues_are_watched(pair: Link) -> None:
    """A browser is told when another than the list that it shows is there, and not before."""
    ports = pair.lab.ports
    negotiate.request(ports, pair.school.did, DATASET)
    with browsers(ports, "operator", "auditor") as (operator, auditor):
        for browser, path in (
            *((auditor, "/approvals"), (auditor, "/approvals?closed=yes")),
            *((operator, "/doctor"), (operator, "/jobs"), (operator, "/messages")),
        ):
            (live,) = re.findall(r'data-live="([^"]*)"', browser.get(path).text)
            watched = unescape(live)
            assert told(browser, watched) == ":", path
            assert told(browser, watched.partition("seen=")[0]) == "event: changed", path
        pair.pump()
        assert told(operator, watched) == "event: changed"


def told(browser: Browser, watched: str) -> str:
    """The first line that a browser is told which watches a page."""
    held = {"cookie": f"{COOKIE}={browser.cookies[COOKIE]}"}
    with httpx.stream("GET", f"{browser.address}{watched}", headers=held, timeout=20) as stream:
        return next(iter(stream.iter_lines()))


def test_what_is_told_of_a_home_is_its_own(
    pair: Link, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = first_generation(tmp_path / "kept") / "lab"
    settings = config.load(home)
    told = watch(settings, Vitals)
    assert told.backup() is None
    assert all(each.since for each in told.key_files())
    before = {each.name: each for each in told.key_files()}
    for name in before:  # as a restored backup writes them
        os.utime(settings.path(name), (2**31, 2**31))
    after = {each.name: each for each in told.key_files()}
    kept = {name for name, each in after.items() if each == before[name] or each.by != "file"}
    assert {each.by for each in after.values()} == {"certificate", "file"}
    assert settings.https_key in kept
    assert {name for name in before if name.startswith("keys/tls-ca-")} <= kept
    made_key = signing_rotation.make(settings, SystemClock())
    named = {each.name: each for each in _stated(settings)}
    assert named[made_key.uri.removeprefix("file:")].by == "record"
    made = backup.make(settings, tmp_path / "lab.tar")
    found = told.backup()
    assert found is not None
    assert (found.keys, found.log_size) == (True, made.log_size)
    (home / "run/backup.json").write_text("{}")
    assert told.backup() is None
    key = settings.path(settings.https_key)
    key.unlink()
    assert [each.name for each in told.key_files() if each.since is None] == [settings.https_key]
    looking, done = threading.Event(), threading.Event()

    def slow(*_: object, **__: object) -> list[Check]:
        looking.set()
        done.wait(20)
        return []

    monkeypatch.setattr(probe, "examine", slow)
    told.looks.begin(pair.school.ports, peers=False)
    try:
        assert looking.wait(20)
        with pytest.raises(TooManyRequests):
            told.looks.begin(pair.school.ports, peers=False)
    finally:
        done.set()
    assert wait_for(lambda: told.looks.last is not None and told.looks.last.checks == [])
