"""One constraint by itself: do operator, values, datatypes and units fit its left operand?

Rules: what can never be decided is an error (evaluation would always answer Undetermined); what can
but surprises is a warning. Whether the constraint can hold is left to `satisfiability.py`.
Source: ODRL Vocabulary 2.2, left operands and operators; IM 2.5.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from policies_odrl import text
from policies_odrl.algebra.forms import SCALARS
from policies_odrl.checking.findings import Change, Finding, Say, Step, Term
from policies_odrl.checking.spelling import Speller
from policies_odrl.concepts import concepts, wider_concepts
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import ODRL, XSD, Constraint, Literal, Operator, Value
from policies_odrl.values import name, number, scalar, span
from policies_odrl.vocabulary import (
    ALLOWED,
    LEVELS,
    PREAU,
    PROFILE,
    Kind,
    Operand,
)

_MANY: Final = frozenset({Operator.IS_ANY_OF, Operator.IS_NONE_OF, Operator.IS_ALL_OF})
_LISTS: Final = frozenset({Operator.IS_ANY_OF, Operator.IS_NONE_OF})
_WITH_UNITS: Final = frozenset({Kind.NUMBER, Kind.COUNT, Kind.DURATION})
_NAMES: Final = frozenset({Kind.CONCEPT, Kind.PLACE})
_ABSOLUTE: Final = re.compile(r"(?:https?|urn|did):[^\s<>\"{}|\\^`]+")
_ZONE: Final = re.compile(r"(?:Z|[+-]\d\d:\d\d)$", re.ASCII)
_NUMBERS: Final[Term] = (
    "a number as its datatype spells it: 1e-5 as a decimal is 0.00001",
    "un nombre tel que son type l'écrit : 1e-5 en décimal est 0.00001",
)
_FORMS: Final[dict[Kind, Term]] = {
    Kind.NUMBER: _NUMBERS,
    Kind.COUNT: _NUMBERS,
    Kind.INSTANT: ("an xsd:dateTime or xsd:date", "un xsd:dateTime ou xsd:date"),
    Kind.DURATION: ("an xsd:duration such as P30D", "un xsd:duration comme P30D"),
    Kind.LEVEL: ("the IRI of a step of its list", "l'IRI d'un échelon de sa liste"),
}


def of_constraint(
    path: str, item: Constraint, say: Say, knowledge: Knowledge, speller: Speller
) -> Iterator[Finding]:
    """Yield what is wrong with one constraint by itself.

    Args:
        path: its JSON pointer.
        item: the constraint.
        say: makes findings in the language asked for.
        knowledge: left operands and hierarchies beyond the built-in ones.
        speller: looks for near terms.
    """
    operand = knowledge.operand(item.left)
    if operand is None:
        return
    short = text.term(item.left)
    if operand.replaced_by:
        yield say(path, "deprecated-term", short, text.term(operand.replaced_by))
    yield from _operator(path, item, operand, say)
    yield from _unit(path, item, operand, say)
    yield from _values(path, item, operand, say, knowledge)
    if operand.kind in SCALARS:
        yield from _scalars(path, item, operand, say)
    elif operand.kind in _NAMES:
        yield from _texts(path, item, say)
    if operand.kind is Kind.CONCEPT:
        yield from _concepts(path, item, say, knowledge, speller)


def of_term(path: str, term: str, profiles: tuple[str, ...], say: Say) -> Iterator[Finding]:
    """Yield a finding where a term belongs to our profile and the policy does not declare it."""
    if term.startswith(PREAU) and PROFILE not in profiles:
        declared = [*profiles, PROFILE]
        change = Change.REPLACE if profiles else Change.ADD
        edit = (Step(change, "/profile", declared if profiles else PROFILE),)
        yield say(path, "undeclared-profile", text.term(term), PROFILE, edit=edit)


def _operator(path: str, item: Constraint, operand: Operand, say: Say) -> Iterator[Finding]:
    operator, short = item.operator.value, text.term(item.left)
    if item.operator not in ALLOWED[operand.kind]:
        allowed = ", ".join(sorted(ALLOWED[operand.kind]))
        yield say(path, "operator-without-meaning", short, operator, allowed)
    elif item.operator not in operand.usual:
        usual = ", ".join(sorted(operand.usual))
        yield say(path, "unusual-operator", short, operator, usual)
    if len(item.right) > 1 and item.operator not in _MANY | {Operator.HAS_PART}:
        yield say(path, "several-values", operator, str(len(item.right)))


def _unit(path: str, item: Constraint, operand: Operand, say: Say) -> Iterator[Finding]:
    if operand.measured and not item.unit:
        yield say(path, "unit-missing", text.term(item.left))
    if item.unit and operand.kind not in _WITH_UNITS:
        yield say(path, "unit-without-measure", text.term(item.left))


def _values(
    path: str, item: Constraint, operand: Operand, say: Say, knowledge: Knowledge
) -> Iterator[Finding]:
    if item.datatype:
        for value in item.right:
            written = value.datatype if isinstance(value, Literal) else ""
            if written != item.datatype:
                shown = _short(written) if written else "@id"
                yield say(path, "datatype-differs", _short(item.datatype), shown)
                break
    if item.operator in _LISTS and len(item.right) > 1:
        yield from _listed(path, item, operand, say, knowledge)


def _listed(
    path: str, item: Constraint, operand: Operand, say: Say, knowledge: Knowledge
) -> Iterator[Finding]:
    names = [name(value) or "" for value in item.right]
    listed = frozenset(names)
    seen: set[str] = set()
    for index, word in enumerate(names):
        edit = (Step(Change.REMOVE, f"{path}/rightOperand/{index}"),)
        above = knowledge.above(word) if operand.kind is Kind.CONCEPT else frozenset()
        wider = min((above & listed) - {word}, default="")
        if word in seen:
            yield say(path, "repeated-value", text.term(word), edit=edit)
        elif wider:
            yield say(path, "covered-value", text.term(word), text.term(wider), edit=edit)
        seen.add(word)


def _scalars(path: str, item: Constraint, operand: Operand, say: Say) -> Iterator[Finding]:
    for index, value in enumerate(item.right):
        where = f"{path}/rightOperand" + (f"/{index}" if len(item.right) > 1 else "")
        if not _fits(item, operand, value):
            steps = ", ".join(text.term(step) for step in LEVELS.get(item.left, ()))
            form = steps or _FORMS[operand.kind]
            yield say(path, "wrong-datatype", text.term(item.left), text.value(value), form)
        elif operand.kind is Kind.INSTANT and isinstance(value, Literal):
            yield from _instant(path, where, value, say)


def _fits(item: Constraint, operand: Operand, value: Value) -> bool:
    steps = LEVELS.get(item.left)
    if steps is not None:  # a step of another list is none of this one
        return name(value) in steps
    measured = operand.kind is Kind.DURATION and item.unit and number(value) is not None
    return bool(measured) or scalar(operand.kind, value) is not None


def _instant(path: str, where: str, value: Literal, say: Say) -> Iterator[Finding]:
    written = value.lexical.strip()
    if "T" in written and not _ZONE.search(written):
        zoned = {"@value": written + "Z", "@type": "xsd:" + value.datatype.removeprefix(XSD)}
        edit = (Step(Change.REPLACE, where, zoned),) if value.datatype.startswith(XSD) else ()
        yield say(path, "time-without-zone", written, edit=edit)
    stretch = span(value)
    if value.datatype == XSD + "date" or (stretch and stretch.start != stretch.end):
        yield say(path, "date-is-a-day", written)


def _texts(path: str, item: Constraint, say: Say) -> Iterator[Finding]:
    for index, value in enumerate(item.right):
        if isinstance(value, Literal) and _ABSOLUTE.fullmatch(value.lexical):
            where = f"{path}/rightOperand" + (f"/{index}" if len(item.right) > 1 else "")
            edit = (Step(Change.REPLACE, where, {"@id": value.lexical}),)
            yield say(path, "text-for-name", value.lexical, edit=edit)


def _concepts(
    path: str, item: Constraint, say: Say, knowledge: Knowledge, speller: Speller
) -> Iterator[Finding]:
    for value in item.right:
        known = name(value) or ""
        if not knowledge.knows(known):
            purpose = item.left == ODRL + "purpose"
            near = speller.other("purpose", known) if purpose else speller.other("concept", known)
            yield say(path, "unknown-purpose", known, near)
        elif item.operator in {Operator.EQ, Operator.NEQ} and (narrower := _narrower(known)):
            operator = item.operator.value
            yield say(path, "eq-on-class", operator, text.term(known), text.term(narrower))


@lru_cache(maxsize=1024)
def _narrower(concept: str) -> str:
    below = (other for other in concepts() if other != concept)
    return min((other for other in below if concept in wider_concepts(other)), default="")


def _short(datatype: str) -> str:
    return "xsd:" + datatype.removeprefix(XSD) if datatype.startswith(XSD) else datatype
