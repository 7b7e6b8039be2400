"""Files that are encrypted while they are written, and read at any offset in constant memory.

The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár, CRYPTO 2015) over AES-256-GCM (NIST
SP 800-38D): chunks of 64 KiB, each sealed under its number and a mark of the last one. A chunk that
was moved, repeated, altered or left out does not open. INVARIANT: a key seals one file, once, so
that no nonce comes twice: the writer makes it, and nobody hands one in.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from connector.errors import KeyUnusable, QuotaReached

CHUNK: Final = 1 << 16  # bytes of plain text
_KEY_BYTES: Final = 32
_TAG: Final = 16
_NONCE: Final = 12
_NUMBER: Final = 11  # bytes of a nonce; the last one says whether the chunk is the last


class SealedWriter:
    """Seals what is written, in order: the port `Writing`."""

    def __init__(self, out: BinaryIO, most: int) -> None:
        """Make a key.

        Args:
            out: where the sealed chunks go.
            most: bytes of plain text.
        """
        self._key = secrets.token_bytes(_KEY_BYTES)
        self.bytes = 0
        self.digest = ""
        self.sealed_key = ""
        self._most = most
        self._out = out
        self._cipher = AESGCM(self._key)
        self._digest = hashlib.sha256()
        self._rest = bytearray()
        self._number = 0

    def write(self, data: bytes, /) -> int:
        """Take plain text; what fills chunks is sealed, and one chunk is kept back.

        Raises:
            QuotaReached: it is too much.
        """
        self.bytes += len(data)
        if self.bytes > self._most:
            raise QuotaReached("the result needs more disk space than is left for it")
        self._digest.update(data)
        self._rest += data
        whole = (len(self._rest) - 1) // CHUNK * CHUNK  # the last chunk is never empty
        if whole > 0:
            with memoryview(self._rest) as held:
                for at in range(0, whole, CHUNK):
                    self._seal(held[at : at + CHUNK], last=False)
            del self._rest[:whole]
        return len(data)

    def end(self, home_key: bytes, name: str) -> None:
        """Seal the last chunk, and say what was written.

        Args:
            home_key: see `wrap`.
            name: see `wrap`.
        """
        self._seal(bytes(self._rest), last=True)
        self.digest = self._digest.hexdigest()
        self.sealed_key = wrap(self._key, home_key, name)

    def _seal(self, chunk: bytes | memoryview, *, last: bool) -> None:
        self._out.write(self._cipher.encrypt(_nonce(self._number, last=last), chunk, None))
        self._number += 1


def sealed_size(size: int) -> int:
    """Return how long a file is that seals `size` bytes.

    >>> sealed_size(0), sealed_size(65536), sealed_size(65537)
    (16, 65552, 65569)
    """
    return size + _TAG * (_last(size) + 1)


def read(descriptor: int, key: bytes, size: int, offset: int, length: int) -> memoryview:
    """Return `length` bytes of plain text from an offset on, copied no more than once.

    Args:
        descriptor: of a file that seals `size` bytes, open for reading.
        key: of the file.
        size: of the plain text, bytes.
        offset: in the plain text.
        length: at most `size - offset`.

    Raises:
        InvalidTag: the file is not as it was made, or the key is another file's.
        OSError: it cannot be read.
    """
    if not length:
        return memoryview(b"")
    cipher, last = AESGCM(key), _last(size)
    first, final = offset // CHUNK, (offset + length - 1) // CHUNK
    step = CHUNK + _TAG
    sealed = memoryview(os.pread(descriptor, (final - first + 1) * step, first * step))
    plain = memoryview(bytearray(len(sealed)))
    opened = 0
    for place, at in zip(range(0, len(sealed), step), range(first, final + 1), strict=False):
        nonce, chunk = _nonce(at, last=at == last), sealed[place : place + step]
        opened += cipher.decrypt_into(
            nonce, chunk, None, plain[opened : opened + len(chunk) - _TAG]
        )
    begin = offset - first * CHUNK
    return plain[begin : min(begin + length, opened)]


def wrap(key: bytes, home_key: bytes, name: str) -> str:
    """Return the key of a file, hex, as only a home's key opens it, for one name.

    Args:
        key: of the file.
        home_key: 32 bytes; it wraps fewer than 2^32 keys, as random nonces ask for.
        name: to which it is bound.
    """
    nonce = secrets.token_bytes(_NONCE)
    return (nonce + AESGCM(home_key).encrypt(nonce, key, name.encode())).hex()


def unwrap(wrapped: str, home_key: bytes, name: str) -> bytes:
    """Return the key of a file.

    Raises:
        KeyUnusable: it was destroyed, or wrapped by another home or for another name.
    """
    try:
        data = bytes.fromhex(wrapped)
        return AESGCM(home_key).decrypt(data[:_NONCE], data[_NONCE:], name.encode())
    except (InvalidTag, ValueError) as exc:
        raise KeyUnusable("the key of a file that the node held no longer exists") from exc


def _last(size: int) -> int:
    """Return the number of the last chunk."""
    return max(size - 1, 0) // CHUNK


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(_NUMBER, "big") + bytes((last,))
