"""Every message between peers as a value, named as in `protos/connector/peer/v1`.

Rules: `from_body` reads strictly (see `codec`), `to_body` writes every field. `KINDS` says which
answer belongs to which request. Policies, agreements and manifests stay the exact bytes that
arrived; reading them is for others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from connector.domain.contract.negotiation import NegotiationState
from connector.domain.layer import LayerKind
from connector.errors import Malformed
from connector.protocol import codec, transfer_messages, use_messages
from connector.protocol.codec import Body, Flag, Identifier, Octets, Several, Text, Whole
from connector.protocol.negotiation import Act

Id = Annotated[str, Text()]
MaybeId = Annotated[str, Text(empty=True)]
JobId = Annotated[str, Identifier()]
PageToken = Annotated[str, Text(limit=4 * codec.MAX_ID, empty=True)]
Token = Annotated[str, Text(limit=codec.MAX_TOKEN)]
MaybeToken = Annotated[str, Text(limit=codec.MAX_TOKEN, empty=True)]
MaybeLine = Annotated[str, Text(limit=codec.MAX_LINE, empty=True, spaces=True)]
Lines = Annotated[
    tuple[str, ...], Several(Text(limit=codec.MAX_LINE, spaces=True), limit=codec.MAX_LINES)
]
Policy = Annotated[bytes, Octets(limit=codec.MAX_POLICY)]
MaybePolicy = Annotated[bytes, Octets(limit=codec.MAX_POLICY, empty=True)]
Document = Annotated[bytes, Octets(limit=codec.MAX_DOCUMENT)]
RoundReceipts = Annotated[tuple[str, ...], Several(Text(limit=8 * 1024), limit=100)]
Note = Annotated[str, Text(limit=codec.MAX_NOTE, spaces=True, lines=True)]
MaybeNote = Annotated[str, Text(limit=codec.MAX_NOTE, empty=True, spaces=True, lines=True)]
Sealed = Annotated[bytes, Octets(limit=codec.MAX_SEALED)]
MaybeSealed = Annotated[bytes, Octets(limit=codec.MAX_SEALED, empty=True)]
MaybeCode = Annotated[str, Text(limit=64, empty=True)]


# What a provider may send with an answer instead of by a call of its own; nothing: see `Text`.
CARRIED: Final = (
    "",
    "ContractOfferMessage",
    "ContractAgreementMessage",
    "ContractNegotiationEventMessage",
    "ContractNegotiationTerminationMessage",
)
MOST_CARRIED: Final = 131_072  # bytes; what is larger goes by a call of its own


@dataclass(frozen=True, slots=True)
class CatalogRequestMessage(Body):
    """Asks for a page of the catalog; an empty token asks for the first.

    Older providers do not know the other members: they show all, in pages of their own.
    """

    page_token: PageToken = ""
    limit: Annotated[int, Whole()] = 0
    words: MaybeLine = ""
    territory: MaybeLine = ""
    purpose: MaybeLine = ""
    legal_basis: MaybeLine = ""


@dataclass(frozen=True, slots=True)
class DatasetRequestMessage(Body):
    """Asks for one dataset."""

    dataset: Id


@dataclass(frozen=True, slots=True)
class CoverageLine(Body):
    """How the provider's node upholds one constraint.

    Attributes:
        path: JSON pointer of the constraint in the policy.
        constraint: operand, operator and value in one line.
        label: `checked`, `enforced` or `audited`.
        by: plan step or duty that upholds it.
        layer: who states it: `authority`, `charter`, `offer` or `negotiated`; empty where an older
            node does not say.
    """

    path: Annotated[str, Text(empty=True, spaces=True)]
    constraint: MaybeLine
    label: Annotated[str, Text(among=("checked", "enforced", "audited"))]
    by: MaybeLine
    layer: Annotated[str, Text(empty=True, among=("", *LayerKind))] = ""


@dataclass(frozen=True, slots=True)
class NamedLayer(Body):
    """A template or charter that an offer was merged with, by the digest of its document."""

    layer: Annotated[str, Text(among=("authority", "charter"))]
    id: Id
    version: Annotated[int, Whole()]
    digest: Annotated[str, Text(limit=64)]


@dataclass(frozen=True, slots=True)
class CatalogOffer(Body):
    """An offer of a dataset; `policy` is canonical JSON-LD without `target`.

    Attributes:
        decision: what a person of the provider decides on; empty where an older node does not say.
        report: what the provider measured of its uses, signed; empty where it shows none.
    """

    id: Id
    policy: Policy
    coverage: Annotated[tuple[CoverageLine, ...], Several(of=CoverageLine, limit=256)]
    decision: Annotated[str, Text(limit=64, empty=True, spaces=True)] = ""
    report: MaybeToken = ""
    layers: Annotated[tuple[NamedLayer, ...], Several(of=NamedLayer, limit=32)] = ()


@dataclass(frozen=True, slots=True)
class Dataset(Body):
    """A dataset of a catalog; `description` is its self-description, VC-JWT.

    It is empty where the provider is no Préau node.
    """

    id: Id
    description: MaybeToken
    offers: Annotated[tuple[CatalogOffer, ...], Several(of=CatalogOffer, limit=256)]


@dataclass(frozen=True, slots=True)
class Catalog(Body):
    """A page of a catalog; an empty `next_page_token` says that it is the last."""

    participant_id: Id
    participant_description: MaybeToken
    datasets: Annotated[tuple[Dataset, ...], Several(of=Dataset, limit=1_000)]
    next_page_token: PageToken = ""


@dataclass(frozen=True, slots=True)
class ContractRequestMessage(Body):
    """Consumer: opens a negotiation (`provider_pid` empty) or counters an offer.

    An empty `policy` means "as offered"; other terms are a wish, never what is contracted.
    """

    message_id: Id
    consumer_pid: Id
    provider_pid: MaybeId
    offer_id: Id
    dataset: Id
    policy: MaybePolicy = b""


@dataclass(frozen=True, slots=True)
class ContractOfferMessage(Body):
    """Provider: opens a negotiation (`consumer_pid` empty) or answers with other terms."""

    message_id: Id
    provider_pid: Id
    consumer_pid: MaybeId
    offer_id: Id
    dataset: Id
    policy: Policy
    reasons: Lines = ()


@dataclass(frozen=True, slots=True)
class ContractAgreementMessage(Body):
    """Provider: the agreement, exact bytes, with its signature.

    Attributes:
        report: what the provider measured of its uses, signed; empty where it shows none.
    """

    message_id: Id
    provider_pid: Id
    consumer_pid: Id
    agreement: Document
    provider_signature: Token
    report: MaybeToken = ""


@dataclass(frozen=True, slots=True)
class ContractAgreementVerificationMessage(Body):
    """Consumer: its signature over the same bytes; empty where the provider signed nothing."""

    message_id: Id
    provider_pid: Id
    consumer_pid: Id
    consumer_signature: MaybeToken


@dataclass(frozen=True, slots=True)
class ContractNegotiationEventMessage(Body):
    """Consumer: ACCEPTED. Provider: FINALIZED, with its receipt over both signatures.

    There is no receipt where the consumer signed nothing.
    """

    message_id: Id
    provider_pid: Id
    consumer_pid: Id
    event_type: Annotated[str, Text(among=("ACCEPTED", "FINALIZED"))]
    receipt: MaybeToken = ""

    def check(self) -> None:
        """A receipt belongs to FINALIZED, and to nothing else.

        Raises:
            Malformed: it is present elsewhere.
        """
        if self.receipt and self.event_type != "FINALIZED":
            raise Malformed(f"field `receipt` is not allowed with the event `{self.event_type}`")


@dataclass(frozen=True, slots=True)
class ContractNegotiationTerminationMessage(Body):
    """Either side: the negotiation is over, and why.

    A provider whose offer is gone signs `statement`, see `identity/statements/notice.py`.
    """

    message_id: Id
    provider_pid: Id
    consumer_pid: Id
    code: MaybeCode
    reasons: Lines
    statement: MaybeToken = ""


@dataclass(frozen=True, slots=True)
class GetNegotiationMessage(Body):
    """Asks for the state; `pid` is the id that the side asked gave to the negotiation."""

    pid: Id


@dataclass(frozen=True, slots=True)
class ContractNegotiation(Body):
    """The state as the side that answers holds it, and what it would send next, if asked to.

    Attributes:
        next_kind: of the provider's next message; empty where none is carried.
        next: canonical JSON of its fields.
        awaits: whether a person of the provider has yet to decide.
    """

    provider_pid: MaybeId
    consumer_pid: MaybeId
    state: Annotated[str, Text(among=tuple(NegotiationState))]
    next_kind: Annotated[str, Text(among=CARRIED, empty=True)] = ""
    next: Annotated[bytes, Octets(limit=MOST_CARRIED, empty=True)] = b""
    awaits: Annotated[bool, Flag()] = False

    def check(self) -> None:
        """A carried message has a kind, and a kind has a message.

        Raises:
            Malformed: one is there without the other.
        """
        if bool(self.next_kind) != bool(self.next):
            raise Malformed("fields `next_kind` and `next` must be stated together")


@dataclass(frozen=True, slots=True)
class AgreementNotice(Body):
    """Either party: a signed statement about a contract, see `domain/contract/notice.py`."""

    message_id: Id
    statement: Token


@dataclass(frozen=True, slots=True)
class AgreementNoticeReceipt(Body):
    """The other party has taken it in."""

    number: Annotated[int, Whole()]


@dataclass(frozen=True, slots=True)
class AgreementDeed(Body):
    """Either party: a signed statement about a duty, see `domain/contract/duty.py`."""

    message_id: Id
    statement: Token


@dataclass(frozen=True, slots=True)
class AgreementDeedReceipt(Body):
    """The other party has taken it in."""

    number: Annotated[int, Whole()]


@dataclass(frozen=True, slots=True)
class JobSubmission(Body):
    """Lead: the signed manifest of a job, exact bytes."""

    job_id: JobId
    manifest: Document
    signature: Token


@dataclass(frozen=True, slots=True)
class JobDecision(Body):
    """Site: whether it takes part; a refusal has a code and reasons."""

    job_id: JobId
    accepted: Annotated[bool, Flag()]
    code: MaybeCode
    reasons: Lines


@dataclass(frozen=True, slots=True)
class JobCancellation(Body):
    """Lead: the job is over; once all rounds are done, with the receipts of the last one."""

    job_id: JobId
    reason: MaybeLine
    receipts: RoundReceipts = ()


@dataclass(frozen=True, slots=True)
class ConsistencyRequestMessage(Body):
    """Asks for the proof that the log of `to_size` entries extends that of `from_size`."""

    from_size: Annotated[int, Whole()]
    to_size: Annotated[int, Whole()]

    def check(self) -> None:
        """A log only grows.

        Raises:
            Malformed: `from_size` is above `to_size`.
        """
        if self.from_size > self.to_size:
            raise Malformed("field `from_size` is above `to_size`")


@dataclass(frozen=True, slots=True)
class ConsistencyProof(Body):
    """RFC 6962 consistency proof, 32-byte hashes."""

    hashes: Annotated[tuple[bytes, ...], Several(Octets(limit=32), limit=128)]


@dataclass(frozen=True, slots=True)
class HeadDeposit(Body):
    """A node gives a peer its head with a sealed tally to keep.

    `proof` shows that the log continues the head of `from_size` entries that the peer holds.
    """

    note: Note
    sealed: Sealed
    from_size: Annotated[int, Whole()]
    proof: Annotated[tuple[bytes, ...], Several(Octets(limit=32), limit=128)]


@dataclass(frozen=True, slots=True)
class HeadReceipt(Body):
    """Whether the peer keeps it, and how long the log is that it holds."""

    kept: Annotated[bool, Flag()]
    held_size: Annotated[int, Whole()]


@dataclass(frozen=True, slots=True)
class CosignRequestMessage(Body):
    """Asks a peer to cosign a head; `proof` as in `HeadDeposit`."""

    note: Note
    from_size: Annotated[int, Whole()]
    proof: Annotated[tuple[bytes, ...], Several(Octets(limit=32), limit=128)]


@dataclass(frozen=True, slots=True)
class Cosignature(Body):
    """The peer's cosignature, and how long the log is that it holds.

    Attributes:
        line: of a C2SP signed note; empty where the proof does not begin at `held_size`.
    """

    line: MaybeNote
    held_size: Annotated[int, Whole()]


@dataclass(frozen=True, slots=True)
class HeadRequestMessage(Body):
    """Asks a peer for what it holds of the caller's own log."""


