"""Flower's parts: private touches, messages, client, strategy and grid, without processes."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import flwr
import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Error, Message, MetricRecord, RecordDict
from flwr.supercore.task_identity import TaskIdentity

from federated.errors import FederatedError, RoundRefused, TooFewSites, WorkerFailed
from federated.job import JobManifest
from federated.training.checkpoint import load, save
from federated.training.engine import Engine
from federated.training.flower import strategy
from federated.training.flower.client import Site, make_app
from federated.training.flower.grid import FrameGrid, split
from federated.training.flower.messages import (
    LEAD_NODE,
    from_bytes,
    identify,
    node_of,
    run_of,
    seal,
)
from federated.training.flower.messages import to_bytes as to_message_bytes
from federated.training.flower.records import ARRAYS, ROUND, SETTINGS, pack, unpack
from federated.training.flower.strategy import DeclaredAverage
from federated.training.recipes import MOST_WEIGHT, initial
from federated.training.roles import lead as lead_role
from federated.training.roles.frames import Frames
from federated.training.rows.encode import Persons
from tests.support.training_rig import SITES, ForeseenNoise, contract, document, manifest

JOB = manifest()
KNOWN = "2f057ff108a12402ef1b9edf396c3e770cc223eff81d9e4e08d3eb03180193a9"


@pytest.fixture(autouse=True)
def _lead() -> Iterator[None]:
    """Be the lead, and leave Flower's process-wide identity as it was."""
    before = (TaskIdentity._run_id, TaskIdentity._node_id, TaskIdentity._task_id)
    identify(JOB, LEAD_NODE)
    yield
    TaskIdentity._run_id, TaskIdentity._node_id, TaskIdentity._task_id = before


def _request(
    site: str = SITES[0],
    number: int = 1,
    *,
    job: JobManifest = JOB,
    content: RecordDict | None = None,
    kind: str = "train",
    group: str | None = None,
) -> Message:
    if content is None:
        content = RecordDict({ARRAYS: pack(initial(job)), SETTINGS: ConfigRecord({ROUND: number})})
    message = Message(content, node_of(job, site), kind, group_id=group or str(number))
    return seal(message, job)


def _persons(count: int = 3) -> Persons:
    draw = np.random.default_rng(3)
    return Persons(
        inputs=draw.uniform(-1, 1, (count, 2, 3)).astype(np.float32),
        labels=draw.integers(0, 2, (count, 2)).astype(np.float32),
        mask=np.ones((count, 2), dtype=np.float32),
    )


def _site(persons: Persons | None = None, site: str = SITES[0]) -> Site:
    engine = Engine(JOB, 100, persons or _persons(), ForeseenNoise(seed=5))
    return Site(make_app(engine, JOB), JOB, site)


def _answer(site: Site, request: bytes, number: int = 1) -> bytes:
    site.check(number, request)
    return site.answer(number)


# The private touches


def test_flower_is_the_one_that_the_touches_were_written_for() -> None:
    assert flwr.__version__.startswith("1.42.")


def test_a_message_keeps_its_id_under_the_name_that_is_set() -> None:
    message = _request()
    assert len(message.metadata.message_id) == 64
    assert message.metadata.created_at == 0
    assert message.metadata.ttl == JOB.deadline.timestamp()
    again = from_bytes(to_message_bytes(message), JOB)
    assert again.metadata.message_id == message.metadata.message_id
    assert again.metadata.run_id == run_of(JOB)
    assert again.metadata.src_node_id == LEAD_NODE


def test_without_an_identity_flower_makes_no_message() -> None:
    TaskIdentity._run_id = None
    with pytest.raises(RuntimeError, match="run_id"):
        Message(RecordDict(), 2, "train")


def test_the_bytes_of_a_message_are_known() -> None:
    content = RecordDict({SETTINGS: ConfigRecord({ROUND: 1})})
    data = to_message_bytes(_request(content=content))
    # Frozen: another Flower that writes other bytes must be noticed, since both ends compare them.
    assert hashlib.sha256(data).hexdigest() == KNOWN
    assert data == to_message_bytes(_request(content=content))


