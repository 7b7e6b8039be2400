"""What a worker's filter closes, asked of the real kernel; and that the rest goes on."""

from __future__ import annotations

import errno
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from connector.bootstrap.diagnosis import probe
from federated.confinement import seccomp

PROBE = """
import ctypes, json, os, resource, socket, sys, threading
from pathlib import Path
ends = socket.socketpair()
from federated.confinement.confine import confine
from connector.bootstrap.diagnosis import probe
from federated.confinement import seccomp
confine()
closed = seccomp.close_calls() if sys.argv[2] == "closed" else False
other = int(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
def attempt(act):
    try:
        act()
    except OSError as exc:
        return exc.errno
    return 0
def raw(number, *rest):
    if libc.syscall(number, *rest) < 0:
        raise OSError(ctypes.get_errno(), "")
file = Path("rows.csv")
file.write_text("x")
def thread():
    running = threading.Thread(target=lambda: None)
    running.start()
    running.join()
found = {
    "chmod": attempt(lambda: file.chmod(0o777)),
    "chown": attempt(lambda: os.chown(file, os.getuid(), os.getgid())),
    "utime": attempt(lambda: os.utime(file)),
    "xattr": attempt(lambda: os.setxattr(file, "user.x", b"1")),
    "link": attempt(lambda: os.link(file, "b")),
    "symlink": attempt(lambda: os.symlink("/", "c")),
    "fifo": attempt(lambda: os.mkfifo("d")),
    "unix socket": attempt(lambda: socket.socket(socket.AF_UNIX)),
    "inet socket": attempt(lambda: socket.socket(socket.AF_INET)),
    "socketpair": attempt(socket.socketpair),
    "io_uring": attempt(lambda: raw(425, 1, None)),
    "program": attempt(lambda: os.execv("/no/such", ["x"])),
    "signal": attempt(lambda: os.kill(other, 0)),
    "limits of others": attempt(lambda: resource.prlimit(other, resource.RLIMIT_NOFILE)),
    "namespace": attempt(lambda: raw(272 if os.uname().machine == "x86_64" else 97, 0)),
    "pidfd": attempt(lambda: os.pidfd_open(os.getpid())),
    "own signal": attempt(lambda: os.kill(os.getpid(), 0)),
    "own limits": attempt(lambda: resource.getrlimit(resource.RLIMIT_NOFILE)),
    "read": attempt(file.read_bytes),
    "write": attempt(lambda: file.write_text("y")),
    "rename": attempt(lambda: os.replace(file, "e")),
    "thread": attempt(thread),
    "frames": attempt(lambda: (ends[0].sendall(b"x"), ends[1].recv(1))),
    "numpy": attempt(lambda: __import__("numpy").ones((64, 64)) @ __import__("numpy").ones(64)),
}
print(json.dumps({"closed": closed, "found": found}))
"""
OPEN = ("own signal", "own limits", "read", "write", "rename", "thread", "frames", "numpy")


def probed(folder: Path, how: str) -> dict[str, Any]:
    with subprocess.Popen(["sleep", "60"]) as other:
        try:
            done = subprocess.run(
                [sys.executable, "-c", PROBE, str(other.pid), how],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            )
        finally:
            other.kill()
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_what_is_closed_fails_and_what_a_worker_needs_does_not(tmp_path: Path) -> None:
    answer = probed(tmp_path, "closed")
    found = answer["found"]
    assert {name: found[name] for name in OPEN} == dict.fromkeys(OPEN, 0)
    if not answer["closed"]:
        pytest.skip("this kernel or processor has no filter")
    closed = {name: value for name, value in found.items() if name not in OPEN}
    assert closed == dict.fromkeys(closed, errno.EPERM)


def test_without_the_filter_they_are_open(tmp_path: Path) -> None:
    found = probed(tmp_path, "open")["found"]
    for name in ("chmod", "utime", "link", "symlink", "unix socket", "socketpair", "signal"):
        assert found[name] == 0, name


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_each_path_of_the_program_ends_as_the_tables_say(machine: str) -> None:
    column = 0 if machine == "x86_64" else 1
    itself = {pair[column] for pair in seccomp.ITSELF.values()}
    closed = {pair[column] for pair in seccomp.CLOSED.values()} - {None}
    closed |= set(seccomp._X86_ONLY.values()) if machine == "x86_64" else set()
    for number in range(600):
        expected = number not in closed and number not in itself
        assert allowed(machine, number, 0x1234) is expected, number
        assert allowed(machine, number, 77) is (number not in closed)
    assert allowed(machine, seccomp.ITSELF["prlimit64"][column], 0)
    assert not allowed(machine, seccomp.ITSELF["kill"][column], 0)
    assert not allowed(machine, 0, 77, arch=0x40000003)  # the 32-bit table of x86
    assert allowed(machine, 0x40000000 + 1, 77) is (machine == "aarch64")


def allowed(machine: str, number: int, argument: int, *, arch: int | None = None) -> bool:
    """Run the program as the kernel would (classic BPF)."""
    data = {0: number, 4: arch or seccomp._AUDIT_ARCH[machine], 16: argument}
    program = [seccomp.struct.unpack("=HBBI", line) for line in seccomp.assembled(machine, 77)]
    at, loaded = 0, 0
    while True:
        code, yes, no, value = program[at]
        at += 1
        if code == seccomp._LOAD:
            loaded = data[value]
        elif code == seccomp._RETURN:
            return bool(value == seccomp._ALLOW)
        else:
            holds = loaded == value if code == seccomp._EQUAL else loaded >= value
            at += yes if holds else no


def test_an_unknown_processor_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert seccomp.close_calls() is False


def test_doctor_shuts_a_process_in_and_changes_no_folder_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").write_text("x")
    before = [path.stat() for path in (tmp_path, tmp_path / "mine")]
    parts = probe._tier().split("+")
    assert {"process", "nocaps"} <= set(parts)
    assert ("uid" in parts) is (os.geteuid() == 0)
    assert [path.stat() for path in (tmp_path, tmp_path / "mine")] == before
