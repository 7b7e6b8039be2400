"""A policy as fields of a form, and back: a row for each of its sentences.

Rule: the form changes the written document at the places that it shows, and nothing else of it;
what comes out is read as any other document, so that no field can say what the policy model does
not know. A sentence without fields is changed in another view, and so is a value that no text gives
back (`values.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, Final

from connector.console.pages.author import values
from connector.console.parts import Field, Form, Grid, Link
from connector.errors import Malformed
from connector.jsonld.mending import at, edited
from connector.language.matching import verbatim
from policies_odrl.authoring import full
from policies_odrl.checking.findings import Change, Step
from policies_odrl.checking.written import pointer
from policies_odrl.language.explain import Line
from policies_odrl.language.phrases import fill, table, word
from policies_odrl.model import Operator
from policies_odrl.vocabulary import ACTIONS, OPERANDS, prefixed

VALUE: Final = "value:"
UPDATE: Final = "update the views"
_OPERATOR: Final = "operator:"
_OUT: Final = "out:"
_LONGEST: Final = 20_000  # characters of a value
_COMPARED: Final = "how it is compared"
_HEADINGS: Final = ("sentence", _COMPARED, "value", "take out")
_JOINED: Final = ("and", "or", "xone", "andSequence")
_HOLDERS: Final = frozenset({"constraint", "odrl:refinement", *_JOINED, "@list"})
_RULES: Final = ("permission", "prohibition", "obligation")
# What holds a rule -> what holds the duties below it.
_BELOW: Final = {
    "permission": "duty",
    "prohibition": "odrl:remedy",
    "obligation": "odrl:consequence",
    "duty": "odrl:consequence",
    "odrl:remedy": "odrl:consequence",
    "odrl:consequence": "odrl:consequence",
}


def form(
    document: Mapping[str, Any],
    lines: Sequence[Line],
    language: str,
    hidden: Mapping[str, str],
    typed: Link,
) -> Form:
    """Return the form of a policy, with a row for each sentence.

    Args:
        document: JSON-LD.
        lines: its sentences.
        language: of the reader.
        hidden: values that go with each form of the editor.
        typed: see `Form`.
    """
    rows = [
        row
        for line, paths in zip(lines, _beneath(document, lines), strict=True)
        for row in _rows(line, paths, document, language)
    ]
    note = (
        "Several values have semicolons between them. A sentence without fields is kept as it is; "
        "change it in another view."
    )
    grid = Grid("Sentence by sentence", _HEADINGS, rows, note)
    hidden = {**hidden, "view": "form"}
    return Form(
        "As a form", "/policy/edit", (), UPDATE, hidden, grid=grid, name="-form", typed=typed
    )


def adding(
    document: Mapping[str, Any], lines: Sequence[Line], language: str, hidden: Mapping[str, str]
) -> Form:
    """Return the form that adds a condition, a rule or a duty."""
    rules = [(each.path, verbatim(str(each))) for each in lines if _kind(each.path) in _BELOW]
    holders = [
        (each.path, verbatim(str(each)))
        for each in lines
        if _kind(each.path) in _BELOW or _joins(at(document, each.path))
    ]
    kinds = (("", ""), *((each, each) for each in _RULES), ("duty", "duty of a rule"))
    fields = (
        Field("new.holder", "add a condition to", kind="choice", choices=[("", ""), *holders]),
        Field("new.left", "what it is about", kind="choice", choices=operands(language)),
        Field(
            "new.operator",
            _COMPARED,
            kind="choice",
            choices=[(each.value, _said(each.value, language)) for each in Operator],
        ),
        Field("new.value", "value", "several ones with semicolons between", longest=_LONGEST),
        Field("rule.kind", "add a rule", kind="choice", choices=kinds),
        Field("rule.above", "of which rule", "of a duty only", "choice", choices=rules),
        Field("rule.action", "of the action", kind="choice", choices=actions(language)),
    )
    title = "Add a condition or a rule"
    return Form(title, "/policy/edit", fields, "add", {**hidden, "view": "add"}, name="-add")


def changed(document: Mapping[str, Any], given: Mapping[str, str], language: str) -> dict[str, Any]:
    """Return a document with what the form of its sentences holds.

    Raises:
        Malformed: it names a place that the document does not have, holds no value for a
            condition, or takes out what the policy names elsewhere.
    """
    gone = {name.removeprefix(_OUT) for name in given if name.startswith(_OUT)}
    steps = [Step(Change.REMOVE, path) for path in gone]
    for name, text in given.items():
        part, _, path = name.partition(":")
        if f"{part}:" not in (VALUE, _OPERATOR):
            continue
        node = at(document, path)
        if not isinstance(node, Mapping) or "leftOperand" not in node:
            raise Malformed("the form names a condition that the policy does not have")
        if not _within(path, gone):
            steps += _edits(path, node, part, text, language)
    for path in gone:
        if not path or at(document, path) is None:
            raise Malformed("the form names a part that the policy does not have")
        _insist_some_left(document, path, gone)
    made, left = edited(document, steps)
    for step in left:
        raise Malformed(
            f"what stands at `{step.path[:200]}` is named elsewhere in the policy",
            hint="take it out in the JSON-LD, or in the sentences",
        )
    return made


def added(document: Mapping[str, Any], given: Mapping[str, str], language: str) -> dict[str, Any]:
    """Return a document with a condition or a rule more.

    Raises:
        Malformed: nothing is to be added, the condition has no value, or the form names a place
            that the document does not have.
    """
    made: dict[str, Any] = deepcopy(dict(document))
    holder, kind = given.get("new.holder", ""), given.get("rule.kind", "")
    if not holder and not kind:
        raise Malformed("choose to what a condition is added, or a kind of rule")
    if holder:
        left = full(given.get("new.left", ""))
        value = values.read(given.get("new.value", ""), None, left)
        if value == []:
            raise _without_value(left, language, "new.value")
        item = {
            "leftOperand": left,
            "operator": given.get("new.operator", ""),
            "rightOperand": value,
        }
        node = _node(made, holder)
        _held(node, next((each for each in _JOINED if each in node), "constraint")).append(item)
    if kind:
        rule = {"action": full(given.get("rule.action", ""))}
        above = given.get("rule.above", "")
        if kind == "duty" and _kind(above) in _BELOW:
            _held(_node(made, above), _BELOW[_kind(above)]).append(rule)
        elif kind in _RULES:
            _held(made, kind).append(rule)
        else:
            raise Malformed("choose the rule that has the duty")
    return made


def field_of(path: str, document: Mapping[str, Any], language: str) -> str:
    """Return the id of the field that changes what stands at a place; empty where none does."""
    while path:
        node = at(document, path)
        if isinstance(node, Mapping) and "leftOperand" in node:
            name = VALUE if values.shown(node, language) is not None else _OPERATOR
            return f"form-policy-edit-form-{name}{path}"
        path = path.rpartition("/")[0]
    return ""


def stated(document: Mapping[str, Any], lines: Sequence[Line]) -> tuple[list[str], list[str]]:
    """Return the actions and the left operands that a policy speaks of, as IRIs, each once."""
    rules = [at(document, each.path) for each in lines if _kind(each.path) in _BELOW]
    acts = (_action(rule) for rule in rules if isinstance(rule, Mapping))
    lefts = (full(str(at(document, path)["leftOperand"])) for path in _constraints(document, ""))
    return list(dict.fromkeys(filter(None, acts))), list(dict.fromkeys(lefts))


def operands(language: str) -> list[tuple[str, str]]:
    """Return all left operands, prefixed, with what they are called, in alphabetical order."""
    return _alphabetic((prefixed(each), word(each, language, "operands")) for each in OPERANDS)


def actions(language: str) -> list[tuple[str, str]]:
    """Return all actions, prefixed, with what they are called, in alphabetical order."""
    return _alphabetic((prefixed(each), word(each, language, "actions")) for each in ACTIONS)


def _alphabetic(found: Iterator[tuple[str, str]]) -> list[tuple[str, str]]:
    called = ((name, verbatim(text)) for name, text in found)
    return sorted(called, key=lambda each: each[1].casefold())


_Row = tuple[str, Sequence[Field | None]]


def _beneath(document: Mapping[str, Any], lines: Sequence[Line]) -> list[list[str]]:
    """Return, for each sentence, where the conditions are that it says; it may say a duty's."""
    first = {each.path: place for place, each in reversed(list(enumerate(lines))) if each.path}
    found: list[list[str]] = [[] for _ in lines]
    for path in _constraints(document, ""):
        above = path
        while above and above not in first:
            above = above.rpartition("/")[0]
        if above:
            found[first[above]].append(path)
    return found


