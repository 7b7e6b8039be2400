"""What `sentences.py` writes, read back.

Rules: a reader takes exactly what the writer could have written at that place; whatever was read
is written again and must come out the same, so that no reading is a guess; two readings of one
sentence are a mistake.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, cast

from policies_odrl.language import phrases
from policies_odrl.language.labels import labelled, names
from policies_odrl.language.phrases import LANGUAGES, Pair
from policies_odrl.language.references import References, unquoted
from policies_odrl.language.sentences import Speaker, joint, narrower
from policies_odrl.language.slots import Reader, match
from policies_odrl.language.special import SINGULAR, SPECIAL
from policies_odrl.language.wording import heard
from policies_odrl.model import (
    XSD_STRING,
    AssetRef,
    Connective,
    Constraint,
    Iri,
    Literal,
    LogicalConstraint,
    Operator,
    PartyRef,
    Value,
)

_Shape = tuple[bool, bool, bool]
_Row = tuple[tuple[Value, ...], tuple[str, ...], str]  # values, references, unit

_MEANING: Final = re.compile(r"\d+(?:[ ,]\d{3})*(?:[.,]\d)?", re.ASCII)
_TAG: Final = re.compile(r"[A-Za-z0-9-]+", re.ASCII)


class Listener:
    """Reads in one language, with the list of IRIs that the text gives."""

    __slots__ = ("_index", "lang", "readers", "references", "speaker")

    def __init__(self, lang: str, references: References) -> None:
        self.lang = lang
        self.references = references
        self.speaker = Speaker(lang, references)
        self._index = LANGUAGES.index(lang)
        self.readers: Mapping[str, Reader] = {
            "iri": references.mentioned,
            "source": references.mentioned,
            "action": self.action,
            "de_action": self._de_action,
            "asset": self._asset,
            "party": self._party,
            "value": self.value,
            "moment": self._moment,
            "datatype": self.datatype,
            "function": self._function,
            "property": self._property,
            "profile": self._profile,
            "id": self._rule_id,
        }

    def text(self, pair: Pair) -> str:
        """Return the template of this language."""
        return pair[self._index]

    def whole(self, pair: Pair, text: str) -> dict[str, object] | None:
        """Return what the slots of a sentence hold, when it is that sentence as a whole."""
        found = match(self.text(pair), text, 0, self.readers)
        return found[0] if found and found[1] == len(text) else None

    # -- names ------------------------------------------------------------------------------

    def term(self, group: str, text: str, start: int) -> tuple[str, int] | None:
        """Return the term whose name stands at a place; the longest name counts."""
        for name in names(group, self.lang):
            if text.startswith(name, start):
                return labelled(group, name, self.lang), start + len(name)
        return None

    def _or_mentioned(
        self, group: str, strange: Pair, text: str, start: int
    ) -> tuple[str, int] | None:
        found = match(self.text(strange), text, start, self.readers)
        if found is not None:
            return cast("str", found[0]["iri"]), found[1]
        return self.term(group, text, start)

    def action(self, text: str, start: int) -> tuple[str, int] | None:
        """Return the action at a place."""
        return self._or_mentioned("actions", phrases.PERFORM, text, start)

    def _de_action(self, text: str, start: int) -> tuple[str, int] | None:
        for preposition in ("de ", "d'"):
            if text.startswith(preposition, start):
                found = self.action(text, start + len(preposition))
                if found and text[start : found[1]] == self.speaker.de_action(found[0]):
                    return found
        return None

    def _function(self, text: str, start: int) -> tuple[str, int] | None:
        return self._or_mentioned("functions", phrases.STRANGE_FUNCTION, text, start)

    def _property(self, text: str, start: int) -> tuple[str, int] | None:
        return self.references.mentioned(text, start) or self.term("properties", text, start)

    def _profile(self, text: str, start: int) -> tuple[str, int] | None:
        return self.references.mentioned(text, start) or self._quoted("profiles", text, start)

    def datatype(self, text: str, start: int) -> tuple[str, int] | None:
        """Return the datatype at a place."""
        return self.references.mentioned(text, start) or self.term("datatypes", text, start)

    def _quoted(self, group: str, text: str, start: int) -> tuple[str, int] | None:
        opening, _, closing = self.text(phrases.QUOTED).partition("{name}")
        end = text.find(closing, start + len(opening))
        if not text.startswith(opening, start) or end < 0:
            return None
        iri = labelled(group, text[start + len(opening) : end], self.lang)
        return (iri, end + len(closing)) if iri else None

    def _rule_id(self, text: str, start: int) -> tuple[str, int]:
        return self._named(phrases.NAMED_RULE, text, start)

    def _condition_id(self, text: str, start: int) -> tuple[str, int]:
        return self._named(phrases.NAMED_CONDITION, text, start)

    def _named(self, pair: Pair, text: str, start: int) -> tuple[str, int]:
        found = match(self.text(pair), text, start, self.readers)
        return (cast("str", found[0]["iri"]), found[1]) if found else ("", start)

    # -- parties and assets -----------------------------------------------------------------

    def _party(self, text: str, start: int) -> tuple[PartyRef, int] | None:
        found = self._shape(phrases.PARTIES, text, start)
        return (PartyRef(*found[0]), found[1]) if found else None

    def _asset(self, text: str, start: int) -> tuple[AssetRef, int] | None:
        found = self._shape(phrases.ASSETS, text, start)
        return (AssetRef(*found[0]), found[1]) if found else None

    def _shape(
        self, table: Mapping[_Shape, Pair], text: str, start: int
    ) -> tuple[tuple[str, bool, str], int] | None:
        best: tuple[tuple[str, bool, str], int] | None = None
        for (_, collection, _), pair in table.items():
            found = match(self.text(pair), text, start, self.readers)
            if found and (best is None or found[1] > best[1]):
                slots = cast("dict[str, str]", found[0])
                best = (slots.get("iri", ""), collection, slots.get("source", "")), found[1]
        return best

    # -- values -----------------------------------------------------------------------------

    def value(self, text: str, start: int) -> tuple[Value, int] | None:
        """Return the value at a place."""
        iri = self.references.mentioned(text, start) or self._quoted("values", text, start)
        if iri is not None:
            return Iri(iri[0]), iri[1]
        return heard(text, start, self.lang) or self._exact(text, start)

    def _moment(self, text: str, start: int) -> tuple[str, int] | None:
        plain = unquoted(text, start)
        if plain is not None:
            return plain
        found = heard(text, start, self.lang)
        return (found[0].lexical, found[1]) if found else None

    def _exact(self, text: str, start: int) -> tuple[Value, int] | None:
        plain = unquoted(text, start)
        if plain is None:
            return None
        lexical, at = plain
        datatype = language = ""
        if text.startswith(" (", at):
            datatype, after = self.datatype(text, at + 2) or ("", at + 2)
            after += 2 if datatype and text.startswith("; ", after) else 0
            language, after = self._tag(text, after)
            if (datatype or language) and text.startswith(")", after):
                return Literal(lexical, datatype or XSD_STRING, language), after + 1
        return Literal(lexical), at

    def _tag(self, text: str, start: int) -> tuple[str, int]:
        before = self.text(phrases.LANGUAGE).partition("{")[0]
        if not text.startswith(before, start):
            return "", start
        at = start + len(before)
        found = _TAG.match(text, at)
        return (found[0], found.end()) if found else unquoted(text, at) or ("", start)

    def _row(self, operator: Operator) -> Callable[[str, int], tuple[_Row, int] | None]:
        """Return a reader of a list of values, with its unit."""

        def read(text: str, start: int) -> tuple[_Row, int] | None:
            found, at = self._items(text, start, joint(operator, self.lang))
            if not found:
                nothing = self.text(phrases.NOTHING)
                if not text.startswith(nothing, start):
                    return None
                at = start + len(nothing)
            values = tuple(item for item in found if not isinstance(item, str))
            references = tuple(item for item in found if isinstance(item, str))
            unit, at = self._unit(text, at)
            return (values, references, unit), at

        return read

    def _items(self, text: str, start: int, last: str) -> tuple[list[Value | str], int]:
        items: list[Value | str] = []
        at = start
        separator: str | None = ""
        while separator is not None:
            begin = at + len(separator)
            found = self._referred(text, begin) or self.value(text, begin)
            if found is None:
                break
            items.append(found[0])
            at = found[1]
            follows = (", ", last) if separator != last else ()
            separator = next((item for item in follows if text.startswith(item, at)), None)
        return items, at

    def _referred(self, text: str, start: int) -> tuple[str, int] | None:
        found = match(self.text(phrases.REFERRED), text, start, self.readers)
        return (cast("str", found[0]["iri"]), found[1]) if found else None

    def _unit(self, text: str, start: int) -> tuple[str, int]:
        found = match(self.text(phrases.STRANGE_UNIT), text, start, self.readers)
        if found is not None:
            return cast("str", found[0]["iri"]), found[1]
        known = self.term("units", text, start + 1) if text.startswith(" ", start) else None
        return known or ("", start)

    # -- conditions -------------------------------------------------------------------------

    def leaf(self, text: str) -> Constraint | None:
        """Return the constraint that a sentence states, or None."""
        found = {item for item in self._leaves(text) if self.speaker.leaf(item) == text}
        return found.pop() if len(found) == 1 else None

    def joined(self, text: str) -> tuple[Connective, str] | None:
        """Return the connective and the identifier that open a logical constraint, or None."""
        readers = {**self.readers, "id": self._condition_id}
        for connective, pair in phrases.CONNECTIVES.items():
            found = match(self.text(pair), text, 0, readers)
            if found and found[1] == len(text):
                name = cast("str", found[0]["id"])
                item = LogicalConstraint(connective, (), name)
                return (connective, name) if self.speaker.joined(item) == text else None
        return None

    def _leaves(self, text: str) -> Iterator[Constraint]:
        for (left, operator), pair in (*SPECIAL.items(), *SINGULAR.items()):
            found = match(self.text(pair), text, 0, self._special_readers())
            if found is not None:
                slots = found[0]
                value = cast("Value", slots.get("values") or Iri(cast("str", slots.get("name"))))
                yield from self._ended(Constraint(left, operator, (value,)), text, found[1])
        for left, at in self._operands(text):
            for operator, pairs in phrases.OPERATORS.items():
                for pair in dict.fromkeys(pairs):
                    yield from self._general(left, operator, pair, text, at)

    def _special_readers(self) -> Mapping[str, Reader]:
        return {
            "values": self.value,
            "name": lambda text, start: self.term("values", text, start),
            "meaning": _meaning,
        }

    def _general(
        self, left: str, operator: Operator, pair: Pair, text: str, start: int
    ) -> Iterator[Constraint]:
        found = match(self.text(pair), text, start, {"values": self._row(operator)})
        if found is None:
            return
        right, reference, unit = cast("_Row", found[0]["values"])
        item = Constraint(left, operator, right, unit=unit, reference=reference)
        wide = self.text(phrases.NARROWER) if narrower(item) else ""
        if text.startswith(wide, found[1]):
            yield from self._ended(item, text, found[1] + len(wide))

    def _ended(self, item: Constraint, text: str, at: int) -> Iterator[Constraint]:
        name, at = self._condition_id(text, at)
        if text[at:] == ".":
            yield Constraint(
                item.left,
                item.operator,
                item.right,
                unit=item.unit,
                reference=item.reference,
                id=name,
            )

    def _operands(self, text: str) -> Iterator[tuple[str, int]]:
        strange = match(self.text(phrases.STRANGE_OPERAND) + " ", text, 0, self.readers)
        if strange is not None:
            yield cast("str", strange[0]["iri"]), strange[1]
        before = self.text(phrases.OPERAND).partition("{")[0]
        for name in names("operands", self.lang):
            if text.startswith(f"{before}{name} "):
                yield labelled("operands", name, self.lang), len(before) + len(name) + 1


def _meaning(text: str, start: int) -> tuple[str, int] | None:
    found = _MEANING.match(text, start)
    return (found[0], found.end()) if found else None
