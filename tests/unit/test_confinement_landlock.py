"""What a sealed worker can still open: its libraries, its data file, its folder, nothing else."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from federated.confinement import landlock

PROBE = """
import json, os, sys
from pathlib import Path
from federated.confinement.confine import confine
from federated.confinement.landlock import seal
home = Path(sys.argv[1])
tier = confine()
if sys.argv[3] == "forked":  # as what workers are forked from, and as one of them after it
    seal(home / "jobs", [home / "rows.csv", home / "other.csv"])
    worker = os.fork()
    if worker:
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]))
sealed = seal(Path.cwd(), [home / "rows.csv", home / "not there"])
def attempt(act):
    try:
        act()
    except OSError as exc:
        return exc.strerror
    return ""
inside = Path.cwd() / "new"
found = {
    "key": attempt((home / "keys" / "signing.pem").read_bytes),
    "database": attempt((home / "node.sqlite").read_bytes),
    "other data": attempt((home / "other.csv").read_bytes),
    "names": attempt(lambda: os.listdir(home)),
    "write": attempt(lambda: (home / "node.sqlite").write_bytes(b"")),
    "write data": attempt(lambda: (home / "rows.csv").write_bytes(b"")),
    "other job": attempt((home / "jobs" / "b" / "site.log").read_bytes),
    "beside": attempt(lambda: (home / "jobs" / "x").write_bytes(b"")),
    "node": attempt(lambda: open(f"/proc/{os.getppid()}/environ").read()),
    "link": attempt(lambda: os.symlink(home / "keys", inside.with_suffix(".link"))),
    "signal": attempt(lambda: os.kill(int(sys.argv[2]), 0)),
    "program": attempt(lambda: os.execv("/bin/true", ["true"])),
    "data": attempt((home / "rows.csv").read_bytes),
    "folder": attempt(lambda: (inside.write_bytes(b"x"), inside.unlink())),
    "library": attempt(lambda: __import__("numpy")),
}
print(json.dumps({"sealed": sealed, "found": found}))
"""
CLOSED = (
    *("key", "database", "names", "write", "write data", "other job", "beside", "node"),
    *("other data", "link", "program"),
)
OPEN = ("data", "folder", "library")


def _version() -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    return int(libc.syscall(444, None, ctypes.c_size_t(0), 1))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    files = ("keys/signing.pem", "node.sqlite", "rows.csv", "other.csv")
    for name in (*files, "jobs/b/site.log", "jobs/a/log"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("secret", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("kind", ["alone", "forked"])
def test_a_sealed_worker_reaches_nothing_of_its_node(home: Path, kind: str) -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        try:
            done = subprocess.run(
                [sys.executable, "-c", PROBE, str(home), str(other.pid), kind],
                cwd=home / "jobs" / "a",
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            )
        finally:
            other.kill()
    answer: dict[str, Any] = json.loads(done.stdout)
    version = _version()
    assert answer["sealed"] is (version >= 1)
    found = answer["found"]
    assert {name: found[name] for name in OPEN} == dict.fromkeys(OPEN, "")
    if answer["sealed"]:
        assert {name for name in CLOSED if not found[name]} == set()
    if version >= 6:
        assert found["signal"] == "Operation not permitted"
    assert (home / "node.sqlite").read_text(encoding="utf-8") == "secret"


class _Kernel:
    """A C library whose system calls answer as told."""

    def __init__(self, *answers: int) -> None:
        self._answers = list(answers)

    def syscall(self, *_: object) -> int:
        return self._answers.pop(0)


@pytest.mark.parametrize("answers", [(-1,), (0,), (3, -1)], ids=["none", "off", "no ruleset"])
def test_a_kernel_without_it_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: tuple[int, ...]
) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: _Kernel(*answers))
    assert landlock.seal(tmp_path) is False


def test_a_search_path_that_holds_the_node_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, libraries = tmp_path / "home" / "jobs" / "a", tmp_path / "libraries"
    monkeypatch.setattr(sys, "path", ["", "relative", str(tmp_path), str(libraries)])
    found = landlock._libraries(folder)
    assert libraries in found
    assert tmp_path not in found
