"""Parameters of contract templates: what is filled in, read strictly, within bounds.

Rules: a value is text and is read as its kind or refused; it becomes one JSON-LD value object,
never a key or a part of a text; bounds are those of the template and cannot be passed. A day alone
means its first or its last second in UTC, as the parameter says, so that no contract hangs on how a
day is read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, Final

from policies_odrl.errors import TemplateRefused
from policies_odrl.language.phrases import LANGUAGES, fill, table
from policies_odrl.model import ODRL, XSD, Literal
from policies_odrl.values import Duration, Scalar, at_most, naive, number, scalar
from policies_odrl.vocabulary import Kind, expanded, prefixed

MAX_TEXT: Final = 200  # characters of one value
MAX_LINES: Final = 200  # values of one parameter

_NEAR: Final = 0.65  # share of characters that a choice has in common with what was meant
_NOTHING: Final = Duration(0, Decimal(0))
_IRI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_WHOLE: Final = re.compile(r"0|[1-9]\d{0,8}", re.ASCII)

Values = tuple[dict[str, Any], ...]


# Kind of a number, a moment or a length -> what it compares as, and its datatype.
_SCALARS: Final[Mapping[str, tuple[Kind, str]]] = {
    "number": (Kind.NUMBER, "decimal"),
    "count": (Kind.NUMBER, "integer"),
    "date": (Kind.INSTANT, "dateTime"),
    "duration": (Kind.DURATION, "duration"),
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing that a template leaves open."""

    name: str
    kind: str  # of `_SCALARS`, or `text`, `iri`, `choice`, several `choices`, several `lines`
    label: Mapping[str, str]  # language -> name
    help: Mapping[str, str]  # language -> one sentence
    required: bool = True
    default: str = ""
    choices: tuple[str, ...] = ()  # IRIs; none: any value of the kind
    least: str = ""  # bounds; empty: none
    most: str = ""
    after: str = ""  # the parameter that this one may not precede
    day: str = ""  # `start` or `end`: what a day alone means

    def read(self, text: str) -> Values:
        """Return the JSON-LD values that a text stands for; none for an empty, optional one.

        Raises:
            TemplateRefused: it is missing, not of the kind, not a choice, or out of bounds.
        """
        lines = [line.strip() for line in (text or self.default).split("\n")]
        found = [line for line in lines if line]
        if not found and self.required:
            raise self.refused("missing")
        several = self.kind in {"choices", "lines"}
        if len(found) > (MAX_LINES if several else 1):
            raise self.refused("many" if several else "single")
        values = tuple(self._one(line) for line in found)
        if any(value in values[:index] for index, value in enumerate(values)):
            raise self.refused("twice")
        return values

    def scalar(self, text: str) -> Scalar | None:
        """Return a value as it compares, or None for names and texts."""
        if self.kind not in _SCALARS:
            return None
        kind, datatype = _SCALARS[self.kind]
        return scalar(kind, Literal(text, XSD + datatype))

    def refused(self, why: str, *meant: str, **slots: str) -> TemplateRefused:
        """Return the error that names this parameter; `why` is a row in `phrases.json`."""
        said = []
        for lang in LANGUAGES:
            text = fill(table("parameters")[why], lang, **slots)
            text = fill(table("mistakes")["parameter"], lang, name=self.name, why=text)
            more = (fill(table("mistakes")["meant"], lang, name=name) for name in meant)
            said.append(text + "".join(more))
        return TemplateRefused(said[0], field=self.name, french=said[1])

    def _unlike(self) -> TemplateRefused:
        return self.refused(self.kind, limit=str(MAX_TEXT))

    def _one(self, line: str) -> dict[str, Any]:
        if self.choices:
            return {"@id": self._chosen(line)}
        if len(line) > MAX_TEXT or not line.isprintable():
            raise self._unlike()
        if self.kind == "iri":
            if not _IRI.fullmatch(line):
                raise self._unlike()
            return {"@id": line}
        if self.kind in _SCALARS:
            return self._typed(line)
        return {"@value": line, "@type": "xsd:string"}

    def _chosen(self, line: str) -> str:
        found = line if line in self.choices else full(line)
        if found not in self.choices:
            names = sorted(prefixed(choice) for choice in self.choices)
            near = get_close_matches(prefixed(found), names, 1, _NEAR)
            raise self.refused("choice", *near, names=", ".join(names))
        return found

    def _typed(self, line: str) -> dict[str, Any]:
        written = self._spelled(line)
        found = self.scalar(written)
        whole = self.kind != "count" or _WHOLE.fullmatch(line)
        if found is None or not whole or naive(written):
            raise self._unlike()
        for word, bound in (("least", self.least), ("most", self.most)):
            limit = self.scalar(bound) if bound else None
            low, high = (limit, found) if word == "least" else (found, limit)
            if bound and (low is None or high is None or not not_before(high, low)):
                raise self.refused(word, bound=bound)
        if isinstance(found, Duration) and at_most(found, _NOTHING):
            raise self.refused("length")
        return {"@value": written, "@type": "xsd:" + _SCALARS[self.kind][1]}

    def _spelled(self, line: str) -> str:
        """Return a value as its datatype writes it: `1e-6` as `0.000001`, a day as a moment."""
        amount = number(line) if _SCALARS[self.kind][0] is Kind.NUMBER else None
        if amount is not None:
            return f"{amount:f}"  # xsd:decimal and xsd:integer have no exponent
        if not (self.day and _DAY.fullmatch(line)):
            return line
        return line + ("T00:00:00Z" if self.day == "start" else "T23:59:59Z")


def parameter(row: Mapping[str, Any]) -> Parameter:
    """Return the parameter of a row of a template."""
    if "choices" not in row:
        return Parameter(**row)
    default = full(row["default"]) if row.get("default") else ""
    return Parameter(**{**row, "choices": tuple(map(full, row["choices"])), "default": default})


def not_before(left: Scalar, right: Scalar) -> bool:
    """Return whether one value is certainly not smaller than another."""
    return at_most(right, left)


def full(name: str) -> str:
    """Return the IRI of a prefixed name, or of a term of ODRL; an IRI is itself.

    >>> full("dpv:Purpose"), full("read")
    ('https://w3id.org/dpv#Purpose', 'http://www.w3.org/ns/odrl/2/read')
    """
    return expanded(name) or (name if ":" in name else ODRL + name)
