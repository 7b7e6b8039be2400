"""Bytes that pass from socket to socket by the kernel: none is lost, none comes twice."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from connector.peer.connections.pipe import Pipe

DATA = os.urandom(1 << 20)


@pytest.fixture
def ends() -> Iterator[list[socket.socket]]:
    """Who sends, the source, the target, and who receives."""
    with ExitStack() as open_ones:
        found = [open_ones.enter_context(each) for _ in "ab" for each in socket.socketpair()]
        for each in found:
            each.settimeout(0)
        yield found


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def test_what_the_target_does_not_take_comes_back(pipe: Pipe, ends: list[socket.socket]) -> None:
    sender, source, target, receiver = ends
    assert pipe.move(source.fileno(), target.fileno()) == (0, b"")  # nothing has come
    sent, found, rests = 0, bytearray(), 0
    while len(found) < len(DATA):
        if sent < len(DATA):
            sent += sender.send(DATA[sent : sent + 50_000])
        _, rest = pipe.move(source.fileno(), target.fileno())
        if rest or sent == len(DATA):  # only now somebody reads
            while part := _read(receiver):
                found += part
        found += rest
        rests += bool(rest)
    assert bytes(found) == DATA
    assert rests


def _read(end: socket.socket) -> bytes:
    try:
        return end.recv(1 << 20)
    except BlockingIOError:
        return b""


def test_a_target_that_is_gone_leaves_the_pipe_empty(pipe: Pipe, ends: list[socket.socket]) -> None:
    sender, source, target, receiver = ends
    receiver.close()
    sender.send(b"lost")
    assert pipe.move(source.fileno(), target.fileno()) == (4, b"lost")
    sender.close()
    assert pipe.move(source.fileno(), target.fileno()) == (0, b"")
