"""Conditions and what a duty asks for, in words and back.

A condition with one common value has a sentence of its own (in the row of its operand); any
other is said with its operand, its operator and its values. Nothing is rounded or left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from policies_odrl.language import labels
from policies_odrl.language.meaning import meaning
from policies_odrl.language.phrases import Pair, parts, table
from policies_odrl.language.prefixes import expanded, prefixed
from policies_odrl.language.references import References
from policies_odrl.language.voice import Heard, Reader, Slot, Voice
from policies_odrl.language.wording import heard_number
from policies_odrl.model import (
    XSD,
    AssetRef,
    Condition,
    Connective,
    Constraint,
    Iri,
    Literal,
    LogicalConstraint,
    Operator,
    PartyRef,
    Rule,
    Value,
)
from policies_odrl.values import number, scalar
from policies_odrl.vocabulary import OPERANDS, Kind

_JOINED: Final = frozenset({Operator.IS_ALL_OF, Operator.HAS_PART})
_LISTING: Final = frozenset({Operator.IS_ANY_OF, Operator.IS_NONE_OF, Operator.IS_ALL_OF})
_WIDE: Final = frozenset({Kind.CONCEPT, Kind.PLACE})
_SCALARS: Final = frozenset({Kind.NUMBER, Kind.COUNT, Kind.INSTANT, Kind.DURATION})
_NUMBERS: Final = frozenset({Kind.NUMBER, Kind.COUNT})
_MEANING: Final = re.compile(r"\d+(?:[ ,]\d{3})*(?:[.,]\d)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Deed:
    """What a duty asks for, as far as one sentence says it.

    Attributes:
        action: its IRI.
        towards: (party function, party) that the action itself is about.
        target: what it is done on, where the duty names that.
        deadline: the first constraint, where it says by when.
    """

    action: str
    towards: tuple[str, PartyRef] | None = None
    target: AssetRef | None = None
    deadline: Constraint | None = None


Forms = Mapping[tuple[str, Operator, Value | None], Pair]


@cache
def conditions() -> Forms:
    """Return (operand, operator, the only value it is for) -> sentence of its own."""
    rows = ((item.id, item.sentences) for item in OPERANDS.values())
    stated = ((left, key, pair) for left, said in rows for key, pair in said.items())
    return MappingProxyType({_form(left, key, pair): pair for left, key, pair in stated})


@cache
def _deadlines() -> Forms:
    """Return the forms of a deadline, in the sentence of a duty."""
    stated = ((key.partition(" "), pair) for key, pair in table("deadlines").items())
    return MappingProxyType({_form(expanded(it[0]), it[2], pair): pair for it, pair in stated})


def _form(left: str, key: str, pair: Pair) -> tuple[str, Operator, Value | None]:
    operator, _, value = key.partition(" ")
    iri = expanded(value)
    datatype = "decimal" if "{values}" in pair[0] else "duration"
    stated = Iri(iri) if iri else Literal(value, XSD + datatype)
    return left, Operator(operator), stated if value else None


def narrower(item: Constraint) -> bool:
    """Return whether narrower concepts count as well, which is then said."""
    operand = OPERANDS.get(item.left)
    return operand is not None and operand.kind in _WIDE and item.operator in _LISTING


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


class Speech(Voice):
    """A voice that also says conditions and duties."""

    def __init__(self, lang: str, references: References | None = None) -> None:
        """Take a language, and the list that numbers the IRIs.

        Raises:
            ValueError: a language that there are no sentences in.
        """
        super().__init__(lang, references)
        deed = Slot(self._deed, self._hear_deed)
        self.slots |= {
            "condition": Slot(self.condition, self._hear_condition),
            "deed": deed,
            "de_deed": self._after_de(deed),
        }

    # -- conditions -------------------------------------------------------------------------

    def condition(self, item: Condition) -> str:
        """Return a constraint, or what opens a logical one; its operands follow below."""
        if isinstance(item, LogicalConstraint):
            return self.say(table("connectives")[item.connective.value], named=item.id)
        said = self._plain(conditions(), item) or self._general(item)
        return f"{said}{self.slots['named'].say(item.id)}."

    def _hear_condition(self, text: str, start: int) -> Heard:
        said = text[start:]
        for connective in Connective:
            slots = self.hear(table("connectives")[connective.value], said)
            if slots is not None:
                return LogicalConstraint(connective, (), slots["named"]), len(text)
        found = {item for item in self._leaves(said) if self.condition(item) == said}
        return (found.pop(), len(text)) if len(found) == 1 else None  # two readings are a mistake

    def operand(self, iri: str) -> str:
        """Return a left operand with its article."""
        name = labels.label("operands", iri, self.lang)
        said = self.word("operand", name=name) if name else ""
        return said or self.word("strange-operand", iri=self.iri(iri))

    def _plain(self, forms: Forms, item: Constraint) -> str:
        """Return the sentence of its own that a condition has, or nothing."""
        if len(item.right) != 1 or item.unit or item.reference:
            return ""
        value = item.right[0]
        pair = forms.get((item.left, item.operator, value))
        pair = pair or forms.get((item.left, item.operator, None))
        if pair is None:
            return ""
        kind = OPERANDS[item.left].kind
        if kind in _SCALARS and scalar(kind, value) is None:
            return ""
        slots = {slot: self._filled(slot, item.left, value) for _, slot in parts(pair[self.index])}
        slots.pop("", None)
        return pair[self.index].format(**slots) if all(slots.values()) else ""

    def _filled(self, slot: str, left: str, value: Value) -> str:
        match slot:
            case "values":
                return self.value(value)
            case "name":
                iri = value.value if isinstance(value, Iri) else ""
                return labels.label("values", iri, self.lang)
            case _:
                return figure(meaning(left, number(value)), self.lang)

    def _general(self, item: Constraint) -> str:
        several = len(item.right) + len(item.reference) > 1
        words = [self.value(value) for value in item.right]
        words += [self.word("referred", iri=self.iri(iri)) for iri in item.reference]
        values = self.listed(words, self._joint(item.operator)) + self._unit(item.unit)
        predicate = operator_form(item.operator, several=several)[self.index].format(values=values)
        wide = self.word("narrower") if narrower(item) else ""
        return f"{self.operand(item.left)} {predicate}{wide}"

    def _joint(self, operator: Operator) -> str:
        """Return the word between the last two values of a list."""
        if operator in _JOINED:
            return self.word("and")
        return self.word("listing" if operator in _LISTING else "or")

    def _unit(self, iri: str) -> str:
        name = labels.label("units", iri, self.lang) if iri else ""
        said = self.word("strange-unit", iri=self.iri(iri)) if iri and not name else ""
        return f" {name}" if name else said

    def _leaves(self, text: str) -> Iterator[Constraint]:
        for item, at in self._hear_plain(conditions(), text, 0):
            yield from self._ended(item, text, at)
        for left, at in self._operands(text):
            for operator in Operator:
                for several in (False, True):
                    pair = operator_form(operator, several=several)
                    yield from self._hear_general(left, operator, pair, text, at)

    def _hear_plain(self, forms: Forms, text: str, start: int) -> Iterator[tuple[Constraint, int]]:
        readers: dict[str, Reader] = {
            "name": lambda text, at: self.term("values", text, at),
            "meaning": _hear_meaning,
        }
        for (left, operator, only), pair in forms.items():
            numeric = OPERANDS[left].kind in _NUMBERS
            readers["values"] = self._hear_number if numeric else self.slots["value"].hear
            found = self.match(pair, text, start, readers)
            if found is not None:
                slots, end = found
                named = Iri(slots["name"]) if "name" in slots else only
                value = slots.get("values") or named
                if value is not None:
                    yield Constraint(left, operator, (value,)), end

    def _hear_number(self, text: str, start: int) -> Heard:
        """Return the number at a place: `15` of `15 years`, which is no duration there."""
        return heard_number(text, start, self.lang) or self.slots["value"].hear(text, start)

    def _hear_general(
        self, left: str, operator: Operator, pair: Pair, text: str, start: int
    ) -> Iterator[Constraint]:
        found = self.match(pair, text, start, {"values": self._row(self._joint(operator))})
        if found is None:
            return
        right, reference, unit = found[0]["values"]
        item = Constraint(left, operator, right, unit=unit, reference=reference)
        wide = self.word("narrower") if narrower(item) else ""
        if text.startswith(wide, found[1]):
            yield from self._ended(item, text, found[1] + len(wide))

    def _ended(self, item: Constraint, text: str, start: int) -> Iterator[Constraint]:
        named = self.slots["named"].hear(text, start)
        if named and text[named[1] :] == ".":
            yield replace(item, id=named[0])

    def _operands(self, text: str) -> Iterator[tuple[str, int]]:
        strange = self.match(table("words")["strange-operand"], text, 0)
        if strange is not None and text.startswith(" ", strange[1]):
            yield strange[0]["iri"], strange[1] + 1
        before = self.word("operand", name="")
        for name in labels.names("operands", self.lang):
            if text.startswith(f"{before}{name} "):
                yield labels.labelled("operands", name, self.lang), len(before) + len(name) + 1

    def _row(self, last: str) -> Reader:
        """Return a reader of a list of values, with its unit."""

        def read(text: str, start: int) -> Heard:
            found, at = self._items(text, start, last)
            if not found:
                nothing = self.word("nothing")
                if not text.startswith(nothing, start):
                    return None
                at = start + len(nothing)
            values = tuple(item for item in found if not isinstance(item, str))
            unit, at = self._hear_unit(text, at)
            return (values, tuple(item for item in found if isinstance(item, str)), unit), at

        return read

    def _items(self, text: str, start: int, last: str) -> tuple[list[Value | str], int]:
        items: list[Value | str] = []
        at = start
        separator: str | None = ""
        while separator is not None:
            begin = at + len(separator)
            referred = self.match(table("words")["referred"], text, begin)
            found: Any = (referred[0]["iri"], referred[1]) if referred else None
            found = found or self.slots["value"].hear(text, begin)
            if found is None:
                break
            items.append(found[0])
            at = found[1]
            follows = (", ", last) if separator != last else ()
            separator = next((item for item in follows if text.startswith(item, at)), None)
        return items, at

    def _hear_unit(self, text: str, start: int) -> tuple[str, int]:
        found = self.match(table("words")["strange-unit"], text, start)
        if found is not None:
            return found[0]["iri"], found[1]
        known = self.term("units", text, start + 1) if text.startswith(" ", start) else None
        return known or ("", start)

    # -- duties -----------------------------------------------------------------------------

    def deed(self, rule: Rule) -> Deed:
        """Return what the sentence of a duty says of it; what is left is said below."""
        action = rule.action.id
        function, party = rule.functions[0] if rule.functions else ("", None)
        towards = party is not None and _bare(party) and _towards(action, function) is not None
        has_object = prefixed(action) in table("objects") and not towards
        target = rule.target if has_object and rule.target and _bare(rule.target) else None
        first = rule.constraints[0] if rule.constraints else None
        deadline = first if isinstance(first, Constraint) and self._is_deadline(first) else None
        return Deed(action, (function, party) if party and towards else None, target, deadline)

    def asked(self, rule: Rule) -> str:
        """Return what a duty asks for, in the words of its sentence."""
        return self._deed(self.deed(rule))

    def _is_deadline(self, item: Constraint) -> bool:
        alone = item == Constraint(item.left, item.operator, item.right) and not item.notes
        return alone and bool(self._plain(_deadlines(), item))

    def _deed(self, deed: Deed) -> str:
        said = self.action(deed.action)
        if deed.towards is not None:
            function, party = deed.towards
            said += self.say(_towards(deed.action, function) or ("", ""), party=party)
        elif deed.target is not None:
            said += " " + self.slots["asset"].say(deed.target)
        else:
            said += table("objects").get(prefixed(deed.action), ("", ""))[self.index]
        return said + (self._plain(_deadlines(), deed.deadline) if deed.deadline else "")

    def _hear_deed(self, text: str, start: int) -> Heard:
        found = self.slots["action"].hear(text, start)
        if found is None:
            return None
        deed, at = self._hear_object(Deed(found[0]), text, found[1])
        for item, end in self._hear_plain(_deadlines(), text, at):
            if self._plain(_deadlines(), item) == text[at:end]:
                return replace(deed, deadline=item), end
        return deed, at

    def _hear_object(self, deed: Deed, text: str, start: int) -> tuple[Deed, int]:
        short = prefixed(deed.action)
        for key, pair in table("towards").items():
            action, function = key.split(" ")
            found = self.match(pair, text, start) if action == short else None
            if found:
                return replace(deed, towards=(expanded(function), found[0]["party"])), found[1]
        words = table("objects").get(short, ("", ""))[self.index]
        if words and text.startswith(words, start):
            return deed, start + len(words)
        asset = self.slots["asset"].hear(text, start + 1) if words else None
        if asset and text.startswith(" ", start):
            return replace(deed, target=asset[0]), asset[1]
        return deed, start


def operator_form(operator: Operator, *, several: bool) -> Pair:
    """Return what an operator says of a left operand, with one value or with several."""
    own = table("operators")[operator.value]
    return table("operators-of-several").get(operator.value, own) if several else own


def _towards(action: str, function: str) -> Pair | None:
    return table("towards").get(f"{prefixed(action)} {prefixed(function)}")


def _bare(item: AssetRef | PartyRef) -> bool:
    return not (item.refinements or item.notes)


def _hear_meaning(text: str, start: int) -> Heard:
    found = _MEANING.match(text, start)
    return (found[0], found.end()) if found else None
