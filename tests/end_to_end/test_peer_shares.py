"""A member at its quota is told so, and when to try again; the others notice nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connector.domain.negotiation import NegotiationState
from connector.errors import QuotaReached, TooManyRequests
from connector.peer.shares import LEAST_COST
from connector.protocol.messages import ContractNegotiation, ContractRequestMessage
from tests.support.live_space import LiveSpace, Node, live_space

STATE = ContractNegotiation("p", "c", NegotiationState.REQUESTED.value).to_body()
GET, ASK = "GetNegotiationMessage", "ContractRequestMessage"


def request(number: int) -> dict[str, Any]:
    return ContractRequestMessage(f"urn:m:{number}", f"urn:c:{number}", "", "urn:o", "d").to_body()


def three(space: LiveSpace) -> tuple[Node, Node, Node]:
    alpha, beta, gamma = space["alpha"], space["beta"], space["gamma"]
    for name in ("alpha", "gamma"):
        space.meet(name, "beta")
    for kind in (GET, ASK):
        beta.heard.answers[kind] = lambda _caller, _body: STATE
    return alpha, beta, gamma


def test_who_has_begun_too_much(tmp_path: Path) -> None:
    names = ("alpha", "beta", "gamma")
    with live_space(tmp_path, *names, member_openings_per_hour=2) as space:
        alpha, beta, gamma = three(space)
        for number in range(2):
            assert alpha.call(beta, ASK, request(number)) == STATE
        with pytest.raises(QuotaReached) as refusal:
            alpha.call(beta, ASK, request(3))
        assert refusal.value.retry_after == 1800
        assert alpha.call(beta, GET, {"pid": "x"}) == STATE  # what it has begun goes on
        assert gamma.call(beta, ASK, request(4)) == STATE
        (line,) = beta.log("call.refused")
        assert b"QUOTA_REACHED" in line
        assert len(beta.heard.calls) == 4


def test_who_sends_too_much(tmp_path: Path) -> None:
    names, most = ("alpha", "beta", "gamma"), 5 * LEAST_COST
    with live_space(tmp_path, *names, member_bytes_per_minute=most) as space:
        alpha, beta, gamma = three(space)
        with pytest.raises(TooManyRequests) as refusal:  # noqa: PT012 - how many is no matter
            for _ in range(50):
                alpha.call(beta, GET, {"pid": "x"})
        assert 0 < refusal.value.retry_after <= 60
        assert gamma.call(beta, GET, {"pid": "x"}) == STATE
