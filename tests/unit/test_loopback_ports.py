"""Ports that are chosen before their server listens."""

from __future__ import annotations

import socket
from itertools import islice
from pathlib import Path

import loopback
import pytest
from loopback import Ports
from space import free_port as port_of_the_example

from tests.support.ports import free_port


def of_the_kernel() -> range:
    low, high = map(int, loopback.RANGE.read_text(encoding="ascii").split())
    return range(low, high + 1)


@pytest.mark.parametrize("choose", [free_port, port_of_the_example])
def test_the_kernel_gives_the_same_number_to_nobody(choose: object) -> None:
    assert callable(choose)
    chosen = [choose() for _ in range(50)]
    assert len(set(chosen)) == 50
    assert not set(chosen) & set(of_the_kernel())


def test_processes_of_one_run_never_meet() -> None:
    parts = [set(islice(Ports(part, 40), 100)) for part in range(40)]
    assert len(set.union(*parts)) == 4000


def test_processes_begin_at_different_places(monkeypatch: pytest.MonkeyPatch) -> None:
    first = set()
    for pid in range(1000, 1100):
        monkeypatch.setattr("os.getpid", lambda pid=pid: pid)
        first.add(next(Ports()))
    assert len(first) == 100


def test_a_port_that_is_taken_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getpid", lambda: 0)
    free = next(Ports())
    with socket.create_server(("127.0.0.1", free)):
        assert next(Ports()) != free
    assert next(Ports()) == free


def test_ports_come_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback, "LAST", loopback.FIRST + 20)
    given = Ports()
    assert list(islice(given, 1)) != []
    with pytest.raises(RuntimeError, match="no port"):
        list(given)


def test_a_kernel_that_takes_every_port_leaves_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "range").write_text("1024\t65535\n")
    monkeypatch.setattr(loopback, "RANGE", tmp_path / "range")
    assert next(Ports()) >= loopback.FIRST
