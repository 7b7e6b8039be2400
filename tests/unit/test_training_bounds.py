"""Hostile messages of a round: they are answered with a refusal, and never end a worker."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from flwr.app import Array, ConfigRecord, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.proto.message_pb2 import Message as Protobuf
from flwr.supercore.task_identity import TaskIdentity
from hypothesis import given
from hypothesis import strategies as st

from federated.errors import RoundRefused
from federated.training.bounds import MAGIC, MOST_HEADER, most_bytes, read_array
from federated.training.flower.client import Site
from federated.training.flower.messages import LEAD_NODE, identify, node_of, seal, to_bytes
from federated.training.flower.records import ARRAYS, ROUND, SETTINGS, digest, pack
from federated.training.launch import ProcessWorkers
from federated.training.recipes import Arrays, initial
from tests.support.each import over
from tests.support.training_rig import SITES, begun, document, manifest, write_rows

JOB = manifest()
SHAPE = (4, 3)  # of the first array
Change = Callable[[Protobuf], None]


def _message(arrays: Arrays | None = None, number: int = 1) -> bytes:
    """Return the lead's message of a round to the first site."""
    before = (TaskIdentity._run_id, TaskIdentity._node_id, TaskIdentity._task_id)
    identify(JOB, LEAD_NODE)
    settings = ConfigRecord({ROUND: number})
    content = RecordDict({ARRAYS: pack(arrays or initial(JOB)), SETTINGS: settings})
    message = seal(Message(content, node_of(JOB, SITES[0]), "train", group_id=str(number)), JOB)
    TaskIdentity._run_id, TaskIdentity._node_id, TaskIdentity._task_id = before
    return to_bytes(message)


GOOD = _message()


def _changed(change: Change) -> bytes:
    message = Protobuf.FromString(GOOD)
    change(message)
    return message.SerializeToString()


def _first(message: Protobuf) -> Array:
    records = {item.key: item for item in message.content.items}
    return records[ARRAYS].array_record.items[0].value


def _header(text: bytes, *, size: int | None = None, magic: bytes = MAGIC) -> Change:
    """Put another npy header before the first array's floats."""

    def change(message: Protobuf) -> None:
        length = (len(text) if size is None else size).to_bytes(2, "little")
        _first(message).data = magic + length + text + bytes(4 * math.prod(SHAPE))

    return change


def _described(descr: str = "'<f4'", order: str = "False", shape: str = "(4, 3)") -> bytes:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}".encode()


def _set(**values: object) -> Change:
    def change(message: Protobuf) -> None:
        array = _first(message)
        for name, value in values.items():
            if name == "shape":
                array.shape[:] = value
            else:
                setattr(array, name, value)

    return change


def _many_records(message: Protobuf) -> None:
    for number in range(500):
        message.content.items.add(key=f"more-{number}").metric_record.SetInParent()


def _twice(message: Protobuf) -> None:
    message.content.items.add().CopyFrom(message.content.items[0])


def _many_arrays(message: Protobuf) -> None:
    records = {item.key: item for item in message.content.items}
    for number in range(500):
        records[ARRAYS].array_record.items.add(key=f"layers.{number}.weight")


def _other_kind(message: Protobuf) -> None:
    records = {item.key: item for item in message.content.items}
    records[ARRAYS].metric_record.SetInParent()


def _setting(**value: object) -> Change:
    def change(message: Protobuf) -> None:
        records = {item.key: item for item in message.content.items}
        (item,) = records[SETTINGS].config_record.items
        item.value.Clear()
        for name, each in value.items():
            setattr(item.value, name, each)

    return change


def _error(message: Protobuf) -> None:
    message.error.code = 1


def _weights(value: float, number: int = 2) -> bytes:
    arrays = initial(JOB)
    bias = np.full_like(arrays["layers.1.bias"], value)
    return _message({**arrays, "layers.1.bias": bias}, number)


