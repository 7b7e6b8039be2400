"""A policy as numbered sentences that people without ODRL read; the IRIs they mention end the text.

What concerns the whole policy has a letter, a rule a number, what is below a rule the number's
branches (`2.3`, and `2.3(a)` for the parts of a choice). Values get one spelling: numbers become
xsd:decimal without exponent or sign of plus, times and durations get their own datatype; only
right operands change, where their kind reads them, and what they mean stays the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from string import ascii_lowercase
from typing import Any, Final

from policies_odrl import model
from policies_odrl.language.conditions import Speech
from policies_odrl.language.references import References
from policies_odrl.language.statements import Row, rows, stated
from policies_odrl.model import XSD, Condition, Constraint, Literal, Policy, Rule
from policies_odrl.values import Duration, Span, scalar
from policies_odrl.vocabulary import OPERANDS, Kind

MAX_DIGITS: Final = 40


@dataclass(frozen=True, slots=True)
class Line:
    """One numbered sentence."""

    number: str  # `B`, `2`, `2.3`, `2.3(a)`
    path: str  # JSON pointer of what it says, in the written policy; empty for the whole policy
    text: str

    def __str__(self) -> str:
        return f"{self.number}. {self.text}"


def explain(policy: Policy, lang: str = "en") -> tuple[str, ...]:
    r"""Return the policy in sentences, and at the end the IRIs that they mention by number.

    Raises:
        ValueError: another language than `en` or `fr`.

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
    whole = spelled(policy if policy.inherits else replace(policy, common=model.Common()))
    return tuple(_lines(whole, "", (*rows("kinds"), *rows("Policy")), "", speech))


def _lines(
    part: Any, path: str, members: tuple[Row, ...], above: str, speech: Speech
) -> Iterator[Line]:
    counts = Counter[bool]()
    for row, where, value in stated(part, path, members):
        digits = row.has_digits(top=not above)
        counts[digits] += 1
        here = number(above, counts[digits], digits=digits)
        yield Line(here, where, speech.say(row.pair, **row.slots(value)))
        inner = value[1] if row.slot == "function" else value
        left = speech.left(inner) if isinstance(inner, Rule) else inner
        yield from _lines(left, where, rows(type(inner).__name__), here, speech)


def number(above: str, count: int, *, digits: bool) -> str:
    """Return the number of a sentence below another one, or below none.

    >>> number("", 2, digits=False), number("2", 1, digits=True), number("2.1", 27, digits=False)
    ('B', '2.1', '2.1(aa)')
    """
    if digits:
        return f"{above}.{count}" if above else str(count)
    word = ""
    while count > 0:
        count, rest = divmod(count - 1, len(ascii_lowercase))
        word = ascii_lowercase[rest] + word
    return f"{above}({word})" if above else word.upper()


def sentence(item: Condition, lang: str = "en") -> str:
    """Return one condition in words, without a full stop; IRIs without a name as they are."""
    said = model.each_constraint(item, spelled_constraint)
    opened = Speech(lang).condition(said).removesuffix(".")
    if not isinstance(said, model.LogicalConstraint):
        return opened
    return f"{opened} {'; '.join(sentence(part, lang) for part in said.operands)}"


def spelled(policy: Policy) -> Policy:
    """Return the policy with its values in one spelling.

    What it shares is what it states for all rules besides what it holds as a whole.
    """
    shared: dict[str, Any] = {
        f"{name}s": tuple(
            it for it in getattr(policy.common, f"{name}s") if it != getattr(policy, name)
        )
        for name in ("target", "assigner", "assignee")
    }
    whole = replace(policy, common=replace(policy.common, **shared))
    return model.each_constraint(whole, spelled_constraint)


def spelled_constraint(item: Constraint) -> Constraint:
    """Return a constraint with its values in one spelling."""
    operand = OPERANDS.get(item.left)
    if operand is None:
        return item
    return replace(item, right=tuple(_value(operand.kind, value) for value in item.right))


def _value(kind: Kind, value: model.Value) -> model.Value:
    found = scalar(kind, value)
    if found is None or not isinstance(value, Literal):
        return value
    text, datatype = value.lexical.strip(), value.datatype
    if isinstance(found, Decimal):
        plain = f"{found:f}"
        return Literal(plain, XSD + "decimal") if len(plain) <= MAX_DIGITS else value
    if isinstance(found, Span) and datatype in {model.XSD_STRING, XSD + "dateTimeStamp"}:
        datatype = XSD + ("dateTime" if "T" in text else "date")
    elif isinstance(found, Duration):
        datatype = XSD + "duration"
    return Literal(text, datatype, value.language)
