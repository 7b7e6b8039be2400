"""Contract templates of the sector: policies with parameters, filled in structurally.

Rules: a template is data (`templates/*.json`); a placeholder `{"$": name}` is replaced by the
values of its parameter as JSON-LD value objects, a part with `"$when": name` is left out where that
parameter is empty; texts are never joined, so that no value can become a rule. Filling is strict:
an unknown name, a missing value or one out of bounds is one error that names the parameter.
Parameters that many templates share stand once, in `templates/shared.json`. What a policy means is
left to the engine, who upholds it to the node.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from policies_odrl.authoring.expanding import full, nodes_of
from policies_odrl.authoring.fields import Choice, Field, FieldKind
from policies_odrl.authoring.parameters import Parameter, not_before
from policies_odrl.errors import TemplateRefused
from policies_odrl.language.labels import word
from policies_odrl.language.mistakes import cut, mistake
from policies_odrl.model import Policy
from policies_odrl.reading.reader import read

SHARED: Final = "shared.json"
_SLOT: Final = "$"
_WHEN: Final = "$when"


@dataclass(frozen=True, slots=True)
class Text:
    """A text in both languages.

    Attributes:
        fr: in French.
        en: in English.
    """

    fr: str
    en: str

    def in_(self, lang: str) -> str:
        """Return it in a language, `fr` or `en`."""
        return self.fr if lang == "fr" else self.en


@dataclass(frozen=True, slots=True)
class Source:
    """Where a legal note comes from.

    Attributes:
        name: of the law and its article.
        url: where it can be read.
    """

    name: Text
    url: str


@dataclass(frozen=True, slots=True)
class Template:
    """A contract with parameters.

    Attributes:
        name: by which it is asked for.
        title: one line.
        purpose: what it is for, in a sentence or two.
        note: what the law asks for, for the person who fills it in; no legal advice.
        sources: of the note.
        parameters: in the order in which they are asked for.
        body: compact JSON-LD with placeholders, without `@context`.
        example: values that fill it.
    """

    name: str
    title: Text
    purpose: Text
    note: Text
    sources: tuple[Source, ...]
    parameters: tuple[Parameter, ...]
    body: Mapping[str, Any]
    example: Mapping[str, str]

    @property
    def fields(self) -> tuple[Field, ...]:
        """The parameters as the fields of a form."""
        return tuple(item.field for item in self.parameters)


@cache
def templates() -> tuple[Template, ...]:
    """Return all templates, by name.

    >>> [item.name for item in templates()][:2]
    ['adaptive-content', 'bubble-only']
    """
    folder = files("policies_odrl").joinpath("templates")
    names = sorted(item.name for item in folder.iterdir() if item.name.endswith(".json"))
    shared = json.loads(folder.joinpath(SHARED).read_text("utf-8"))
    return tuple(
        _template(json.loads(folder.joinpath(name).read_text("utf-8")), shared)
        for name in names
        if name != SHARED
    )


def template(name: str) -> Template:
    """Return the template of a name.

    >>> template("open-data").title.en
    'Open data with attribution'

    Raises:
        TemplateRefused: there is none.
    """
    known = {item.name: item for item in templates()}
    if name not in known:
        raise mistake(TemplateRefused, "no-template", name=cut(name), names=", ".join(known))
    return known[name]


def fill(template: Template, values: Mapping[str, str]) -> Policy:
    """Return the policy that a template makes of values.

    >>> made = fill(template("open-data"), {"id": "urn:example:offer"})
    >>> made.permissions[0].duties[0].action.id
    'http://www.w3.org/ns/odrl/2/attribute'

    Args:
        template: see `templates`.
        values: name of a parameter -> text; several values one a line. Parameters that are left
            out take their defaults.

    Raises:
        TemplateRefused: an unknown parameter, a missing value, or one that does not fit.
    """
    return read(nodes_of(filled(template, values)))


def filled(template: Template, values: Mapping[str, str]) -> dict[str, Any]:
    """Return the JSON-LD that a template makes of values, without `@context`.

    Raises:
        TemplateRefused: an unknown parameter, a missing value, or one that does not fit.
    """
    known = {item.name for item in template.parameters}
    strange = sorted(set(values) - known)
    if strange:
        names = ", ".join(item.name for item in template.parameters)
        why = mistake(
            TemplateRefused,
            "no-parameter",
            template=template.name,
            name=cut(strange[0]),
            names=names,
        )
        raise TemplateRefused(why.reason, field=strange[0], french=why.french)
    found = {item.name: item.read(values.get(item.name, "")) for item in template.parameters}
    _in_order(template, found)
    document: dict[str, Any] = _put(template.body, found)
    return document


def _in_order(template: Template, found: Mapping[str, tuple[dict[str, Any], ...]]) -> None:
    parameters = {item.name: item for item in template.parameters}
    for item in template.parameters:
        if item.after and found[item.name] and found[item.after]:
            mine = item.scalar(found[item.name][0])
            first = parameters[item.after].scalar(found[item.after][0])
            if mine is None or first is None or not not_before(mine, first):
                raise item.refused("order", name=item.after)


def _put(part: Any, found: Mapping[str, tuple[dict[str, Any], ...]]) -> Any:
    """Return a part with its placeholders replaced; JSON values stay as they are."""
    if isinstance(part, list):
        return [_put(item, found) for item in part if _stays(item, found)]
    if not isinstance(part, dict):
        return part
    made: dict[str, Any] = {}
    for key, item in part.items():
        if isinstance(item, dict) and _SLOT in item:
            values = found[item[_SLOT]]
            if key == "@id":
                made[key] = values[0]["@id"]
            elif values:
                made[key] = list(values) if len(values) > 1 else values[0]
        elif key != _WHEN:
            made[key] = _put(item, found)
    return made


def _stays(part: Any, found: Mapping[str, tuple[dict[str, Any], ...]]) -> bool:
    return not (isinstance(part, dict) and _WHEN in part and not found[part[_WHEN]])


def _template(data: Mapping[str, Any], shared: Mapping[str, Any]) -> Template:
    return Template(
        name=data["name"],
        title=_text(data["title"]),
        purpose=_text(data["purpose"]),
        note=_text(data["note"]),
        sources=tuple(Source(_text(item), item["url"]) for item in data["sources"]),
        parameters=tuple(
            _parameter(item["name"], {**shared.get(item["name"], {}), **item})
            for item in data["parameters"]
        ),
        body=data["policy"],
        example=data["example"],
    )


def _text(data: Mapping[str, str]) -> Text:
    return Text(data["fr"], data["en"])


def _parameter(name: str, data: Mapping[str, Any]) -> Parameter:
    choices = [full(item) for item in data.get("choices", ())]
    field = Field(
        name=name,
        label_fr=data["label"]["fr"],
        label_en=data["label"]["en"],
        kind=FieldKind(data["kind"]),
        choices=tuple(Choice(item, word(item, "fr"), word(item, "en")) for item in choices),
        required=data.get("required", True),
        default=full(data["default"]) if choices and "default" in data else data.get("default", ""),
        unit=data.get("unit", ""),
        help_fr=data["help"]["fr"],
        help_en=data["help"]["en"],
    )
    bounds = {key: data.get(key, "") for key in ("least", "most", "after", "day")}
    return Parameter(field, **bounds)
