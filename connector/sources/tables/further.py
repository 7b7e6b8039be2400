"""Sources of further distributions, found by their entry points in the group `preau.sources`.

An entry point is named like the `kind` of a connection, and leads to a function

    open(options: Mapping[str, str], secret: str, table: str) -> context manager of a table

whose table has `names()` and `columns(names, texts, most)`, see `select.Table`: it yields columns
of Arrow as they are there, and the layout says what their values are. It runs in the confined
process, reads the files of `path`, `roots` and `packages` only, and reaches the network only where
the connection states `network = true`.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, Final

import pyarrow as pa

from connector.errors import ConfigurationInvalid, DataFileUnreadable, PreauError
from connector.sources.tables.select import Table, check_columns

GROUP: Final = "preau.sources"


@contextmanager
def opened(kind: str, options: Mapping[str, str], secret: str, table: str) -> Iterator[Table]:
    """Open a table of a distribution; see `select.Opening`.

    Raises:
        ConfigurationInvalid: no distribution has this kind, or several do.
        DataFileUnreadable: its code failed.
    """
    if packages := options.get("packages"):
        sys.path.append(packages)  # behind our own: it takes the place of nothing
    found = entry_points(group=GROUP, name=kind)
    if len(found) != 1:
        how = "several distributions have" if found else "no distribution has"
        raise ConfigurationInvalid(
            f"{how} a source of kind `{kind}`",
            hint="install it, or state the folder where it is as `packages` of the connection",
        )
    (entry,) = found
    with _others():
        opening = entry.load()
        with opening(options, secret, table) as made:
            yield _Checked(made)


@dataclass(frozen=True, slots=True)
class _Checked:
    """A table of others: what it yields is what was asked for, or it stops."""

    made: Any

    def names(self) -> list[str]:
        with _others():
            return [str(each) for each in self.made.names()]

    def columns(
        self, names: Sequence[str], texts: Collection[str], most: int
    ) -> Iterator[list[pa.Array]]:
        check_columns(names, self.names())
        with _others():
            for arrays in self.made.columns(tuple(names), tuple(texts), most):
                found = [_plain(each) for each in arrays]
                if len(found) != len(names) or len({len(each) for each in found}) > 1:
                    raise DataFileUnreadable("the source yields other columns than were asked for")
                yield found


def _plain(array: Any) -> pa.Array:
    if not isinstance(array, pa.Array):
        raise DataFileUnreadable("the source yields something else than columns of Arrow")
    return array


@contextmanager
def _others() -> Iterator[None]:
    try:
        yield
    except (PreauError, GeneratorExit, MemoryError):
        raise
    except Exception as exc:  # noqa: BLE001 - code of others, of which nothing is known
        name = type(exc).__name__
        raise DataFileUnreadable(f"the source failed with `{name}`") from None
