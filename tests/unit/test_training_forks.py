"""What workers of sites are forked from: its forks, its files, its end."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from federated.training import launch
from federated.training.forks import Fork
from federated.training.launch import ProcessWorker, ProcessWorkers
from tests.support.federation import wait_for
from tests.support.training_rig import SITES, Federation, begun, task, write_rows


@pytest.fixture
def federation(tmp_path: Path) -> Federation:
    files = {site: write_rows(tmp_path / f"{at}.csv", 20) for at, site in enumerate(SITES)}
    return Federation(task(), files, tmp_path)


@pytest.fixture
def workers() -> Iterator[ProcessWorkers]:
    held = ProcessWorkers()
    yield held
    held.close()


def _ready(worker: ProcessWorker, federation: Federation, site: str = SITES[0]) -> dict[str, str]:
    worker.send({**federation._start(site), "manifest": json.dumps(federation.document)})
    said = begun(worker)
    assert said["op"] == "ready", said
    return {name: str(value) for name, value in said.items()}


def _exists(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.mark.usefixtures("whole_children")
def test_a_fork_is_confined_as_any_worker(
    workers: ProcessWorkers, federation: Federation, tmp_path: Path
) -> None:
    files = list(federation.files.values())
    workers.ready(tmp_path, files, ["exact"])
    said, limits = [], []
    for name, readable in (("forked", files), ("whole", [])):
        worker = workers.start("site", tmp_path / name, readable)
        try:
            assert isinstance(worker._process, Fork) is bool(readable)
            said.append(_ready(worker, federation))
            status = Path(f"/proc/{worker.pid}/status").read_text(encoding="ascii")
            limits.append(re.findall(r"(?:Uid|CapEff|NoNewPrivs|Seccomp):.*", status))
            assert os.getsid(worker.pid) == worker.pid
            assert Path(f"/proc/{worker.pid}/cwd").readlink() == tmp_path / name
        finally:
            worker.stop()
    assert said[0] == said[1]
    assert limits[0] == limits[1]
    (server,) = (held._process.pid for held in workers._servers.values())
    variables = Path(f"/proc/{server}/environ").read_bytes()
    assert b"FLWR_TELEMETRY_ENABLED=0" in variables
    assert b"PREAU" not in variables
    status = Path(f"/proc/{server}/status").read_text(encoding="ascii")
    assert ("Seccomp:\t2" in status) is ("seccomp" in said[0]["isolation"])
    assert re.findall(r"(?:Uid|CapEff|NoNewPrivs):.*", status) == limits[0][:3]


def test_forks_of_one_process_draw_their_own_noise(
    workers: ProcessWorkers, federation: Federation, tmp_path: Path
) -> None:
    assert federation.run()
    message, updates = federation.requests[1, SITES[0]], set[bytes]()
    for name in ("a", "b"):
        worker = workers.start("site", tmp_path / name, federation.files.values())
        try:
            _ready(worker, federation)
            worker.send({"op": "round", "round": 1}, message)
            assert worker.receive(60)[0]["op"] == "checked"
            worker.send({"op": "go", "round": 1})
            updates.add(worker.receive(60)[1])
        finally:
            worker.stop()
    assert len(updates) == 2


def test_a_file_that_took_the_place_of_another_is_read(
    workers: ProcessWorkers, federation: Federation, tmp_path: Path
) -> None:
    rows = federation.files[SITES[0]]
    before = workers.start("site", tmp_path / "before", [rows])
    (tmp_path / "new.csv").write_bytes(rows.read_bytes())
    (tmp_path / "new.csv").rename(rows)
    after = workers.start("site", tmp_path / "after", [rows])
    try:
        assert isinstance(after._process, Fork)
        assert _ready(after, federation)
    finally:
        before.stop()
        after.stop()


def test_what_is_not_to_be_had_by_forks_is_started_whole(
    workers: ProcessWorkers,
    federation: Federation,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    rows = federation.files[SITES[0]]
    workers.ready(tmp_path, [rows], ["exact"])
    (server,) = (held._process for held in workers._servers.values())
    os.killpg(server.pid, signal.SIGKILL)
    server.wait(20)
    worker = workers.start("site", tmp_path / "whole", [rows])
    again = workers.start("site", tmp_path / "again", [rows])
    try:
        assert not isinstance(worker._process, Fork)
        assert "a worker was not forked" in caplog.text
        assert isinstance(again._process, Fork)
        assert _ready(worker, federation)
    finally:
        worker.stop()
        again.stop()


def test_files_that_are_too_many_to_name_keep_no_worker_from_starting(
    workers: ProcessWorkers, federation: Federation, tmp_path: Path
) -> None:
    many = [tmp_path / f"{at:0200}" for at in range(2_000)]  # more than a message takes
    worker = workers.start("site", tmp_path / "job", [federation.files[SITES[0]], *many])
    try:
        assert not isinstance(worker._process, Fork)
        assert _ready(worker, federation)
    finally:
        worker.stop()


def test_it_ends_when_no_contract_calls_for_it_and_its_forks_go_on(
    workers: ProcessWorkers, federation: Federation, tmp_path: Path
) -> None:
    rows = federation.files[SITES[0]]
    worker = workers.start("site", tmp_path / "job", [rows])
    (server,) = (held._process.pid for held in workers._servers.values())
    workers.ready(tmp_path, [], ["exact"])
    try:
        assert _ready(worker, federation)
        assert _exists(server)  # who would else reap it
    finally:
        worker.stop()
    assert wait_for(lambda: not _exists(server))
    assert not _exists(worker.pid)


def test_nothing_is_forked_where_the_system_cannot_name_processes(
    monkeypatch: pytest.MonkeyPatch, federation: Federation, tmp_path: Path
) -> None:
    monkeypatch.delattr(launch.os, "pidfd_open")
    workers = ProcessWorkers()
    worker = workers.start("site", tmp_path / "job", [federation.files[SITES[0]]])
    try:
        assert not isinstance(worker._process, Fork)
        assert _ready(worker, federation)
    finally:
        worker.stop()
