"""One attribute of a request against one rule of an offer: a line of a proof, or a gap.

A value; who compares is `fit.py`, the sentences are in `change_phrases.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from policies_odrl import text
from policies_odrl.comparison.change_phrases import COMPARED, number, thing, things
from policies_odrl.language.phrases import LANGUAGES
from policies_odrl.model import Action, AssetRef, Condition, PartyRef, Rule

Said = Condition | Action | AssetRef | PartyRef | Rule


@dataclass(frozen=True, slots=True)
class Compared:
    """What an offer's rule asks of one attribute, and what the request says about it.

    Attributes:
        fits: whether it is proved that what is asked for lies within.
        path: JSON pointer of the request's rule; of the offer's where the request has none.
        rule: JSON pointer of the offer's rule; empty where nothing is offered.
        attribute: IRI of a left operand, or `action`, `target`, `assignee`, `duty`, `prohibition`,
            `obligation`, `output`, `rule`.
        allowed: what the offer says; None: it sets no limit.
        asked: what the request says; empty: nothing.
    """

    fits: bool
    path: str
    rule: str
    attribute: str
    allowed: Said | None = None
    asked: tuple[Said, ...] = ()

    @property
    def line(self) -> str:
        """One line in the terms of the policies."""
        at = f" (offer {self.rule})" if self.rule else ""
        return f"{self.path}: {self._terms()}{at}"

    def said(self, lang: str = "en") -> str:
        """Return the line as a sentence.

        Args:
            lang: `en` or `fr`.

        Raises:
            ValueError: another language.
        """
        index = LANGUAGES.index(lang)
        if not self.rule:
            return COMPARED["nothing"][index].format(path=number(self.path, lang))
        key = "unlimited" if self.allowed is None else "fits" if self.fits else "gap"
        if self.attribute in {"prohibition", "obligation"}:
            key = self.attribute
        asked = things(self.asked, lang)
        return COMPARED[key][index].format(
            rule=number(self.rule, lang),
            allowed="" if self.allowed is None else thing(self.allowed, lang),
            asked=asked or COMPARED["silent"][index],
        )

    def _terms(self) -> str:
        match self.allowed:
            case None if not self.rule:
                return "nothing is offered"
            case None:
                return f"{', '.join(brief(item) for item in self.asked)}; no limit"
            case Action(id=name):
                asked = ", ".join(brief(item) for item in self.asked)
                return f"action {asked} within {text.term(name)}"
            case Rule():
                return f"{self.attribute} {brief(self.allowed)}"
            case AssetRef() | PartyRef():
                return f"{self.attribute} {brief(self.allowed)}"
            case _:
                asked = ", ".join(brief(item) for item in self.asked)
                return f"{text.condition(self.allowed)}; asked: {asked or 'not stated'}"


def brief(item: Said) -> str:
    """Return something in the terms of the policies."""
    match item:
        case Rule():
            return text.term(item.action.id)
        case Action():
            return text.term(item.id)
        case AssetRef() | PartyRef():
            return (item.id or item.source)[: text.MAX_SHOWN]
        case _:
            return text.condition(item)
