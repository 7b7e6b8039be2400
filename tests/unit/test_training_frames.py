from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from federated.errors import WorkerFailed
from federated.training.roles import frames as module
from federated.training.roles.frames import Frames
from tests.support.each import over


@pytest.fixture
def pair() -> Iterator[tuple[Frames, socket.socket]]:
    ours, theirs = socket.socketpair()
    frames = Frames(ours)
    yield frames, theirs
    frames.close()
    theirs.close()


def _raw(header: bytes, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(header)) + header + struct.pack(">Q", len(payload)) + payload


def test_a_frame_is_the_four_parts_of_the_format(pair: tuple[Frames, socket.socket]) -> None:
    frames, theirs = pair
    frames.send({"op": "round", "round": 1}, b"abc")
    assert theirs.recv(4096) == _raw(b'{"op":"round","round":1}', b"abc")


def test_frames_arrive_whole_and_in_order(pair: tuple[Frames, socket.socket]) -> None:
    frames, theirs = pair
    other = Frames(theirs)
    payload = bytes(range(256)) * 20_000
    sender = threading.Thread(target=other.send, args=({"n": 1}, payload))
    sender.start()
    assert frames.receive(10) == ({"n": 1}, payload)
    sender.join(10)
    other.send({"n": 2})
    assert frames.receive(10) == ({"n": 2}, b"")


@over(
    ("data", "reason"),
    [
        (_raw(b"{"), "not JSON"),
        (_raw(b"[" * 5000), "not JSON"),
        (_raw(b"\xff"), "not JSON"),
        (_raw(b"[1]"), "not an object"),
        (struct.pack(">I", module.MAX_HEADER + 1), "larger than it may be"),
        (_raw(b"{}")[:-8] + struct.pack(">Q", module.MAX_PAYLOAD + 1), "larger than it may be"),
    ],
)
def test_what_is_no_frame_is_refused(
    pair: tuple[Frames, socket.socket], data: bytes, reason: str
) -> None:
    frames, theirs = pair
    theirs.sendall(data)
    with pytest.raises(WorkerFailed, match=reason):
        frames.receive(5)


@pytest.mark.parametrize("data", [b"", b"\0", _raw(b"{}", b"abc")[:-1]])
def test_an_end_in_the_middle_is_noticed(pair: tuple[Frames, socket.socket], data: bytes) -> None:
    frames, theirs = pair
    theirs.sendall(data)
    theirs.close()
    with pytest.raises(WorkerFailed, match="has ended"):
        frames.receive(5)


@pytest.mark.parametrize("data", [b"", b"\0\0", _raw(b"{}", b"abc")[:-1]])
def test_silence_has_an_end(pair: tuple[Frames, socket.socket], data: bytes) -> None:
    frames, theirs = pair
    theirs.sendall(data)
    with pytest.raises(WorkerFailed, match="silent"):
        frames.receive(0.05)


def test_a_reader_that_does_not_read_has_an_end(pair: tuple[Frames, socket.socket]) -> None:
    frames, _ = pair
    with pytest.raises(WorkerFailed, match="does not read"):
        frames.send({}, bytes(8_000_000), seconds=0.05)


def test_sending_to_nobody_is_noticed(pair: tuple[Frames, socket.socket]) -> None:
    frames, theirs = pair
    theirs.close()
    with pytest.raises(WorkerFailed, match="has ended"):
        frames.send({}, bytes(8_000_000))


def test_too_large_a_frame_is_not_sent(
    pair: tuple[Frames, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    frames, theirs = pair
    monkeypatch.setattr(module, "MAX_PAYLOAD", 3)
    monkeypatch.setattr(module, "MAX_HEADER", 9)
    with pytest.raises(WorkerFailed, match="larger"):
        frames.send({}, b"abcd")
    with pytest.raises(WorkerFailed, match="larger"):
        frames.send({"op": "round"})
    frames.send({"op": 1}, b"abc")
    assert theirs.recv(4096) == _raw(json.dumps({"op": 1}, separators=(",", ":")).encode(), b"abc")


def test_closing_wakes_a_reader(pair: tuple[Frames, socket.socket]) -> None:
    frames, _ = pair
    caught: list[str] = []

    def read() -> None:
        try:
            frames.receive(None)
        except WorkerFailed as exc:
            caught.append(exc.reason)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    frames.close()
    frames.close()
    reader.join(10)
    assert caught == ["the worker has ended"]
    with pytest.raises(WorkerFailed):
        frames.send({})
