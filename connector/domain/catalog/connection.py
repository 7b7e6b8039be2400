"""Connections to where an institution's data are: settings of the operator, named by descriptions.

Rules: a description names a connection and a table or path beneath it, never an address or a
secret; the secret is a private file of the node; what a kind does not know is refused. Kinds of
further distributions are found by their entry points (`connector/sources/further.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from connector.errors import ConfigurationInvalid

FILES: Final = ("https", "s3")  # kinds that serve files; the others serve tables
LOCAL: Final = ("sqlite", "duckdb")  # kinds that are a file of this machine
# Kind -> options that must be there, and that may.
_OPTIONS: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = MappingProxyType(
    {
        "postgresql": (("host", "database", "user"), ("port", "secret", "roots")),
        "sqlite": (("path",), ()),
        "duckdb": (("path",), ()),
        "https": (("url",), ("secret", "roots")),
        "s3": (("bucket",), ("endpoint", "region", "prefix", "secret", "roots")),
    }
)
_SERVED: Final = ("tables", "files")  # by the kind of an entry point
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_NETWORK: Final = ("postgresql", *FILES)


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection.

    Attributes:
        name: by which descriptions name it.
        kind: `postgresql`, `sqlite`, `duckdb`, `https`, `s3`, or that of an entry point.
        options: as the settings state them.
    """

    name: str
    kind: str
    options: Mapping[str, str]

    @property
    def serves_files(self) -> bool:
        """Whether it serves files, each read by a layout of its own; else tables."""
        return self.kind in FILES or self.options.get("serves") == _SERVED[1]

    @property
    def network(self) -> bool:
        """Whether the process that reads it may reach the network."""
        return self.kind in _NETWORK or self.options.get("network") == "true"

    @property
    def place(self) -> str:
        """Where it leads, for the operator."""
        shown = ("url", "endpoint", "host", "bucket", "path", "packages")
        return ", ".join(self.options[name] for name in shown if self.options.get(name))


def connections(stated: Mapping[str, Mapping[str, str]]) -> dict[str, Connection]:
    """Return the connections that the settings state, by name.

    Raises:
        ConfigurationInvalid: one of them lacks an option, or has one that its kind does not know.
    """
    return {name: _read(name, options) for name, options in stated.items()}


def _read(name: str, stated: Mapping[str, str]) -> Connection:
    options = dict(stated)
    kind = options.pop("kind", "")
    if not _NAME.fullmatch(name) or not kind:
        raise _wrong(name, "needs a plain name and a `kind`")
    if kind in _OPTIONS:
        needed, maybe = _OPTIONS[kind]
        if lacking := [each for each in needed if not options.get(each)]:
            raise _wrong(name, f"lacks `{lacking[0]}`")
        if unknown := sorted(set(options) - {*needed, *maybe}):
            raise _wrong(name, f"has an option `{unknown[0]}` that its kind does not know")
    elif options.get("serves", _SERVED[0]) not in _SERVED:
        raise _wrong(name, "serves `tables` or `files`")
    for each in ("url", "endpoint"):
        if each in options and not _plain_address(options[each]):
            raise _wrong(name, f"needs an `https://` address without user or query in `{each}`")
    return Connection(name, kind, MappingProxyType(options))


def _plain_address(text: str) -> bool:
    try:
        found = urlsplit(text)
        return (
            found.scheme == "https"
            and bool(found.hostname)
            and not (found.username or found.password or found.query or found.fragment)
        )
    except ValueError:
        return False


def _wrong(name: str, what: str) -> ConfigurationInvalid:
    return ConfigurationInvalid(f"the connection `{name[:64]}` {what}")
