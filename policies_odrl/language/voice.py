"""Terms, values and parties in the words of the controlled language, both ways.

A reader of a slot takes exactly what its writer could have written at that place. An IRI without a
name is mentioned as `name [3]`: by the label that the policy gives it (`naming.py`), else by the
readable end of the IRI, or by nothing. A list at the end of a text says `[3] https://…`, and the
label. A name that does not fit its IRI, and a number that is not listed or mentioned, are mistakes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple

from policies_odrl.language import phrases
from policies_odrl.language.phrases import Pair, parts, plain, table
from policies_odrl.language.wording import heard, said
from policies_odrl.model import XSD, XSD_STRING, AssetRef, Iri, Literal, PartyRef, Value

Heard = tuple[Any, int] | None  # what was read, and where that ended
Reader = Callable[[str, int], Heard]

_NICK: Final = re.compile(r"[^\W\d_][\w.\-]{0,39}(?<![.\-])")
_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]+", re.ASCII)
_MENTION: Final = re.compile(r"(?:[^\W\d_][\w.'’\-]{0,79} )?\[(\d{1,6})\]")
_NUMBER: Final = re.compile(r"[^\[]{0,81}\[(\d{1,6})\]")
_PLAIN: Final = re.compile(r'[^\s"\\]+')
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*+"')
_ENTRY: Final = re.compile(
    rf"\[(\d{{1,6}})\] (?:({_PLAIN.pattern})|({_QUOTED.pattern}))(?: \(([^()]+)\))?"
)
_VOWELS: Final = frozenset("aàâeéèêëiîïoôuùûyhœæ")
_TAG: Final = re.compile(r"[A-Za-z0-9-]+", re.ASCII)
_AFTER_DE: Final = "de_"  # opens the slots that stand for another one after that preposition
_JOINED: Final = (("du ", "le "), ("des ", "les "))  # with the article, and the article
# Slot -> group of labels, words for a term with a name, words for any other.
TERMS: Final[Mapping[str, tuple[str, str, str]]] = dict(phrases.stated("members")["terms"])
OPTIONAL: Final = frozenset({"unit", "narrower", "id", "named"})  # that may hold nothing
_REFERENCE: Final = {"iri": "id", "collection": "collection", "source": "source"}
_LITERAL: Final = {"text": "lexical", "datatype": "datatype", "tag": "language"}
# Slot whose words depend on which members it has: rows of a table -> class, slot -> attribute.
_SHAPES: Final[Mapping[str, tuple[str, Callable[..., Any], Mapping[str, str]]]] = {
    "party": ("parties", PartyRef, _REFERENCE),
    "asset": ("assets", AssetRef, _REFERENCE),
    "literal": ("literals", Literal, _LITERAL),
}


class Slot(NamedTuple):
    """How a slot is filled, and how it is read."""

    say: Callable[[Any], str]
    hear: Reader


class Voice:
    """Writes and reads in one language; another one is a `ValueError`.

    Without references it writes IRIs out, for a sentence that stands alone, and reads none.
    """

    def __init__(self, lang: str, references: References | None = None) -> None:
        self.lang = lang
        self.index = phrases.index(lang)
        self.references = References(listed=False) if references is None else references
        mention = Slot(self.references.mention, self.references.mentioned)
        self.slots: dict[str, Slot] = {
            **{name: self._term(name) for name in TERMS},
            **{name: self._shape(*row) for name, row in _SHAPES.items()},
            "iri": mention,
            "source": mention,
            "name": Slot(lambda iri: phrases.label("values", iri, lang), self._named("values")),
            "value": Slot(self.value, self._hear_value),
            "moment": Slot(self._say_moment, self._hear_moment),
            "text": Slot(quoted, unquoted),
            "tag": Slot(lambda tag: tag if _TAG.fullmatch(tag) else quoted(tag), _hear_tag),
        }
        for name in ("action", "iri", "party"):
            self.slots[_AFTER_DE + name] = self.after_de(self.slots[name])
        self.action = self.slots["action"].say
        self.operand = self.slots["operand"].say

    def say(self, pair: Pair, **slots: Any) -> str:
        """Return a sentence with its slots filled."""
        template = pair[self.index]
        named = [(slot, slot.removeprefix(_AFTER_DE)) for _, slot in parts(template) if slot]
        return template.format(**{slot: self.slots[slot].say(slots[it]) for slot, it in named})

    def word(self, name: str, /, **slots: str) -> str:
        """Return a word that stands between others; its slots are texts."""
        return phrases.fill(table("words")[name], self.lang, **slots)

    def hear(self, pair: Pair, text: str) -> dict[str, Any] | None:
        """Return what the slots hold of a text that is this sentence as a whole, or None."""
        found = self.match(pair, text, 0)
        return found[0] if found and found[1] == len(text) else None

    def match(
        self, pair: Pair, text: str, start: int, **readers: Reader
    ) -> tuple[dict[str, Any], int] | None:
        """Return what the slots hold and where the sentence ends, or None."""
        found, at, missed = self.follow(pair[self.index], text, start, **readers)
        return None if missed else (found, at)

    def follow(
        self, template: str, text: str, start: int, **readers: Reader
    ) -> tuple[dict[str, Any], int, tuple[str, str] | None]:
        """Return what the slots hold, how far the text follows, and what it does not follow.

        That is (words between slots, slot), one of them empty. Reads from left to right without
        going back.
        """
        found: dict[str, Any] = {}
        at = start
        for before, slot in parts(template):
            if not text.startswith(before, at):
                return found, at, (before, "")
            at += len(before)
            if slot:
                part = (readers.get(slot) or self.slots[slot].hear)(text, at)
                if part is None:
                    return found, at, ("", slot)
                found[slot.removeprefix(_AFTER_DE)], at = part
        return found, at, None

    def unlisted(self, text: str) -> str:
        """Return the first mention in a text that the list does not have, or nothing."""
        for match in _MENTION.finditer(text):
            name = self.references.before(match[1])
            if name is None or not text[: match.start(1) - 1].endswith(name):
                return match[0]
        return ""

    def _named(self, group: str) -> Reader:
        """Return a reader of the names of a group; the longest name counts."""
        known = phrases.names(group, self.lang)

        def hear(text: str, start: int) -> Heard:
            found = phrases.pattern(group, self.lang).match(text, start)
            return (known.terms[found[0]], found.end()) if found else None

        return hear

    def _term(self, slot: str) -> Slot:
        group, known, strange = TERMS[slot]

        def say(iri: str) -> str:
            if not iri and slot in OPTIONAL:
                return ""
            name = phrases.label(group, iri, self.lang) if group else ""
            if name:
                return self.word(known, name=name)
            return self.word(strange, iri=self.references.mention(iri))

        def hear(text: str, start: int) -> Heard:
            found = self.match(table("words")[strange], text, start)
            if found is None and group:
                found = self.match(table("words")[known], text, start, name=self._named(group))
            if found is None:
                return ("", start) if slot in OPTIONAL else None
            return next(iter(found[0].values())), found[1]

        return Slot(say, hear)

    def after_de(self, slot: Slot) -> Slot:
        """Return a slot after the French preposition, which joins the article that follows."""

        def say(item: Any) -> str:
            words = slot.say(item)
            elided = "d'" if words[0].lower() in _VOWELS else "de "
            joined, article = next((it for it in _JOINED if words.startswith(it[1])), (elided, ""))
            return joined + words.removeprefix(article)

        def hear(text: str, start: int) -> Heard:
            for joined, article in (*_JOINED, ("d'", ""), ("de ", "")):
                at = start + len(joined)
                found = (
                    slot.hear(article + text[at:], 0) if text.startswith(joined, start) else None
                )
                end = at + found[1] - len(article) if found else at
                if found and say(found[0]) == text[start:end]:
                    return found[0], end
            return None

        return Slot(say, hear)

    def _shape(self, name: str, kind: Callable[..., Any], members: Mapping[str, str]) -> Slot:
        def say(item: Any) -> str:
            held = {slot: getattr(item, attribute) for slot, attribute in members.items()}
            stated = {it: value for it, value in held.items() if value or it == "text"}
            if stated.get("datatype") == XSD_STRING:
                del stated["datatype"]
            return self.say(table(name)[" ".join(stated) or "nothing"], **stated)

        def hear(text: str, start: int) -> Heard:
            heard_ = ((key, self.match(pair, text, start)) for key, pair in table(name).items())
            found = [(match[1], key, match[0]) for key, match in heard_ if match]
            if not found:
                return None
            end, shape, slots = max(found, key=lambda item: item[0])
            stated = (slot for slot in members if slot in shape.split())
            return kind(**{members[slot]: slots.get(slot, True) for slot in stated}), end

        return Slot(say, hear)

    def value(self, value: Value) -> str:
        """Return a value in words."""
        if isinstance(value, Iri):
            return self.slots["concept"].say(value.value)
        return said(value, self.lang) or self.slots["literal"].say(value)

    def _hear_value(self, text: str, start: int) -> Heard:
        iri = self.slots["concept"].hear(text, start)
        if iri is not None:
            return Iri(iri[0]), iri[1]
        return heard(text, start, self.lang) or self.slots["literal"].hear(text, start)

    def _say_moment(self, text: str) -> str:
        return said(Literal(text, XSD + "dateTime"), self.lang) or quoted(text)

    def _hear_moment(self, text: str, start: int) -> Heard:
        found = heard(text, start, self.lang)
        return (found[0].lexical, found[1]) if found else unquoted(text, start)


def _hear_tag(text: str, start: int) -> Heard:
    found = _TAG.match(text, start)
    return (found[0], found.end()) if found else unquoted(text, start)


class References:
    """IRIs by the number of their first mention; where none are listed, each as it is."""

    def __init__(self, *, listed: bool = True) -> None:
        self.listed = listed
        self._iris: dict[int, str] = {}
        self._numbers: dict[str, int] = {}
        self._used: set[int] = set()
        self.names: dict[str, str] = {}  # IRI -> the label that it is mentioned by

    def __bool__(self) -> bool:
        return bool(self._iris)

    def add(self, number: int, iri: str, label: str) -> bool:
        """Return whether an IRI could be listed, as neither it nor its number was."""
        new = number not in self._iris and iri not in self._numbers
        if new:
            self._iris[number], self._numbers[iri] = iri, number
            self.names |= {iri: label} if label else {}
        return new

    def mention(self, iri: str) -> str:
        """Return how a sentence mentions an IRI."""
        if not self.listed:
            return f"{self.names[iri]} ({iri})" if iri in self.names else iri
        number = self._numbers.setdefault(iri, len(self._numbers) + 1)
        self._iris.setdefault(number, iri)
        self._used.add(number)
        return f"{self.before(str(number))}[{number}]"

    def before(self, number: str) -> str | None:
        """Return what stands before the number of an IRI, or None where it is not listed."""
        iri = self._iris.get(int(number))
        name = self.names.get(iri) or nick(iri) if iri is not None else ""
        return None if iri is None else name and f"{name} "

    def mentioned(self, text: str, start: int) -> tuple[str, int] | None:
        """Return the IRI mentioned at a place and where the mention ends, or None."""
        match = _NUMBER.match(text, start)
        if match is None or text[start : match.start(1) - 1] != self.before(match[1]):
            return None
        return self._iris[int(match[1])], match.end()

    def lines(self) -> tuple[str, ...]:
        """Return the list."""
        return tuple(
            f"[{number}] {iri if _PLAIN.fullmatch(iri) and iri.isprintable() else quoted(iri)}"
            + (f" ({self.names[iri]})" if iri in self.names else "")
            for number, iri in self._iris.items()
        )

    def unused(self) -> int | None:
        """Return the first number that was listed and never mentioned, or None."""
        return min(set(self._iris) - self._used, default=None)


def entry(line: str) -> tuple[int, str, str] | None:
    """Return number, IRI and label of a line of the list, or None for another line."""
    match = _ENTRY.fullmatch(line)
    if match is None:
        return None
    iri = (match[2], 0) if match[2] else unquoted(match[3], 0)
    return (int(match[1]), iri[0], plain(match[4] or "")) if iri else None


def nick(iri: str) -> str:
    """Return the readable end of an IRI, or an empty string."""
    if _UUID.search(iri):
        return ""
    end = re.split(r"[/#:?&=]", iri.rstrip("/#"))[-1]
    return end if _NICK.fullmatch(end) else ""


def quoted(text: str) -> str:
    """Return text in quotation marks, in one line, with nothing lost."""
    shown = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in shown)


def unquoted(text: str, start: int) -> tuple[str, int] | None:
    """Return the text in quotation marks at a place and where they end, or None."""
    match = _QUOTED.match(text, start)
    with suppress(ValueError):
        return (str(json.loads(match[0])), match.end()) if match else None
    return None
