"""What two policies say otherwise, each a value with its line and its sentence.

What a party wrote appears only as a term or a value of a condition, never as a sentence of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from policies_odrl import text
from policies_odrl.language.explain import sentence
from policies_odrl.language.labels import word
from policies_odrl.language.phrases import fill, table
from policies_odrl.model import (
    Action,
    AssetRef,
    Condition,
    Conflict,
    Iri,
    PartyRef,
    Rule,
    duties_below,
)
from policies_odrl.vocabulary import FUNCTIONS

Said = Condition | Action | AssetRef | PartyRef | Rule | Iri | Conflict


@dataclass(frozen=True, slots=True)
class Compared:
    """What an offer's rule asks of one attribute, and what the request says about it.

    Attributes:
        path: JSON pointer of the request's rule; of the offer's where the request has none.
        rule: JSON pointer of the offer's rule; empty where nothing is offered.
        attribute: IRI of a left operand, or `action`, `target`, `assignee`, `duty`, `prohibition`,
            `obligation`, `output`, `rule`.
        allowed: what the offer says; None: it sets no limit.
        asked: what the request says; empty: nothing.
        fits: whether it is proved that what is asked for lies within.
    """

    path: str
    rule: str
    attribute: str
    allowed: Said | None = None
    asked: tuple[Said, ...] = ()
    fits: bool = True

    @property
    def line(self) -> str:
        """One line in the terms of the policies."""
        asked = ", ".join(map(brief, self.asked))
        match self.allowed:
            case None:
                terms = f"{asked}; no limit" if self.rule else "nothing is offered"
            case Action(id=name):
                terms = f"action {asked} within {text.term(name)}"
            case Rule() | AssetRef() | PartyRef():
                terms = f"{self.attribute} {brief(self.allowed)}"
            case _:
                terms = f"{brief(self.allowed)}; asked: {asked or 'not stated'}"
        return f"{self.path}: {terms}" + (f" (offer {self.rule})" if self.rule else "")

    def said(self, lang: str = "en") -> str:
        """Return the line as a sentence.

        Raises:
            ValueError: a language other than `en` and `fr`.
        """
        key = "unlimited" if self.allowed is None else "fits" if self.fits else "gap"
        if not self.rule:
            key = "nothing"
        elif self.attribute in {"prohibition", "obligation"}:
            key = self.attribute
        return fill(
            table("compared")[key],
            lang,
            path=_number(self.path, lang),
            rule=_number(self.rule, lang),
            allowed="" if self.allowed is None else _thing(self.allowed, lang),
            asked=_things(self.asked, lang) or _word("silent", lang),
        )


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
    """One difference between the terms asked for and the terms offered.

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
    asked: tuple[Said, ...] = ()
    offered: tuple[Said, ...] = ()
    because: str = ""
    rule: str = ""

    @property
    def line(self) -> str:
        """One line in the terms of the policies."""
        nothing = "not granted" if self.kind is ChangeKind.DROPPED else "not stated"
        asked = ", ".join(map(brief, self.asked)) or "not stated"
        offered = ", ".join(map(brief, self.offered)) or nothing
        why = f" because of {self.because} {self.rule}" if self.because else ""
        return f"{self.path}: {text.term(self.operand)}: {asked} -> {offered}{why}"

    def said(self, lang: str = "en") -> str:
        """Return the change as a sentence.

        Raises:
            ValueError: a language other than `en` and `fr`.
        """
        because = ""
        if self.because:
            source, rule = _word(self.because, lang), _number(self.rule, lang)
            because = fill(table("changes")["because"], lang, source=source, rule=rule)
        kind, about, found = self.kind.value, _subject(self.operand, lang), table("changes")
        special = f"{kind} subject" if about else f"{kind} {self.operand}"
        if self.kind is ChangeKind.RAISED and not self.asked:
            special = "raised unasked"
        return fill(
            found.get(special, found[kind]),
            lang,
            subject=about,
            asked=_things(self.asked, lang),
            offered=_things(self.offered, lang),
            because=because,
        )


@dataclass(frozen=True, slots=True)
class Part:
    """One statement of a conflicting set.

    Attributes:
        side: `request` or `offer`.
        rule: JSON pointer of its permission.
        name: `action`, `target`, `assignee`, `output`, `condition`, `rule` or `prohibition`.
        item: what is stated.
    """

    side: str
    rule: str
    name: str
    item: Said

    @property
    def line(self) -> str:
        """The statement in the terms of the policies."""
        name = "" if self.name == "condition" else f"{self.name} "
        return f"{self.side} {self.rule}: {name}{brief(self.item)}"


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why a permission cannot be granted in any narrower form.

    Attributes:
        path: JSON pointer of the permission asked for.
        parts: the minimal conflicting set; empty where nothing is offered at all.
        missing: what is not known, so that nobody can say what a side grants; empty otherwise.
    """

    path: str
    parts: tuple[Part, ...]
    missing: str = ""

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
        key = "set" if self.parts else "unclear" if self.missing else "none"
        inner = (
            fill(
                table("blocked")[part.side],
                lang,
                rule=_number(part.rule, lang),
                item=_thing(part.item, lang),
            )
            for part in self.parts
        )
        return fill(table("blocked")[key], lang, items=_row(inner, lang))


# -- parts of policies in words ------------------------------------------------------------------


def brief(item: Said) -> str:
    """Return something in the terms of the policies."""
    match item:
        case Conflict():
            return item.value
        case Iri():
            return text.term(item.value)
        case Rule():
            return text.term(item.action.id)
        case Action():
            return text.term(item.id)
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
            below = [duty.action for _, duties in duties_below(item) for duty in duties]
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
    found = [
        f"{_word(name, lang)} {_thing(part, lang)}"
        for name, part in (("about", rule.target), ("by", rule.assignee))
        if part is not None
    ]
    equals = " : " if lang == "fr" else ": "
    return found + [
        f"{word(name, lang, 'functions')}{equals}{_thing(party, lang)}"
        for name, party in rule.functions
    ]


def _things(items: Iterable[Said], lang: str) -> str:
    return _row((_thing(item, lang) for item in items), lang)


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
