"""The contract negotiation state machine of the Dataspace Protocol 2025-1, as one literal table.

Rules: the table does not know which side we are; a transition is named by the state, the message
and the role of its sender. `SENDING` holds the 16 transitions of the specification's diagram;
what is received may also be one of the three terminations that only the prose allows ("at any
time before a terminal state"), so `RECEIVING` has 19. Whatever is not in the table is refused and
changes nothing. What a message says, and whether its sender may say it, is judged elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from connector.domain.contract.negotiation import NegotiationState, Role
from connector.errors import IllegalMessage


class Act(StrEnum):
    """What a message does to a negotiation; an event message is two acts, by its type."""

    REQUEST = "ContractRequestMessage"
    OFFER = "ContractOfferMessage"
    AGREEMENT = "ContractAgreementMessage"
    VERIFICATION = "ContractAgreementVerificationMessage"
    ACCEPTED = "ContractNegotiationEventMessage:ACCEPTED"
    FINALIZED = "ContractNegotiationEventMessage:FINALIZED"
    TERMINATION = "ContractNegotiationTerminationMessage"


State = NegotiationState
Step = tuple[State | None, Act, Role]

# DSP 2025-1, contract negotiation protocol, section "State Machine" and its diagram.
SENDING: Final[Mapping[Step, State]] = {
    (None, Act.REQUEST, Role.CONSUMER): State.REQUESTED,
    (None, Act.OFFER, Role.PROVIDER): State.OFFERED,
    (State.REQUESTED, Act.OFFER, Role.PROVIDER): State.OFFERED,
    (State.REQUESTED, Act.AGREEMENT, Role.PROVIDER): State.AGREED,
    (State.REQUESTED, Act.TERMINATION, Role.CONSUMER): State.TERMINATED,
    (State.REQUESTED, Act.TERMINATION, Role.PROVIDER): State.TERMINATED,
    (State.OFFERED, Act.REQUEST, Role.CONSUMER): State.REQUESTED,
    (State.OFFERED, Act.ACCEPTED, Role.CONSUMER): State.ACCEPTED,
    (State.OFFERED, Act.TERMINATION, Role.CONSUMER): State.TERMINATED,
    (State.OFFERED, Act.TERMINATION, Role.PROVIDER): State.TERMINATED,
    (State.ACCEPTED, Act.AGREEMENT, Role.PROVIDER): State.AGREED,
    (State.ACCEPTED, Act.TERMINATION, Role.PROVIDER): State.TERMINATED,
    (State.AGREED, Act.VERIFICATION, Role.CONSUMER): State.VERIFIED,
    (State.AGREED, Act.TERMINATION, Role.CONSUMER): State.TERMINATED,
    (State.VERIFIED, Act.FINALIZED, Role.PROVIDER): State.FINALIZED,
    (State.VERIFIED, Act.TERMINATION, Role.PROVIDER): State.TERMINATED,
}

# The prose lets either side terminate before a terminal state: accepted, never sent.
RECEIVING: Final[Mapping[Step, State]] = {
    **SENDING,
    (State.ACCEPTED, Act.TERMINATION, Role.CONSUMER): State.TERMINATED,
    (State.AGREED, Act.TERMINATION, Role.PROVIDER): State.TERMINATED,
    (State.VERIFIED, Act.TERMINATION, Role.CONSUMER): State.TERMINATED,
}

TERMINAL: Final[frozenset[State]] = frozenset({State.FINALIZED, State.TERMINATED})


def allowed(state: State | None, act: Act, sender: Role, *, sending: bool) -> bool:
    """Return whether the table has the transition; `state` None is before the first message."""
    return (state, act, sender) in (SENDING if sending else RECEIVING)


def step(state: State | None, act: Act, sender: Role, *, sending: bool) -> State:
    """Return the state after a message.

    Args:
        state: state before it; None where no negotiation exists yet.
        act: what the message does.
        sender: role of who sends it.
        sending: True for our own message, False for one that arrived.

    Raises:
        IllegalMessage: the table has no such transition; the reason names state and message.
    """
    after = (SENDING if sending else RECEIVING).get((state, act, sender))
    if after is None:
        before = "before any message" if state is None else f"in state `{state}`"
        raise IllegalMessage(f"`{act}` from the {sender} is not allowed {before}")
    return after
