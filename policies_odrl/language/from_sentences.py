"""Numbered sentences to a policy: the way back from `explain.py`.

Only what `explain` writes is understood. What was read is written again and must come out sentence
by sentence as it went in, so that nothing is guessed, added or dropped. Numbers follow one another
without gaps; the list of IRIs comes last; a line that is neither is a mistake that is named.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from policies_odrl.errors import LimitExceeded, NotUnderstood
from policies_odrl.language import references as listing
from policies_odrl.language.conditions import Speech
from policies_odrl.language.explain import number, numbered
from policies_odrl.language.mistakes import cut, mistake, not_understood
from policies_odrl.language.statements import Row, rows, value
from policies_odrl.model import Action, Common, Duty, Permission, Policy, Prohibition, Rule

MAX_TEXT: Final = 8_000_000  # characters
MAX_LINE: Final = 100_000  # characters
MAX_LINES: Final = 100_000
MAX_BRANCHES: Final = 64  # parts of a number

_LINE: Final = re.compile(r"((?:[A-Z]{1,4}|\d{1,6})(?:\.\d{1,6}|\([a-z]{1,4}\))*)\. ")


@dataclass(slots=True)
class Entry:
    """A numbered sentence with those below it."""

    number: str
    text: str
    below: list[Entry] = field(default_factory=list)


def from_sentences(text: str | Iterable[str], lang: str = "en") -> Policy:
    """Return the policy that numbered sentences state.

    Args:
        text: the sentences, one a line.
        lang: `en` or `fr`.

    Raises:
        NotUnderstood: a sentence that `explain` does not write, or one that is missing.
        LimitExceeded: the text is too long.
        ValueError: another language.

    >>> lines = (
    ...     "A. This is a set of rules.",
    ...     "1. It is permitted to read the data.",
    ...     "1.1. Condition: until 30 June 2027 inclusive.",
    ...     "B. Dates and times without a time zone are read as UTC.",
    ...     "C. Whatever is not permitted here is refused.",
    ... )
    >>> from_sentences(lines).permissions[0].constraints[0].right[0].lexical
    '2027-06-30'
    """
    speech = Speech(lang)
    entries, speech.references = outline(text)
    if not entries:
        raise mistake(NotUnderstood, "no-sentence")
    made = _members(entries[:1], rows("kinds"), speech)
    made |= _members(entries[1:], rows("Policy"), speech)
    policy = Policy(**made | {"common": Common(**made.get("common", {}))})
    _insist(policy, entries, speech.references, lang)
    return policy


def outline(text: str | Iterable[str]) -> tuple[list[Entry], listing.References]:
    """Return the sentences of a text, and the IRIs that it lists; empty lines do not count.

    Raises:
        NotUnderstood: a line without a number, or a number out of order.
        LimitExceeded: the text is too long, or numbered too deep.
    """
    root, references = Entry("", ""), listing.References()
    known = {"": root}
    counts = Counter[tuple[str, bool]]()
    for line in _lines(text):
        listed = listing.entry(line)
        if listed is not None:
            if not references.add(*listed):
                raise mistake(NotUnderstood, "listed-twice", text=cut(line))
        elif references:
            raise mistake(NotUnderstood, "after-the-list", text=cut(line))
        else:
            _place(line, known, counts)
    return root.below, references


def _lines(text: str | Iterable[str]) -> list[str]:
    lines = text.split("\n") if isinstance(text, str) else list(text)
    if len(lines) > MAX_LINES or sum(map(len, lines)) > MAX_TEXT:
        raise mistake(LimitExceeded, "too-long", lines=MAX_LINES, limit=MAX_TEXT)
    if any(len(line) > MAX_LINE for line in lines):
        raise mistake(LimitExceeded, "line-too-long", limit=MAX_LINE)
    return [line.strip() for line in lines if line.strip()]


def _place(line: str, known: dict[str, Entry], counts: Counter[tuple[str, bool]]) -> None:
    match = _LINE.match(line)
    if match is None:
        raise mistake(NotUnderstood, "no-number", text=cut(line))
    made = Entry(match[1], line[match.end() :])
    if made.number.count(".") + made.number.count("(") > MAX_BRANCHES:
        raise mistake(LimitExceeded, "too-deep", number=cut(made.number), limit=MAX_BRANCHES)
    mark = "(" if made.number.endswith(")") else "."
    above, digits = made.number.rpartition(mark)[0], made.number[-1].isdigit()
    if above not in known:
        raise mistake(NotUnderstood, "nothing-above", number=made.number)
    counts[above, digits] += 1
    expected = number(above, counts[above, digits], digits=digits)
    if made.number != expected:
        raise mistake(NotUnderstood, "out-of-order", number=made.number, expected=expected)
    known[above].below.append(made)
    known[made.number] = made


def _members(entries: Sequence[Entry], known: tuple[Row, ...], speech: Speech) -> dict[str, Any]:
    """Return the members of a part that sentences state; those of an attribute in a mapping.

    Raises:
        NotUnderstood: a sentence is none of these, or says what can only be said once.
    """
    found: dict[str, list[Any]] = {}
    single = {row.member for row in known if not row.many}
    for entry in entries:
        row, slots = _heard(entry, known, speech)
        values = found.setdefault(row.member, [])
        if values and row.member in single:
            raise mistake(NotUnderstood, "said-again", number=entry.number)
        values.append(_value(row, slots, entry, speech))
    found.pop("", None)
    made: dict[str, Any] = {}
    for name, values in found.items():
        whole, _, member = name.rpartition(".")
        owner = made.setdefault(whole, {}) if whole else made
        owner[member] = values[0] if name in single else tuple(values)
    return made


def _heard(entry: Entry, known: tuple[Row, ...], speech: Speech) -> tuple[Row, dict[str, Any]]:
    digits, top = entry.number[-1].isdigit(), entry.number.isalnum()
    fitting = [row for row in known if row.has_digits(top=top) is digits]
    for row in fitting:
        slots = speech.hear(row.pair, entry.text)
        if slots is not None:
            return row, slots
    if not known:
        raise mistake(NotUnderstood, "too-many", number=entry.number, text=cut(entry.text))
    forms = [row.pair[speech.index] for row in fitting or known]
    raise not_understood(entry.number, entry.text, forms, speech)


def _value(row: Row, slots: dict[str, Any], entry: Entry, speech: Speech) -> Any:
    """Return what a sentence states, with all that is said below it."""
    if row.slot == "rule":
        return _rule(row, slots, entry, speech)
    found = value(row, slots)
    inner = found[1] if row.slot == "function" else found
    made = _members(entry.below, rows(type(inner).__name__), speech)
    whole = replace(inner, **made) if made else inner
    return (found[0], whole) if row.slot == "function" else whole


def _rule(row: Row, slots: dict[str, Any], entry: Entry, speech: Speech) -> Rule:
    kinds: dict[str, type[Rule]] = {"permission": Permission, "prohibition": Prohibition}
    kind = kinds.get(row.name, Duty)
    deed: Rule = slots["deed"]
    made = _members(entry.below, rows(kind.__name__), speech)
    made["action"] = Action(deed.action.id, **made.get("action", {}))
    made["constraints"] = deed.constraints + made.get("constraints", ())
    made["functions"] = deed.functions + made.get("functions", ())
    rule: Rule = kind(**{"target": deed.target, "id": slots["id"]} | made)
    return rule


def _insist(
    policy: Policy, entries: list[Entry], references: listing.References, lang: str
) -> None:
    """Raise unless the policy reads as the text it came from."""
    again = numbered(policy, lang, references)
    before = _flat(entries)
    for line, entry in zip(again, before, strict=False):
        if line.number != entry.number or line.text != entry.text:
            raise mistake(
                NotUnderstood,
                "otherwise-written",
                number=entry.number,
                text=cut(entry.text),
                expected=line.number,
                form=cut(line.text),
            )
    if len(again) != len(before):
        missing = again[len(before)] if len(again) > len(before) else before[len(again)]
        key = "missing" if len(again) > len(before) else "too-many"
        raise mistake(NotUnderstood, key, number=missing.number, text=cut(missing.text))
    unused = references.unused()
    if unused:
        raise mistake(NotUnderstood, "unused", number=unused[0])


def _flat(entries: list[Entry]) -> list[Entry]:
    return [item for entry in entries for item in (entry, *_flat(entry.below))]
