"""One difference between the terms asked for and the terms offered, as a value.

A change names what it speaks of, its place in the request, and whose rule asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from policies_odrl import text
from policies_odrl.comparison.phrases import Thing, brief, number, phrase, subject, things


class ChangeKind(StrEnum):
    """What becomes of an attribute."""

    NARROWED = "narrowed"
    RAISED = "raised"  # more protection of the data than asked for
    ADDED = "added"
    REMOVED = "removed"
    DUTY = "duty"
    PROHIBITION = "prohibition"
    OBLIGATION = "obligation"
    DROPPED = "dropped"  # a permission that is not granted at all


@dataclass(frozen=True, slots=True)
class TermChange:
    """One difference.

    Attributes:
        kind: see `ChangeKind`.
        path: JSON pointer into the request of what changes; of its rule for what is added.
        operand: IRI of the left operand or of a party function, or `action`, `target`, `assignee`,
            `output`, `duty`, `prohibition`, `obligation`, `rule`, `conflict`, `profile`,
            `inheritFrom`, `isReplacedBy`, `collection`, `assigner`, or how conditions are joined
            (`or`).
        asked: what the request says; empty for what is added.
        offered: what is offered instead; empty for what is not granted.
        because: whose rule asks for it: `offer` or `reserve`; empty when nobody's in particular.
        rule: JSON pointer of that rule; empty when none.
    """

    kind: ChangeKind
    path: str
    operand: str
    asked: tuple[Thing, ...] = ()
    offered: tuple[Thing, ...] = ()
    because: str = ""
    rule: str = ""

    @property
    def line(self) -> str:
        """One line in the terms of the policies."""
        asked = ", ".join(brief(item) for item in self.asked) or "not stated"
        nothing = "not granted" if self.kind is ChangeKind.DROPPED else "not stated"
        offered = ", ".join(brief(item) for item in self.offered) or nothing
        why = f" because of {self.because} {self.rule}" if self.because else ""
        return f"{self.path}: {text.term(self.operand)}: {asked} -> {offered}{why}"

    def said(self, lang: str = "en") -> str:
        """Return the change as a sentence.

        Args:
            lang: `en` or `fr`.

        Raises:
            ValueError: another language.
        """
        because = ""
        if self.because:
            because = phrase("changes", "because", lang).format(
                source=phrase("changes", self.because, lang), rule=number(self.rule, lang)
            )
        kind, about = self.kind.value, subject(self.operand, lang)
        special = f"{kind} subject" if about else f"{kind} {self.operand}"
        if self.kind is ChangeKind.RAISED and not self.asked:
            special = f"{kind} unasked"
        found = phrase("changes", special, lang) or phrase("changes", kind, lang)
        return found.format(
            subject=about,
            asked=things(self.asked, lang),
            offered=things(self.offered, lang),
            because=because,
        )


@dataclass(frozen=True, slots=True)
class Source:
    """Whose rule makes a change necessary.

    Attributes:
        name: `offer` or `reserve`.
        rule: JSON pointer of the rule.
    """

    name: str
    rule: str


def moved(asked: Sequence[object], offered: Sequence[object]) -> ChangeKind:
    """Return what becomes of an attribute that two policies state otherwise."""
    if not offered:
        return ChangeKind.REMOVED
    return ChangeKind.NARROWED if asked else ChangeKind.ADDED
