"""Duties after the use: can they be done when they are due, and does anybody learn of it?

Rules: what can only be done after the use (deleting, archiving, uninstalling) needs a deadline,
otherwise it would have to come before the use that it follows; deleting needs someone who is told,
otherwise nobody can see whether it was done. How often a duty has to be done is no alternative to
anything, because nobody could say which acts are counted for it (`duties.py`). A consequence has no
consequence, a remedy neither.
Source: IM 2.6.3 to 2.6.7; W3C minutes of 24 November 2025 (a later duty states its deadline).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from policies_odrl import text
from policies_odrl.checking.findings import Finding, Say
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
# Left operand -> operators that set an end; None: any.
_ENDS: Final = {
    ODRL + "dateTime": _UNTIL,
    ODRL + "elapsedTime": _UNTIL,
    ODRL + "event": None,
    ODRL + "delayPeriod": None,
}


def of_duty(
    path: str, duty: Duty, rule: Rule, stated: Sequence[Condition], say: Say
) -> Iterator[Finding]:
    """Yield what is wrong with a duty.

    Args:
        path: its JSON pointer.
        duty: the duty.
        rule: the rule that it hangs below, or the duty itself for an obligation.
        stated: its conditions, those within others too.
        say: makes findings in the language asked for.
    """
    action = duty.action.id
    if action in AFTER_USE and not any(_ends(item) for item in stated):
        yield say(path, "duty-without-deadline", text.term(action))
    if any(_among_alternatives(item) for item in duty.constraints):
        yield say(path, "count-among-alternatives")
    if action in _UNSEEN and not _told(duty, rule):
        yield say(path, "retention-unmonitored", text.term(action))
    if duty.consequences and isinstance(rule, Prohibition):
        yield say(path, "remedy-with-consequence")
    elif duty.consequences and isinstance(rule, Duty) and rule is not duty:
        yield say(path, "consequence-of-consequence")


def _among_alternatives(item: Condition) -> bool:
    if isinstance(item, Constraint):
        return False
    if item.connective is Connective.AND:
        return any(_among_alternatives(part) for part in item.operands)
    below = (part for _, part in conditions(item.operands, ""))
    return any(isinstance(part, Constraint) and part.left == _COUNT for part in below)


def _ends(item: Condition) -> bool:
    if not isinstance(item, Constraint) or item.left not in _ENDS:
        return False
    operators = _ENDS[item.left]
    return operators is None or item.operator in operators


def _told(duty: Duty, rule: Rule) -> bool:
    """Return whether the duty, or one beside or below it, tells somebody."""
    beside = [item for _, duties in duties_below(rule) for item in duties]
    below = [item for _, duties in duties_below(duty) for item in duties]
    granted = isinstance(rule, Permission) and any(name in _TOLD for name, _ in rule.functions)
    return granted or any(
        item.action.id in _TELLING or any(name in _TOLD for name, _ in item.functions)
        for item in (duty, *beside, *below)
    )
