"""A contract negotiation as one side holds it. The transitions are `protocol/negotiation.py`.

Rule: a contract is concluded after the act that it answers, before the negotiation's deadline, and
in nobody's future; both sides check that by their own clocks. How long it was under way says
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from connector.domain import instant
from connector.domain.catalog.review import Review
from connector.domain.contract.notice import Standing
from connector.errors import AgreementTimeWrong


class Role(StrEnum):
    """Which side we are (DSP 2025-1, roles)."""

    CONSUMER = "consumer"
    PROVIDER = "provider"

    @property
    def other(self) -> Role:
        """The role of the peer."""
        return Role.PROVIDER if self is Role.CONSUMER else Role.CONSUMER


class NegotiationState(StrEnum):
    """DSP 2025-1 contract negotiation states, and no others."""

    REQUESTED = "REQUESTED"
    OFFERED = "OFFERED"
    ACCEPTED = "ACCEPTED"
    AGREED = "AGREED"
    VERIFIED = "VERIFIED"
    FINALIZED = "FINALIZED"
    TERMINATED = "TERMINATED"


# A negotiation in which nothing happens for so long is over; VERIFIED is not, see
# `services/negotiation/outcomes.py`.
STALE: Final = timedelta(days=7)
# An agreement that its consumer does not verify counts against the dataset's cap, so not for long.
UNVERIFIED: Final = timedelta(hours=1)
WAITING: Final[Mapping[NegotiationState, timedelta]] = {
    NegotiationState.REQUESTED: STALE,
    NegotiationState.OFFERED: STALE,
    NegotiationState.ACCEPTED: STALE,
    NegotiationState.AGREED: UNVERIFIED,
}
DECIDING: Final = timedelta(days=30)  # for which both sides wait for a person of the provider


@dataclass(frozen=True, slots=True)
class Said:
    """A message of a peer that signs nothing, as it came: all that proves what it agreed to.

    Attributes:
        kind: name of the message.
        body: exact text.
        token: by which its sender was authenticated.
        at: when it came, UTC, as text.
    """

    kind: str
    body: str = field(repr=False)
    token: str = field(repr=False)
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Negotiation:
    """One negotiation, our side.

    Attributes:
        pid: our own id of it (consumerPid or providerPid, by role).
        role: ours.
        peer: DID of the other party.
        peer_pid: its id of it; empty until it told us.
        state: see `NegotiationState`.
        dataset_id: target.
        offer_id: id of the provider's offer on the table.
        policy: terms on the table, canonical JSON-LD.
        policy_by: role that put them there.
        agreement_id: empty before AGREED.
        code: stable code of a termination; empty otherwise.
        reasons: of a termination or of the last counter-offer.
        created_at: UTC.
        updated_at: UTC.
        description: self-description of the dataset that the consumer decided on, VC-JWT; empty
            on the provider's side, and until the consumer has fetched it.
        asked: terms that the consumer asked for last, canonical JSON-LD; empty while it has asked
            for none.
        offered: the provider's offer under `offer_id` as the consumer was shown it, exact bytes:
            an agreement is on these; empty on the provider's side.
        awaits: whether a person of the provider has yet to decide, as far as this side knows.
        address: where the peer takes messages of it over HTTPS; empty: over gRPC.
        heard: last message of a peer that names none, see `services/messages/naming.py`.
        said: what such a peer said, the last message of each kind.
    """

    pid: str
    role: Role
    peer: str
    peer_pid: str = ""
    state: NegotiationState
    dataset_id: str
    offer_id: str = ""
    policy: bytes = b""
    policy_by: Role
    agreement_id: str = ""
    code: str = ""
    reasons: tuple[str, ...] = ()
    created_at: datetime
    updated_at: datetime
    description: str = ""
    asked: bytes = b""
    offered: bytes = b""
    awaits: bool = False
    address: str = ""
    heard: str = ""
    said: tuple[Said, ...] = ()

    @property
    def patience(self) -> timedelta | None:
        """How long nothing may happen in it; None in a state that waits for ever."""
        return DECIDING if self.awaits else WAITING.get(self.state)

    @property
    def deadline(self) -> datetime | None:
        """When it is over unless something happens, UTC; None in a state that waits for ever."""
        return None if self.patience is None else self.updated_at + self.patience


@dataclass(frozen=True, slots=True)
class Agreement:
    """A contract: the exact bytes both parties signed and all that proves it.

    Attributes:
        id: IRI.
        pid: our id of the negotiation that led to it.
        role: ours in it.
        provider: DID.
        consumer: DID.
        dataset_id: target.
        document: canonical JSON (RFC 8785), exact bytes.
        digest: SHA-256 of `document`, hex.
        provider_signature: compact JWS, detached payload `document`.
        consumer_signature: same; empty until VERIFIED.
        receipt: provider's compact JWS over both signatures; empty until FINALIZED.
        valid_until: end of the contract, UTC; None when the policy names none.
        population: persons of the dataset as the contract states it.
        finalized: True once both signatures and the receipt are there.
        provider_document: provider's DID document as of signing, exact bytes.
        consumer_document: consumer's.
        provider_membership: provider's membership credential as of signing.
        consumer_membership: consumer's.
        concluded_at: `timestamp` of the document, UTC.
        epsilon: ε per person that it allows, as the document states it.
        delta: its δ.
        stands: whether it counts in full until its end; False once its negotiation was terminated
            or a party has ended it.
        standing: what the notices of both parties make of it.
        plan: what is executed, canonical JSON, where the document states none; else empty.
        review: how persons of the provider decide on each use; None where none does. It stays as
            it was when the contract was drawn up.
        report: what its uses came to on the rows, signed by the provider before the contract was;
            empty where there is none, or it was not shown.
        space: IRI of the space that it was concluded in, whose rules it stays under; empty: the
            first of this node's.
    """

    id: str
    pid: str
    role: Role
    provider: str
    consumer: str
    dataset_id: str
    document: bytes
    digest: str
    provider_signature: str
    consumer_signature: str
    receipt: str
    valid_until: datetime | None
    population: int
    finalized: bool
    provider_document: bytes
    consumer_document: bytes
    provider_membership: str
    consumer_membership: str
    concluded_at: datetime
    epsilon: float
    delta: float
    stands: bool = True
    standing: Standing = Standing.RUNNING
    plan: bytes = b""
    review: Review | None = None
    report: str = ""
    space: str = ""


def check_concluded(negotiation: Negotiation, at: datetime, now: datetime) -> None:
    """Check the time that a contract states, before this side signs it.

    Args:
        negotiation: as it stands before the signature: its last act is what the contract answers.
        at: `timestamp` of the contract, UTC.
        now: UTC.

    Raises:
        AgreementTimeWrong: ahead of this clock, before that act, or after the deadline.
    """
    stated = f"the agreement states `{instant.text(at)}`, which is"
    if at > now + instant.SKEW:
        raise _wrong(f"{stated} ahead of this node's clock, `{instant.text(now)}`")
    if at < negotiation.updated_at - instant.SKEW:
        asked = instant.text(negotiation.updated_at)
        raise _wrong(f"{stated} before it was asked for, `{asked}`")
    if negotiation.deadline is not None and at > negotiation.deadline + instant.SKEW:
        end = instant.text(negotiation.deadline)
        raise _wrong(f"{stated} after the negotiation's deadline, `{end}`")


def _wrong(reason: str) -> AgreementTimeWrong:
    return AgreementTimeWrong(reason, hint="set the clocks of both nodes, then ask again")
