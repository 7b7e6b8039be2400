"""Messages on their way: what the outbox holds and what the inbox remembers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

# Whoever delivers what the outbox holds is woken by this name.
OUTBOX: Final = "outbox"
# The one message that is no call over gRPC: the peer is asked to look at this node again.
INTRODUCTION: Final = "Introduction"


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to a peer, written in the transaction of the state change that causes it.

    Attributes:
        id: message id; the receiver deduplicates on it.
        peer: DID of the receiver.
        kind: name of the message, as in the protocol (`ContractRequestMessage` …).
        body: canonical JSON of the message's fields; bytes are base64url there.
        subject: id that it belongs to (negotiation pid, job id); messages of one subject are
            delivered in order.
        created_at: UTC.
        due_at: not before, UTC.
        attempts: tries so far.
        delivered_at: UTC; None while waiting.
        failed: why it was given up; empty otherwise.
        address: where the receiver takes it over HTTPS; empty: it goes over gRPC.
    """

    id: str
    peer: str
    kind: str
    body: bytes
    subject: str
    created_at: datetime
    due_at: datetime
    attempts: int = 0
    delivered_at: datetime | None = None
    failed: str = ""
    address: str = ""


@dataclass(slots=True)
class Reply:
    """What the answer to one call takes along, where its caller asked for that.

    Attributes:
        caller: DID of who asked.
        carried: our next message to it; None while there is none.
    """

    caller: str
    carried: OutgoingMessage | None = None


@dataclass(slots=True)
class Turn:
    """The turn of a subject, which the thread has that delivers one of its messages.

    Attributes:
        subject: whose turn it is.
        following: our next message about it, once it is committed; the same thread may send it.
        behind: whether an older message about it waits, which goes before.
    """

    subject: str
    following: OutgoingMessage | None = None
    behind: bool = False

    def follow(self, message: OutgoingMessage) -> None:
        """Note what comes next; of several that is the oldest."""
        self.following = self.following or message


@dataclass(slots=True)
class Courier:
    """Takes a message that is the first about its subject, and due, without reading the outbox.

    Attributes:
        take: returns whether the message goes out now; else it waits in the outbox.
    """

    take: Callable[[OutgoingMessage], bool] = lambda _message: False


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """A message that was handled, with the answer that a duplicate gets again.

    The cancellation of a job that never came is one too, under the id of the job.

    Attributes:
        id: message id, unique per peer.
        peer: DID of the sender.
        digest: SHA-256 of the message's content, hex; another content under a known id is refused.
        answer: canonical JSON of the answer, with the message that it carries.
        received_at: UTC.
    """

    id: str
    peer: str
    digest: str
    answer: bytes
    received_at: datetime
