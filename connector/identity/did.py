"""did:web identifiers: read strictly, and where their documents lie.

Rules (did:web method specification, section 3.2): DNS names only, no IP literal in any spelling;
lower case, so that one host has one DID; a port is written `%3A`; a path follows in `:` segments.
Fetching is the work of the `Web` port.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from connector.errors import DidUnresolvable

PREFIX = "did:web:"
MAX_LENGTH = 512
MAX_PORT = 65535

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DID = re.compile(
    rf"did:web:(?P<host>{_LABEL}(?:\.{_LABEL})*)(?:%3A(?P<port>[1-9][0-9]{{0,4}}))?"
    r"(?P<path>(?::[A-Za-z0-9._-]+)*)"
)
# WHATWG URL: a host whose last label is a number is read as an IPv4 address by many clients.
_NUMERIC = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)")


@dataclass(frozen=True, slots=True)
class WebDid:
    """Parts of a did:web identifier.

    Attributes:
        did: the whole.
        host: DNS name.
        port: None for 443.
        path: segments; empty for the host's own DID.
    """

    did: str
    host: str
    port: int | None
    path: tuple[str, ...]


def parse(did: str) -> WebDid:
    """Read a did:web identifier.

    Raises:
        DidUnresolvable: not one, or one that this node does not follow.
    """
    match = _DID.fullmatch(did) if len(did) <= MAX_LENGTH else None
    if match is None:
        raise DidUnresolvable(f"`{did[:80]}` is not a did:web identifier")
    name, port = match["host"], int(match["port"]) if match["port"] else None
    path = tuple(match["path"].split(":")[1:])
    if _NUMERIC.fullmatch(name.rsplit(".", 1)[-1]) is not None:
        raise DidUnresolvable(f"`{did[:80]}` names an IP address; did:web needs a DNS name")
    if port is not None and port > MAX_PORT:
        raise DidUnresolvable(f"`{did[:80]}` has no valid port")
    if any(set(segment) == {"."} for segment in path):
        raise DidUnresolvable(f"`{did[:80]}` has a relative path")
    return WebDid(did, name, port, path)


def origin(did: str) -> str:
    """Return `https://host[:port]` of a DID.

    Raises:
        DidUnresolvable: as `parse`.
    """
    parts = parse(did)
    return f"https://{parts.host}" + (f":{parts.port}" if parts.port else "")


def document_url(did: str) -> str:
    """Return where the DID document is served.

    Raises:
        DidUnresolvable: as `parse`.
    """
    path = parse(did).path
    return origin(did) + ("/" + "/".join((*path, "did.json")) if path else "/.well-known/did.json")


def host(did: str) -> str:
    """Return the DNS name of a DID, without port.

    Raises:
        DidUnresolvable: as `parse`.
    """
    return parse(did).host


def from_host(name: str, port: int | None = None) -> str:
    """Return the DID of a host.

    Raises:
        DidUnresolvable: as `parse`.
    """
    return parse(f"{PREFIX}{name}" + (f"%3A{port}" if port else "")).did
