"""Tables of further distributions, by the group `preau.sources` (`connector/sources/further.py`).

An entry point leads to a function

    open(options: Mapping[str, str], secret: str, table: str) -> context manager of a table

whose table has `names()` and `columns(names, texts, most)`, see `select.Table`: it yields columns
of Arrow as they are there, and the layout says what their values are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from connector.errors import DataFileUnreadable
from connector.sources.further import guarded, loaded
from connector.sources.tables.select import Table, check_columns

GROUP: Final = "preau.sources"


@contextmanager
def opened(kind: str, options: Mapping[str, str], secret: str, table: str) -> Iterator[Table]:
    """Open a table of a distribution; see `select.Opening`.

    Raises:
        ConfigurationInvalid: no distribution has this kind, or several do.
        DataFileUnreadable: its code failed.
    """
    opening = loaded(GROUP, kind, options)
    with guarded(), opening(options, secret, table) as made:
        yield _Checked(made)


@dataclass(frozen=True, slots=True)
class _Checked:
    """A table of others: what it yields is what was asked for, or it stops."""

    made: Any

    def names(self) -> list[str]:
        with guarded():
            return [str(each) for each in self.made.names()]

    def columns(
        self, names: Sequence[str], texts: Collection[str], most: int
    ) -> Iterator[list[pa.Array]]:
        check_columns(names, self.names())
        with guarded():
            for arrays in self.made.columns(tuple(names), tuple(texts), most):
                found = [_plain(each) for each in arrays]
                if len(found) != len(names) or len({len(each) for each in found}) > 1:
                    raise DataFileUnreadable("the source yields other columns than were asked for")
                yield found


def _plain(array: Any) -> pa.Array:
    if not isinstance(array, pa.Array):
        raise DataFileUnreadable("the source does not yield columns of Arrow")
    return array
