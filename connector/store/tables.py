"""SQL tables: one per repository of `ports.Transaction`, plus audit log and used tokens.

Rules: a table has the fields of its domain value, under the same names, and `seq`, which the
database counts up, so that "oldest first" means the same everywhere. The key of a repository is a
unique constraint called `key_<table>`. Nested values are JSON text. What a value becomes is
`mapping.py`; how the schema came about is `migrations/`.

This module has no `from __future__ import annotations`: SQLModel reads the annotations themselves.
"""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, Index, Table, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from connector.store.columns import UtcDateTime, serial, whole

UTC_TIME: Any = UtcDateTime
LONG: Any = Text
WHOLE: Any = whole()


class Row(SQLModel):
    """What every repository's table has.

    Attributes:
        seq: given by the database; grows with each insertion, unchanged by a replacement.
        KEY: names of the key's fields, in the order of `Repository.get`.
    """

    KEY: ClassVar[tuple[str, ...]] = ("id",)

    seq: int | None = Field(default=None, primary_key=True, sa_type=serial())


def _keyed(table: str, *key: str) -> UniqueConstraint:
    return UniqueConstraint(*key, name=f"key_{table}")


class ParticipantRow(Row, table=True):
    """`Participant`."""

    __tablename__ = "participant"
    __table_args__ = (_keyed("participant", "did"),)
    KEY = ("did",)

    did: str
    name: str
    document: bytes
    document_digest: str
    membership: str
    description: str
    grpc_endpoint: str
    tls_authorities: str = Field(sa_type=LONG)
    admitted_at: datetime = Field(sa_type=UTC_TIME)
    refreshed_at: datetime = Field(sa_type=UTC_TIME)
    blocked: str


class IssuerRow(Row, table=True):
    """`IssuerDocument`."""

    __tablename__ = "issuer"
    __table_args__ = (_keyed("issuer", "did"),)
    KEY = ("did",)

    did: str
    document: bytes
    fetched_at: datetime = Field(sa_type=UTC_TIME)


class StatusListRow(Row, table=True):
    """`StatusList`."""

    __tablename__ = "status_list"
    __table_args__ = (_keyed("status_list", "url"),)
    KEY = ("url",)

    url: str
    credential: str
    valid_until: datetime = Field(sa_type=UTC_TIME)
    fetched_at: datetime = Field(sa_type=UTC_TIME)


class KeptListRow(Row, table=True):
    """`KeptList`."""

    __tablename__ = "kept_list"
    __table_args__ = (_keyed("kept_list", "digest"), Index("kept_list_url", "url"))
    KEY = ("digest",)

    digest: str
    url: str
    credential: str
    valid_until: datetime = Field(sa_type=UTC_TIME)


class DatasetRow(Row, table=True):
    """`Dataset`, and the text that is searched."""

    __tablename__ = "dataset"
    __table_args__ = (_keyed("dataset", "id"), Index("dataset_register", "register_id"))

    id: str
    title: str
    description: str
    personal: bool
    columns: str = Field(sa_type=LONG)
    person_column: str
    rows_per_person: int = Field(sa_type=WHOLE)
    population: int = Field(sa_type=WHOLE)
    collection_purpose: str
    legal_basis: str
    retention: str
    territory: str
    register_id: str
    cap: str | None = Field(sa_type=LONG)
    file: str = Field(sa_type=LONG)
    credential: str
    published_at: datetime = Field(sa_type=UTC_TIME)
    person_format: str
    malformed_share: float
    words: str = Field(sa_type=LONG)


class CensusRow(Row, table=True):
    """`Census`."""

    __tablename__ = "census"
    __table_args__ = (_keyed("census", "dataset_id"),)
    KEY = ("dataset_id",)

    dataset_id: str
    file: str
    counts: str | None = Field(sa_type=LONG)
    code: str
    reason: str
    overlaps: str = Field(sa_type=LONG)
    at: datetime = Field(sa_type=UTC_TIME)


class RegisterPersonsRow(Row, table=True):
    """`RegisterPersons`."""

    __tablename__ = "register_persons"
    __table_args__ = (_keyed("register_persons", "register_id"),)
    KEY = ("register_id",)

    register_id: str
    key: str
    digests: bytes