def test_equal_messages_have_equal_ids_and_others_have_others() -> None:
    ids = {
        message.metadata.message_id
        for message in (
            _request(),
            _request(),
            _request(number=2),
            _request(SITES[1]),
            _request(job=manifest(job="urn:uuid:other")),
        )
    }
    assert len(ids) == 4


def test_numbers_of_sites_are_their_places() -> None:
    assert [node_of(JOB, site) for site in SITES] == [2, 3, 4]
    with pytest.raises(RoundRefused):
        node_of(JOB, "did:web:other.example")
    assert 0 <= run_of(JOB) < 2**63


@pytest.mark.parametrize(
    "data", [b"\xff", b"nonsense", b"\x0a\x02\x08\x01", b"\x12\x05\x0a\x03\x0a\x01a"]
)
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(RoundRefused):
        from_bytes(data, JOB)


# Records


def test_arrays_pass_through_a_message_without_loss() -> None:
    content = RecordDict({ARRAYS: pack(initial(JOB))})
    arrays = unpack(content, JOB)
    assert all(np.array_equal(arrays[name], array) for name, array in initial(JOB).items())


def _with(name: str, array: Array) -> RecordDict:
    record = pack(initial(JOB))
    record[name] = array
    return RecordDict({ARRAYS: record})


def _cut(**changes: Any) -> Array:
    whole = Array(initial(JOB)["layers.0.bias"])
    values = {"dtype": whole.dtype, "shape": whole.shape, "stype": whole.stype, "data": whole.data}
    return Array(**{**values, **changes})


WHOLE = Array(initial(JOB)["layers.0.bias"]).data
BAD_CONTENT = {
    "nothing": RecordDict(),
    "a metric beside": RecordDict({ARRAYS: pack(initial(JOB)), "m": MetricRecord({"loss": 1.0})}),
    "two records": RecordDict({ARRAYS: pack(initial(JOB)), "b": pack(initial(JOB))}),
    "another name": RecordDict({"weights": pack(initial(JOB))}),
    "an array too many": _with("extra", Array(np.zeros(1, np.float32))),
    "an array too few": RecordDict({ARRAYS: ArrayRecord()}),
    "another shape": _with("layers.0.bias", Array(np.zeros(5, np.float32))),
    "another type": _with("layers.0.bias", Array(np.zeros(4, np.float64))),
    "objects": _with("layers.0.bias", _cut(data=b"\x93NUMPY\x01\x00")),
    "no array": _with("layers.0.bias", _cut(data=b"PK\x03\x04")),
    "another version": _with("layers.0.bias", _cut(data=b"\x93NUMPY\x02\x00" + WHOLE[8:])),
    "cut short": _with("layers.0.bias", _cut(data=WHOLE[:-1])),
    "too long": _with("layers.0.bias", _cut(data=WHOLE + b"\0")),
    "another serialiser": _with("layers.0.bias", _cut(stype="pickle")),
    "not finite": _with("layers.0.bias", Array(np.array([0, 0, 0, np.nan], np.float32))),
    "infinite": _with("layers.0.bias", Array(np.array([0, 0, 0, -np.inf], np.float32))),
    "out of bounds": _with("layers.0.bias", Array(np.array([0, 0, 0, 2e6], np.float32))),
}


@pytest.mark.parametrize("content", BAD_CONTENT.values(), ids=BAD_CONTENT)
def test_content_that_is_no_model_is_refused(content: RecordDict) -> None:
    data = to_message_bytes(_request(content=content))
    with pytest.raises(RoundRefused):
        unpack(from_bytes(data, JOB).content, JOB)


# The site


def test_a_site_answers_with_arrays_and_nothing_else() -> None:
    reply = from_bytes(_answer(_site(), to_message_bytes(_request())), JOB)
    assert list(reply.content) == [ARRAYS]
    arrays = unpack(reply.content, JOB)
    assert {name: array.shape for name, array in arrays.items()} == {
        name: array.shape for name, array in initial(JOB).items()
    }
    assert any(not np.array_equal(arrays[name], array) for name, array in initial(JOB).items())
    metadata = reply.metadata
    assert metadata.reply_to_message_id == _request().metadata.message_id
    assert (metadata.created_at, metadata.ttl) == (0, JOB.deadline.timestamp())
    assert (metadata.src_node_id, metadata.dst_node_id) == (2, LEAD_NODE)


