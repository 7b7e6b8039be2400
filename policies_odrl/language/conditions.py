"""Conditions and what a duty asks for, in words and back.

A condition with one common value has a sentence of its own (in the row of its operand); any
other is said with its operand, its operator and its values. Nothing is rounded or left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import product
from typing import Any, Final

from policies_odrl import model
from policies_odrl.language.phrases import Pair, index, parts, table
from policies_odrl.language.voice import Heard, References, Slot, Voice
from policies_odrl.language.wording import figure, heard_number, meaning
from policies_odrl.model import XSD, Constraint, Iri, Literal, Operator, Rule, Value
from policies_odrl.values import number, scalar
from policies_odrl.vocabulary import OPERANDS, Kind, expanded, prefixed

_JOINED: Final = frozenset({Operator.IS_ALL_OF, Operator.HAS_PART})
_LISTING: Final = frozenset({Operator.IS_ANY_OF, Operator.IS_NONE_OF, Operator.IS_ALL_OF})
_WIDE: Final = frozenset({Kind.CONCEPT, Kind.PLACE})
_SCALARS: Final = frozenset({Kind.NUMBER, Kind.COUNT, Kind.INSTANT, Kind.DURATION})
_NUMBERS: Final = frozenset({Kind.NUMBER, Kind.COUNT})
_ASSET: Final = "asset"  # of a duty, said in its sentence
_JOINTS: Final = ("and", "or", "listing")
_MEANING: Final = re.compile(r"\d+(?:[ ,]\d{3})*(?:[.,]\d)?", re.ASCII)

# (operand, operator, the only value it is for) -> sentence of its own.
Forms = Mapping[tuple[str, Operator, Value | None], Pair]


@cache
def conditions() -> Forms:
    """Return the forms of a condition, without what ends it."""
    rows = OPERANDS.values()
    return _forms((row.id, key, pair) for row in rows for key, pair in row.sentences.items())


@cache
def _deadlines() -> Forms:
    """Return the forms of a deadline, in the sentence of a duty."""
    rows = ((key.partition(" "), pair) for key, pair in table("deadlines").items())
    return _forms((expanded(key[0]), key[2], pair) for key, pair in rows)


def _forms(rows: Iterable[tuple[str, str, Pair]]) -> Forms:
    found: dict[tuple[str, Operator, Value | None], Pair] = {}
    for left, key, pair in rows:
        operator, _, value = key.partition(" ")
        datatype = "decimal" if OPERANDS[left].kind in _NUMBERS else "duration"
        only = Iri(expanded(value)) if expanded(value) else Literal(value, XSD + datatype)
        found[left, Operator(operator), only if value else None] = pair
    return found


@cache
def operator_form(operator: Operator, *, several: bool) -> Pair:
    """Return the form of a condition that has no sentence of its own."""
    own = table("operators")[operator.value]
    english, french = table("operators-of-several").get(operator.value, own) if several else own
    joint = "and" if operator in _JOINED else "listing" if operator in _LISTING else "or"
    made = (f"{{operand}} {it}{{unit}}{{narrower}}" for it in (english, french))
    english, french = (it.replace("{values}", f"{{{joint}}}") for it in made)
    return english, french


def every_form(lang: str) -> dict[str, Operator | None]:
    """Return each form of a condition -> its operator, where it holds for any operand."""
    found: dict[str, Operator | None] = {pair[index(lang)]: None for pair in conditions().values()}
    for operator, several in product(Operator, (False, True)):
        found.setdefault(operator_form(operator, several=several)[index(lang)], operator)
    return {f"{form}{{named}}.": operator for form, operator in found.items()}


def narrower(left: str, operator: Operator) -> bool:
    """Return whether narrower concepts count as well, which is then said."""
    operand = OPERANDS.get(left)
    return operand is not None and operand.kind in _WIDE and operator in _LISTING


class Speech(Voice):
    """A voice that also says conditions and duties."""

    def __init__(self, lang: str, references: References | None = None) -> None:
        super().__init__(lang, references)
        deed = Slot(self.asked, self._hear_deed)
        wide = self.word("narrower")
        self.slots |= {
            "condition": Slot(self.condition, self._hear_condition),
            "deed": deed,
            "de_deed": self.after_de(deed),
            "number": Slot(self.value, self._hear_number),
            "meaning": Slot(
                lambda stated: figure(meaning(stated[0], number(stated[1])), lang), _hear_meaning
            ),
            "narrower": Slot(
                lambda stated: wide if stated else "",
                lambda text, start: (True, start + len(wide) * text.startswith(wide, start)),
            ),
            **{joint: self._row(self.word(joint)) for joint in _JOINTS},
        }

    def condition(self, item: model.Condition) -> str:
        """Return a constraint, or what opens a logical one; its operands follow below."""
        if isinstance(item, model.LogicalConstraint):
            return self.say(table("connectives")[item.connective.value], named=item.id)
        said = self._plain(conditions(), item) or self._general(item)
        return f"{said}{self.slots['named'].say(item.id)}."

    def _plain(self, forms: Forms, item: Constraint) -> str:
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
        name = value.value if isinstance(value, Iri) else ""
        held = {"value": value, "number": value, "name": name, "meaning": (item.left, value)}
        template = pair[self.index]
        said = {slot: self.slots[slot].say(held[slot]) for _, slot in parts(template) if slot}
        return template.format(**said) if all(said.values()) else ""

    def _general(self, item: Constraint) -> str:
        values = item.right, item.reference
        return self.say(
            operator_form(item.operator, several=sum(map(len, values)) > 1),
            operand=item.left,
            **dict.fromkeys(_JOINTS, values),
            unit=item.unit,
            narrower=narrower(item.left, item.operator),
        )

    def _hear_condition(self, text: str, start: int) -> Heard:
        said = text[start:]
        for connective in model.Connective:
            slots = self.hear(table("connectives")[connective.value], said)
            if slots is not None:
                return model.LogicalConstraint(connective, (), slots["named"]), len(text)
        heard = (*self._hear_plain(conditions(), said, 0), *self._hear_general(said))
        ends = ((item, self.slots["named"].hear(said, at)) for item, at in heard)
        named = {replace(item, id=end[0]) for item, end in ends if end and said[end[1] :] == "."}
        found = [item for item in named if self.condition(item) == said]
        return (found[0], len(text)) if len(found) == 1 else None  # two readings are a mistake

    def _hear_plain(self, forms: Forms, text: str, start: int) -> Iterator[tuple[Constraint, int]]:
        for (left, operator, only), pair in forms.items():
            found = self.match(pair, text, start)
            if found is not None:
                held = found[0]
                named = Iri(held["name"]) if "name" in held else only
                value = held.get("value") or held.get("number") or named
                if value is not None:
                    yield Constraint(left, operator, (value,)), found[1]

    def _hear_general(self, text: str) -> Iterator[tuple[Constraint, int]]:
        for operator, several in product(Operator, (False, True)):
            found = self.match(operator_form(operator, several=several), text, 0)
            if found is not None:
                held, at = found
                right, reference = next(held[joint] for joint in _JOINTS if joint in held)
                left, unit = held["operand"], held["unit"]
                yield Constraint(left, operator, right, unit, reference=reference), at

    def _hear_number(self, text: str, start: int) -> Heard:
        """Return the number at a place: `15` of `15 years`, which is no duration there."""
        return heard_number(text, start, self.lang) or self.slots["value"].hear(text, start)

    def _row(self, last: str) -> Slot:
        """Return a slot of (values, IRIs that are referred to), with a word before the last."""
        referred, nothing = table("words")["referred"], self.word("nothing")

        def say(stated: tuple[tuple[Value, ...], tuple[str, ...]]) -> str:
            words = [self.value(value) for value in stated[0]]
            words += [self.say(referred, iri=iri) for iri in stated[1]]
            *before, end = words or [nothing]
            return last.join((", ".join(before), end)) if before else end

        def item(text: str, start: int) -> Heard:
            found = self.match(referred, text, start)
            return (found[0]["iri"], found[1]) if found else self._hear_value(text, start)

        def hear(text: str, start: int) -> Heard:
            found: list[Value | str] = []
            at, between = start, ""
            while part := item(text, at + len(between)):
                found.append(part[0])
                at = part[1]
                follows = (", ", last) if between != last else ()
                between = next((mark for mark in follows if text.startswith(mark, at)), "")
                if not between:
                    break
            if not found:
                return (((), ()), start + len(nothing)) if text.startswith(nothing, start) else None
            values = tuple(item for item in found if not isinstance(item, str))
            return (values, tuple(item for item in found if isinstance(item, str))), at

        return Slot(say, hear)

    def _deed(self, rule: Rule) -> tuple[Rule, str]:
        """Return what the sentence of a rule says of it, and the words after its action."""
        said, duty = Rule(action=model.Action(rule.action.id)), isinstance(rule, model.Duty)
        known, key = _things(rule.action.id), ""
        function, party = rule.functions[0] if rule.functions else ("", None)
        target, first = rule.target, rule.constraints[:1]
        if duty and party and not self._more(party) and function in known:
            key, said = function, replace(said, functions=rule.functions[:1])
        elif duty and target and not self._more(target) and _ASSET in known:
            key, said = _ASSET, replace(said, target=target)
        thing = self.say(known.get(key, ("", "")), party=party, asset=target)
        deadline = self._deadline(first) if duty else ""
        return replace(said, constraints=first) if deadline else said, thing + deadline

    def _more(self, item: model.Reference) -> bool:
        """Return whether more is told of a party or an asset than its name."""
        return bool(item.refinements or (item.notes and self.references.listed))

    def left(self, rule: Rule) -> Rule:
        """Return what the sentence of a rule leaves to those below it; in place of others, None."""
        said, _ = self._deed(rule)
        made: dict[str, Any] = {} if said.target is None else {"target": None}
        for name in ("constraints", "functions"):
            count = len(getattr(said, name))
            made[name] = (*[None] * count, *getattr(rule, name)[count:])
        return replace(rule, **made)

    def asked(self, rule: Rule) -> str:
        """Return what a rule is about, in the words of its sentence."""
        return self.action(rule.action.id) + self._deed(rule)[1]

    def _deadline(self, items: tuple[model.Condition, ...]) -> str:
        """Return the words for a condition that says by when, and nothing more; or nothing."""
        for item in items:
            if isinstance(item, Constraint) and not item.notes:
                plain = item == Constraint(item.left, item.operator, item.right)
                return self._plain(_deadlines(), item) if plain else ""
        return ""

    def _hear_deed(self, text: str, start: int) -> Heard:
        found = self.slots["action"].hear(text, start)
        if found is None:
            return None
        deed, at = model.Duty(action=model.Action(found[0])), found[1]
        for function, pair in _things(found[0]).items():
            thing = self.match(pair, text, at)
            if thing is not None:
                held, at = thing
                functions = ((function, held["party"]),) if "party" in held else ()
                deed = replace(deed, functions=functions, target=held.get("asset"))
                break
        for item, end in self._hear_plain(_deadlines(), text, at):
            if self._plain(_deadlines(), item) == text[at:end]:
                return replace(deed, constraints=(item,)), end
        return deed, at


@cache
def _things(action: str) -> Mapping[str, Pair]:
    """Return how it is said on what an action is done, or for whom: by that party's function."""
    short, objects = prefixed(action), table("objects")
    towards = ((key.split(), pair) for key, pair in table("towards").items())
    found = {expanded(key[1]): pair for key, pair in towards if key[0] == short}
    if short in objects:
        found |= {"": objects[short], _ASSET: (" {asset}", " {asset}")}
    return found


def _hear_meaning(text: str, start: int) -> Heard:
    found = _MEANING.match(text, start)
    return (found[0], found.end()) if found else None
