"""Ids of jobs, which leads choose and sites name folders after: one form, checked in one place.

Rule: a UUID URN in its one spelling (RFC 9562 section 4, lower case), so that two spellings never
name two jobs, and none leads out of a folder. Ids of messages and negotiations are their senders'
own text (DSP 2025-1), which every message reads in one place too: `protocol/codec.py`, `Text`.
"""

from __future__ import annotations

import re
from typing import Final

FORM: Final = "urn:uuid:…"

_UUID: Final = re.compile(r"urn:uuid:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


def uuid_in(text: str) -> str | None:
    """Return the UUID of an id; None when it is not of the form."""
    found = _UUID.fullmatch(text)
    return found[1] if found else None
