"""Ports for tests: a real store on SQLite, a clock that tests set, and refusals for the rest.

`ports_for_tests` builds the bundle. What a test does not override raises when it is used, so that
no test reaches a peer, a worker or a file by accident.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn, cast

from connector.bootstrap.mechanisms import MECHANISMS
from connector.bootstrap.system import ThreadWakeups
from connector.config import Settings
from connector.domain.transfer.extract import FOLDER
from connector.errors import KeyUnusable
from connector.ports import Ports
from connector.store import SqlStore
from connector.store.files.charges import NOTHING, HomeCharges
from connector.store.files.extract_files import HomeFiles
from tests.support.database import sqlite_url
from tests.support.judging import judged
from tests.support.keys import MemorySigner

NOON = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


class FixedClock:
    """The port `Clock`: stands still until a test moves it."""

    def __init__(self, now: datetime = NOON) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)

    def set(self, now: datetime) -> None:
        self._now = now


class QuickPace:
    """The port `Pace`: its clock moves when something waits, and by `step` at each look.

    Attributes:
        waits: seconds of each wait, in order.
    """

    def __init__(self, step: float = 0.0) -> None:
        self._now = 0.0
        self._step = step
        self._lock = threading.Lock()
        self.waits: list[float] = []

    def now(self) -> float:
        with self._lock:
            self._now += self._step
            return self._now

    def pass_by(self, seconds: float) -> None:
        """Let time pass of which nobody waits for the end."""
        with self._lock:
            self._now += seconds

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        self.pass_by(seconds)
        self.waits.append(seconds)
        return stop.is_set()


class CountingIds:
    """The port `Identifiers`: `urn:uuid:` of 1, 2, 3 …, in the group of `node`.

    Two nodes of one test take different numbers for `node`, so that their ids do not collide.
    """

    def __init__(self, node: int = 0) -> None:
        self._node = node
        self._last = 0

    def new(self) -> str:
        self._last += 1
        return f"urn:uuid:00000000-0000-4000-8000-{self._node:04x}{self._last:08x}"


class Unset:
    """Stands for a port that the test did not provide; any use of it raises."""

    def __init__(self, port: str) -> None:
        self._port = port

    def __getattr__(self, name: str) -> NoReturn:
        raise AssertionError(f"the test gave no port `{self._port}`, and `{name}` of it was used")


class PersonKeys:
    """The port `PersonKey`: the same key for all nodes of a test, unless it is lost."""

    def __init__(self) -> None:
        self.key = bytes(range(32))

    def __call__(self, *, make: bool) -> bytes:
        if not self.key and not make:
            raise KeyUnusable("key file `keys/persons.key` cannot be read")
        self.key = self.key or bytes(32)
        return self.key


_UNSET = ("web", "wire", "accountant", "workers", "sources", "preparing")


def settings_for_tests(home: Path, did: str, **changes: Any) -> Settings:
    """Return settings of a node that reaches nothing but itself."""
    values: dict[str, Any] = {
        "name": "École d'essai",
        "grpc_endpoint": "localhost:50051",
        "space": "did:web:authority.example",
        "trusted_issuers": ("did:web:authority.example",),
        **changes,
    }
    return Settings(home=home, did=did, **values)


def ports_for_tests(tmp_path: Path, did: str = "did:web:node.example", **overrides: Any) -> Ports:
    """Return ports of one node: real SQLite store in `tmp_path`, fixed clock, key in memory.

    Args:
        tmp_path: home folder of the node; its own for each node.
        did: the node's DID.
        overrides: fields of `Ports`, put in place of the defaults. Without one, `web`, `wire`,
            `accountant`, `workers` and `sources` raise when used.

    The store is closed when the bundle's store is collected, or by `ports.store.close()`.
    """
    tmp_path.mkdir(parents=True, exist_ok=True)
    clock = overrides.get("clock") or FixedClock()
    values: dict[str, Any] = {
        "settings": settings_for_tests(tmp_path, did),
        "clock": clock,
        "ids": CountingIds(),
        "signer": MemorySigner(did),
        "wakeups": ThreadWakeups(),
        "pace": QuickPace(),
        "charges": charges_in(tmp_path, did),
        "own_document": _nothing(b""),
        "own_membership": _nothing(""),
        "person_key": PersonKeys(),
        "pseudonym_key": PersonKeys(),
        "mechanisms": MECHANISMS,
        "extracts": HomeFiles(tmp_path, FOLDER),
        "judging": judged,
        **{port: Unset(port) for port in _UNSET},
        **overrides,
    }
    if "store" not in values:
        values["store"] = open_store(tmp_path, clock)
    return Ports(**values)


def charges_in(folder: Path, did: str) -> HomeCharges:
    """Return the record of charges in a home, as `preau init` leaves it."""
    made = HomeCharges(folder, did)
    made.record(NOTHING)
    return made


def open_store(folder: Path, clock: Any = None) -> SqlStore:
    """Return a migrated store on SQLite in `folder`; what is there is kept (a restart)."""
    store = SqlStore(sqlite_url(folder), clock or FixedClock())
    weakref.finalize(store, store._idle.dispose)
    return store


def _nothing(value: Any) -> Callable[..., Any]:
    return cast("Callable[..., Any]", lambda *_of: value)


def trust_only(settings: Settings, *issuers: str) -> None:
    """Let a node that runs believe other issuers in its space, as if its operator changed that."""
    (space,) = settings.spaces
    object.__setattr__(settings, "spaces", (replace(space, trusted_issuers=issuers),))
