"""Hollow modules: what Flower loads with anything, and a site's worker never uses.

`import flwr` loads its servers, a command line and two libraries for networks, which a worker has
closed by then: 0.3 s of CPU and 20 MB at each start. Rules: for the names below, a worker finds
modules that hold nothing but classes without content, enough to be imported; what is called or read
of them fails. Only the process of a worker does this, before it loads a library. Standard library
only.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final

UNUSED_BY_SITES: Final = (
    *("flwr.agentapp", "flwr.server", "flwr.serverapp"),
    *("grpc", "httpx", "typer"),
    *("click", "rich"),
)


def hollow_out(names: Sequence[str] = UNUSED_BY_SITES) -> None:
    """Let this process find hollow modules for these names, and for what is below them."""
    sys.meta_path.insert(0, _Finder(names))


class _Finder(MetaPathFinder, Loader):
    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        if not any(f"{name}.".startswith(f"{each}.") for each in self._names):
            return None
        return ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Hollow(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Leave it empty."""


class _Hollow(ModuleType):
    def __getattr__(self, name: str) -> type:
        """Return a class without content, to be named in a signature or to inherit from."""
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})
