"""What is told of an approval or a duty, as a letter in French and English. Pure.

Rule: it says what waits, with whom and until when, as the posted notice does, and nothing of terms,
figures or persons; what it names stands in its lines alone, so that nobody else chooses a subject.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

# type of a notice -> (English, French, command)
_KINDS: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "approval": ("a decision waits", "une décision attend", "preau approve list"),
        "duty": ("a duty waits", "une obligation attend", "preau duty list"),
    }
)
_HAPPENINGS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "asked": ("it was asked for", "elle est demandée"),
        "reminded": ("a reminder", "un rappel"),
        "overdue": ("it is overdue", "l'échéance est passée"),
    }
)


def letter(notice: Mapping[str, Any]) -> tuple[str, str]:
    """Return subject and text.

    Args:
        notice: as it is posted: `type`, `happening`, `node`, and what else is told.
    """
    english, french, command = _KINDS[notice["type"]]
    happened = _HAPPENINGS.get(notice["happening"], (notice["happening"],) * 2)
    rest = {name: each for name, each in notice.items() if name not in ("type", "happening")}
    lines = [
        f"{english}: {happened[0]}".capitalize() + ".",
        f"{french} : {happened[1]}".capitalize() + ".",
        "",
        *(f"{name}: {_plain(each)}" for name, each in rest.items() if each),
        "",
        command,
    ]
    return f"Préau: {english} / {french}", "\n".join(lines) + "\n"


def _plain(value: object) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return "".join(each if each.isprintable() else "?" for each in text)
