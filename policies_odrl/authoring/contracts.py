"""Contract templates of the sector: policies with parameters, filled in structurally.

Rules: a template is data (`templates/*.json`); a placeholder `{"$": name}` is replaced by the
values of its parameter as JSON-LD value objects, a part with `"$when": name` is left out where that
parameter is empty; texts are never joined, so that no value can become a rule. Filling is strict:
an unknown name, a missing value or one out of bounds is one error that names the parameter.
Parameters that many templates share stand once, in `templates/shared.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

from policies_odrl.authoring.parameters import Parameter, Values, not_before, parameter
from policies_odrl.errors import TemplateRefused
from policies_odrl.language.mistakes import cut, mistake
from policies_odrl.model import Policy
from policies_odrl.reading.reader import load
from policies_odrl.reading.writer import CONTEXTS
from policies_odrl.vocabulary import PREFIXES, loaded

SHARED: Final = "shared.json"
_SLOT: Final = "$"
_WHEN: Final = "$when"
_MORE: Final = {name: PREFIXES[name] for name in ("preau", "dpv", "education", "eu-gdpr", "cc")}

Text = Mapping[str, str]  # language -> text


@dataclass(frozen=True, slots=True)
class Template:
    """A contract with parameters."""

    name: str
    title: Text
    purpose: Text
    note: Text  # what the law asks for, for the person who fills it in; no legal advice
    sources: tuple[Text, ...]  # law and article, and under `url` where it can be read
    parameters: tuple[Parameter, ...]
    body: Mapping[str, Any]  # compact JSON-LD with placeholders, without `@context`
    example: Mapping[str, str]  # values that fill it


@cache
def templates() -> tuple[Template, ...]:
    """Return all templates, by name.

    >>> [item.name for item in templates()][:2]
    ['adaptive-content', 'bubble-only']
    """
    folder = files("policies_odrl").joinpath("templates")
    names = sorted(item.name for item in folder.iterdir() if item.name.endswith(".json"))
    read = {name: loaded(f"templates/{name}") for name in names}
    shared = read.pop(SHARED)
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

    >>> made = fill(template("open-data"), {"id": "urn:example:offer"})
    >>> made.permissions[0].duties[0].action.id
    'http://www.w3.org/ns/odrl/2/attribute'

    Args:
        template: see `templates`.
        values: name of a parameter -> text; several values one a line. Parameters that are left
            out take their defaults.

    Raises:
        TemplateRefused: an unknown parameter, a missing value, or one that does not fit.
        IllFormed: a value that is an IRI by its looks only.
    """
    return load({"@context": [*CONTEXTS, _MORE], **filled(template, values)}, strict=True)


def filled(template: Template, values: Mapping[str, str]) -> dict[str, Any]:
    """Return the JSON-LD that a template makes of values, without `@context`.

    Raises:
        TemplateRefused: an unknown parameter, a missing value, or one that does not fit.
    """
    known = {item.name: item for item in template.parameters}
    for name in sorted(set(values) - set(known)):
        slots = {"template": template.name, "name": cut(name), "names": ", ".join(known)}
        why = mistake(TemplateRefused, "no-parameter", **slots)
        raise TemplateRefused(why.reason, field=name, french=why.french)
    found = {name: item.read(values.get(name, "")) for name, item in known.items()}
    for item in known.values():
        if item.after and found[item.name] and found[item.after]:
            mine = item.scalar(found[item.name][0]["@value"])
            first = known[item.after].scalar(found[item.after][0]["@value"])
            if mine is None or first is None or not not_before(mine, first):
                raise item.refused("order", name=item.after)
    document: dict[str, Any] = _put(template.body, found)
    return document


def _put(part: Any, found: Mapping[str, Values]) -> Any:
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


def _stays(part: Any, found: Mapping[str, Values]) -> bool:
    return not (isinstance(part, dict) and _WHEN in part and not found[part[_WHEN]])


def _template(data: Mapping[str, Any], shared: Mapping[str, Any]) -> Template:
    asked = ({**shared.get(item["name"], {}), **item} for item in data["parameters"])
    return Template(
        **{key: data[key] for key in ("name", "title", "purpose", "note", "example")},
        sources=tuple(data["sources"]),
        parameters=tuple(map(parameter, asked)),
        body=data["policy"],
    )
