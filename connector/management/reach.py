"""What the routes may reach: the ports of the node, and who it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from connector.management.views import NodeView
from connector.ports import Ports
from connector.services.health.vitals import Vitals


@dataclass(frozen=True, slots=True)
class Reach:
    """What the routes may reach.

    Attributes:
        ports: of the node.
        about: tells who the node is.
        keep_membership: keeps a fetched membership credential.
        vitals: tells how the process is.
    """

    ports: Ports
    about: Callable[[], NodeView]
    keep_membership: Callable[[str], None]
    vitals: Callable[[], Vitals] = Vitals


def reach_of(request: Request) -> Reach:
    """Return what the application was made with."""
    found = request.app.state.reach
    if not isinstance(found, Reach):
        raise TypeError("the application was made without ports")
    return found


async def _here(request: Request) -> Reach:  # FastAPI takes a thread for one that is not
    return reach_of(request)


Here = Annotated[Reach, Depends(_here)]
