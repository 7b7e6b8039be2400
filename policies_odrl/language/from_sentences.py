"""Numbered sentences to a policy: the way back from `explain.py`.

Rules: only what `explain` writes is understood; a sentence that is not stops the reading and is
named with the nearest form that is; what was read is written again and must come out sentence by
sentence as it went in, so that nothing is guessed, added or dropped. The numbers of the list of
IRIs may differ from those that `explain` would give.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

from policies_odrl.errors import NotUnderstood
from policies_odrl.language import phrases
from policies_odrl.language.explain import numbered
from policies_odrl.language.grammar import condition_forms, nearest
from policies_odrl.language.hearing import Listener
from policies_odrl.language.outline import Entry, Outline, cut, outline
from policies_odrl.language.phrases import LANGUAGES, Pair
from policies_odrl.language.references import References
from policies_odrl.model import (
    Action,
    AssetRef,
    Common,
    Condition,
    Conflict,
    Duty,
    LogicalConstraint,
    PartyRef,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Rule,
)

_Ref = TypeVar("_Ref", AssetRef, PartyRef)
_Slots = dict[str, Any]

_TOP: Final = ("permission", "prohibition", "obligation")
_CONDITIONS: Final = {"refined": "refinements", "only-if": "constraints", "unread": "unread"}
_BELOW: Final[Mapping[str, str]] = {
    "permission": "duty",
    "prohibition": "remedy",
    "obligation": "consequence",
    "duty": "consequence",
    "remedy": "consequence",
    "consequence": "consequence",
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
    ...     "1. It is permitted to read.",
    ...     "1.1. Condition: until 30 June 2027 inclusive.",
    ...     "B. Dates and times without a time zone are read as UTC.",
    ...     "C. Whatever is not permitted here is refused.",
    ... )
    >>> from_sentences(lines).permissions[0].constraints[0].right[0].lexical
    '2027-06-30'
    """
    if lang not in LANGUAGES:
        raise ValueError(f"no sentences in `{lang}`")
    found = outline(text)
    policy = _Reader(Listener(lang, References(found.listed))).policy(found.entries)
    _insist(policy, found, lang)
    return policy


def _insist(policy: Policy, found: Outline, lang: str) -> None:
    """Raise unless the policy reads as the text it came from."""
    references = References(found.listed)
    again = numbered(policy, lang, references)
    before = _flat(found.entries)
    for line, entry in zip(again, before, strict=False):
        if line.number != entry.number or line.text != entry.text:
            raise NotUnderstood(
                f"sentence {entry.number} is not as it would be written: `{cut(entry.text)}`; "
                f"expected {line.number}: `{cut(line.text)}`"
            )
    if len(again) != len(before):
        missing = again[len(before)] if len(again) > len(before) else before[len(again)]
        word = "is missing" if len(again) > len(before) else "is one too many"
        raise NotUnderstood(f"sentence {missing.number} {word}: `{cut(missing.text)}`")
    unused = references.unused()
    if unused:
        raise NotUnderstood(f"[{unused[0]}] is listed, but no sentence mentions it")


def _flat(entries: Iterable[Entry]) -> list[Entry]:
    stack = list(entries)[::-1]
    found = []
    while stack:
        entry = stack.pop()
        found.append(entry)
        stack.extend(reversed([*entry.below, *entry.parts]))
    return found


