"""The JSON Schema of a form (draft 2020-12), and the rows of its page in the manual. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from connector.services.federation.request.form import (
    Choice,
    Either,
    Form,
    Kinds,
    Many,
    Named,
    Parts,
    Real,
    Row,
    Text,
    Whole,
    told,
)
from connector.services.federation.request.members import REQUEST

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_PLAIN: Final = r"[^\x00-\x1f\x7f]*"  # a line of text


def request_schema() -> dict[str, Any]:
    """Return the JSON Schema of a job request."""
    return {"$schema": DIALECT, "title": "Request of a job", **schema(REQUEST)}


def schema(form: Form) -> dict[str, Any]:  # noqa: PLR0911 - one case a form
    """Return the JSON Schema of a form."""
    match form:
        case Text():
            pattern = f"^(?:{form.pattern or _PLAIN})$"
            return {"type": "string", "minLength": 1, "maxLength": form.most, "pattern": pattern}
        case Choice():
            return {"enum": list(form.values)}
        case Whole():
            return {"type": "integer", "minimum": form.least, "maximum": form.most}
        case Real():
            return {"type": "number", **_ends(form)}
        case Many():
            ends = {"minItems": form.least, "maxItems": form.most}
            return {"type": "array", "items": schema(form.of), **ends}
        case Named():
            ends = {"minProperties": form.least, "maxProperties": form.most}
            return {"type": "object", "additionalProperties": schema(form.of), **ends}
        case Parts():
            return _object(form.rows)
        case Kinds():
            return _kinds(form)
        case Either():
            return {"anyOf": [schema(each) for each in form.forms]}


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the manual about a member, or about one of the kinds of an object.

    Attributes:
        where: names of the members down to it, with points between.
        kind: that the line is about, or of which alone the member is; empty: of all.
        allowed: what it may be, in words.
        otherwise: what counts where it is left out; empty where it must be there.
        words: what it means.
    """

    where: str
    kind: str
    allowed: str
    otherwise: str
    words: str


def table(form: Form, at: str = "", kind: str = "") -> Iterator[Entry]:
    """Yield the lines of a form and of those within.

    Args:
        form: what is drawn.
        at: path of what has it, as `privacy.`; empty for the whole.
        kind: of the object that its members are of.
    """
    match form:
        case Parts():
            for row in form.rows:
                yield from _row(row, at, kind)
        case Kinds():
            for row in form.rows:
                yield from _row(row, at, kind)
            usual = f"`{form.usual}`" if form.usual else ""
            otherwise = "the data dictionaries'" if form.open else usual
            kinds = told(Choice(tuple(form.kinds)))
            yield Entry(f"{at}kind", "", kinds, otherwise, "Which members there are.")
            for name, rows in form.kinds.items():
                yield Entry(f"{at}kind", name, "", "", form.words[name])
                for row in rows:
                    yield from _row(row, at, name)
        case Either():
            for each in form.forms:
                yield from table(each, at, kind)
        case Many() | Named():
            yield from table(form.of, at, kind)
        case _:
            return


def _row(row: Row, at: str, kind: str) -> Iterator[Entry]:
    yield Entry(f"{at}{row.name}", kind, told(row.form), row.otherwise, row.words)
    yield from table(row.form, f"{at}{row.name}.")


def _object(rows: tuple[Row, ...]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {row.name: _described(row) for row in rows},
        "required": [row.name for row in rows if not row.otherwise],
        "additionalProperties": False,
    }


def _described(row: Row) -> dict[str, Any]:
    words = f"{row.words} Left out: {row.otherwise}." if row.otherwise else row.words
    return {**schema(row.form), "description": words}


def _kinds(form: Kinds) -> dict[str, Any]:
    branches = [_branch(form, kind) for kind in form.kinds]
    if form.open:
        branches.append(_object(form.of(None)))
    return {"oneOf": branches}


def _branch(form: Kinds, kind: str) -> dict[str, Any]:
    found = _object(form.of(kind))
    found["properties"] = {"kind": {"const": kind}, **found["properties"]}
    if kind != form.usual:
        found["required"] = ["kind", *found["required"]]
    return {**found, "description": form.words[kind]}


def _ends(form: Real) -> dict[str, float]:
    found = {}
    if math.isfinite(form.low):
        found["minimum" if form.closed in ("low", "both") else "exclusiveMinimum"] = form.low
    if math.isfinite(form.high):
        found["maximum" if form.closed in ("high", "both") else "exclusiveMaximum"] = form.high
    return found
