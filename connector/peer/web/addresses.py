"""Which peer-supplied addresses this node fetches: pure judgement, no network.

Rules: HTTPS only; a DNS name, never an IP literal in any spelling; no user part; and no address
that is not on the public Internet, unless the host is one that the operator's settings name in
`unsafe_allow_hosts` (OWASP SSRF prevention; the ranges are those of `special_addresses.py`).
Resolving and connecting are `client.py`'s.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from connector.errors import AddressForbidden
from connector.peer.web.special_addresses import GLOBAL_UNICAST, PUBLIC, SPECIAL

HTTPS_PORT: Final = 443  # RFC 9110 section 4.2.2
MAX_URL: Final = 2048
MAX_NAME: Final = 253  # RFC 1035 section 2.3.4
_PRINTABLE = re.compile(r"[!-\[\]-~]+")  # ASCII without blanks, controls and the backslash
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9-]{0,61}[a-z0-9])?")
# A host whose last label is a number is an IPv4 address to some parsers (WHATWG URL, 3.5).
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052
_COMPATIBLE = ipaddress.IPv6Network("::/96")  # RFC 4291 section 2.5.5.1, deprecated


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that may be fetched as far as its text tells.

    Attributes:
        host: lower-case DNS name.
        port: TCP port.
        path: path and query, starting with `/`.
    """

    host: str
    port: int
    path: str


def target(url: str) -> Target:
    """Take a URL apart, refusing every form that could lead elsewhere.

    Raises:
        AddressForbidden: not HTTPS, an IP literal, a user part, or not a plain URL.
    """
    if len(url) > MAX_URL or not _PRINTABLE.fullmatch(url):
        raise AddressForbidden("the address is not a plain URL")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise AddressForbidden("the address is not a plain URL") from exc
    if port == 0:  # RFC 6335 section 6: reserved, and nobody serves there
        raise AddressForbidden(f"`{url}` has no port")
    if parts.scheme != "https":
        raise AddressForbidden(f"`{url}` is not an https address")
    if "@" in parts.netloc or parts.fragment:
        raise AddressForbidden(f"`{url}` has a user part or a fragment")
    host = _dns_name(parts)
    return Target(host, HTTPS_PORT if port is None else port, _path(parts))


def judge_address(host: str, address: str, allow_hosts: Collection[str]) -> None:
    """Refuse an address that is not public, unless the operator allowed the host.

    Raises:
        AddressForbidden: the address is private, loopback, link-local, multicast, reserved, or
            holds such an IPv4 address inside an IPv6 one.
    """
    if host in allow_hosts:
        return
    ip = ipaddress.ip_address(address.partition("%")[0])
    # NAT64 addresses are reserved themselves, yet all that an IPv6-only network gives for the
    # public ones; so there only the embedded address counts.
    outer = [] if ip in _NAT64 else [ip]
    if not all(_public(each) for each in (*outer, *_embedded(ip))):
        raise AddressForbidden(
            f"`{host}` is not on the public Internet",
            hint="name the host in `unsafe_allow_hosts` if this is a private space",
        )


def _dns_name(parts: SplitResult) -> str:
    host = parts.hostname or ""
    labels = host.split(".")
    if len(host) > MAX_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressForbidden(f"`{host}` is not a DNS name")
    if _NUMBER.fullmatch(labels[-1]):
        raise AddressForbidden(f"`{host}` is an IP address; a DNS name is needed")
    return host


def _path(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _public(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(ip, ipaddress.IPv6Address) and ip not in GLOBAL_UNICAST:
        return False
    return not any(ip in network for network in SPECIAL) or any(ip in each for each in PUBLIC)


def _embedded(
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> list[ipaddress.IPv4Address]:
    """IPv4 addresses that a translator or tunnel would take out of an IPv6 address."""
    if isinstance(ip, ipaddress.IPv4Address):
        return []
    found = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
    if ip in _NAT64 or ip in _COMPATIBLE:
        found.append(ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF))
    return [each for each in found if each is not None]
