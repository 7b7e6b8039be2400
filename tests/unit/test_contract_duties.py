"""Duties of contracts between two nodes: stated by one, seen by both, and what time does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.domain.contract.duty import DeedKind
from connector.enforcement import audited
from connector.enforcement.plan import CoverageLine, Label
from connector.errors import (
    AgreementUnknown,
    DutyForbidden,
    Malformed,
    NotFound,
    PeerUnreachable,
    SignatureInvalid,
)
from connector.identity import jws
from connector.identity.statements import deed as signed
from connector.jsonld.canonical import canonical, sha256_hex
from connector.protocol.messages import AgreementDeed
from connector.services.duties import auditing, stating, timing
from connector.services.duties.stating import Said
from connector.services.federation.site import judge
from connector.services.health import duties as health
from connector.services.health import measure
from connector.services.negotiation import telling
from connector.services.publication import publish
from tests.support.each import over
from tests.support.link import PREAU, PURPOSE, Fault, Link, Node, description, limit, link
from tests.support.management import FINE, commanded
from tests.support.negotiating import ask
from tests.support.owing import (
    ATTRIBUTE,
    DAY,
    DELETE,
    DONE,
    INFORM,
    RESULTS,
    contract,
    ends,
    name,
    owed,
    owing,
    seen,
    stand,
    turn,
    used,
)
from tests.support.training_rig import manifest


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with owed(tmp_path) as pair:
        yield pair


def test_both_ends_see_the_duties_of_a_contract(pair: Link) -> None:
    for node in (pair.lab, pair.school):
        found = stating.duties(node.ports, closed=True).values
        assert [(each.path, each.state, each.debtor, each.creditor) for each in found] == [
            (path, state, pair.lab.did, pair.school.did)
            for path, state in ((INFORM, "due"), (DELETE, "due"), (ATTRIBUTE, "inactive"))
        ]
        assert [each.path for each in stating.duties(node.ports).values] == [INFORM, DELETE]
    assert stand(pair.lab, INFORM).towards == (pair.school.did,)


def test_what_the_debtor_did_is_seen_by_both(pair: Link) -> None:
    evidence = "ab" * 32
    found = stating.done(
        pair.lab.ports, name(pair, INFORM), replace(DONE, evidence=evidence, note="letter of today")
    )
    assert found.state == "fulfilled"
    assert seen(pair, INFORM) == ["fulfilled", "due"]
    pair.pump()
    assert seen(pair, INFORM) == ["fulfilled", "fulfilled"]
    (ours,), (theirs,) = (stating.duty(each.ports, name(pair, INFORM))[1] for each in ends(pair))
    assert ours == theirs
    assert (theirs.evidence, theirs.note) == (evidence, "letter of today")
    for node in ends(pair):
        (entry,) = node.log("duty.done")
        event = json.loads(entry.event)
        assert theirs.statement in json.dumps(event)
        assert event["subject"] == contract(node).id


def test_only_its_debtor_does_it_and_only_the_other_party_waives_it(pair: Link) -> None:
    with pytest.raises(DutyForbidden):
        stating.done(pair.school.ports, name(pair, INFORM), DONE)
    with pytest.raises(DutyForbidden):
        stating.waive(pair.lab.ports, name(pair, INFORM), "we would rather not")
    with pytest.raises(Malformed):
        stating.waive(pair.school.ports, name(pair, INFORM), "two\nlines")
    found = stating.waive(pair.school.ports, name(pair, INFORM), "we know already")
    assert (found.state, found.waived) == ("inactive", "we know already")
    pair.pump()
    assert seen(pair, INFORM) == ["inactive", "inactive"]
    with pytest.raises(DutyForbidden, match="inactive"):
        stating.done(pair.lab.ports, name(pair, INFORM), DONE)


def test_what_is_stated_took_place_under_the_contract(pair: Link) -> None:
    begun = contract(pair.lab).concluded_at
    for at in (begun - DAY, pair.clock.now() + DAY):
        with pytest.raises(Malformed):
            stating.done(pair.lab.ports, name(pair, INFORM), replace(DONE, at=at))
    with pytest.raises(NotFound):
        stating.done(pair.lab.ports, name(pair, "/permission/0/duty/9"), DONE)
    with pytest.raises(NotFound):
        stating.state(pair.lab.ports, "urn:none", Said(DeedKind.BREACHED, "/prohibition/0"))
    with pytest.raises(NotFound):
        stating.state(pair.school.ports, contract(pair.school).id, Said(DeedKind.HAPPENED, RESULTS))


def test_each_use_brings_about_what_follows_a_use(pair: Link) -> None:
    used(pair)
    assert seen(pair, ATTRIBUTE) == ["due", "due"]
    used(pair)  # the same one
    assert stand(pair.lab, ATTRIBUTE).open == 1
    used(pair, "urn:job:2")
    assert stand(pair.lab, ATTRIBUTE).open == 2
    stating.done(pair.lab.ports, name(pair, ATTRIBUTE), DONE)
    assert stand(pair.lab, ATTRIBUTE).open == 1
    stating.done(pair.lab.ports, name(pair, ATTRIBUTE), DONE)
    pair.pump()
    assert seen(pair, ATTRIBUTE) == ["fulfilled", "fulfilled"]


def test_a_reminder_comes_once_and_to_the_debtor_alone(pair: Link) -> None:
    assert turn(pair) == [timing.LONGEST_SLEEP] * 2
    due = stand(pair.lab, INFORM).due
    assert due is not None
    pair.clock.set(due - 7 * DAY - timedelta(seconds=10))
    assert turn(pair) == [10.0, timing.LONGEST_SLEEP]
    pair.clock.advance(10.0)
    for _ in range(2):
        assert turn(pair, steady=True)[0] == timing.LONGEST_SLEEP
    assert len(pair.lab.log("duty.reminded")) == 1
    assert pair.school.log("duty.reminded") == []


def late(pair: Link) -> None:
    """Let the first deadline pass; peers have fetched one another's papers meanwhile."""
    pair.clock.set(datetime.fromisoformat("2026-12-24T01:00:00Z"))
    for node in ends(pair):
        node.have_fresh_papers()


