"""What is wrong with a text, in English and French: the sentence, the word, the names there are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher, get_close_matches
from typing import Final, TypeVar

from policies_odrl.errors import NotUnderstood, OdrlError
from policies_odrl.language import phrases
from policies_odrl.language.conditions import Speech, every_form, narrower
from policies_odrl.language.phrases import Pair, parts, table
from policies_odrl.language.voice import OPTIONAL, TERMS

MAX_NAMES: Final = 3  # names that a message proposes
_COMPARED: Final = 240  # characters of a sentence that are compared with the forms
_SHOWN: Final = 120
_ALIKE: Final = 0.5  # share of characters that a name has in common with what was written
# What stands in a slot, roughly: a quoted name, a mention, a number.
_VALUE: Final = re.compile(r"“[^”]*”|« [^»]* »|\"[^\"]*\"|(?:[\w.\-]{1,40} )?\[\d{1,6}\]|\d[\d.,]*")
_WORD: Final = re.compile(r"[^\s,;:.]+")
_NAMED: Final = re.compile(r"“([^”]*)”|« ([^»]*) »")

_Kind = TypeVar("_Kind", bound=OdrlError)


def mistake(
    kind: type[_Kind], key: str, more: Pair = ("", ""), /, *, node: str = "", **slots: str | int
) -> _Kind:
    """Return an error in both languages: a row of `mistakes`, filled, and what follows it."""
    english, french = (it + rest for it, rest in zip(filled(key, **slots), more, strict=True))
    return kind(english, french=french, **({"node": node} if node else {}))


def meant(name: str, known: Iterable[str]) -> Pair:
    """Return which name was probably meant, in both languages, or nothing."""
    near = get_close_matches(name, list(known), 1, 0.6)
    return filled("meant", name=near[0]) if near else ("", "")


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
    why, form = _why(text, best, speech), _shown(best)
    return mistake(NotUnderstood, "form", why, number=number, text=cut(text), form=form)


def _shown(template: str) -> str:
    """Return a template as people see it: each slot as `…`, a mere remark left out."""
    return "".join(
        before + ("…" if slot and slot not in OPTIONAL else "") for before, slot in parts(template)
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
    named = speech.slots["operand"].hear(text, 0)
    for form, operator in every_form(speech.lang).items():
        if named is None:
            yield form
        elif operator is not None:
            wide = speech.word("narrower") if narrower(named[0], operator) else ""
            yield form.replace("{operand}", text[: named[1]]).replace("{narrower}", wide)
    if named is None:
        yield from (pair[speech.index] for pair in table("connectives").values())


def _why(text: str, form: str, speech: Speech) -> Pair:
    """Return which word is not understood, and what names there are, in both languages."""
    for match in _NAMED.finditer(text[:_COMPARED]):
        name = match[1] or match[2] or ""
        if not any(name in phrases.names(it, speech.lang).terms for it in ("values", "profiles")):
            return _names("values", name, speech)
    at, slot = _stop(form, text, speech)
    named = slot.removeprefix("de_").replace("deed", "action")
    group = TERMS[named][0] if named in TERMS else ""
    rest = text[at:]
    if group == "operands":
        rest = rest.removeprefix(speech.word("operand", name=""))
    elif group == "actions":
        before = ("de ", "d'") if slot != named else ()
        rest = _verb(rest, before, speech)
    word = _WORD.search(rest)
    if group in table("mistakes") and word and rest not in phrases.names(group, speech.lang).terms:
        return _names(group, rest, speech)
    return filled("word", word=cut(word[0])) if word else ("", "")


def _verb(text: str, before: tuple[str, ...], speech: Speech) -> str:
    """Return what stands where an action should, without the words for what it is done on."""
    found = text.removesuffix(".")
    for word in before:
        found = found.removeprefix(word)
    for pair in table("objects").values():
        found = found.partition(pair[speech.index])[0]
    return found


def _names(group: str, rest: str, speech: Speech) -> Pair:
    """Return that a text begins with no name of a group, and the names that are near."""
    ratios = sorted(
        ((SequenceMatcher(None, name, rest[: len(name) + 1]).ratio(), name), name)
        for name in phrases.names(group, speech.lang).terms
    )
    near = [name for (ratio, _), name in reversed(ratios[-MAX_NAMES:]) if ratio > _ALIKE]
    near = near or [ratios[-1][1]]
    words = rest.split(" ")
    word = rest if group in {"actions", "values"} else " ".join(words[: near[0].count(" ") + 1])
    return filled(group, word=cut(word), names=", ".join(f"`{name}`" for name in near))


def filled(key: str, /, **slots: str | int) -> Pair:
    """Return a row of `mistakes` with its slots filled."""
    english, french = table("mistakes")[key]
    return english.format(**slots), french.format(**slots)


def _stop(form: str, text: str, speech: Speech) -> tuple[int, str]:
    """Return where a text departs from a form, and in which slot; no slot in its own words."""
    _, at, missed = speech.follow(form, text, 0)
    if missed is None or missed[1]:
        return at, missed[1] if missed else ""
    departs = next(i for i, c in enumerate(missed[0]) if text[at + i : at + i + 1] != c)
    return text.rfind(" ", 0, at + departs + 1) + 1, ""
