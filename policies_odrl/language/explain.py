"""A policy as numbered sentences that people without ODRL read; the IRIs they mention end the text.

What concerns the whole policy has a letter, a rule a number, what is below a rule the number's
branches (`2.3`, and `2.3(a)` for the parts of a choice). Values get one spelling, and what they
mean stays the same. Members and their sentences stand in `members.json`, for both ways.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from operator import attrgetter
from string import ascii_lowercase
from typing import Any, Final, NamedTuple

from policies_odrl import model
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.language.conditions import Speech
from policies_odrl.language.naming import called, described_alike, described_once
from policies_odrl.language.phrases import Pair, stated, table
from policies_odrl.language.voice import References
from policies_odrl.model import XSD, Condition, Constraint, Literal, Policy, Rule
from policies_odrl.values import Duration, Span, naive, scalar
from policies_odrl.vocabulary import OPERANDS, Kind

MAX_DIGITS: Final = 40
_PAIRS: Final = {"note": ("property", "value"), "function": ("function", "party")}


@dataclass(frozen=True, slots=True)
class Line:
    """One numbered sentence."""

    number: str  # `B`, `2`, `2.3`, `2.3(a)`
    path: str  # JSON pointer of what it says, in the written policy; empty for the whole policy
    text: str

    def __str__(self) -> str:
        return f"{self.number}. {self.text}"


def explain(
    policy: Policy, lang: str = "en", knowledge: Knowledge = NOTHING_MORE
) -> tuple[str, ...]:
    """Return the policy in sentences, and at the end the IRIs that they mention by number.

    Terms of profiles go by the labels that the profiles state (`knowledge`).

    Raises:
        ValueError: another language than `en` or `fr`.
    """
    references = References()
    lines = [str(line) for line in numbered(policy, lang, references, knowledge)]
    return (*lines, *references.lines())


def numbered(
    policy: Policy,
    lang: str,
    references: References | None = None,
    knowledge: Knowledge = NOTHING_MORE,
) -> tuple[Line, ...]:
    """Return the sentences with their numbers and with what they are about.

    Raises:
        ValueError: a language that there are no sentences in.
    """
    references = References() if references is None else references
    whole = spelled(policy if policy.inherits else replace(policy, common=model.Common()))
    references.names, speech = called(whole, lang, knowledge), Speech(lang, references)
    return tuple(_lines(described_once(whole), "", (*rows("kinds"), *rows("Policy")), "", speech))


def _lines(
    part: Any, path: str, members: tuple[Row, ...], above: str, speech: Speech
) -> Iterator[Line]:
    counts = Counter[bool]()
    for row, where, value in _said(part, path, members):
        digits = row.has_digits(top=not above)
        counts[digits] += 1
        here = number(above, counts[digits], digits=digits)
        yield Line(here, where, speech.say(row.pair, **row.slots(value)))
        inner = value[1] if row.slot == "function" else value
        left = speech.left(inner) if isinstance(inner, Rule) else inner
        yield from _lines(left, where, rows(type(inner).__name__), here, speech)


def number(above: str, count: int, *, digits: bool) -> str:
    """Return the number of a sentence below another one, or below none."""
    if digits:
        return f"{above}.{count}" if above else str(count)
    word = ""
    while count > 0:
        count, rest = divmod(count - 1, len(ascii_lowercase))
        word = ascii_lowercase[rest] + word
    return f"{above}({word})" if above else word.upper()


def sentence(item: Condition, lang: str = "en") -> str:
    """Return one condition in words, without a full stop; IRIs without a name as they are."""
    said = model.each(item, Constraint, spelled_constraint)
    opened = Speech(lang).condition(said).removesuffix(".")
    if not isinstance(said, model.LogicalConstraint):
        return opened
    between = " ; " if lang == "fr" else "; "
    return f"{opened} {between.join(sentence(part, lang) for part in said.operands)}"


def spelled(policy: Policy) -> Policy:
    """Return the policy with its values in one spelling, and what it shares once."""
    shared: dict[str, Any] = {
        f"{name}s": tuple(
            it for it in getattr(policy.common, f"{name}s") if it != getattr(policy, name)
        )
        for name in ("target", "assigner", "assignee")
    }
    whole = replace(policy, common=replace(policy.common, **shared))
    return described_alike(model.each(whole, Constraint, spelled_constraint))


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


class Row(NamedTuple):
    """A member of a part of a policy, and its sentence: a row of `members.json`."""

    kind: str
    name: str
    member: str
    path: str
    slot: str
    many: bool

    @property
    def pair(self) -> Pair:
        """The sentence in both languages."""
        return table(self.kind)[self.name]

    def has_digits(self, *, top: bool) -> bool:
        """Return whether its number ends in digits: rules do, and what is no part of a choice."""
        return self.kind == "rules" if top else self.name != "bare"

    def slots(self, value: Any) -> dict[str, Any]:
        """Return what the slots of the sentence hold."""
        if self.slot in _PAIRS:
            return dict(zip(_PAIRS[self.slot], value, strict=True))
        if self.slot == "rule":
            return {"deed": value, "id": value.id}
        return {self.slot: value.id if self.slot == "action" else value}

    def value(self, slots: Mapping[str, Any]) -> Any:
        """Return the value that slots hold, without what is said below the sentence."""
        if self.slot in _PAIRS:
            return tuple(slots[slot] for slot in _PAIRS[self.slot])
        if self.slot == "action":
            return model.Action(slots["action"])
        if self.slot:
            return slots[self.slot]
        return {"kind": model.PolicyKind, "conflict": model.Conflict}.get(self.member, str)(
            self.name
        )


@cache
def rows(part: str) -> tuple[Row, ...]:
    """Return the members of a class of the model; none where it has no sentences below it."""
    found: list[Row] = []
    for item in stated("members").get(part, ()):
        if isinstance(item, str):
            found += rows(item)
        else:
            kind, name = item["say"].split()
            of, at, slot = (item.get(key, "") for key in ("of", "at", "slot"))
            found.append(Row(kind, name, of, at, slot, "one" not in item))
    return tuple(found)


def _said(part: Any, path: str, members: tuple[Row, ...]) -> Iterator[tuple[Row, str, Any]]:
    """Yield (row, JSON pointer, value) of each sentence of a part of a policy."""
    for row in members:
        found = attrgetter(row.member)(part) if row.member else row.name
        if not row.slot:
            if found == row.name and (row.member or _implied(row.name, part)):
                yield row, row.path, found
            continue
        for index, value in enumerate(found if row.many else (found,)):
            if value:
                name = value[0] if row.slot == "function" else ""
                name = model.below(part, "") if row.name == "bare" else name
                yield row, path + row.path.replace("*", str(index)).replace("?", name), value


def _implied(name: str, policy: model.Policy) -> bool:
    if name == "unsaid":
        return policy.conflict is None and bool(policy.permissions and policy.prohibitions)
    instants = (
        item
        for item in model.all_in(policy, Constraint)
        if item.left in OPERANDS and OPERANDS[item.left].kind is Kind.INSTANT
    )
    return name != "zones" or any(naive(value) for item in instants for value in item.right)
