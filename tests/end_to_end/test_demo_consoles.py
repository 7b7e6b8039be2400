"""The consoles of `make demo ARGS=--console`, with fewer nodes: who gets in, and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import consoles
import psutil
import space as spaces

from connector.domain.account import AccountRole
from tests.support.command import served, short_folder, step
from tests.support.console import Browser
from tests.support.each import over
from tests.support.ports import free_port

ROOT = Path(__file__).parents[2]
PASSWORD = "made up for a test"
STAYING = """
import signal, consoles
signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell starts what runs in the background
consoles.stay(['a console: http://127.0.0.1:1'])
print('stopped')
"""


def test_each_role_gets_in_with_what_is_said_once() -> None:
    assert set(consoles.ACCOUNTS) == set(AccountRole)
    with short_folder() as folder:
        made = spaces.space(folder / "s", run=step, port=free_port, serve=served)
        with made as space:
            node = space.node("Académie nord", settings=consoles.SETTINGS)
            where, who, password = consoles.admit([node], PASSWORD)
            held = [psutil.Process(each) for each in (node.pid, space.authority.pid)]
            browser = Browser(where.removeprefix("Académie nord: "))
            for name in who.rpartition(": ")[2].split(", "):
                assert browser.log_in(name, password.rpartition(": ")[2]).status_code == 200
            browser.close()
        _, alive = psutil.wait_procs(held, timeout=10)  # whoever waits for them may be late
        assert alive == []


@over("by", [signal.SIGINT, signal.SIGTERM])
def test_it_stays_until_it_is_asked_to_stop(by: signal.Signals) -> None:
    path = os.pathsep.join(map(str, (ROOT, ROOT / "examples" / "star")))
    with subprocess.Popen(
        [sys.executable, "-c", STAYING],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
    ) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline() == "a console: http://127.0.0.1:1\n"
            assert running.stdout.readline() == "Ctrl-C stops all nodes\n"
            running.send_signal(by)
            said, _ = running.communicate(timeout=60)
            assert (said, running.returncode) == ("stopped\n", 0)
        finally:
            running.kill()
