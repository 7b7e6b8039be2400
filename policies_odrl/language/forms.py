"""The forms of sentences: their grammar, and the one nearest to what is not understood."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import Final

from policies_odrl.errors import NotUnderstood
from policies_odrl.language.conditions import Speech, every_form, narrower
from policies_odrl.language.phrases import (
    Pair,
    cut,
    filled,
    index,
    mistake,
    names,
    parts,
    stated,
    table,
)
from policies_odrl.language.voice import OPTIONAL, TERMS

MAX_NAMES: Final = 3  # names that a message proposes
_COMPARED: Final = 240  # characters of a sentence that are compared with the forms
_ALIKE: Final = 0.5  # share of characters that a name has in common with what was written
# What stands in a slot, roughly: a quoted name, a mention, a number.
_VALUE: Final = re.compile(r"“[^”]*”|« [^»]* »|\"[^\"]*\"|(?:[\w.\-]{1,40} )?\[\d{1,6}\]|\d[\d.,]*")
_WORD: Final = re.compile(r"[^\s,;:.]+")
_NAMED: Final = re.compile(r"“([^”]*)”|« ([^»]*) »")

_GRAMMAR: Final = stated("grammar")


def grammar(lang: str) -> str:
    """Return the grammar of the sentences of a language, in the notation of ISO 14977 (EBNF).

    Raises:
        ValueError: a language that there are no sentences in.
    """
    at = index(lang)
    words = {name: pair[at] for name, pair in table("words").items()}
    tables: list[str] = _GRAMMAR["tables"]
    rules = [_rule(name, (pair[at] for pair in table(name).values())) for name in tables]
    rules.append(_rule("condition", (*every_form(lang), "{connectives}")))
    rules.append(_rule("narrower", (words["narrower"],)))
    for slot, (group, known, strange) in TERMS.items():
        named = [words[known].replace("{name}", f"{{{group}}}")] if known else []
        rules.append(_rule(slot, (*named, words[strange])))
    groups = {group for group, _, _ in TERMS.values()} - {"", "values"}
    rules += [_rule(group, sorted(names(group, lang).terms)) for group in sorted(groups)]
    last = f'"{words["or"]}" | "{words["and"]}"'
    values = f'value, {{ ", ", value }}, [ ( {last} ), value ] | "{words["nothing"]}"'
    return "\n".join((*_GRAMMAR["frame"], *rules, f"values = {values} ;")) + "\n"


def _rule(name: str, templates: Iterable[str]) -> str:
    choices = dict.fromkeys(_terms(item) for item in templates)
    return f"{name.replace('-', ' ')} = " + "\n  | ".join(choices) + " ;"


def _terms(template: str) -> str:
    found = []
    for before, slot in parts(template):
        found += [f'"{before}"'] if before else []
        rule = str(_GRAMMAR["rules"].get(slot, slot)).replace("_", " ")
        found += [f"[ {rule} ]" if slot in OPTIONAL else rule] if slot else []
    return ", ".join(found)


def not_understood(number: str, text: str, forms: Sequence[str], speech: Speech) -> NotUnderstood:
    """Return the mistake that names a sentence, the form nearest to it, and the word at fault."""
    compared, best, most = SequenceMatcher(b=_VALUE.sub("…", text[:_COMPARED])), "", -1.0
    for form in _opened(text, forms, speech):
        read = _stop(form, text, speech)[0] / max(len(text), 1)
        compared.set_seq1(_shown(form))
        if compared.quick_ratio() + read > most and (near := compared.ratio() + read) > most:
            best, most = form, near
    why, form = _why(text, best, speech), _shown(best)
    return mistake(NotUnderstood, "form", why, number=number, text=cut(text), form=form)


def _shown(template: str) -> str:
    """Return a template as people see it: each slot as `…`, a mere remark left out."""
    return "".join(
        before + ("…" if slot and slot not in OPTIONAL else "") for before, slot in parts(template)
    )


def _opened(text: str, forms: Sequence[str], speech: Speech) -> Sequence[str]:
    """Return the forms, those of conditions instead where the text opens one."""
    for form in forms:
        before = form.removesuffix("{condition}")
        if before != form and text.startswith(before):
            rest = text.removeprefix(before)
            return [before + item for item in _condition_forms(rest, speech)]
    return forms


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
        if not any(name in names(group, speech.lang).terms for group in ("values", "profiles")):
            return _nearest("values", name, speech)
    strange = speech.unlisted(text)
    if strange:
        return filled("mention", word=strange)
    _, at, missed = speech.follow(form, text, 0)
    if missed and missed[0] and missed[0].startswith(text[at:]):
        return filled("unfinished", word=missed[0].removeprefix(text[at:]).strip())
    if missed is None and at == len(text):  # it has the form, and what it holds is no value
        first, *between = (before for before, _ in parts(form))
        held = text.removeprefix(first).rpartition(next(filter(None, between), "."))[0]
        return filled("word", word=cut(held)) if held else ("", "")
    at, slot = _stop(form, text, speech)
    named = slot.removeprefix("de_").replace("deed", "action")
    group = TERMS[named][0] if named in TERMS else ""
    rest = text[at:]
    if group == "operands":
        rest = rest.removeprefix(speech.word("operand", name=""))
    elif group == "actions":  # without the words for what it is done on
        rest = rest.removesuffix(".")
        rest = re.sub("^d(e |')", "", rest) if slot != named else rest
        for pair in table("objects").values():
            rest = rest.partition(pair[speech.index])[0]
    word = _WORD.search(rest)
    if group in table("mistakes") and word and rest not in names(group, speech.lang).terms:
        return _nearest(group, rest, speech)
    return filled("word", word=cut(word[0])) if word else ("", "")


def _nearest(group: str, rest: str, speech: Speech) -> Pair:
    """Return that a text begins with no name of a group, and the names that are near."""
    groups = ("values", "profiles") if group == "values" else (group,)
    known = [name for each in groups for name in names(each, speech.lang).terms]
    ratios = sorted((SequenceMatcher(None, it, rest[: len(it) + 1]).ratio(), it) for it in known)
    near = [name for ratio, name in reversed(ratios[-MAX_NAMES:]) if ratio > _ALIKE]
    near = near or [ratios[-1][1]]
    words = rest.split(" ")
    word = rest if group in {"actions", "values"} else " ".join(words[: near[0].count(" ") + 1])
    return filled(group, word=cut(word), names=", ".join(f"`{name}`" for name in near))


def _stop(form: str, text: str, speech: Speech) -> tuple[int, str]:
    """Return where a text departs from a form, and in which slot; no slot in its own words."""
    _, at, missed = speech.follow(form, text, 0)
    if missed is None or missed[1]:
        return at, missed[1] if missed else ""
    departs = next(i for i, c in enumerate(missed[0]) if text[at + i : at + i + 1] != c)
    after = not departs  # a value stands before, and the word at fault after it
    return text.rfind(" ", 0, at + departs + after) + 1, ""
