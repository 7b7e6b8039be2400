"""Persons decide before anything is signed, where the offer says so; both ends and both stores."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.domain import instant
from connector.domain.catalog.review import Decision
from connector.domain.contract.approval import Approval, ApprovalState
from connector.errors import (
    ApprovalClosed,
    DescriptionIncomplete,
    InRecovery,
    Malformed,
    NotFound,
    PeerUnreachable,
    PreauError,
    RoleForbidden,
    SignatureInvalid,
    Untrusted,
)
from connector.identity import jws
from connector.jsonld.canonical import canonical
from connector.ports import Ports
from connector.services import noticing
from connector.services.approval import deciding, timing, viewing
from connector.services.negotiation import negotiate, telling
from connector.services.publication import catalog_pages, publish, withdrawing
from connector.services.storage import pruning
from connector.store import SqlStore
from tests.support.link import DATASET, Link, Node, description, entry, link, offer
from tests.support.management import commanded
from tests.support.negotiating import MARKETING, State, ask, both, states

OFFER = "urn:example:offer"
HOUR = 3600.0
DAY = 24 * HOUR
TWO = ("dpo", "head")


def published(pair: Link, **members: Any) -> Link:
    publish.publish(pair.school.ports, description(pair.folder, offer=entry(**members)))
    return pair


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path, carries=True) as pair:
        yield published(pair)


@pytest.fixture(params=[False, True], ids=["called", "carried"])
def either(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Link]:
    """Where the provider's messages come by calls of their own, and where answers carry them."""
    with link(tmp_path, carries=request.param) as pair:
        yield published(pair)


@pytest.fixture
def by_two(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path) as pair:
        yield published(pair, roles=list(TWO), reminder="P1D", lapse="P3D")


def waiting(node: Node) -> Approval:
    (found,) = deciding.approvals(node.ports).values
    return found


def kept(node: Node) -> Approval:
    (found,) = deciding.approvals(node.ports, pending=False).values
    return found


def unsigned(pair: Link, state: State = State.REQUESTED) -> None:
    """Nothing is signed, and both sides know that it waits."""
    assert states(pair) == both(state)
    assert pair.school.agreements() == pair.lab.agreements() == []
    assert pair.school.only().awaits
    assert pair.lab.only().awaits


def test_nothing_is_signed_until_a_person_accepts(either: Link) -> None:
    ask(either)
    unsigned(either)
    found = waiting(either.school)
    assert (found.peer, found.missing) == (either.lab.did, ("operator",))
    deciding.accept(either.school.ports, found.id, reason="as discussed")
    either.pump()
    assert states(either) == both(State.FINALIZED)
    assert not either.lab.only().awaits
    assert not either.school.only().awaits
    (ours,), (theirs,) = either.school.agreements(), either.lab.agreements()
    assert ours.document == theirs.document
    assert kept(either.school).state is ApprovalState.ACCEPTED
    (logged,) = either.school.log("approval.accepted")
    assert b"as discussed" in logged.event


def test_an_automatic_offer_asks_nobody(tmp_path: Path) -> None:
    with link(tmp_path) as pair:
        policy = {"policy": offer(), "decision": "automatic"}
        publish.publish(pair.school.ports, description(pair.folder, offer=policy))
        ask(pair)
        assert states(pair) == both(State.FINALIZED)
        assert deciding.approvals(pair.school.ports, pending=False).values == ()


def test_narrower_terms_wait_too_once_the_consumer_accepts_them(either: Link) -> None:
    ask(either, policy=offer(epsilon="1.5"))
    unsigned(either, State.ACCEPTED)
    found = viewing.brief(either.school.ports, waiting(either.school).id)
    budget = found.budget()
    assert budget is not None
    assert budget.asked.epsilon == 1.5
    deciding.accept(either.school.ports, found.approval.id)
    either.pump()
    assert states(either) == both(State.FINALIZED)
    assert either.school.agreements()[0].epsilon == 1.5


def test_terms_beyond_the_offer_are_refused_without_asking_anybody(pair: Link) -> None:
    ask(pair, policy=offer(purpose=MARKETING))
    assert pair.school.only().state in (State.TERMINATED, State.OFFERED)
    assert deciding.approvals(pair.school.ports, pending=False).values == ()


def test_an_offer_made_by_the_provider_waits_too(pair: Link) -> None:
    opened = negotiate.offer(pair.school.ports, pair.lab.did, DATASET, OFFER)
    pair.pump()
    negotiate.accept(pair.lab.ports, pair.lab.only().pid)
    pair.pump()
    unsigned(pair, State.ACCEPTED)
    deciding.accept(pair.school.ports, opened.pid)
    pair.pump()
    assert states(pair) == both(State.FINALIZED)


