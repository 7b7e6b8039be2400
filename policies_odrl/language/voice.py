"""Terms, values, parties and conditions in the words of the controlled language, both ways.

Each slot of a sentence has a writer and, beside it, a reader. A reader takes exactly what the
writer could have written at that place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from policies_odrl.language import labels, phrases
from policies_odrl.language.phrases import Pair, parts, table
from policies_odrl.language.references import References, quoted, unquoted
from policies_odrl.language.wording import heard, said
from policies_odrl.model import XSD, XSD_STRING, AssetRef, Iri, Literal, PartyRef, Value

Heard = tuple[Any, int] | None  # what was read, and where that ended
Reader = Callable[[str, int], Heard]

_VOWELS: Final = frozenset("aàâeéèêëiîïoôuùûyhœæ")
_TAG: Final = re.compile(r"[A-Za-z0-9-]+", re.ASCII)
# Slots that stand for another one after the French preposition.
_AFTER_DE: Final[Mapping[str, str]] = {"de_action": "action", "de_deed": "deed"}


class Slot(NamedTuple):
    """How a slot is filled, and how it is read."""

    say: Callable[[Any], str]
    hear: Reader


class Voice:
    """Writes and reads in one language.

    Without references it writes IRIs out, for a sentence that stands alone, and reads none.
    """

    def __init__(self, lang: str, references: References | None = None) -> None:
        """Take a language, and the list that numbers the IRIs.

        Raises:
            ValueError: a language that there are no sentences in.
        """
        self.lang = lang
        self.index = phrases.index(lang)
        self.references = references
        self.slots: dict[str, Slot] = {
            "iri": Slot(self.iri, self._mentioned),
            "source": Slot(self.iri, self._mentioned),
            "action": Slot(self.action, self._named("actions", "perform")),
            "de_action": self._after_de(Slot(self.action, self._named("actions", "perform"))),
            "function": Slot(self.function, self._named("functions", "strange-function")),
            "property": self._term("properties"),
            "datatype": self._term("datatypes"),
            "profile": Slot(self._profile, self._quoted("profiles")),
            "value": Slot(self.value, self._value),
            "moment": Slot(self._moment, self._hear_moment),
            "party": self._shape("parties", PartyRef),
            "asset": self._shape("assets", AssetRef),
            "id": self._remark("named-rule"),
            "named": self._remark("named-condition"),
        }

    # -- sentences --------------------------------------------------------------------------

    def say(self, pair: Pair, **slots: Any) -> str:
        """Return a sentence with its slots filled."""
        template = pair[self.index]
        found = {
            slot: self.slots[slot].say(slots[_AFTER_DE.get(slot, slot)])
            for _, slot in parts(template)
            if slot
        }
        return template.format(**found)

    def word(self, name: str, /, **slots: str) -> str:
        """Return a word that stands between others; its slots are texts."""
        return phrases.fill(table("words")[name], self.lang, **slots)

    def hear(self, pair: Pair, text: str) -> dict[str, Any] | None:
        """Return what the slots hold of a text that is this sentence as a whole, or None."""
        found = self.match(pair, text, 0)
        return found[0] if found and found[1] == len(text) else None

    def match(
        self, pair: Pair, text: str, start: int, readers: Mapping[str, Reader] | None = None
    ) -> tuple[dict[str, Any], int] | None:
        """Return what the slots hold and where the sentence ends, or None.

        From left to right without going back; what stands between slots is there literally.
        """
        found: dict[str, Any] = {}
        at = start
        for before, slot in parts(pair[self.index]):
            if not text.startswith(before, at):
                return None
            at += len(before)
            if slot:
                read = readers[slot] if readers and slot in readers else self.slots[slot].hear
                part = read(text, at)
                if part is None:
                    return None
                found[_AFTER_DE.get(slot, slot)], at = part
        return found, at

    # -- names ------------------------------------------------------------------------------

    def iri(self, iri: str) -> str:
        """Return how an IRI without a name is mentioned."""
        return iri if self.references is None else self.references.mention(iri)

    def _mentioned(self, text: str, start: int) -> Heard:
        return None if self.references is None else self.references.mentioned(text, start)

    def named(self, group: str, iri: str, strange: str) -> str:
        """Return the name of a term, or the words for one without a name."""
        return labels.label(group, iri, self.lang) or self.word(strange, iri=self.iri(iri))

    def _named(self, group: str, strange: str) -> Reader:
        def hear(text: str, start: int) -> Heard:
            found = self.match(table("words")[strange], text, start)
            return (found[0]["iri"], found[1]) if found else self.term(group, text, start)

        return hear

    def term(self, group: str, text: str, start: int) -> Heard:
        """Return the term whose name stands at a place; the longest name counts."""
        for name in labels.names(group, self.lang):
            if text.startswith(name, start):
                return labels.labelled(group, name, self.lang), start + len(name)
        return None

    def action(self, iri: str) -> str:
        """Return an action as a verb."""
        return self.named("actions", iri, "perform")

    def function(self, iri: str) -> str:
        """Return the part that a party plays."""
        return self.named("functions", iri, "strange-function")

    def _after_de(self, slot: Slot) -> Slot:
        """Return a slot after the French preposition."""

        def say(item: Any) -> str:
            verb = slot.say(item)
            return f"d'{verb}" if verb[0].lower() in _VOWELS else f"de {verb}"

        def hear(text: str, start: int) -> Heard:
            for preposition in ("de ", "d'"):
                if text.startswith(preposition, start):
                    found = slot.hear(text, start + len(preposition))
                    if found and say(found[0]) == text[start : found[1]]:
                        return found
            return None

        return Slot(say, hear)

    def _term(self, group: str) -> Slot:
        def say(iri: str) -> str:
            return labels.label(group, iri, self.lang) or self.iri(iri)

        def hear(text: str, start: int) -> Heard:
            return self._mentioned(text, start) or self.term(group, text, start)

        return Slot(say, hear)

    def _profile(self, iri: str) -> str:
        return self._in_quotes(labels.label("profiles", iri, self.lang)) or self.iri(iri)

    def _in_quotes(self, name: str) -> str:
        return self.word("quoted", name=name) if name else ""

    def _quoted(self, group: str) -> Reader:
        """Return a reader of a name in quotation marks, or of a mention."""
        opening, _, closing = table("words")["quoted"][self.index].partition("{name}")

        def hear(text: str, start: int) -> Heard:
            found = self._mentioned(text, start)
            end = text.find(closing, start + len(opening))
            if found is not None or not text.startswith(opening, start) or end < 0:
                return found
            iri = labels.labelled(group, text[start + len(opening) : end], self.lang)
            return (iri, end + len(closing)) if iri else None

        return hear

    def _remark(self, name: str) -> Slot:
        """Return a slot that may hold nothing."""

        def hear(text: str, start: int) -> Heard:
            found = self.match(table("words")[name], text, start)
            return (found[0]["iri"], found[1]) if found else ("", start)

        return Slot(lambda iri: self.word(name, iri=self.iri(iri)) if iri else "", hear)

    # -- parties and assets -----------------------------------------------------------------

    def _shape(self, name: str, made: Callable[[str, bool, str], Any]) -> Slot:
        def say(item: AssetRef | PartyRef) -> str:
            slots = {"iri": item.id, "source": item.source}
            wanted = {slot: self.iri(iri) for slot, iri in slots.items() if iri}
            return phrases.fill(table(name)[_shape_of(item)], self.lang, **wanted)

        def hear(text: str, start: int) -> Heard:
            best: Heard = None
            for shape, pair in table(name).items():
                found = self.match(pair, text, start)
                if found and (best is None or found[1] > best[1]):
                    slots, end = found
                    collection = "collection" in shape
                    best = made(slots.get("iri", ""), collection, slots.get("source", "")), end
            return best

        return Slot(say, hear)

    # -- values -----------------------------------------------------------------------------

    def value(self, value: Value) -> str:
        """Return one value."""
        if isinstance(value, Iri):
            name = labels.label("values", value.value, self.lang)
            return self._in_quotes(name) or self.iri(value.value)
        return said(value, self.lang) or self._exact(value)

    def _value(self, text: str, start: int) -> Heard:
        iri = self._quoted("values")(text, start)
        if iri is not None:
            return Iri(iri[0]), iri[1]
        return heard(text, start, self.lang) or self._hear_exact(text, start)

    def _moment(self, text: str) -> str:
        return said(Literal(text, XSD + "dateTime"), self.lang) or quoted(text)

    def _hear_moment(self, text: str, start: int) -> Heard:
        plain = unquoted(text, start)
        if plain is not None:
            return plain
        found = heard(text, start, self.lang)
        return (found[0].lexical, found[1]) if found else None

    def _exact(self, value: Literal) -> str:
        """Return a value that has no words, with its datatype and language."""
        remarks = []
        if value.datatype != XSD_STRING:
            remarks.append(self.slots["datatype"].say(value.datatype))
        if value.language:
            tag = value.language if _TAG.fullmatch(value.language) else quoted(value.language)
            remarks.append(self.word("language", tag=tag))
        return quoted(value.lexical) + (f" ({'; '.join(remarks)})" if remarks else "")

    def _hear_exact(self, text: str, start: int) -> Heard:
        plain = unquoted(text, start)
        if plain is None:
            return None
        lexical, at = plain
        datatype = language = ""
        if text.startswith(" (", at):
            datatype, after = self.slots["datatype"].hear(text, at + 2) or ("", at + 2)
            after += 2 if datatype and text.startswith("; ", after) else 0
            language, after = self._tag(text, after)
            if (datatype or language) and text.startswith(")", after):
                return Literal(lexical, datatype or XSD_STRING, language), after + 1
        return Literal(lexical), at

    def _tag(self, text: str, start: int) -> tuple[str, int]:
        before = self.word("language", tag="")
        if not text.startswith(before, start):
            return "", start
        at = start + len(before)
        found = _TAG.match(text, at)
        return (found[0], found.end()) if found else unquoted(text, at) or ("", start)

    def listed(self, words: Iterable[str], last: str) -> str:
        """Return several values in a row, with a word before the last one."""
        found = list(words)
        if len(found) < 2:  # noqa: PLR2004 - one, or none
            return found[0] if found else self.word("nothing")
        return ", ".join(found[:-1]) + last + found[-1]


def _shape_of(item: AssetRef | PartyRef) -> str:
    given = {"iri": item.id, "collection": item.collection, "source": item.source}
    return " ".join(name for name, stated in given.items() if stated) or "nothing"