class RegisterRow(Row, table=True):
    """`Register`."""

    __tablename__ = "register"
    __table_args__ = (_keyed("register", "id"),)

    id: str
    cap: str | None = Field(sa_type=LONG)
    accounting: str = Field(sa_type=LONG)
    charges: int = Field(sa_type=WHOLE)
    created_at: datetime = Field(sa_type=UTC_TIME)
    merged_into: str


class OfferRow(Row, table=True):
    """`Offer`."""

    __tablename__ = "offer"
    __table_args__ = (
        _keyed("offer", "id"),
        Index("offer_dataset", "dataset_id", "withdrawn", "derived_from"),
    )

    id: str
    dataset_id: str
    policy: bytes
    digest: str
    created_at: datetime = Field(sa_type=UTC_TIME)
    audience: str
    derived_from: str
    reserve: bytes
    withdrawn: bool
    coverage: bytes


class NegotiationRow(Row, table=True):
    """`Negotiation`."""

    __tablename__ = "negotiation"
    __table_args__ = (
        _keyed("negotiation", "pid"),
        Index("negotiation_peer", "peer", "peer_pid"),
        Index("negotiation_open", "peer", "state"),
        Index("negotiation_state", "state", "updated_at"),
        Index("negotiation_offer", "offer_id"),
    )
    KEY = ("pid",)

    pid: str
    role: str
    peer: str
    peer_pid: str
    state: str
    dataset_id: str
    offer_id: str
    policy: bytes
    policy_by: str
    agreement_id: str
    code: str
    reasons: str = Field(sa_type=LONG)
    created_at: datetime = Field(sa_type=UTC_TIME)
    updated_at: datetime = Field(sa_type=UTC_TIME)
    description: str
    asked: bytes
    offered: bytes


class AgreementRow(Row, table=True):
    """`Agreement`."""

    __tablename__ = "agreement"
    __table_args__ = (
        _keyed("agreement", "id"),
        Index("agreement_dataset", "dataset_id", "role", "seq"),
    )

    id: str
    pid: str
    role: str
    provider: str
    consumer: str
    dataset_id: str
    document: bytes
    digest: str
    provider_signature: str
    consumer_signature: str
    receipt: str
    valid_until: datetime | None = Field(sa_type=UTC_TIME)
    population: int = Field(sa_type=WHOLE)
    finalized: bool
    provider_document: bytes
    consumer_document: bytes
    provider_membership: str
    consumer_membership: str
    concluded_at: datetime = Field(sa_type=UTC_TIME)
    epsilon: float
    delta: float
    stands: bool
    standing: str


class PromiseRow(Row, table=True):
    """How many contracts that we provide stand, by their figures; written with `AgreementRow`."""

    __tablename__ = "promise"
    __table_args__ = (_keyed("promise", "dataset_id", "until", "epsilon", "delta"),)
    KEY = ("dataset_id", "until", "epsilon", "delta")

    dataset_id: str
    until: datetime = Field(sa_type=UTC_TIME)
    epsilon: float
    delta: float
    contracts: int = Field(sa_type=WHOLE)


class NoticeRow(Row, table=True):
    """`Notice`."""

    __tablename__ = "notice"
    __table_args__ = (
        _keyed("notice", "agreement_id", "party", "number"),
        Index("notice_party", "party", "act"),
    )
    KEY = ("agreement_id", "party", "number")

    agreement_id: str
    party: str
    number: int = Field(sa_type=WHOLE)
    act: str
    reason: str
    statement: str
    at: datetime = Field(sa_type=UTC_TIME)


class TellingRow(Row, table=True):
    """`Telling`."""

    __tablename__ = "telling"
    __table_args__ = (_keyed("telling", "id"),)

    id: str
    dataset_id: str
    offer_id: str
    peer: str
    reason: str
    after: str
    at: datetime = Field(sa_type=UTC_TIME)