def test_what_leaves_is_as_large_whatever_the_rows() -> None:
    request = to_message_bytes(_request())
    sizes = {len(_answer(_site(_persons(count)), request)) for count in (0, 1, 40)}
    assert len(sizes) == 1


def test_the_same_noise_gives_the_same_bytes() -> None:
    request = to_message_bytes(_request())
    assert _answer(_site(), request) == _answer(_site(), request)


def test_a_round_is_answered_once_and_only_when_it_was_checked() -> None:
    site, request = _site(), to_message_bytes(_request())
    with pytest.raises(RoundRefused):
        site.answer(1)
    assert site.check(1, request) == site.check(1, request)
    with pytest.raises(RoundRefused):
        site.answer(2)
    site.check(1, request)
    assert site.answer(1)
    with pytest.raises(RoundRefused):
        site.answer(1)
    site.check(1, request)
    with pytest.raises(RoundRefused):
        site.check(1, b"nonsense")
    with pytest.raises(RoundRefused):
        site.answer(1)


OTHER = manifest(job="urn:uuid:another")
BAD_REQUESTS: dict[str, tuple[int, Any]] = {
    "another round asked": (2, _request),
    "round zero": (0, lambda: _request(number=0)),
    "beyond the last round": (4, lambda: _request(number=4)),
    "another round inside": (1, lambda: _request(number=2, group="1")),
    "another round outside": (1, lambda: _request(number=1, group="2")),
    "another site": (1, lambda: _request(SITES[1])),
    "another job": (1, lambda: _from_run(OTHER)),
    "not from the lead": (1, lambda: _from_node(9)),
    "evaluation": (1, lambda: _request(kind="evaluate")),
    "another action": (1, lambda: _request(kind="train.more")),
    "an error": (1, lambda: seal(Message(Error(1), reply_to=_request()), JOB)),
    "no settings": (1, lambda: _request(content=RecordDict({ARRAYS: pack(initial(JOB))}))),
    "more settings": (1, lambda: _settings({ROUND: 1, "lr": 100.0})),
    "round no number": (1, lambda: _settings({ROUND: "1"})),
    "round boolean": (1, lambda: _settings({ROUND: True})),
    "no arrays": (1, lambda: _request(content=RecordDict({SETTINGS: ConfigRecord({ROUND: 1})}))),
}


def _settings(values: dict[str, Any]) -> Message:
    content = RecordDict({ARRAYS: pack(initial(JOB)), SETTINGS: ConfigRecord(values)})
    return _request(content=content)


def _from_run(job: JobManifest) -> Message:
    identify(job, LEAD_NODE)
    return _request()


def _from_node(node: int) -> Message:
    identify(JOB, node)
    return _request()


@pytest.mark.parametrize(("number", "make"), BAD_REQUESTS.values(), ids=BAD_REQUESTS)
def test_a_round_that_may_not_be_asked_is_refused(number: int, make: Any) -> None:
    persons = _persons()
    site = _site(persons)
    with pytest.raises(RoundRefused):
        site.check(number, to_message_bytes(make()))
    assert _answer(site, to_message_bytes(_request_as_lead()))


def _request_as_lead() -> Message:
    identify(JOB, LEAD_NODE)
    return _request()


def test_a_site_of_another_job_is_none() -> None:
    with pytest.raises(RoundRefused):
        _site(site="did:web:other.example")


# The strategy


def _constant(value: float, *, site: str, number: int = 1) -> Message:
    arrays = {name: np.full_like(array, value) for name, array in initial(JOB).items()}
    reply = Message(RecordDict({ARRAYS: pack(arrays)}), reply_to=_request(site, number))
    return seal(reply, JOB)