def test_a_refusal_ends_it_with_its_reason(pair: Link) -> None:
    ask(pair)
    deciding.refuse(pair.school.ports, waiting(pair.school).id, "no project of ours")
    pair.pump()
    assert states(pair) == both(State.TERMINATED)
    for node in (pair.school, pair.lab):
        assert (node.only().code, node.only().reasons) == (
            "APPROVAL_REFUSED",
            ("no project of ours",),
        )
    assert kept(pair.school).state is ApprovalState.REFUSED
    ask(pair)  # another request may be asked, and is decided anew
    assert waiting(pair.school).id != kept_ids(pair)[0]


def kept_ids(pair: Link) -> list[str]:
    return [each.id for each in deciding.approvals(pair.school.ports, pending=False).values]


def test_two_roles_accept_each_once(by_two: Link) -> None:
    ask(by_two)
    ports, name = by_two.school.ports, waiting(by_two.school).id
    with pytest.raises(RoleForbidden, match="a role must be named"):
        deciding.accept(ports, name)
    with pytest.raises(RoleForbidden, match="`teacher` does not decide"):
        deciding.accept(ports, name, "teacher")
    assert deciding.accept(ports, name, "dpo").missing == ("head",)
    with pytest.raises(RoleForbidden, match="has accepted"):
        deciding.accept(ports, name, "dpo")
    by_two.pump()
    unsigned(by_two)
    assert deciding.accept(ports, name, "head").state is ApprovalState.ACCEPTED
    by_two.pump()
    assert states(by_two) == both(State.FINALIZED)


def test_one_refusal_outweighs_an_acceptance(by_two: Link) -> None:
    ask(by_two)
    ports, name = by_two.school.ports, waiting(by_two.school).id
    deciding.accept(ports, name, "dpo")
    deciding.refuse(ports, name, "not this year", "head")
    by_two.pump()
    assert states(by_two) == both(State.TERMINATED)
    assert by_two.school.agreements() == []


def test_a_refusal_needs_a_reason_of_one_line(pair: Link) -> None:
    ask(pair)
    for reason in ("", "two\nlines", "x" * 301):
        with pytest.raises(Malformed):
            deciding.refuse(pair.school.ports, waiting(pair.school).id, reason)
    unsigned(pair)


