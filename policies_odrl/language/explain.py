"""A policy as numbered sentences that people without ODRL read; the IRIs they mention end the text.

Numbers are those of `outline.py`, sentences those of `statements.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from policies_odrl.language.conditions import Speech
from policies_odrl.language.outline import number
from policies_odrl.language.references import References
from policies_odrl.language.spelled import spelled, spelled_constraint
from policies_odrl.language.statements import KINDS, ROWS, Row, slots, stated
from policies_odrl.model import (
    Common,
    Condition,
    LogicalConstraint,
    Policy,
    Rule,
    each_constraint,
)


@dataclass(frozen=True, slots=True)
class Line:
    """One numbered sentence.

    Attributes:
        number: `B`, `2`, `2.3`, `2.3(a)`.
        path: JSON pointer of what it says, in the written policy; empty for the whole policy.
        text: the sentence.
    """

    number: str
    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.number}. {self.text}"


def explain(policy: Policy, lang: str = "en") -> tuple[str, ...]:
    r"""Return the policy in sentences, and at the end the IRIs that they mention by number.

    Args:
        policy: see `model.py`.
        lang: `en` or `fr`.

    Raises:
        ValueError: another language.

    >>> from policies_odrl import Action, Permission, Policy, PolicyKind
    >>> read = Permission(action=Action("http://www.w3.org/ns/odrl/2/read"))
    >>> print(*explain(Policy(kind=PolicyKind.SET, permissions=(read,))), sep="\n")
    A. This is a set of rules.
    1. It is permitted to read the data.
    B. Whatever is not permitted here is refused.
    """
    references = References()
    lines = [str(line) for line in numbered(policy, lang, references)]
    return (*lines, *references.lines())


def numbered(policy: Policy, lang: str, references: References | None = None) -> tuple[Line, ...]:
    """Return the sentences with their numbers and with what they are about.

    Raises:
        ValueError: a language that there are no sentences in.
    """
    speech = Speech(lang, References() if references is None else references)
    whole = spelled(policy if policy.inherits else replace(policy, common=Common()))
    return tuple(_lines(whole, "", (*KINDS, *ROWS[Policy]), "", speech))


def _lines(
    part: Any, path: str, rows: tuple[Row, ...], above: str, speech: Speech
) -> Iterator[Line]:
    counts = Counter[bool]()
    for row, where, value in stated(part, path, rows):
        digits = row.has_digits(top=not above)
        counts[digits] += 1
        here = number(above, counts[digits], digits=digits)
        yield Line(here, where, speech.say(row.pair, **slots(row, value)))
        inner = value[1] if row.slot == "function" else value
        left = speech.left(inner) if isinstance(inner, Rule) else inner
        yield from _lines(left, where, ROWS.get(type(inner), ()), here, speech)


def sentence(item: Condition, lang: str = "en") -> str:
    """Return one condition in words, without a full stop; IRIs without a name as they are."""
    said = each_constraint(item, spelled_constraint)
    opened = Speech(lang).condition(said).removesuffix(".")
    if not isinstance(said, LogicalConstraint):
        return opened
    return f"{opened} {'; '.join(sentence(part, lang) for part in said.operands)}"
