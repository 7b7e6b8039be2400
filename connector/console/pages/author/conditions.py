"""The conditions of a policy as fields of a form, and back.

Rule: the form changes the written document at the places that it shows; what comes out is read as
any other document, so that no field can say what the policy model does not know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, Final

from connector.console.parts import Field, Form, Grid
from connector.errors import Malformed
from connector.jsonld.canonical import canonical
from policies_odrl.authoring import full
from policies_odrl.language.phrases import word
from policies_odrl.model import XSD, Operator
from policies_odrl.vocabulary import ACTIONS, OPERANDS, Kind, prefixed

_RULES: Final = ("permission", "prohibition", "obligation")
_JOINED: Final = ("and", "or", "xone", "andSequence")
_HEADINGS: Final = ("condition", "operator", "value", "keep")
_TYPES: Final = {Kind.NUMBER: "decimal", Kind.INSTANT: "dateTime", Kind.DURATION: "duration"}
_NAMED: Final = frozenset({Kind.CONCEPT, Kind.LEVEL})
_OPERATORS: Final = [(each.value, each.value) for each in Operator]
_KEEP: Final = (("yes", "yes"), ("no", "no"))
_LONGEST: Final = 20_000
_BETWEEN: Final = "; "


def form(document: Mapping[str, Any], language: str) -> Form:
    """Return a form with a row for each condition, and fields for a new one or a new rule."""
    rows = [
        (_name(rule, item, language), _row(place, item))
        for place, (rule, _, item) in enumerate(_conditions(document))
    ]
    rules = [("", ""), *((name, name + ", " + said) for name, said in _rules(document, language))]
    operands = sorted((word(iri, language, "operands"), iri) for iri in OPERANDS)
    actions = sorted((word(iri, language, "actions"), iri) for iri in ACTIONS)
    kinds = (("", ""), *((each, each) for each in _RULES))
    fields = (
        Field("new.rule", "add a condition to", kind="choice", choices=rules),
        Field(
            "new.left",
            "what it is about",
            kind="choice",
            choices=[(iri, said) for said, iri in operands],
        ),
        Field("new.operator", "operator", kind="choice", choices=_OPERATORS),
        Field("new.value", "value", "several ones with semicolons between", longest=_LONGEST),
        Field("rule.kind", "add a rule", kind="choice", choices=kinds),
        Field(
            "rule.action",
            "of the action",
            kind="choice",
            choices=[(iri, said) for said, iri in actions],
        ),
    )
    hidden = {"view": "form", "document": canonical(document).decode()}
    grid = Grid("Conditions", _HEADINGS, rows) if rows else None
    return Form("As a form", "/policy/edit", fields, "change", hidden, grid=grid, name="-form")


def changed(document: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """Return a document with what a form holds.

    Raises:
        Malformed: it names a rule that the document does not have.
    """
    made: dict[str, Any] = deepcopy(dict(document))
    gone = []
    for place, (_, holder, item) in enumerate(list(_conditions(made))):
        if f"{place}.value" not in given:
            continue
        if given.get(f"{place}.keep") == "no":
            gone.append((holder, item))
            continue
        item["operator"] = given.get(f"{place}.operator", item.get("operator"))
        text = given[f"{place}.value"].strip()
        if text != _text(item.get("rightOperand")):
            item["rightOperand"] = _values(text, item.get("rightOperand"), item["leftOperand"])
    for holder, item in gone:
        holder[:] = [each for each in holder if each is not item]
    _add(made, given)
    for name in _RULES:
        for rule in made.get(name, []):
            if rule.get("constraint") == []:
                del rule["constraint"]
    return made


def operands(document: Mapping[str, Any]) -> list[str]:
    """Return the left operands that a document speaks of, as IRIs, each once."""
    found = (full(str(item["leftOperand"])) for _, _, item in _conditions(document))
    return list(dict.fromkeys(found))


def actions(document: Mapping[str, Any], language: str) -> list[tuple[str, str]]:
    """Return the actions of a document's rules, with what they are called."""
    found = dict.fromkeys(_action(rule) for name in _RULES for rule in document.get(name, []))
    return [(iri, word(iri, language, "actions")) for iri in found if iri]


