"""Serve the roles until a signal; see the package."""

from __future__ import annotations

import argparse
import signal
import tempfile
import threading
from pathlib import Path

from connector.serving.server import Server, configured
from connector.serving.sockets import listening
from tests.dcp_tck import properties
from tests.dcp_tck.roles import ROLES, Roles


def main() -> None:
    """Compose, serve, tell the kit, and deliver until it is enough."""
    parser = argparse.ArgumentParser(prog="python -m tests.dcp_tck")
    parser.add_argument("--port", type=int, required=True, help="of loopback, for all roles")
    parser.add_argument("--properties", type=Path, required=True, help="written for the kit")
    parser.add_argument("--kit", type=Path, help="properties of the kit that are read")
    parser.add_argument("--callback", help="address of the kit; else of its properties")
    asked = parser.parse_args()
    given = properties.read(asked.kit.read_text()) if asked.kit else {}
    if asked.callback:
        given[f"{properties.PREFIX}callback.address"] = asked.callback
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: over.set())
    with tempfile.TemporaryDirectory() as folder:
        roles = Roles(Path(folder), asked.port, given)
        server = Server("dcp", configured(roles.application), listening(f"127.0.0.1:{asked.port}"))
        server.start()
        tell(roles, asked.properties)
        while not over.is_set():
            roles.deliver()
        server.stop()
        roles.close()


def tell(roles: Roles, file: Path) -> None:
    """Write what the kit is told: for each role, and last the file that says that we listen."""
    for role in ROLES:
        name = f"{file.stem}-{role}{file.suffix}"
        properties.write(file.with_name(name), roles.told(role))
    dids = {f"{properties.PREFIX}did.{role}": roles.did(role) for role in ROLES}
    properties.write(file, {**roles.properties, **dids})


if __name__ == "__main__":
    main()