def _value(record: ArrayRecord | None) -> float:
    assert record is not None
    arrays = unpack(RecordDict({ARRAYS: record}), JOB)
    values = {float(value) for array in arrays.values() for value in array.ravel()}
    assert len(values) == 1
    return values.pop()


class _NoSites:
    """A grid that reaches nobody."""

    def get_node_ids(self) -> list[int]:
        return []


def _averaging(
    job: JobManifest = JOB,
    sites: tuple[str, ...] = SITES,
    done: int = 0,
    sent: ArrayRecord | None = None,
) -> DeclaredAverage:
    """Return the strategy after it has sent a round."""
    averaging = DeclaredAverage(job, sites, done)
    grid: Any = _NoSites()
    averaging.configure_train(1, sent or pack(initial(job)), ConfigRecord({}), grid)
    return averaging


def test_sites_weigh_what_their_contracts_declare() -> None:
    values = (0.1, 0.2, 0.4)
    replies = [_constant(value, site=site) for value, site in zip(values, SITES, strict=True)]
    averaging = _averaging()
    record, _ = averaging.aggregate_train(1, reversed(replies))
    assert _value(record) == pytest.approx((100 * 0.1 + 200 * 0.2 + 300 * 0.4) / 600)
    assert averaging.answered == SITES


def test_an_average_at_the_bound_does_not_pass_it_by_rounding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    populations = (5, 5, 8)  # their shares of 1000 add up to 1000.00006 in float32
    contracts = [contract(*pair) for pair in zip(SITES, populations, strict=True)]

    def average() -> float:
        replies = [_constant(MOST_WEIGHT, site=site) for site in SITES]
        sent = replies[0].content.array_records[ARRAYS]
        averaged = _averaging(manifest(contracts=contracts), sent=sent)
        record, _ = averaged.aggregate_train(1, replies)
        assert record is not None
        return float(record["layers.0.bias"].numpy()[0])

    assert average() == MOST_WEIGHT
    monkeypatch.setattr(strategy, "_bounded", lambda record: record)
    assert average() > MOST_WEIGHT


def test_the_order_of_replies_does_not_matter() -> None:
    replies = [_constant(value, site=s) for value, s in zip((0.1, 0.2, 1 / 3), SITES, strict=True)]
    one, _ = _averaging().aggregate_train(1, replies)
    replies = [_constant(value, site=s) for value, s in zip((0.1, 0.2, 1 / 3), SITES, strict=True)]
    two, _ = _averaging().aggregate_train(1, reversed(replies))
    assert _value(one) == _value(two)


def test_who_did_not_answer_does_not_weigh() -> None:
    job = manifest(quorum=2)
    averaging = _averaging(job, done=4)
    record, _ = averaging.aggregate_train(
        1, [_constant(0.3, site=SITES[2]), _constant(0.1, site=SITES[0])]
    )
    assert _value(record) == pytest.approx((100 * 0.1 + 300 * 0.3) / 400)
    assert averaging.answered == (SITES[0], SITES[2])


def _error(site: str) -> Message:
    return seal(Message(Error(3, "lost"), reply_to=_request(site)), JOB)


def _poisoned(site: str) -> Message:
    arrays = {name: np.full_like(array, np.nan) for name, array in initial(JOB).items()}
    return seal(Message(RecordDict({ARRAYS: pack(arrays)}), reply_to=_request(site)), JOB)


def _far(site: str) -> Message:
    return _constant(MOST_WEIGHT, site=site)


@pytest.mark.parametrize(
    ("make", "why"), [(_error, "no model"), (_poisoned, "out of bounds"), (_far, "further away")]
)
def test_a_reply_that_is_no_update_does_not_enter(make: Any, why: str) -> None:
    good = [_constant(0.1, site=SITES[0]), _constant(0.1, site=SITES[1])]
    averaging = _averaging(manifest(quorum=2))
    record, _ = averaging.aggregate_train(1, [*good, make(SITES[2])])
    assert _value(record) == pytest.approx(0.1)
    assert averaging.answered == SITES[:2]
    assert list(averaging.refused) == [SITES[2]]
    assert why in averaging.refused[SITES[2]]
    with pytest.raises(TooFewSites, match=f"`{SITES[2]}`: .*{why}"):
        _averaging().aggregate_train(1, [*good, make(SITES[2])])


