"""The SQL engine in this process, which reaches neither files nor network.

Rules: it is locked before it sees a row; what it says of a failure is not passed on, since it can
quote values. One thread and a limit of memory, so that a step takes no more than its share.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
import sqlglot.expressions as exp

from connector.errors import DataFileUnreadable
from connector.protection.expressions import lookups, spelled, table
from connector.protection.ground import Ground

MEMORY: Final = "1GiB"
_AT_ONCE: Final = 1 << 23  # bytes
_LOCKED: Final[Mapping[str, str | bool | int]] = {
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "python_enable_replacements": False,
    "threads": 1,
    "preserve_insertion_order": True,
}


class Engine:
    """One database in memory.

    Attributes of the connection are fixed when it is made and cannot be changed by a query.
    """

    def __init__(self, ground: Ground, memory: str = MEMORY, spill: Path | None = None) -> None:
        """Open it.

        Args:
            ground: whose hierarchies it holds, each once a query asks for it.
            memory: most that it takes.
            spill: private folder for what is more; None: more is refused.
        """
        place = str(spill) if spill else ""
        config = {**_LOCKED, "memory_limit": memory, "temp_directory": place}
        self._connection = duckdb.connect(":memory:", config=dict(config))
        self._connection.execute("SET lock_configuration = true")
        self._lookups = lookups(ground)

    def close(self) -> None:
        """Let go of all that it holds."""
        self._connection.close()

    def ask(self, query: exp.Expr, **tables: pa.Table) -> pa.Table:
        """Return what a query finds, also in tables that are there for it alone.

        Raises:
            DataFileUnreadable: it cannot be answered for these rows.
        """
        for each in query.find_all(exp.Table):
            if codes := self._lookups.pop(each.name, None):
                pairs = {"code": list(codes), "unit": list(codes.values())}
                self.keep(each.name, pa.table(pairs, _PAIR))
        with self._shown(tables), _unquoted():
            return self._connection.sql(spelled(query)).to_arrow_table()

    def hold(self, name: str, parts: Iterable[pa.Table]) -> None:
        """Add rows to a table that stays, many at a time: few at a time take twice as long.

        Raises:
            DataFileUnreadable: there is no room for them.
        """
        waiting: list[pa.Table] = []
        for part in parts:
            waiting.append(part)
            if sum(each.nbytes for each in waiting) > _AT_ONCE:
                self.keep(name, pa.concat_tables(waiting))
                waiting = []
        if waiting:
            self.keep(name, pa.concat_tables(waiting))

    def keep(self, name: str, rows: pa.Table) -> None:
        """Add rows to a table that stays, made when it is not there.

        Raises:
            DataFileUnreadable: there is no room for them.
        """
        columns = exp.select("*").from_("shown")
        made = exp.Create(this=table(name), kind="TABLE", exists=True, expression=columns.limit(0))
        with self._shown({"shown": rows}), _unquoted():
            self._connection.execute(spelled(made))
            self._connection.execute(spelled(exp.insert(columns, table(name))))

    @contextmanager
    def _shown(self, tables: Mapping[str, pa.Table]) -> Iterator[None]:
        for name, rows in tables.items():
            self._connection.register(name, rows)
        try:
            yield
        finally:
            for name in tables:
                self._connection.unregister(name)


_PAIR: Final = pa.schema([("code", pa.string()), ("unit", pa.string())])


@contextmanager
def _unquoted() -> Iterator[None]:
    try:
        yield
    except (duckdb.OutOfMemoryException, duckdb.TransactionException):  # also when kept
        raise DataFileUnreadable("the rows need more memory than a step may use") from None
    except duckdb.Error:  # not shown: it quotes values
        raise DataFileUnreadable("a step of the plan cannot be computed for these rows") from None
