"""Ports for the servers of a test; processes that it starts are told them.

Each worker of a run has its own part, so that no two tests are given the same number.
"""

from __future__ import annotations

import os
from functools import cache

from loopback import Ports


def free_port() -> int:
    """Return a TCP port that is free on loopback; none is returned twice."""
    return next(_ports())


@cache
def _ports() -> Ports:
    part = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return Ports(part, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
