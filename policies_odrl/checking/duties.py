"""Duties after the use: can they be done when they are due, and does anybody learn of it?

Rules: what can only be done after the use (deleting, archiving, uninstalling) needs a deadline,
otherwise it would have to come before the use that it follows; deleting needs someone who is told,
otherwise nobody can see whether it was done. How often a duty has to be done is no alternative to
anything, because nobody could say which acts are counted for it. A consequence has no consequence,
a remedy neither.
Source: IM 2.6.3 to 2.6.7; W3C minutes of 24 November 2025 (a later duty states its deadline).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from policies_odrl import text
from policies_odrl.checking.report import Report
from policies_odrl.model import (
    ODRL,
    Condition,
    Connective,
    Constraint,
    Duty,
    Operator,
    Permission,
    Prohibition,
    Rule,
    conditions,
    duties_below,
)
from policies_odrl.vocabulary import AFTER_USE

_UNSEEN: Final = frozenset(ODRL + item for item in ("delete", "uninstall"))
_TELLING: Final = frozenset(ODRL + item for item in ("inform", "acceptTracking"))
_TOLD: Final = frozenset(ODRL + item for item in ("informedParty", "trackingParty"))
_COUNT: Final = ODRL + "count"
_UNTIL: Final = frozenset({Operator.EQ, Operator.LT, Operator.LTEQ})
# Left operand -> operators that set an end.
_ENDS: Final = {
    ODRL + "dateTime": _UNTIL,
    ODRL + "elapsedTime": _UNTIL,
    ODRL + "event": frozenset(Operator),
    ODRL + "delayPeriod": frozenset(Operator),
}


def of_duty(
    path: str, duty: Duty, owner: Rule, stated: Sequence[Condition], report: Report
) -> None:
    """Note what is wrong with a duty.

    Args:
        path: its JSON pointer.
        duty: the duty.
        owner: the rule that it hangs below, or the duty itself for an obligation.
        stated: its conditions, those within others too.
        report: takes the findings.
    """
    action = duty.action.id
    atoms = [item for item in stated if isinstance(item, Constraint)]
    if action in AFTER_USE and not any(item.operator in _ENDS.get(item.left, ()) for item in atoms):
        report.note(path, "duty-without-deadline", text.term(action))
    if any(_among_alternatives(item) for item in duty.constraints):
        report.note(path, "count-among-alternatives")
    if action in _UNSEEN and not _told(duty, owner):
        report.note(path, "retention-unmonitored", text.term(action))
    if duty.consequences and isinstance(owner, Prohibition):
        report.note(path, "remedy-with-consequence")
    elif duty.consequences and isinstance(owner, Duty) and owner is not duty:
        report.note(path, "consequence-of-consequence")


def _among_alternatives(item: Condition) -> bool:
    if isinstance(item, Constraint):
        return False
    if item.connective is Connective.AND:
        return any(_among_alternatives(part) for part in item.operands)
    below = (part for _, part in conditions(item.operands, ""))
    return any(isinstance(part, Constraint) and part.left == _COUNT for part in below)


def _told(duty: Duty, owner: Rule) -> bool:
    """Return whether the duty, or one beside or below it, tells somebody."""
    near = [item for rule in (owner, duty) for _, duties in duties_below(rule) for item in duties]
    named = {name for item in (duty, *near) for name, _ in item.functions}
    if isinstance(owner, Permission):
        named.update(name for name, _ in owner.functions)
    return bool(named & _TOLD) or any(item.action.id in _TELLING for item in (duty, *near))
