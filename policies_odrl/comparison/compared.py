"""One attribute of a request against one rule of an offer: a line of a proof, or a gap."""

from __future__ import annotations

from dataclasses import dataclass

from policies_odrl import text
from policies_odrl.comparison.phrases import Said, brief, number, phrase, thing, things
from policies_odrl.model import Action, AssetRef, PartyRef, Rule


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
        key = "unlimited" if self.allowed is None else "fits" if self.fits else "gap"
        if not self.rule:
            key = "nothing"
        elif self.attribute in {"prohibition", "obligation"}:
            key = self.attribute
        return phrase("compared", key, lang).format(
            path=number(self.path, lang),
            rule=number(self.rule, lang),
            allowed="" if self.allowed is None else thing(self.allowed, lang),
            asked=things(self.asked, lang) or phrase("compared", "silent", lang),
        )

    def _terms(self) -> str:
        asked = ", ".join(brief(item) for item in self.asked)
        match self.allowed:
            case None:
                return f"{asked}; no limit" if self.rule else "nothing is offered"
            case Action(id=name):
                return f"action {asked} within {text.term(name)}"
            case Rule() | AssetRef() | PartyRef():
                return f"{self.attribute} {brief(self.allowed)}"
            case _:
                return f"{text.condition(self.allowed)}; asked: {asked or 'not stated'}"
