"""Contract templates of the sector: policies with parameters, filled in structurally.

A template is data (`templates/*.json`; `shared.json` has what many ask for). A placeholder
`{"$": name}` is replaced by values of a parameter, a part with `"$when": name` left out where that
is empty. Texts are never joined, so that no value can become a rule.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any, Final

from policies_odrl.errors import TemplateRefused
from policies_odrl.language import phrases
from policies_odrl.language.phrases import cut, mistake
from policies_odrl.model import ODRL, XSD, Literal, Policy
from policies_odrl.reading.reader import load
from policies_odrl.reading.writer import CONTEXTS
from policies_odrl.values import Duration, Scalar, at_most, naive, number, scalar
from policies_odrl.vocabulary import PREFIXES, Kind, expanded, loaded, prefixed

MAX_TEXT: Final = 200  # characters of one value
MAX_LINES: Final = 200  # values of one parameter

_MORE: Final = {name: PREFIXES[name] for name in ("preau", "dpv", "education", "eu-gdpr", "cc")}
_NEAR: Final = 0.65  # share of characters that a choice has in common with what was meant
_NOTHING: Final = Duration(0, Decimal(0))
_IRI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_WHOLE: Final = re.compile(r"0|[1-9]\d{0,8}", re.ASCII)
# Kind of a number, a moment or a length -> what it compares as, and its datatype.
_SCALARS: Final[Mapping[str, tuple[Kind, str]]] = {
    "number": (Kind.NUMBER, "decimal"),
    "count": (Kind.NUMBER, "integer"),
    "date": (Kind.INSTANT, "dateTime"),
    "duration": (Kind.DURATION, "duration"),
}

Text = Mapping[str, str]  # language -> text
Values = tuple[dict[str, Any], ...]  # JSON-LD


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing that a template leaves open."""

    name: str
    kind: str  # of `_SCALARS`, or `text`, `iri`, `choice`, several `choices`, several `lines`
    label: Text
    help: Text
    required: bool = True
    default: str = ""
    choices: tuple[str, ...] = ()  # IRIs; none: any value of the kind
    least: str = ""  # bounds; empty: none
    most: str = ""
    after: str = ""  # the parameter that this one may not precede
    day: str = ""  # `start` or `end`: which second, in UTC, a day alone means

    def read(self, text: str) -> Values:
        """Return the JSON-LD values that a text stands for; none for an empty, optional one.

        Raises:
            TemplateRefused: it is missing, not of the kind, not a choice, or out of bounds.
        """
        found = [line for each in (text or self.default).split("\n") if (line := each.strip())]
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
        kind, datatype = _SCALARS.get(self.kind, (None, ""))
        return scalar(kind, Literal(text, XSD + datatype)) if kind else None

    def refused(self, why: str, *meant: str, **slots: str) -> TemplateRefused:
        """Return the error that names this parameter; `why` is a row in `phrases.json`."""
        rows = phrases.table("mistakes")
        said = []
        for lang in phrases.LANGUAGES:
            text = phrases.fill(phrases.table("parameters")[why], lang, **slots)
            text = phrases.fill(rows["parameter"], lang, name=self.name, why=text)
            more = (phrases.fill(rows["meant"], lang, name=name) for name in meant)
            said.append(text + "".join(more))
        return TemplateRefused(said[0], field=self.name, french=said[1])

    def _one(self, line: str) -> dict[str, Any]:
        if self.choices:
            return {"@id": self._chosen(line)}
        iri = self.kind == "iri"
        if len(line) > MAX_TEXT or not line.isprintable() or (iri and not _IRI.fullmatch(line)):
            raise self._unlike()
        if self.kind in _SCALARS:
            return self._typed(line)
        return {"@id": line} if iri else {"@value": line, "@type": "xsd:string"}

    def _unlike(self) -> TemplateRefused:
        return self.refused(self.kind, limit=str(MAX_TEXT))

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
        if self.least and not _ordered(self.scalar(self.least), found):
            raise self.refused("least", bound=self.least)
        if self.most and not _ordered(found, self.scalar(self.most)):
            raise self.refused("most", bound=self.most)
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


