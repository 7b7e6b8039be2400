"""What a computation rests on: versions of the libraries, and how the linear algebra was built.

Rules: names and versions only, nothing of the machine's owner. What the engine promises does not
depend on them (`exact/`); they are told so that a fault found later can be traced to jobs.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib import metadata
from types import MappingProxyType
from typing import Final

import numpy as np

from federated.task.engine import EXACT, OPACUS

_DISTRIBUTIONS: Final = ("dp-accounting", "flwr", "numpy", "pyarrow")
_OF_ENGINES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({OPACUS: ("opacus", "torch")})


def versions(engine: str = EXACT) -> dict[str, str]:
    """Return name and version of Python, of each library, and of the build of `blas`.

    Args:
        engine: whose own libraries are told, too.
    """
    names = (*_DISTRIBUTIONS, *_OF_ENGINES.get(engine, ()))
    found = {name: metadata.version(name) for name in names}
    built = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    return {
        **found,
        "blas": f"{built.get('name', 'unknown')} {built.get('version', '')}".strip(),
        "python": platform.python_version(),
    }
