"""One constraint by itself: do operator, values, datatypes and units fit its left operand?

What can never be decided is an error, what can but surprises a warning.
Source: ODRL Vocabulary 2.2, left operands and operators; IM 2.5.1.
"""

from __future__ import annotations

import re
from typing import Final

from policies_odrl import text
from policies_odrl.algebra.forms import SCALARS
from policies_odrl.checking.findings import Change, Report, Step, Term
from policies_odrl.model import ODRL, XSD, Constraint, Literal, Operator, Value
from policies_odrl.values import name, number, scalar, span
from policies_odrl.vocabulary import ALLOWED, LEVELS, Kind, Operand, prefixed

_LISTS: Final = frozenset({Operator.IS_ANY_OF, Operator.IS_NONE_OF})
_MANY: Final = _LISTS | {Operator.IS_ALL_OF, Operator.HAS_PART}
_WITH_UNITS: Final = frozenset({Kind.NUMBER, Kind.COUNT, Kind.DURATION})
_NAMES: Final = frozenset({Kind.CONCEPT, Kind.PLACE})
_IRI: Final = re.compile(r"(?:https?|urn|did):[^\s<>\"{}|\\^`]+")
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


def of_constraint(path: str, item: Constraint, operand: Operand, report: Report) -> None:
    """Note what is wrong with one constraint by itself, `operand` being its left operand."""
    short = text.term(item.left)
    if operand.replaced_by:
        report.note(path, "deprecated-term", short, text.term(operand.replaced_by))
    _operator(path, item, operand, report)
    if operand.measured and not item.unit:
        report.note(path, "unit-missing", short)
    if item.unit and operand.kind not in _WITH_UNITS:
        report.note(path, "unit-without-measure", short)
    _datatype(path, item, report)
    if item.operator in _LISTS and len(item.right) > 1:
        _listed(path, item, operand, report)
    for index, value in enumerate(item.right):
        if operand.kind in SCALARS:
            _scalar(path, item, operand, index, report)
        elif (
            operand.kind in _NAMES and isinstance(value, Literal) and _IRI.fullmatch(value.lexical)
        ):
            step = Step(Change.REPLACE, _at(path, item, index), {"@id": value.lexical})
            report.note(path, "text-for-name", value.lexical, edit=(step,))
        if operand.kind is Kind.CONCEPT:
            _concept(path, item, name(value) or "", report)


def _at(path: str, item: Constraint, index: int) -> str:
    return f"{path}/rightOperand" + (f"/{index}" if len(item.right) > 1 else "")


def _operator(path: str, item: Constraint, operand: Operand, report: Report) -> None:
    operator, short = item.operator.value, text.term(item.left)
    if item.operator not in ALLOWED[operand.kind]:
        allowed = ", ".join(sorted(ALLOWED[operand.kind]))
        report.note(path, "operator-without-meaning", short, operator, allowed)
    elif item.operator not in operand.usual:
        usual = ", ".join(sorted(operand.usual))
        report.note(path, "unusual-operator", short, operator, usual)
    if len(item.right) > 1 and item.operator not in _MANY:
        report.note(path, "several-values", operator, str(len(item.right)))


def _datatype(path: str, item: Constraint, report: Report) -> None:
    written = [value.datatype if isinstance(value, Literal) else "" for value in item.right]
    other = next((kind for kind in written if kind != item.datatype), None)
    if item.datatype and other is not None:
        report.note(path, "datatype-differs", prefixed(item.datatype), prefixed(other) or "@id")


def _listed(path: str, item: Constraint, operand: Operand, report: Report) -> None:
    names = [name(value) or "" for value in item.right]
    listed = frozenset(names)
    seen: set[str] = set()
    for index, word in enumerate(names):
        edit = (Step(Change.REMOVE, f"{path}/rightOperand/{index}"),)
        above = report.knowledge.above(word) if operand.kind is Kind.CONCEPT else frozenset()
        wider = min((above & listed) - {word}, default="")
        if word in seen:
            report.note(path, "repeated-value", text.term(word), edit=edit)
        elif wider:
            report.note(path, "covered-value", text.term(word), text.term(wider), edit=edit)
        seen.add(word)


def _scalar(path: str, item: Constraint, operand: Operand, index: int, report: Report) -> None:
    value = item.right[index]
    if not _fits(item, operand, value):
        steps = ", ".join(text.term(step) for step in LEVELS.get(item.left, ()))
        form = steps or _FORMS[operand.kind]
        report.note(path, "wrong-datatype", text.term(item.left), text.value(value), form)
    elif operand.kind is Kind.INSTANT and isinstance(value, Literal):
        written, xsd = value.lexical.strip(), value.datatype.startswith(XSD)
        if "T" in written and not _ZONE.search(written):
            zoned = {"@value": written + "Z", "@type": prefixed(value.datatype)}
            edit = (Step(Change.REPLACE, _at(path, item, index), zoned),) if xsd else ()
            report.note(path, "time-without-zone", written, edit=edit)
        stretch = span(value)
        if value.datatype == XSD + "date" or (stretch and stretch.start != stretch.end):
            report.note(path, "date-is-a-day", written)


def _fits(item: Constraint, operand: Operand, value: Value) -> bool:
    steps = LEVELS.get(item.left)
    if steps is not None:  # a step of another list is none of this one
        return name(value) in steps
    measured = operand.kind is Kind.DURATION and item.unit and number(value) is not None
    return bool(measured) or scalar(operand.kind, value) is not None


def _concept(path: str, item: Constraint, concept: str, report: Report) -> None:
    if not report.knowledge.knows(concept):
        kind = "purpose" if item.left == ODRL + "purpose" else "concept"
        report.note(path, "unknown-purpose", concept, report.near(kind, concept))
    elif item.operator in {Operator.EQ, Operator.NEQ}:
        narrower = min(report.knowledge.below(concept) - {concept}, default="")
        if narrower:
            terms = (item.operator.value, text.term(concept), text.term(narrower))
            report.note(path, "eq-on-class", *terms)
