"""Where messages about transfers arrive, whatever the binding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from connector.domain.participant import Participant
from connector.ports import Ports
from connector.protocol import transfer_messages as t
from connector.protocol.dsp.transfer import Transferred
from connector.protocol.transfer_messages import Transferring
from connector.services.transfer import acts, consumer_side, provider_side

_HANDLES: Final[
    Mapping[type[Transferring], Callable[[Ports, Participant, Any, Transferred], t.TransferProcess]]
] = MappingProxyType(
    {
        t.TransferRequestMessage: provider_side.on_request,
        t.TransferStartMessage: consumer_side.on_start,
        t.TransferSuspensionMessage: acts.on_suspension,
        t.TransferCompletionMessage: provider_side.on_completion,
        t.TransferTerminationMessage: acts.on_termination,
    }
)


def received(ports: Ports, caller: Participant, value: Transferred) -> t.TransferProcess:
    """Receive a message that came by a call of its own, and return the answer.

    Raises:
        PreauError: the message is refused; nothing changed.
    """
    return _HANDLES[type(value.message)](ports, caller, value.message, value)


def receive(
    kind: type[Transferring], ports: Ports, caller: Participant, body: Mapping[str, Any]
) -> Mapping[str, Any]:
    """As `received`, with the bodies of gRPC."""
    return received(ports, caller, Transferred(kind.from_body(body))).to_body()


HANDLERS: Final = MappingProxyType({kind.__name__: partial(receive, kind) for kind in _HANDLES})
