"""A small data space on this machine: an authority and nodes, each a process of its own.

Everything goes through the command `preau` and the management API, as an operator would.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

from loopback import Ports

from connector.sdk import Client

READY_SECONDS = 60.0
STOP_SECONDS = 15.0
COMMAND = [sys.executable, "-m", "connector"]


def free_port() -> int:
    """Return a port of the loopback that is free; none is returned twice."""
    return next(_ports())


@cache
def _ports() -> Ports:
    return Ports()


def serve(home: Path, log: IO[str]) -> subprocess.Popen[str]:
    """Start `preau serve`, in a session of its own."""
    return subprocess.Popen(
        [*COMMAND, "serve", "--home", str(home), "--json"],
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,
    )


@dataclass
class Node:
    """A node of the space.

    Attributes:
        name: legal name.
        home: its folder.
        did: its identifier.
        process: the running `preau serve`; None while stopped.
        serve: starts it.
        console: address of its console; empty where it has none, or does not run.
    """

    name: str
    home: Path
    did: str
    process: subprocess.Popen[str] | None = None
    serve: Callable[[Path, IO[str]], subprocess.Popen[str]] = serve
    console: str = ""

    def client(self, seconds: float = 60.0) -> Client:
        """Return a client of the node's management API."""
        return Client(self.home, seconds=seconds)

    @property
    def pid(self) -> int:
        """Process id of the running node."""
        if self.process is None:
            raise RuntimeError(f"{self.name} is not running")
        return self.process.pid

    def start(self) -> None:
        """Start `preau serve` and wait until it answers."""
        with (self.home / "serve.log").open("a", encoding="utf-8") as log:
            self.process = self.serve(self.home, log)
        line = _first_line(self.process, READY_SECONDS)
        if '"ready"' not in line:
            self.stop()
            tail = (self.home / "serve.log").read_text(encoding="utf-8")[-2000:]
            raise RuntimeError(f"{self.name} did not start:\n{tail}")
        self.console = json.loads(line).get("console", "")

    def stop(self) -> None:
        """Stop the node; at once when it does not stop in order."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()
        self.process = None


def preau(*arguments: str, seconds: float = 60.0) -> Any:
    """Run a command of `preau` with `--json` and return what it prints.

    Raises:
        RuntimeError: the command refused; the message is its own line.
    """
    run = subprocess.run(
        [*COMMAND, *arguments, "--json"],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    if run.returncode:
        raise RuntimeError(f"preau {' '.join(arguments)}: {run.stderr.strip() or run.stdout}")
    return json.loads(run.stdout)


@dataclass
class Space:
    """An authority and the nodes made so far.

    Attributes:
        folder: of all homes.
        authority: a node as well.
        run: runs a command of `preau`, in a process of its own where nothing else is chosen.
        port: chooses the port of a server.
        nodes: those made so far.
    """

    folder: Path
    authority: Node
    run: Callable[..., Any] = preau
    port: Callable[[], int] = free_port
    nodes: list[Node] = field(default_factory=list)

    def node(
        self,
        name: str,
        *,
        admit: bool = True,
        start: bool = True,
        settings: Mapping[str, str] = MappingProxyType({}),
        **options: str,
    ) -> Node:
        """Make a node, admit it unless told otherwise, and start it.

        Args:
            name: legal name; its folder is named after it.
            admit: whether the authority admits it.
            start: whether it is left running.
            settings: texts to be put into its `preau.toml` before it starts.
            options: further options of `preau init`, such as `database`.
        """
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
        short = plain.lower().replace(" ", "-")
        home = self.folder / short
        https, grpc = self.port(), self.port()
        did = f"did:web:localhost%3A{https}"
        certificate = self.folder / f"{short}-web"
        authority = str(self.authority.home)
        self.run(
            *("authority", "web-certificate", "localhost", "--out", str(certificate)),
            *("--home", authority),
        )
        more = [part for key, value in options.items() for part in (f"--{key}", value)]
        self.run(
            *("init", "--did", did, "--name", name, "--authority", self.authority.did),
            *("--grpc-port", str(grpc), "--allow-host", "localhost"),
            *("--web-roots", f"{authority}/keys/web-ca.pem"),
            *("--https-certificate", str(certificate / "https.pem")),
            *("--https-key", str(certificate / "https.key")),
            *("--home", str(home)),
            *more,
        )
        state(home, settings)
        node = replace(self.authority, name=name, home=home, did=did, process=None)
        self.nodes.append(node)
        node.start()
        if admit:
            with self.authority.client() as client:
                client.admit(did, name=name)
            with node.client() as client:
                client.membership(refresh=True)
        if not start:
            node.stop()
        return node

    def stop(self) -> None:
        """Stop every process."""
        for node in [*self.nodes, self.authority]:
            node.stop()


def state(home: Path, settings: Mapping[str, str]) -> None:
    """Put settings into the `preau.toml` of a node that does not run."""
    file = home / "preau.toml"
    text = file.read_text(encoding="utf-8")
    for name, value in settings.items():
        text = re.sub(rf"^{name} = .*$", f"{name} = {json.dumps(value)}", text, flags=re.MULTILINE)
    file.write_text(text, encoding="utf-8")


@contextmanager
def space(
    folder: Path,
    name: str = "Espace STAR",
    run: Callable[..., Any] = preau,
    port: Callable[[], int] = free_port,
    serve: Callable[[Path, IO[str]], subprocess.Popen[str]] = serve,
) -> Iterator[Space]:
    """Make a space in a folder, and stop all of it at the end of the block."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    did = f"did:web:localhost%3A{port()}"
    home = folder / "authority"
    run(
        *("authority", "init", "--did", did, "--name", name, "--allow-host", "localhost"),
        *("--home", str(home)),
    )
    authority = Node(name, home, did, serve=serve)
    made = Space(folder, authority, run, port)
    try:
        authority.start()
        yield made
    finally:
        made.stop()


def cpu_seconds(nodes: Sequence[Node]) -> float:
    """Return the CPU seconds that running nodes and their workers have used."""
    ticks = os.sysconf("SC_CLK_TCK")
    total = 0.0
    for node in nodes:
        if node.process is None:
            continue
        text = Path(f"/proc/{node.pid}/stat").read_text(encoding="ascii")
        values = text.rpartition(")")[2].split()
        total += sum(int(value) for value in values[11:15]) / ticks
    return total


def _first_line(process: subprocess.Popen[str], seconds: float) -> str:
    found: list[str] = []
    reader = threading.Thread(
        target=lambda: found.append(process.stdout.readline() if process.stdout else ""),
        daemon=True,
    )
    reader.start()
    reader.join(seconds)
    return found[0] if found else ""
