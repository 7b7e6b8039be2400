"""Values, references, actions and conditions in the words of the controlled language.

Rules: a term has its label, otherwise its IRI is mentioned by number; a value that has no words
stands in quotation marks with its datatype; nothing is rounded or left out. `hearing.py` reads back
what is written here; what stands around a condition is `explain.py`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from policies_odrl.language import phrases
from policies_odrl.language.labels import label
from policies_odrl.language.meaning import meaning
from policies_odrl.language.phrases import ASSETS, PARTIES, Pair
from policies_odrl.language.references import References, quoted
from policies_odrl.language.slots import fill
from policies_odrl.language.special import special
from policies_odrl.language.wording import said
from policies_odrl.model import (
    XSD,
    XSD_STRING,
    AssetRef,
    Constraint,
    Iri,
    Literal,
    LogicalConstraint,
    Operator,
    PartyRef,
    Value,
)
from policies_odrl.values import number, scalar
from policies_odrl.vocabulary import OPERANDS, Kind

_JOINED: Final = frozenset({Operator.IS_ALL_OF, Operator.HAS_PART})
_LISTING: Final = frozenset({Operator.IS_ANY_OF, Operator.IS_NONE_OF, Operator.IS_ALL_OF})
_WIDE: Final = frozenset({Kind.CONCEPT, Kind.PLACE})
_SCALARS: Final = frozenset({Kind.NUMBER, Kind.COUNT, Kind.INSTANT, Kind.DURATION})
_VOWELS: Final = frozenset("aàâeéèêëiîïoôuùûyhœæ")
PLAIN_TAG: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")


class Speaker:
    """Writes in one language; numbers the IRIs that it mentions."""

    __slots__ = ("lang", "references")

    def __init__(self, lang: str, references: References) -> None:
        self.lang = lang
        self.references = references

    def iri(self, iri: str) -> str:
        """Return how an IRI without a name is mentioned."""
        return self.references.mention(iri)

    def named(self, pair: Pair, iri: str) -> str:
        """Return a remark with an identifier, or nothing when there is none."""
        return fill(pair, self.lang, iri=self.iri(iri)) if iri else ""

    def action(self, iri: str) -> str:
        """Return an action as a verb."""
        return self._term("actions", iri, phrases.PERFORM)

    def de_action(self, iri: str) -> str:
        """Return an action after the French preposition."""
        verb = self.action(iri)
        return f"d'{verb}" if verb[0].lower() in _VOWELS else f"de {verb}"

    def function(self, iri: str) -> str:
        """Return the part that a party plays."""
        return self._term("functions", iri, phrases.STRANGE_FUNCTION)

    def property(self, iri: str) -> str:
        """Return the name of a property of a policy."""
        return label("properties", iri, self.lang) or self.iri(iri)

    def profile(self, iri: str) -> str:
        """Return the name of a profile."""
        name = label("profiles", iri, self.lang)
        return fill(phrases.QUOTED, self.lang, name=name) if name else self.iri(iri)

    def _term(self, group: str, iri: str, strange: Pair) -> str:
        return label(group, iri, self.lang) or fill(strange, self.lang, iri=self.iri(iri))

    def reference(self, item: AssetRef | PartyRef) -> str:
        """Return a party or an asset; its refinements stand in sentences of their own."""
        table = ASSETS if isinstance(item, AssetRef) else PARTIES
        pair = table[bool(item.id), item.collection, bool(item.source)]
        slots = {"iri": item.id, "source": item.source}
        wanted = {name: self.iri(iri) for name, iri in slots.items() if iri}
        return fill(pair, self.lang, **wanted)

    def value(self, value: Value) -> str:
        """Return one value."""
        if isinstance(value, Iri):
            name = label("values", value.value, self.lang)
            return fill(phrases.QUOTED, self.lang, name=name) if name else self.iri(value.value)
        return said(value, self.lang) or self._exact(value)

    def moment(self, text: str) -> str:
        """Return the text of a time in words, or in quotation marks."""
        return said(Literal(text, XSD + "dateTime"), self.lang) or quoted(text)

    def leaf(self, item: Constraint) -> str:
        """Return one constraint as a sentence."""
        said_so = self._special(item) or self._general(item)
        return f"{said_so}{self.named(phrases.NAMED_CONDITION, item.id)}."

    def joined(self, item: LogicalConstraint) -> str:
        """Return what opens a logical constraint; its operands follow below."""
        remark = self.named(phrases.NAMED_CONDITION, item.id)
        return fill(phrases.CONNECTIVES[item.connective], self.lang, id=remark)

    def _exact(self, value: Literal) -> str:
        remarks = []
        if value.datatype != XSD_STRING:
            remarks.append(self.datatype(value.datatype))
        if value.language:
            plain = PLAIN_TAG.issuperset(value.language)
            tag = value.language if plain else quoted(value.language)
            remarks.append(fill(phrases.LANGUAGE, self.lang, tag=tag))
        return quoted(value.lexical) + (f" ({'; '.join(remarks)})" if remarks else "")

    def datatype(self, iri: str) -> str:
        """Return the name of a datatype."""
        return label("datatypes", iri, self.lang) or self.iri(iri)

    def _special(self, item: Constraint) -> str:
        if len(item.right) != 1 or item.unit or item.reference:
            return ""
        value = item.right[0]
        pair = special(item.left, item.operator, value)
        if pair is None:
            return ""
        kind = OPERANDS[item.left].kind
        if kind in _SCALARS and scalar(kind, value) is None:
            return ""
        slots = {"values": self.value(value)} if "{values}" in pair[0] else {}
        if "{meaning}" in pair[0]:
            slots["meaning"] = figure(meaning(item.left, number(value)), self.lang)
        if "{name}" in pair[0]:
            iri = value.value if isinstance(value, Iri) else ""
            slots["name"] = label("values", iri, self.lang)
        return fill(pair, self.lang, **slots) if all(slots.values()) else ""

    def _general(self, item: Constraint) -> str:
        pairs = phrases.OPERATORS[item.operator]
        pair = pairs[len(item.right) + len(item.reference) > 1]
        predicate = fill(pair, self.lang, values=self._values(item))
        wide = fill(phrases.NARROWER, self.lang) if narrower(item) else ""
        return f"{self.operand(item.left)} {predicate}{wide}"

    def operand(self, iri: str) -> str:
        """Return a left operand with its article."""
        name = label("operands", iri, self.lang)
        said_so = fill(phrases.OPERAND, self.lang, name=name) if name else ""
        return said_so or fill(phrases.STRANGE_OPERAND, self.lang, iri=self.iri(iri))

    def _values(self, item: Constraint) -> str:
        words = [self.value(value) for value in item.right]
        words += [fill(phrases.REFERRED, self.lang, iri=self.iri(iri)) for iri in item.reference]
        unit = self._unit(item.unit) if item.unit else ""
        return self.listed(words, item.operator) + unit

    def listed(self, words: Sequence[str], operator: Operator) -> str:
        """Return several values in a row."""
        if not words:
            return fill(phrases.NOTHING, self.lang)
        if len(words) == 1:
            return words[0]
        return ", ".join(words[:-1]) + joint(operator, self.lang) + words[-1]

    def _unit(self, iri: str) -> str:
        name = label("units", iri, self.lang)
        return f" {name}" if name else fill(phrases.STRANGE_UNIT, self.lang, iri=self.iri(iri))


def figure(plain: str, lang: str) -> str:
    """Return a number as people write it: `100,000` or, in French, `100 000`.

    >>> figure("100000", "en"), figure("2.7", "fr")
    ('100,000', '2,7')
    """
    whole, point, rest = plain.partition(".")
    grouped = f"{int(whole):,}" if whole else ""
    if lang == "fr":
        return grouped.replace(",", " ") + point.replace(".", ",") + rest
    return grouped + point + rest


def joint(operator: Operator, lang: str) -> str:
    """Return the word between the last two values of a list."""
    if operator in _JOINED:
        return fill(phrases.AND, lang)
    return fill(phrases.LISTING if operator in _LISTING else phrases.OR, lang)


def narrower(item: Constraint) -> bool:
    """Return whether narrower concepts count as well, which is then said."""
    operand = OPERANDS.get(item.left)
    return operand is not None and operand.kind in _WIDE and item.operator in _LISTING
