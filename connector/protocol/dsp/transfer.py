"""The messages of the transfer process: the five that move it, and the process itself.

Source: DSP 2025-1, Transfer Process Protocol and HTTPS Binding, with the messages' schemas.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from connector.domain.transfer.transfer import TransferState
from connector.errors import Malformed
from connector.protocol import transfer_messages as t
from connector.protocol.dsp import data_address, members
from connector.protocol.dsp.data_address import DataAddress
from connector.protocol.transfer_messages import Transferring

TYPES: Final[Mapping[str, type[Transferring]]] = {
    each.__name__: each
    for each in (
        t.TransferRequestMessage,
        t.TransferStartMessage,
        t.TransferSuspensionMessage,
        t.TransferCompletionMessage,
        t.TransferTerminationMessage,
    )
}
_ADDRESSED: Final = (t.TransferRequestMessage, t.TransferStartMessage)
_CALLBACK, _DATA = "callbackAddress", "dataAddress"


@dataclass(frozen=True, slots=True)
class Transferred:
    """A message, and what only this binding has of it.

    Attributes:
        message: extract and statements are empty where the peer is no Préau node.
        callback: where the consumer takes answers; of a request only.
        format: in which the data are wanted, such as `HttpData-PULL`; of a request only.
        address: where the data are to go (request, push) or are (start, pull); None where not said.
        data: the body that it was read from, exact bytes; empty where it came otherwise.
    """

    message: Transferring
    callback: str = ""
    format: str = ""
    address: DataAddress | None = None
    data: bytes = field(default=b"", compare=False, repr=False)


def write(value: Transferred) -> dict[str, Any]:
    """Return the body of a message.

    Raises:
        Malformed: the protocol has no such message: a member is missing, or is another's.
    """
    message = value.message
    body = members.begun(message)
    if value.callback or value.format:
        body |= {_CALLBACK: value.callback, "format": value.format}
    if value.address is not None:
        body[_DATA] = data_address.write(value.address)
    if isinstance(message, t.TransferRequestMessage):
        body["agreementId"] = message.agreement_id
        members.needed(body, _CALLBACK, "format", "agreementId", "consumerPid")
        return body
    if _CALLBACK in body or (value.address is not None and not isinstance(message, _ADDRESSED)):
        raise Malformed(f"`{body['@type']}` has no `{_CALLBACK if _CALLBACK in body else _DATA}`")
    members.needed(body, "providerPid", "consumerPid")
    return body


def read(data: bytes, among: Collection[str] = tuple(TYPES), *, after: str = "") -> Transferred:
    """Return a message.

    Args:
        data: body of a request.
        among: types that may stand where it came from.
        after: see `members.message_id`.

    Raises:
        MessageTooLarge: more bytes than are read.
        Malformed: not such a message; the reason names type and member.
        UpgradeRequired: of another version of the protocol.
    """
    kind, root = members.opened(data, *among)
    cls = TYPES[kind]
    said = members.common(cls, root, after)
    address = None
    if cls in _ADDRESSED and _DATA in root.value:
        address = data_address.read(root.child(_DATA))
    if cls is not t.TransferRequestMessage:
        return Transferred(cls(**said), address=address, data=data)
    said["agreement_id"] = members.identifier(root, "agreementId")
    wanted = root.fields("format", others=True)["format"].text()
    callback = members.address(root, _CALLBACK)
    return Transferred(cls(**said), callback, wanted, address, data)


def write_state(process: t.TransferProcess) -> dict[str, Any]:
    """Return the body that says in which state a process is.

    Raises:
        Malformed: a pid is missing.
    """
    body = {**members.begun(process), "state": process.state}
    members.needed(body, "providerPid", "consumerPid")
    return body


def read_state(data: bytes) -> t.TransferProcess:
    """Return in which state a process is.

    Raises:
        MessageTooLarge: more bytes than are read.
        Malformed: no TransferProcess; the reason names the member.
        UpgradeRequired: of another version of the protocol.
    """
    _, root = members.opened(data, t.TransferProcess.__name__)
    state = root.fields("state", others=True)["state"].exactly(*TransferState)
    return t.TransferProcess(state=state, **members.common(t.TransferProcess, root))