class OutboxRow(Row, table=True):
    """`OutgoingMessage`."""

    __tablename__ = "outbox"
    __table_args__ = (
        _keyed("outbox", "id"),
        Index("outbox_waiting", "delivered_at", "failed", "subject"),
    )

    id: str
    peer: str
    kind: str
    body: bytes
    subject: str
    created_at: datetime = Field(sa_type=UTC_TIME)
    due_at: datetime = Field(sa_type=UTC_TIME)
    attempts: int = Field(sa_type=WHOLE)
    delivered_at: datetime | None = Field(sa_type=UTC_TIME)
    failed: str


class InboxRow(Row, table=True):
    """`ReceivedMessage`."""

    __tablename__ = "inbox"
    __table_args__ = (_keyed("inbox", "peer", "id"), Index("inbox_received", "received_at"))
    KEY = ("peer", "id")

    id: str
    peer: str
    digest: str
    answer: bytes
    received_at: datetime = Field(sa_type=UTC_TIME)


class ReservationRow(Row, table=True):
    """`Reservation`."""

    __tablename__ = "reservation"
    __table_args__ = (
        _keyed("reservation", "job_id"),
        Index("reservation_agreement", "agreement_id"),
        Index("reservation_dataset", "dataset_id"),
        Index("reservation_register", "register_id"),
        CheckConstraint("committed_rounds * steps_per_round <= steps", name="within_reservation"),
    )
    KEY = ("job_id",)

    job_id: str
    agreement_id: str
    dataset_id: str
    register_id: str
    noise_multiplier: float
    sampling_rate: float
    steps: int = Field(sa_type=WHOLE)
    steps_per_round: int = Field(sa_type=WHOLE)
    committed_rounds: int = Field(sa_type=WHOLE)
    epsilon: float
    delta: float
    state: str
    created_at: datetime = Field(sa_type=UTC_TIME)


class JobRow(Row, table=True):
    """`Job`."""

    __tablename__ = "job"
    __table_args__ = (_keyed("job", "id"), Index("job_state", "state"))

    id: str
    side: str
    peer: str
    agreement_id: str
    manifest: bytes
    manifest_digest: str
    signature: str
    state: str
    round: int = Field(sa_type=WHOLE)
    code: str
    reason: str
    result: str
    created_at: datetime = Field(sa_type=UTC_TIME)
    updated_at: datetime = Field(sa_type=UTC_TIME)


class JobSiteRow(Row, table=True):
    """`JobSite`."""

    __tablename__ = "job_site"
    __table_args__ = (_keyed("job_site", "job_id", "site"),)
    KEY = ("job_id", "site")

    job_id: str
    site: str
    agreement_id: str
    decision: str
    code: str
    reason: str
    last_round: int = Field(sa_type=WHOLE)
    bytes_sent: int = Field(sa_type=WHOLE)
    bytes_received: int = Field(sa_type=WHOLE)


class RoundRow(Row, table=True):
    """`RoundRecord`."""

    __tablename__ = "job_round"
    __table_args__ = (_keyed("job_round", "job_id", "round"),)
    KEY = ("job_id", "round")

    job_id: str
    round: int = Field(sa_type=WHOLE)
    request_digest: str
    payload: bytes
    answered: str = Field(sa_type=LONG)
    at: datetime = Field(sa_type=UTC_TIME)
    receipts: str = Field(sa_type=LONG)


class CheckpointRow(Row, table=True):
    """`Checkpoint`."""

    __tablename__ = "checkpoint"
    __table_args__ = (_keyed("checkpoint", "origin", "size"),)
    KEY = ("origin", "size")

    origin: str
    size: int = Field(sa_type=WHOLE)
    root: bytes
    note: str
    at: datetime = Field(sa_type=UTC_TIME)
    epoch: int = Field(sa_type=WHOLE)
    charged: int = Field(sa_type=WHOLE)


class PeerLogRow(Row, table=True):
    """`PeerLog`."""

    __tablename__ = "peer_log"
    __table_args__ = (_keyed("peer_log", "origin"),)
    KEY = ("origin",)

    origin: str
    deposit: str
    sealed: bytes
    contradiction: str
    reason: str
    at: datetime = Field(sa_type=UTC_TIME)
    unproven: str
    refusal: str


