"""The consoles of the space's nodes: who may log in, what waits for them, and how long they stay.

The accounts are the demonstration's own: one for each role, the same at each node, with a password
that is made at each start and said once.
"""

from __future__ import annotations

import secrets
import shutil
import signal
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType

import contracts
from space import Node, Space
from story import Cast

# Of `preau.toml`: any free port of this machine.
SETTINGS = {"console_listen": "127.0.0.1:0"}
# Account, which is called as its role, and roles in which it decides.
ACCOUNTS = {
    "operator": (),
    "steward": (),
    "author": (),
    "approver": ("dpo",),
    "scientist": (),
    "auditor": (),
}
FILE = "pupils.csv"
DECIDING = "nord"
EPSILON, WISHED = 0.5, 0.8


def open_to_persons(cast: Cast, space: Space, folder: Path) -> list[str]:
    """Make the accounts and what waits for them; return how to get to the consoles, a line each.

    Args:
        cast: whose parts are published.
        space: in which.
        folder: with the files `star-NAME.csv`.
    """
    leave_waiting(cast, space, folder)
    password = secrets.token_urlsafe(12)
    return [*admit([*cast.academies.values(), cast.lab], password)]


def leave_waiting(cast: Cast, space: Space, folder: Path) -> None:
    """Leave a decision to a DPO, a counter-offer to a scientist, and a file to each steward."""
    until, node = datetime.now(UTC) + timedelta(days=365), cast.academies[DECIDING]
    file, dataset = folder / f"star-{DECIDING}.csv", f"urn:star:{DECIDING}"
    reviewed = contracts.offer(DECIDING, space.authority.did, until, epsilon=EPSILON)
    offers = [
        contracts.offer(DECIDING, space.authority.did, until),
        {"policy": reviewed, "decision": "review contract", "roles": ["dpo"]},
    ]
    with node.client() as client:
        population = client.dataset(dataset).population
        client.publish(contracts.dataset(DECIDING, file, population, offers))
    more = contracts.offer(DECIDING, space.authority.did, until, epsilon=WISHED)
    wish = {**more, "@id": reviewed["@id"]}
    with cast.lab.client() as lab:
        lab.catalog(node.did)
        lab.negotiate(node.did, dataset, offer=reviewed["@id"])
        lab.negotiate(node.did, dataset, offer=reviewed["@id"], policy=wish)
    for name, academy in cast.academies.items():
        kept = academy.home / "data" / FILE
        kept.parent.mkdir(exist_ok=True)
        shutil.copy(folder / f"star-{name}.csv", kept)


def admit(nodes: Iterable[Node], password: str) -> Iterable[str]:
    """Make the accounts of nodes; yield where each console is, then who may log in."""
    for node in nodes:
        with node.client() as client:
            for name, reviews in ACCOUNTS.items():
                client.add_account(name, [name], password, decides_as=list(reviews))
        yield f"{node.name}: {node.console}"
    yield f"accounts, at each: {', '.join(ACCOUNTS)}"
    yield f"password of all, for this demonstration alone: {password}"


def stay(lines: Sequence[str], say: Callable[[str], None] = print) -> None:
    """Say how to get to the consoles, and return on Ctrl-C or SIGTERM; the first one is heard."""
    with suppress(KeyboardInterrupt):
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, _interrupt)  # SIGINT too: a shell's background job ignores it
        for line in (*lines, "Ctrl-C stops all nodes"):
            say(line)
        while True:
            signal.pause()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)  # nodes that are not waited for would run on


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
