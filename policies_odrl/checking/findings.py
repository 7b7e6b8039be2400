"""What the check of a policy can find: how bad it is, where, what to do, in English and French.

The texts are data (`findings.json`), filled with terms of the policy, cut to a readable length.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any

from policies_odrl.vocabulary import loaded

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
    """One finding.

    Attributes:
        path: JSON pointer into the written policy; empty for the whole policy.
        code: stable, lower case with hyphens.
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


@cache
def table() -> Mapping[str, Mapping[str, Any]]:
    """Return code -> its severity and, by language, sentence and fix, in the order of the manual.

    `otherwise` is what to do where the last term is empty, because no near term is known.
    """
    return loaded("checking/findings.json")
