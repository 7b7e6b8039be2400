"""What a caller or peer may not do: protocol or contract forbid it."""

from __future__ import annotations

from connector.errors.peer import PeerFault


class Unlawful(PeerFault):
    """Understood, but the protocol or the contract forbids it.

    The reason says what stands in the way.
    """

    code = "UNLAWFUL"


class IllegalMessage(Unlawful):
    """The message is not allowed in the negotiation's state.

    Ask for the state of the process, and go on from there.
    """

    code = "ILLEGAL_MESSAGE"


class NotFound(Unlawful):
    """No such object for this caller (also said when it exists but is somebody else's).

    Check the id; what is another participant's is not shown.
    """

    code = "NOT_FOUND"


class OfferUnknown(Unlawful):
    """No such offer for this caller.

    Read the catalog again, and name an offer of it.
    """

    code = "OFFER_UNKNOWN"


class RequestDiffers(Unlawful):
    """The caller has an open request of the same id that asks for something else.

    Wait until the open request has ended, or take another id.
    """

    code = "REQUEST_DIFFERS"


class PeerRolledBack(Unlawful):
    """The log of the node concerned went back, and its operator has not accounted for it yet.

    The operator of that node answers for it: `preau recovery confirm`.
    """

    code = "PEER_ROLLED_BACK"


class InRecovery(Unlawful):
    """The node went back to an older state and spends nothing until its operator confirms.

    The node's operator looks at it, and confirms: `preau recovery confirm`.
    """

    code = "RECOVERY"


class NotSupported(Unlawful):
    """What was asked for is optional in its protocol, and this node does not offer it.

    Ask for what the node offers; the reason names what it does not.
    """

    code = "NOT_SUPPORTED"


class ScopeForbidden(Unlawful):
    """An access token does not grant the credentials that were asked for.

    Ask for no more than the access token grants.
    """

    code = "SCOPE_FORBIDDEN"


class MembershipRequired(Unlawful):
    """Only members of the space may ask.

    Join the space that the reason names.
    """

    code = "MEMBERSHIP_REQUIRED"


class PurposeForbidden(Unlawful):
    """The purpose is not one that the contract allows.

    State a purpose that the contract allows.
    """

    code = "PURPOSE_FORBIDDEN"


class TermsRefused(Unlawful):
    """The terms asked for go beyond what the provider allows.

    Ask for less: each reason names what goes too far. Or take the offer as it is.
    """

    code = "TERMS_REFUSED"


class LayerUnmet(Unlawful):
    """Terms do not lie within a template or charter in force, or that is not known.

    Keep within the template or charter that the reason names.
    """

    code = "LAYER_UNMET"


class ContractExpired(Unlawful):
    """The agreement's time is over.

    Negotiate a new contract.
    """

    code = "CONTRACT_EXPIRED"


class ContractEnded(Unlawful):
    """A party has ended the agreement, for good.

    Negotiate a new contract.
    """

    code = "CONTRACT_ENDED"


class ContractSuspended(Unlawful):
    """A party has suspended the agreement, and not resumed it.

    Wait until the party that suspended it resumes it.
    """

    code = "CONTRACT_SUSPENDED"


class AgreementUnknown(Unlawful):
    """No finalized agreement of that id between the two parties.

    Negotiate first, and wait until it is finalized.
    """

    code = "AGREEMENT_UNKNOWN"


class UpgradeRequired(Unlawful):
    """The other node is of a generation that cannot work with ours; the reason says whose.

    Upgrade the node that the reason names, or speak DSP 2025-1 with it.
    """

    code = "UPGRADE_REQUIRED"


class BudgetExceeded(Unlawful):
    """The job would spend more ε than the contract has left.

    Ask for less ε, or negotiate more.
    """

    code = "BUDGET_EXCEEDED"


class CapExceeded(Unlawful):
    """The dataset's cap of ε per person over all agreements would be exceeded.

    Ask for less ε, or for another dataset.
    """

    code = "CAP_EXCEEDED"


class TooFewSites(Unlawful):
    """Fewer sites take part than the contract demands."""

    code = "TOO_FEW_SITES"


class ApprovalRefused(Unlawful):
    """A person of the provider refused what was asked for.

    Talk with the provider, and ask for other terms.
    """

    code = "APPROVAL_REFUSED"


class ApprovalLapsed(Unlawful):
    """No person of the provider decided in time.

    Ask again, and tell the provider.
    """

    code = "APPROVAL_LAPSED"


class ApprovalAwaited(Unlawful):
    """Persons of the provider have yet to decide; the same may be asked again.

    Ask again later.
    """

    code = "APPROVAL_AWAITED"


class ApprovalClosed(Unlawful):
    """What waited for a decision was decided, has lapsed, or has ended.

    Look at how it ended, and ask anew.
    """

    code = "APPROVAL_CLOSED"


class ApprovalDiffers(Unlawful):
    """What is asked for, or what would run, is not what persons of the provider decide on."""

    code = "APPROVAL_DIFFERS"


class RoleForbidden(Unlawful):
    """The role does not decide here, or has decided before."""

    code = "ROLE_FORBIDDEN"


class NotPermitted(Unlawful):
    """The account, by its roles or by the settings, may not do this."""

    code = "NOT_PERMITTED"


class AccountTaken(Unlawful):
    """There is an account of that name."""

    code = "ACCOUNT_TAKEN"


class DutyOwed(Unlawful):
    """A duty of the contract that should have been done by now stands in the way of its use.

    Do the duty, and state it: `preau duty done DUTY`.
    """

    code = "DUTY_OWED"


class DutyForbidden(Unlawful):
    """This party may not state that of the duty, or it is not to be done now."""

    code = "DUTY_FORBIDDEN"


class JobRefused(Unlawful):
    """The manifest does not fit the contract in another way; the reason says which."""

    code = "JOB_REFUSED"


class EngineRefused(Unlawful):
    """The site does not run the training engine that the job asks for."""

    code = "ENGINE_REFUSED"


class UseRefused(Unlawful):
    """A contract, or a step of its plan, does not allow this use of its data.

    Ask for what the contract permits, and state what it demands of a request.
    """

    code = "USE_REFUSED"


class StepUnknown(Unlawful):
    """A plan has a step that this node cannot execute: of a later version, or altered.

    Upgrade the node, or negotiate the contract anew.
    """

    code = "STEP_UNKNOWN"


class ExtractUnavailable(Unlawful):
    """An extract is not ready, was deleted, or could not be made.

    Wait until it is ready, or ask for it anew.
    """

    code = "EXTRACT_UNAVAILABLE"


class TransferInactive(Unlawful):
    """A transfer is suspended, over, or has not started: no data flows.

    Wait for the start or the resumption, or ask for a new transfer.
    """

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
    """The peer has as many streams open as it may.

    Close streams, or wait.
    """

    code = "TOO_MANY_STREAMS"


class TooManyRequests(Unlawful):
    """The caller is above its rate.

    Wait for as long as the answer says (`Retry-After`).
    """

    code = "TOO_MANY_REQUESTS"


class QuotaReached(TooManyRequests):
    """The node stores, or has begun, as much for the member as it may.

    End open processes, or wait for as long as the answer says (`Retry-After`).
    """

    code = "QUOTA_REACHED"