def test_what_was_decided_stays_decided(pair: Link) -> None:
    ask(pair)
    ports, name = pair.school.ports, waiting(pair.school).id
    deciding.refuse(ports, name, "no")
    before = pair.school.state_of_everything()
    for act in (deciding.accept, lambda *args: deciding.refuse(*args, "again")):
        with pytest.raises(ApprovalClosed, match="is refused"):
            act(ports, name)
    with pytest.raises(NotFound):
        deciding.accept(ports, "urn:none")
    assert pair.school.state_of_everything() == before


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_replicas_that_decide_at_once_sign_once(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue("postgres_server") if kind == "postgresql" else None
    with link(tmp_path, databases=server.create if server else None) as pair:
        ask(published(pair))
        ports, name = pair.school.ports, waiting(pair.school).id
        replica = replace(ports, store=SqlStore(pair.school.url, pair.clock))
        failed: list[PreauError] = []

        def accept(of: Ports) -> None:
            try:
                deciding.accept(of, name)
            except PreauError as exc:
                failed.append(exc)

        nodes = (ports, replica, ports, replica)
        threads = [threading.Thread(target=accept, args=(each,)) for each in nodes]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        replica.store.close()  # type: ignore[attr-defined] - the store is an SqlStore
        assert [type(each) for each in failed] == [ApprovalClosed] * 3
        pair.pump()
        assert states(pair) == both(State.FINALIZED)
        assert len(pair.school.agreements()) == 1
    if server:
        for node in pair.nodes.values():
            server.drop(node.url)


def test_a_restart_goes_on_where_it_was(by_two: Link) -> None:
    ask(by_two)
    deciding.accept(by_two.school.ports, waiting(by_two.school).id, "head")
    by_two.school.restart()
    by_two.lab.restart()
    unsigned(by_two)
    assert waiting(by_two.school).missing == ("dpo",)
    deciding.accept(by_two.school.ports, waiting(by_two.school).id, "dpo")
    by_two.school.restart()  # the signed agreement waits in the outbox
    by_two.pump()
    assert states(by_two) == both(State.FINALIZED)


# --- judged anew --------------------------------------------------------------------------------


def taken_back(pair: Link) -> None:
    withdrawing.withdraw_offer(pair.school.ports, OFFER, "over")


def given_other_terms(pair: Link) -> None:
    withdrawing.replace_offer(pair.school.ports, OFFER, offer(epsilon="2"), "less")


def ended_by_the_consumer(pair: Link) -> None:
    negotiate.terminate(pair.lab.ports, pair.lab.only().pid, "no longer needed")


@pytest.mark.parametrize("act", [taken_back, given_other_terms, ended_by_the_consumer])
def test_what_ends_the_negotiation_leaves_nothing_to_decide(pair: Link, act: Any) -> None:
    ask(pair)
    name = waiting(pair.school).id
    act(pair)
    pair.pump()
    assert states(pair) == both(State.TERMINATED)
    assert deciding.approval(pair.school.ports, name).state is ApprovalState.VOID
    with pytest.raises(ApprovalClosed, match="is void"):
        deciding.accept(pair.school.ports, name)
    assert pair.school.agreements() == []


def test_the_budget_counts_at_the_moment_of_signing(tmp_path: Path) -> None:
    with link(tmp_path, "other") as pair:
        published(pair, policy=offer(epsilon="6"))  # of a cap of 10: one of two fits
        for node in (pair.lab, pair.other):
            negotiate.request(node.ports, pair.school.did, DATASET)
            pair.pump()
        first, second = deciding.approvals(pair.school.ports).values
        deciding.accept(pair.school.ports, first.id)
        ended = deciding.accept(pair.school.ports, second.id)
        pair.pump()
        assert (ended.state, ended.code) == (ApprovalState.VOID, "CAP_EXCEEDED")
        assert len(pair.school.agreements()) == 1
        assert pair.other.only().code == "CAP_EXCEEDED"


def test_a_consumer_that_is_no_longer_believed_gets_no_contract(pair: Link) -> None:
    ask(pair)
    name = waiting(pair.school).id
    pair.clock.advance(4 * DAY)
    with pair.school.ports.store.write() as tx:
        listed = tx.status_lists.find()[0]
        revoked = pair.space.status_list(1, valid_until=pair.clock.now() + timedelta(days=9))
        tx.status_lists.put(
            type(listed)(
                listed.url, revoked, pair.clock.now() + timedelta(days=9), listed.fetched_at
            )
        )
    with pytest.raises(Untrusted):
        deciding.accept(pair.school.ports, name)
    assert waiting(pair.school).missing == ("operator",)
    assert pair.school.agreements() == []


def test_a_node_in_recovery_signs_nothing_and_forgets_nothing(
    pair: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(pair)

    def fallen(*_: Any) -> None:
        raise InRecovery("went back")

    with monkeypatch.context() as patched:
        patched.setattr("connector.services.continuity.recovery.check_within", fallen)
        with pytest.raises(InRecovery):
            deciding.accept(pair.school.ports, waiting(pair.school).id)
    unsigned(pair)
    deciding.accept(pair.school.ports, waiting(pair.school).id)


# --- time ---------------------------------------------------------------------------------------


def test_a_reminder_once_and_then_the_lapse(by_two: Link) -> None:
    ask(by_two)
    ports, clock = by_two.school.ports, by_two.clock
    start = clock.now()
    asked = waiting(by_two.school)
    assert timing.turn(ports, steady=True) == timing.LONGEST_SLEEP
    clock.set(asked.remind_at - timedelta(seconds=20))
    assert timing.turn(ports, steady=True) == 20.0
    for _ in range(2):
        clock.set(asked.remind_at)
        timing.turn(ports, steady=True)
    assert len(by_two.school.log("approval.reminded")) == 1
    clock.set(start + timedelta(days=3, seconds=1))
    with pytest.raises(ApprovalClosed, match="has lapsed"):
        deciding.accept(ports, asked.id, "dpo")
    timing.turn(ports, steady=True)
    by_two.pump()
    assert states(by_two) == both(State.TERMINATED)
    assert by_two.lab.only().code == "APPROVAL_LAPSED"
    assert kept(by_two.school).state is ApprovalState.LAPSED
    assert len(by_two.school.log("approval.lapsed")) == 1


def test_a_clock_that_jumps_ends_nothing(by_two: Link) -> None:
    ask(by_two)
    by_two.clock.advance(5 * DAY)
    assert timing.turn(by_two.school.ports, steady=False) == timing.UNSTEADY_SLEEP
    unsigned(by_two)


def test_both_sides_are_patient_as_long_as_a_decision_may_take(tmp_path: Path) -> None:
    with link(tmp_path) as pair:
        published(pair, lapse="P28D")
        ask(pair)
        pair.clock.advance(27 * DAY)
        for node in (pair.lab, pair.school):
            assert negotiate.expire(node.ports) == 0
            node.have_fresh_papers()
        unsigned(pair)
        pair.clock.advance(4 * DAY)
        assert negotiate.expire(pair.lab.ports) == 1
        assert pair.lab.only().reasons == ("nothing happened for 720 h",)


def test_a_late_acceptance_is_signed_by_both(tmp_path: Path) -> None:
    """Past the seven days for which a consumer waits where no person decides."""
    with link(tmp_path) as pair:
        published(pair, lapse="P28D")
        ask(pair)
        pair.clock.advance(20 * DAY)
        for node in (pair.lab, pair.school):
            node.have_fresh_papers()
        deciding.accept(pair.school.ports, waiting(pair.school).id)
        pair.pump()
        assert states(pair) == both(State.FINALIZED)


def test_without_persons_patience_is_as_before(tmp_path: Path) -> None:
    with link(tmp_path) as pair:
        publish.publish(pair.school.ports, description(pair.folder))
        pair.hold("ContractRequestMessage")
        negotiate.request(pair.lab.ports, pair.school.did, DATASET)
        pair.clock.advance(8 * DAY)
        assert negotiate.expire(pair.lab.ports) == 1


def test_what_was_decided_is_dropped_in_the_end(pair: Link) -> None:
    ask(pair)
    deciding.refuse(pair.school.ports, waiting(pair.school).id, "no")
    pair.pump()
    pair.clock.advance(60 * DAY)
    pruning.prune(pair.school.ports, lambda _seconds: False)
    assert deciding.approvals(pair.school.ports, pending=False).values == ()
    assert pair.school.log("approval.refused")


# --- notices ------------------------------------------------------------------------------------

HOOK = "https://hook.school.example/preau"


@dataclass
class Hook:
    """The port `Web` of an institution's address; it fails as often as a test asks."""

    failing: int = 0
    posted: list[bytes] = field(default_factory=list)
    tried: int = 0

    def get(self, url: str, **_limit: int) -> bytes:
        raise AssertionError(url)

    def post(self, url: str, body: bytes, **_limit: int) -> bytes:
        assert url == HOOK
        self.tried += 1
        if self.tried <= self.failing:
            raise PeerUnreachable("no answer")
        self.posted.append(body)
        return b""


def told_at(pair: Link, failing: int = 0) -> Hook:
    """Give the school an address to be told at, then let the lab ask."""
    hook, ports = Hook(failing), pair.school.ports
    settings = replace(ports.settings, notice_url=HOOK)
    pair.school.ports = replace(ports, web=hook, settings=settings)
    ask(pair)
    return hook


def test_an_address_is_told_signed_and_without_terms(by_two: Link) -> None:
    hook = told_at(by_two)
    ports = by_two.school.ports
    for _ in range(2):
        timing.turn(ports, steady=True)
    (posted,) = hook.posted
    read = json.loads(posted)
    assert read["notice"] == {
        "type": "approval",
        "happening": "asked",
        "approval": waiting(by_two.school).id,
        "node": by_two.school.did,
        "peer": by_two.lab.did,
        "dataset": DATASET,
        "roles": list(TWO),
        "lapses": instant.text(waiting(by_two.school).lapses_at),
    }
    about = (by_two.school.member.document, "assertionMethod", timing.NOTICES.typ)
    jws.verify_detached(read["signature"], canonical(read["notice"]), *about)
    with pytest.raises(SignatureInvalid):
        jws.verify_detached(read["signature"], canonical({}), *about)
    by_two.clock.set(waiting(by_two.school).remind_at)
    timing.turn(ports, steady=True)
    assert json.loads(hook.posted[1])["notice"]["happening"] == "reminded"


def test_a_notice_that_fails_is_tried_again_and_blocks_nothing(pair: Link) -> None:
    hook = told_at(pair, failing=2)
    ports = pair.school.ports
    assert timing.turn(ports, steady=True) == 60.0
    pair.school.ports.store.close()  # a crash: the try stands in the database
    assert timing.turn(ports, steady=True) == 60.0
    assert hook.tried == 1
    for seconds in (60, 120):
        pair.clock.advance(seconds)
        timing.turn(ports, steady=True)
    assert (hook.tried, len(hook.posted)) == (3, 1)
    assert pair.school.log("approval.told")
    deciding.accept(ports, waiting(pair.school).id)


def test_a_slow_address_delays_no_lapse(pair: Link) -> None:
    """One notice is told in a turn, and each turn looks at the due times first."""
    hook = told_at(pair)
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    pair.pump()
    assert timing.turn(pair.school.ports, steady=True) == 0.0
    assert hook.tried == 1
    pair.clock.advance(7 * DAY)
    timing.turn(pair.school.ports, steady=True)
    assert hook.tried == 1
    assert len(pair.school.log("approval.lapsed")) == 2


def test_a_notice_is_given_up_in_the_end(pair: Link) -> None:
    hook = told_at(pair, failing=99)
    for _ in range(10):
        timing.turn(pair.school.ports, steady=True)
        pair.clock.advance(HOUR)
    assert hook.tried == noticing.MOST_TRIES
    assert len(pair.school.log("approval.untold")) == 1
    unsigned(pair)


def test_without_an_address_nothing_is_told(pair: Link) -> None:
    ask(pair)
    timing.turn(pair.school.ports, steady=True)  # the link's own web would raise
    assert waiting(pair.school).try_at is None


# --- what a person sees -------------------------------------------------------------------------


def test_a_person_sees_what_is_new_beside_the_last_contract(pair: Link) -> None:
    ask(pair)
    first = viewing.brief(pair.school.ports, waiting(pair.school).id)
    assert first.previous is None
    deciding.accept(pair.school.ports, first.approval.id)
    pair.pump()
    ask(pair, policy=offer(epsilon="1.5"))
    found = viewing.brief(pair.school.ports, waiting(pair.school).id)
    assert found.previous == pair.school.agreements()[0]
    budget = found.budget()
    assert budget is not None
    assert budget.promised[0] == 3.0
    with commanded(pair.school.ports) as preau:
        shown = preau("approve", "show", found.approval.id).output
        assert "no earlier contract" not in shown
        assert f"beside contract {found.previous.id}" in shown
        assert "epsilon" in shown.split("change 1")[1]
        french = preau("approve", "show", found.approval.id, "--lang", "fr").output
        assert "doivent accepter" in french
        assert f"par rapport au contrat {found.previous.id}" in french
        assert "still to accept" not in french
        listed = preau("approve", "list").output
        assert pair.lab.did in listed
        assert preau("approve", "refuse", found.approval.id).exit_code == 2
        refused = preau("approve", "refuse", found.approval.id, "--reason", "too much")
        assert "APPROVAL_REFUSED" in refused.output
        assert preau("approve", "list").output == "nothing waits for a decision\n"
        again = preau("approve", "accept", found.approval.id)
        assert "APPROVAL_CLOSED" in again.stderr


def test_the_consumer_sees_who_decides_and_that_it_waits(pair: Link) -> None:
    (shown,) = catalog_pages.fetch_dataset(pair.lab.ports, pair.school.did, DATASET).offers
    assert shown.decision == "review contract"
    pid = ask(pair)
    with commanded(pair.lab.ports) as preau:
        got = preau("negotiation", "show", pid).output
        assert "waits for    a decision of the provider" in got


# --- what an offer's entry says -----------------------------------------------------------------


def test_a_description_says_where_its_entry_is_wrong(tmp_path: Path) -> None:
    with link(tmp_path) as pair, pytest.raises(DescriptionIncomplete, match="`offer/lapse`"):
        published(pair, lapse="soon")


def test_replacing_terms_keeps_who_decides_unless_it_is_said(by_two: Link) -> None:
    ports = by_two.school.ports
    kept_, effects = withdrawing.replace_offer(ports, OFFER, offer(epsilon="2"), "less")
    assert kept_.review is not None
    assert kept_.review.roles == TWO
    stated = {"policy": offer(epsilon="2"), "decision": "automatic"}
    found, effects = withdrawing.replace_offer(ports, OFFER, stated, "trusted by now")
    assert (found.decision, found.digest) == (Decision.AUTOMATIC, kept_.digest)
    assert effects == (f"offer `{OFFER}`: automatic from now on",)
    with pytest.raises(DescriptionIncomplete, match="`decision`"):
        withdrawing.replace_offer(ports, OFFER, entry(decision="never"), "x")


def test_what_waits_keeps_its_roles_when_only_the_decision_changes(by_two: Link) -> None:
    ask(by_two)
    stated = {"policy": offer(), "decision": "automatic"}
    withdrawing.replace_offer(by_two.school.ports, OFFER, stated, "trusted by now")
    telling.turn(by_two.school.ports)
    unsigned(by_two)
    assert waiting(by_two.school).missing == TWO
