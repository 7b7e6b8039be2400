"""Numbered sentences to a policy: the way back from `explain.py`.

What was read is written again and must come out sentence by sentence as it went in, so that nothing
is guessed, added or dropped.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any, Final

from policies_odrl.errors import LimitExceeded, NotUnderstood
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.language.conditions import Speech
from policies_odrl.language.explain import Line, Row, number, numbered, rows
from policies_odrl.language.forms import not_understood
from policies_odrl.language.naming import described_alike
from policies_odrl.language.phrases import cut, mistake, plain
from policies_odrl.language.voice import References, entry
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


def from_sentences(
    text: str | Iterable[str], lang: str = "en", knowledge: Knowledge = NOTHING_MORE
) -> Policy:
    """Return the policy that numbered sentences state; `knowledge` is that of `explain`.

    Raises:
        NotUnderstood: a sentence that `explain` does not write, or one that is missing.
        LimitExceeded: the text is too long.
        ValueError: another language than `en` or `fr`.
    """
    entries, references = outline(text)
    speech = Speech(lang, references)
    if not entries:
        raise mistake(NotUnderstood, "no-sentence")
    made = _members(entries[:1], rows("kinds"), speech)
    made |= _members(entries[1:], rows("Policy"), speech)
    policy = described_alike(Policy(**made | {"common": Common(**made.get("common", {}))}))
    _insist(numbered(policy, lang, references, knowledge), entries, references)
    return policy


def outline(text: str | Iterable[str]) -> tuple[list[Entry], References]:
    """Return the sentences of a text, and the IRIs that it lists; empty lines do not count.

    Raises:
        NotUnderstood: a line without a number, or a number out of order.
        LimitExceeded: the text is too long, or numbered too deep.
    """
    lines = text.split("\n") if isinstance(text, str) else list(text)
    if len(lines) > MAX_LINES or sum(map(len, lines)) > MAX_TEXT:
        raise mistake(LimitExceeded, "too-long", lines=MAX_LINES, limit=MAX_TEXT)
    if any(len(line) > MAX_LINE for line in lines):
        raise mistake(LimitExceeded, "line-too-long", limit=MAX_LINE)
    root, references = Entry("", ""), References()
    known = {"": root}
    counts = Counter[tuple[str, bool]]()
    for line in filter(None, map(str.strip, lines)):
        listed = entry(line)
        if listed is not None:
            if not references.add(*listed):
                raise mistake(NotUnderstood, "listed-twice", text=cut(line))
        elif references:
            raise mistake(NotUnderstood, "after-the-list", text=cut(line))
        else:
            _place(plain(line), known, counts)
    return root.below, references


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
    """Return the members of a part that sentences state; those of an attribute in a mapping."""
    found: dict[str, list[Any]] = {}
    single = {row.member for row in known if not row.many}
    for item in entries:
        row, slots = _heard(item, known, speech)
        values = found.setdefault(row.member, [])
        if values and row.member in single:
            raise mistake(NotUnderstood, "said-again", number=item.number)
        values.append(_value(row, slots, item, speech))
    made: dict[str, Any] = {}
    for name, values in found.items():
        whole, _, member = name.rpartition(".")
        owner = made.setdefault(whole, {}) if whole else made
        owner[member] = values[0] if name in single else tuple(values)
    made.pop("", None)
    return made


def _heard(item: Entry, known: tuple[Row, ...], speech: Speech) -> tuple[Row, dict[str, Any]]:
    digits, top = item.number[-1].isdigit(), item.number.isalnum()
    fitting = [row for row in known if row.has_digits(top=top) is digits]
    for row in fitting:
        slots = speech.hear(row.pair, item.text)
        if slots is not None:
            return row, slots
    if not known:
        raise mistake(NotUnderstood, "too-many", number=item.number, text=cut(item.text))
    forms = [row.pair[speech.index] for row in fitting or known]
    raise not_understood(item.number, item.text, forms, speech)


def _value(row: Row, slots: dict[str, Any], item: Entry, speech: Speech) -> Any:
    if row.slot == "rule":
        return _rule(row, slots, item, speech)
    found = row.value(slots)
    inner = found[1] if row.slot == "function" else found
    made = _members(item.below, rows(type(inner).__name__), speech)
    whole = replace(inner, **made) if made else inner
    return (found[0], whole) if row.slot == "function" else whole


def _rule(row: Row, slots: dict[str, Any], item: Entry, speech: Speech) -> Rule:
    kinds: dict[str, type[Rule]] = {"permission": Permission, "prohibition": Prohibition}
    kind = kinds.get(row.name, Duty)
    deed: Rule = slots["deed"]
    made = _members(item.below, rows(kind.__name__), speech)
    made["action"] = Action(deed.action.id, **made.get("action", {}))
    for name in ("constraints", "functions"):
        made[name] = getattr(deed, name) + made.get(name, ())
    return kind(**{"target": deed.target, "id": slots["id"]} | made)


def _insist(lines: Sequence[Line], entries: list[Entry], references: References) -> None:
    for line, item in zip_longest(lines, _flat(entries)):
        if line is None or item is None:
            key, it = ("missing", line) if line else ("too-many", item)
            raise mistake(NotUnderstood, key, number=it.number, text=cut(it.text))
        if line.number != item.number or line.text != item.text:
            slots = {"number": item.number, "text": cut(item.text)}
            slots |= {"expected": line.number, "form": cut(line.text)}
            raise mistake(NotUnderstood, "otherwise-written", ("", ""), **slots)
    unused = references.unused()
    if unused is not None:
        raise mistake(NotUnderstood, "unused", number=unused)


def _flat(entries: list[Entry]) -> list[Entry]:
    return [it for item in entries for it in (item, *_flat(item.below))]
