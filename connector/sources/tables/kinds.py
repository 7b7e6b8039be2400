"""Which client reads which kind of connection; only that one is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import Any, Final

from connector.sources.tables.select import Opening

_MODULES: Final[Mapping[str, str]] = {
    "postgresql": "postgresql",
    "sqlite": "sqlite",
    "duckdb": "duckdb_file",
}


def table_of(request: Mapping[str, Any]) -> Opening:
    """Return how the table that a request to a worker names is opened."""
    stated = request["connection"]
    kind = stated["kind"]
    module = import_module(f"connector.sources.tables.{_MODULES.get(kind, 'further')}")
    opened = module.opened if kind in _MODULES else partial(module.opened, kind)
    return partial(opened, stated["options"], stated["secret"], request["table"])
