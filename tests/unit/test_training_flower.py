"""Flower's parts: private touches, messages, client, strategy and grid, without processes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import flwr
import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Error, Message, MetricRecord, RecordDict
from flwr.supercore.task_identity import TaskIdentity

from federated.errors import RoundRefused
from federated.job import JobManifest
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
from federated.training.recipes import initial
from tests.support.each import over
from tests.support.flower import JOB, answer_of, as_lead, persons_of, request_to, site_of
from tests.support.training_rig import SITES, manifest


@pytest.fixture(autouse=True)
def _lead() -> Iterator[None]:
    with as_lead():
        yield


KNOWN = "2f057ff108a12402ef1b9edf396c3e770cc223eff81d9e4e08d3eb03180193a9"


# The private touches


def test_flower_is_the_one_that_the_touches_were_written_for() -> None:
    assert flwr.__version__.startswith("1.42.")


def test_a_message_keeps_its_id_under_the_name_that_is_set() -> None:
    message = request_to()
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
    data = to_message_bytes(request_to(content=content))
    # Frozen: another Flower that writes other bytes must be noticed, since both ends compare them.
    assert hashlib.sha256(data).hexdigest() == KNOWN
    assert data == to_message_bytes(request_to(content=content))


def test_equal_messages_have_equal_ids_and_others_have_others() -> None:
    ids = {
        message.metadata.message_id
        for message in (
            request_to(),
            request_to(),
            request_to(number=2),
            request_to(SITES[1]),
            request_to(job=manifest(job="urn:uuid:other")),
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


@over("content", BAD_CONTENT.values(), BAD_CONTENT)
def test_content_that_is_no_model_is_refused(content: RecordDict) -> None:
    data = to_message_bytes(request_to(content=content))
    with pytest.raises(RoundRefused):
        unpack(from_bytes(data, JOB).content, JOB)


# The site


def test_a_site_answers_with_arrays_and_nothing_else() -> None:
    reply = from_bytes(answer_of(site_of(), to_message_bytes(request_to())), JOB)
    assert list(reply.content) == [ARRAYS]
    arrays = unpack(reply.content, JOB)
    assert {name: array.shape for name, array in arrays.items()} == {
        name: array.shape for name, array in initial(JOB).items()
    }
    assert any(not np.array_equal(arrays[name], array) for name, array in initial(JOB).items())
    metadata = reply.metadata
    assert metadata.reply_to_message_id == request_to().metadata.message_id
    assert (metadata.created_at, metadata.ttl) == (0, JOB.deadline.timestamp())
    assert (metadata.src_node_id, metadata.dst_node_id) == (2, LEAD_NODE)


def test_what_leaves_is_as_large_whatever_the_rows() -> None:
    request = to_message_bytes(request_to())
    sizes = {len(answer_of(site_of(persons_of(count)), request)) for count in (0, 1, 40)}
    assert len(sizes) == 1


def test_the_same_noise_gives_the_same_bytes() -> None:
    request = to_message_bytes(request_to())
    assert answer_of(site_of(), request) == answer_of(site_of(), request)


def test_a_round_is_answered_once_and_only_when_it_was_checked() -> None:
    site, request = site_of(), to_message_bytes(request_to())
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
    "another round asked": (2, request_to),
    "round zero": (0, lambda: request_to(number=0)),
    "beyond the last round": (4, lambda: request_to(number=4)),
    "another round inside": (1, lambda: request_to(number=2, group="1")),
    "another round outside": (1, lambda: request_to(number=1, group="2")),
    "another site": (1, lambda: request_to(SITES[1])),
    "another job": (1, lambda: _from_run(OTHER)),
    "not from the lead": (1, lambda: _from_node(9)),
    "evaluation": (1, lambda: request_to(kind="evaluate")),
    "another action": (1, lambda: request_to(kind="train.more")),
    "an error": (1, lambda: seal(Message(Error(1), reply_to=request_to()), JOB)),
    "no settings": (1, lambda: request_to(content=RecordDict({ARRAYS: pack(initial(JOB))}))),
    "more settings": (1, lambda: _settings({ROUND: 1, "lr": 100.0})),
    "round no number": (1, lambda: _settings({ROUND: "1"})),
    "round boolean": (1, lambda: _settings({ROUND: True})),
    "no arrays": (1, lambda: request_to(content=RecordDict({SETTINGS: ConfigRecord({ROUND: 1})}))),
}


def _settings(values: dict[str, Any]) -> Message:
    content = RecordDict({ARRAYS: pack(initial(JOB)), SETTINGS: ConfigRecord(values)})
    return request_to(content=content)


def _from_run(job: JobManifest) -> Message:
    identify(job, LEAD_NODE)
    return request_to()


def _from_node(node: int) -> Message:
    identify(JOB, node)
    return request_to()


@over(("number", "make"), BAD_REQUESTS.values(), BAD_REQUESTS)
def test_a_round_that_may_not_be_asked_is_refused(number: int, make: Any) -> None:
    persons = persons_of()
    site = site_of(persons)
    with pytest.raises(RoundRefused):
        site.check(number, to_message_bytes(make()))
    assert answer_of(site, to_message_bytes(_request_as_lead()))


def _request_as_lead() -> Message:
    identify(JOB, LEAD_NODE)
    return request_to()


def test_a_site_of_another_job_is_none() -> None:
    with pytest.raises(RoundRefused):
        site_of(site="did:web:other.example")
