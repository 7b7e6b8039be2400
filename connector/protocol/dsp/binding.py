"""Where each message of the protocol goes over HTTPS, below the base of whoever takes it.

Rules: a provider's paths and those below a consumer's callback are of one form: a process is named
by the pid that its receiver gave to it. A message that opens a process names none. Pids are peers'
own words, so that they stand in an address as one segment.

Source: DSP 2025-1, Catalog, Contract Negotiation and Transfer Process HTTPS Bindings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from connector.domain.contract.negotiation import Role

CATALOG_REQUEST: Final = "/catalog/request"
DATASET: Final = "/catalog/datasets/{id}"
NEGOTIATIONS: Final = "/negotiations"
TRANSFERS: Final = "/transfers"
# Type of a message that opens a process -> path.
OPENING: Final[Mapping[str, str]] = {
    "ContractRequestMessage": f"{NEGOTIATIONS}/request",
    "ContractOfferMessage": f"{NEGOTIATIONS}/offers",
    "TransferRequestMessage": f"{TRANSFERS}/request",
}
# Type of a message about a process -> path.
MOVING: Final[Mapping[str, str]] = {
    "ContractRequestMessage": f"{NEGOTIATIONS}/{{pid}}/request",
    "ContractOfferMessage": f"{NEGOTIATIONS}/{{pid}}/offers",
    "ContractAgreementMessage": f"{NEGOTIATIONS}/{{pid}}/agreement",
    "ContractAgreementVerificationMessage": f"{NEGOTIATIONS}/{{pid}}/agreement/verification",
    "ContractNegotiationEventMessage": f"{NEGOTIATIONS}/{{pid}}/events",
    "ContractNegotiationTerminationMessage": f"{NEGOTIATIONS}/{{pid}}/termination",
    "TransferStartMessage": f"{TRANSFERS}/{{pid}}/start",
    "TransferSuspensionMessage": f"{TRANSFERS}/{{pid}}/suspension",
    "TransferCompletionMessage": f"{TRANSFERS}/{{pid}}/completion",
    "TransferTerminationMessage": f"{TRANSFERS}/{{pid}}/termination",
}
_SENDERS: Final[Mapping[str, Role]] = {
    "ContractRequestMessage": Role.CONSUMER,
    "ContractOfferMessage": Role.PROVIDER,
    "ContractAgreementMessage": Role.PROVIDER,
    "ContractAgreementVerificationMessage": Role.CONSUMER,
    "TransferRequestMessage": Role.CONSUMER,
}
_KEPT: Final = ":"  # legal in a segment (RFC 3986 section 3.3), and usual in pids


def sender_of(kind: str) -> Role | None:
    """Return the role of who may send a type of message; None where either side may."""
    return _SENDERS.get(kind)


def path(kind: str, pid: str) -> str:
    """Return where a message goes.

    Args:
        kind: its type.
        pid: of the process at the receiver; empty where the message opens it.
    """
    return MOVING[kind].format(pid=segment(pid)) if pid else OPENING[kind]


def state_path(processes: str, pid: str) -> str:
    """Return where the state of a process is asked for: of `NEGOTIATIONS` or `TRANSFERS`."""
    return f"{processes}/{segment(pid)}"


def dataset_path(name: str) -> str:
    """Return where a dataset is asked for."""
    return DATASET.format(id=segment(name))


def segment(name: str) -> str:
    """Return a name as one segment of a path."""
    return quote(name, safe=_KEPT)
