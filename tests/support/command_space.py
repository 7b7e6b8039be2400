"""A whole space on loopback for end-to-end tests: an authority and nodes with real processes."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from space import state

from tests.support import prefork
from tests.support.command import Served, ok, serving, short_folder, typed
from tests.support.ports import free_port


@dataclass(frozen=True)
class Space:
    """Homes of a space's nodes, and their running processes.

    Attributes:
        folder: all of it.
        authority: home of the authority.
        nodes: home by name.
        dids: DID by name; the authority's under `authority`.
        served: process by name.
    """

    folder: Path
    authority: Path
    nodes: dict[str, Path]
    dids: dict[str, str]
    served: dict[str, Served]


def did_at(port: int) -> str:
    return f"did:web:localhost%3A{port}"


@contextmanager
def space(*names: str, settings: Mapping[str, str] = MappingProxyType({})) -> Iterator[Space]:
    """Make, serve and stop a space; its nodes are members, and have these settings."""
    ports = [free_port() for _ in range(1 + 2 * len(names))]
    with short_folder() as folder:
        authority = folder / "authority"
        dids = {"authority": did_at(ports[0])}
        ok(
            *("authority", "init", "--did", dids["authority"], "--name", "Ministère d'essai"),
            *("--allow-host", "localhost"),
            home=authority,
            run=typed,
        )
        ok(
            *("authority", "web-certificate", "localhost", "--out", str(folder / "web")),
            home=authority,
            run=typed,
        )
        for index, name in enumerate(names):
            dids[name] = did_at(ports[1 + 2 * index])
            _init(folder, name, dids, ports[2 + 2 * index])
            state(folder / name, settings)
        nodes = {name: folder / name for name in names}
        with serving(authority, *nodes.values()) as served:
            running = dict(zip(("authority", *names), served, strict=True))
            for name in names:
                ok(
                    "authority",
                    "admit",
                    dids[name],
                    "--name",
                    f"Node {name}",
                    home=authority,
                    run=typed,
                )
                ok("membership", "--refresh", home=nodes[name], run=typed)
            yield Space(folder, authority, nodes, dids, running)


@contextmanager
def stranger(found: Space) -> Iterator[tuple[Path, str]]:
    """Serve a node beside a space that is no member of it; yield its home and DID."""
    name, port, grpc_port = "stranger", free_port(), free_port()
    dids = {**found.dids, name: did_at(port)}
    _init(found.folder, name, dids, grpc_port)
    with serving(found.folder / name):
        yield found.folder / name, dids[name]


def _init(folder: Path, name: str, dids: dict[str, str], grpc_port: int) -> None:
    """Make a node's home, with the HTTPS certificate that all of the space share."""
    ok(
        *("init", "--did", dids[name], "--name", f"Node {name}"),
        *("--space", dids["authority"], "--allow-host", "localhost"),
        *("--grpc-port", str(grpc_port)),
        *("--https-certificate", str(folder / "web" / "https.pem")),
        *("--https-key", str(folder / "web" / "https.key")),
        *("--web-roots", str(folder / "authority" / "keys" / "web-ca.pem")),
        home=folder / name,
        run=typed,
    )


@contextmanager
def going(*words: str, home: Path) -> Iterator[prefork.Forked]:
    """Run a command beside the test; whatever it says, it has ended afterwards."""
    made = prefork.popen([*words, "--home", str(home)])
    try:
        yield made
    finally:
        made.kill()
        made.wait()


def came(database: Path, query: str, *values: str) -> bool:
    """Look into a node's database until something is there."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with sqlite3.connect(database, timeout=5) as connection:
            (found,) = connection.execute(query, values).fetchone()
        connection.close()
        if found:
            return True
    return False
