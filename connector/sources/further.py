"""Sources of further distributions: entry points that are named like the `kind` of a connection.

`preau.sources` leads to a function that opens a table (`tables/further.py`), `preau.files` to one
that returns a file system of fsspec (`remote/fetching.py`). Their code runs in the confined
process: it reads the files of `path`, `roots` and `packages` only, and reaches the network only
where the connection states `network = true`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import Any

from connector.errors import (
    ConfigurationInvalid,
    DataFileMissing,
    DataFileUnreadable,
    PreauError,
)


def loaded(group: str, kind: str, options: Mapping[str, str]) -> Any:
    """Return what the entry point of a kind leads to.

    Args:
        group: of entry points.
        kind: of the connection.
        options: of the connection; `packages` is a folder where distributions are, too.

    Raises:
        ConfigurationInvalid: no distribution has this kind, or several do.
        DataFileUnreadable: its code failed.
    """
    if packages := options.get("packages"):
        sys.path.append(packages)  # behind our own: it takes the place of nothing
    found = entry_points(group=group, name=kind)
    if len(found) != 1:
        how = "several distributions have" if found else "no distribution has"
        raise ConfigurationInvalid(
            f"{how} a source of kind `{kind}`",
            hint="install it, or state the folder where it is as `packages` of the connection",
        )
    (entry,) = found
    with guarded():
        return entry.load()


@contextmanager
def guarded() -> Iterator[None]:
    """Let code of others say no more of a failure than its name: the rest may quote a value.

    Raises:
        DataFileMissing: there is no such file.
        DataFileUnreadable: it failed otherwise.
    """
    try:
        yield
    except (PreauError, GeneratorExit, MemoryError):
        raise
    except FileNotFoundError:
        raise DataFileMissing("the source has no such file") from None
    except Exception as exc:  # noqa: BLE001 - code of others, of which nothing is known
        name = type(exc).__name__
        raise DataFileUnreadable(f"the source failed with `{name}`") from None