HOSTILE: dict[str, bytes] = {
    "empty": b"",
    "no protobuf": b"\xff" * 64,
    "groups within groups": b"\x0b" * 2000,
    "cut short": GOOD[:-1],
    "cut in half": GOOD[: len(GOOD) // 2],
    "too large": GOOD + bytes(most_bytes(JOB)),
    "brackets": _changed(_header(b"(" * 9000)),
    "few brackets": _changed(_header(b"(" * 400)),
    "a header that is code": _changed(_header(b"__import__('os')._exit(1)")),
    "a header past the end": _changed(_header(_described(), size=65_535)),
    "a header within bounds past the end": _changed(_header(b"", size=MOST_HEADER)),
    "no header": _changed(_header(b"")),
    "padding too long": _changed(_header(_described() + b" " * MOST_HEADER)),
    "another npy version": _changed(_header(_described(), magic=b"\x93NUMPY\x02\x00")),
    "64 bits": _changed(_header(_described(descr="'<f8'"))),
    "big-endian": _changed(_header(_described(descr="'>f4'"))),
    "objects": _changed(_header(_described(descr="'|O'"))),
    "columns first": _changed(_header(_described(order="True"))),
    "another shape": _changed(_header(_described(shape="(3, 4)"))),
    "a huge shape": _changed(_header(_described(shape="(99999999999, 3)"))),
    "a negative shape": _changed(_header(_described(shape="(-4, -3)"))),
    "a huge shape declared": _changed(_set(shape=[2**31 - 1, 2**31 - 1])),
    "another shape declared": _changed(_set(shape=[3, 4])),
    "no data": _changed(_set(data=b"")),
    "more data": _changed(lambda m: _set(data=_first(m).data + b"\0")(m)),
    "less data": _changed(lambda m: _set(data=_first(m).data[:-1])(m)),
    "another serialiser": _changed(_set(stype="pickle")),
    "many records": _changed(_many_records),
    "a record twice": _changed(_twice),
    "many arrays": _changed(_many_arrays),
    "a record of another kind": _changed(_other_kind),
    "an error beside": _changed(_error),
    "a round of text": _changed(_setting(string="1")),
    "a round of true": _changed(_setting(bool=True)),
    "no round": _changed(_setting()),
    "another round": _changed(_setting(sint64=2)),
    "NaN": _weights(math.nan),
    "infinity": _weights(-math.inf),
    "a weight out of bounds": _weights(1001.0),
    "another start than the manifest's": _weights(0.5, 1),
}


def _site() -> Site:
    return Site(ClientApp(), JOB, SITES[0])


def test_the_message_that_the_others_are_made_of_is_read() -> None:
    assert _site().check(1, GOOD) == digest(initial(JOB))
    assert _site().check(2, _weights(990.0)) != digest(initial(JOB))


@over("name", HOSTILE)
def test_a_hostile_message_is_refused(name: str) -> None:
    with pytest.raises(RoundRefused):
        _site().check(_number(name), HOSTILE[name])


def _number(name: str) -> int:
    return 2 if name in ("NaN", "infinity", "a weight out of bounds") else 1


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[dict[str, object]]]:
    """Return what one real worker answered to all hostile messages, and to a good one at last."""
    folder = tmp_path_factory.mktemp("worker")
    file = write_rows(folder / "rows.csv", 20)
    data = {"path": str(file), "format": "csv", "person_format": "text", "rows": list[str]()}
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    start = {"op": "start", "manifest": json.dumps(document()), "data": {**data, "digest": digest}}
    worker = ProcessWorkers().start("site", folder / "job")
    try:
        worker.send({**start, "population": 100, "site": SITES[0], "key": "", "row_key": ""})
        found = [begun(worker)]
        for name, message in {**HOSTILE, "good": GOOD}.items():
            worker.send({"op": "round", "round": _number(name)}, message)
            found.append(worker.receive(60)[0])
        worker.send({"op": "go", "round": 1})
        found.append(worker.receive(60)[0])
        yield found
    finally:
        worker.stop()


def test_no_hostile_message_ends_the_worker(answers: list[dict[str, object]]) -> None:
    ready, *refused, checked, update = answers
    assert ready["op"] == "ready"
    assert {(answer["op"], answer.get("code")) for answer in refused} == {
        ("failed", "ROUND_REFUSED")
    }
    assert len(refused) == len(HOSTILE)
    assert checked == {"op": "checked", "round": 1, "digest": digest(initial(JOB))}
    assert update == {"op": "update", "round": 1}


@given(st.data())
def test_whatever_is_done_to_the_bytes_there_is_an_answer(data: st.DataObject) -> None:
    message = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(message)))
        if data.draw(st.booleans()):
            message[at : at + 1] = bytes([data.draw(st.integers(0, 255))])
        else:
            end = data.draw(st.integers(at, len(message)))
            message[at:end] = data.draw(st.binary(max_size=40))
    try:
        found = _site().check(1, bytes(message))
    except RoundRefused:
        return
    assert len(found) == 64


@given(st.binary(max_size=600))
def test_an_array_is_what_its_one_header_says_or_none(header: bytes) -> None:
    floats = np.arange(12, dtype="<f4")
    length = len(header).to_bytes(2, "little")
    data = MAGIC + length + header + floats.tobytes()
    good = MAGIC + length + _described().ljust(len(header)) + floats.tobytes()
    if header.rstrip(b" \n") != _described():
        with pytest.raises(RoundRefused):
            read_array(data, SHAPE)
    if len(_described()) <= len(header) <= MOST_HEADER:
        assert np.array_equal(read_array(good, SHAPE), floats.reshape(SHAPE))


def test_a_digest_tells_names_shapes_and_values_apart() -> None:
    one = np.array([[1.0, 2.0]], np.float32)
    found = {
        digest(arrays)
        for arrays in (
            {"a": one},
            {"b": one},
            {"a": one.T.copy()},
            {"a": one.ravel()},
            {"a": -one},
            {"a": one, "b": one},
            {"b": one, "a": one},
        )
    }
    assert len(found) == 7
    assert digest({"a": one.T}) == digest({"a": one.T.copy()})  # memory's order says nothing
    text = b"1 3 a 1,2 " + one.tobytes()
    assert digest({"a": one}) == hashlib.sha256(text).hexdigest()


def test_what_numpy_writes_is_read() -> None:
    for shape in ((1,), (4,), (4, 3), (1, 512)):
        array = np.ones(shape, np.float32)
        assert np.array_equal(read_array(Array(array).data, shape), array)


def test_messages_lie_well_within_their_bound() -> None:
    assert len(GOOD) < most_bytes(JOB)
