"""What two policies say otherwise, each a value with its line and its sentence.

What a party wrote appears only as a term or a value of a condition, never as a sentence of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from policies_odrl import model, text
from policies_odrl.language.explain import sentence
from policies_odrl.language.phrases import fill, table, word
from policies_odrl.model import Action, AssetRef, Condition, Conflict, Iri, PartyRef, Rule
from policies_odrl.vocabulary import FUNCTIONS

Said = Condition | Action | AssetRef | PartyRef | Rule | Iri | Conflict


class ChangeKind(StrEnum):
    """What becomes of an attribute, or whether what is asked for lies within what is offered."""

    FITS = "fits"
    GAP = "gap"  # not proved to fit
    NARROWED = "narrowed"
    RAISED = "raised"  # more protection of the data than asked for
    ADDED = "added"
    REMOVED = "removed"
    DUTY = "duty"
    PROHIBITION = "prohibition"
    OBLIGATION = "obligation"
    DROPPED = "dropped"  # a permission that is not granted at all


@dataclass(frozen=True, slots=True)
class Compared:
    """What is asked for and what is offered of one attribute.

    Attributes:
        path: JSON pointer into the request of what is compared; of its rule for what is added.
        operand: IRI of the left operand or of a party function, or `action`, `target`, `assignee`,
            `output`, `duty`, `prohibition`, `obligation`, `rule`, `conflict`, `profile`,
            `inheritFrom`, `isReplacedBy`, `collection`, `assigner`, or how conditions are joined.
        asked: what the request says; empty: nothing.
        offered: what the offer says; empty: nothing, or no limit.
        because: whose rule asks for a change: `offer` or `reserve`; empty when nobody's.
        rule: JSON pointer of the rule of the offer or reserve; empty when none.
    """

    kind: ChangeKind
    path: str
    operand: str
    asked: tuple[Said, ...] = ()
    offered: tuple[Said, ...] = ()
    because: str = ""
    rule: str = ""

    @property
    def line(self) -> str:
        """One line in the terms of the policies."""
        asked, offered = (", ".join(map(brief, items)) for items in (self.asked, self.offered))
        if self.kind in {ChangeKind.FITS, ChangeKind.GAP}:
            terms = self._terms(asked or "not stated", offered)
            line = f"{self.path}: {terms}"
            return f"{line} (offer {self.rule})" if self.rule else line
        nothing = "not granted" if self.kind is ChangeKind.DROPPED else "not stated"
        operand = text.term(self.operand)
        change = f"{self.path}: {operand}: {asked or 'not stated'} -> {offered or nothing}"
        match self.because:
            case "offer":
                return f"{change} because of offer {self.rule}"
            case "reserve":
                return f"{change} because of reserve {self.rule}"
        return change

    def _terms(self, asked: str, offered: str) -> str:
        match self.offered:
            case ():
                return f"{asked}; no limit" if self.rule else "nothing is offered"
            case (Action(), *_):
                return f"action {asked} within {offered}"
            case (Rule() | AssetRef() | PartyRef(), *_):
                return f"{self.operand} {offered}"
        return f"{offered}; asked: {asked}"

    def said(self, lang: str = "en") -> str:
        """Return it as a sentence.

        Raises:
            ValueError: a language other than `en` and `fr`.
        """
        sentences, because = table("changes"), ""
        rule, about = _number(self.rule, lang), _subject(self.operand, lang)
        asked, offered = self.sides(lang)
        if self.because:
            because = fill(sentences["because"], lang, source=_word(self.because, lang), rule=rule)
        special = ["unasked"] if not self.asked else []
        special += ["unoffered"] if not self.offered else []
        names = [f"{self.kind} {it}" for it in (*special, "subject" if about else self.operand)]
        return fill(
            next(sentences[it] for it in (*names, self.kind.value) if it in sentences),
            lang,
            path=_number(self.path, lang),
            rule=rule,
            subject=about,
            asked=asked or _word("silent", lang),
            offered=offered,
            because=because,
        )

    def sides(self, lang: str = "en") -> tuple[str, str]:
        """Return what is asked for and what is offered, in words; empty where that is nothing.

        Raises:
            ValueError: a language other than `en` and `fr`.
        """
        asked, offered = (
            _row((_thing(item, lang) for item in items), lang)
            for items in (self.asked, self.offered)
        )
        return asked, offered


@dataclass(frozen=True, slots=True)
class Part:
    """One statement of a conflicting set."""

    side: str  # `request` or `offer`
    rule: str  # JSON pointer
    name: str  # an attribute of a rule (`rules.attributes`), or `rule`, `prohibition`
    item: Said

    @property
    def line(self) -> str:
        """The statement in the terms of the policies."""
        said = brief(self.item) if self.name == "condition" else f"{self.name} {brief(self.item)}"
        if self.side == "request":
            return f"request {self.rule}: {said}"
        return f"offer {self.rule}: {said}"


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why a permission cannot be granted in any narrower form."""

    path: str  # JSON pointer of the permission asked for
    parts: tuple[Part, ...]  # the minimal conflicting set; empty where nothing is offered at all
    missing: str = ""  # what is not known, so that nobody can say what a side grants

    @property
    def line(self) -> str:
        """One line in the terms of the policies."""
        if self.missing:
            return f"{self.path}: nobody can say {self.missing}"
        inner = "; ".join(part.line for part in self.parts)
        return f"{self.path}: cannot hold together: {inner}" if inner else f"{self.path}: no offer"

    def said(self, lang: str = "en") -> str:
        """Return the conflict as a sentence.

        Raises:
            ValueError: a language other than `en` and `fr`.
        """
        words = table("blocked")
        inner = (
            fill(words[it.side], lang, rule=_number(it.rule, lang), item=_thing(it.item, lang))
            for it in self.parts
        )
        key = "set" if self.parts else "unclear" if self.missing else "none"
        return fill(words[key], lang, items=_row(inner, lang))


