"""Who may be connected: bounded in all and per owner, and never shut to a newcomer. No I/O.

Rule: where a limit is reached, the one that was silent for longest leaves: of the newcomer's own
owner if that is at its limit, else of the owner with the most. So who opens many connections
pushes out its own, and sockets that idle give way to those that speak.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from typing import Final, Generic, TypeVar

_V6_PREFIX: Final = 64  # bits; who has one IPv6 address has 2**64 of them

T = TypeVar("T")


class Crowd(Generic[T]):
    """Members of a crowd, by owner; for one thread."""

    def __init__(self, in_all: int, per_owner: int) -> None:
        self._in_all = in_all
        self._per_owner = per_owner
        self._owners: dict[str, OrderedDict[T, None]] = {}
        self._of: dict[T, str] = {}

    def __len__(self) -> int:
        return len(self._of)

    def enter(self, owner: str, one: T) -> T | None:
        """Let one in; return the one that leaves for it, if any."""
        own = self._owners.get(owner, OrderedDict())
        leaving: T | None = None
        if len(own) >= self._per_owner:
            leaving = next(iter(own))
        elif len(self._of) >= self._in_all:
            largest = max(self._owners, key=lambda each: len(self._owners[each]))
            leaving = next(iter(self._owners[largest]))
        if leaving is not None:
            self.leave(leaving)
        self._owners.setdefault(owner, OrderedDict())[one] = None
        self._of[one] = owner
        return leaving

    def spoke(self, one: T) -> None:
        """Note that one spoke just now."""
        owner = self._of.get(one)
        if owner is not None:
            self._owners[owner].move_to_end(one)

    def leave(self, one: T) -> None:
        """Let one go; harmless when it is not there."""
        owner = self._of.pop(one, None)
        if owner is not None:
            del self._owners[owner][one]
            if not self._owners[owner]:
                del self._owners[owner]


def plain(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return an address as sockets give it, without its zone; IPv4 in IPv6 as IPv4."""
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def origin(address: str) -> str:
    """Return by what an address is counted: itself, or the /64 network of an IPv6 address."""
    found = plain(address)
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(ipaddress.ip_network((int(found), _V6_PREFIX), strict=False))