def _add(made: dict[str, Any], given: Mapping[str, str]) -> None:
    if place := given.get("new.rule", ""):
        kind, _, number = place.partition("/")
        rules = made.get(kind, []) if kind in _RULES else []
        if not (number.isascii() and number.isdigit()) or int(number) >= len(rules):
            raise Malformed("the form names a rule that the policy does not have")
        left, text = given.get("new.left", ""), given.get("new.value", "").strip()
        item = {
            "leftOperand": left,
            "operator": given.get("new.operator", ""),
            "rightOperand": _values(text, None, left),
        }
        rules[int(number)].setdefault("constraint", []).append(item)
    if (kind := given.get("rule.kind", "")) in _RULES:
        made.setdefault(kind, []).append({"action": given.get("rule.action", "")})


def _conditions(
    document: Mapping[str, Any],
) -> Iterator[tuple[Mapping[str, Any], list[Any], dict[str, Any]]]:
    """Yield rule, the list that holds it, and the constraint, of all that are written there."""
    for name in _RULES:
        for rule in document.get(name, []):
            yield from _within(rule, rule.get("constraint", []))


def _within(
    rule: Mapping[str, Any], holder: Any
) -> Iterator[tuple[Mapping[str, Any], list[Any], dict[str, Any]]]:
    for item in holder if isinstance(holder, list) else ():
        if isinstance(item, dict) and "leftOperand" in item:
            yield rule, holder, item
        elif isinstance(item, dict):
            for name in _JOINED:
                inner = item.get(name, [])
                yield from _within(rule, inner.get("@list") if isinstance(inner, dict) else inner)


def _row(place: int, item: Mapping[str, Any]) -> list[Field]:
    value = _text(item.get("rightOperand"))
    operator = str(item.get("operator", ""))
    return [
        Field(f"{place}.operator", "operator", "", "choice", operator, _OPERATORS),
        Field(f"{place}.value", "value", value=value, longest=_LONGEST),
        Field(f"{place}.keep", "keep", "", "choice", "yes", _KEEP),
    ]


def _name(rule: Mapping[str, Any], item: Mapping[str, Any], language: str) -> str:
    left = full(str(item["leftOperand"]))
    return word(_action(rule), language, "actions") + ", " + word(left, language, "operands")


def _rules(document: Mapping[str, Any], language: str) -> Iterator[tuple[str, str]]:
    for name in _RULES:
        for place, rule in enumerate(document.get(name, [])):
            yield f"{name}/{place}", word(_action(rule), language, "actions")


def _action(rule: Mapping[str, Any]) -> str:
    action = rule.get("action")
    while isinstance(action, list) and action:
        action = action[0]
    if isinstance(action, Mapping):
        action = action.get("@id") or action.get("rdf:value") or ""
        action = action.get("@id", "") if isinstance(action, Mapping) else action
    return full(action) if isinstance(action, str) and action else ""


def _text(value: Any) -> str:
    if isinstance(value, list):
        return _BETWEEN.join(map(_text, value))
    if isinstance(value, Mapping):
        return prefixed(str(value["@id"])) if "@id" in value else str(value.get("@value", ""))
    return "" if value is None else str(value)


def _values(text: str, before: Any, left: str) -> Any:
    found = [each.strip() for each in text.split(";") if each.strip()]
    model = before[0] if isinstance(before, list) and before else before
    made = [_value(each, model, left) for each in found]
    return made if isinstance(before, list) or len(made) != 1 else made[0]


def _value(text: str, model: Any, left: str) -> Any:
    if isinstance(model, Mapping):
        return {"@id": full(text)} if "@id" in model else {**model, "@value": text}
    known = OPERANDS.get(full(left)) if left else None
    if model is None and known is not None and known.kind in _TYPES:
        return {"@value": text, "@type": f"{XSD}{_TYPES[known.kind]}"}
    named = known is not None and known.kind in _NAMED
    if model is None and (named or ":" in text):
        return {"@id": full(text)}
    return text