def brief(item: Said) -> str:
    """Return something in the terms of the policies."""
    match item:
        case Conflict():
            return item.value
        case Iri(value=name) | Action(id=name) | Rule(action=Action(id=name)):
            return text.term(name)
        case AssetRef() | PartyRef():
            return (item.id or item.source)[: text.MAX_SHOWN]
        case _:
            return text.condition(item)


def _thing(item: Said, lang: str) -> str:
    """Return a part of a policy in words."""
    about: list[str] = []
    match item:
        case Conflict():
            return _word(item.value, lang)
        case Iri():
            return brief(item)
        case Rule():
            below = [duty.action for _, duties in model.duties_below(item) for duty in duties]
            what = " → ".join(word(it.id, lang, "actions") for it in (item.action, *below))
            items, about = (*item.constraints, *item.action.refinements), _about(item, lang)
        case Action():
            what, items = word(item.id, lang, "actions"), item.refinements
        case AssetRef() | PartyRef():
            what, items = brief(item), item.refinements
        case _:
            return sentence(item, lang)
    inner = _row([*about, *(sentence(part, lang) for part in items)], lang)
    return f"{what} ({inner})" if inner else what


def _about(rule: Rule, lang: str) -> list[str]:
    """Return whom and what a rule names, in words."""
    named = (("about", rule.target), ("by", rule.assignee))
    found = [f"{_word(name, lang)} {_thing(part, lang)}" for name, part in named if part]
    equals = " : " if lang == "fr" else ": "
    return found + [
        f"{word(name, lang, 'functions')}{equals}{_thing(party, lang)}"
        for name, party in rule.functions
    ]


def _row(items: Iterable[str], lang: str) -> str:
    return (" ; " if lang == "fr" else "; ").join(items)


def _word(name: str, lang: str) -> str:
    return fill(table("differing")[name], lang)


def _number(path: str, lang: str) -> str:
    """Return a rule's JSON pointer in words: `permission 2`."""
    kind, _, rest = path.strip("/").partition("/")
    place = rest.partition("/")[0]
    known = kind in table("differing") and place.isdigit()
    return f"{_word(kind, lang)} {int(place) + 1}" if known else path


def _subject(operand: str, lang: str) -> str:
    """Return what a change speaks of that is no condition; empty for a condition."""
    if operand in FUNCTIONS:
        found = word(operand, lang, "functions")
        return found[:1].upper() + found[1:]
    return fill(table("subjects")[operand], lang) if operand in table("subjects") else ""