def test_what_is_missed_is_logged_by_both_and_brings_its_consequence_about(pair: Link) -> None:
    late(pair)
    assert turn(pair, steady=False) == [timing.UNSTEADY_SLEEP] * 2
    assert pair.lab.log("duty.overdue") == []
    for _ in range(3):
        turn(pair)
    for node in ends(pair):
        told = [json.loads(entry.event)["facts"] for entry in node.log("duty.overdue")]
        assert [each["duty"] for each in told] == [INFORM]
    consequence = f"{INFORM}/odrl:consequence/0"
    assert seen(pair, consequence) == ["missing", "missing"]
    stating.done(pair.lab.ports, name(pair, INFORM), DONE)
    assert stand(pair.lab, INFORM).state == "violated"
    stating.done(pair.lab.ports, name(pair, consequence), DONE)
    pair.pump()
    assert seen(pair, INFORM) == ["fulfilled", "fulfilled"]


def test_a_duty_outlives_its_contract(pair: Link) -> None:
    pair.clock.set(datetime.fromisoformat("2027-07-01T00:00:00Z"))
    assert contract(pair.lab).valid_until < pair.clock.now()
    assert stating.done(pair.lab.ports, name(pair, DELETE), DONE).state == "fulfilled"


def test_a_lost_or_repeated_deed_counts_once(pair: Link) -> None:
    stating.done(pair.lab.ports, name(pair, INFORM), DONE)
    pair.fault = lambda call: Fault.TWICE if call.kind == "AgreementDeed" else Fault.NONE
    pair.pump()
    assert len(pair.school.log("duty.done")) == 1
    deed = stating.duty(pair.lab.ports, name(pair, INFORM))[1][0]
    pair.school.receive(pair.lab, AgreementDeed("urn:again", deed.statement))
    assert len(pair.school.log("duty.done")) == 1
    pair.lab.receive(pair.school, AgreementDeed("urn:back", deed.statement))  # what it gives back


def test_a_deed_of_another_is_refused_and_changes_nothing(pair: Link) -> None:
    stating.done(pair.lab.ports, name(pair, INFORM), DONE)
    deed = stating.duty(pair.lab.ports, name(pair, INFORM))[1][0]
    digest, signer = contract(pair.lab).digest, pair.lab.ports.signer
    before = pair.school.state_of_everything()
    bad = {
        "of another document": (signed.make(signer, deed, "00" * 32), Malformed),
        "of another contract": (
            signed.make(signer, replace(deed, agreement_id="urn:none"), digest),
            AgreementUnknown,
        ),
        "about what there is not": (
            signed.make(signer, replace(deed, about="/permission/0"), digest),
            DutyForbidden,
        ),
        "to come": (
            signed.make(signer, replace(deed, at=pair.clock.now() + DAY), digest),
            Malformed,
        ),
        "altered": (deed.statement[:-6] + "AAAAAA", SignatureInvalid),
        "a waiver of its own": (
            signed.make(signer, replace(deed, kind=DeedKind.WAIVED, number=9), digest),
            DutyForbidden,
        ),
    }
    for statement, fault in bad.values():
        with pytest.raises(fault):
            pair.school.receive(pair.lab, AgreementDeed("urn:m", statement))
    with pytest.raises((SignatureInvalid, AgreementUnknown)):
        pair.school.receive(pair.other, AgreementDeed("urn:m", deed.statement))
    assert pair.school.state_of_everything() == before
    pair.pump()
    other_words = signed.make(signer, replace(deed, note="otherwise"), digest)
    with pytest.raises(Malformed, match="another content"):
        pair.school.receive(pair.lab, AgreementDeed("urn:m", other_words))


