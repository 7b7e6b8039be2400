"""Addresses that others state: their form only.

Whether this node goes there is judged by the client that would (port `Web`).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from federated.reading import Member

MAX_CHARS: Final = 2048


def web_address(member: Member, schemes: Collection[str] = ()) -> str:
    """Return an absolute URL that names a host (RFC 3986), as it is written.

    Args:
        member: what was stated.
        schemes: the only ones allowed; empty for any.

    Raises:
        Exception: as `Member`: no text of such a URL, or one with user information.
    """
    address = member.text(most=MAX_CHARS)
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        member.refuse("must be a URL")
    if not host or not address.isascii() or " " in address or "@" in parts.netloc:
        member.refuse("must be a URL of a host, without user information")
    if schemes and parts.scheme not in schemes:
        member.refuse(f"must be a URL of scheme {' or '.join(sorted(schemes))}")
    return address
