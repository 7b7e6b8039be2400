"""Numbered sentences to a policy: the way back from `explain.py`.

Only what `explain` writes is understood. What was read is written again and must come out sentence
by sentence as it went in, so that nothing is guessed, added or dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from policies_odrl.errors import NotUnderstood
from policies_odrl.language.conditions import Speech
from policies_odrl.language.explain import numbered
from policies_odrl.language.mistakes import cut, mistake, not_understood
from policies_odrl.language.outline import Entry, Outline, outline
from policies_odrl.language.phrases import table
from policies_odrl.language.references import References
from policies_odrl.language.statements import Name, Statement, policy_of
from policies_odrl.model import Policy


def _rows(*kinds: str) -> tuple[Name, ...]:
    return tuple((kind, row) for kind in kinds for row in table(kind))


_NOTE: Final[tuple[Name, ...]] = (("notes", "note"),)
_BARE: Final[tuple[Name, ...]] = (("parts", "bare"),)
_CHOSEN: Final[tuple[Name, ...]] = (("parts", "chosen"), *_NOTE)
_OF_ACTION: Final[tuple[Name, ...]] = (
    ("parts", "refined"),
    ("notes", "action-note"),
    ("notes", "action-node"),
)
_OF_RULE: Final[tuple[Name, ...]] = (
    *_OF_ACTION,
    ("parts", "only-if"),
    ("parts", "unread"),
    *(("parts", row) for row in ("target", "assigner", "assignee", "output", "function")),
    *_NOTE,
)
_OF_CONDITION: Final[tuple[Name, ...]] = (*_NOTE, ("notes", "datatype"), ("notes", "status"))
_CONDITIONS: Final = ("refined", "only-if", "unread", "chosen", "bare")
# Sentence -> those that may stand below it; below all others there is nothing, or a reference.
_BELOW: Final[Mapping[Name, tuple[Name, ...]]] = {
    ("rules", "permission"): (("rules", "duty"), *_OF_RULE),
    ("rules", "prohibition"): (("rules", "remedy"), *_OF_RULE),
    **{
        ("rules", row): (("rules", "consequence"), *_OF_RULE)
        for row in ("obligation", "duty", "remedy", "consequence")
    },
    **{("parts", row): _OF_CONDITION for row in _CONDITIONS},
    ("taken-over", "actions"): _OF_ACTION,
}


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
    found = outline(text)
    speech.references = References(found.listed)
    policy = _policy(found.entries, speech)
    _insist(policy, found, lang)
    return policy


def _policy(entries: Sequence[Entry], speech: Speech) -> Policy:
    if not entries:
        raise mistake(NotUnderstood, "no-sentence")
    made = [_statement(entries[0], _rows("kinds"), speech)]
    for entry in entries[1:]:
        rule = entry.number.isdigit()
        first = (("rules", "permission"), ("rules", "prohibition"), ("rules", "obligation"))
        options = first if rule else _rows("head", "taken-over", "close")
        made.append(_statement(entry, options, speech))
    return policy_of(made)


def _statement(entry: Entry, options: Sequence[Name], speech: Speech) -> Statement:
    """Return the statement of a sentence that may be any of some."""
    for name in options:
        slots = speech.hear(table(name[0])[name[1]], entry.text)
        if slots is not None:
            below = _BELOW.get(name, _CHOSEN)
            return Statement(
                name,
                slots=slots,
                below=[_statement(item, below, speech) for item in entry.below],
                parts=[_statement(item, _BARE, speech) for item in entry.parts],
                number=entry.number,
            )
    forms = [table(kind)[row][speech.index] for kind, row in options]
    raise not_understood(entry.number, entry.text, forms, speech)


def _insist(policy: Policy, found: Outline, lang: str) -> None:
    """Raise unless the policy reads as the text it came from."""
    references = References(found.listed)
    again = numbered(policy, lang, references)
    before = _flat(found.entries)
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


def _flat(entries: Iterable[Entry]) -> list[Entry]:
    stack = list(entries)[::-1]
    found = []
    while stack:
        entry = stack.pop()
        found.append(entry)
        stack.extend(reversed([*entry.below, *entry.parts]))
    return found
