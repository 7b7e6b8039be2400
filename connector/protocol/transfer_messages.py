"""Messages of the transfer process as values, named as in `protos/connector/peer/v1`.

Rules: as `messages.py`, whose table of kinds has these too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from connector.domain.transfer.transfer import TransferState
from connector.protocol import codec
from connector.protocol.codec import Body, Flag, Several, Text, Whole

Id = Annotated[str, Text()]
MaybeId = Annotated[str, Text(empty=True)]
Statement = Annotated[str, Text(limit=8 * 1024)]
MaybeStatement = Annotated[str, Text(limit=8 * 1024, empty=True)]
MaybeCode = Annotated[str, Text(limit=64, empty=True)]
Lines = Annotated[
    tuple[str, ...], Several(Text(limit=codec.MAX_LINE, spaces=True), limit=codec.MAX_LINES)
]


@dataclass(frozen=True, slots=True)
class TransferRequestMessage(Body):
    """Consumer: asks for an extract that was prepared under a contract.

    It names none to a provider that is no Préau node: then the contract says what is wanted.
    """

    message_id: Id
    consumer_pid: Id
    agreement_id: Id
    extract_id: MaybeId


@dataclass(frozen=True, slots=True)
class TransferStartMessage(Body):
    """Provider: the data may be fetched, with its statement of the content.

    Either side: it may again, after its own suspension; a consumer states nothing.
    """

    message_id: Id
    provider_pid: Id
    consumer_pid: Id
    statement: MaybeStatement = ""


@dataclass(frozen=True, slots=True)
class TransferSuspensionMessage(Body):
    """Either side: no data flows until the same side starts it again."""

    message_id: Id
    provider_pid: Id
    consumer_pid: Id
    code: MaybeCode
    reasons: Lines


@dataclass(frozen=True, slots=True)
class TransferCompletionMessage(Body):
    """Consumer: all is here, with its statement of what that is; none of what nobody stated."""

    message_id: Id
    provider_pid: Id
    consumer_pid: Id
    statement: MaybeStatement


@dataclass(frozen=True, slots=True)
class TransferTerminationMessage(Body):
    """Either side: it is over, and why. A consumer may not know the provider's pid yet."""

    message_id: Id
    provider_pid: MaybeId
    consumer_pid: Id
    code: MaybeCode
    reasons: Lines


@dataclass(frozen=True, slots=True)
class TransferProcess(Body):
    """The state as the side that answers holds it."""

    provider_pid: MaybeId
    consumer_pid: MaybeId
    state: Annotated[str, Text(among=tuple(TransferState))]


@dataclass(frozen=True, slots=True)
class TransferAccessMessage(Body):
    """Consumer: asks how to pull the same bytes over HTTPS, or over Arrow Flight.

    `flight` is said only to a peer whose DID document announces it: older ones know no such field.
    """

    provider_pid: Id
    flight: Annotated[bool, Flag()] = False


@dataclass(frozen=True, slots=True)
class TransferAccess(Body):
    """Where, and by which bearer token; `seconds` is for how long a request may begin.

    `flight` is `host:port`; empty where it was not asked for, or is not served now.
    """

    url: Id
    token: Statement
    seconds: Annotated[int, Whole()]
    flight: MaybeId = ""


Transferring = (
    TransferRequestMessage
    | TransferStartMessage
    | TransferSuspensionMessage
    | TransferCompletionMessage
    | TransferTerminationMessage
)
KINDS: Final[Mapping[str, tuple[type[Body], type[Body]]]] = {
    "TransferRequestMessage": (TransferRequestMessage, TransferProcess),
    "TransferStartMessage": (TransferStartMessage, TransferProcess),
    "TransferSuspensionMessage": (TransferSuspensionMessage, TransferProcess),
    "TransferCompletionMessage": (TransferCompletionMessage, TransferProcess),
    "TransferTerminationMessage": (TransferTerminationMessage, TransferProcess),
    "TransferAccessMessage": (TransferAccessMessage, TransferAccess),
}