class _Reader:
    """Reads an outline with a listener."""

    __slots__ = ("_hear",)

    def __init__(self, listener: Listener) -> None:
        self._hear = listener

    # -- policy -----------------------------------------------------------------------------

    def policy(self, entries: Sequence[Entry]) -> Policy:
        if not entries:
            raise NotUnderstood("there is no sentence")
        made: _Slots = {"kind": self._kind(entries[0])}
        for entry in entries[1:]:
            if entry.number.isdigit():
                self._rule_into(made, entry)
            else:
                self._statement_into(made, entry)
        shared = made.pop("common", {})
        made["common"] = Common(**{name: _frozen(value) for name, value in shared.items()})
        return Policy(**{name: _frozen(value) for name, value in made.items()})

    def _kind(self, entry: Entry) -> PolicyKind:
        for kind, pair in phrases.KINDS.items():
            if self._hear.whole(pair, entry.text) is not None and not entry.below:
                return kind
        raise self._strange(entry, phrases.KINDS.values())

    def _statement_into(self, made: _Slots, entry: Entry) -> None:
        for key, pair in phrases.HEAD.items():
            slots = self._hear.whole(pair, entry.text)
            if slots is not None:
                self._state(made, key, slots, entry)
                return
        for key, pair in phrases.TAKEN_OVER.items():
            slots = self._hear.whole(pair, entry.text)
            if slots is not None:
                shared = made.setdefault("common", {})
                shared.setdefault(key, []).append(self._shared(key, slots, entry))
                return
        for key, pair in phrases.CLOSE.items():
            if self._hear.whole(pair, entry.text) is not None:
                if key in {item.value for item in Conflict}:
                    made["conflict"] = Conflict(key)
                return
        tables = (phrases.HEAD, phrases.TAKEN_OVER, phrases.CLOSE)
        raise self._strange(entry, [pair for table in tables for pair in table.values()])

    def _shared(self, key: str, slots: _Slots, entry: Entry) -> object:
        if key == "actions":
            return self._shared_action(slots, entry)
        item = self._chosen(slots.get("asset") or slots["party"], entry)
        return (slots["function"], item) if key == "functions" else item

    def _shared_action(self, slots: _Slots, entry: Entry) -> Action:
        made: _Slots = {"action-node": ""}
        for below in entry.below:
            item = self._condition(phrases.PARTS["refined"], below)
            if item is not None:
                made.setdefault("refinements", []).append(item)
            elif not self._note_into(made, below, ("action-note", "action-node")):
                raise self._strange(below, (phrases.PARTS["refined"], phrases.NOTES["action-note"]))
        about = [made.get(name, []) for name in ("refinements", "action-node", "action-note")]
        return Action(str(slots["action"]), *map(_frozen, about))

    def _state(self, made: _Slots, key: str, slots: _Slots, entry: Entry) -> None:
        match key:
            case "id":
                made["id"] = slots["iri"]
            case "profile":
                made.setdefault("profiles", []).append(slots["profile"])
            case "inherits":
                made.setdefault("inherits", []).append(slots["iri"])
            case "replaced":
                made["replaced_by"] = slots["iri"]
            case "timestamp":
                made["timestamp"] = slots["moment"]
            case "metadata":
                pair = (slots["property"], slots["value"])
                made.setdefault("metadata", []).append(pair)
            case _:
                made[key] = self._chosen(slots.get("asset") or slots["party"], entry)

    def _rule_into(self, made: _Slots, entry: Entry) -> None:
        for key in _TOP:
            rule = self._rule(key, entry)
            if rule is not None:
                made.setdefault(f"{key}s", []).append(rule)
                return
        raise self._strange(entry, [phrases.RULES[key] for key in _TOP])

    # -- rules ------------------------------------------------------------------------------

    def _rule(self, key: str, entry: Entry) -> Rule | None:
        slots = self._hear.whole(phrases.RULES[key], entry.text)
        if slots is None:
            return None
        action = slots.get("action") or slots["de_action"]
        made: _Slots = {"refinements": [], "duties": [], "action-note": [], "action-node": ""}
        for below in entry.below:
            self._part_into(made, _BELOW[key], below)
        duties = tuple(made.pop("duties"))
        about = [made.pop(name) for name in ("refinements", "action-node", "action-note")]
        parts = {name: _frozen(value) for name, value in made.items()}
        parts |= {"id": slots["id"], "action": Action(str(action), *map(_frozen, about))}
        if key == "permission":
            return Permission(**parts, duties=duties)
        if key == "prohibition":
            return Prohibition(**parts, remedies=duties)
        return Duty(**parts, consequences=duties)

    def _part_into(self, made: _Slots, below: str, entry: Entry) -> None:
        duty = self._rule(below, entry)
        if duty is not None:
            made["duties"].append(duty)
            return
        for key, name in _CONDITIONS.items():
            item = self._condition(phrases.PARTS[key], entry)
            if item is not None:
                made.setdefault(name, []).append(item)
                return
        for key in ("target", "assigner", "assignee", "output", "function"):
            slots = self._hear.whole(phrases.PARTS[key], entry.text)
            if slots is not None:
                self._reference_into(made, key, slots, entry)
                return
        if self._note_into(made, entry, ("note", "action-note", "action-node")):
            return
        pairs = [pair for key, pair in phrases.PARTS.items() if key not in _CONDITIONS]
        raise self._strange(entry, (phrases.RULES[below], *pairs))

    def _note_into(self, made: _Slots, entry: Entry, keys: tuple[str, ...]) -> bool:
        """Take up a remark, if the sentence is one of these, and return whether it is."""
        for key in keys:
            slots = self._hear.whole(phrases.NOTES[key], entry.text)
            if slots is None:
                continue
            if key.endswith("note"):
                pair = (slots["property"], slots["value"])
                made.setdefault("notes" if key == "note" else key, []).append(pair)
            else:
                made[key] = next(iter(slots.values()))
            return True
        return False

    def _reference_into(self, made: _Slots, key: str, slots: _Slots, entry: Entry) -> None:
        item = self._chosen(slots.get("asset") or slots["party"], entry)
        if key == "function":
            made.setdefault("functions", []).append((slots["function"], item))
        elif key in made:
            raise NotUnderstood(f"sentence {entry.number} says again: `{cut(entry.text)}`")
        else:
            made[key] = item

    def _chosen(self, item: _Ref, entry: Entry) -> _Ref:
        refinements = []
        made: _Slots = {}
        for below in entry.below:
            part = self._condition(phrases.CHOSEN, below)
            if part is not None:
                refinements.append(part)
            elif not self._note_into(made, below, ("note",)):
                raise self._strange(below, (phrases.CHOSEN, phrases.NOTES["note"]))
        return replace(item, refinements=tuple(refinements), notes=_frozen(made.get("notes", [])))

    # -- conditions -------------------------------------------------------------------------

    def _condition(self, pair: Pair, entry: Entry) -> Condition | None:
        """Return the condition of a sentence, or None when it does not begin as one."""
        before = self._hear.text(pair).partition("{")[0]
        if not entry.text.startswith(before):
            return None
        return self._stated(entry, before)

    def _stated(self, entry: Entry, before: str = "") -> Condition:
        text = entry.text.removeprefix(before)
        opened = self._hear.joined(text)
        if opened is not None:
            made = self._notes(entry, ("note",))
            operands = tuple(self._stated(part) for part in entry.parts)
            return LogicalConstraint(opened[0], operands, opened[1], _frozen(made.get("notes", [])))
        leaf = self._hear.leaf(text)
        if leaf is None:
            raise self._unclear(entry, text, before)
        made = self._notes(entry, ("note", "datatype", "status"))
        return replace(leaf, **{name: _frozen(value) for name, value in made.items()})

    def _notes(self, entry: Entry, keys: tuple[str, ...]) -> _Slots:
        made: _Slots = {}
        for below in entry.below:
            if not self._note_into(made, below, keys):
                raise self._strange(below, [phrases.NOTES[key] for key in keys])
        return made

    # -- mistakes ---------------------------------------------------------------------------

    def _strange(self, entry: Entry, pairs: Iterable[Pair]) -> NotUnderstood:
        forms = [self._hear.text(pair) for pair in pairs]
        return nearest(entry.number, entry.text, forms, self._hear.lang)

    def _unclear(self, entry: Entry, text: str, before: str) -> NotUnderstood:
        forms = [before + form for form in condition_forms(text, self._hear.lang)]
        return nearest(entry.number, before + text, forms, self._hear.lang)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
