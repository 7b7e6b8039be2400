"""What the routes may reach: the ports of the node, and who it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request

from connector.domain.space import Space
from connector.ports import Ports
from connector.services.health.vitals import Vitals


@dataclass(frozen=True, slots=True)
class About:
    """A running process of the node, beside its settings.

    Attributes:
        version: of this software.
        pid: process.
        started_at: when.
        grpc: `host:port` that is bound; empty for an authority.
        https: `host:port` that is bound.
    """

    version: str
    pid: int
    started_at: datetime
    grpc: str
    https: str


@dataclass(frozen=True, slots=True)
class Reach:
    """What the routes may reach.

    Attributes:
        ports: of the node.
        about: tells of its process.
        keep_membership: keeps a fetched membership credential of a space.
        vitals: tells how the process is.
    """

    ports: Ports
    about: Callable[[], About]
    keep_membership: Callable[[str, Space], None]
    vitals: Callable[[], Vitals] = Vitals


def reach_of(request: Request) -> Reach:
    """Return what the application was made with."""
    found = request.app.state.reach
    if not isinstance(found, Reach):
        raise TypeError("the application was made without ports")
    return found