def _constraints(part: Any, path: str) -> Iterator[str]:
    """Yield the places of the conditions of a document, in order."""
    if isinstance(part, Mapping):
        if "leftOperand" in part:
            yield path
            return
        for name, item in part.items():
            yield from _constraints(item, pointer(path, name))
    elif isinstance(part, list):
        for place, item in enumerate(part):
            yield from _constraints(item, pointer(path, place))


def _rows(
    line: Line,
    paths: Sequence[str],
    document: Mapping[str, Any],
    language: str,
) -> Iterator[_Row]:
    """Yield the row of a sentence, and one for each further condition that it says."""
    pairs = [_fields(path, at(document, path), language) for path in paths] or [[None, None]]
    node = at(document, line.path) if line.path else None
    whole = [_box(line.path) if isinstance(node, Mapping) else None]
    yield str(line), [*pairs[0], *whole]
    for path, pair in zip(paths[1:], pairs[1:], strict=False):
        left = word(full(str(at(document, path)["leftOperand"])), language, "operands")
        yield line.number + ", " + left, [*pair, _box(path)]


def _box(path: str) -> Field | None:
    """Return the box that takes out what stands at a place; None where the form may not."""
    holder = _kind(path)
    if holder not in _HOLDERS and holder not in _BELOW:
        return None
    return Field(f"{_OUT}{path}", "take out", kind="box")


