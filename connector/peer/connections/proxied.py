"""Where a connection came from, as a proxy in front of the node says. Pure reading.

HAProxy's PROXY protocol, versions 1 and 2 (haproxy.org/download/2.9/doc/proxy-protocol.txt,
sections 2.1 and 2.2). Only addresses that the setting `proxies` names are asked, and those must
speak it: section 2 forbids guessing whether the header is there.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

from connector.errors import Malformed
from connector.peer.connections.crowd import plain

# Section 2.1: of no other origin than who connects, such as a look whether the server answers.
OWN: Final = b"PROXY UNKNOWN\r\n"
_V1_BYTES: Final = 107  # the longest line, section 2.1
_V2_SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
_V2_FIXED: Final = 16
_V2_MOST: Final = 536  # what section 2.2 asks a receiver to take
_V2_LOCAL, _V2_PROXY = 0x20, 0x21
_V2_TCP: Final = {0x11: (4, 12), 0x21: (16, 36)}  # bytes of an address, and of the whole block
_V1_FIELDS: Final = 6


def is_named(address: str, proxies: Iterable[str]) -> bool:
    """Return whether an address, as sockets give it, is in one of these networks."""
    found = plain(address)
    return any(found in ipaddress.ip_network(each) for each in proxies)


def header(data: bytes) -> tuple[str, bytes] | None:
    """Take the header off the first bytes of a connection.

    Returns:
        The address that the connection came from, empty when the proxy itself made it, and the
        bytes behind the header; None when more bytes are needed.

    Raises:
        Malformed: this is no such header, or not of a TCP connection.
    """
    if data[: len(_V2_SIGNATURE)] == _V2_SIGNATURE[: len(data)]:
        return _binary(data)
    return _text(data)


def _text(data: bytes) -> tuple[str, bytes] | None:
    line, end, rest = data.partition(b"\r\n")
    if not end:
        if len(data) > _V1_BYTES or not data.startswith(b"PROXY "[: len(data)]):
            raise Malformed("a proxy's connection began without the PROXY header")
        return None
    fields = line.decode("latin-1").split(" ")
    if len(line) > _V1_BYTES or fields[0] != "PROXY":
        raise Malformed("a proxy's connection began without the PROXY header")
    if fields[1:2] == ["UNKNOWN"]:
        return "", rest
    if len(fields) != _V1_FIELDS or fields[1] not in ("TCP4", "TCP6"):
        raise Malformed("the PROXY header is not of a TCP connection")
    return _address(fields[2]), rest


def _binary(data: bytes) -> tuple[str, bytes] | None:
    if len(data) < _V2_FIXED:
        return None
    size = int.from_bytes(data[14:16])
    if size > _V2_MOST:
        raise Malformed("the PROXY header is too long")
    if len(data) < _V2_FIXED + size:
        return None
    block, rest = data[_V2_FIXED : _V2_FIXED + size], data[_V2_FIXED + size :]
    if data[12] == _V2_LOCAL:
        return "", rest
    width, least = _V2_TCP.get(data[13], (0, 0))
    if data[12] != _V2_PROXY or not width or size < least:
        raise Malformed("the PROXY header is not of a TCP connection")
    return str(ipaddress.ip_address(block[:width])), rest


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as exc:
        raise Malformed("the PROXY header names no address") from exc
