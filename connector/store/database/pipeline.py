"""A transaction of PostgreSQL whose statements travel together.

Rules: statements wait until an answer is read, or until the commit, and are then sent at once
(libpq's pipeline mode), BEGIN with the first of them; the server runs them one after another. Each
is prepared once a connection. A connection on which a statement failed is closed, so that what is
known of it always holds.
"""

from __future__ import annotations

import select
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import psycopg
from psycopg import errors, pq
from psycopg.adapt import PyFormat, Transformer
from sqlalchemy import Dialect, text

from connector.store.database.engine import Idle, Unreadable
from connector.store.database.prepared import NOTHING, Prepared, Record, Values, prepared
from connector.store.database.session import Rows, Session, undone

_BEGIN: Final = {
    True: text("BEGIN"),
    False: text("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
}
_END: Final = {True: text("COMMIT"), False: text("ROLLBACK")}
_FORMATS: Final = {True: PyFormat.BINARY, False: PyFormat.TEXT}
# That a server may be silent: locks and idle transactions end before (`engine.py`).
SILENT_SECONDS: Final = 180
_FINE: Final = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK)


@dataclass(slots=True)
class _Waiting:
    """A statement that was not sent yet; and its answer once it was."""

    statement: Prepared
    values: Sequence[Any]
    answer: pq.abc.PGresult | None = None


class _Link:
    """What is kept with a connection as long as it lasts."""

    def __init__(self, driver: Any) -> None:
        self.server: pq.abc.PGconn = driver.pgconn
        self.adapt = Transformer.from_context(driver)
        self.names: dict[Prepared, bytes] = {}  # of what the server has prepared


class PostgresSession(Session):
    """A transaction of PostgreSQL."""

    def __init__(self, idle: Idle, *, writable: bool) -> None:
        """Take a connection; nothing is sent yet."""
        super().__init__(idle, _numbered(idle.engine.dialect), writable=writable)
        found = self._pooled.info.get(_Link)
        if found is None:
            found = self._pooled.info[_Link] = _Link(self._pooled.dbapi_connection)
        self._link: _Link = found
        self._begun = False
        self._waiting: list[_Waiting] = []
        self.tell(prepared(_BEGIN[writable], self.dialect), NOTHING)

    @property
    def connection(self) -> Any:
        """For statements that SQLAlchemy runs: after those that wait."""
        self._exchange()
        return super().connection

    def run(self, statement: Prepared, values: Values) -> list[Record]:
        """Run a statement; see `Session.run`."""
        return self.ahead(statement, values)()

    def tell(self, statement: Prepared, values: Values) -> None:
        """Let a statement wait; see `Session.tell`."""
        self.ahead(statement, values)

    def ahead(self, statement: Prepared, values: Values) -> Rows:
        """Let a query wait; see `Session.ahead`."""
        waiting = _Waiting(statement, statement.given(values))
        self._waiting.append(waiting)
        return lambda: self._rows(waiting)

    def _end(self, *, commit: bool) -> None:
        if not commit or not (self._begun or self._waiting[1:]):
            self._waiting.clear()
        if self._begun or self._waiting:
            last = _Waiting(prepared(_END[commit], self.dialect), ())
            self._waiting.append(last)
            self._exchange()
            if commit and (last.answer is None or last.answer.command_status != b"COMMIT"):
                raise undone()

    def _rows(self, waiting: _Waiting) -> list[Record]:
        if waiting.answer is None:
            self._exchange()
        answer, adapt = waiting.answer, self._link.adapt
        if answer is None:
            raise RuntimeError("the transaction is over")
        try:
            adapt.set_pgresult(answer)
            rows = adapt.load_rows(0, answer.ntuples, tuple)
        except (psycopg.DataError, ValueError) as exc:
            raise Unreadable("a driver cannot read a row") from exc
        return waiting.statement.read(rows, [answer.ftype(at) for at in range(answer.nfields)])

    def _exchange(self) -> None:
        """Send what waits, and take in the answers.

        Raises:
            StoreUnavailable: the database did not answer, stayed locked or refused a change.
        """
        sent, self._waiting = self._waiting, []
        if not sent:
            return
        self._begun = True
        try:
            for each, answer in zip(self._send(sent), self._answers(), strict=True):
                if each is not None:
                    each.answer = answer
            self._link.server.exit_pipeline_mode()
        except psycopg.Error as exc:
            self._failed(exc, spoiled=True)
        except BaseException:  # what was answered is not known
            self._pooled.invalidate()
            raise

    def _send(self, sent: list[_Waiting]) -> list[_Waiting | None]:
        """Send statements; return what is answered, in order: None where one is prepared."""
        server, names, answered = self._link.server, self._link.names, list[_Waiting | None]()
        server.enter_pipeline_mode()
        for each in sent:
            name = names.get(each.statement)
            if name is None:
                name = names[each.statement] = b"preau%d" % len(names)
                server.send_prepare(name, each.statement.text.encode())
                answered.append(None)
            values, formats = self._adapted(each)
            server.send_query_prepared(name, values, formats, pq.Format.BINARY)
            answered.append(each)
        server.pipeline_sync()
        while server.flush():
            self._wait(select.POLLIN | select.POLLOUT)
            server.consume_input()
        return answered

    def _adapted(self, each: _Waiting) -> tuple[Sequence[Any], Sequence[int]]:
        """Return values as the server takes them; their types follow from the statement."""
        formats = [_FORMATS[binary] for binary in each.statement.binary]
        adapt = self._link.adapt
        return adapt.dump_sequence(each.values, formats), adapt.formats or ()

    def _answers(self) -> Iterator[pq.abc.PGresult]:
        """Yield the answer of each statement up to the end of what was sent."""
        server = self._link.server
        while True:
            while server.is_busy():
                self._wait(select.POLLIN)
                server.consume_input()
            answer = server.get_result()
            if answer is None:  # between two statements
                if server.status != pq.ConnStatus.OK:
                    raise psycopg.OperationalError("the connection is lost")
            elif answer.status == pq.ExecStatus.PIPELINE_SYNC:
                return
            elif answer.status in _FINE:
                yield answer
            else:
                raise errors.error_from_result(answer)

    def _wait(self, events: int) -> None:
        """Wait until the connection can be read, or written."""
        poll = select.poll()
        poll.register(self._link.server.socket, events)
        if not poll.poll(SILENT_SECONDS * 1000):
            raise psycopg.OperationalError(f"the server was silent for {SILENT_SECONDS} seconds")


@cache
def _numbered(dialect: Dialect) -> Dialect:
    """Return a dialect in which values have numbers, as libpq wants them."""
    kind: Any = type(dialect)
    numbered: Dialect = kind(dbapi=dialect.loaded_dbapi, paramstyle="numeric_dollar")
    return numbered
