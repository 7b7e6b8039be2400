"""A whole space on loopback for end-to-end tests: an authority and nodes with real processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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
def space(*names: str, admit: bool = True) -> Iterator[Space]:
    """Make, serve and stop a space; its nodes are members unless `admit` is false."""
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
        web = ok(
            *("authority", "web-certificate", "localhost", "--out", str(folder / "web")),
            home=authority,
            run=typed,
        )
        for index, name in enumerate(names):
            dids[name] = did_at(ports[1 + 2 * index])
            ok(
                *("init", "--did", dids[name], "--name", f"Node {name}"),
                *("--space", dids["authority"], "--allow-host", "localhost"),
                *("--grpc-port", str(ports[2 + 2 * index])),
                *("--https-certificate", web["certificate"], "--https-key", web["key"]),
                *("--web-roots", web["web_roots"]),
                home=folder / name,
                run=typed,
            )
        nodes = {name: folder / name for name in names}
        with serving(authority, *nodes.values()) as served:
            running = dict(zip(("authority", *names), served, strict=True))
            for name in names if admit else ():
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
