"""Whom a row is about: one spelling for each person. Standard library only.

Rules: what a name becomes depends on that name alone; the same functions serve the count at
publication, training and what is delivered, so that all see the same persons. Digests are of a
coarser spelling than any form, so that no choice of form hides that two files are about the same
persons.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

MISSING: Final = ("", "NA", "N/A", "NaN", "nan", "null", "NULL")
LONGEST: Final = 1024  # characters of a name; a longer one is missing
_NOBODY: Final = frozenset(MISSING)
_INTEGER: Final = re.compile(r"([+-]?)0*([0-9]{1,64})(?:\.0*)?", re.ASCII)
_UNSEEN: Final = ("Cc", "Cf", "Zl", "Zp", "Zs")  # Unicode categories: control, format, separators


@dataclass(frozen=True, slots=True)
class Suppressed:
    """Persons whose rows are not used: they objected, or withdrew.

    Attributes:
        key: of the digests.
        digests: see `digest`.
    """

    key: bytes = field(repr=False)
    digests: frozenset[bytes] = field(repr=False)

    def holds(self, name: str) -> bool:
        """Whether a person is one of them."""
        return bool(self.digests) and digest(name, self.key) in self.digests


NOBODY_SUPPRESSED: Final = Suppressed(b"", frozenset())


def spelling(name: str | None, form: str) -> str | None:
    """Return the one spelling of a person's name; None where it names nobody.

    Args:
        name: as it stands in the data.
        form: of `FORMS`: `text` is Unicode NFC without blanks at its ends; `text-fold` also ignores
            case, compatibility forms and how much blank is within; `number` is an integer, where
            `7`, `07`, `+7` and `7.0` are one person and anything else is nobody.
    """
    if name is None or len(name) > LONGEST:
        return None
    plain = _trimmed(name)
    return None if plain in _NOBODY else FORMS[form](plain) or None


def digest(name: str, key: bytes) -> bytes:
    """Return the keyed digest of a person: BLAKE2b (RFC 7693) with a key, 8 bytes.

    That two persons of n and m share one by chance happens with n m / 2⁶⁴, hence once in 18 million
    comparisons of a million with a million.
    """
    return hashlib.blake2b(coarse(name).encode(), digest_size=8, key=key).digest()


def coarse(name: str) -> str:
    """Return a spelling that is coarser than any form."""
    folded = _folded(name)
    return _number(folded) or folded


def _trimmed(name: str) -> str:
    """Return the name without what nobody sees at its ends."""
    if name.isalnum():
        return name
    seen = [i for i, sign in enumerate(name) if unicodedata.category(sign) not in _UNSEEN]
    return name[seen[0] : seen[-1] + 1] if seen else ""


def _text(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", _once(_once(name))).split())


def _once(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _number(name: str) -> str:
    match = _INTEGER.fullmatch(name)
    if match is None:
        return ""
    return f"-{match[2]}" if match[1] == "-" and match[2] != "0" else match[2]


FORMS: Final[Mapping[str, Callable[[str], str]]] = {
    "text": _text,
    "text-fold": _folded,
    "number": _number,
}
