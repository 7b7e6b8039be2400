"""Why something is proposed, as sentences in English and French (`words.json`).

Rule: no sentence holds a value of the file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Reason:
    """One sentence.

    Attributes:
        code: of `words.json`.
        sure: whether nothing else was possible; otherwise a person has to confirm it.
        given: what stands in its braces.
    """

    code: str
    sure: bool = True
    given: tuple[str, ...] = ()

    def body(self) -> dict[str, Any]:
        """Return it as JSON."""
        said = {lang: text.format(*self.given) for lang, text in _words()[self.code].items()}
        return {"code": self.code, "sure": self.sure, **said}


@cache
def _words() -> Mapping[str, Mapping[str, str]]:
    found: Mapping[str, Mapping[str, str]] = json.loads(
        Path(__file__).with_suffix(".json").read_text(encoding="utf-8")
    )
    return found
