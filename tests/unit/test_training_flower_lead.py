"""The lead's side of Flower: strategy, grid and a whole job, without processes."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from flwr.app import ArrayRecord, ConfigRecord, Error, Message, RecordDict

from federated.aggregation import masked, narrowed, side
from federated.errors import FederatedError, TooFewSites, WorkerFailed
from federated.job import JobManifest
from federated.task.evaluation import ALL_SITES
from federated.training.checkpoint import load, save
from federated.training.flower import strategy
from federated.training.flower.grid import FrameGrid, split
from federated.training.flower.messages import node_of, seal
from federated.training.flower.messages import to_bytes as to_message_bytes
from federated.training.flower.records import ARRAYS, EVALUATION, pack, pack_cells, unpack
from federated.training.flower.strategy import DeclaredAverage
from federated.training.recipes import MOST_WEIGHT, initial
from federated.training.roles import lead as lead_role
from federated.training.roles.frames import Frames
from tests.support.each import over
from tests.support.flower import JOB, answer_of, as_lead, constant, request_to, site_of
from tests.support.training_rig import SITES, contract, document, manifest, task


@pytest.fixture(autouse=True)
def _lead() -> Iterator[None]:
    with as_lead():
        yield


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
    replies = [constant(value, site=site) for value, site in zip(values, SITES, strict=True)]
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
        replies = [constant(MOST_WEIGHT, site=site) for site in SITES]
        sent = replies[0].content.array_records[ARRAYS]
        averaged = _averaging(manifest(contracts=contracts), sent=sent)
        record, _ = averaged.aggregate_train(1, replies)
        assert record is not None
        return float(record["layers.0.bias"].numpy()[0])

    assert average() == MOST_WEIGHT
    monkeypatch.setattr(strategy, "_bounded", lambda record: record)
    assert average() > MOST_WEIGHT


def test_the_order_of_replies_does_not_matter() -> None:
    replies = [constant(value, site=s) for value, s in zip((0.1, 0.2, 1 / 3), SITES, strict=True)]
    one, _ = _averaging().aggregate_train(1, replies)
    replies = [constant(value, site=s) for value, s in zip((0.1, 0.2, 1 / 3), SITES, strict=True)]
    two, _ = _averaging().aggregate_train(1, reversed(replies))
    assert _value(one) == _value(two)


def test_who_did_not_answer_does_not_weigh() -> None:
    job = manifest(quorum=2)
    averaging = _averaging(job, done=1)
    record, _ = averaging.aggregate_train(
        1, [constant(0.3, site=SITES[2]), constant(0.1, site=SITES[0])]
    )
    assert _value(record) == pytest.approx((100 * 0.1 + 300 * 0.3) / 400)
    assert averaging.answered == (SITES[0], SITES[2])


def _error(site: str) -> Message:
    return seal(Message(Error(3, "lost"), reply_to=request_to(site)), JOB)


def _poisoned(site: str) -> Message:
    arrays = {name: np.full_like(array, np.nan) for name, array in initial(JOB).items()}
    return seal(Message(RecordDict({ARRAYS: pack(arrays)}), reply_to=request_to(site)), JOB)


def _far(site: str) -> Message:
    return constant(MOST_WEIGHT, site=site)


@pytest.mark.parametrize(
    ("make", "why"), [(_error, "no model"), (_poisoned, "out of bounds"), (_far, "further away")]
)
def test_a_reply_that_is_no_update_does_not_enter(make: Any, why: str) -> None:
    good = [constant(0.1, site=SITES[0]), constant(0.1, site=SITES[1])]
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
    replies = [constant(0.1, site=site) for site in answered]
    reason = f"{len(answered)} sites answered round 3, quorum is 3"
    with pytest.raises(TooFewSites, match=reason) as caught:
        _averaging(done=2).aggregate_train(1, replies)
    assert caught.value.code == "TOO_FEW_SITES"


def test_a_site_that_does_not_take_part_does_not_enter() -> None:
    averaging = _averaging(manifest(quorum=2), SITES[:2])
    record, _ = averaging.aggregate_train(
        1, [constant(n / 10, site=s) for n, s in enumerate(SITES)]
    )
    assert _value(record) == pytest.approx(20 / 300)


@pytest.mark.parametrize("adds", [3, 2, 1])
def test_counts_under_masks_are_told_where_all_sites_of_a_sum_are_there(adds: int) -> None:
    """A site that signed a key and is silent takes the counts away, and nothing else."""
    evaluated = {"every": 3, "bins": 2, "noiseMultiplier": "none"}
    job = manifest(**task(evaluation=evaluated))
    counts = {site: [at, 2, 30, 4] for at, site in enumerate(SITES)}
    replies = list[Message]()
    for site, cells in counts.items():
        others = [each for each in SITES if each != site]
        masks = [side(bytes(32), site, each, b"a round") for each in others]
        content = RecordDict({ARRAYS: pack(initial(job))})
        if len(replies) < adds:
            content[EVALUATION] = pack_cells(narrowed(masked(cells, masks)))
        replies.append(seal(Message(content, reply_to=request_to(site)), job))
    averaging = _averaging(job, done=3)
    averaging.aggregate_train(1, replies)
    assert averaging.answered == SITES
    assert averaging.scores == ({ALL_SITES: [3, 6, 90, 12]} if adds == 3 else {})


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
                replies.append((site, answer_of(site_of(site=site), request, header["round"])))
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


@over(("done", "state"), [(-1, b""), (4, b"x"), (1, b""), (0, b"x"), (1, b"no npz"), (1, save({}))])
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
    asked = [request_to(site, 2) for site in SITES]
    replies = [
        to_message_bytes(constant(1.0, site=SITES[0], number=2)),
        to_message_bytes(constant(1.0, site=SITES[1], number=1)),
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


@over(
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