def test_a_node_that_went_back_gets_all_deeds_again(pair: Link) -> None:
    copy = pair.school.copied()
    stating.done(pair.lab.ports, name(pair, INFORM), DONE)
    stating.waive(pair.school.ports, name(pair, DELETE), "kept by law")
    pair.pump()
    pair.school.restore(copy)
    assert seen(pair, INFORM) == ["fulfilled", "due"]
    with pair.lab.ports.store.write() as tx:
        telling.again(pair.lab.ports, tx, pair.school.did)
    pair.pump()
    assert seen(pair, INFORM) == ["fulfilled", "fulfilled"]
    assert seen(pair, DELETE) == ["inactive", "inactive"]  # its own word, given back


def test_a_job_is_refused_once_a_duty_was_missed(pair: Link) -> None:
    base = manifest()
    privacy = replace(base.privacy, epsilon=0.5, delta=1e-6)
    job = replace(base, lead=pair.lab.did, purpose=PURPOSE, privacy=privacy)
    settings = replace(pair.school.ports.settings, space="did:web:authority.example")
    ports = replace(pair.school.ports, settings=settings)

    def code() -> str:
        refusal = judge.check_policy(ports, contract(pair.school), job, 3)
        return refusal.code if refusal else ""

    assert code() == ""
    pair.clock.set(datetime.fromisoformat("2026-12-25T00:00:00Z"))
    assert code() == "DUTY_OWED"
    stating.waive(pair.school.ports, name(pair, INFORM), "told by telephone")
    assert code() == ""


def test_results_are_dated_by_the_provider(tmp_path: Path) -> None:
    within = limit(f"{PREAU}timeSinceResults", "lteq", "P30D", "duration")
    with link(tmp_path) as pair:
        policy = owing({"action": "odrl:inform", "constraint": [within]})
        publish.publish(pair.school.ports, description(pair.folder, offer=policy))
        ask(pair)
        assert seen(pair, INFORM) == ["undetermined", "undetermined"]
        said = Said(DeedKind.HAPPENED, RESULTS)
        with pytest.raises(DutyForbidden):
            stating.state(pair.lab.ports, contract(pair.lab).id, said)
        stating.state(pair.school.ports, contract(pair.school).id, said)
        pair.pump()
        assert seen(pair, INFORM) == ["due", "due"]


def test_a_contract_that_cannot_be_read_keeps_no_other_waiting(pair: Link) -> None:
    pair.clock.set(datetime.fromisoformat("2027-07-01T00:00:00Z"))
    with pair.lab.ports.store.write() as tx:
        tx.agreements.put(replace(contract(pair.lab), document=b"spoiled"))
    assert timing.turn(pair.lab.ports, steady=True) == timing.LONGEST_SLEEP
    assert timing.turn(pair.lab.ports, steady=True) == timing.LONGEST_SLEEP


def test_the_log_shows_of_each_audited_line_what_there_is(pair: Link) -> None:
    def shown() -> dict[str, str]:
        lines = auditing.audited(pair.school.ports, contract(pair.school).id)
        return {each.line.path: each.found.value for each in lines}

    actions = [f"{path}/action" for path in (INFORM, DELETE, ATTRIBUTE)]
    consequence = f"{INFORM}/odrl:consequence/0/action"
    assert {path: shown()[path] for path in (*actions, consequence)} == dict.fromkeys(
        (*actions, consequence), "not yet due"
    )
    stating.done(pair.lab.ports, name(pair, INFORM), DONE)
    pair.pump()
    assert shown()[actions[0]] == "found"
    pair.clock.set(datetime.fromisoformat("2027-10-01T00:00:00Z"))
    timing.turn(pair.school.ports, steady=True)
    assert shown()[actions[1]] == "none found"


LINES = [
    ("/permission/0/duty/1/action", audited.DONE, "/permission/0/duty/1"),
    ("/permission/0/duty/1/odrl:informedParty/0", audited.DONE, "/permission/0/duty/1"),
    (
        "/permission/0/duty/0/odrl:consequence/2/action",
        audited.DONE,
        "/permission/0/duty/0/odrl:consequence/2",
    ),
    ("/obligation/0/action", audited.DONE, "/obligation/0"),
    ("/prohibition/1/action", audited.BREACHED, "/prohibition/1"),
    ("/prohibition/1/constraint/0", audited.BREACHED, "/prohibition/1"),
    ("/prohibition/1/odrl:remedy/0/action", audited.DONE, "/prohibition/1/odrl:remedy/0"),
    ("/permission/0/constraint/4", "use.ready", ""),
]


