"""Canonical JSON: the one form that is hashed and signed, and strict reading of JSON.

Rules: RFC 8785 (JCS) bytes are what is signed; duplicate member names are refused when reading
(RFC 8259 section 4 leaves them undefined, and Python would keep the last); nothing is fetched.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
from typing import Any

import rfc8785

from connector.errors import Malformed

MAX_JSON_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 64


def canonical(value: Any) -> bytes:
    """Return the RFC 8785 bytes of a JSON value.

    Raises:
        Malformed: the value has no canonical form (NaN, lone surrogate, integer past 2**53).
    """
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, RecursionError, UnicodeError, ValueError) as exc:
        raise Malformed(f"no canonical JSON form: {type(exc).__name__}") from exc


def parse(data: bytes | str, *, limit: int = MAX_JSON_BYTES) -> Any:
    """Read JSON strictly.

    Raises:
        Malformed: not JSON, over `limit` bytes, nested past `MAX_DEPTH`, a member name twice, a
            number that no double holds, or text with a lone surrogate (RFC 7493 sections 2.1, 2.2).
    """
    try:
        raw = data.encode() if isinstance(data, str) else data
    except UnicodeEncodeError as exc:
        raise Malformed("not well-formed JSON") from exc
    if len(raw) > limit:
        raise Malformed(f"JSON of {len(raw)} bytes is over the limit of {limit}")
    try:
        value = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_once,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
        if b"\\u" in raw:  # an escape is the only way for a lone surrogate to be in UTF-8
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as exc:
        raise Malformed("not well-formed JSON") from exc
    if _depth(value) > MAX_DEPTH:
        raise Malformed(f"JSON nested deeper than {MAX_DEPTH}")
    return value


def parse_object(data: bytes | str, *, limit: int = MAX_JSON_BYTES) -> dict[str, Any]:
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


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("duplicate member")
    return result


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _depth(value: Any) -> int:
    deepest = 0
    stack = [(value, 1)]
    while stack:
        item, depth = stack.pop()
        deepest = max(deepest, depth)
        if isinstance(item, dict):
            stack.extend((child, depth + 1) for child in item.values())
        elif isinstance(item, list):
            stack.extend((child, depth + 1) for child in item)
    return deepest