@pytest.mark.parametrize("answered", [(), SITES[:1], SITES[:2]])
def test_below_the_quorum_the_job_stops_with_a_reason(answered: tuple[str, ...]) -> None:
    replies = [_constant(0.1, site=site) for site in answered]
    reason = f"{len(answered)} sites answered round 3, quorum is 3"
    with pytest.raises(TooFewSites, match=reason) as caught:
        _averaging(done=2).aggregate_train(1, replies)
    assert caught.value.code == "TOO_FEW_SITES"


def test_a_site_that_does_not_take_part_does_not_enter() -> None:
    averaging = _averaging(manifest(quorum=2), SITES[:2])
    record, _ = averaging.aggregate_train(
        1, [_constant(n / 10, site=s) for n, s in enumerate(SITES)]
    )
    assert _value(record) == pytest.approx(20 / 300)


# The grid and the lead, with a node at the other end of the socket


class Node:
    """Answers the lead's frames with site engines in this process."""

    def __init__(self, frames: Frames, silent: frozenset[str] = frozenset()) -> None:
        self.frames = frames
        self.silent = silent
        self.requests: dict[tuple[int, str], bytes] = {}
        self.states: list[tuple[int, list[str], bytes]] = []
        self.last: dict[str, Any] = {}
        self.result = b""

    def serve(self, start: dict[str, Any], state: bytes) -> None:
        self.frames.send(start, state)
        while True:
            try:
                header, payload = self.frames.receive(30)
            except WorkerFailed:
                return
            self.last = header
            if header["op"] == "round":
                self._round(header, payload)
            elif header["op"] == "state":
                self.states.append((header["round"], header["answered"], payload))
                self.frames.send({"op": "saved"})
            elif header["op"] == "done":
                self.result = payload
                return

    def _round(self, header: dict[str, Any], payload: bytes) -> None:
        start, replies = 0, []
        for site, size in zip(header["sites"], header["sizes"], strict=True):
            request = payload[start : start + size]
            start += size
            self.requests[header["round"], site] = request
            if site not in self.silent:
                replies.append((site, _answer(_site(site=site), request, header["round"])))
        answer = {"op": "replies", "round": header["round"], "sites": [site for site, _ in replies]}
        sizes = [len(reply) for _, reply in replies]
        self.frames.send({**answer, "sizes": sizes}, b"".join(reply for _, reply in replies))


def _lead_run(
    *, done: int = 0, state: bytes = b"", silent: frozenset[str] = frozenset(), **changes: Any
) -> Node:
    ours, theirs = map(Frames, socket.socketpair())
    node = Node(theirs, silent)
    start = {
        "op": "start",
        "manifest": json.dumps(document(**changes)),
        "sites": list(SITES),
        "round": done,
    }
    thread = threading.Thread(target=node.serve, args=(start, state), daemon=True)
    thread.start()
    try:
        lead_role.run(ours, "process")
        thread.join(30)
        assert not thread.is_alive()
    finally:
        ours.close()
        thread.join(30)
        theirs.close()
    return node


def test_a_job_runs_its_rounds_and_saves_each() -> None:
    node = _lead_run()
    assert [(number, answered) for number, answered, _ in node.states] == [
        (number, list(SITES)) for number in (1, 2, 3)
    ]
    assert node.last == {"op": "done", "round": 3}
    assert node.result == node.states[-1][2]
    assert set(node.requests) == {(number, site) for number in (1, 2, 3) for site in SITES}


@pytest.mark.parametrize("done", [1, 2])
def test_a_job_that_is_resumed_sends_the_same_bytes(done: int) -> None:
    whole = _lead_run()
    state = whole.states[done - 1][2]
    rest = _lead_run(done=done, state=state)
    assert rest.requests == {key: value for key, value in whole.requests.items() if key[0] > done}
    assert rest.states == whole.states[done:]
    assert rest.result == whole.result


