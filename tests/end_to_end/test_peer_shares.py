"""A member at its quota is told so, and when to try again; the others notice nothing."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest

from connector.domain.contract.negotiation import NegotiationState
from connector.errors import QuotaReached, TooManyRequests
from connector.jsonld.canonical import canonical
from connector.peer.limits.arrivals import HELD_BYTES_PER_OWNER
from connector.peer.limits.shares import LEAST_COST
from connector.peer.routes import BY_KIND, STATED, TOKEN_KEY
from connector.peer.status import translate
from connector.protocol.messages import (
    ContractAgreementVerificationMessage,
    ContractNegotiation,
    ContractOfferMessage,
    ContractRequestMessage,
    HeldHead,
)
from tests.support.live_space import LiveSpace, Node, live_space, wait_until
from tests.support.raw_caller import channel_to, token_of

STATE = ContractNegotiation("p", "c", NegotiationState.REQUESTED.value).to_body()
SMALL = HeldHead("", "", b"", complete=True).to_body()
GET, ASK = "GetNegotiationMessage", "ContractRequestMessage"
VERIFY = "ContractAgreementVerificationMessage"


def request(number: int) -> dict[str, Any]:
    return ContractRequestMessage(f"urn:m:{number}", f"urn:c:{number}", "", "urn:o", "d").to_body()


def three(space: LiveSpace) -> tuple[Node, Node, Node]:
    alpha, beta, gamma = space["alpha"], space["beta"], space["gamma"]
    for name in ("alpha", "gamma"):
        space.meet(name, "beta")
    for kind in (GET, ASK):
        beta.heard.answers[kind] = lambda _caller, _body: STATE
    return alpha, beta, gamma


def last_answered(alpha: Node, beta: Node) -> bool:
    beta.heard.answers["HeadRequestMessage"] = lambda _caller, _body: SMALL
    with suppress(TooManyRequests):
        return alpha.call(beta, "HeadRequestMessage", {}) == SMALL
    return False


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


def test_what_an_answer_carries_is_on_its_senders_account(tmp_path: Path) -> None:
    """As if it had come by a call; and it comes only to who asks for it, call by call."""
    offer = canonical(ContractOfferMessage("m", "p", "c", "urn:o", "d", b"{}").to_body())
    carried = ContractNegotiation("p", "c", "OFFERED", "ContractOfferMessage", offer).to_body()
    with live_space(tmp_path, "alpha", "beta", "gamma", member_openings_per_hour=2) as space:
        alpha, beta, _ = three(space)
        peer = alpha.known(beta.did)
        beta.heard.answers[ASK] = lambda _caller, _body: carried
        verifies = ContractAgreementVerificationMessage("m", "p", "c", "a..b").to_body()
        beta.heard.answers[VERIFY] = beta.heard.answers[ASK]
        for asks in (False, True):
            assert alpha.wire.call(peer, VERIFY, verifies, carries=asks) == carried
        assert beta.heard.asked == [False, True]
        with pytest.raises(QuotaReached) as refusal:
            alpha.wire.call(peer, VERIFY, verifies, carries=True)
        assert refusal.value.retry_after > 0
        assert alpha.call(beta, GET, {"pid": "x"}) == STATE


def test_who_does_not_read_its_answers(tmp_path: Path) -> None:
    """They wait on its own account, until it takes no more."""
    kind = "HeadRequestMessage"
    large = HeldHead("", "", bytes(4 << 20), complete=True).to_body()
    fits = HELD_BYTES_PER_OWNER // (4 << 20)
    with live_space(tmp_path, "alpha", "beta", "gamma") as space, ExitStack() as stack:
        alpha, beta, gamma = three(space)
        beta.heard.answers[kind] = lambda _caller, _body: large
        leaf, method = alpha.leaves.current(), BY_KIND[kind].method
        small = ("grpc.http2.bdp_probe", 0)  # the window stays as it is at first: 64 KiB
        channel = stack.enter_context(channel_to(beta, leaf, small))
        grpc.channel_ready_future(channel).result(timeout=30)
        calls = []
        for _ in range(fits + 4):
            metadata = (*STATED, (TOKEN_KEY, token_of(alpha, beta, method, b"")))
            calls.append(channel.unary_stream(method)(b"", metadata=metadata, timeout=60))
        assert wait_until(lambda: sum(call.done() for call in calls) >= 4)
        refused = [call for call in calls if call.done()]
        assert {translate(beta.did, call).code for call in refused} == {"TOO_MANY_REQUESTS"}
        assert len(refused) < len(calls)
        assert gamma.call(beta, GET, {"pid": "x"}) == STATE
        for call in calls:
            call.cancel()
        assert wait_until(lambda: last_answered(alpha, beta))


def test_who_sends_too_much(tmp_path: Path) -> None:
    names, most = ("alpha", "beta", "gamma"), 5 * LEAST_COST
    with live_space(tmp_path, *names, member_bytes_per_minute=most) as space:
        alpha, beta, gamma = three(space)
        with pytest.raises(TooManyRequests) as refusal:  # noqa: PT012 - how many is no matter
            for _ in range(50):
                alpha.call(beta, GET, {"pid": "x"})
        assert 0 < refusal.value.retry_after <= 60
        assert gamma.call(beta, GET, {"pid": "x"}) == STATE
