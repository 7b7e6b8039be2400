"""Opacus's gradients of samples, without the rest of Opacus.

Its accountants, optimisers and noise take 116 MB and 2.6 CPU seconds to load, and are nothing that
a claim may rest on here: the noise is Mersenne Twister's, see decision record 0138. They stay
outside, so that a worker cannot use them by mistake.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Final

_ENGINE: Final = "opacus.privacy_engine"


@contextmanager
def _without_engine() -> Iterator[None]:
    """Let Opacus be imported without its engine; who imports that by name later gets it."""
    if "opacus" in sys.modules:
        yield
        return
    sys.modules[_ENGINE] = placeholder = ModuleType(_ENGINE)
    placeholder.__dict__["PrivacyEngine"] = None
    try:
        yield
    finally:
        del sys.modules[_ENGINE]
        for name in ("PrivacyEngine", "privacy_engine"):
            sys.modules["opacus"].__dict__.pop(name, None)


with _without_engine():
    from opacus.grad_sample import GradSampleModule

__all__ = ["GradSampleModule"]
