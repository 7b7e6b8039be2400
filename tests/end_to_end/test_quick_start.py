"""The quick start is typed as it stands, line by line, from the files that it names.

Of its three nodes, which start alike, the provider's is typed; it and all that it starts are whole
interpreters. The others are forks, and so is a command that was typed before, for another node.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.support.command import COMMAND_SECONDS, preau, serving, short_folder
from tests.support.ports import free_port

pytestmark = pytest.mark.timeout(300)

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/quick-start.md"
TYPED = "nord"  # the home whose node is started as it stands
PORT = re.compile(r"(?<!\d)9[45]\d\d(?!\d)")


def typed() -> list[str]:
    """Return the lines of the section that is typed, with ports that are free on this machine."""
    text = PAGE.read_text(encoding="utf-8").partition("## Two nodes by hand")[2]
    named = sorted(set(PORT.findall(text)))
    ports = {name: str(free_port()) for name in named}
    text = PORT.sub(lambda found: ports[found[0]], text)
    blocks = re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@contextmanager
def shell(folder: Path) -> Iterator[IO[str]]:
    """Type into a shell in a copy of the project's folder; ends all that was started there."""
    shutil.copytree(ROOT / "examples", folder / "examples")
    command = folder / "bin" / "preau"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m connector "$@"\n')
    command.chmod(0o755)
    path = f"{command.parent}:{os.environ['PATH']}"
    with (
        (folder / "shown").open("w") as shown,
        subprocess.Popen(
            ["bash"],
            cwd=folder,
            env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"},
            stdin=subprocess.PIPE,
            stdout=shown,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        assert process.stdin is not None
        try:
            yield process.stdin
        finally:
            try:
                process.communicate("kill $(jobs -p); wait\n", COMMAND_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise


def test_the_quick_start_can_be_typed() -> None:
    lines = typed()
    assert len(lines) > 15
    seen = set()
    with short_folder() as folder, ExitStack() as stack:
        keyboard = stack.enter_context(shell(folder))
        for number, line in enumerate(lines):
            served = re.fullmatch(r"preau serve --home (\w+) &", line)
            if served and served[1] != TYPED:
                stack.enter_context(serving(folder / served[1]))
                continue
            command = re.match(r"preau( [a-z]+)+(?= )", line)
            if command and command[0] in seen and not served:
                again = preau(*shlex.split(line)[1:], cwd=folder)
                assert again.code == 0, f"{line}\n{again.err}"
                continue
            seen.add(command and command[0])
            done = folder / f"done-{number}"
            keyboard.write(f"{line}\necho $? > {done}.tmp; mv {done}.tmp {done}\n")
            keyboard.flush()
            wait_for(done)
            if served:
                wait_for(folder / served[1] / "run/node.json")
            shown = (folder / "shown").read_text(encoding="utf-8")
            assert done.read_text().strip() == "0", f"{line}\n{shown}"
    assert "\nproven\n" in shown


def wait_for(file: Path) -> None:
    until = time.monotonic() + COMMAND_SECONDS
    while not file.exists():
        assert time.monotonic() < until, file
        time.sleep(0.05)
