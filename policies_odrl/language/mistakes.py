"""What is wrong with a text, in English and French: the sentence, the word, the names there are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, Final, TypeVar

from policies_odrl.errors import NotUnderstood, OdrlError
from policies_odrl.language import labels
from policies_odrl.language.conditions import Speech, narrower, operator_form
from policies_odrl.language.grammar import condition_rows
from policies_odrl.language.phrases import parts, table
from policies_odrl.model import Constraint, Operator

MAX_NAMES: Final = 3  # names that a message proposes
_COMPARED: Final = 240  # characters of a sentence that are compared with the forms
_SHOWN: Final = 120
_ALIKE: Final = 0.5  # share of characters that a name has in common with what was written
_REMARKS: Final = frozenset({"id", "named", "narrower"})  # slots that may hold nothing
# What stands in a slot, roughly: a quoted name, a mention, a number.
_VALUE: Final = re.compile(r"“[^”]*”|« [^»]* »|\"[^\"]*\"|(?:[\w.\-]{1,40} )?\[\d{1,6}\]|\d[\d.,]*")
_WORD: Final = re.compile(r"[^\s,;:.]+")
_NAMED: Final = re.compile(r"“([^”]*)”|« ([^»]*) »")
_GROUPS: Final = {
    "action": "actions",
    "de_action": "actions",
    "deed": "actions",
    "de_deed": "actions",
    "operand": "operands",
    "function": "functions",
    "property": "properties",
    "datatype": "datatypes",
}

_Kind = TypeVar("_Kind", bound=OdrlError)


def mistake(kind: type[_Kind], key: str, /, *, node: str = "", **slots: str | int) -> _Kind:
    """Return an error that says what is wrong in both languages.

    Args:
        kind: class of the error.
        key: row of `mistakes` in `phrases.json`.
        node: where it is.
        slots: what the sentence is filled with.
    """
    english, french = _pair(key, **slots)
    return kind(english, **({"node": node} if node else {}), french=french)


def cut(text: str) -> str:
    """Return a text as messages show it."""
    shown = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in shown)


def not_understood(number: str, text: str, forms: Sequence[str], speech: Speech) -> NotUnderstood:
    """Return the mistake that names a sentence, the form nearest to it, and the word at fault.

    Args:
        number: of the sentence.
        text: the sentence.
        forms: templates of what may stand there.
        speech: reads the language of the text.
    """
    compared = _VALUE.sub("…", text[:_COMPARED])

    def nearness(form: str) -> float:
        at, _ = _stop(form, text, speech)
        ratio = SequenceMatcher(None, _shown(form), compared).ratio()
        return ratio + at / max(len(text), 1)

    best = max(_opened(text, forms, speech), key=nearness)
    found = mistake(NotUnderstood, "form", number=number, text=cut(text), form=_shown(best))
    why = _why(text, best, speech)
    return NotUnderstood(found.reason + why[0], french=found.french + why[1])


def _shown(template: str) -> str:
    """Return a template as people see it: each slot as `…`, a mere remark left out."""
    return "".join(
        before + ("…" if slot and slot not in _REMARKS else "") for before, slot in parts(template)
    )


def _opened(text: str, forms: Sequence[str], speech: Speech) -> Iterator[str]:
    """Yield the forms, those of conditions instead where the text opens one."""
    for form in forms:
        before = form.removesuffix("{condition}")
        if before == form:
            continue
        if text.startswith(before):
            found = _condition_forms(text.removeprefix(before), speech)
            yield from (before + item for item in found)
            return
    yield from forms


def _condition_forms(text: str, speech: Speech) -> Iterator[str]:
    """Yield the forms that a condition may have; of its operand, if it names one."""
    for name in labels.names("operands", speech.lang):
        operand = speech.word("operand", name=name)
        if text.startswith(f"{operand} "):
            left = labels.labelled("operands", name, speech.lang)
            yield from _forms_of(left, operand, speech)
            return
    yield from (f"{pair[speech.index]}{{named}}." for pair in condition_rows())
    yield from (pair[speech.index] for pair in table("connectives").values())


def _forms_of(left: str, operand: str, speech: Speech) -> Iterator[str]:
    for operator in Operator:
        wide = speech.word("narrower") if narrower(Constraint(left, operator, ())) else ""
        forms = {operator_form(operator, several=several) for several in (False, True)}
        yield from (f"{operand} {pair[speech.index]}{wide}{{named}}." for pair in sorted(forms))


def _why(text: str, form: str, speech: Speech) -> tuple[str, str]:
    """Return which word is not understood, and what names there are, in both languages."""
    for match in _NAMED.finditer(text[:_COMPARED]):
        name = match[1] or match[2] or ""
        if not any(labels.labelled(it, name, speech.lang) for it in ("values", "profiles")):
            return _names("values", name, speech)
    at, slot = _stop(form, text, speech)
    group = _GROUPS.get(slot)
    rest = text[at:]
    if group == "actions" and slot.startswith("de_"):
        rest = rest.removeprefix("de ").removeprefix("d'")
    if group == "actions":
        rest = _verb(rest, speech)
    elif group == "operands":
        rest = rest.removeprefix(speech.word("operand", name=""))
    word = _WORD.search(rest)
    if group is not None and word and not labels.labelled(group, rest, speech.lang):
        return _names(group, rest, speech)
    return _pair("word", word=cut(word[0])) if word else ("", "")


def _verb(text: str, speech: Speech) -> str:
    """Return what stands where an action should, without the words for what it is done on."""
    found = text.removesuffix(".")
    for pair in table("objects").values():
        found = found.partition(pair[speech.index])[0]
    return found


def _names(group: str, rest: str, speech: Speech) -> tuple[str, str]:
    """Return that a text begins with no name of a group, and the names that are near."""
    ratios = sorted(
        ((SequenceMatcher(None, name, rest[: len(name) + 1]).ratio(), name), name)
        for name in labels.names(group, speech.lang)
    )
    near = [name for (ratio, _), name in reversed(ratios[-MAX_NAMES:]) if ratio > _ALIKE]
    near = near or [ratios[-1][1]]
    words = rest.split(" ")
    word = rest if group in {"actions", "values"} else " ".join(words[: near[0].count(" ") + 1])
    return _pair(group, word=cut(word), names=", ".join(f"`{name}`" for name in near))


def _pair(key: str, /, **slots: str | int) -> tuple[str, str]:
    english, french = table("mistakes")[key]
    return english.format(**slots), french.format(**slots)


def _stop(form: str, text: str, speech: Speech) -> tuple[int, str]:
    """Return where a text departs from a form, and in which slot; no slot in its own words."""
    at = 0
    for before, slot in parts(form):
        same = next((i for i, c in enumerate(before) if text[at + i : at + i + 1] != c), None)
        if same is not None:
            return text.rfind(" ", 0, at + same + 1) + 1, ""
        at += len(before)
        read: Any = speech.slots.get("value" if slot == "values" else slot)
        if read is None:
            if slot:
                return at, slot
            continue
        found = read.hear(text, at)
        if found is None:
            return at, slot
        at = found[1]
    return at, ""