class EpochRow(Row, table=True):
    """`Epoch`."""

    __tablename__ = "epoch"
    __table_args__ = (_keyed("epoch", "origin", "number"),)
    KEY = ("origin", "number")

    origin: str
    number: int = Field(sa_type=WHOLE)
    abandoned_epoch: int = Field(sa_type=WHOLE)
    abandoned_size: int = Field(sa_type=WHOLE)
    abandoned_root: bytes
    resumed: str
    record: str = Field(sa_type=LONG)
    held: str
    at: datetime = Field(sa_type=UTC_TIME)


class ReturnedHeadRow(Row, table=True):
    """`ReturnedHead`."""

    __tablename__ = "returned_head"
    __table_args__ = (_keyed("returned_head", "peer"),)
    KEY = ("peer",)

    peer: str
    note: str
    deposit: str
    sealed: bytes
    at: datetime = Field(sa_type=UTC_TIME)


class CosignedHeadRow(Row, table=True):
    """`CosignedHead`."""

    __tablename__ = "cosigned_head"
    __table_args__ = (_keyed("cosigned_head", "peer"),)
    KEY = ("peer",)

    peer: str
    size: int = Field(sa_type=WHOLE)
    note: str
    at: datetime = Field(sa_type=UTC_TIME)


class ForfeitRow(Row, table=True):
    """`Forfeit`."""

    __tablename__ = "forfeit"
    __table_args__ = (_keyed("forfeit", "id"),)

    id: str
    epoch: int = Field(sa_type=WHOLE)
    reason: str
    at: datetime = Field(sa_type=UTC_TIME)


class MembershipRow(Row, table=True):
    """`Membership`."""

    __tablename__ = "membership"
    __table_args__ = (_keyed("membership", "did"),)
    KEY = ("did",)

    did: str
    name: str
    role: str
    index: int = Field(sa_type=WHOLE)
    credential: str
    issued_at: datetime = Field(sa_type=UTC_TIME)
    valid_until: datetime = Field(sa_type=UTC_TIME)
    revoked: str


class AuditEntryRow(SQLModel, table=True):
    """`LogEntry`; written once, never changed."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        Index("audit_subject", "subject", "index"),
        Index("audit_kind", "kind", "index"),
    )

    index: int = Field(primary_key=True, sa_type=WHOLE, sa_column_kwargs={"autoincrement": False})
    kind: str
    at: datetime = Field(sa_type=UTC_TIME)
    subject: str
    event: bytes
    leaf: bytes


class AuditNodeRow(SQLModel, table=True):
    """Hash of a perfect subtree of level 1 and more; level 0 are the entries' own leaves.

    It covers the leaves from position * 2**level up to (position + 1) * 2**level.
    """

    __tablename__ = "audit_node"

    level: int = Field(primary_key=True, sa_type=WHOLE, sa_column_kwargs={"autoincrement": False})
    position: int = Field(
        primary_key=True, sa_type=WHOLE, sa_column_kwargs={"autoincrement": False}
    )
    hash: bytes


class AuditHeadRow(SQLModel, table=True):
    """The one row that says how long the log is; writers queue for it.

    Attributes:
        frontier: hashes of the complete subtrees that make up the tree, largest first, 32 bytes
            each: what an append and the root need (RFC 6962 section 2.1).
    """

    __tablename__ = "audit_head"

    id: int = Field(primary_key=True, sa_type=WHOLE, sa_column_kwargs={"autoincrement": False})
    size: int = Field(sa_type=WHOLE)
    frontier: bytes


class UsedTokenRow(SQLModel, table=True):
    """A call token that was used."""

    __tablename__ = "used_token"
    __table_args__ = (Index("used_token_expires", "expires"),)

    issuer: str = Field(primary_key=True)
    jti: str = Field(primary_key=True)
    expires: datetime = Field(sa_type=UTC_TIME)


def table_of(row: type[SQLModel]) -> Table:
    """Return the SQL table of a row class."""
    return SQLModel.metadata.tables[str(row.__tablename__)]
