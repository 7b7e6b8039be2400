"""What waits for a decision of persons of the provider, and what they decided. Pure.

Rules: each role that the offer names accepts once, and all must; one refusal ends it. What was
decided, has lapsed or is void stays so. Acceptances say which role, and by a pseudonym which
account, never which person; an account accepts in one role only, though it may have several.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from connector.errors import ApprovalClosed, RoleForbidden


class ApprovalState(StrEnum):
    """What became of it."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    LAPSED = "lapsed"
    VOID = "void"  # what it was about ended otherwise


class Subject(StrEnum):
    """What persons decide on."""

    CONTRACT = "contract"
    USE = "use"
    OUTPUT = "output"  # what a use has made, before it leaves


class Happening(StrEnum):
    """What an address of the institution is told of."""

    NONE = ""
    ASKED = "asked"
    REMINDED = "reminded"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class Acceptance:
    """That a role accepts.

    Attributes:
        role: see `catalog/review.py`.
        reason: one line; may be empty.
        account: pseudonym of who accepted; empty where it was not an account of the console.
    """

    role: str
    reason: str
    account: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A contract, a use or an output that waits for persons of the provider, or what they decided.

    Attributes:
        id: our id of the negotiation; of a use, one that follows from who asks and what for; of an
            output, one that follows from its extract's.
        peer: DID of who asks.
        dataset_id: what for.
        offer_id: the offer that would be contracted; else empty.
        roles: all of them must accept.
        acceptances: so far, in order.
        state: see `ApprovalState`.
        code: stable code of an end without a contract; empty otherwise.
        reason: of that end, one line.
        asked_at: UTC.
        remind_at: when to ask again, UTC.
        reminded: whether that was done.
        lapses_at: from when on it is too late, UTC.
        closed_at: when it was decided or ended, UTC; None while it is pending.
        notice: what is still to be told of it.
        tries: how often that was tried.
        try_at: when it is tried next, UTC; None where nothing is to be told.
        subject: see `Subject`.
        agreement_id: contract that a use or an output is under; else empty.
        request: SHA-256 (hex) of what a use asks for, or of the file that would leave; else empty.
        figures: what a use would do and cost, or what would leave, one line for people; else
            empty.
        asked: the exact bytes of what a use asks for; else empty, as in one of an earlier release.
        recipe: SHA-256 (hex) of the training recipe that this node would run for a job; else
            empty, as in one of an earlier release.
    """

    id: str
    peer: str
    dataset_id: str
    offer_id: str = ""
    roles: tuple[str, ...]
    acceptances: tuple[Acceptance, ...] = ()
    state: ApprovalState = ApprovalState.PENDING
    code: str = ""
    reason: str = ""
    asked_at: datetime
    remind_at: datetime
    reminded: bool = False
    lapses_at: datetime
    closed_at: datetime | None = None
    notice: Happening = Happening.NONE
    tries: int = 0
    try_at: datetime | None = None
    subject: Subject = Subject.CONTRACT
    agreement_id: str = ""
    request: str = ""
    figures: str = ""
    asked: bytes = b""
    recipe: str = ""

    @property
    def missing(self) -> tuple[str, ...]:
        """Roles that have not accepted yet."""
        given = {each.role for each in self.acceptances}
        return tuple(role for role in self.roles if role not in given)

    @property
    def due(self) -> datetime:
        """When something happens by itself next, UTC."""
        return self.lapses_at if self.reminded else min(self.remind_at, self.lapses_at)

    @property
    def wakes(self) -> datetime:
        """When it is next to be looked at, UTC."""
        return self.due if self.try_at is None else min(self.due, self.try_at)

    def check_open(self, now: datetime) -> None:
        """Check that it may still be decided.

        Raises:
            ApprovalClosed: it was, it has lapsed, or what it is about has ended.
        """
        if self.state is not ApprovalState.PENDING:
            raise ApprovalClosed(f"approval `{self.id}` is {self.state.value}")
        if now >= self.lapses_at:
            raise ApprovalClosed(f"approval `{self.id}` has lapsed")

    def check_role(self, role: str) -> str:
        """Return the role that decides; the only one where none is named.

        Raises:
            RoleForbidden: it is none of those that decide, or there are two to choose from.
        """
        chosen = role or (self.roles[0] if len(self.roles) == 1 else "")
        if chosen not in self.roles:
            names = ", ".join(f"`{each}`" for each in self.roles)
            said = f"role `{chosen}` does not decide" if chosen else "a role must be named"
            raise RoleForbidden(f"{said} on approval `{self.id}`", hint=f"who decides: {names}")
        return chosen

    def accepted_by(self, role: str, reason: str, account: str = "") -> Approval:
        """Return it with a further acceptance.

        Raises:
            RoleForbidden: that role has accepted already, or that account in another role.
        """
        if account and any(each.account == account for each in self.acceptances):
            raise RoleForbidden(
                f"this account has accepted approval `{self.id}` already, in another role",
                hint="each role needs a different person",
            )
        if role not in self.missing:
            raise RoleForbidden(
                f"role `{role}` has accepted approval `{self.id}` before",
                hint=f"still to accept: {', '.join(self.missing)}",
            )
        return replace(self, acceptances=(*self.acceptances, Acceptance(role, reason, account)))

    def closed(
        self, state: ApprovalState, now: datetime, code: str = "", reason: str = ""
    ) -> Approval:
        """Return it as decided or ended."""
        return replace(self, state=state, code=code, reason=reason, closed_at=now)
