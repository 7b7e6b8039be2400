"""What an idle node weighs, and how fast it answers after a start.

A participant that has met two peers, alone on its SQLite database. Memory is the resident set of
its process 10 s after it said that it is ready, before and after an operator has listed what there
is: what commands need is loaded when they ask. The cold start runs from `exec` to the later of
two first answers: of the management API, and of the DID document over HTTPS, verified by the
space's CA. Beside it: a process that serves one empty gRPC service and one empty HTTPS page with
the same libraries (`bare_server.py`).
"""

from __future__ import annotations

import contextlib
import http.client
import json
import ssl
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import psutil
from row import Plan, Row, at_most, beside
from space import COMMAND, Node, free_port, space

from connector import config
from connector.errors import PreauError
from connector.sdk import Client

PART = "node"
BAR_MB, BAR_SECONDS = 120.0, 2.0
IDLE_SECONDS = 10.0
LOOK_SECONDS = 0.002
START_SECONDS = 60.0
BARE = Path(__file__).parent / "bare_server.py"
PEER = "bare gRPC and HTTPS server"


def measure(folder: Path, plan: Plan) -> list[Row]:
    """Measure a node, then the bare server with the node's HTTPS certificate."""
    with space(folder) as made:
        node = made.node("Academie")
        others = [made.node("Voisin"), made.node("Laboratoire")]
        with node.client() as client:
            for other in others:
                client.meet(other.did)
        for other in others:
            other.stop()
        node.stop()
        starts = [_cold_start(node, folder) for _ in range(plan.times(5, 2))]
        weights = [_weight(node, plan) for _ in range(plan.times(3, 1))]
    bare = [_bare(node, folder) for _ in range(plan.times(5, 2))]
    both = [max(start) for start in starts]
    after = statistics.median(used for _, used in weights)
    ours, theirs = statistics.median(both), statistics.median(second for second, _ in bare)
    memory = statistics.median(idle for idle, _ in weights)
    peer = statistics.median(weight for _, weight in bare)
    note = (
        f"median of {len(starts)}; management API after "
        f"{statistics.median(s[0] for s in starts):.2f} s, HTTPS after "
        f"{statistics.median(s[1] for s in starts):.2f} s; longest {max(both):.2f} s"
    )
    met = f"two peers met, {IDLE_SECONDS:g} s after ready, median of {len(weights)}"
    return [
        at_most("idle node, memory", memory, BAR_MB, "MB", PART, met),
        beside("idle node, memory, beside", memory, PEER, peer, "MB", PART),
        beside("node after first commands, memory", after, "idle node", memory, "MB", PART),
        at_most("cold start to first answers", ours, BAR_SECONDS, "s", PART, note),
        beside("cold start, beside", ours, PEER, theirs, "s", PART),
    ]


def _cold_start(node: Node, folder: Path) -> tuple[float, float]:
    """Return seconds from exec to the first answer of the management API and of HTTPS."""
    root = str(folder / "authority" / "keys" / "web-ca.pem")
    log = (node.home / "cold.log").open("ab")
    began = time.monotonic()
    process = subprocess.Popen(
        [*COMMAND, "serve", "--home", str(node.home)], stdout=subprocess.DEVNULL, stderr=log
    )
    try:
        managed, served = _first_answers(
            began,
            lambda: _managed(node.home),
            lambda: _served(node.did, root, "/.well-known/did.json", node.did),
        )
        return managed, served
    finally:
        log.close()
        process.terminate()
        process.wait(30)


def _weight(node: Node, plan: Plan) -> tuple[float, float]:
    """Return the resident set of an idle node, and after first commands, in MB (10⁶ bytes)."""
    node.start()
    time.sleep(3.0 if plan.quick else IDLE_SECONDS)
    process = psutil.Process(node.pid)
    idle = process.memory_info().rss / 1e6
    with node.client() as client:
        client.node()
        for listed in (client.peers, client.datasets, client.negotiations):
            list(listed())
        for kept in (client.agreements, client.transfers, client.jobs):
            list(kept())
    used = process.memory_info().rss / 1e6
    node.stop()
    return idle, used


def _bare(node: Node, folder: Path) -> tuple[float, float]:
    """Return seconds to the first answer and MB of the bare server."""
    port = free_port()
    root = str(folder / "authority" / "keys" / "web-ca.pem")
    settings = config.load(node.home)
    files = (settings.path(settings.https_certificate), settings.path(settings.https_key))
    began = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, str(BARE), str(port), str(free_port()), *(str(file) for file in files)]
    )
    try:
        (seconds,) = _first_answers(
            began, lambda: _served(f"did:web:localhost%3A{port}", root, "/", "bare")
        )
        time.sleep(1.0)
        return seconds, psutil.Process(process.pid).memory_info().rss / 1e6
    finally:
        process.terminate()
        process.wait(30)


def _first_answers(began: float, *asks: Callable[[], bool]) -> tuple[float, ...]:
    """Return the seconds after which each question was first answered."""
    found = dict.fromkeys(range(len(asks)), 0.0)

    def look(number: int) -> None:
        while time.monotonic() - began < START_SECONDS:
            if asks[number]():
                found[number] = time.monotonic() - began
                return
            time.sleep(LOOK_SECONDS)

    threads = [threading.Thread(target=look, args=(number,)) for number in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if not all(found.values()):
        raise RuntimeError(f"no answer within {START_SECONDS:g} s")
    return tuple(found.values())


def _managed(home: Path) -> bool:
    """Whether the management API answers; its files are looked at first, they cost less."""
    if not (home / "run" / "node.json").exists():
        return False
    with contextlib.suppress(PreauError), Client(home) as client:
        return bool(client.node().did)
    return False


def _served(did: str, root: str, path: str, holds: str) -> bool:
    """Whether HTTPS answers with something, verified by a CA."""
    host, _, port = unquote(did.removeprefix("did:web:")).partition(":")
    context = ssl.create_default_context(cafile=root)
    connection = http.client.HTTPSConnection(host, int(port), timeout=5, context=context)
    try:
        connection.request("GET", path)
        body = connection.getresponse().read().decode()
        return holds in body or holds in json.dumps(body)
    except OSError:
        return False
    finally:
        connection.close()
