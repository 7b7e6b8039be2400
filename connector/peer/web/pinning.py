"""Which address of a host is spoken to: resolved once, within a time, judged, and pinned.

Rules: the operating system's resolver knows no deadline, and a name's own server may let it wait
for half a minute. It is therefore asked in a thread of its own, which is left behind once the
caller's time is over; so many are asked at a time.
"""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable, Collection, Sequence
from typing import Final

from connector.errors import PeerUnreachable, PreauError
from connector.peer.web.addresses import Target, judge_address

MOST_AT_ONCE: Final = 32  # threads that ask the resolver, those left behind among them

Resolver = Callable[[str, int], Sequence[str]]

_places: Final = threading.BoundedSemaphore(MOST_AT_ONCE)


def resolve(host: str, port: int) -> list[str]:
    """Return the addresses of a host, as the operating system resolves it.

    Raises:
        PeerUnreachable: the name does not resolve.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as exc:
        raise PeerUnreachable(f"`{host}` does not resolve") from exc
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def pin(resolver: Resolver, goal: Target, allow: Collection[str], seconds: float) -> str:
    """Return the address of a host to speak to.

    Args:
        resolver: asks for the addresses.
        goal: whom.
        allow: hosts that may be at addresses which are not public.
        seconds: longest wait for the resolver.

    Raises:
        PeerUnreachable: the name does not resolve, or not in time.
        AddressForbidden: one of its addresses is not where this node goes.
    """
    addresses = _in_time(resolver, goal, seconds)
    for address in addresses:
        judge_address(goal.host, address, allow)
    if not addresses:
        raise PeerUnreachable(f"`{goal.host}` does not resolve")
    # IPv4 first: a node in a school often has no IPv6 route, and only one address is tried.
    return min(addresses, key=lambda address: ":" in address)


def _in_time(resolver: Resolver, goal: Target, seconds: float) -> Sequence[str]:
    late = PeerUnreachable(f"`{goal.host}` did not resolve within {seconds:.0f} s")
    if not _places.acquire(timeout=max(seconds, 0.0)):
        raise late
    answers: queue.SimpleQueue[Sequence[str] | PreauError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(resolver(goal.host, goal.port))
        except PreauError as exc:
            answers.put(exc)
        finally:
            _places.release()

    threading.Thread(target=ask, name="resolver", daemon=True).start()
    try:
        answer = answers.get(timeout=max(seconds, 0.0))
    except queue.Empty:
        raise late from None
    if isinstance(answer, PreauError):
        raise answer
    return answer
