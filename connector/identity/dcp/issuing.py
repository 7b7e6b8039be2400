"""Requests for credentials at an issuer: what may be asked for, and what becomes of them.

Rules: a holder is told of no credential that is not offered to it, and of no request of another;
the same request that comes again while it is open is that request, and one of its id that asks for
something else is refused; what has ended stays as it is. A request is granted as a whole or
rejected. Source: DCP 1.0, sections 6.4, 6.5 and 6.8. Who offers what to whom, ids, clocks and the
use of tokens are the caller's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from connector.errors import IllegalMessage, NotFound, OfferUnknown, RequestDiffers
from connector.identity.dcp.issuance import (
    CredentialContainer,
    CredentialMessage,
    CredentialRequestMessage,
    CredentialStatus,
    RequestStatus,
)

# Section 6.8: the state of a request, and those that may follow.
TRANSITIONS: Final[Mapping[RequestStatus, frozenset[RequestStatus]]] = MappingProxyType(
    {
        RequestStatus.RECEIVED: frozenset({RequestStatus.ISSUED, RequestStatus.REJECTED}),
        RequestStatus.ISSUED: frozenset(),
        RequestStatus.REJECTED: frozenset(),
    }
)


@dataclass(frozen=True, slots=True)
class Request:
    """A request for credentials.

    Attributes:
        issuer_pid: its id here.
        holder: DID of who made it.
        holder_pid: its id at the holder.
        credentials: ids of what is asked for.
        status: what has become of it.
        reason: why it was rejected; may be empty.
    """

    issuer_pid: str
    holder: str
    holder_pid: str
    credentials: tuple[str, ...]
    status: RequestStatus = RequestStatus.RECEIVED
    reason: str = ""


def received(
    message: CredentialRequestMessage,
    holder: str,
    offered: Collection[str],
    earlier: Iterable[Request],
    issuer_pid: str,
) -> Request:
    """Return the request that a message makes, or the open one that it repeats.

    A holder repeats what it had no answer to. Once a request has ended, its id may be used anew:
    that is how a credential is asked for again.

    Args:
        message: as read.
        holder: DID of who sent it, by its token.
        offered: ids of what is offered to this holder.
        earlier: requests of this holder, in any order.
        issuer_pid: id for a new request.

    Raises:
        OfferUnknown: a credential is not offered to this holder.
        RequestDiffers: an open request of that id asks for something else.
    """
    for each in message.credentials:
        if each not in offered:
            raise OfferUnknown(f"no credential `{each}` is offered to `{holder}`")
    for known in earlier:
        if (known.holder, known.holder_pid) != (holder, message.holder_pid):
            continue
        if known.status is not RequestStatus.RECEIVED:
            continue
        if set(known.credentials) != set(message.credentials):
            raise RequestDiffers(
                f"request `{message.holder_pid}` is open and asks for other credentials",
                hint="make a request of another `holderPid`, or wait until that one has ended",
            )
        return known
    return Request(issuer_pid, holder, message.holder_pid, message.credentials)


def disclosed(request: Request | None, issuer_pid: str, caller: str) -> CredentialStatus:
    """Return what the holder of a request may know of it, and nobody else.

    Args:
        request: that of the id; None where there is none.
        issuer_pid: as asked for.
        caller: DID of who asks, by its token.

    Raises:
        NotFound: there is none, or it is another's.
    """
    if request is None or request.holder != caller:
        raise NotFound(f"no request `{issuer_pid}` for this caller")
    return CredentialStatus(request.issuer_pid, request.holder_pid, request.status)


def ended(request: Request, status: RequestStatus, reason: str = "") -> Request:
    """Return a request as it ends.

    Raises:
        IllegalMessage: it has ended before, or this is no end.
    """
    if status not in TRANSITIONS[request.status]:
        raise IllegalMessage(f"a request that is {request.status} does not become {status}")
    return replace(request, status=status, reason=reason)


def answer(request: Request, issued: Mapping[str, CredentialContainer]) -> CredentialMessage:
    """Return the message for the holder of a request that has ended.

    Args:
        request: as it ended.
        issued: the credentials by id of what was asked for; none where it was rejected.

    Raises:
        IllegalMessage: it has not ended, or what was issued is not what was asked for.
    """
    wanted = request.credentials if request.status is RequestStatus.ISSUED else ()
    if request.status is RequestStatus.RECEIVED or set(issued) != set(wanted):
        raise IllegalMessage(f"a request that is {request.status} is not answered by that")
    return CredentialMessage(
        request.issuer_pid,
        request.holder_pid,
        tuple(issued[each] for each in wanted),
        request.reason,
    )
