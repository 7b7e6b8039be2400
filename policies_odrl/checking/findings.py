"""What the check of a policy can find: how bad it is, where, what to do, in English and French.

The texts are data (`findings.json`); what is checked stands in `validate.py`, `inspection.py` and
`lint.py`. `{0}`, `{1}` … are filled with terms of the policy, cut to a readable length.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, partial
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

MAX_TERM: Final = 300  # characters of one term of the policy in a sentence
LANGUAGES: Final = ("en", "fr")

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
    """One step of an edit of the written policy.

    Attributes:
        change: see `Change`.
        path: JSON pointer of what is changed.
        value: JSON value, with `add` and `replace`.
        source: JSON pointer, with `move`.
    """

    change: Change
    path: str
    value: Any = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    Attributes:
        path: JSON pointer into the written policy; empty for the whole policy.
        code: stable, lower case with hyphens.
        severity: see `Severity`.
        sentence: what is the matter, for people.
        fix: what to do about it.
        edit: the fix as steps that `mended` applies; it changes no meaning. Empty where a person
            has to decide, and `fix` is a suggestion.
        policy: IRI of the policy, where a document holds several.
    """

    path: str
    code: str
    severity: Severity
    sentence: str
    fix: str
    edit: tuple[Step, ...] = field(default=(), hash=False)
    policy: str = ""


@dataclass(frozen=True, slots=True)
class Wording:
    """A finding in one language.

    Attributes:
        sentence: what is the matter.
        fix: what to do.
        otherwise: what to do where the last term is empty (no near term is known); may be empty.
    """

    sentence: str
    fix: str
    otherwise: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A kind of finding.

    Attributes:
        severity: see `Severity`.
        words: language -> `Wording`.
    """

    severity: Severity
    words: Mapping[str, Wording]


Say = Callable[..., Finding]  # (path, code, *terms, edit=…)


def finding(
    path: str, code: str, *terms: Term, lang: str = "en", edit: tuple[Step, ...] = ()
) -> Finding:
    """Return a finding in a language (`en` or `fr`)."""
    entry = table()[code]
    words = entry.words.get(lang) or entry.words["en"]
    filled = [_in(term, lang)[:MAX_TERM] for term in terms]
    fix = words.otherwise if words.otherwise and not filled[-1] else words.fix
    return Finding(
        path, code, entry.severity, words.sentence.format(*filled), fix.format(*filled), edit
    )


def unknown_term(
    path: str, code: str, name: str, near: str, profiles: Collection[str], say: Say
) -> Finding:
    """Return a finding on a term that is not known, which a profile not known here may define.

    Args:
        path: JSON pointer.
        code: what it is when no such profile is declared.
        name: the term.
        near: the nearest known one; may be empty.
        profiles: those that the policy declares and that are not known here.
        say: makes findings in the language asked for.
    """
    if profiles:
        return say(path, "term-of-unknown-profile", name, min(profiles), near)
    return say(path, code, name, near)


def speaker(lang: str) -> Say:
    """Return `finding` for one language."""
    return partial(finding, lang=lang)


@cache
def table() -> Mapping[str, Entry]:
    """Return code -> kind of finding, in the order of the manual."""
    data = json.loads(
        files("policies_odrl").joinpath("checking", "findings.json").read_text("utf-8")
    )
    return MappingProxyType(
        {
            code: Entry(
                Severity(entry["severity"]),
                MappingProxyType({lang: Wording(**entry[lang]) for lang in LANGUAGES}),
            )
            for code, entry in data.items()
        }
    )


def _in(term: Term, lang: str) -> str:
    if isinstance(term, str):
        return term
    return term[1] if lang == "fr" else term[0]
