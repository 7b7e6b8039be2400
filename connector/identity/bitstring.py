"""Bitstrings of status lists: unpacked within a bound, and asked for one bit.

Source: Bitstring Status List 1.0, sections 2.2 and 3.4. Who reads a list says what its faults are
called.
"""

from __future__ import annotations

import zlib
from typing import Final

from connector.errors import Malformed

MIN_BITS: Final = 131_072  # section 3.2: herd privacy, unless an ecosystem sets another bound
MAX_BYTES: Final = 8 * 1024 * 1024
_GZIP: Final = 16 + zlib.MAX_WBITS


def expanded(packed: bytes) -> bytes:
    """Return the bits of one gzip member (RFC 1952); no more than `MAX_BYTES` is ever unpacked.

    Raises:
        Malformed: not gzip, cut off, followed by something else, or too long.
    """
    opener = zlib.decompressobj(wbits=_GZIP)
    try:
        bits = opener.decompress(packed, MAX_BYTES + 1)
    except zlib.error as exc:
        raise Malformed("not gzip") from exc
    if len(bits) > MAX_BYTES:
        raise Malformed(f"more than {MAX_BYTES} bytes when unpacked")
    if not opener.eof or opener.unused_data:
        raise Malformed("truncated, or followed by other data")
    return bits


def is_set(bits: bytes, index: int) -> bool | None:
    """Return a bit, index 0 being the highest of the first byte; None outside of the list."""
    place, offset = divmod(index, 8)
    if not 0 <= place < len(bits):
        return None
    return bool(bits[place] >> (7 - offset) & 1)
