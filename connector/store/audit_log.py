"""The node's own log in SQL: the port `AuditLog`. The tree's mathematics is `domain/log/merkle.py`.

Rules: an entry is written in the transaction of what it records, takes the next index and is never
changed; the exact event bytes are kept; a writer holds the head row, so that indexes have no gap.
Perfect subtrees are stored when they are complete: head, root and proofs cost O(log n).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Mapping
from functools import cache, partial
from typing import Any, Final, cast

from sqlalchemy import Select, bindparam, func, select, union_all, update

from connector.domain import instant
from connector.domain.log import merkle
from connector.domain.log.audit import Head, LogEntry, Sought, Stand
from connector.domain.log.merkle import HASH_BYTES, Frontier, Node, Subtree
from connector.domain.page import Page
from connector.errors import RowDamaged
from connector.jsonld.canonical import canonical
from connector.ports import Clock
from connector.store import rows
from connector.store.database.scope import Scope
from connector.store.database.session import Rows
from connector.store.mapping import fields_of, to_row
from connector.store.recent import Mark
from connector.store.tables.keyed import table_of
from connector.store.tables.records import AuditEntryRow, AuditHeadRow, AuditNodeRow, EpochRow

HEAD_ID = 1
_HEADS: Final = table_of(AuditHeadRow)
_HEAD: Final = select(_HEADS.c.size, _HEADS.c.frontier).where(_HEADS.c.id == HEAD_ID)
_HELD_HEAD: Final = _HEAD.with_for_update()
_NEW_HEAD: Final = (
    update(_HEADS)
    .where(_HEADS.c.id == HEAD_ID)
    .values(size=bindparam("new_size"), frontier=bindparam("new_frontier"))
)
_EPOCHS: Final = table_of(EpochRow).name
_ENTRIES: Final = table_of(AuditEntryRow)
_NODES: Final = table_of(AuditNodeRow)
_NEW_ENTRY: Final = _ENTRIES.insert()
_NEW_NODES: Final = _NODES.insert()
_LEAF: Final = select(_ENTRIES.c.leaf).where(_ENTRIES.c.index == bindparam("asked_index"))
_NODE: Final = select(_NODES.c.hash).where(
    _NODES.c.level == bindparam("asked_level"), _NODES.c.position == bindparam("asked_index")
)
CHECKED_AT_ONCE = 1000
_SHOWN: Final = ("state", "round", "code", "method", "command", "missed", "message", "peer")

_log = logging.getLogger("connector.events")


class SqlAuditLog:
    """The log of one node."""

    def __init__(
        self,
        scope: Scope,
        clock: Clock,
        after_commit: Callable[[Callable[[], None]], None] | None = None,
    ) -> None:
        """Open.

        Args:
            scope: of the transaction.
            clock: stamps entries.
            after_commit: takes what is to be done once the transaction is on disk.
        """
        self._scope = scope
        self._clock = clock
        self._after_commit = after_commit
        self._asked: Rows | None = None
        self._held: Frontier | None = None
        self._began: int | None = None  # entries that were there
        self._appended: dict[str, int] = {}  # newest by kind

    def append(self, kind: str, subject: str, **facts: Any) -> LogEntry:
        """Add an event. `facts` are JSON values without personal data.

        Raises:
            Malformed: the facts have no canonical JSON form, or a text cannot be stored.
            RuntimeError: the transaction is for reading.
        """
        self._scope.check_writable()
        frontier = self._frontier()
        entry = self._entry(frontier.size, kind, subject, facts)
        grown, done = merkle.grow(frontier, entry.leaf)
        row = to_row(entry)
        self._scope.tell(_NEW_ENTRY, row, tuple(row))
        self._keep(done[1:])
        self._scope.written.add(_HEADS.name)
        self._held = grown
        self._began = frontier.size if self._began is None else self._began
        self._appended[kind] = entry.index
        if self._after_commit is not None:
            self._after_commit(partial(_tell, kind, subject, facts))
        return entry

    def entries(
        self,
        *,
        start: int = 0,
        limit: int = 1000,
        subject: str | None = None,
        kind: str | None = None,
    ) -> list[LogEntry]:
        """Return entries from `start`, in order; of one subject or kind when given.

        Raises:
            RowDamaged: one of them cannot be read.
        """
        subjects = None if subject is None else (subject,)
        return self._entries(Sought(start, subjects, kind or ""), limit)

    def page(self, sought: Sought, limit: int = 1000) -> Page[LogEntry]:
        """Return the entries that are looked for, whatever the rows hold."""
        try:
            return Page(tuple(self._entries(sought, limit)), "")
        except RowDamaged:
            query = _listed((_ENTRIES.c.index,), sought, limit)
            places = list(self._scope.read(query).scalars())
            key = ("index",)
            found = rows.one_by_one(self._scope, LogEntry, _ENTRIES, key, places, *key)
            return Page.of(found, "")

    def _entries(self, sought: Sought, limit: int) -> list[LogEntry]:
        columns = tuple(_ENTRIES.c[name] for name in fields_of(LogEntry))
        query = _listed(columns, sought, limit)
        return rows.strictly(LogEntry, _ENTRIES, lambda: self._scope.read(query))

    def size(self) -> int:
        """Return how many entries there are."""
        return self._frontier().size

    def head(self) -> tuple[int, bytes]:
        """Return (size, RFC 6962 root) of the log."""
        frontier = self._frontier()
        return frontier.size, frontier.root()

    def recent(self, kinds: tuple[str, ...], ask: Callable[[], Stand]) -> Stand:
        """Return how the log stands, perhaps a second ago; see `ports.AuditLog`."""
        return ask() if self._scope.writable else self._scope.recently(_HEADS, kinds, ask)

    def grown(self) -> Mapping[Hashable, tuple[Mark, Stand]]:
        """Return what `recent` answers now that what was appended is on disk.

        It follows from what was answered before, where that was of the log as this writer found it.
        """
        found: dict[Hashable, tuple[Mark, Stand]] = {}
        if self._began is None or _EPOCHS in self._scope.written:
            return found
        size, root = self.head()
        for kinds, (mark, before) in self._scope.kept(_HEADS).items():
            if before.head.size == self._began:
                newest = (
                    at + 1
                    for kind, at in self._appended.items()
                    if kind in cast("tuple[str, ...]", kinds)
                )
                head = Head(before.head.epoch, size, root)
                found[kinds] = (mark, Stand(head, max(newest, default=before.since)))
        return found

    def since(self, *kinds: str) -> int:
        """Return how many entries there are up to and including the newest of these kinds."""
        newest: int | None = self._scope.ask(_newest(kinds))[0][0]
        return 0 if newest is None else newest + 1

    def root(self, size: int) -> bytes:
        """Return the root when the log had `size` entries.

        Raises:
            ValueError: the log was never that long.
        """
        self._reached(size)
        return merkle.root(size, self._node())

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Return the inclusion proof (RFC 6962 section 2.1.1) of an entry in a tree of `size`.

        Raises:
            ValueError: the log was never that long, or `index` is not in it.
        """
        self._reached(size)
        return merkle.inclusion(index, size, self._node())

    def consistency(self, first: int, second: int) -> list[bytes]:
        """Return the consistency proof (RFC 6962 section 2.1.2) from `first` to `second`.

        Raises:
            ValueError: the log was never that long, or `first` is past `second`.
        """
        self._reached(second)
        return merkle.consistency(first, second, self._node())

    def check(self) -> str:
        """Recompute the log from its events; return its first fault, one line, or nothing.

        Columns, leaves and stored subtrees must be those of the events, and the head that of all.
        """
        kept = self._frontier()
        grown, query = Frontier(), select(_ENTRIES).order_by(_ENTRIES.c.index)
        while True:
            asked = query.where(_ENTRIES.c.index >= grown.size).limit(CHECKED_AT_ONCE)
            trees: list[Subtree] = []
            before = grown.size
            try:
                for row in self._scope.read(asked).mappings():
                    if not _faithful(row, grown.size):
                        return f"entry {grown.size} is missing, or was changed"
                    grown, done = merkle.grow(grown, row["leaf"])
                    trees.extend(done[1:])
            except rows.UNREADABLE as exc:
                if not rows.spoiled(exc):
                    raise
                return f"entry {grown.size}, or one shortly after it, cannot be read"
            if not self._holds(trees, before, grown.size):
                return f"the tree over the entries {before} to {grown.size - 1} was changed"
            if grown.size == before:
                break
        if grown != kept:
            return f"the log has {grown.size} entries, but its head covers {kept.size}"
        return ""

    def hold(self) -> None:
        """Keep other writers waiting until the transaction ends.

        Raises:
            RuntimeError: the transaction is for reading.
        """
        self._asked = self._scope.ahead(_HELD_HEAD)

    def settle(self) -> None:
        """Write the head of what was appended; call it once, before the commit."""
        if self._began is not None and self._held is not None:
            grown = self._held
            head = {"new_size": grown.size, "new_frontier": b"".join(grown.hashes)}
            self._scope.tell(_NEW_HEAD, head)

    def _frontier(self) -> Frontier:
        if self._held is not None:  # nobody else writes meanwhile
            return self._held
        ((size, data),) = self._asked() if self._asked else self._scope.ask(_HEAD)
        hashes = (data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES))
        found = Frontier(size, tuple(hashes))
        if self._asked:
            self._held = found
        return found

    def _entry(self, index: int, kind: str, subject: str, facts: dict[str, Any]) -> LogEntry:
        at = instant.text(self._clock.now())
        event = canonical(
            {"kind": kind, "at": at, "subject": subject, "index": index, "facts": facts}
        )
        return LogEntry(index, kind, instant.read(at), subject, event, merkle.leaf_hash(event))

    def _keep(self, trees: tuple[Subtree, ...]) -> None:
        rows = [{"level": t.level, "position": t.index, "hash": t.hash} for t in trees]
        self._scope.tell_many(_NEW_NODES, rows)

    def _holds(self, trees: list[Subtree], start: int, end: int) -> bool:
        """Return whether the subtrees that the entries of a range complete are stored as such."""
        table, found = _NODES.c, {}
        for level in sorted({tree.level for tree in trees}):
            within = table.position.between(start >> level, end >> level)
            rows = self._scope.read(select(_NODES).where(table.level == level, within))
            found.update({(row.level, row.position): row.hash for row in rows})
        return all(found.get((tree.level, tree.index)) == tree.hash for tree in trees)

    def _reached(self, size: int) -> None:
        if not 0 <= size <= self._frontier().size:
            raise ValueError(f"the log never had {size} entries")

    def _node(self) -> Node:
        def read(level: int, index: int) -> bytes:
            query, place = (_NODE, {"asked_level": level}) if level else (_LEAF, {})
            found: bytes = self._scope.ask(query, {**place, "asked_index": index})[0][0]
            return found

        return read


