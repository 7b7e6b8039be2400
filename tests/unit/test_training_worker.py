"""Worker processes as a node meets them: start, isolation, failures, ends."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from federated.confinement.confine import WORKER_USERS
from federated.errors import FederatedError, WorkerFailed
from federated.training import code_hash, launch
from federated.training.launch import ProcessWorker, ProcessWorkers
from federated.training.roles import site as site_role
from federated.training.roles.frames import Frames
from federated.training.worker import EXPENDABLE, NICE
from tests.support.federation import wait_for
from tests.support.training_rig import SITES, begun, document, task, write_rows


@pytest.fixture(params=["forked", "whole"])
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[ProcessWorker]:
    """A worker that is forked from a process that has loaded its libraries, and one that is not."""
    workers = ProcessWorkers()
    files = [tmp_path / "rows.csv"] if request.param == "forked" else []
    if files:
        files[0].touch()  # what is not there when the server closes itself to files stays closed
    worker = workers.start("site", tmp_path / "job", files, _engine(request))
    yield worker
    worker.stop()
    workers.close()


def _engine(request: pytest.FixtureRequest) -> str:
    return "opacus" if "opacus" in request.node.name else "exact"


def _start(path: Path, **changes: Any) -> dict[str, Any]:
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "0" * 64
    header = {
        "op": "start",
        "manifest": json.dumps(document()),
        "data": {
            "path": str(path),
            "format": "csv",
            "digest": digest,
            "person_format": "text",
            "rows": [],
        },
        "population": 100,
        "site": SITES[0],
        "node": 7,
        "key": "",
        "row_key": "",
    }
    return {**header, **changes}


def _answer(worker: ProcessWorker) -> tuple[str, str]:
    header, payload = worker.receive(120)
    assert set(header) == {"op", "code", "reason"}
    assert header["op"] == "failed"
    assert payload == b""
    return header["code"], header["reason"]


def test_importing_the_launcher_loads_nothing_heavy() -> None:
    program = (
        "import sys; import federated.training.launch, federated.training; "
        "federated.training.code_hash(); "
        "print([m for m in ('torch','flwr','opacus','numpy','dp_accounting') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


def test_arrow_loads_no_pandas_in_a_confined_process() -> None:
    assert importlib.util.find_spec("pandas")  # else nothing is shown
    program = (
        "import sys; from federated.confinement.confine import confine; confine(); "
        "import pyarrow as pa; pa.array([1]); print('pandas' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "False"


def test_the_code_hash_is_one_of_the_sources(tmp_path: Path) -> None:
    assert code_hash() == code_hash()
    assert len(code_hash()) == 64
    package = Path(launch.__file__).parents[1]
    other = tmp_path / "federated"
    subprocess.run(["cp", "-r", str(package), str(other)], check=True, timeout=60)
    program = "from federated.training import code_hash; print(code_hash())"

    def elsewhere() -> str:
        done = subprocess.run(
            [sys.executable, "-P", "-c", program],
            env={"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout.strip()

    assert elsewhere() == code_hash()
    with (other / "training" / "noise.py").open("a", encoding="utf-8") as source:
        source.write("# one more line\n")
    assert elsewhere() != code_hash()


@pytest.mark.parametrize(
    ("named", "accepted", "answer"),
    [
        ("00" * 32, "", "ready"),  # the lead has another release; the node accepted it for this one
        ("", "00" * 32, "failed"),
        ("00" * 32, None, "failed"),
    ],
)
def test_a_site_runs_what_its_node_accepted_its_own_recipe_for(
    site: ProcessWorker, tmp_path: Path, named: str, accepted: str | None, answer: str
) -> None:
    manifest = document()
    manifest["code"] = named or code_hash()
    header = _start(write_rows(tmp_path / "rows.csv", 20), manifest=json.dumps(manifest))
    if accepted is not None:
        header["recipe"] = accepted or code_hash()
    site.send(header)
    assert begun(site)["op"] == answer


def _loaded(worker: ProcessWorker) -> set[str]:
    """Return the libraries of compiled code that a process has loaded."""
    maps = Path(f"/proc/{worker.pid}/maps").read_text(encoding="utf-8")
    return set(re.findall(r"/site-packages/(\w+)/", maps))


@pytest.mark.usefixtures("whole_children")
def test_a_worker_of_opacus_loads_torch_and_stays_small(
    site: ProcessWorker, tmp_path: Path
) -> None:
    manifest = json.dumps({**task(engine="opacus"), "code": code_hash("opacus")})
    site.send(_start(write_rows(tmp_path / "rows.csv", 20), manifest=manifest))
    header = begun(site)
    assert (header["op"], header["recipe"]) == ("ready", code_hash("opacus"))
    assert header["recipe"] != code_hash()
    assert {"opacus", "torch"} <= set(header["versions"])
    assert {"numpy", "torch"} <= _loaded(site)
    assert "scipy" not in _loaded(site)  # of Opacus's accountants
    status = Path(f"/proc/{site.pid}/status").read_text(encoding="ascii")
    assert int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024 < 450e6


@pytest.mark.usefixtures("whole_children")
def test_a_site_that_is_ready_says_how_it_is_isolated(site: ProcessWorker, tmp_path: Path) -> None:
    site.send(_start(write_rows(tmp_path / "rows.csv", 20)))
    header = begun(site)
    assert header["op"] == "ready"
    assert header["recipe"] == code_hash()
    assert {"python", "numpy", "dp-accounting"} <= set(header["versions"])
    assert not _loaded(site) & {"torch", "scipy"}
    interfaces = Path(f"/proc/{site.pid}/net/dev").read_text(encoding="ascii").splitlines()[2:]
    names = [line.split(":")[0].strip() for line in interfaces]
    process, *tiers = header["isolation"].split("+")
    assert process == "process"
    assert set(tiers) <= {"netns", "landlock", "uid", "nocaps", "seccomp"}
    assert (names == ["lo"]) or "netns" not in tiers
    status = Path(f"/proc/{site.pid}/status").read_text(encoding="ascii")
    assert "NoNewPrivs:\t1" in status
    score = Path(f"/proc/{site.pid}/oom_score_adj").read_text(encoding="ascii")
    assert int(score) == EXPENDABLE
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, site.pid) == min(ours + NICE, 19)
    assert ("Seccomp:\t2" in status) is ("seccomp" in tiers)
    assert "nocaps" in tiers
    users = set(re.findall(r"Uid:\t(\d+)\t(\d+)\t(\d+)\t(\d+)", status)[0])
    assert users == {str(WORKER_USERS[0] if os.geteuid() == 0 else os.geteuid())}
    assert ("uid" in tiers) is (os.geteuid() == 0)
    assert int(re.findall(r"CapEff:\t(\w+)", status)[0], 16) in (0, 1 << 2)
    limits = Path(f"/proc/{site.pid}/limits").read_text(encoding="ascii")
    assert [line.split()[4] for line in limits.splitlines() if "core file" in line] == ["0"]
    assert site.pid != os.getpid()
    assert os.getsid(site.pid) == site.pid


@pytest.mark.parametrize(("memory", "limit"), [(8 * 1024**3, str(8 * 1024**3)), (0, None)])
def test_a_workers_memory_is_bounded(tmp_path: Path, memory: int, limit: str | None) -> None:
    rows, workers = write_rows(tmp_path / "rows.csv", 5), ProcessWorkers(memory=memory)
    worker = workers.start("site", tmp_path / "job", [rows] if memory else [])
    try:
        worker.send(_start(rows))
        assert begun(worker)["op"] == "ready"
        lines = Path(f"/proc/{worker.pid}/limits").read_text(encoding="ascii").splitlines()
        found = next(line.split()[3] for line in lines if line.startswith("Max data size"))
        own = str(resource.getrlimit(resource.RLIMIT_DATA)[0]).replace("-1", "unlimited")
        assert found == (limit or own)
    finally:
        worker.stop()
        workers.close()


@pytest.mark.usefixtures("whole_children")
def test_a_worker_that_outgrows_its_memory_fails(tmp_path: Path) -> None:
    worker = ProcessWorkers(memory=24 * 1024**2).start("site", tmp_path / "job")
    try:
        worker.send(_start(write_rows(tmp_path / "rows.csv", 5)))
        with pytest.raises(WorkerFailed, match="has ended"):
            worker.receive(120)
    finally:
        worker.stop()


def environment_of(pid: int, seconds: float = 20.0) -> bytes:
    """Return a process's environment, which is empty until it has become its own program."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = Path(f"/proc/{pid}/environ").read_bytes()
        if found:
            return found
        time.sleep(0.01)
    return b""


