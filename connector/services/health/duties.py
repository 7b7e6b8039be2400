"""What `preau doctor` says of duties of contracts: what is overdue, and what is due soon.

Rules: as in `diagnose.py`. Whoever missed a duty, the use of the contract is refused until then.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from connector.domain import instant
from connector.domain.contract.duty import Duty
from connector.services.health.diagnose import OK, WARN, Check
from policies_odrl.text import term

MOST_SHOWN: Final = 20
_NAME: Final = "duties"


def duties(found: Sequence[Duty], own: str, ahead: timedelta, now: datetime) -> list[Check]:
    """Judge the duties of contracts.

    Args:
        found: those that are open.
        own: DID of this node.
        ahead: how long before a deadline its debtor is to be reminded.
        now: UTC.
    """
    missed = [each for each in found if each.state == "violated"]
    soon = [each for each in found if each.debtor == own and _soon(each, ahead, now)]
    checks = [_missed(each, own) for each in missed] + [_due(each) for each in soon]
    if len(checks) > MOST_SHOWN:
        more = f"{len(checks) - MOST_SHOWN} more are overdue, or due soon"
        checks[MOST_SHOWN:] = [Check(_NAME, WARN, more, "see `preau duty list`")]
    waiting = f"{len(found)} to be done, none overdue" if found else "nothing has to be done"
    return checks or [Check(_NAME, OK, waiting)]


def _soon(duty: Duty, ahead: timedelta, now: datetime) -> bool:
    return duty.state == "due" and duty.due is not None and duty.due - ahead <= now


def _missed(duty: Duty, own: str) -> Check:
    due = f" since {instant.text(duty.due)}" if duty.due else ""
    finding = f"`{duty.id}`, {term(duty.action)}, is overdue{due}, by `{duty.debtor}`"
    ours = f"do it, then `preau duty done {duty.id}`"
    theirs = "ask its debtor, or waive it with `preau duty waive`"
    return Check(_NAME, WARN, finding, ours if duty.debtor == own else theirs)


def _due(duty: Duty) -> Check:
    due = instant.text(duty.due) if duty.due else ""
    finding = f"`{duty.id}`, {term(duty.action)}, is due at {due}"
    return Check(_NAME, WARN, finding, f"do it, then `preau duty done {duty.id}`")