@over(("path", "kind", "about"), LINES)
def test_a_line_says_which_entries_show_it(path: str, kind: str, about: str) -> None:
    line = CoverageLine(path, "what", Label.AUDITED, "by")
    assert audited.query(line) == audited.Query(kind, about)


def test_commands(pair: Link, tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("We have deleted nothing yet.")
    with commanded(pair.lab.ports) as preau:
        listed = preau("duty", "list", "--lang", "fr")
        assert listed.exit_code == 0
        assert "informer" in listed.stdout
        assert "attribute" not in listed.stdout
        stated = ("--evidence", str(letter), "--note", "letter of today")
        told = preau("duty", "done", name(pair, INFORM), *stated)
        assert told.exit_code == 0, told.stderr
        assert "fulfilled" in told.stdout
        assert sha256_hex(letter.read_bytes()) in told.stdout
        shown = json.loads(preau("duty", "show", name(pair, INFORM), "--json").stdout)
        assert [deed["note"] for deed in shown["deeds"]] == ["letter of today"]
        everything = json.loads(preau("duty", "list", "--all", "--json").stdout)
        assert [each["state"] for each in everything] == ["fulfilled", "due", "inactive"]
        checked = json.loads(preau("audit", "check", contract(pair.lab).id, "--json").stdout)
        assert checked[0]["found"] == "found"
        refused = preau(
            "duty", "event", contract(pair.lab).id, RESULTS, "--at", "2027-01-01T00:00:00Z"
        )
        assert "does not name an event" in refused.stderr
        assert (
            "DUTY_FORBIDDEN" in preau("duty", "waive", name(pair, DELETE), "--reason", "no").stderr
        )
    with commanded(pair.school.ports) as preau:
        waived = preau("duty", "waive", name(pair, DELETE), "--reason", "kept by law")
        assert "kept by law" in waived.stdout
        assert (
            "NOT_FOUND"
            in preau("duty", "breach", contract(pair.school).id, "/prohibition/0").stderr
        )


def test_doctor_names_what_is_overdue_and_what_is_due_soon(pair: Link) -> None:
    def told(node: Node) -> list[str]:
        with node.ports.store.read() as tx:
            found = [each for each in tx.duties.find() if each.is_open]
        checks = health.duties(found, node.did, 7 * DAY, pair.clock.now())
        return [f"{each.verdict} {each.mend.split('`')[1] if each.mend else ''}" for each in checks]

    assert told(pair.lab) == ["ok "]
    late(pair)
    turn(pair)
    mine = f"warn preau duty done {name(pair, INFORM)}"
    assert mine in told(pair.lab)
    assert told(pair.school) == ["warn preau duty waive"]
    measured = {each.labels: each.value for each in measure.measure(pair.lab.ports, FINE, "0")
                if each.name == "preau_duties"}  # fmt: skip
    assert measured["ours", "violated"] == 1.0
    assert measured["others", "violated"] == 0.0


@dataclass
class Hook:
    """The port `Web` of an institution that wants to be told: it fails as often as it is set to."""

    failing: int = 0
    posted: list[dict[str, Any]] = field(default_factory=list)

    def post(self, url: str, body: bytes, *, limit: int = 1 << 16) -> bytes:
        assert len(body) <= limit
        if self.failing:
            self.failing -= 1
            raise PeerUnreachable(f"`{url}` does not answer")
        self.posted.append(json.loads(body))
        return b""


def test_an_address_is_told_what_is_due_soon_and_what_is_overdue(pair: Link) -> None:
    hook = Hook(failing=1)
    settings = replace(pair.lab.ports.settings, notice_url="https://hook.example/duties")
    ports = replace(pair.lab.ports, settings=settings, web=hook)
    due = stand(pair.lab, INFORM).due
    assert due is not None

    def turns() -> None:
        while timing.turn(ports, steady=True) == 0.0:
            pass

    pair.clock.set(due - DAY)
    turns()
    assert hook.posted == []
    pair.clock.advance(60.0)
    turns()
    (told,) = hook.posted
    about = (pair.lab.member.document, "assertionMethod", "preau-duty+jws")
    jws.verify_detached(told["signature"], canonical(told["notice"]), *about)
    assert (told["notice"]["happening"], told["notice"]["duty"]) == ("reminded", INFORM)
    assert told["notice"]["agreement"] == contract(pair.lab).id
    pair.clock.set(due + timedelta(seconds=1))
    turns()
    assert [each["notice"]["happening"] for each in hook.posted] == ["reminded", "overdue"]
    assert len(pair.lab.log("duty.told")) == 2
