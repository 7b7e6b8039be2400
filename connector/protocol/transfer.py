"""The transfer process state machine of the Dataspace Protocol 2025-1, as one literal table.

Rules: as in `negotiation.py`: the table does not know which side we are, and what is not in it is
refused and changes nothing. Sending and receiving follow the same 14 transitions. Who may resume
what was suspended is `may_start`: the diagram lets either side, Data Plane Signaling only the side
that suspended, and the stricter holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from connector.domain.contract.negotiation import Role
from connector.domain.transfer.transfer import TransferState
from connector.errors import IllegalMessage


class Act(StrEnum):
    """What a message does to a transfer process."""

    REQUEST = "TransferRequestMessage"
    START = "TransferStartMessage"
    SUSPENSION = "TransferSuspensionMessage"
    COMPLETION = "TransferCompletionMessage"
    TERMINATION = "TransferTerminationMessage"


State = TransferState
Step = tuple[State | None, Act, Role]

# DSP 2025-1, transfer process protocol, section "State Machine" and its diagram.
TRANSITIONS: Final[Mapping[Step, State]] = {
    (None, Act.REQUEST, Role.CONSUMER): State.REQUESTED,
    (State.REQUESTED, Act.START, Role.PROVIDER): State.STARTED,
    (State.REQUESTED, Act.TERMINATION, Role.CONSUMER): State.TERMINATED,
    (State.REQUESTED, Act.TERMINATION, Role.PROVIDER): State.TERMINATED,
    (State.STARTED, Act.SUSPENSION, Role.CONSUMER): State.SUSPENDED,
    (State.STARTED, Act.SUSPENSION, Role.PROVIDER): State.SUSPENDED,
    (State.STARTED, Act.COMPLETION, Role.CONSUMER): State.COMPLETED,
    (State.STARTED, Act.COMPLETION, Role.PROVIDER): State.COMPLETED,
    (State.STARTED, Act.TERMINATION, Role.CONSUMER): State.TERMINATED,
    (State.STARTED, Act.TERMINATION, Role.PROVIDER): State.TERMINATED,
    (State.SUSPENDED, Act.START, Role.CONSUMER): State.STARTED,
    (State.SUSPENDED, Act.START, Role.PROVIDER): State.STARTED,
    (State.SUSPENDED, Act.TERMINATION, Role.CONSUMER): State.TERMINATED,
    (State.SUSPENDED, Act.TERMINATION, Role.PROVIDER): State.TERMINATED,
}


def step(state: State | None, act: Act, sender: Role, *, held_by: Role | None = None) -> State:
    """Return the state after a message.

    Args:
        state: state before it; None where no transfer process exists yet.
        act: what the message does.
        sender: role of who sends it.
        held_by: who suspended the process; None where nobody has.

    Raises:
        IllegalMessage: the table has no such transition, or the other side has suspended it; the
            reason names state and message.
    """
    after = TRANSITIONS.get((state, act, sender))
    if after is None:
        before = "before any message" if state is None else f"in state `{state}`"
        raise IllegalMessage(f"`{act}` from the {sender} is not allowed {before}")
    if not may_start(state, act, sender, held_by):
        raise IllegalMessage(f"`{act}` from the {sender}: the {held_by} has suspended the transfer")
    return after


def may_start(state: State | None, act: Act, sender: Role, held_by: Role | None) -> bool:
    """Return whether a message resumes nothing that the other side suspended."""
    resumes = state is State.SUSPENDED and act is Act.START
    return not resumes or held_by in (None, sender)