@pytest.mark.usefixtures("whole_children")
def test_a_worker_sees_no_secret_of_the_node(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PREAU_PASSWORD", "hunter2")
    worker = ProcessWorkers().start("site", tmp_path / "job")
    try:
        variables = environment_of(worker.pid)
        assert b"FLWR_TELEMETRY_ENABLED=0" in variables
        assert b"hunter2" not in variables
        assert (tmp_path / "job").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "job" / "site.log").stat().st_mode & 0o777 == 0o600
    finally:
        worker.stop()


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no start": ({"op": "round"}, "WORKER_FAILED"),
    "no manifest": ({"manifest": None}, "WORKER_FAILED"),
    "manifest no JSON": ({"manifest": "{"}, "MALFORMED_MESSAGE"),
    "other code": ({"manifest": json.dumps(document(code="0" * 64))}, "MALFORMED_MESSAGE"),
    "site unknown": ({"site": "did:web:other.example"}, "ROUND_REFUSED"),
    "other population": ({"population": 99}, "ROUND_REFUSED"),
}


@pytest.mark.parametrize(("changes", "code"), FAULTS.values(), ids=FAULTS)
def test_a_start_that_cannot_be_is_refused(
    tmp_path: Path, changes: dict[str, Any], code: str
) -> None:
    ours, theirs = map(Frames, socket.socketpair())
    try:
        ours.send(_start(write_rows(tmp_path / "rows.csv", 5), **changes))
        with pytest.raises(FederatedError) as caught:
            site_role.run(theirs, "process")
        assert caught.value.code == code
    finally:
        ours.close()
        theirs.close()


