"""What the confined process that prepares an extract is told and answers, and who waits for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from connector.domain.catalog.layout import Layout
from federated.aggregation import Side
from federated.persons import NOBODY_SUPPRESSED, Suppressed
from federated.privacy.event import Event


@dataclass(frozen=True, slots=True)
class Translated:
    """Pseudonyms that are translated, where nothing else is made.

    Attributes:
        scope: the other scope, as its plan states it.
        key: 32 bytes, of that one.
        pseudonyms: of the task's own scope.
    """

    scope: Mapping[str, Any]
    key: bytes = field(repr=False)
    pseudonyms: tuple[str, ...] = field(repr=False)

    def body(self) -> dict[str, Any]:
        """Return its members."""
        pseudonyms = list(self.pseudonyms)
        return {"scope": dict(self.scope), "key": self.key.hex(), "pseudonyms": pseudonyms}


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One use of a table to carry out.

    Attributes:
        path: of the source, absolute.
        layout: how it is read.
        steps: of the use, as they were signed.
        person_column: column that identifies the person; empty where there is none.
        person_format: how that column is spelled.
        columns: of rows, those that are wanted; none for all that the steps let through.
        cells: the table that is wanted, as it was signed; None for rows.
        format: of the file.
        scope_key: 32 bytes, of the pseudonyms or by which rows count in a table with noise; empty
            where neither is made.
        snapshot: SHA-256 of the source, hex.
        suppressed: persons whose rows are not used.
        before: what is kept of tables of the same data that left; empty for rows, and with noise.
        charged: events of a table with noise, as the ledger has them.
        hierarchies: digest -> path of the file of each declared one that the steps name.
        sums: the sum over sites that is added to, as it was signed; None for rows and tables.
        sides: its masks: key of 32 bytes, and whether this site adds it.
        translated: pseudonyms to translate instead; None where something is made.
        classes: column -> its class towards persons, where the use is judged, and nothing made.
    """

    path: str
    layout: Layout
    steps: tuple[Mapping[str, Any], ...]
    person_column: str
    person_format: str
    columns: tuple[str, ...]
    cells: Mapping[str, Any] | None
    format: str
    scope_key: bytes
    snapshot: str
    suppressed: Suppressed = NOBODY_SUPPRESSED
    before: tuple[Mapping[str, Any], ...] = ()
    charged: tuple[Event, ...] = ()
    hierarchies: Mapping[str, str] = field(default_factory=dict)
    classes: Mapping[str, str] = field(default_factory=dict)
    sums: Mapping[str, Any] | None = None
    sides: tuple[Side, ...] = field(default=(), repr=False)
    translated: Translated | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """What was made.

    Attributes:
        rows: in the file.
        suppressed: rows or cells that the steps withheld.
        released: what is to be kept of a table before it leaves.
    """

    rows: int
    suppressed: int
    released: tuple[Mapping[str, Any], ...] = ()


class Done:
    """Says by id which extracts have been prepared, to who waits for one; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waited: dict[str, list[threading.Event]] = {}
        self._tries: dict[str, int] = {}

    def tries(self, name: str) -> int:
        """Return how often it was begun without having ended."""
        return self._tries.get(name, 0)

    def begin(self, name: str) -> None:
        """Note that it is begun once more."""
        self._tries[name] = self.tries(name) + 1

    @contextmanager
    def expected(self, name: str) -> Iterator[threading.Event]:
        """Return an event that is set when it ends; who waits looks first whether it has."""
        event = threading.Event()
        with self._lock:
            self._waited.setdefault(name, []).append(event)
        try:
            yield event
        finally:
            with self._lock:
                self._waited[name].remove(event)
                if not self._waited[name]:
                    del self._waited[name]

    def set(self, name: str) -> None:
        """Note that it has ended, and wake whoever waits for it."""
        with self._lock:
            self._tries.pop(name, None)
            for event in self._waited.get(name, ()):
                event.set()
