"""Passwords of accounts: kept as Argon2id hashes, never as they were typed.

Source: RFC 9106, section 4, second recommended option (64 MiB, 3 passes, 4 lanes).
"""

from __future__ import annotations

from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from argon2.profiles import RFC_9106_LOW_MEMORY

_HASHER: Final = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)


def hashed(password: str) -> str:
    """Return the hash of a password, with its salt and parameters."""
    return _HASHER.hash(password)


def fits(kept: str, password: str) -> bool:
    """Say whether a password is the one whose hash is kept; takes as long where none is.

    Args:
        kept: as `hashed` made it; empty where there is none.
        password: as typed.
    """
    try:
        return _HASHER.verify(kept or _nobody(), password) and bool(kept)
    except (Argon2Error, InvalidHashError):
        return False


def is_old(kept: str) -> bool:
    """Say whether a hash was made with other parameters than those of today."""
    return _HASHER.check_needs_rehash(kept)


@cache
def _nobody() -> str:
    return hashed("nobody's")