@dataclass(frozen=True, slots=True)
class HeldHead(Body):
    """What a peer holds of the caller's log; empty where it holds nothing.

    Attributes:
        complete: false where the peer went back itself, and may have held more before.
    """

    note: MaybeNote
    deposit: MaybeNote
    sealed: MaybeSealed
    complete: Annotated[bool, Flag()]


@dataclass(frozen=True, slots=True)
class EpochAnnouncement(Body):
    """A node's signed record that its log goes on from an older state."""

    record: Token


@dataclass(frozen=True, slots=True)
class EpochReceipt(Body):
    """The peer has taken the record in."""

    number: Annotated[int, Whole()]


Negotiating = (
    ContractRequestMessage
    | ContractOfferMessage
    | ContractAgreementMessage
    | ContractAgreementVerificationMessage
    | ContractNegotiationEventMessage
    | ContractNegotiationTerminationMessage
)

# Kind -> (class of the request, class of the answer).
KINDS: Final[Mapping[str, tuple[type[Body], type[Body]]]] = {
    "CatalogRequestMessage": (CatalogRequestMessage, Catalog),
    "DatasetRequestMessage": (DatasetRequestMessage, Dataset),
    "ContractRequestMessage": (ContractRequestMessage, ContractNegotiation),
    "ContractOfferMessage": (ContractOfferMessage, ContractNegotiation),
    "ContractAgreementMessage": (ContractAgreementMessage, ContractNegotiation),
    "ContractAgreementVerificationMessage": (
        ContractAgreementVerificationMessage,
        ContractNegotiation,
    ),
    "ContractNegotiationEventMessage": (ContractNegotiationEventMessage, ContractNegotiation),
    "ContractNegotiationTerminationMessage": (
        ContractNegotiationTerminationMessage,
        ContractNegotiation,
    ),
    "GetNegotiationMessage": (GetNegotiationMessage, ContractNegotiation),
    "AgreementNotice": (AgreementNotice, AgreementNoticeReceipt),
    "AgreementDeed": (AgreementDeed, AgreementDeedReceipt),
    "JobSubmission": (JobSubmission, JobDecision),
    "JobCancellation": (JobCancellation, JobDecision),
    "ConsistencyRequestMessage": (ConsistencyRequestMessage, ConsistencyProof),
    "HeadDeposit": (HeadDeposit, HeadReceipt),
    "HeadRequestMessage": (HeadRequestMessage, HeldHead),
    "EpochAnnouncement": (EpochAnnouncement, EpochReceipt),
    "CosignRequestMessage": (CosignRequestMessage, Cosignature),
    **transfer_messages.KINDS,
    **use_messages.KINDS,
}


def act_of(message: Negotiating) -> Act:
    """Return what a negotiation message does; an event message's type decides."""
    kind = type(message).__name__
    if isinstance(message, ContractNegotiationEventMessage):
        return Act(f"{kind}:{message.event_type}")
    return Act(kind)
