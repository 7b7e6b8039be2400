"""Templates of contracts as fields of a form, and what was filled in there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from connector.console.parts import Field, Notice, named, ticked
from connector.errors import PolicyInvalid
from connector.language.matching import verbatim
from connector.language.typesetting import between
from policies_odrl import OdrlError, template, templates
from policies_odrl.authoring import Parameter, Template
from policies_odrl.language.phrases import word

# What a catalog fills in by itself.
_OWN: Final = frozenset({"id", "provider", "dataset"})
_LONGEST: Final = 20_000


def choices(language: str) -> list[tuple[str, str]]:
    """Return the names of all templates with their titles."""
    return [(each.name, verbatim(each.title[language])) for each in templates()]


def chosen(name: str) -> Template:
    """Return the template of a name.

    Raises:
        PolicyInvalid: there is none.
    """
    try:
        return template(name)
    except OdrlError as exc:
        raise PolicyInvalid("choose a template from the list", where="template") from exc


def notes(found: Template, language: str) -> list[Notice]:
    """Return what a person reads before filling it in."""
    law = between("; ", language).join(each[language] for each in found.sources)
    return [Notice(verbatim(each)) for each in (found.purpose[language], found.note[language], law)]


def fields(
    found: Template,
    given: Mapping[str, str],
    language: str,
    columns: Sequence[str] = (),
    spaces: Sequence[str] = (),
) -> list[Field]:
    """Return a field for each parameter that a person fills in.

    Args:
        found: the template.
        given: what was filled in before.
        language: of the reader.
        columns: of the dataset, to choose from.
        spaces: of this node; the first stands there.
    """
    before = values(found, given)
    shown = [each for each in found.parameters if each.name not in _OWN]
    first = {"space": spaces[0] if spaces else ""}
    return [
        _field(each, before.get(each.name) or first.get(each.name, ""), language, columns)
        for each in shown
    ]


def values(found: Template, given: Mapping[str, str]) -> dict[str, str]:
    """Return what a form holds of a template's parameters; several values one a line."""
    made = {}
    for each in found.parameters:
        name = f"value.{each.name}"
        boxes = ticked(given, name)
        made[each.name] = "\n".join(boxes) if boxes else given.get(name, "").replace("\r", "")
    return {name: value for name, value in made.items() if value.strip()}


def _field(each: Parameter, value: str, language: str, columns: Sequence[str]) -> Field:
    name, label, hint = f"value.{each.name}", each.label[language], each.help[language]
    kind, known = "lines" if each.kind == "lines" else "text", list[tuple[str, str]]()
    if each.choices:
        kind = "several" if each.kind == "choices" else "choice"
        known = [(iri, verbatim(word(iri, language))) for iri in each.choices]
        if kind == "choice" and not each.default:
            known.insert(0, ("", ""))
    elif each.name == "columns" and columns:
        kind, known = "several", named(columns)
    return Field(
        name,
        label,
        hint,
        kind,
        value or each.default,
        known,
        needed=each.required,
        longest=_LONGEST,
        member=each.name,
    )
