"""Every failure that the node can answer with, whose fault it is, and its stable code.

    PreauError
    ├── PeerFault      the caller or peer sent something wrong, or may not ask
    │   ├── Untrusted      we do not know, or no longer believe, who it is
    │   ├── Malformed      what arrived cannot be read, or was altered
    │   └── Unlawful       understood, but the protocol or the contract forbids it
    ├── DataFault      the operator's own input or data file is wrong
    └── WorldFault     something outside (network, peer down, disk) failed

A refusal that is part of a decision is a value (`Refusal` in `connector/domain/decision.py`); an
exception of this tree is how a port or service stops. `code` is stable: programs and the manual
refer to it. Messages are one line, lower case, user input in backticks, no personal data, no
secret. `hint` says what a person can do. Codes map to gRPC status and HTTP status in one table,
`STATUS`.
"""

from __future__ import annotations

from typing import ClassVar, Final


class PreauError(Exception):
    """Root of the tree.

    Attributes:
        code: stable, upper snake case.
        reason: one line for people.
        hint: what to do about it; may be empty.
        retry_after: seconds after which the same may be tried again; 0 where that is not known.
    """

    code: ClassVar[str] = "INTERNAL"

    def __init__(self, reason: str, *, hint: str = "", retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint
        self.retry_after = retry_after


class PeerFault(PreauError):
    """The caller or peer is at fault."""

    code = "PEER_FAULT"


class Untrusted(PeerFault):
    """Who is calling is unknown, or no longer believed."""

    code = "UNTRUSTED"


class UnknownPeer(Untrusted):
    """No participant of that DID was ever admitted."""

    code = "UNKNOWN_PEER"


class UntrustedIssuer(Untrusted):
    """The credential's issuer is not on this node's list."""

    code = "UNTRUSTED_ISSUER"


class CredentialRevoked(Untrusted):
    """The status list marks the credential as revoked."""

    code = "CREDENTIAL_REVOKED"


class CredentialExpired(Untrusted):
    """The credential is outside its validity period."""

    code = "CREDENTIAL_EXPIRED"


class CredentialInvalid(Untrusted):
    """The credential's signature, subject or shape is wrong."""

    code = "CREDENTIAL_INVALID"


class StatusListStale(Untrusted):
    """The cached status list is past its `validUntil`, and no newer one could be had."""

    code = "STATUS_LIST_STALE"


class CertificateMismatch(Untrusted):
    """The TLS certificate was not issued by a CA that the caller's DID document lists."""

    code = "CERTIFICATE_MISMATCH"


class TokenMissing(Untrusted):
    """The call carries no token."""

    code = "TOKEN_MISSING"


class TokenInvalid(Untrusted):
    """The token's signature, issuer, audience or lifetime is wrong."""

    code = "TOKEN_INVALID"


class TokenMismatch(Untrusted):
    """The token was made for another method, body or certificate."""

    code = "TOKEN_MISMATCH"


class TokenReplayed(Untrusted):
    """The token was used before."""

    code = "TOKEN_REPLAYED"


class DidUnresolvable(Untrusted):
    """The DID document could not be fetched, or is not that DID's."""

    code = "DID_UNRESOLVABLE"


class AddressForbidden(Untrusted):
    """A peer-supplied address points where this node does not go."""

    code = "ADDRESS_FORBIDDEN"


class Unauthenticated(Untrusted):
    """A caller of the management API showed no valid token."""

    code = "UNAUTHENTICATED"


class Malformed(PeerFault):
    """What arrived cannot be read."""

    code = "MALFORMED_MESSAGE"


class MessageTooLarge(Malformed):
    """The message exceeds the size limit."""

    code = "MESSAGE_TOO_LARGE"


class SignatureInvalid(Malformed):
    """A signature does not verify, or was made by a key that may not make it."""

    code = "SIGNATURE_INVALID"


class DescriptionTampered(Malformed):
    """A self-description does not verify."""

    code = "DESCRIPTION_TAMPERED"


class AgreementTampered(Malformed):
    """The agreement is not what was negotiated, or a signature over it does not verify."""

    code = "AGREEMENT_TAMPERED"


class AgreementTimeWrong(AgreementTampered):
    """The agreement's time cannot be: by a party's clock, the negotiation, or a membership."""

    code = "AGREEMENT_TIME_WRONG"


class ManifestTampered(Malformed):
    """The job manifest's signature or digest does not verify."""

    code = "MANIFEST_TAMPERED"


class ContentMismatch(Malformed):
    """Bytes that were transferred are not those that the provider signed."""

    code = "CONTENT_MISMATCH"


class CheckpointFork(Malformed):
    """A peer showed two histories of its audit log."""

    code = "CHECKPOINT_FORK"


class Unlawful(PeerFault):
    """Understood, but the protocol or the contract forbids it."""

    code = "UNLAWFUL"


class IllegalMessage(Unlawful):
    """The message is not allowed in the negotiation's state."""

    code = "ILLEGAL_MESSAGE"


class NotFound(Unlawful):
    """No such object for this caller (also said when it exists but is somebody else's)."""

    code = "NOT_FOUND"


class OfferUnknown(Unlawful):
    """No such offer for this caller."""

    code = "OFFER_UNKNOWN"


class PeerRolledBack(Unlawful):
    """The log of the node concerned went back, and its operator has not accounted for it yet."""

    code = "PEER_ROLLED_BACK"


class InRecovery(Unlawful):
    """The node went back to an older state and spends nothing until its operator confirms."""

    code = "RECOVERY"


class MembershipRequired(Unlawful):
    """Only members of the space may ask."""

    code = "MEMBERSHIP_REQUIRED"


class PurposeForbidden(Unlawful):
    """The purpose is not one that the contract allows."""

    code = "PURPOSE_FORBIDDEN"


class TermsRefused(Unlawful):
    """The terms asked for go beyond what the provider allows."""

    code = "TERMS_REFUSED"


class LayerUnmet(Unlawful):
    """Terms do not lie within a template or charter in force, or that is not known."""

    code = "LAYER_UNMET"


class ContractExpired(Unlawful):
    """The agreement's time is over."""

    code = "CONTRACT_EXPIRED"


class ContractEnded(Unlawful):
    """A party has ended the agreement, for good."""

    code = "CONTRACT_ENDED"


class ContractSuspended(Unlawful):
    """A party has suspended the agreement, and not resumed it."""

    code = "CONTRACT_SUSPENDED"


class AgreementUnknown(Unlawful):
    """No finalized agreement of that id between the two parties."""

    code = "AGREEMENT_UNKNOWN"


class UpgradeRequired(Unlawful):
    """The other node is of a generation that cannot work with ours; the reason says whose."""

    code = "UPGRADE_REQUIRED"


class BudgetExceeded(Unlawful):
    """The job would spend more ε than the contract has left."""

    code = "BUDGET_EXCEEDED"


class CapExceeded(Unlawful):
    """The dataset's cap of ε per person over all agreements would be exceeded."""

    code = "CAP_EXCEEDED"


class TooFewSites(Unlawful):
    """Fewer sites take part than the contract demands."""

    code = "TOO_FEW_SITES"


class ApprovalRefused(Unlawful):
    """A person of the provider refused what was asked for."""

    code = "APPROVAL_REFUSED"


class ApprovalLapsed(Unlawful):
    """No person of the provider decided in time."""

    code = "APPROVAL_LAPSED"


class ApprovalAwaited(Unlawful):
    """Persons of the provider have yet to decide; the same may be asked again."""

    code = "APPROVAL_AWAITED"


class ApprovalClosed(Unlawful):
    """What waited for a decision was decided, has lapsed, or has ended."""

    code = "APPROVAL_CLOSED"


class ApprovalDiffers(Unlawful):
    """What is asked for, or what would run, is not what persons of the provider decide on."""

    code = "APPROVAL_DIFFERS"


class RoleForbidden(Unlawful):
    """The role does not decide here, or has decided before."""

    code = "ROLE_FORBIDDEN"


class DutyOwed(Unlawful):
    """A duty of the contract that should have been done by now stands in the way of its use."""

    code = "DUTY_OWED"


class DutyForbidden(Unlawful):
    """This party may not state that of the duty, or it is not to be done now."""

    code = "DUTY_FORBIDDEN"


class JobRefused(Unlawful):
    """The manifest does not fit the contract in another way; the reason says which."""

    code = "JOB_REFUSED"


class UseRefused(Unlawful):
    """A contract, or a step of its plan, does not allow this use of its data."""

    code = "USE_REFUSED"


class StepUnknown(Unlawful):
    """A plan has a step that this node cannot execute: of a later version, or altered."""

    code = "STEP_UNKNOWN"


class ExtractUnavailable(Unlawful):
    """An extract is not ready, was deleted, or could not be made."""

    code = "EXTRACT_UNAVAILABLE"


class TransferInactive(Unlawful):
    """A transfer is suspended, over, or has not started: no data flows."""

    code = "TRANSFER_INACTIVE"


class TableRefused(Unlawful):
    """A table is beyond the plan, or would tell of too few persons, with those before it."""

    code = "TABLE_REFUSED"


class SumRefused(Unlawful):
    """A site does not add to a sum: over these sites, of so few persons, or beside earlier ones."""

    code = "SUM_REFUSED"


class RoundRefused(Unlawful):
    """A round was asked that the site may not answer (order, content or state)."""

    code = "ROUND_REFUSED"


class UpdateRefused(Unlawful):
    """A site's answer to a round is no update that the manifest's mechanism can have made."""

    code = "UPDATE_REFUSED"


class SplitView(Unlawful):
    """The lead gave two sites of a job different models, or different manifests, of one round."""

    code = "SPLIT_VIEW"


class JobCancelled(Unlawful):
    """The job was ended by its lead, or by the operator of the lead's node."""

    code = "JOB_CANCELLED"


class TooManyStreams(Unlawful):
    """The peer has as many streams open as it may."""

    code = "TOO_MANY_STREAMS"


class TooManyRequests(Unlawful):
    """The caller is above its rate."""

    code = "TOO_MANY_REQUESTS"


class QuotaReached(TooManyRequests):
    """The node stores, or has begun, as much for the member as it may."""

    code = "QUOTA_REACHED"


class DataFault(PreauError):
    """The operator's input or data is wrong."""

    code = "DATA_FAULT"


class StatisticUnfit(DataFault):
    """A statistic makes no sense as it was asked for, or the sites' answers do not give it."""

    code = "STATISTIC_UNFIT"


class ConfigurationInvalid(DataFault):
    """`preau.toml` or a command's argument is wrong."""

    code = "CONFIGURATION_INVALID"


class DescriptionIncomplete(DataFault):
    """A dataset lacks statements that publishing demands; the reason lists them."""

    code = "DESCRIPTION_INCOMPLETE"


class ConstraintUnknown(DataFault):
    """A constraint that this node can neither check, enforce nor audit."""

    code = "CONSTRAINT_UNKNOWN"


class PolicyInvalid(DataFault):
    """The policy is not well-formed ODRL of a profile that this node knows."""

    code = "POLICY_INVALID"


class RegisterFixed(DataFault):
    """What was declared of a register of persons, or the register of a dataset, stays."""

    code = "REGISTER_FIXED"


class DataFileMissing(DataFault):
    """The data file is not there."""

    code = "DATA_FILE_MISSING"


class DataFileUnreadable(DataFault):
    """The data file cannot be read as what it was published as."""

    code = "DATA_FILE_UNREADABLE"


class DataFileChanged(DataFault):
    """The data file is no longer the one that was published."""

    code = "DATA_FILE_CHANGED"


class RiskDrifted(DataFault):
    """Persons stand out more, or tables lack more, than the contract's report of them says."""

    code = "RISK_DRIFTED"


class ColumnMissing(DataFault):
    """The dataset has no such column."""

    code = "COLUMN_MISSING"


class RowsMalformed(DataFault):
    """More rows of the data file are malformed than its description allows."""

    code = "ROWS_MALFORMED"


class PersonsExceeded(DataFault):
    """The data file holds more persons than the declared population."""

    code = "PERSONS_EXCEEDED"


class PersonsOverlap(DataFault):
    """The data file holds persons of another register, and nobody has said that they are others."""

    code = "PERSONS_OVERLAP"


class DataUnchecked(DataFault):
    """No check of the dataset's file is on record that it passed; no job runs on it."""

    code = "DATA_UNCHECKED"


class EvidenceInvalid(DataFault):
    """An evidence bundle does not verify."""

    code = "EVIDENCE_INVALID"


class BackupInvalid(DataFault):
    """A backup file is damaged, incomplete, or of another release."""

    code = "BACKUP_INVALID"


class WorldFault(PreauError):
    """Something outside failed."""

    code = "WORLD_FAULT"


class PeerUnreachable(WorldFault):
    """The peer did not answer in time."""

    code = "PEER_UNREACHABLE"


class NodeUnreachable(WorldFault):
    """The command found no running node."""

    code = "NODE_UNREACHABLE"


class StoreUnavailable(WorldFault):
    """The database did not answer, or is locked."""

    code = "STORE_UNAVAILABLE"


class RowDamaged(WorldFault):
    """A row of this node's own database holds what cannot be read."""

    code = "ROW_DAMAGED"


class LogBroken(WorldFault):
    """This node's own audit log is not the one that it wrote."""

    code = "LOG_BROKEN"


class KeyUnusable(WorldFault):
    """A key file is missing, has unsafe rights or cannot be read."""

    code = "KEY_UNUSABLE"


class WorkerFailed(WorldFault):
    """A worker process died, or did not answer in time."""

    code = "WORKER_FAILED"


class ArithmeticUnsound(WorkerFailed):
    """This machine failed the worker's test of exact sums; no row was read."""

    code = "ARITHMETIC_UNSOUND"


class RoundMissed(WorldFault):
    """A site could not answer a round of a job; it takes part in the next one."""

    code = "ROUND_MISSED"


class DeadlinePassed(WorldFault):
    """A job did not end before its manifest's deadline."""

    code = "DEADLINE_PASSED"


LONGEST_WAIT: Final = 86_400.0  # seconds; a peer says how long to wait, within reason

# What may pass by itself, so that it ends nothing: the other side is away, loaded or too old, one
# of two clocks is wrong, or either side does not know the other's newest keys yet.
PASSING: Final[tuple[type[PreauError], ...]] = (
    WorldFault,
    ApprovalAwaited,
    TooManyRequests,
    TooManyStreams,
    UpgradeRequired,
    UnknownPeer,
    StatusListStale,
    CredentialExpired,
    CredentialInvalid,
    DidUnresolvable,
    CertificateMismatch,
    TokenInvalid,
    TokenMismatch,
    TokenReplayed,
)

# One table for both bindings: code -> (gRPC status name, HTTP status).
# RFC 9457 for HTTP problems; grpc/status.proto for the names. Families first, then what differs.
_FAMILY: Final[dict[type[PreauError], tuple[str, int]]] = {
    Untrusted: ("UNAUTHENTICATED", 401),
    Malformed: ("INVALID_ARGUMENT", 400),
    Unlawful: ("FAILED_PRECONDITION", 409),
    DataFault: ("INVALID_ARGUMENT", 422),
    WorldFault: ("UNAVAILABLE", 503),
    PeerFault: ("INVALID_ARGUMENT", 400),
    PreauError: ("INTERNAL", 500),
}
_OWN: Final[dict[type[PreauError], tuple[str, int]]] = {
    NotFound: ("NOT_FOUND", 404),
    OfferUnknown: ("NOT_FOUND", 404),
    AgreementUnknown: ("NOT_FOUND", 404),
    MembershipRequired: ("PERMISSION_DENIED", 403),
    PurposeForbidden: ("PERMISSION_DENIED", 403),
    BudgetExceeded: ("RESOURCE_EXHAUSTED", 409),
    CapExceeded: ("RESOURCE_EXHAUSTED", 409),
    TooManyStreams: ("RESOURCE_EXHAUSTED", 429),
    TooManyRequests: ("RESOURCE_EXHAUSTED", 429),
    QuotaReached: ("RESOURCE_EXHAUSTED", 429),
    MessageTooLarge: ("RESOURCE_EXHAUSTED", 413),
}


def subclasses(root: type[PreauError] = PreauError) -> list[type[PreauError]]:
    """Return every class of the tree below and including `root`, depth first."""
    return [root, *(cls for child in root.__subclasses__() for cls in subclasses(child))]


def status(code: str) -> tuple[str, int]:
    """Return the gRPC status name and the HTTP status of a stable code.

    An unknown code (from a newer peer) is answered as ("UNKNOWN", 500).
    """
    cls = BY_CODE.get(code)
    if cls is None:
        return ("UNKNOWN", 500)
    if cls in _OWN:
        return _OWN[cls]
    return next(_FAMILY[base] for base in cls.__mro__ if base in _FAMILY)


BY_CODE: Final[dict[str, type[PreauError]]] = {cls.code: cls for cls in subclasses()}


def from_code(code: str, reason: str, hint: str = "", retry_after: float = 0.0) -> PreauError:
    """Rebuild the exception that a peer or the node answered with."""
    return BY_CODE.get(code, PreauError)(reason, hint=hint, retry_after=retry_after)