def test_a_job_that_was_complete_only_ends() -> None:
    whole = _lead_run()
    rest = _lead_run(done=3, state=whole.result)
    assert rest.requests == {}
    assert rest.result == whole.result


def test_a_job_goes_on_without_a_silent_site_above_the_quorum() -> None:
    node = _lead_run(silent=frozenset({SITES[1]}), quorum=2)
    assert {tuple(answered) for _, answered, _ in node.states} == {(SITES[0], SITES[2])}
    assert load(node.result)


def test_a_job_below_the_quorum_stops() -> None:
    with pytest.raises(TooFewSites, match="2 sites answered round 1, quorum is 3"):
        _lead_run(silent=frozenset({SITES[1]}))


@pytest.mark.parametrize(
    ("done", "state"),
    [(-1, b""), (4, b"x"), (1, b""), (0, b"x"), (1, b"no npz"), (1, save({}))],
)
def test_a_state_that_cannot_be_is_refused(done: int, state: bytes) -> None:
    with pytest.raises(FederatedError):
        _lead_run(done=done, state=state)


@pytest.fixture
def joined() -> Iterator[tuple[FrameGrid, Frames]]:
    ours, theirs = map(Frames, socket.socketpair())
    yield FrameGrid(ours, JOB, SITES), theirs
    ours.close()
    theirs.close()


def test_the_grid_leaves_out_replies_to_other_messages(joined: tuple[FrameGrid, Frames]) -> None:
    grid, node = joined
    asked = [_request(site, 2) for site in SITES]
    replies = [
        to_message_bytes(_constant(1.0, site=SITES[0], number=2)),
        to_message_bytes(_constant(1.0, site=SITES[1], number=1)),
        b"\xff\xff",
    ]
    header = {"op": "replies", "sites": list(SITES), "sizes": [len(part) for part in replies]}
    node.send(header, b"".join(replies))
    messages = list(grid.send_and_receive(asked, timeout=1))
    assert [message.metadata.src_node_id for message in messages] == [node_of(JOB, SITES[0])]


def test_the_grid_asks_nobody_for_nothing(joined: tuple[FrameGrid, Frames]) -> None:
    grid, _ = joined
    assert list(grid.send_and_receive([])) == []


def test_the_rest_of_flowers_interface(joined: tuple[FrameGrid, Frames]) -> None:
    grid, _ = joined
    assert list(grid.get_node_ids()) == [2, 3, 4]
    assert [node.node_id for node in grid.get_nodes()] == [2, 3, 4]
    run = grid.run
    grid.set_run(run)
    assert grid.run is run
    message = grid.create_message(RecordDict(), "train", 2, "1")
    assert message.metadata.dst_node_id == 2


@pytest.mark.parametrize(
    "header",
    [
        {"op": "update"},
        {"op": "replies"},
        {"op": "replies", "sites": ["x"], "sizes": [3]},
        {"op": "replies", "sites": ["a", "a"], "sizes": [1, 2]},
        {"op": "replies", "sites": ["a"], "sizes": [1, 2]},
        {"op": "replies", "sites": ["a"], "sizes": [2]},
        {"op": "replies", "sites": ["a", "b"], "sizes": [4, -1]},
        {"op": "replies", "sites": ["a"], "sizes": ["3"]},
        {"op": "replies", "sites": [["a"]], "sizes": [3]},
        {"op": "replies", "sites": "a", "sizes": [3]},
    ],
)
def test_replies_that_do_not_fit_are_the_nodes_fault(header: dict[str, Any]) -> None:
    with pytest.raises(WorkerFailed):
        split(header, b"abc", ["a", "b"])


def test_replies_that_fit() -> None:
    header = {"op": "replies", "sites": ["b", "a"], "sizes": [1, 2]}
    assert split(header, b"abc", ["a", "b"]) == [("b", b"a"), ("a", b"bc")]
    assert split({"op": "replies", "sites": [], "sizes": []}, b"", ["a"]) == []