def _fields(path: str, node: Mapping[str, Any], language: str) -> list[Field | None]:
    operator, known = str(node.get("operator", "")), OPERANDS.get(full(str(node["leftOperand"])))
    usual = [each for each in Operator if known is None or each in known.usual]
    choices = dict.fromkeys([operator, *(each.value for each in usual)])
    name = f"{_OPERATOR}{path}"
    picked = Field(
        name,
        _COMPARED,
        kind="choice",
        value=operator,
        choices=[(each, _said(each, language)) for each in choices],
    )
    name, value = f"{VALUE}{path}", values.shown(node, language)
    if value is None:
        return [picked, None]
    return [picked, Field(name, "value", value=value, longest=_LONGEST)]


def _edits(
    path: str, node: Mapping[str, Any], part: str, text: str, language: str
) -> Iterator[Step]:
    if f"{part}:" == _OPERATOR:
        if text != node.get("operator"):
            yield Step(Change.REPLACE, f"{path}/operator", text)
        return
    text = text.strip()
    if text == values.shown(node, language):
        return
    left, before = str(node["leftOperand"]), node.get("rightOperand")
    value = values.read(text, before, left)
    if value == []:
        raise _without_value(left, language, f"{VALUE}{path}")
    if value != before:
        yield Step(Change.REPLACE, f"{path}/rightOperand", value)


def _insist_some_left(document: Mapping[str, Any], path: str, gone: set[str]) -> None:
    """Insist that something is left of joined conditions: none of them would say something else."""
    *above, holder, _ = path.split("/")
    whole = "/".join(above[:-1] if holder == "@list" else above)
    held = at(document, path.rpartition("/")[0])
    if holder not in (*_JOINED, "@list") or _within(whole, gone):
        return
    if all(f"{path.rpartition('/')[0]}/{place}" in gone for place in range(len(held))):
        raise Malformed("nothing would be left of conditions that are joined: take out the whole")


def _without_value(left: str, language: str, field: str) -> Malformed:
    name = word(full(left), language, "operands")
    return Malformed(
        f"a condition has no value: {name}", hint="state one, or take it out", where=field
    )


def _within(path: str, gone: set[str]) -> bool:
    return any(path == each or path.startswith(f"{each}/") for each in gone)


def _kind(path: str) -> str:
    """Return what holds the part at a place: `permission`, `constraint` and so on."""
    *_, holder, place = ("", *path.split("/"))
    return holder if place.isdecimal() else ""


def _joins(node: Any) -> bool:
    return isinstance(node, Mapping) and any(each in node for each in _JOINED)


def _node(document: Any, path: str) -> dict[str, Any]:
    node = at(document, path) if path else None
    if not isinstance(node, dict) or not (_kind(path) in _BELOW or _joins(node)):
        raise Malformed("the form names a rule that the policy does not have")
    return node


def _held(node: dict[str, Any], name: str) -> list[Any]:
    """Return the array of a member, to which something is added."""
    found = node.setdefault(name, [])
    found = found.get("@list") if isinstance(found, Mapping) else found
    if not isinstance(found, list):
        raise Malformed("the form names a rule that the policy does not have")
    return found


def _action(rule: Mapping[str, Any]) -> str:
    action = rule.get("action")
    while isinstance(action, list) and action:
        action = action[0]
    if isinstance(action, Mapping):
        action = next((action[key] for key in action if key.endswith(("#value", ":value"))), "")
        action = action[0] if isinstance(action, list) and action else action
        action = action.get("@id", "") if isinstance(action, Mapping) else action
    return full(action) if isinstance(action, str) and action else ""


def _said(operator: str, language: str) -> str:
    """Return what an operator is called: its phrase without the value."""
    phrases = table("operators")
    found = fill(phrases[operator], language, values="…") if operator in phrases else operator
    return verbatim(found.removesuffix("…").strip())
