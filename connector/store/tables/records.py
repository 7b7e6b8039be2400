"""SQL tables: one per repository of `ports.Transaction`, plus audit log and used tokens.

Rules: a table has the fields of its domain value, under the same names, and `seq`, which the
database counts up, so that "oldest first" means the same everywhere. The key of a repository is a
unique constraint called `key_<table>`. Nested values are JSON text, see `mapping.py`.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index

from connector.store.tables.declared import Declared, column
from connector.store.tables.keyed import LONG, UTC_TIME, WHOLE, Row, keyed


class ParticipantRow(Row, table=True):
    """`Participant`."""

    NAME = "participant"
    PARTS = (keyed("participant", "did"),)
    KEY = ("did",)

    did: str
    name: str
    document: bytes
    document_digest: str
    membership: str
    description: str
    grpc_endpoint: str
    tls_authorities: str = column(LONG)
    admitted_at: datetime = column(UTC_TIME)
    refreshed_at: datetime = column(UTC_TIME)
    blocked: str
    space: str
    elsewhere: str = column(LONG)


class IssuerRow(Row, table=True):
    """`IssuerDocument`."""

    NAME = "issuer"
    PARTS = (keyed("issuer", "did"),)
    KEY = ("did",)

    did: str
    document: bytes
    fetched_at: datetime = column(UTC_TIME)


class StatusListRow(Row, table=True):
    """`StatusList`."""

    NAME = "status_list"
    PARTS = (keyed("status_list", "url"),)
    KEY = ("url",)

    url: str
    credential: str
    valid_until: datetime = column(UTC_TIME)
    fetched_at: datetime = column(UTC_TIME)


class KeptListRow(Row, table=True):
    """`KeptList`."""

    NAME = "kept_list"
    PARTS = (keyed("kept_list", "digest"), Index("kept_list_url", "url"))
    KEY = ("digest",)

    digest: str
    url: str
    credential: str
    valid_until: datetime = column(UTC_TIME)


class DatasetRow(Row, table=True):
    """`Dataset`, and the text that is searched."""

    NAME = "dataset"
    PARTS = (keyed("dataset", "id"), Index("dataset_register", "register_id"))

    id: str
    title: str
    description: str
    personal: bool
    columns: str = column(LONG)
    person_column: str
    rows_per_person: int = column(WHOLE)
    population: int = column(WHOLE)
    collection_purpose: str
    legal_basis: str
    retention: str
    territory: str
    register_id: str
    cap: str | None = column(LONG)
    file: str = column(LONG)
    credential: str
    published_at: datetime = column(UTC_TIME)
    person_format: str
    malformed_share: float
    words: str = column(LONG)


class CensusRow(Row, table=True):
    """`Census`."""

    NAME = "census"
    PARTS = (keyed("census", "dataset_id"),)
    KEY = ("dataset_id",)

    dataset_id: str
    file: str
    counts: str | None = column(LONG)
    code: str
    reason: str
    overlaps: str = column(LONG)
    at: datetime = column(UTC_TIME)


class RegisterPersonsRow(Row, table=True):
    """`RegisterPersons`."""

    NAME = "register_persons"
    PARTS = (keyed("register_persons", "register_id"),)
    KEY = ("register_id",)

    register_id: str
    key: str
    digests: bytes


class SuppressedPersonsRow(Row, table=True):
    """`SuppressedPersons`."""

    NAME = "suppressed_persons"
    PARTS = (keyed("suppressed_persons", "register_id"),)
    KEY = ("register_id",)

    register_id: str
    key: str
    digests: bytes


class RegisterRow(Row, table=True):
    """`Register`."""

    NAME = "register"
    PARTS = (keyed("register", "id"),)

    id: str
    cap: str | None = column(LONG)
    accounting: str = column(LONG)
    charges: int = column(WHOLE)
    created_at: datetime = column(UTC_TIME)
    merged_into: str


class OfferRow(Row, table=True):
    """`Offer`."""

    NAME = "offer"
    PARTS = (
        keyed("offer", "id"),
        Index("offer_dataset", "dataset_id", "withdrawn", "derived_from"),
    )

    id: str
    dataset_id: str
    policy: bytes
    digest: str
    created_at: datetime = column(UTC_TIME)
    audience: str
    derived_from: str
    reserve: bytes
    withdrawn: bool
    coverage: bytes
    review: str | None = column(LONG)
    report: str = column(LONG)
    shows_report: bool
    layers: str = column(LONG)
    dsp: bytes
    space: str


class LayerRow(Row, table=True):
    """`KeptLayer`."""

    NAME = "layer"
    PARTS = (keyed("layer", "digest"), Index("layer_issuer", "issuer"))
    KEY = ("digest",)

    digest: str
    issuer: str
    kind: str
    id: str
    version: int = column(WHOLE)
    document: bytes
    token: str
    published_at: datetime = column(UTC_TIME)
    withdrawn: bool


class NegotiationRow(Row, table=True):
    """`Negotiation`."""

    NAME = "negotiation"
    PARTS = (
        keyed("negotiation", "pid"),
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
    reasons: str = column(LONG)
    created_at: datetime = column(UTC_TIME)
    updated_at: datetime = column(UTC_TIME)
    description: str
    asked: bytes
    offered: bytes
    awaits: bool
    address: str
    heard: str
    said: str = column(LONG)


class AgreementRow(Row, table=True):
    """`Agreement`."""

    NAME = "agreement"
    PARTS = (
        keyed("agreement", "id"),
        Index("agreement_dataset", "dataset_id", "role", "seq"),
        Index("agreement_consumer", "consumer", "dataset_id", "role", "seq"),
        Index("agreement_role", "role", "finalized", "standing", "seq"),
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
    valid_until: datetime | None = column(UTC_TIME)
    population: int = column(WHOLE)
    finalized: bool
    provider_document: bytes
    consumer_document: bytes
    provider_membership: str
    consumer_membership: str
    concluded_at: datetime = column(UTC_TIME)
    epsilon: float
    delta: float
    stands: bool
    standing: str
    plan: bytes
    review: str | None = column(LONG)
    report: str = column(LONG)
    space: str


class PromiseRow(Row, table=True):
    """How many contracts that we provide stand, by their figures; written with `AgreementRow`."""

    NAME = "promise"
    PARTS = (keyed("promise", "dataset_id", "until", "epsilon", "delta"),)
    KEY = ("dataset_id", "until", "epsilon", "delta")

    dataset_id: str
    until: datetime = column(UTC_TIME)
    epsilon: float
    delta: float
    contracts: int = column(WHOLE)


class NoticeRow(Row, table=True):
    """`Notice`."""

    NAME = "notice"
    PARTS = (
        keyed("notice", "agreement_id", "party", "number"),
        Index("notice_party", "party", "act"),
    )
    KEY = ("agreement_id", "party", "number")

    agreement_id: str
    party: str
    number: int = column(WHOLE)
    act: str
    reason: str
    statement: str
    at: datetime = column(UTC_TIME)


class TellingRow(Row, table=True):
    """`Telling`."""

    NAME = "telling"
    PARTS = (keyed("telling", "id"),)

    id: str
    dataset_id: str
    offer_id: str
    peer: str
    reason: str
    after: str
    at: datetime = column(UTC_TIME)


class ReservationRow(Row, table=True):
    """`Reservation`."""

    NAME = "reservation"
    PARTS = (
        keyed("reservation", "job_id"),
        Index("reservation_agreement", "agreement_id"),
        Index("reservation_dataset", "dataset_id"),
        Index("reservation_register", "register_id"),
        CheckConstraint("committed_rounds <= rounds", name="within_reservation"),
    )
    KEY = ("job_id",)
    KEPT = 2048  # all jobs of two contracts or more

    job_id: str
    agreement_id: str
    dataset_id: str
    register_id: str
    events: str = column(LONG)
    rounds: int = column(WHOLE)
    committed_rounds: int = column(WHOLE)
    epsilon: float
    delta: float
    state: str
    created_at: datetime = column(UTC_TIME)


class JobRow(Row, table=True):
    """`Job`."""

    NAME = "job"
    PARTS = (
        keyed("job", "id"),
        Index("job_state", "state"),
        Index("job_agreement", "agreement_id"),
    )

    id: str
    side: str
    peer: str
    agreement_id: str
    manifest: bytes
    manifest_digest: str
    signature: str
    state: str
    round: int = column(WHOLE)
    code: str
    reason: str
    result: str
    created_at: datetime = column(UTC_TIME)
    updated_at: datetime = column(UTC_TIME)


class JobSiteRow(Row, table=True):
    """`JobSite`."""

    NAME = "job_site"
    PARTS = (
        keyed("job_site", "job_id", "site"),
        Index("job_site_agreement", "agreement_id"),
    )
    KEY = ("job_id", "site")

    job_id: str
    site: str
    agreement_id: str
    decision: str
    code: str
    reason: str
    last_round: int = column(WHOLE)
    bytes_sent: int = column(WHOLE)
    bytes_received: int = column(WHOLE)
    rounds: int = column(WHOLE)
    asked: int = column(WHOLE)


class RoundRow(Row, table=True):
    """`RoundRecord`."""

    NAME = "job_round"
    PARTS = (keyed("job_round", "job_id", "round"),)
    KEY = ("job_id", "round")

    job_id: str
    round: int = column(WHOLE)
    request_digest: str
    payload: bytes
    answered: str = column(LONG)
    at: datetime = column(UTC_TIME)
    receipts: str = column(LONG)
    scores: str = column(LONG)


class CheckpointRow(Row, table=True):
    """`Checkpoint`."""

    NAME = "checkpoint"
    PARTS = (keyed("checkpoint", "origin", "size"),)
    KEY = ("origin", "size")

    origin: str
    size: int = column(WHOLE)
    root: bytes
    note: str
    at: datetime = column(UTC_TIME)
    epoch: int = column(WHOLE)
    charged: int = column(WHOLE)


class PeerLogRow(Row, table=True):
    """`PeerLog`."""

    NAME = "peer_log"
    PARTS = (keyed("peer_log", "origin"),)
    KEY = ("origin",)

    origin: str
    deposit: str
    sealed: bytes
    contradiction: str
    reason: str
    at: datetime = column(UTC_TIME)
    unproven: str
    refusal: str


class EpochRow(Row, table=True):
    """`Epoch`."""

    NAME = "epoch"
    PARTS = (keyed("epoch", "origin", "number"),)
    KEY = ("origin", "number")

    origin: str
    number: int = column(WHOLE)
    abandoned_epoch: int = column(WHOLE)
    abandoned_size: int = column(WHOLE)
    abandoned_root: bytes
    resumed: str
    record: str = column(LONG)
    held: str
    at: datetime = column(UTC_TIME)


class ReturnedHeadRow(Row, table=True):
    """`ReturnedHead`."""

    NAME = "returned_head"
    PARTS = (keyed("returned_head", "peer"),)
    KEY = ("peer",)

    peer: str
    note: str
    deposit: str
    sealed: bytes
    at: datetime = column(UTC_TIME)


class CosignedHeadRow(Row, table=True):
    """`CosignedHead`."""

    NAME = "cosigned_head"
    PARTS = (keyed("cosigned_head", "peer"),)
    KEY = ("peer",)

    peer: str
    size: int = column(WHOLE)
    note: str
    at: datetime = column(UTC_TIME)


class ForfeitRow(Row, table=True):
    """`Forfeit`."""

    NAME = "forfeit"
    PARTS = (keyed("forfeit", "id"),)

    id: str
    epoch: int = column(WHOLE)
    reason: str
    at: datetime = column(UTC_TIME)


class MembershipRow(Row, table=True):
    """`Membership`."""

    NAME = "membership"
    PARTS = (keyed("membership", "did"),)
    KEY = ("did",)

    did: str
    name: str
    role: str
    index: int = column(WHOLE)
    credential: str
    issued_at: datetime = column(UTC_TIME)
    valid_until: datetime = column(UTC_TIME)
    revoked: str


class AuditEntryRow(Declared, table=True):
    """`LogEntry`; written once, never changed."""

    NAME = "audit_entry"
    PARTS = (
        Index("audit_subject", "subject", "index"),
        Index("audit_kind", "kind", "index"),
    )

    index: int = column(WHOLE, key=True)
    kind: str
    at: datetime = column(UTC_TIME)
    subject: str
    event: bytes
    leaf: bytes


class AuditNodeRow(Declared, table=True):
    """Hash of a perfect subtree of level 1 and more; level 0 are the entries' own leaves.

    It covers the leaves from position * 2**level up to (position + 1) * 2**level.
    """

    NAME = "audit_node"

    level: int = column(WHOLE, key=True)
    position: int = column(WHOLE, key=True)
    hash: bytes


class AuditHeadRow(Declared, table=True):
    """The one row that says how long the log is; writers queue for it.

    Attributes:
        frontier: hashes of the complete subtrees that make up the tree, largest first, 32 bytes
            each: what an append and the root need (RFC 6962 section 2.1).
    """

    NAME = "audit_head"

    id: int = column(WHOLE, key=True)
    size: int = column(WHOLE)
    frontier: bytes


class UsedTokenRow(Declared, table=True):
    """A call token that was used."""

    NAME = "used_token"
    PARTS = (Index("used_token_expires", "expires"),)

    issuer: str = column(key=True)
    jti: str = column(key=True)
    expires: datetime = column(UTC_TIME)