@dataclass(frozen=True, slots=True)
class Template:
    """A contract with parameters."""

    name: str
    title: Text
    purpose: Text
    note: Text  # what the law asks for, for the person who fills it in; no legal advice
    sources: tuple[Text, ...]  # law and article, and under `url` where it can be read
    parameters: tuple[Parameter, ...]
    policy: Mapping[str, Any]  # compact JSON-LD with placeholders, without `@context`
    example: Mapping[str, str]  # values that fill it


@cache
def templates() -> tuple[Template, ...]:
    """Return all templates, by name."""
    folder = files("policies_odrl").joinpath("templates")
    names = sorted(item.name for item in folder.iterdir() if item.name.endswith(".json"))
    read = {name: loaded(f"templates/{name}") for name in names}
    shared = read.pop("shared.json")
    return tuple(_template(data, shared) for data in read.values())


def template(name: str) -> Template:
    """Return the template of a name.

    Raises:
        TemplateRefused: there is none.
    """
    known = {item.name: item for item in templates()}
    if name not in known:
        raise mistake(TemplateRefused, "no-template", name=cut(name), names=", ".join(known))
    return known[name]


def fill(template: Template, values: Mapping[str, str]) -> Policy:
    """Return the policy that a template makes of values.

    Args:
        template: see `templates`.
        values: name of a parameter -> text, several values one a line; the default where left out.

    Raises:
        TemplateRefused: an unknown parameter, a missing value, or one that does not fit.
        IllFormed: a value that is an IRI by its looks only.
    """
    return load({"@context": [*CONTEXTS, _MORE], **filled(template, values)}, strict=True)


def filled(template: Template, values: Mapping[str, str]) -> dict[str, Any]:
    """Return the JSON-LD that a template makes of values, without `@context`; see `fill`."""
    known = {item.name: item for item in template.parameters}
    for name in sorted(set(values) - set(known)):
        slots = {"template": template.name, "name": cut(name), "names": ", ".join(known)}
        why = mistake(TemplateRefused, "no-parameter", **slots)
        raise TemplateRefused(why.reason, field=name, french=why.french)
    empty = [n for n, p in known.items() if p.required and not (values.get(n) or p.default).strip()]
    if len(empty) > 1:
        raise mistake(TemplateRefused, "no-values", template=template.name, names=", ".join(empty))
    found = {name: item.read(values.get(name, "")) for name, item in known.items()}
    for item in known.values():
        mine, first = found[item.name], found.get(item.after)
        if mine and first:
            before = known[item.after].scalar(first[0]["@value"])
            if not _ordered(before, item.scalar(mine[0]["@value"])):
                raise item.refused("order", name=item.after)
    return dict(_put(template.policy, found))


def _ordered(low: Scalar | None, high: Scalar | None) -> bool:
    """Return whether a value is certainly not greater than another."""
    return low is not None and high is not None and at_most(low, high)


def _put(part: Any, found: Mapping[str, Values]) -> Any:
    """Return a part with its placeholders replaced; JSON values stay as they are."""
    if isinstance(part, list):
        asking = [item for item in part if isinstance(item, dict) and "$when" in item]
        gone = [item for item in asking if not found[item["$when"]]]
        return [_put(item, found) for item in part if item not in gone]
    if not isinstance(part, dict):
        return part
    made: dict[str, Any] = {}
    for key, item in part.items():
        if isinstance(item, dict) and "$" in item:
            values = found[item["$"]]
            if key == "@id":
                made[key] = values[0]["@id"]
            elif values:
                made[key] = list(values) if len(values) > 1 else values[0]
        elif key != "$when":
            made[key] = _put(item, found)
    return made


def _template(data: Mapping[str, Any], shared: Mapping[str, Any]) -> Template:
    parameters = []
    for item in data["parameters"]:
        row = {**shared.get(item["name"], {}), **item}
        if "choices" in row:
            row["choices"] = tuple(map(full, row["choices"]))
            row["default"] = full(row["default"]) if row.get("default") else ""
        parameters.append(Parameter(**row))
    return Template(**{**data, "parameters": tuple(parameters), "sources": tuple(data["sources"])})


def full(name: str) -> str:
    """Return the IRI of a prefixed name, or of a term of ODRL; an IRI is itself."""
    return expanded(name) or (name if ":" in name else ODRL + name)
