"""Duties of contracts, as the client asks for them and states what was done."""

from __future__ import annotations

from datetime import datetime

from connector.management.views.contracts.duties import AuditedView, DutyDetailView, DutyView
from connector.sdk.calls import Calls, Listing


class DutyCalls(Calls):
    """One method per route."""

    def duties(
        self, *, closed: bool = False, agreement: str = "", limit: int = 0, after: str = ""
    ) -> Listing[DutyView]:
        """Return the duties that are open; `closed`: also those of which nothing is to be done."""
        query = {"closed": str(closed).lower(), "agreement": agreement}
        return self._list(DutyView, "/duties", query, limit, after)

    def duty(self, duty: str) -> DutyDetailView:
        """Return a duty and what was stated about it."""
        return self._get(DutyDetailView, "/duty", {"id": duty})

    def do_duty(
        self, duty: str, *, at: datetime | None = None, evidence: str = "", note: str = ""
    ) -> DutyDetailView:
        """State that a duty of this node's institution was done; the other party is told.

        Args:
            duty: its id.
            at: when, aware; None: now.
            evidence: SHA-256 of what shows it, hex.
            note: one line.
        """
        body = {"at": at.isoformat() if at else None, "evidence": evidence, "note": note}
        return self._post(DutyDetailView, "/duty/done", body, {"id": duty})

    def waive_duty(self, duty: str, reason: str) -> DutyDetailView:
        """State that a duty owed to this node's institution need not be done, for good."""
        return self._post(DutyDetailView, "/duty/waive", {"reason": reason}, {"id": duty})

    def state_event(
        self,
        agreement: str,
        kind: str,
        about: str,
        *,
        at: datetime | None = None,
        evidence: str = "",
        note: str = "",
    ) -> list[DutyView]:
        """State that an event of a contract `happened`, or that a prohibition was `breached`.

        Returns the contract's duties as they stand then.
        """
        body = {
            "kind": kind,
            "about": about,
            "at": at.isoformat() if at else None,
            "evidence": evidence,
            "note": note,
        }
        return self._post(list[DutyView], "/duty/event", body, {"agreement": agreement})

    def audited(self, agreement: str) -> list[AuditedView]:
        """Return what the log shows of each line of a contract that is upheld afterwards."""
        return self._get(list[AuditedView], "/audit/lines", {"agreement": agreement})
