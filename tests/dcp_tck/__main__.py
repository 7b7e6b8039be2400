"""Serve the roles until a signal; see the package."""

from __future__ import annotations

import argparse
import re
import signal
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from connector.serving.server import Server, configured
from connector.serving.sockets import listening
from tests.dcp_tck import properties
from tests.dcp_tck.roles import ROLES, Roles

PORT: Final = 4711


def main() -> None:
    """Compose, serve, tell the kit, and deliver until it is enough."""
    parser = argparse.ArgumentParser(prog="python -m tests.dcp_tck")
    parser.add_argument("--port", type=int, help="of loopback; else that of our DIDs, or 4711")
    parser.add_argument("--properties", type=Path, required=True, help="written for the kit")
    parser.add_argument("--kit", type=Path, help="read for what the kit has; else --properties is")
    parser.add_argument("--callback", help="address of the kit; else of its properties")
    asked = parser.parse_args()
    source = asked.kit or asked.properties
    given = properties.read(source.read_text()) if source.exists() else {}
    port = asked.port or stated_port(given) or PORT
    if asked.callback:
        given[f"{properties.PREFIX}callback.address"] = asked.callback
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: over.set())
    with tempfile.TemporaryDirectory() as folder:
        roles = Roles(Path(folder), port, given)
        server = Server("dcp", configured(roles.application), listening(f"127.0.0.1:{port}"))
        server.start()
        tell(roles, asked.properties)
        while not over.is_set():
            roles.deliver()
        server.stop()
        roles.close()


def stated_port(given: Mapping[str, str]) -> int:
    """Return the port of a DID of ours that the kit was told before; 0: none."""
    dids = (given.get(f"{properties.PREFIX}did.{role}", "") for role in ROLES)
    found = (re.fullmatch(r"did:web:localhost%3A([0-9]+):[a-z]+", did) for did in dids)
    return next((int(each.group(1)) for each in found if each), 0)


def tell(roles: Roles, file: Path) -> None:
    """Write what the kit is told: for each role, and last the file that says that we listen."""
    for role in ROLES:
        name = f"{file.stem}-{role}{file.suffix}"
        properties.write(file.with_name(name), roles.told(role))
    dids = {f"{properties.PREFIX}did.{role}": roles.did(role) for role in ROLES}
    properties.write(file, {**roles.properties, **dids})


if __name__ == "__main__":
    main()
