"""Where rows come from, once a worker is confined: a file or a folder, or a table of a connection.

An origin yields its rows as a layout declares them, and a sample from which one can be proposed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import pyarrow as pa

from connector.domain.catalog.layout import TABLE, Layout
from connector.sources.inspection.sample import Sample, native_of, take
from connector.sources.reading import Part, Tally, batches, declared, opened, parts
from connector.sources.values import as_text

if TYPE_CHECKING:  # it loads what makes SQL, a fifth of a start: no file needs that
    from connector.sources.tables.select import Opening

_SAMPLED: Final = 5_000  # rows of a table


class Origin(Protocol):
    """What has rows."""

    @property
    def folder(self) -> bool:
        """Whether it is a folder of files."""

    def sample(self) -> Sample:
        """Return what its first rows look like.

        Raises:
            DataFault: it is not there, or cannot be read.
        """

    def batches(self, layout: Layout, tally: Tally) -> Iterator[pa.RecordBatch]:
        """Yield its rows, and keep the tally up to date.

        Raises:
            DataFault: it is not there, cannot be read, or lacks a column.
        """


@dataclass(frozen=True, slots=True)
class Files:
    """A file, or a folder of files."""

    path: Path

    @property
    def folder(self) -> bool:
        """Whether it is a folder."""
        return self.path.is_dir()

    def sample(self) -> Sample:
        """Return what the first file looks like, and what the names of all folders say."""
        found = parts(self.path, folder=self.folder)
        with opened(found[0].path) as file:
            sample = take(file, found[0].path.name)
        _add_folders(sample, found)
        return sample

    def batches(self, layout: Layout, tally: Tally) -> Iterator[pa.RecordBatch]:
        """Yield the rows of all files."""
        return batches(self.path, layout, tally)


@dataclass(frozen=True, slots=True)
class Rows:
    """A table or view of a database, or of a further distribution."""

    opened: Opening
    folder: bool = False

    def sample(self) -> Sample:
        """Return what the first rows look like."""
        values: dict[str, list[str]] = {}
        natives: dict[str, str] = {}
        with self.opened() as table:
            names = table.names()
            for arrays in table.columns(names, (), _SAMPLED):
                for name, array in zip(names, arrays, strict=True):
                    texts = as_text(array).fill_null("").to_pylist()
                    values.setdefault(name, []).extend(each.strip() for each in texts)
                    if kind := native_of(array.type):
                        natives.setdefault(name, kind)
        return Sample(TABLE, {name: values.get(name, []) for name in names}, natives)

    def batches(self, layout: Layout, tally: Tally) -> Iterator[pa.RecordBatch]:
        """Yield the rows of the whole table."""
        names = [each.name for each in layout.fields]
        texts = [each.name for each in layout.fields if each.datatype == "text"]
        with self.opened() as table:
            yield from declared(table.columns(names, texts, 0), layout, tally)


def origin_of(request: Mapping[str, Any]) -> Origin:
    """Return the origin that a request to a worker names.

    Raises:
        ConfigurationInvalid: no kind of connection is called so here.
    """
    if "table" not in request:
        return Files(Path(request["path"]))
    from connector.sources.tables.kinds import table_of  # noqa: PLC0415 - its clients are loaded

    return Rows(table_of(request))


def _add_folders(sample: Sample, files: list[Part]) -> None:
    for name in files[0].stated:
        sample.values[name] = [part.stated.get(name, "") for part in files]
