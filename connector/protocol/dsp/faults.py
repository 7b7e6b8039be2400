"""Answers that say no: `CatalogError`, `ContractNegotiationError`, `TransferError`.

Rule: `code` is our stable code, `reason` its one line and the hint, if any. An error never changes
a state.

Source: DSP 2025-1, the three `ERROR` responses and their schemas.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from connector.errors import BY_CODE, PeerFault, PreauError
from connector.protocol.codec import MAX_LINE
from connector.protocol.dsp import members

CATALOG: Final = "CatalogError"
NEGOTIATION: Final = "ContractNegotiationError"
TRANSFER: Final = "TransferError"
_PIDS: Final = ("providerPid", "consumerPid")


@dataclass(frozen=True, slots=True)
class ProtocolError:
    """An error that a peer answered with.

    Attributes:
        kind: its type.
        provider_pid: empty for a catalog, and where no process began.
        consumer_pid: same.
        code: empty where there is none that can be read as a code.
        reasons: lines for people.
    """

    kind: str
    provider_pid: str = ""
    consumer_pid: str = ""
    code: str = ""
    reasons: tuple[str, ...] = ()

    def as_exception(self) -> PreauError:
        """Return what a call that was answered so stops with."""
        reason = "; ".join(self.reasons)[:MAX_LINE] or f"the peer answered `{self.kind}`"
        if self.code in BY_CODE:
            return BY_CODE[self.code](reason)
        return PeerFault(f"`{self.code}`: {reason}" if self.code else reason)


def of(
    kind: str, error: PreauError, provider_pid: str = "", consumer_pid: str = ""
) -> ProtocolError:
    """Return the error that a failure is answered with.

    Args:
        kind: its type.
        error: the failure.
        provider_pid: of the process; empty where none began, or for a catalog.
        consumer_pid: same.
    """
    said = tuple(line for line in map(members.line_of, (error.reason, error.hint)) if line)
    return ProtocolError(kind, provider_pid, consumer_pid, error.code, said)


def write(error: ProtocolError) -> dict[str, Any]:
    """Return the body of an error."""
    body: dict[str, Any] = {"@context": [members.CONTEXT], "@type": error.kind}
    if error.kind != CATALOG:
        pids = (error.provider_pid, error.consumer_pid)
        body |= {name: pid or members.NIL for name, pid in zip(_PIDS, pids, strict=True)}
    if error.code:
        body["code"] = error.code
    return body | ({"reason": list(error.reasons)} if error.reasons else {})


def read(data: bytes, kind: str) -> ProtocolError:
    """Return an error that a peer answered with.

    Raises:
        MessageTooLarge: more bytes than are read.
        Malformed: no error of that type.
        UpgradeRequired: of another version of the protocol.
    """
    _, root = members.opened(data, kind)
    pids = [""] * len(_PIDS) if kind == CATALOG else [members.identifier(root, it) for it in _PIDS]
    provider, consumer = ("" if each == members.NIL else each for each in pids)
    return ProtocolError(kind, provider, consumer, *members.code_and_reasons(root))