def test_data_that_changed_are_refused_without_a_value(site: ProcessWorker, tmp_path: Path) -> None:
    start = _start(write_rows(tmp_path / "rows.csv", 5))
    write_rows(tmp_path / "rows.csv", 6)
    site.send(start)
    assert site.receive(120)[0]["op"] == "tried"  # no row was read before
    assert _answer(site) == (
        "DATA_FILE_CHANGED",
        "the data file is not the one that was published",
    )


def test_a_round_that_is_no_message_is_refused(site: ProcessWorker, tmp_path: Path) -> None:
    site.send(_start(write_rows(tmp_path / "rows.csv", 5)))
    assert begun(site)["op"] == "ready"
    site.send({"op": "round", "round": 1}, b"\xff\xff\xff")
    assert _answer(site)[0] == "ROUND_REFUSED"


@pytest.mark.usefixtures("whole_children")
def test_a_lead_that_cannot_go_on_says_so(tmp_path: Path) -> None:
    worker = ProcessWorkers().start("lead", tmp_path / "lead")
    try:
        header = {"op": "start", "manifest": json.dumps(document()), "sites": list(SITES)}
        worker.send({**header, "round": 2})
        assert _answer(worker)[0] == "ROUND_REFUSED"
    finally:
        worker.stop()


def test_a_worker_ends_when_its_node_is_gone(site: ProcessWorker, tmp_path: Path) -> None:
    site.send(_start(write_rows(tmp_path / "rows.csv", 5)))
    assert begun(site)["op"] == "ready"
    site._frames.close()
    site._process.wait(30)


def test_a_worker_that_is_killed_is_noticed(site: ProcessWorker) -> None:
    os.kill(site.pid, signal.SIGKILL)
    with pytest.raises(WorkerFailed, match="has ended"):
        site.receive(30)
    site._process.wait(30)
    with pytest.raises(WorkerFailed, match="has ended"):
        site.send({"op": "start"}, bytes(8_000_000))


def test_a_worker_that_hangs_is_killed(
    site: ProcessWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "_GRACE_SECONDS", 0.1)
    os.kill(site.pid, signal.SIGSTOP)
    site.stop()
    assert wait_for(lambda: not Path(f"/proc/{site.pid}").exists())
    site.stop()


def test_a_worker_that_is_silent_is_noticed(site: ProcessWorker) -> None:
    with pytest.raises(WorkerFailed, match="silent"):
        site.receive(0.05)


def test_a_role_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(WorkerFailed, match="`cook` is not a role"):
        ProcessWorkers().start("cook", tmp_path)


def test_without_the_extra_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "numpy" else 1)
    with pytest.raises(WorkerFailed, match="`federated` is not installed: no numpy"):
        ProcessWorkers().start("site", tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkerFailed, match="did not start"):
        ProcessWorkers().start("site", tmp_path / "file" / "job")
