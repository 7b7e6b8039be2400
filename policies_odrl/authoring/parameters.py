"""Parameters of contract templates: what is filled in, read strictly, within bounds.

Rules: a value is text and is read as its kind or refused; it becomes one JSON-LD value object,
never a key or a part of a text; bounds are those of the template and cannot be passed. A day alone
means its first or its last second in UTC, as the parameter says, so that no contract hangs on how a
day is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Final

from policies_odrl.authoring.expanding import full
from policies_odrl.authoring.fields import Field, FieldKind
from policies_odrl.errors import TemplateRefused
from policies_odrl.language.phrases import LANGUAGES, fill, table
from policies_odrl.language.prefixes import prefixed
from policies_odrl.logic import Truth
from policies_odrl.model import XSD, Literal
from policies_odrl.values import Duration, Scalar, before, naive, number, scalar
from policies_odrl.vocabulary import Kind

_NOTHING: Final = Duration(0, Decimal(0))
MAX_TEXT: Final = 200  # characters of one value
MAX_LINES: Final = 200  # values of one parameter

_NEAR: Final = 0.65  # share of characters that a choice has in common with what was meant
_IRI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_WHOLE: Final = re.compile(r"0|[1-9]\d{0,8}", re.ASCII)
_SCALARS: Final[Mapping[FieldKind, tuple[Kind, str]]] = {
    FieldKind.NUMBER: (Kind.NUMBER, "decimal"),
    FieldKind.COUNT: (Kind.NUMBER, "integer"),
    FieldKind.DATE: (Kind.INSTANT, "dateTime"),
    FieldKind.DURATION: (Kind.DURATION, "duration"),
}
_AMOUNTS: Final = frozenset({FieldKind.NUMBER, FieldKind.COUNT})


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing that a template leaves open.

    Attributes:
        field: name, labels, kind, choices, default and help.
        least: smallest value; empty: none.
        most: largest value; empty: none.
        after: name of the parameter that this one may not precede; empty: none.
        day: `start` or `end`: what a day alone means; empty for what is no date.
    """

    field: Field
    least: str = ""
    most: str = ""
    after: str = ""
    day: str = ""

    @property
    def name(self) -> str:
        """Its key, unique in its template."""
        return self.field.name

    def read(self, text: str) -> tuple[dict[str, Any], ...]:
        """Return the JSON-LD values that a text stands for; none for an empty, optional one.

        Raises:
            TemplateRefused: it is missing, not of the kind, not a choice, or out of bounds.
        """
        lines = [line.strip() for line in (text or self.field.default).split("\n")]
        found = [line for line in lines if line]
        if not found and self.field.required:
            raise self.refused("missing")
        several = self.field.kind in {FieldKind.CHOICES, FieldKind.LINES}
        if len(found) > (MAX_LINES if several else 1):
            raise self.refused("many" if several else "single")
        values = tuple(self._one(line) for line in found)
        if any(value in values[:index] for index, value in enumerate(values)):
            raise self.refused("twice")
        return values

    def scalar(self, value: Mapping[str, Any]) -> Scalar | None:
        """Return a value as it compares, or None for names and texts."""
        if self.field.kind not in _SCALARS:
            return None
        kind, datatype = _SCALARS[self.field.kind]
        return scalar(kind, Literal(value["@value"], XSD + datatype))

    def refused(self, why: str, *meant: str, **slots: str) -> TemplateRefused:
        """Return the error that names this parameter.

        Args:
            why: row of `parameters` in `phrases.json`.
            meant: the value that was probably meant, if any.
            slots: what the sentence is filled with.
        """
        said = []
        for lang in LANGUAGES:
            text = fill(table("parameters")[why], lang, **slots)
            text = fill(table("mistakes")["parameter"], lang, name=self.name, why=text)
            more = (fill(table("mistakes")["meant"], lang, name=name) for name in meant)
            said.append(text + "".join(more))
        return TemplateRefused(said[0], field=self.name, french=said[1])

    def _one(self, line: str) -> dict[str, Any]:
        if self.field.choices:
            return {"@id": self._chosen(line)}
        if len(line) > MAX_TEXT or not line.isprintable():
            raise self._unlike()
        if self.field.kind is FieldKind.IRI:
            if not _IRI.fullmatch(line):
                raise self._unlike()
            return {"@id": line}
        if self.field.kind in _SCALARS:
            return self._typed(line)
        return {"@value": line, "@type": "xsd:string"}

    def _chosen(self, line: str) -> str:
        allowed = {choice.value for choice in self.field.choices}
        found = line if line in allowed else full(line)
        if found not in allowed:
            names = sorted(prefixed(choice) for choice in allowed)
            near = get_close_matches(prefixed(found), names, 1, _NEAR)
            raise self.refused("choice", *near, names=", ".join(names))
        return found

    def _typed(self, line: str) -> dict[str, Any]:
        _, datatype = _SCALARS[self.field.kind]
        value = {"@value": self._spelled(line), "@type": "xsd:" + datatype}
        found = self.scalar(value)
        whole = self.field.kind is not FieldKind.COUNT or _WHOLE.fullmatch(line)
        if found is None or not whole or naive(value["@value"]):
            raise self._unlike()
        self._within(found)
        return value

    def _spelled(self, line: str) -> str:
        """Return a value as its datatype writes it: `1e-6` as `0.000001`, a day as a moment."""
        amount = number(line) if self.field.kind in _AMOUNTS else None
        if amount is not None:
            return f"{amount:f}"  # xsd:decimal and xsd:integer have no exponent
        if not (self.day and _DAY.fullmatch(line)):
            return line
        return line + ("T00:00:00Z" if self.day == "start" else "T23:59:59Z")

    def _within(self, found: Scalar) -> None:
        kind, datatype = _SCALARS[self.field.kind]
        for bound, word, fits in self._bounds():
            limit = scalar(kind, Literal(bound, XSD + datatype))
            if limit is None or not fits(found, limit):
                raise self.refused(word, bound=bound)
        if isinstance(found, Duration) and before(_NOTHING, found, or_same=False) is Truth.FALSE:
            raise self.refused("length")

    def _bounds(self) -> list[tuple[str, str, Callable[[Scalar, Scalar], bool]]]:
        bounds: list[tuple[str, str, Callable[[Scalar, Scalar], bool]]] = [
            (self.least, "least", not_before),
            (self.most, "most", lambda found, limit: not_before(limit, found)),
        ]
        return [bound for bound in bounds if bound[0]]

    def _unlike(self) -> TemplateRefused:
        return self.refused(self.field.kind.value, limit=str(MAX_TEXT))


def not_before(left: Scalar, right: Scalar) -> bool:
    """Return whether one value is certainly not smaller than another."""
    return before(right, left, or_same=True) is Truth.TRUE
