"""Whom a row is about: one spelling for each person, and a keyed digest of it.

Rules: what a name becomes depends on that name alone; the same function serves the count at
publication and training, so that both see the same persons. Digests are of a coarser spelling than
any form, so that no choice of form hides that two files are about the same persons; they are made
with a key of the node's and truncated to 8 bytes.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from federated.errors import DataFileUnreadable
from federated.training.rows.table import MISSING

LONGEST: Final = 1024  # characters of a name; a longer one is missing
DIGEST: Final = np.dtype(">u8")
_INTEGER: Final = re.compile(r"([+-]?)0*([0-9]{1,64})(?:\.0*)?", re.ASCII)
_UNSEEN: Final = ("Cc", "Cf", "Zl", "Zp", "Zs")  # Unicode categories: control, format, separators


def spelled(values: pa.Array, form: str) -> pa.Array:
    """Return the person of each row in one spelling; null where none is named.

    Args:
        values: the person column as text.
        form: of `FORMS`: `text` is Unicode NFC without blanks at its ends; `text-fold` also ignores
            case, compatibility forms and how much blank is within; `number` is an integer, where
            `7`, `07`, `+7` and `7.0` are one person and anything else is nobody.

    Raises:
        DataFileUnreadable: no such form.
    """
    if form not in FORMS:
        raise DataFileUnreadable(f"`{form}` is no form of a person that is known")
    plain = values.dictionary_encode()
    names = [_spelling(name, FORMS[form]) for name in plain.dictionary.to_pylist()]
    return pa.array(names, pa.string()).take(plain.indices)


def digests(names: Iterable[str], key: bytes) -> NDArray[np.uint64]:
    """Return the keyed digests of persons, sorted, each once.

    BLAKE2b (RFC 7693) with a key, 8 bytes: that two persons of n and m share one by chance happens
    with n m / 2⁶⁴, hence once in 18 million comparisons of a million with a million.
    """
    coarse = {_coarse(name) for name in names}
    made = b"".join(hashlib.blake2b(n.encode(), digest_size=8, key=key).digest() for n in coarse)
    return np.unique(np.frombuffer(made, DIGEST))


def _spelling(name: str | None, form: Callable[[str], str]) -> str | None:
    if name is None or len(name) > LONGEST:
        return None
    plain = _trimmed(name)
    return None if plain in MISSING else form(plain) or None


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


def _coarse(name: str) -> str:
    folded = _folded(name)
    return _number(folded) or folded


FORMS: Final[Mapping[str, Callable[[str], str]]] = {
    "text": _text,
    "text-fold": _folded,
    "number": _number,
}
