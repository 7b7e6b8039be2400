"""What `preau doctor` says of connections: each is an address that the operator has stated."""

from __future__ import annotations

from connector.config import Settings
from connector.domain.catalog.connection import connections
from connector.errors import PreauError
from connector.services.health.diagnose import FAIL, OK, Check
from connector.store import keys

_MEND = "mend `[connections]` in preau.toml"


def checks(settings: Settings) -> list[Check]:
    """Look at each connection and its secret; nothing is connected to."""
    try:
        stated = connections(settings.connections)
    except PreauError as exc:
        return [Check("connections", FAIL, exc.reason, _MEND)]
    found = []
    for each in stated.values():
        name = f"connection {each.name}"
        reach = "reaches the network" if each.network else "stays on this machine"
        try:
            if secret := each.options.get("secret"):
                keys.read_private_file(settings.path(secret))
        except PreauError as exc:
            found.append(Check(name, FAIL, exc.reason, exc.hint or _MEND))
            continue
        found.append(Check(name, OK, f"{each.kind}, {each.place}; {reach}"))
    return found
