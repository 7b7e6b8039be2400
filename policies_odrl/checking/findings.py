"""What the check of a policy can find, where and how bad it is, and where findings are collected.

The texts are data (`findings.json`). The known term nearest to an unknown one is proposed, within a
bound on searches; nothing is ever read as the nearest term.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from typing import Any, Final

from policies_odrl import text, vocabulary
from policies_odrl.concepts import concepts, hierarchy
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.model import ODRL, RDF_TYPE, Conflict, Operator
from policies_odrl.reading.nodes import TERMS, short
from policies_odrl.vocabulary import PREAU, PROFILE, PROFILES

MAX_TERM: Final = 300  # characters of one term of the policy in a sentence
MAX_FINDINGS: Final = 500  # of one policy
MAX_SEARCHES: Final = 32  # of one check
MAX_LENGTH: Final = 64  # characters of a local name that are compared
NEAR: Final = 0.65  # share of characters in common

Term = str | tuple[str, str]  # the same in both languages, or (English, French)


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"  # the policy cannot do what it says
    WARNING = "warning"  # it can, but probably not what was meant
    NOTE = "note"  # worth knowing


class Change(StrEnum):
    """What a step of an edit does (the operations of RFC 6902 that are needed)."""

    ADD = "add"
    REMOVE = "remove"
    REPLACE = "replace"
    MOVE = "move"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an edit of the written policy."""

    change: Change
    path: str  # JSON pointer of what is changed
    value: Any = None  # JSON value, with `add` and `replace`
    source: str = ""  # JSON pointer, with `move`


@dataclass(frozen=True, slots=True)
class Finding:
    """What is the matter with a policy, for people, and what to do about it."""

    path: str  # JSON pointer into the written policy; empty for the whole policy
    code: str  # stable, lower case with hyphens
    severity: Severity
    sentence: str
    fix: str
    edit: tuple[Step, ...] = field(default=(), hash=False)  # `fix`; of an error, a suggestion
    policy: str = ""  # its IRI, where a document holds several

    @property
    def mechanical(self) -> bool:
        """Whether `edit` changes nothing that is decided: by an error, nothing was."""
        return bool(self.edit) and self.severity is not Severity.ERROR


def table() -> Mapping[str, Mapping[str, Any]]:
    """Return code -> its severity and, by language, sentence and fix, in the order of the manual.

    `otherwise` is what to do where the last term is empty, because no near term is known.
    """
    return vocabulary.loaded("checking/findings.json")


_RANKS: Final = {item: rank for rank, item in enumerate(Severity)}  # errors first
_LIMITS: Final = frozenset({"too-large", "too-many-conditions"})  # what was left out is said
MISSPELLED: Final = ODRL + "neg"  # for `neq`, in copies of the W3C context (poe issue 311)
PROPERTIES: Final = sorted({*TERMS["properties"], *vocabulary.FUNCTIONS})
# What is looked for -> the terms that it may be.
_TERMS: Final[Mapping[str, Callable[[], Iterable[str]]]] = {
    "operand": lambda: vocabulary.OPERANDS,
    "action": lambda: (*vocabulary.SAME_ACTION, *vocabulary.INCLUDED_IN),
    "purpose": lambda: hierarchy("purposes"),
    "concept": concepts,
    "operator": lambda: sorted(ODRL + item for item in Operator),
    "strategy": lambda: sorted(ODRL + item for item in Conflict),
    "property": lambda: PROPERTIES,
    "class": lambda: sorted((*TERMS["classes"], *TERMS["policies"])),
}
_OF_RULES: Final = frozenset({"operand", "action"})  # which the reader reads, known or not
# Property -> what its values are.
HELD: Final = {
    name: kind for kind in ("action", "operand", "operator", "strategy") for name in TERMS[kind]
}


