"""When a contract was concluded: both clocks, the request and the deadline must allow it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from connector.domain import instant
from connector.domain.contract.negotiation import STALE, Negotiation, NegotiationState
from connector.domain.instant import SKEW
from connector.errors import AgreementTimeWrong, PreauError
from connector.identity import agreement as agreements
from connector.identity.receipts import receipt
from connector.protocol import messages as m
from connector.services.publication import publish
from tests.support.contracts import NOW
from tests.support.link import Link, description, link, offer
from tests.support.tampering import concluded, negotiated, rewritten, tamper

State = NegotiationState
WITHIN = SKEW - timedelta(seconds=1)
BEYOND = SKEW + timedelta(seconds=1)
YEARS = timedelta(days=365)


@pytest.fixture(params=[False, True], ids=["called", "carried"])
def pair(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Link]:
    with link(tmp_path, carries=request.param) as pair:
        publish.publish(pair.school.ports, description(pair.folder))
        yield pair


@pytest.mark.parametrize(
    "shift",
    [-WITHIN, timedelta(0), WITHIN],
    ids=["behind the clock", "by the clock", "ahead of the clock"],
)
def test_a_time_within_the_skew_is_signed(pair: Link, shift: timedelta) -> None:
    tamper(pair, "ContractAgreementMessage", rewritten(pair, concluded(NOW + shift)))
    pair.hold("ContractAgreementVerificationMessage")  # the school signed another time
    negotiated(pair)
    assert pair.lab.only().state is State.VERIFIED


@pytest.mark.parametrize(
    ("shift", "says"),
    [
        (BEYOND, "ahead of this node's clock"),
        (173 * YEARS, "ahead of this node's clock"),
        (-BEYOND, "before it was asked for"),
        (-25 * YEARS, "before it was asked for"),
    ],
)
def test_a_time_that_cannot_be_is_refused(pair: Link, shift: timedelta, says: str) -> None:
    tamper(pair, "ContractAgreementMessage", rewritten(pair, concluded(NOW + shift)))
    negotiated(pair)
    for node in (pair.lab, pair.school):
        assert (node.only().state, node.only().code) == (State.TERMINATED, "AGREEMENT_TIME_WRONG")
        assert says in node.only().reasons[0]
    assert pair.lab.agreements() == []


def _delivered_after(pair: Link, wait: timedelta, at: datetime) -> Negotiation:
    """Hold an agreement that states a time back for a while, then let the lab take it."""
    pair.hold("ContractAgreementMessage")
    negotiated(pair)
    message = pair.withheld(pair.school)
    pair.clock.advance(wait.total_seconds())
    pair.lab.receive(pair.school, rewritten(pair, concluded(at))(message))
    return pair.lab.only()


def test_delivery_may_take_days(pair: Link) -> None:
    assert _delivered_after(pair, timedelta(days=6), NOW).state is State.VERIFIED


def test_a_time_after_the_deadline_is_refused(pair: Link) -> None:
    with pytest.raises(AgreementTimeWrong, match="deadline"):
        _delivered_after(pair, STALE + timedelta(days=2), NOW + STALE + BEYOND)
    assert pair.lab.agreements() == []


def test_memberships_must_be_of_the_time_of_the_agreement(pair: Link) -> None:
    """One that began since would make the contract unprovable for ever."""
    begun = {"valid_from": NOW + timedelta(days=1), "valid_until": NOW + timedelta(days=30)}
    lab = pair.lab.member
    pair.lab.member = replace(lab, membership=pair.space.membership(lab, **begun))
    with pytest.raises(AgreementTimeWrong, match="membership"):
        _delivered_after(pair, timedelta(days=2), NOW)
    assert pair.lab.agreements() == []


def test_a_contract_is_not_concluded_after_its_own_end(pair: Link) -> None:
    end = NOW + timedelta(minutes=10)
    soon = description(pair.folder, offer=offer(until=instant.text(end)))
    publish.publish(pair.school.ports, soon)
    with pytest.raises(AgreementTimeWrong, match="its own end"):
        _delivered_after(pair, timedelta(minutes=10), end)


@pytest.mark.parametrize(
    ("shift", "code"),
    [
        (WITHIN, ""),
        (-WITHIN, ""),
        (BEYOND, "AGREEMENT_TIME_WRONG"),
        (173 * YEARS, "AGREEMENT_TIME_WRONG"),
        (-BEYOND, "AGREEMENT_TAMPERED"),
    ],
)
def test_a_receipt_is_of_no_time_that_cannot_be(pair: Link, shift: timedelta, code: str) -> None:
    pair.hold("ContractNegotiationEventMessage")
    negotiated(pair)
    (contract,) = pair.lab.agreements()
    message = pair.withheld(pair.school)
    token = receipt.make_receipt(
        pair.school.member.signer,
        agreements.read(contract.document),
        contract.provider_signature,
        contract.consumer_signature,
        minimum_sites=3,
        valid_until=contract.valid_until,
        now=NOW + shift,
    )
    if code:
        with pytest.raises(PreauError) as fault:
            pair.lab.receive(pair.school, replace(message, receipt=token))
        assert fault.value.code == code
    else:
        pair.lab.receive(pair.school, replace(message, receipt=token))
    assert pair.lab.agreements()[0].finalized is not bool(code)


def test_a_provider_completes_nothing_that_its_own_clock_denies(pair: Link) -> None:
    """Both clocks ran ahead when it was signed, and the provider's was set right since."""
    pair.hold("ContractAgreementVerificationMessage")
    negotiated(pair)
    (message,) = [
        m.ContractAgreementVerificationMessage.from_body(json.loads(item.body))
        for item in pair.lab.waiting()
    ]
    pair.clock.advance(-BEYOND.total_seconds())
    with pytest.raises(AgreementTimeWrong, match="ahead of this node's clock"):
        pair.school.receive(pair.lab, message)
    assert not pair.school.agreements()[0].finalized
    pair.clock.advance(BEYOND.total_seconds())
    pair.school.receive(pair.lab, message)
    assert pair.school.agreements()[0].finalized
