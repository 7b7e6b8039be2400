"""Nodes that cannot work together refuse each other by name, on real connections."""

from __future__ import annotations

import json
from collections.abc import Iterator

import grpc
import pytest

from connector.bootstrap.diagnosis.reputation import Reputation
from connector.domain import generation as generations
from connector.domain.federation.frames import Hello
from connector.errors import Malformed, PreauError, UpgradeRequired
from connector.peer import status
from connector.peer.calls import streams, unary
from connector.peer.routes import GENERATION_KEY, PARTICIPATE, TOKEN_KEY, Metadata, write_hello
from connector.peer.web import https
from connector.services.membership import onboard
from tests.support.live_space import LiveSpace, live_space
from tests.support.raw_caller import GET, body_of, channel_to, token_of

KIND = "GetNegotiationMessage"
HELLO = Hello("urn:uuid:00000000-0000-4000-8000-00000000000a", "d1" * 32)
OWN = str(generations.GENERATION)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSpace]:
    with live_space(tmp_path_factory.mktemp("space"), "new", "other") as space:
        space.meet("new", "other")
        space["other"].hub.open(HELLO.job_id, HELLO.manifest_digest, [space["new"].did])
        yield space


@pytest.fixture
def space(running: LiveSpace) -> LiveSpace:
    for node in running.nodes.values():
        node.heard.answers.clear()
        node.heard.calls.clear()
    return running


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let servers answer as those of the first generation: they say nothing of themselves."""
    for module in (unary, streams, status):
        monkeypatch.setattr(module, "STATED", ())


def outcome(space: LiveSpace, method: str, data: bytes, stated: Metadata) -> tuple[str, str]:
    """Call `new` by hand as `other`; return the gRPC status and the text of the answer."""
    caller, callee = space["other"], space["new"]
    token = token_of(caller, callee, method, data)
    with channel_to(callee, caller.leaves.current()) as channel:
        call = channel.stream_stream(method)(
            iter([data]), metadata=(*stated, (TOKEN_KEY, token)), timeout=20
        )
        try:
            for _ in call:
                pass
        except grpc.RpcError:
            return call.code().name, call.details()
    return "OK", ""


@pytest.mark.parametrize(
    ("stated", "accepted"),
    [
        ((), False),
        (((GENERATION_KEY, "1"),), False),
        (((GENERATION_KEY, "0"),), False),
        (((GENERATION_KEY, "two"),), False),
        (((GENERATION_KEY, OWN), (GENERATION_KEY, OWN)), False),
        (((GENERATION_KEY, OWN),), True),
        (((GENERATION_KEY, "9"),), True),  # a newer node judges by itself
    ],
)
def test_a_caller_that_is_too_old_is_refused_by_its_name(
    space: LiveSpace, stated: Metadata, *, accepted: bool
) -> None:
    caller, callee = space["other"], space["new"]
    callee.heard.answers[KIND] = lambda _caller, _body: {"state": "REQUESTED"}
    before = len(callee.log("call.refused"))
    code, text = outcome(space, GET, body_of("urn:pid"), stated)
    assert (code == "OK") == accepted
    assert bool(callee.heard.calls) == accepted
    if not accepted:
        assert f"`{caller.did}` must upgrade" in text
        (refused,) = callee.log("call.refused")[before:]
        assert json.loads(refused)["facts"]["code"] == UpgradeRequired.code
        assert json.loads(refused)["subject"] == caller.did


def test_a_site_that_is_too_old_gets_no_stream(space: LiveSpace) -> None:
    code, text = outcome(space, PARTICIPATE, write_hello(HELLO), ())
    assert (code, f"`{space['other'].did}` must upgrade" in text) == ("FAILED_PRECONDITION", True)
    assert outcome(space, PARTICIPATE, write_hello(HELLO), ((GENERATION_KEY, OWN),))[1] != text


def test_an_older_caller_reads_the_reason_and_a_newer_one_the_code() -> None:
    failure = UpgradeRequired("who must upgrade", hint="how")
    old, new = status.understood(failure, 1), status.understood(failure, 2)
    assert (old.code, old.reason, old.hint) == ("UNLAWFUL", failure.reason, "how")
    assert new is failure
    other = Malformed("x")
    assert status.understood(other, 1) is other


def test_an_answer_that_states_its_generation_is_taken(space: LiveSpace) -> None:
    space["other"].heard.answers[KIND] = lambda _caller, _body: {"state": "REQUESTED"}
    answer = space["new"].call(space["other"], KIND, {"pid": "urn:pid"})
    assert answer["state"] == "REQUESTED"
    stream = space["new"].wire.participate(space["new"].known(space["other"].did), HELLO)
    stream.close()


@pytest.mark.usefixtures("silent")
def test_what_a_node_that_is_too_old_answers_is_not_taken(space: LiveSpace) -> None:
    new, other = space["new"], space["other"]
    other.heard.answers[KIND] = lambda _caller, _body: {"state": "REQUESTED"}
    with pytest.raises(UpgradeRequired, match=f"`{other.did}` must upgrade"):
        new.call(other, KIND, {"pid": "urn:pid"})
    other.heard.answers[KIND] = _unreadable
    with pytest.raises(UpgradeRequired, match=f"`{other.did}` must upgrade"):
        new.call(other, KIND, {"pid": "urn:pid"})
    with pytest.raises(UpgradeRequired, match=f"`{other.did}` must upgrade"):
        new.wire.participate(new.known(other.did), HELLO)


def test_first_contact_is_open_to_all_and_says_who_must_upgrade(
    space: LiveSpace, monkeypatch: pytest.MonkeyPatch
) -> None:
    new, other = space["new"], space["other"]
    asked = Reputation(new.did, new.wire, new.ports.web)
    assert asked.too_old(other.did) == ""
    monkeypatch.setattr(https, "GENERATION", "/not-there-yet")
    old = space.add("old")
    with pytest.raises(UpgradeRequired, match=f"`{old.did}` must upgrade"):
        onboard.meet(new.ports, old.did)
    assert old.known(new.did).did == new.did
    assert new.known(old.did).did == old.did
    assert f"UPGRADE_REQUIRED: `{old.did}` must upgrade" in asked.too_old(old.did)
    onboard.meet(old.ports, new.did)
    old.stop()
    assert asked.too_old(old.did) == ""  # it does not answer: said elsewhere


@pytest.mark.parametrize("text", ["", " 2", "2 ", "+2", "-2", "2.0", "٢", "²", "99999", "None"])
def test_what_states_no_plain_number_is_of_the_first_generation(text: str) -> None:
    assert generations.read(text) == generations.UNSTATED
    assert generations.read("2") == 2


def _unreadable(*_: object) -> dict[str, object]:
    raise Malformed("it has fields that this node does not know")


def test_a_refusal_between_nodes_that_fit_keeps_its_code(space: LiveSpace) -> None:
    space["other"].heard.answers[KIND] = _unreadable
    with pytest.raises(PreauError) as refused:
        space["new"].call(space["other"], KIND, {"pid": "urn:pid"})
    assert refused.value.code == "MALFORMED_MESSAGE"
