"""Hollow modules: what Flower and torch load with anything, and a worker never uses.

`import flwr` loads its servers, a command line and two libraries for networks, which a worker has
closed by then: 0.3 s of CPU and 20 MB at each start. `import torch` loads what compiles, exports
and quantises models: half of its time. Rules: for the names below, a worker finds modules that hold
nothing but classes without content, enough to be imported; what is called or read of them fails.
Releases of torch that were not tried are loaded whole. Only the process of a worker does this,
before it loads a library. Standard library only.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import metadata
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final

_UNUSED: Final = (
    *("flwr.agentapp", "flwr.client.mod.secure_aggregation", "httpx", "typer", "click", "rich"),
)
UNUSED: Final[Mapping[str, Sequence[str]]] = {
    "site": (*_UNUSED, "flwr.server", "flwr.serverapp", "grpc"),
    "lead": _UNUSED,
}
_TORCH_TRIED: Final = ("2.13.",)
_OF_TORCH: Final = (
    *("torch._export", "torch._higher_order_ops", "torch._meta_registrations", "torch.ao"),
    *("torch.distributions", "torch.export", "torch.masked", "torch.optim", "torch.quantization"),
    *("torch.testing", "torch.utils.data"),
)


def hollow_out(role: str) -> None:
    """Let this process find hollow modules for what a role never uses, and for what is below."""
    sys.meta_path.insert(0, _Finder(UNUSED.get(role, ())))


@cache
def _torch_is_known() -> bool:
    return metadata.version("torch").startswith(_TORCH_TRIED)


class _Finder(MetaPathFinder, Loader):
    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        if not (_below(name, self._names) or (_below(name, _OF_TORCH) and _torch_is_known())):
            return None
        return ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Hollow(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Leave it empty."""


def _below(name: str, names: Sequence[str]) -> bool:
    return any(f"{name}.".startswith(f"{each}.") for each in names)


class _Hollow(ModuleType):
    def __getattr__(self, name: str) -> type:
        """Return a class without content, to be named in a signature or to inherit from."""
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})
