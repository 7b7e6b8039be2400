"""Codes of failures: which pass by themselves, and what each is in gRPC and HTTP."""

from __future__ import annotations

from typing import Final

from connector.errors.data import DataFault
from connector.errors.peer import (
    CertificateMismatch,
    CredentialExpired,
    CredentialInvalid,
    CredentialSuspended,
    DidUnresolvable,
    Malformed,
    MessageTooLarge,
    PeerFault,
    StatusListStale,
    StatusRetrievalFailed,
    TokenInvalid,
    TokenMismatch,
    TokenReplayed,
    UnknownPeer,
    Untrusted,
)
from connector.errors.root import PreauError
from connector.errors.unlawful import (
    AgreementUnknown,
    ApprovalAwaited,
    BudgetExceeded,
    CapExceeded,
    MembershipRequired,
    NotFound,
    NotPermitted,
    NotSupported,
    OfferUnknown,
    PurposeForbidden,
    QuotaReached,
    ScopeForbidden,
    TooManyRequests,
    TooManyStreams,
    Unlawful,
    UpgradeRequired,
)
from connector.errors.world import WorldFault

LONGEST_WAIT: Final = 86_400.0  # seconds; a peer says how long to wait, within reason

# What may pass by itself, so that it ends nothing: the other side is away, loaded or too old, one
# of two clocks is wrong, or either side does not know the other's newest keys yet.
PASSING: Final[tuple[type[PreauError], ...]] = (
    WorldFault,
    ApprovalAwaited,
    TooManyRequests,
    TooManyStreams,
    UpgradeRequired,
    UnknownPeer,
    StatusListStale,
    StatusRetrievalFailed,
    CredentialExpired,
    CredentialSuspended,
    CredentialInvalid,
    DidUnresolvable,
    CertificateMismatch,
    TokenInvalid,
    TokenMismatch,
    TokenReplayed,
)

# One table for both bindings: code -> (gRPC status name, HTTP status).
# RFC 9457 for HTTP problems; grpc/status.proto for the names. Families first, then what differs.
_FAMILY: Final[dict[type[PreauError], tuple[str, int]]] = {
    Untrusted: ("UNAUTHENTICATED", 401),
    Malformed: ("INVALID_ARGUMENT", 400),
    Unlawful: ("FAILED_PRECONDITION", 409),
    DataFault: ("INVALID_ARGUMENT", 422),
    WorldFault: ("UNAVAILABLE", 503),
    PeerFault: ("INVALID_ARGUMENT", 400),
    PreauError: ("INTERNAL", 500),
}
_OWN: Final[dict[type[PreauError], tuple[str, int]]] = {
    NotFound: ("NOT_FOUND", 404),
    OfferUnknown: ("NOT_FOUND", 404),
    AgreementUnknown: ("NOT_FOUND", 404),
    MembershipRequired: ("PERMISSION_DENIED", 403),
    PurposeForbidden: ("PERMISSION_DENIED", 403),
    ScopeForbidden: ("PERMISSION_DENIED", 403),
    NotPermitted: ("PERMISSION_DENIED", 403),
    NotSupported: ("UNIMPLEMENTED", 501),
    BudgetExceeded: ("RESOURCE_EXHAUSTED", 409),
    CapExceeded: ("RESOURCE_EXHAUSTED", 409),
    TooManyStreams: ("RESOURCE_EXHAUSTED", 429),
    TooManyRequests: ("RESOURCE_EXHAUSTED", 429),
    QuotaReached: ("RESOURCE_EXHAUSTED", 429),
    MessageTooLarge: ("RESOURCE_EXHAUSTED", 413),
}


def subclasses(root: type[PreauError] = PreauError) -> list[type[PreauError]]:
    """Return every class of the tree below and including `root`, depth first."""
    return [root, *(cls for child in root.__subclasses__() for cls in subclasses(child))]


def status(code: str) -> tuple[str, int]:
    """Return the gRPC status name and the HTTP status of a stable code.

    An unknown code (from a newer peer) is answered as ("UNKNOWN", 500).
    """
    cls = BY_CODE.get(code)
    if cls is None:
        return ("UNKNOWN", 500)
    if cls in _OWN:
        return _OWN[cls]
    return next(_FAMILY[base] for base in cls.__mro__ if base in _FAMILY)


BY_CODE: Final[dict[str, type[PreauError]]] = {cls.code: cls for cls in subclasses()}


def from_code(code: str, reason: str, hint: str = "", retry_after: float = 0.0) -> PreauError:
    """Rebuild the exception that a peer or the node answered with."""
    return BY_CODE.get(code, PreauError)(reason, hint=hint, retry_after=retry_after)
