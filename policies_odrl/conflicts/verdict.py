"""What the question "do two policies conflict" is answered with.

These are values; nothing here decides. A verdict is sound under incomplete knowledge: Conflict and
Compatible are proved, Unknown names the fact that is lacking (arXiv 2602.19883, section 3).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from policies_odrl import text
from policies_odrl.algebra.periods import Recurrence, Stretch
from policies_odrl.evaluation.request import Facts, Request
from policies_odrl.logic import Judged


class Compatibility(Judged, Enum):
    """Whether two policies go together."""

    CONFLICT = "Conflict"
    COMPATIBLE = "Compatible"
    UNKNOWN = "Unknown"


class Question(Enum):
    """What is asked, which follows from the kinds of rules that stand on either side."""

    COMMON_USE = "is there a request that both grant"
    CLASH = "does one permit what the other prohibits"
    FORBIDDEN_DUTY = "does one demand what the other prohibits"
    GRANTS = "is there a request that it grants"


@dataclass(frozen=True, slots=True)
class Example:
    """A request and the state of the world in which it was tried.

    Attributes:
        request: action, parties, and a value for each left operand.
        facts: what the evaluation that checked it knew.
    """

    request: Request
    facts: Facts = field(default_factory=Facts)

    @property
    def line(self) -> str:
        """The example in one line (`use; dateTime 2026-06-01T00:00:00Z`)."""
        asked = self.request
        parts = [text.term(asked.action)]
        parts += [f"assignee {asked.assignee}"] if asked.assignee else []
        parts += [f"target {asked.target}"] if asked.target else []
        stated = dict(asked.facts)
        if self.facts.now is not None:
            stated["dateTime"] = (self.facts.now,)
        parts += [
            f"{text.term(left)} {', '.join(_shown(item) for item in values)}"
            for left, values in sorted(stated.items())
        ]
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class ConflictVerdict(Judged):
    """Whether two policies conflict.

    Attributes:
        answer: see `Compatibility`.
        question: what was asked of them.
        witness: with Compatible, a request that is granted, where something is permitted and such
            a request was found; with Conflict, where one permits what the other prohibits, an
            example in which they meet; None otherwise.
        reasons: why, one line for each pair of rules, where there is something to tell; with
            Unknown, the facts that are lacking.
    """

    answer: Compatibility
    question: Question
    witness: Example | None = None
    reasons: tuple[str, ...] = ()

    @property
    def conflict(self) -> bool:
        """Whether a conflict is proved."""
        return self.answer is Compatibility.CONFLICT


def _shown(item: object) -> str:
    if isinstance(item, Stretch):
        return f"from {text.instant(item.start)} to {text.instant(item.end)}"
    if isinstance(item, Recurrence):
        anchor = f" from {text.instant(item.anchor)}" if item.anchor else ""
        return f"due{anchor} at {text.instant(item.now)}"
    return text.value(item)  # type: ignore[arg-type] # a fact; the two clocks are handled above
