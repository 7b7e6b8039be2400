"""Where a source is, as a worker is told: files that it may read, and a connection with its secret.

Rules: the secret goes from its private file to the worker's socket and nowhere else; a path beneath
a connection never leads out of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from connector.domain.catalog.connection import LOCAL, Connection, connections
from connector.domain.catalog.source import Source
from connector.errors import ConfigurationInvalid, DataFileUnreadable

_SIDE_FILES: Final = ("-wal", "-journal", ".wal")  # what a database has not yet taken in
_BENEATH: Final = re.compile(r"(?!.*(?:^|/)\.{1,2}(?:/|$))[^/\\?#%\x00-\x1f][^\\?#%\x00-\x1f]*")


@dataclass(frozen=True, slots=True)
class Places:
    """Connections of a node.

    Attributes:
        home: against which paths of options are resolved.
        stated: connections of the settings.
        secret: reads a private file.
    """

    home: Path
    stated: Mapping[str, Mapping[str, str]]
    secret: Callable[[Path], bytes]

    def of(self, source: Source) -> Connection | None:
        """Return the connection of a source; None for a path of this machine.

        Raises:
            ConfigurationInvalid: no such connection, or it does not serve what the source names.
        """
        if not source.connection:
            return None
        found = connections(self.stated).get(source.connection)
        if found is None:
            raise ConfigurationInvalid(
                f"no connection `{source.connection}`",
                hint=f"state it as `[connections.{source.connection}]` in preau.toml",
            )
        if found.serves_files == bool(source.table):
            what = "files, each by its `path`" if found.serves_files else "tables, by `table`"
            raise ConfigurationInvalid(f"the connection `{found.name}` serves {what}")
        if found.serves_files and not _BENEATH.fullmatch(source.path):
            raise ConfigurationInvalid(
                f"`path` must be plain, beneath the connection `{found.name}`"
            )
        return found

    def told(self, found: Connection, source: Source) -> dict[str, Any]:
        """Return what a worker is told of a source.

        Raises:
            KeyUnusable: the connection's secret is not there, or not private.
        """
        options = dict(found.options)
        secret = options.pop("secret", "")
        files = {
            name: str(self.home / options[name])
            for name in ("path", "roots", "packages")
            if options.get(name)
        }
        return {
            "connection": {
                "kind": found.kind,
                "options": {**options, **files},
                "secret": self.secret(self.home / secret).decode().strip() if secret else "",
            },
            **({"beneath": source.path} if found.serves_files else {"table": source.table}),
            "network": found.network,
            "files": sorted(files.values()),
        }

    def own_file(self, found: Connection) -> Path | None:
        """Return the file of a database of this machine; None for other connections.

        Raises:
            DataFileUnreadable: another program is writing to it.
        """
        if found.kind not in LOCAL:
            return None
        path = self.home / found.options["path"]
        for ending in _SIDE_FILES:
            beside = path.with_name(path.name + ending)
            if beside.exists() and beside.stat().st_size:
                raise DataFileUnreadable(
                    f"the database of `{found.name}` is being written to",
                    hint="close the program that writes, or name a copy made with its own means",
                )
        return path