class Report:
    """Collects findings in one language."""

    def __init__(
        self, lang: str = "en", knowledge: Knowledge = NOTHING_MORE, policy: str = ""
    ) -> None:
        self.found: list[Finding] = []
        self.knowledge = knowledge
        self.policy = policy  # its IRI, where a document holds several
        self.profiles: tuple[str, ...] = ()  # those that it declares
        self.strange: set[str] = set()  # what a reader did not understand, and nobody decides
        self._lang = lang
        self._left = MAX_SEARCHES

    def begin(self, policy: str) -> None:
        """Look at a policy of a document from now on."""
        self.policy, self.profiles = policy, ()

    def note(self, path: str, code: str, *terms: Term, edit: tuple[Step, ...] = ()) -> Finding:
        """Add a finding, and return it."""
        row, at = table()[code], self._lang == "fr"
        words = row.get(self._lang, row["en"])
        filled = [(it if isinstance(it, str) else it[at])[:MAX_TERM] for it in terms]
        fix = words["otherwise"] if "otherwise" in words and not filled[-1] else words["fix"]
        said = (words["sentence"].format(*filled), fix.format(*filled))
        found = Finding(path, code, Severity(row["severity"]), *said, edit, self.policy)
        self.found.append(found)
        return found

    def term(self, path: str, kind: str, term: str) -> None:
        """Add that a term is not known, or that its profile is ours and not declared."""
        if kind == "profile":
            self.profiles = (*self.profiles, term)
        if not self._knows(kind, term):
            self._unknown(path, kind, term)
        elif term == MISSPELLED:
            self.note(path, "operator-misspelled")
        if kind in _OF_RULES and term.startswith(PREAU) and PROFILE not in self.profiles:
            step = Step(Change.ADD, "/profile", PROFILE)
            if self.profiles:
                step = Step(Change.REPLACE, "/profile", [*self.profiles, PROFILE])
            self.note(path, "undeclared-profile", text.term(term), PROFILE, edit=(step,))

    def _knows(self, kind: str, term: str) -> bool:
        match kind:
            case "operand":
                return self.knowledge.operand(term) is not None
            case "action":
                return self.knowledge.known_action(term)
            case "profile":
                return term in PROFILES | self.knowledge.profiles
            case "operator" | "strategy":
                return term == MISSPELLED or term in _TERMS[kind]()
        return False  # a reader asks only where it does not understand

    def _unknown(self, path: str, kind: str, term: str) -> None:
        """Add that a term is not known, which a profile not known here may define."""
        if kind == "profile":
            self.note(path, "unknown-profile", term)
            return
        if kind not in _OF_RULES:
            self.strange.add(RDF_TYPE if kind == "class" else term)
        if kind == "condition":
            self.note(path, "condition-elsewhere", term)
            return
        near = short(self.near(kind, term))
        others = set(self.profiles) - PROFILES - self.knowledge.profiles
        if others and kind != "class":
            self.note(path, "term-of-unknown-profile", short(term), min(others), near)
        else:
            self.note(path, f"unknown-{kind}", short(term), near)

    def meant(self, name: str, text: str) -> str:
        """Return the known term that text as value of a property may mean, or an empty string."""
        return self.near(HELD[name], text) if name in HELD and text else ""

    def near(self, kind: str, term: str) -> str:
        """Return the known term of a kind that is nearest to another one, or an empty string."""
        known = _terms(kind)
        own = {"operand": self.knowledge.operands, "action": self.knowledge.actions}.get(kind)
        if own:
            known = {**known, **_named(own)}
        word = local_name(term).lower()[:MAX_LENGTH]
        found = known.get(word, "")
        if not found and word and self._left > 0:
            self._left -= 1
            close = get_close_matches(word, known, n=1, cutoff=NEAR)
            found = known[close[0]] if close else ""
        return "" if found == term else found

    def worst(self) -> tuple[Finding, ...]:
        """Return the findings in order; of too many the worst, with one that says so.

        # INVARIANT: an error is never cut off by notes; who publishes looks for errors only.
        """
        if len(self.found) > MAX_FINDINGS:
            ranks = [0 if it.code in _LIMITS else _RANKS[it.severity] for it in self.found]
            ranked = sorted(range(len(ranks)), key=ranks.__getitem__)
            self.found = [self.found[place] for place in sorted(ranked[: MAX_FINDINGS - 1])]
            self.note("", "more-findings", str(MAX_FINDINGS))
        return tuple(self.found)


def local_name(term: str) -> str:
    """Return what stands after the last `#`, `/` or `:` of a name."""
    return term[max(term.rfind(mark) for mark in "#/:") + 1 :]


def _named(terms: Iterable[str]) -> dict[str, str]:
    return {local_name(term).lower(): term for term in terms}


@cache
def _terms(kind: str) -> Mapping[str, str]:
    return _named(_TERMS[kind]())
