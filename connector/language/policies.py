"""What the library of policies says by itself in two languages, as messages of a catalog.

Its errors and findings become parts of reasons in English, and travel as these do. Its files are
read as they are: to load the library takes a command half a second.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

_FOLDER: Final = Path(__file__).parents[2] / "policies_odrl"


def sentences(language: str) -> Iterator[tuple[str, str]]:
    """Yield what it says in English, and the same in a language, as templates."""
    if language != "fr":
        return
    yield from _loaded("errors.json").items()
    yield from _loaded("language/phrases.json")["mistakes"].values()
    for row in _loaded("checking/findings.json").values():
        for member, english in row["en"].items():
            yield english, row[language][member]


def _loaded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((_FOLDER / name).read_text("utf-8"))
    return found
