"""A transfer process as one side holds it. The transitions are `protocol/transfer.py`. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from connector.domain.contract.negotiation import Role
from connector.domain.transfer.extract import Content


class TransferState(StrEnum):
    """DSP 2025-1 transfer process states, and no others."""

    REQUESTED = "REQUESTED"
    STARTED = "STARTED"
    SUSPENDED = "SUSPENDED"
    COMPLETED = "COMPLETED"
    TERMINATED = "TERMINATED"


ENDED: Final = frozenset({TransferState.COMPLETED, TransferState.TERMINATED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One transfer process, our side.

    Attributes:
        pid: our own id of it (consumerPid or providerPid, by role).
        role: ours.
        peer: DID of the other party.
        peer_pid: its id of it; empty until it told us.
        agreement_id: the contract.
        extract_id: the provider's extract that is transferred.
        state: see `TransferState`.
        held_by: who suspended it, and alone may resume it; None while it is not suspended.
        code: stable code of a suspension or termination; empty otherwise.
        reasons: of a suspension or termination.
        content: what the provider says of the bytes; None until it started.
        passed: bytes that have left, or arrived, so far; counted when a stream ends.
        receipt: our signed receipt, compact JWS; empty until it is completed.
        peer_receipt: the peer's; empty until it came.
        created_at: UTC.
        updated_at: UTC.
        address: where the peer takes messages of it over HTTPS; empty: over gRPC.
        heard: last message of a peer that names none, see `services/messages/naming.py`.
        format: in which the data were asked for over HTTPS, such as `HttpData-PULL`; empty else.
        data_address: where a provider that signs nothing has the data, canonical JSON, with its
            token; empty while they may not be fetched.
    """

    pid: str
    role: Role
    peer: str
    peer_pid: str = ""
    agreement_id: str
    extract_id: str
    state: TransferState
    held_by: Role | None = None
    code: str = ""
    reasons: tuple[str, ...] = ()
    content: Content | None = None
    passed: int = 0
    receipt: str = ""
    peer_receipt: str = ""
    created_at: datetime
    updated_at: datetime
    address: str = ""
    heard: str = ""
    format: str = ""
    data_address: bytes = field(default=b"", repr=False)
