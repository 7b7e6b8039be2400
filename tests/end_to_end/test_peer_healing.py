"""Two members that were cut off from each other find together by a call, with no operator."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from connector.bootstrap.diagnosis import reputation
from connector.bootstrap.diagnosis.reputation import Reputation
from connector.errors import CredentialRevoked, DidUnresolvable, PeerUnreachable
from connector.peer.credentials import Leaves
from connector.peer.healing import Healing
from connector.peer.wires import Wires
from connector.protocol.messages import ContractNegotiation
from connector.services.membership import judging, onboard
from tests.support.live_space import LiveSpace, Node, live_space
from tests.support.ports import free_port

STATE = ContractNegotiation("p", "c", "REQUESTED").to_body()
GET = "GetNegotiationMessage"
ASKED = {"pid": "x"}


@pytest.fixture
def space(tmp_path: Path) -> Iterator[LiveSpace]:
    with live_space(tmp_path, "alpha", "beta") as made:
        made["beta"].heard.answers[GET] = lambda _caller, _body: STATE
        yield made


def plain(caller: Node, callee: Node) -> Any:
    return caller.call(callee, GET, ASKED)


def healing(caller: Node, callee: Node) -> Any:
    mending = Healing()
    mending.introduce_by(partial(onboard.meet, caller.ports))
    try:
        return Wires(caller.wire, mending).call(caller.known(callee.did), GET, ASKED)
    finally:
        mending.close()


def refused(caller: Node, callee: Node, error: type[Exception]) -> None:
    with pytest.raises(error):
        plain(caller, callee)


def test_a_member_that_called_before_its_admission(space: LiveSpace) -> None:
    early, beta = space.add("early", member=False), space["beta"]
    onboard.welcome(early.ports, beta.did)
    with pytest.raises(PeerUnreachable):
        healing(early, beta)  # it is no member yet, so nothing heals
    early.join_space()
    refused(early, beta, PeerUnreachable)
    assert healing(early, beta) == STATE
    assert plain(early, beta) == STATE


def test_a_member_that_was_admitted_again_after_its_revocation(space: LiveSpace) -> None:
    alpha, beta = space["alpha"], space["beta"]
    space.meet("alpha", "beta")
    space.authority.revoke(alpha.did)
    assert onboard.refresh(beta.ports) == [alpha.did]
    with pytest.raises(CredentialRevoked):
        healing(alpha, beta)  # still revoked
    alpha.join_space()
    refused(alpha, beta, CredentialRevoked)  # it was looked up a moment ago
    assert healing(alpha, beta) == STATE


def test_a_bad_judgement_is_looked_up_before_it_refuses(space: LiveSpace) -> None:
    alpha, beta = space["alpha"], space["beta"]
    space.meet("alpha", "beta")
    space.authority.revoke(alpha.did)
    assert onboard.refresh(beta.ports) == [alpha.did]
    alpha.join_space()
    assert plain(alpha, beta) == STATE


def test_a_member_whose_tls_authority_is_another_now(space: LiveSpace) -> None:
    alpha, beta = space["alpha"], space["beta"]
    space.meet("alpha", "beta")
    alpha.tls_authorities = [alpha.make_tls_authority()]
    alpha.wire._leaves = Leaves(lambda: alpha.tls_authorities[0], alpha.did, alpha.clock, 3600)
    refused(alpha, beta, PeerUnreachable)
    assert healing(alpha, beta) == STATE


def test_a_peer_that_moved(space: LiveSpace) -> None:
    alpha, beta = space["alpha"], space["beta"]
    space.meet("alpha", "beta")
    beta.grpc_port = free_port()
    object.__setattr__(beta.settings, "grpc_listen", f"127.0.0.1:{beta.grpc_port}")
    beta.restart()
    refused(alpha, beta, PeerUnreachable)
    assert healing(alpha, beta) == STATE
    assert alpha.known(beta.did).grpc_endpoint == f"localhost:{beta.grpc_port}"


def test_papers_that_are_not_to_be_had_are_not_believed_for_ever(space: LiveSpace) -> None:
    alpha, beta = space["alpha"], space["beta"]
    space.meet("alpha", "beta")
    space.authority.list_life = timedelta(days=30)
    onboard.refresh(beta.ports)
    beta.clock.advance((judging.BELIEVED_FOR + timedelta(minutes=1)).total_seconds())
    for each in (alpha, space.authority):
        each.clock.offset = beta.clock.offset
    assert onboard.known(beta.ports, alpha.did).did == alpha.did  # fetched anew
    beta.clock.advance((judging.BELIEVED_FOR + timedelta(minutes=1)).total_seconds())
    alpha.face.stop()
    with pytest.raises(DidUnresolvable):
        onboard.known(beta.ports, alpha.did)


class TestWhatPeersSay:
    def said(self, caller: Node, callee: Node) -> tuple[str, str]:
        asked = Reputation(caller.did, caller.wire, caller.ports.web)
        return asked.with_peer(caller.known(callee.did))

    def test_good(self, space: LiveSpace) -> None:
        alpha, beta = space["alpha"], space["beta"]
        space.meet("alpha", "beta")
        assert self.said(alpha, beta) == self.said(beta, alpha) == ("", "")

    def test_that_we_are_revoked(self, space: LiveSpace) -> None:
        alpha, beta = space["alpha"], space["beta"]
        space.meet("alpha", "beta")
        space.authority.revoke(alpha.did)
        onboard.refresh(beta.ports)
        said, silent = self.said(alpha, beta)
        assert (said.partition(":")[0], silent) == (CredentialRevoked.code, "")
        assert self.said(beta, alpha) == ("", "")  # alpha has not heard of it yet

    def test_that_we_are_no_member(self, space: LiveSpace) -> None:
        stranger, beta = space.add("stranger", member=False), space["beta"]
        onboard.welcome(stranger.ports, beta.did)
        said, silent = self.said(stranger, beta)
        assert (said.partition(":")[0], silent) == ("MEMBERSHIP_REQUIRED", "")
        stranger.join_space()
        assert self.said(stranger, beta) == ("", "")

    def test_what_time_it_is(self, space: LiveSpace) -> None:
        alpha, beta = space["alpha"], space["beta"]
        asked = [alpha.did, beta.did, space.authority.did]
        found = reputation.skews(alpha.settings, asked)
        assert set(found) == {beta.did, space.authority.did}
        assert all(abs(skew) < timedelta(minutes=10) for skew in found.values())
        beta.face.stop()
        assert set(reputation.skews(alpha.settings, asked)) == {space.authority.did}

    def test_nothing(self, space: LiveSpace) -> None:
        alpha, beta = space["alpha"], space["beta"]
        space.meet("alpha", "beta")
        beta.face.stop()
        said, silent = self.said(alpha, beta)
        assert said == ""
        assert "not reachable" in silent
