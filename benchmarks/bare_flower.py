"""Flower's deployment of three sites, on the loopback: a SuperLink and a SuperNode each.

Rules: no TLS, no authentication, nothing is installed or asked of the network; the app is
`flower_app.py`, whose round is our own engine, so that what differs is what carries it. Each
process ends with this block.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Final

from sites_space import ALONE

from tests.support.ports import free_port

ROUNDS: Final = 5
_APP: Final = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "bench"
version = "1.0.0"
dependencies = []
[tool.hatch.build.targets.wheel]
packages = ["."]
[tool.flwr.app]
publisher = "bench"
[tool.flwr.app.components]
serverapp = "flower_app:server"
clientapp = "flower_app:client"
[tool.flwr.app.config]
manifest = "{manifest}"
out = "{out}"
rounds = {rounds}
sites = {sites}
"""
_HERE = Path(__file__).parent
_MOST_SECONDS = 300.0
_END_SECONDS = 10.0


def spans(folder: Path, manifest: bytes, files: list[Path], rounds: int = ROUNDS) -> list[float]:
    """Return the seconds of each round but the first.

    Args:
        folder: empty; for the app and Flower's files.
        manifest: of a job of as many sites as there are files.
        files: rows, a site each.
        rounds: how many.

    Raises:
        RuntimeError: they did not end in time.
    """
    app, out = folder / "app", folder / "rounds"
    app.mkdir(parents=True)
    shutil.copy(_HERE / "flower_app.py", app)
    (folder / "manifest.json").write_bytes(manifest)
    stated = {"manifest": folder / "manifest.json", "out": out, "rounds": rounds}
    (app / "pyproject.toml").write_text(_APP.format(**stated, sites=len(files)), encoding="utf-8")
    port = free_port()
    (folder / "config.toml").write_text(
        f'[superlink]\ndefault = "here"\n[superlink.here]\naddress = "127.0.0.1:{port}"\n'
        "insecure = true\n",
        encoding="utf-8",
    )
    env = _environment(folder)
    with ExitStack() as running:
        words = ("--insecure", "--port", str(port), "--disable-runtime-dependency-installation")
        running.enter_context(_started(env, folder / "link.log", "flower-superlink", *words))
        for at, file in enumerate(files):
            words = ("--insecure", "--superlink", f"127.0.0.1:{port}", "--port", str(free_port()))
            config = ("--node-config", f'site={at} file="{file}"')
            log = folder / f"node{at}.log"
            running.enter_context(_started(env, log, "flower-supernode", *words, *config))
        _submit(env, app)
        limit = time.monotonic() + _MOST_SECONDS
        while len(ends := _ends(out)) <= rounds:
            if time.monotonic() > limit:
                raise RuntimeError(f"Flower ended {len(ends)} rounds in {_MOST_SECONDS:g} s")
            time.sleep(0.2)
    return [after - before for before, after in pairwise(ends[1:])]


def _submit(env: Mapping[str, str], app: Path) -> None:
    """Run the app, as soon as the SuperLink answers."""
    limit = time.monotonic() + 60
    while True:
        words = [_command("flwr"), "run", str(app), "here"]
        done = subprocess.run(
            words, env=env, capture_output=True, text=True, timeout=60, check=False
        )
        if not done.returncode:
            return
        if time.monotonic() > limit:
            raise RuntimeError(f"flwr run: {done.stdout[-500:]} {done.stderr[-500:]}")
        time.sleep(0.5)


def _ends(out: Path) -> list[float]:
    """Return when the first model was there, and when each round was over."""
    if not out.exists():
        return []
    return [float(line.split()[1]) for line in out.read_text(encoding="ascii").splitlines()]


@contextmanager
def _started(env: Mapping[str, str], log: Path, name: str, *words: str) -> Iterator[None]:
    """Run a command of Flower's in a session of its own; all of that session ends with it."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            [_command(name), *words], env=env, stdout=file, stderr=file, start_new_session=True
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _end_session(process.pid)


def _end_session(session: int) -> None:
    """End what a command left behind."""
    for each in Path("/proc").glob("[0-9]*"):
        try:
            values = (each / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
            if int(values[3]) == session:
                os.kill(int(each.name), 9)
        except OSError:  # it has ended
            continue


def _command(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def _environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        **ALONE,
        "FLWR_HOME": str(folder),
        "FLWR_TELEMETRY_ENABLED": "0",
        "FLWR_DISABLE_UPDATE_CHECK": "1",
        "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
