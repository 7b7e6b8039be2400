"""The engines that compute persons' gradients, and the recipe that each of them is.

Rules: both make the same integers of a gradient, and everything after it is the same code; they
differ in how a gradient comes about. The engine is a part of the recipe, so that a contract that
lists recipes says which engines may touch the data. The arithmetic is `federated/training/`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Final

EXACT: Final = "exact"
OPACUS: Final = "opacus"
ENGINES: Final = (EXACT, OPACUS)


def recipe(sources: str, engine: str) -> str:
    """Return the SHA-256 (hex) of a training recipe; empty where there are no sources.

    Args:
        sources: SHA-256 (hex) of the sources; it is the recipe of the engine `exact`.
        engine: of `ENGINES`.
    """
    if engine == EXACT or not sources:
        return sources
    return hashlib.sha256(f"{sources} {engine}".encode()).hexdigest()


def named(sources: str, recipes: Iterable[str]) -> dict[str, str]:
    """Return the engine of each recipe that is made of these sources; others are of other sources.

    Args:
        sources: SHA-256 (hex).
        recipes: SHA-256 (hex) each.
    """
    own = {recipe(sources, engine): engine for engine in ENGINES}
    return {each: own[each] for each in recipes if each in own}
