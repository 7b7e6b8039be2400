"""Canonical JSON: the one form that is hashed and signed, and reading JSON as plain values.

Rules: RFC 8785 (JCS) bytes are what is signed; what is read is as strict as `federated.reading`,
which reads documents member by member.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any, Final

import rfc8785

from connector.errors import Malformed
from federated.reading import MAX_BYTES, MAX_DEPTH, read

# Other numbers are written otherwise than Python writes them: RFC 8785 section 3.2.2.3.
_MOST_WHOLE: Final = 2**53 - 1
_LEAST_REAL, _MOST_REAL = 1e-4, 1e16
_WRITER: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))

__all__ = ["MAX_DEPTH", "b64url", "canonical", "parse", "parse_object", "sha256_hex", "unb64url"]


def canonical(value: Any) -> bytes:
    """Return the RFC 8785 bytes of a JSON value.

    Raises:
        Malformed: the value has no canonical form (NaN, lone surrogate, integer past 2**53).
    """
    try:
        if _is_plain(value):
            return _WRITER.encode(value).encode()
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, RecursionError, UnicodeError, ValueError) as exc:
        raise Malformed(f"no canonical JSON form: {type(exc).__name__}") from exc


def parse(data: bytes | str, *, limit: int = MAX_BYTES) -> Any:
    """Read JSON strictly.

    Raises:
        Malformed: as `federated.reading.read`.
    """
    try:
        raw = data.encode() if isinstance(data, str) else data
    except UnicodeEncodeError as exc:
        raise Malformed("not well-formed JSON") from exc
    return read(raw, _malformed, limit=limit).value


def parse_object(data: bytes | str, *, limit: int = MAX_BYTES) -> dict[str, Any]:
    """Read JSON strictly and insist on an object.

    Raises:
        Malformed: as `parse`, or another kind of value.
    """
    value = parse(data, limit=limit)
    if not isinstance(value, dict):
        raise Malformed("a JSON object was expected")
    return value


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of bytes, lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def b64url(data: bytes) -> str:
    """Return base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64url(text: str) -> bytes:
    """Read base64url without padding, refusing any other spelling of the same bytes.

    Raises:
        Malformed: not canonical base64url.
    """
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError as exc:
        raise Malformed("not base64url") from exc
    if b64url(data) != text:
        raise Malformed("not canonical base64url")
    return data


def _is_plain(value: Any) -> bool:
    """Return whether the standard library, which is far faster, writes the canonical form.

    Names are ASCII, so that they sort alike by code points and by UTF-16.
    """
    kind = type(value)
    if kind is dict or kind is list or kind is tuple:
        if kind is dict and not _are_names(value):
            return False
        for each in value.values() if kind is dict else value:
            if type(each) is not str and not _is_plain(each):
                return False
        return True
    if kind is int:
        return bool(-_MOST_WHOLE <= value <= _MOST_WHOLE)
    if kind is float:
        return _LEAST_REAL <= abs(value) < _MOST_REAL and not value.is_integer()
    return kind is str or kind is bool or value is None


def _are_names(found: dict[Any, Any]) -> bool:
    try:
        return "".join(found).isascii()
    except TypeError:
        return False


def _malformed(pointer: str, fault: str) -> Malformed:
    return Malformed(f"JSON {pointer}: {fault}" if pointer else fault)
