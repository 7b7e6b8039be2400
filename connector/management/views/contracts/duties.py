"""What the management API answers of duties of contracts, as models that the SDK shares."""

from datetime import datetime

from pydantic import ConfigDict, Field

from connector.management.views.view import View


class DeedView(View):
    """What a party signed about a duty."""

    by: str
    kind: str = Field(description="done, waived, happened, breached or destroyed")
    about: str = Field(description="JSON pointer into the policy, or IRI of the event")
    at: datetime = Field(description="when it took place, or is to")
    evidence: str = Field(default="", description="SHA-256 of what shows it, hex")
    note: str = ""
    deletions: list[dict[str, str]] = Field(
        default=[], description="what was deleted and how: deliveries, and copies that a node held"
    )
    unnamed: list[str] = Field(
        default=[], description="delivered files that a receipt of deletion leaves out"
    )
    statement: str
    stated_at: datetime


class DutyView(View):
    """A duty of a contract, as it stands."""

    id: str = Field(description="of the contract, `#`, JSON pointer into its policy")
    agreement: str
    path: str
    action: str
    words: dict[str, str] = Field(description="what has to be done, by language")
    debtor: str = Field(description="who has to do it")
    creditor: str = Field(description="who may waive it")
    towards: list[str] = Field(description="parties that the duty names")
    state: str = Field(
        description="inactive, missing, due, fulfilled, violated or undetermined, as evaluated"
    )
    due: datetime | None
    done_at: datetime | None
    open: int = Field(description="occasions on which it is still to be done")
    note: str = Field(default="", description="why its state cannot be told")
    waived: str = Field(default="", description="reason of a waiver")
    reminded: datetime | None = Field(default=None, description="deadline that was reminded of")
    escalated: datetime | None = Field(default=None, description="deadline that was missed")


class DutyDetailView(DutyView):
    """A duty with what was stated about it."""

    deeds: list[DeedView]


class Statement(View):
    """What this node's institution states about a duty."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime | None = Field(default=None, description="when it took place; none: now")
    evidence: str = Field(default="", pattern="^([0-9a-f]{64})?$", description="SHA-256, hex")
    note: str = Field(default="", max_length=300)


class EventStatement(Statement):
    """That an event of a contract took place, or that what it prohibits was done."""

    kind: str = Field(pattern="^(happened|breached)$")
    about: str = Field(default="", description="IRI of the event, or JSON pointer of the rule")


class AuditedView(View):
    """What the log shows of a line that is upheld afterwards."""

    path: str
    constraint: str
    by: str
    looked_for: str = Field(description="kind of the entries")
    about: str = Field(description="rule that they are about; empty: any")
    found: str = Field(description="found, none found, or not yet due")
    entries: list[int] = Field(description="indexes in the log")
