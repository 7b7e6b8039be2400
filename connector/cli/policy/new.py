"""`preau policy new`: an offer from a contract template of the sector.

Rules: what is filled in is checked by the template (`policies_odrl/authoring.py`) and the
policy by reading it back; nothing is asked unless a person sits at a terminal; whether a node can
uphold the offer today is said beside it, by the table that decides on publishing. Files are not
overwritten.
"""

from __future__ import annotations

import json as json_
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer

from connector.bootstrap.mechanisms import MECHANISMS
from connector.cli import output
from connector.cli.files import read_object, write_new
from connector.cli.options import Json
from connector.cli.speaking import language, spoken
from connector.enforcement.coverage import cover
from connector.errors import ConfigurationInvalid, ConstraintUnknown, PolicyInvalid
from connector.jsonld.policy import policy_document
from policies_odrl import OdrlError, Policy, fill, template, templates
from policies_odrl.authoring import Parameter, Template
from policies_odrl.language.phrases import word
from policies_odrl.vocabulary import prefixed


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("new")(new)


def new(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[TEMPLATE]", help="Name of the template; see --list."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Fill in a parameter. Repeatable; the same name again adds a value.",
        ),
    ] = None,
    values: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="JSON or TOML: parameter -> value or list of values. --set wins over it.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the offer there instead of printing it.")
    ] = None,
    list_: Annotated[
        bool,
        typer.Option(
            "--list", help="List the templates, or with a TEMPLATE what it asks for, and stop."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Make an offer from a contract template.

    The offer is JSON-LD that `preau policy check` and `preau policy explain` take. A node publishes
    only what it can uphold in every part; a note says which part of an offer that is not. Such an
    offer can be checked, explained, compared and simulated. In a catalog leave `dataset` empty:
    there the published dataset is the target.
    """
    if list_:
        _print_list(name, as_json=json)
        return
    chosen = _chosen(name)
    given = _asked(chosen, _given(set_ or [], values), as_json=json)
    _deliver(chosen, _filled(chosen, given), out, as_json=json)


def _deliver(chosen: Template, policy: Policy, out: Path | None, *, as_json: bool) -> None:
    document = policy_document(policy)
    missing = not_upheld(policy)
    if out is not None:
        text = json_.dumps(document, ensure_ascii=False, indent=2) + "\n"
        write_new(out, text.encode())
    if as_json:
        output.json_value(
            {
                "template": chosen.name,
                "file": None if out is None else str(out),
                "upheld": not missing,
                "notUpheld": missing,
                "policy": document,
            }
        )
        return
    if out is None:
        output.json_value(document)
    output.note(_word(missing))


def at_terminal() -> bool:
    """Return whether a person can be asked."""
    return sys.stdin.isatty()


def not_upheld(policy: Policy) -> str:
    """Return the first part of an offer that a node cannot uphold today; empty when it can all."""
    try:
        cover(policy, MECHANISMS)
    except ConstraintUnknown as exc:
        return exc.reason
    return ""


def _chosen(name: str | None) -> Template:
    try:
        return template(name or "")
    except OdrlError as exc:
        hint = "`preau policy new --list` shows the templates"
        reason = exc.in_(language()) if name else "name a template"
        raise ConfigurationInvalid(reason, hint=hint) from exc


def _filled(chosen: Template, given: Mapping[str, str]) -> Policy:
    try:
        return fill(chosen, given)
    except OdrlError as exc:
        hint = f"`preau policy new {chosen.name} --list` shows what it asks for"
        raise PolicyInvalid(exc.in_(language()), hint=hint) from exc


def _given(pairs: Sequence[str], file: Path | None) -> dict[str, str]:
    """Return the values of the file and, instead of these, those of the options."""
    held = {} if file is None else read_object(file)
    found = {name: _text(name, value) for name, value in held.items()}
    stated: dict[str, list[str]] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise ConfigurationInvalid(f"`{pair}` is not NAME=VALUE")
        stated.setdefault(name, []).append(value)
    return found | {name: "\n".join(items) for name, items in stated.items()}


def _text(name: str, value: Any) -> str:
    items = value if isinstance(value, list) else [value]
    if any(isinstance(item, bool) or not isinstance(item, str | int | float) for item in items):
        raise ConfigurationInvalid(f"`{name}` holds neither text nor numbers")
    return "\n".join(str(item) for item in items)


def _asked(chosen: Template, given: dict[str, str], *, as_json: bool) -> dict[str, str]:
    """Add an identifier, and at a terminal what is still missing."""
    given = {"id": f"urn:uuid:{uuid4()}", **given}
    if as_json or not at_terminal():
        return given
    for item in chosen.parameters:
        if item.required and not item.default and not given.get(item.name):
            text = f"{item.label[language()]} – {item.help[language()]}\n{item.name}"
            given[item.name] = typer.prompt(text, err=True)
    return given


def _print_list(name: str | None, *, as_json: bool) -> None:
    if name is None:
        _print_all(as_json=as_json)
    else:
        _print_one(_chosen(name), as_json=as_json)


def _print_all(*, as_json: bool) -> None:
    if as_json:
        output.json_value([_as_json(item) for item in templates()])
        return
    rows = [
        (item.name, item.title[language()], "not yet" if not_upheld(_example(item)) else "in full")
        for item in templates()
    ]
    output.table(("template", "title", "upheld by the node"), rows, empty="")


def _print_one(item: Template, *, as_json: bool) -> None:
    if as_json:
        output.json_value(_as_json(item))
        return
    for text in (item.title, item.purpose, item.note):
        output.given(text[language()])
    for source in item.sources:
        output.given(f"  {source[language()]} <{source['url']}>")
    example = _example(item)
    output.line(_word(not_upheld(example)))
    for entry in item.parameters:
        output.line("")
        output.given(f"{entry.name} ({', '.join(_takes(entry))})")
        output.given(f"    {entry.label[language()]} – {entry.help[language()]}")
        for choice in entry.choices:
            output.given(f"    {prefixed(choice)} – {word(choice, language())}")


def _takes(item: Parameter) -> Iterator[str]:
    yield item.kind
    if item.least:
        yield f"≥ {item.least}"
    if item.most:
        yield f"≤ {item.most}"
    if item.default:
        yield f"{spoken('default')} {prefixed(item.default)}"
    elif not item.required:
        yield spoken("optional")


def _example(item: Template) -> Policy:
    return fill(item, item.example)


def _word(missing: str) -> str:
    if missing:
        return f"a node cannot publish this offer yet: {missing}"
    return "a node upholds this offer in full and can publish it"


def _as_json(item: Template) -> dict[str, Any]:
    """Return a template as a JSON object, in both languages."""
    missing = not_upheld(_example(item))
    return {
        "name": item.name,
        "title": item.title,
        "purpose": item.purpose,
        "note": item.note,
        "sources": list(item.sources),
        "upheld": not missing,
        "notUpheld": missing,
        "parameters": [_parameter(entry) for entry in item.parameters],
        "example": dict(item.example),
    }


def _parameter(item: Parameter) -> dict[str, Any]:
    choices = [{"value": it, "fr": word(it, "fr"), "en": word(it, "en")} for it in item.choices]
    return {
        "name": item.name,
        "label": item.label,
        "help": item.help,
        "kind": item.kind,
        "required": item.required,
        "default": item.default,
        "choices": choices,
        "least": item.least,
        "most": item.most,
        "after": item.after,
    }
