"""Where the rows of a dataset come from, and what its last snapshot found. Never leaves the node.

A snapshot is what a layout reads, written once as Parquet in the node's home. A file that jobs read
as it is needs none: its digest keeps it as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from connector.domain.catalog.layout import Layout
from connector.domain.privacy.census import ColumnCount

FOLDER: Final = "snapshots"  # of the node's home
HIERARCHIES: Final = "hierarchies"  # same, of the files that descriptions and plans name
_NONE: Final = Layout("", ())


@dataclass(frozen=True, slots=True)
class Source:
    """Where snapshots are taken from; without a layout the dataset's file is its own snapshot.

    Attributes:
        path: absolute path of a file or folder of this machine; with a connection, beneath it.
        connection: name of a connection in the settings; empty for a path of this machine.
        table: table or view of the connection; empty where it serves files.
        layout: how it is read.
        mark: what told its state when it was read: a digest, or the tag of a server; may be empty.
        malformed: rows of which a value could not be read.
        unreadable: values of each column that could not be read as the layout states.
        taken_at: when its snapshot was taken, UTC, as `instant` writes it; empty where an earlier
            release took it.
    """

    path: str = ""
    connection: str = ""
    table: str = ""
    layout: Layout = _NONE
    mark: str = ""
    malformed: int = 0
    unreadable: tuple[ColumnCount, ...] = ()
    taken_at: str = ""

    @property
    def stated(self) -> bool:
        """Whether there is one."""
        return bool(self.layout.fields)

    @property
    def place(self) -> str:
        """Where it is, in words for the operator."""
        beneath = self.table or self.path
        return f"{self.connection}: {beneath}" if self.connection else beneath


NO_SOURCE: Final = Source()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot that was taken.

    Attributes:
        path: absolute path of its file.
        digest: SHA-256 of the file, hex.
        source: with what was found.
    """

    path: str
    digest: str
    source: Source
