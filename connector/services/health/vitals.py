"""What tells a supervisor whether to restart a node, and whether it answers peers.

Rules: `dead` asks for a restart, `unready` does not: a database that is down comes back by itself.
A node in recovery, or one that is no member yet, is ready: it has to answer peers to mend that.
Nothing here names a peer or a datum, since it is shown without a token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from connector.errors import StoreUnavailable
from connector.ports import Ports

STOPPING: Final = "STOPPING"
THREAD_DEAD: Final = "THREAD_DEAD"


@dataclass(frozen=True, slots=True)
class Vitals:
    """How the process is.

    Attributes:
        dead: lasting threads that have ended.
        stopping: whether it was asked to stop.
        expiries: end of each certificate of its own, by name, UTC.
        free_bytes: left on the disk of the home; None when that cannot be found out.
    """

    dead: tuple[str, ...] = ()
    stopping: bool = False
    expiries: Mapping[str, datetime] = field(default_factory=dict)
    free_bytes: int | None = None


def unready(ports: Ports, vitals: Vitals) -> list[str]:
    """Return the codes of what keeps the node from answering; empty when it does."""
    reasons = [STOPPING] if vitals.stopping else []
    reasons += [THREAD_DEAD] if vitals.dead else []
    try:
        with ports.store.read() as tx:
            tx.audit.head()
    except StoreUnavailable as exc:
        reasons.append(exc.code)
    return reasons
