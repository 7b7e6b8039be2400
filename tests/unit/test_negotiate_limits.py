"""Caps, ends, withdrawn offers and silence: what bounds a negotiation, seen from both ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connector.domain.contract.negotiation import STALE, UNVERIFIED
from connector.errors import (
    AgreementUnknown,
    ContractExpired,
    QuotaReached,
)
from connector.jsonld.canonical import canonical
from connector.protocol import messages as m
from connector.services.negotiation import agree, negotiate, steps
from connector.services.privacy import budget
from connector.services.publication import publish, withdrawing
from tests.support.doubles import FixedClock
from tests.support.link import (
    DATASET,
    Link,
    description,
    link,
    offer,
)
from tests.support.negotiating import (
    NARROWER,
    WIDER,
    State,
    ask,
    both,
    only_offer,
    states,
)


@pytest.fixture(params=[False, True], ids=["called", "carried"])
def pair(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Link]:
    with link(tmp_path, carries=request.param) as pair:
        publish.publish(pair.school.ports, description(pair.folder))
        yield pair


class TestOpenNegotiations:
    """A peer may leave only so many negotiations without an end."""

    @pytest.fixture
    def crowd(self, tmp_path: Path) -> Iterator[Link]:
        with link(tmp_path, "other") as found:
            for node in found.nodes.values():
                few = replace(node.ports.settings, max_negotiations_per_peer=2)
                node.ports = replace(node.ports, settings=few)
            publish.publish(found.school.ports, description(found.folder))
            yield found

    def opening(self, pid: str) -> m.ContractOfferMessage:
        terms = canonical(offer())
        return m.ContractOfferMessage(f"{pid}:message", pid, "", "urn:o", DATASET, terms)

    def test_opening_offers_that_nobody_asked_for(self, crowd: Link) -> None:
        lab = crowd.lab
        for pid in ("urn:p:1", "urn:p:2"):
            lab.receive(crowd.school, self.opening(pid))
        before = lab.state_of_everything()
        with pytest.raises(QuotaReached) as refusal:
            lab.receive(crowd.school, self.opening("urn:p:3"))
        assert refusal.value.retry_after > 0
        assert lab.state_of_everything() == before
        lab.receive(crowd.other, self.opening("urn:p:4"))  # another notices nothing
        lab.receive(crowd.school, self.opening("urn:p:1"))  # the same again
        asked = negotiate.request(lab.ports, crowd.school.did, DATASET)  # what it opens itself
        crowd.pump()
        assert negotiate.negotiation(lab.ports, asked.pid).state is State.FINALIZED
        first = next(each for each in lab.negotiations() if each.peer_pid == "urn:p:1")
        negotiate.terminate(lab.ports, first.pid)
        lab.receive(crowd.school, self.opening("urn:p:3"))

    def test_requests_that_end_in_a_contract_are_not_counted(self, crowd: Link) -> None:
        for _ in range(3):
            negotiate.request(crowd.lab.ports, crowd.school.did, DATASET)
            crowd.pump()
        assert states(crowd) == ([State.FINALIZED] * 3, [State.FINALIZED] * 3)

    def test_requests_that_stand_still(self, crowd: Link) -> None:
        crowd.hold("ContractAgreementMessage")
        asked = [negotiate.request(crowd.lab.ports, crowd.school.did, DATASET) for _ in range(3)]
        crowd.deliver()
        assert len(crowd.school.negotiations()) == 2
        assert [each.state for each in crowd.lab.negotiations()] == [State.REQUESTED] * 3
        crowd.hold()
        crowd.pump()  # what was over the limit is asked again, and contracted
        found = [negotiate.negotiation(crowd.lab.ports, each.pid).state for each in asked]
        assert found == [State.FINALIZED] * 3


def test_two_contracts_up_to_the_cap_and_not_beyond(pair: Link) -> None:
    publish.publish(
        pair.school.ports, description(pair.folder, cap={"epsilon": 6, "delta": 0.0001})
    )
    for _ in range(3):
        ask(pair)
    assert [n.state for n in pair.lab.negotiations()] == [
        State.FINALIZED,
        State.FINALIZED,
        State.TERMINATED,
    ]
    refused = pair.lab.negotiations()[-1]
    assert refused.code == "CAP_EXCEEDED"
    assert "over all its contracts, has less left than the ε 3 asked for" in refused.reasons[0]
    other = pair.add("other")  # the persons are the same, whoever asks
    pid = negotiate.request(other.ports, pair.school.did, DATASET).pid
    pair.pump()
    assert negotiate.negotiation(other.ports, pid).code == "CAP_EXCEEDED"
    assert len(pair.school.agreements()) == 2


AGREEMENT = "ContractAgreementMessage"
EVENT = "ContractNegotiationEventMessage"


def test_a_contract_that_is_only_agreed_counts_against_the_cap(pair: Link) -> None:
    publish.publish(
        pair.school.ports, description(pair.folder, cap={"epsilon": 5, "delta": 0.0001})
    )
    pair.hold(AGREEMENT)
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    pair.deliver()
    assert [n.state for n in pair.school.negotiations()] == [State.AGREED, State.TERMINATED]
    assert pair.school.negotiations()[1].code == "CAP_EXCEEDED"


def test_a_terminated_contract_frees_the_cap(pair: Link) -> None:
    publish.publish(
        pair.school.ports, description(pair.folder, cap={"epsilon": 5, "delta": 0.0001})
    )
    pair.hold(AGREEMENT)
    first = negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    pair.deliver()
    assert pair.school.only().state is State.AGREED
    negotiate.terminate(pair.lab.ports, first.pid)
    pair.deliver()
    pair.hold()
    pair.clock.advance(steps.ANSWERED_IN.total_seconds())
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    pair.pump()
    assert [n.state for n in pair.school.negotiations()] == [State.TERMINATED, State.FINALIZED]
    assert [n.state for n in pair.lab.negotiations()] == [State.TERMINATED, State.FINALIZED]


def test_a_counter_offer_beyond_the_cap_is_refused(pair: Link) -> None:
    publish.publish(
        pair.school.ports, description(pair.folder, cap={"epsilon": 4, "delta": 0.0001})
    )
    ask(pair)
    ask(pair, policy=offer(epsilon="2"))
    assert pair.lab.negotiations()[-1].code == "CAP_EXCEEDED"
    ask(pair, policy=offer(epsilon="1"))
    assert pair.lab.negotiations()[-1].state is State.FINALIZED


def test_an_ended_offer_is_refused(pair: Link) -> None:
    raw = description(pair.folder, offer=offer(until="2026-11-25T00:00:00Z"))
    publish.publish(pair.school.ports, raw)
    pair.clock.advance(9 * 3600)
    ask(pair)
    assert states(pair) == both(State.TERMINATED)
    assert pair.lab.only().code == "CONTRACT_EXPIRED"


def test_an_offer_to_another_space_is_refused(pair: Link) -> None:
    raw = description(pair.folder, offer=offer(space="did:web:elsewhere.example"))
    publish.publish(pair.school.ports, raw)
    ask(pair)
    assert states(pair) == both(State.TERMINATED)
    assert pair.lab.only().code == "MEMBERSHIP_REQUIRED"


def test_an_offer_withdrawn_before_the_request_arrives(pair: Link) -> None:
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    withdrawing.withdraw_offer(pair.school.ports, only_offer(pair.school), "taken back")
    pair.pump()
    assert pair.school.negotiations() == []
    assert pair.lab.only().state is State.TERMINATED
    assert pair.lab.only().code == "OFFER_UNKNOWN"


def test_an_offer_withdrawn_before_it_is_accepted(pair: Link) -> None:
    pid = ask(pair, policy=offer(epsilon="5"))
    publish.publish(pair.school.ports, description(pair.folder))
    negotiate.accept(pair.lab.ports, pid)
    pair.pump()
    assert states(pair) == both(State.TERMINATED)
    assert pair.lab.only().code == "OFFER_UNKNOWN"
    assert pair.lab.only().reasons == ("the offer was withdrawn: the dataset was published again",)


def test_publishing_again_leaves_agreements(pair: Link) -> None:
    ask(pair)
    (before,) = pair.school.agreements()
    publish.publish(pair.school.ports, description(pair.folder, population=4700))
    assert pair.school.agreements() == [before]
    assert before.population == 4600
    ask(pair)
    assert pair.lab.agreements()[-1].population == 4700


def test_a_contract_is_used_by_its_parties_only_and_in_time(pair: Link) -> None:
    pair.add("other")
    pair.hold(EVENT)
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    pair.deliver()
    (signed,) = pair.lab.agreements()
    lab, ports = pair.lab.ports, pair.school.ports
    with lab.store.read() as tx, pytest.raises(AgreementUnknown):
        agree.agreement_for(lab, tx, signed.id, pair.school.did)  # no receipt yet
    assert agree.agreements(pair.lab.ports).values == ()
    pair.hold()
    pair.pump()
    with ports.store.read() as tx:
        found = agree.agreement_for(ports, tx, signed.id, pair.lab.did)
        assert found.valid_until is not None
        with pytest.raises(AgreementUnknown):
            agree.agreement_for(ports, tx, signed.id, "did:web:other.example")
        with pytest.raises(AgreementUnknown):
            agree.agreement_for(ports, tx, "urn:none", pair.lab.did)
        with pytest.raises(ContractExpired):
            agree.agreement_for(
                replace(ports, clock=FixedClock(found.valid_until)), tx, signed.id, pair.lab.did
            )
    assert agree.agreements(pair.school.ports).values == (found,)
    assert agree.agreement(pair.school.ports, found.id) == found
    assert agree.policy_of(found).target is not None
    assert len(agree.coverage_of(found)) == 8


def test_purposes_of_the_offer_are_met(pair: Link) -> None:
    wide = description(pair.folder, offer=offer(purpose=WIDER))
    publish.publish(pair.school.ports, wide)
    ask(pair, policy=offer(purpose=NARROWER))
    assert states(pair) == both(State.FINALIZED)
    assert NARROWER.encode() in pair.school.agreements()[0].document


def test_a_peer_that_ended_it_is_believed_on_asking(pair: Link) -> None:
    pid = ask(pair, policy=offer(epsilon="5"))
    pair.hold("ContractNegotiationTerminationMessage")
    negotiate.terminate(pair.school.ports, pair.school.only().pid)
    pair.deliver()
    assert pair.lab.only().state is State.OFFERED
    found = negotiate.reconcile(pair.lab.ports, pid)
    assert found.state is State.TERMINATED
    assert negotiate.reconcile(pair.lab.ports, pid) == found


def test_a_peer_that_lost_it_is_believed_on_asking(pair: Link) -> None:
    pid = ask(pair, policy=offer(epsilon="5"))
    with pair.school.ports.store.write() as tx:
        tx.negotiations.remove(tx.negotiations.find()[0].pid)
    assert negotiate.reconcile(pair.lab.ports, pid).state is State.TERMINATED


def test_reconciling_an_agreed_state_changes_nothing(pair: Link) -> None:
    pid = ask(pair, policy=offer(epsilon="5"))
    assert negotiate.reconcile(pair.lab.ports, pid).state is State.OFFERED
    ask_again = negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    assert negotiate.reconcile(pair.lab.ports, ask_again.pid).state is State.REQUESTED


def test_a_negotiation_in_which_nothing_happens_ends(pair: Link) -> None:
    ask(pair, policy=offer(epsilon="5"))
    assert negotiate.expire(pair.lab.ports) == 0
    pair.clock.advance(STALE.total_seconds() + 1)
    for node in pair.nodes.values():
        node.have_fresh_papers()
    assert negotiate.expire(pair.lab.ports) == 1
    pair.pump()
    assert states(pair) == both(State.TERMINATED)
    assert pair.school.only().code == "PEER_UNREACHABLE"
    assert negotiate.expire(pair.lab.ports) == 0


def test_an_agreement_that_nobody_verifies_frees_the_cap_soon(pair: Link) -> None:
    publish.publish(
        pair.school.ports, description(pair.folder, cap={"epsilon": 5, "delta": 0.0001})
    )
    pair.hold("ContractAgreementVerificationMessage")
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    pair.deliver()
    pair.clock.advance(UNVERIFIED.total_seconds())
    assert negotiate.expire(pair.school.ports) == 0  # the twin: not a moment before
    assert pair.school.only().state is State.AGREED
    pair.clock.advance(1.0)
    assert negotiate.expire(pair.school.ports) == 1
    assert pair.school.only().state is State.TERMINATED
    assert negotiate.expire(pair.lab.ports) == 0  # the lab signed last
    assert pair.lab.only().state is State.VERIFIED
    with pair.school.ports.store.read() as tx:
        register = tx.registers.find()[0]
        assert budget.promised(tx, register, pair.clock.now()) == (0.0, 0.0)
