"""Canonical JSON: the one form that is hashed and signed, and reading JSON as plain values.

Rules: RFC 8785 (JCS) bytes are what is signed; what is read is as strict as `federated.reading`,
which reads documents member by member.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import rfc8785

from connector.errors import Malformed
from federated.reading import MAX_BYTES, MAX_DEPTH, read

__all__ = ["MAX_DEPTH", "b64url", "canonical", "parse", "parse_object", "sha256_hex", "unb64url"]


def canonical(value: Any) -> bytes:
    """Return the RFC 8785 bytes of a JSON value.

    Raises:
        Malformed: the value has no canonical form (NaN, lone surrogate, integer past 2**53).
    """
    try:
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


def _malformed(pointer: str, fault: str) -> Malformed:
    return Malformed(f"JSON {pointer}: {fault}" if pointer else fault)
