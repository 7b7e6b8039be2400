"""What comes with the answer to a call: taken as a received message, or refused as one.

That a carried message is refused for the same reasons as a called one is asked throughout
`test_negotiate_*.py`, by the fixture `pair`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.domain.contract.negotiation import UNVERIFIED, NegotiationState
from connector.errors import AgreementTampered, IllegalMessage, Malformed, StoreUnavailable
from connector.jsonld.canonical import canonical, parse_object
from connector.protocol import messages as m
from connector.services.messages import deliver
from connector.services.negotiation import agree, negotiate, notices, steps
from connector.services.publication import publish
from tests.support.link import DATASET, Call, Fault, Link, description, link, offer
from tests.support.negotiating import both, states
from tests.support.tampering import tamper

State = NegotiationState
AGREEMENT = m.ContractAgreementMessage.__name__
FINALIZED = m.ContractNegotiationEventMessage.__name__
REQUEST = m.ContractRequestMessage.__name__
VERIFICATION = m.ContractAgreementVerificationMessage.__name__


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path, carries=True) as pair:
        publish.publish(pair.school.ports, description(pair.folder))
        yield pair


def rewrite(pair: Link, kind: str, change: Callable[[m.ContractNegotiation], Any]) -> list[Call]:
    """Let answers that carry a kind arrive changed; return the calls from now on."""
    honest, seen = pair.handle, list[Call]()

    def handle(call: Call) -> Mapping[str, Any]:
        seen.append(call)
        answer = honest(call)
        if answer.get("next_kind") != kind:
            return answer
        changed = change(m.ContractNegotiation.from_body(answer))
        return changed if isinstance(changed, dict) else changed.to_body()

    pair.handle = handle  # type: ignore[method-assign] - the test stands between the two
    return seen


def saying(answer: m.ContractNegotiation, **changes: Any) -> m.ContractNegotiation:
    """Return an answer whose carried message has other fields."""
    return replace(answer, next=canonical({**parse_object(answer.next), **changes}))


def request(pair: Link) -> str:
    found = negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    deliver.deliver_due(pair.lab.ports)
    return found.pid


def offered(pair: Link) -> str:
    """Let the school open a negotiation, and return its id of it."""
    with pair.school.ports.store.read() as tx:
        (found,) = tx.offers.find(derived_from="")
    return negotiate.offer(pair.school.ports, pair.lab.did, DATASET, found.id).pid


def through(message: m.Body) -> str:
    """Return a message as the field `next` of a body holds it."""
    answer = m.ContractNegotiation("p", "c", "OFFERED", type(message).__name__, b"{}")
    return str(replace(answer, next=canonical(message.to_body())).to_body()["next"])


def due(pair: Link) -> list[str]:
    """Return the kinds of what the school sends now by a call of its own."""
    with pair.school.ports.store.read() as tx:
        return [each.kind for each in tx.due_messages(pair.clock.now(), 9)]


def test_both_logs_and_inboxes_are_as_if_it_had_been_called(tmp_path: Path) -> None:
    kept = []
    for carries in (False, True):
        with link(tmp_path / str(carries), carries=carries) as pair:
            publish.publish(pair.school.ports, description(pair.folder))
            negotiate.request(pair.lab.ports, pair.school.did, DATASET)
            pair.pump()
            with pair.lab.ports.store.read() as tx:
                inbox = len(tx.inbox.find())
            logs = [[each.kind for each in node.log()] for node in (pair.lab, pair.school)]
            kept.append((logs, inbox, states(pair)))
    assert kept[0] == kept[1]
    assert kept[0][1:] == (2, both(State.FINALIZED))


def test_the_same_message_is_answered_byte_for_byte(pair: Link) -> None:
    pair.hold(AGREEMENT)
    request(pair)
    pair.clock.advance(1.0)
    deliver.deliver_due(pair.lab.ports)
    first, again = pair.lost
    assert first == again
    assert first["next_kind"] == AGREEMENT


def test_an_older_caller_is_called(pair: Link) -> None:
    """Who does not ask for more than an answer gets no more."""
    found = negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    (sent,) = pair.lab.waiting()
    answer = pair.school.receive(
        pair.lab, m.ContractRequestMessage.from_body(parse_object(sent.body))
    )
    assert (answer["next_kind"], answer["next"]) == ("", "")
    assert due(pair) == [AGREEMENT]
    assert found.pid == answer["consumer_pid"]


def test_only_a_provider_answers_with_more(pair: Link) -> None:
    """A consumer keeps what it signs last, and sends it until it is taken."""
    pair.carries = False
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    deliver.deliver_due(pair.lab.ports)
    pair.carries = True
    deliver.deliver_due(pair.school.ports)
    assert pair.lab.only().state is State.VERIFIED
    assert [each.kind for each in pair.lab.waiting()] == [VERIFICATION]
    pair.pump()
    assert states(pair) == both(State.FINALIZED)


def test_what_is_too_large_comes_by_a_call(pair: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(m, "MOST_CARRIED", 1000)
    request(pair)
    assert due(pair) == [AGREEMENT]
    pair.pump()
    assert states(pair) == both(State.FINALIZED)


REFUSED: dict[str, Callable[[m.ContractNegotiation], Any]] = {
    "forged": lambda it: saying(it, provider_signature="a..b"),
    "unreadable": lambda it: replace(it, next=b"{"),
    "more fields": lambda it: saying(it, more="x"),
    "fewer fields": lambda it: replace(it, next=b"{}"),
    "of another kind": lambda it: replace(it, next_kind=FINALIZED),
    "about another negotiation of ours": lambda it: saying(it, consumer_pid="urn:c"),
    "about another negotiation of theirs": lambda it: saying(it, provider_pid="urn:p"),
    "out of order": lambda it: replace(
        it,
        next_kind=FINALIZED,
        next=canonical(
            m.ContractNegotiationEventMessage(
                "urn:1", it.provider_pid, it.consumer_pid, "FINALIZED", "a.b.c"
            ).to_body()
        ),
    ),
    "an act of the consumer": lambda it: replace(
        it,
        next_kind=FINALIZED,
        next=canonical(
            m.ContractNegotiationEventMessage(
                "urn:1", it.provider_pid, it.consumer_pid, "ACCEPTED"
            ).to_body()
        ),
    ),
    "without a message": lambda it: {**it.to_body(), "next": ""},
    "without a kind": lambda it: {**it.to_body(), "next_kind": ""},
    "of a kind that a consumer sends": lambda it: {**it.to_body(), "next_kind": REQUEST},
    "of a kind of later nodes": lambda it: {**it.to_body(), "next_kind": "Later"},
    "oversized": lambda it: {**it.to_body(), "next": "A" * (4 * m.MOST_CARRIED)},
}


@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED)
def test_what_is_refused_changes_nothing_and_comes_by_a_call(
    pair: Link, change: Callable[[m.ContractNegotiation], Any]
) -> None:
    """The honest message is then taken, which shows that nothing of the other was kept."""
    seen = rewrite(pair, AGREEMENT, change)
    request(pair)
    assert [(each.kind, each.carries) for each in seen if each.kind == REQUEST] == [
        (REQUEST, True),
        (REQUEST, False),
    ]
    found = pair.lab.only()
    assert (found.state, pair.lab.agreements()) == (State.REQUESTED, [])
    assert found.peer_pid == pair.school.only().pid
    assert pair.lab.waiting() == []
    with pair.lab.ports.store.read() as tx:
        assert tx.inbox.find() == []
    assert due(pair) == [AGREEMENT]
    pair.pump()
    assert states(pair) == both(State.FINALIZED)


def test_an_answer_that_is_none_is_a_refusal(pair: Link) -> None:
    """What it carries has no part in that."""
    honest = pair.handle

    def handle(call: Call) -> Mapping[str, Any]:
        answer = honest(call)
        return {**answer, "state": "?"} if call.kind == REQUEST else answer

    pair.handle = handle  # type: ignore[method-assign] - the test stands between the two
    request(pair)
    assert (pair.lab.only().state, pair.lab.only().code) == (State.TERMINATED, Malformed.code)


def test_a_forged_agreement_is_in_the_log_whichever_way_it_came(pair: Link) -> None:
    """Even if its sender then sends what was accepted."""
    rewrite(pair, AGREEMENT, REFUSED["forged"])
    request(pair)
    refused = pair.lab.log("agreement.refused")
    assert [each.subject for each in refused] == [pair.lab.only().pid]
    assert parse_object(refused[0].event)["facts"]["code"] == AgreementTampered.code
    pair.pump()
    assert states(pair) == both(State.FINALIZED)
    assert pair.lab.log("agreement.refused") == refused


def test_a_consumer_has_nothing_taken_with_its_answers(pair: Link) -> None:
    """Neither about the negotiation of the call, nor about another: it accepts by a call."""
    names = [offered(pair) for _ in range(2)]
    honest = pair.handle

    def handle(call: Call) -> Mapping[str, Any]:
        answer = dict(honest(call))
        if call.sender == pair.school.did:
            ours, theirs = names[0], answer["provider_pid"]
            accepted = m.ContractNegotiationEventMessage("urn:1", ours, theirs, "ACCEPTED")
            carried = {"next_kind": FINALIZED, "next": through(accepted)}
            answer |= {"provider_pid": ours, "consumer_pid": theirs, **carried}
        return answer

    pair.handle = handle  # type: ignore[method-assign] - the test stands between the two
    deliver.deliver_due(pair.school.ports)
    found = pair.school.negotiations()
    assert [each.state for each in found] == [State.OFFERED, State.OFFERED]
    assert pair.school.agreements() == []


def test_a_carried_message_of_the_past_is_not_taken_twice(pair: Link) -> None:
    request(pair)
    pair.pump()
    old = pair.lab.agreements()[0]
    rewrite(
        pair,
        AGREEMENT,
        lambda it: saying(
            it,
            agreement=m.ContractAgreementMessage(
                "urn:1", it.provider_pid, it.consumer_pid, old.document, "a..b"
            ).to_body()["agreement"],
            provider_signature=old.provider_signature,
        ),
    )
    request(pair)
    assert pair.lab.negotiations()[1].state is State.REQUESTED
    assert len(pair.lab.agreements()) == 1


def test_a_peer_that_is_no_longer_believed_is_not_heard(pair: Link) -> None:
    def block(why: str) -> None:
        with pair.lab.ports.store.write() as tx:
            found = tx.participants.get(pair.school.did)
            assert found is not None
            tx.participants.put(replace(found, blocked=why))

    def meanwhile(answer: m.ContractNegotiation) -> m.ContractNegotiation:
        block("for a test")
        return answer

    rewrite(pair, AGREEMENT, meanwhile)
    request(pair)
    assert (pair.lab.only().state, pair.lab.agreements()) == (State.REQUESTED, [])
    block("")
    pair.pump()
    assert states(pair) == both(State.FINALIZED)


def test_a_store_that_fails_while_taking_sends_again(pair: Link) -> None:
    store: Any = pair.lab.ports.store
    write, failing = store.write, iter([False, True])

    @contextmanager
    def broken() -> Iterator[Any]:
        with write() as tx:
            yield tx
            if next(failing, False):
                raise StoreUnavailable("full")

    store.write = broken
    with pytest.raises(StoreUnavailable):
        request(pair)
    assert (pair.lab.only().state, pair.lab.agreements()) == (State.REQUESTED, [])
    pair.pump()
    assert states(pair) == both(State.FINALIZED)


@pytest.mark.parametrize("kind", [AGREEMENT, FINALIZED])
def test_an_answer_that_is_lost_is_asked_for_again(pair: Link, kind: str) -> None:
    pair.hold(kind)
    request(pair)
    pair.deliver()
    theirs = State.AGREED if kind == AGREEMENT else State.FINALIZED
    ours = State.REQUESTED if kind == AGREEMENT else State.VERIFIED
    assert states(pair) == ([ours], [theirs])
    assert [each.kind for each in pair.lab.waiting()] == [
        REQUEST if kind == AGREEMENT else VERIFICATION
    ]
    assert due(pair) == []
    pair.hold()
    pair.pump()
    assert states(pair) == both(State.FINALIZED)


@pytest.mark.parametrize("deliveries", [0, 1], ids=["before the agreement", "before the receipt"])
def test_a_consumer_that_was_restored_concludes_the_same_contract(
    pair: Link, deliveries: int
) -> None:
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    for _ in range(deliveries):
        deliver.deliver_due(pair.lab.ports)
    copy = pair.lab.copied()
    pair.deliver()
    assert states(pair) == both(State.FINALIZED)
    theirs = pair.school.agreements()
    pair.lab.restore(copy)
    assert pair.lab.only().state is (State.VERIFIED if deliveries else State.REQUESTED)
    pair.pump()
    assert states(pair) == both(State.FINALIZED)
    (ours,) = pair.lab.agreements()
    assert [(each.document, each.receipt) for each in theirs] == [(ours.document, ours.receipt)]
    assert pair.school.agreements() == theirs
    assert [each.kind for each in pair.school.log()].count("negotiation.finalized") == 1


@pytest.mark.parametrize("carries", [True, False])
def test_a_signature_shown_again_leaves_no_trace(pair: Link, *, carries: bool) -> None:
    """However often, and under whatever ids: it would count against no quota."""
    request(pair)
    pair.pump()
    theirs, (contract,) = pair.school.only(), pair.school.agreements()
    pids = (theirs.pid, theirs.peer_pid)
    before, said = pair.school.state_of_everything(), set()
    for number in range(3):
        again = m.ContractAgreementVerificationMessage(
            f"urn:{number}", *pids, contract.consumer_signature
        )
        call = Call(pair.lab.did, pair.school.did, VERIFICATION, dict(again.to_body()), carries)
        said.add(pair.handle(call)["next"])
    assert len(said) == 1
    assert bool(*said) is carries
    if not carries:
        (again_sent,) = pair.school.waiting()
        assert again_sent.kind == FINALIZED
        pair.pump()
        with pair.school.ports.store.write() as tx:
            tx.outbox.remove(again_sent.id)
    assert pair.school.state_of_everything() == before


def test_a_receipt_that_was_refused_is_not_sent_for_each_signature(pair: Link) -> None:
    """Each refusal leaves a line in the log for good."""
    request(pair)
    pair.pump()
    (contract,) = pair.school.agreements()
    pids = (pair.school.only().pid, pair.lab.only().pid)
    tamper(pair, FINALIZED, lambda it: replace(it, receipt="a.b.c"))
    for number in range(3):
        signed = m.ContractAgreementVerificationMessage(
            f"urn:{number}", *pids, contract.consumer_signature
        )
        pair.school.receive(pair.lab, signed)
        pair.deliver()
    assert len(pair.school.log("delivery.failed")) == 1


def test_another_signature_gets_no_receipt(pair: Link) -> None:
    request(pair)
    pair.deliver()
    theirs = pair.school.only()
    again = m.ContractAgreementVerificationMessage("urn:1", theirs.pid, theirs.peer_pid, "a..b")
    before = pair.school.state_of_everything()
    with pytest.raises(IllegalMessage):
        pair.school.receive(pair.lab, again)
    assert pair.school.state_of_everything() == before


def test_what_was_ended_since_is_not_sent(pair: Link) -> None:
    """An agreement that expired is not sent by a call to who asks for it too late."""
    pair.hold(AGREEMENT)
    request(pair)
    pair.clock.advance(UNVERIFIED.total_seconds() + 1)
    assert negotiate.expire(pair.school.ports) == 1
    pair.hold()
    rewrite(pair, AGREEMENT, REFUSED["forged"])
    deliver.deliver_due(pair.lab.ports)
    assert pair.school.waiting() == []
    assert pair.lab.agreements() == []


def test_what_was_ended_since_is_not_carried_again(pair: Link) -> None:
    """Nor does its consumer sign it: it learns that there is no contract to come."""
    pair.hold(AGREEMENT)
    request(pair)
    pair.clock.advance(UNVERIFIED.total_seconds() + 1)
    assert negotiate.expire(pair.school.ports) == 1
    pair.hold()
    deliver.deliver_due(pair.lab.ports)
    assert (pair.lab.only().state, pair.lab.agreements()) == (State.REQUESTED, [])


def test_an_end_is_carried(pair: Link) -> None:
    cheap = description(pair.folder, cap={"epsilon": 3, "delta": 0.0001})
    publish.publish(pair.school.ports, cheap)
    request(pair)
    pair.pump()
    request(pair)
    assert [each.state for each in pair.lab.negotiations()] == [State.FINALIZED, State.TERMINATED]
    assert pair.lab.negotiations()[1].code == "CAP_EXCEEDED"
    assert pair.school.waiting() == []


def test_a_counter_offer_and_what_follows_are_carried(pair: Link) -> None:
    found = negotiate.request(pair.lab.ports, pair.school.did, DATASET, policy=offer(epsilon="5"))
    deliver.deliver_due(pair.lab.ports)
    assert states(pair) == both(State.OFFERED)
    negotiate.accept(pair.lab.ports, found.pid)
    deliver.deliver_due(pair.lab.ports)
    deliver.deliver_due(pair.lab.ports)
    assert states(pair) == both(State.FINALIZED)
    assert not any(call.receiver == pair.lab.did for call in pair.calls)


def test_a_notice_that_comes_before_the_receipt_waits_for_it(pair: Link) -> None:
    pair.hold(FINALIZED)
    request(pair)
    pair.deliver()
    (contract,) = pair.school.agreements()
    notices.give(pair.school.ports, contract.id, notices.Act.SUSPENDED, "a mistake")
    pair.deliver()
    assert len(pair.school.waiting()) == 1
    pair.hold()
    pair.pump()
    (ours,) = pair.lab.agreements()
    assert ours.finalized
    with pytest.raises(agree.ContractSuspended):
        agree.check_stands(ours)


@pytest.mark.parametrize("wish", ["3", "5"], ids=["agreed", "offered"])
def test_what_its_consumer_ended_unheard_is_over_soon(pair: Link, wish: str) -> None:
    """It never learnt how the school names the negotiation, and could not tell it."""
    terms = offer(epsilon=wish)
    pair.fault = lambda call: Fault.LOSE_ANSWER if call.kind == REQUEST else Fault.NONE
    found = negotiate.request(pair.lab.ports, pair.school.did, DATASET, policy=terms)
    deliver.deliver_due(pair.lab.ports)
    negotiate.terminate(pair.lab.ports, found.pid)
    assert pair.school.only().state in {State.AGREED, State.OFFERED}
    assert due(pair) == []
    pair.clock.advance(steps.ANSWERED_IN.total_seconds())
    pair.deliver()
    assert states(pair) == both(State.TERMINATED)


def test_who_loses_every_other_answer_concludes_all_the_same(pair: Link) -> None:
    turn = iter(range(1000))
    pair.fault = lambda _call: Fault.LOSE_ANSWER if next(turn) % 2 else Fault.NONE
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    pair.pump()
    assert states(pair) == both(State.FINALIZED)
