"""Errors over gRPC: status and trailing metadata, written by the server and read by the client.

Rule: a refusal travels as its stable code (`preau-problem-bin`) beside the status of the table in
`connector/errors/`; what has no such metadata comes from gRPC itself and is named by its status.
Text of a peer is cut and stripped before it reaches a person; text about this node's own faults
stays here.
"""

from __future__ import annotations

import logging
import math
from typing import Final, NoReturn

import grpc
from google.protobuf.message import DecodeError

from connector.domain import generation as generations
from connector.errors import (
    BY_CODE,
    LONGEST_WAIT,
    ConfigurationInvalid,
    DataFileChanged,
    DataFileMissing,
    DataFileUnreadable,
    KeyUnusable,
    MessageTooLarge,
    PeerUnreachable,
    PreauError,
    RowDamaged,
    StoreUnavailable,
    TooManyRequests,
    Unlawful,
    UpgradeRequired,
    WorkerFailed,
    from_code,
    status,
)
from connector.peer.routes import PROBLEM_KEY, STATED, Metadata, generation_in
from connector.peer.v1 import problem_pb2

Context = grpc.aio.ServicerContext[bytes, bytes]

_log = logging.getLogger(__name__)

_MAX_TEXT: Final = 500
# Whose texts are for the operator.
OURS: Final = (
    ConfigurationInvalid,
    DataFileMissing,
    DataFileUnreadable,
    DataFileChanged,
    StoreUnavailable,
    RowDamaged,
    KeyUnusable,
    WorkerFailed,
)
_GONE: Final = {
    grpc.StatusCode.UNAVAILABLE: "is not reachable, or refuses this node's certificate",
    grpc.StatusCode.DEADLINE_EXCEEDED: "did not answer in time",
    grpc.StatusCode.CANCELLED: "closed the connection too early",
}


def problem(error: PreauError) -> bytes:
    """Return the problem of a refusal that its caller may be told, serialized."""
    message = problem_pb2.Problem(
        code=error.code,
        reason=error.reason[:_MAX_TEXT],
        hint=error.hint[:_MAX_TEXT],
        retry_after=waiting(error),
    )
    return message.SerializeToString()


def waiting(error: PreauError) -> int:
    """Return in how many whole seconds the same may be tried again; 0 where that is not known."""
    return math.ceil(min(max(error.retry_after, 0.0), LONGEST_WAIT))


def tellable(error: PreauError) -> PreauError:
    """Return what a caller may be told: a fault of this node's own keeps its code and no text.

    Such a text may name files, settings or addresses of the operator's; it goes to the log.
    """
    if not isinstance(error, OURS):
        return error
    _log.error("a caller was told %s: %s", error.code, error.reason)
    return type(error)("this node cannot answer; its operator finds the cause in the log")


async def refuse(context: Context, error: PreauError) -> NoReturn:
    """End a call with a refusal; does not return."""
    told = tellable(error)
    code: grpc.StatusCode = getattr(grpc.StatusCode, status(told.code)[0])
    await context.abort(code, told.reason[:_MAX_TEXT], (*STATED, (PROBLEM_KEY, problem(told))))


def released(error: PreauError) -> PreauError:
    """Return a refusal without its causes and the frames they came through: they hold the request.

    gRPC keeps how a call was aborted, in a cycle with the failure: only the collector would free
    the megabytes of a refused request, and it counts objects.
    """
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def understood(error: PreauError, generation: int) -> PreauError:
    """Return a refusal under a code that a caller knows.

    The first generation drops the reason of a code that is unknown to it, and with it who must
    upgrade.
    """
    if isinstance(error, UpgradeRequired) and generation < generations.GENERATION:
        return Unlawful(error.reason, hint=error.hint)
    return error


def unforeseen(method: str) -> PreauError:
    """Log the exception that is being handled, and return what the caller is told instead."""
    _log.exception("`%s` failed", method)
    return PreauError("the node failed; its operator finds the cause in the log")


def translate(peer: str, error: object) -> PreauError:
    """Return the exception that a failed call stands for.

    Args:
        peer: DID of who was called.
        error: the `grpc.RpcError` that was raised; those of calls are a `grpc.Call` too.
    """
    if not isinstance(error, grpc.Call):
        return PeerUnreachable(f"`{peer}` closed the connection too early")
    metadata = tuple(error.trailing_metadata() or ())
    for key, value in metadata:
        if key == PROBLEM_KEY and isinstance(value, bytes):
            return _too_old(peer, metadata) or _rebuilt(peer, value)
    code = error.code()
    said = error.details() or ""
    large = "larger" in said or "metadata size" in said  # gRPC's own words, for either limit
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and not large:
        return TooManyRequests(
            f"`{peer}` is answering too many calls at once", hint="try again", retry_after=1.0
        )
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return MessageTooLarge(f"the message is larger than `{peer}` or this node accepts")
    return PeerUnreachable(f"`{peer}` {_GONE.get(code, f'failed with {code.name}')}")


def _too_old(peer: str, metadata: Metadata) -> UpgradeRequired | None:
    """Say so when the peer's node is too old: what it refuses is mostly what it cannot read."""
    try:
        generations.check(peer, generation_in(metadata))
    except UpgradeRequired as exc:
        return exc
    return None


def _rebuilt(peer: str, raw: bytes) -> PreauError:
    try:
        message = problem_pb2.Problem.FromString(raw)
    except DecodeError:
        return PeerUnreachable(f"`{peer}` answered with a problem document that cannot be read")
    if message.code not in BY_CODE:
        return PeerUnreachable(f"`{peer}` refused with the unknown code `{_line(message.code)}`")
    wait = min(float(message.retry_after), LONGEST_WAIT)
    return from_code(message.code, _line(message.reason), _line(message.hint), wait)


def _line(text: str) -> str:
    return "".join(char for char in text[:_MAX_TEXT] if char.isprintable())