def _listed(columns: tuple[Any, ...], sought: Sought, limit: int) -> Select[Any]:
    column, kind = _ENTRIES.c, sought.kind
    wanted = [column.index >= sought.start]
    if sought.subjects is not None:
        one = len(sought.subjects) == 1
        subject = column.subject
        wanted.append(subject == sought.subjects[0] if one else subject.in_(sought.subjects))
    if kind:  # what follows `job.` and comes before `job/` begins with `job.`
        whole = "." in kind
        wanted += [column.kind == kind] if whole else [column.kind > f"{kind}."]
        wanted += [] if whole else [column.kind < f"{kind}/"]
    wanted += [] if sought.since is None else [column.at >= sought.since]
    wanted += [] if sought.before is None else [column.at < sought.before]
    order = column.index.desc() if sought.newest else column.index
    return select(*columns).where(*wanted).order_by(order).limit(limit)


@cache
def _newest(kinds: tuple[str, ...]) -> Select[Any]:
    """Return the query for the newest index of kinds that the code names."""
    index, of_kind = _ENTRIES.c.index, _ENTRIES.c.kind
    # One look-up in the index each: over a list of kinds all their entries would be read.
    each = [select(func.max(index).label("newest")).where(of_kind == kind) for kind in kinds]
    found = union_all(*each).subquery()
    return select(func.max(found.c.newest))


def _tell(kind: str, subject: str, facts: dict[str, Any]) -> None:
    """Write an event to the process's log too, under the id of what it is about."""
    shown = [f"{name}={facts[name]}" for name in _SHOWN if facts.get(name) not in (None, "")]
    _log.info("%s", " ".join([kind, *shown]), extra={"about": subject})


def _faithful(row: Mapping[Any, Any], index: int) -> bool:
    """Return whether a row is the entry of an index, and its columns and leaf its event's."""
    event: bytes = row["event"]
    ends = canonical({"index": index, "kind": row["kind"], "subject": row["subject"]})[1:]
    starts = b'{"at":' + canonical(instant.text(row["at"])) + b","
    whole = event.startswith(starts) and event.endswith(b"," + ends)
    return row["index"] == index and whole and row["leaf"] == merkle.leaf_hash(event)
