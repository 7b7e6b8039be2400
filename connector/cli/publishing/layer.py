"""`preau layer` and `preau authority template`: what stands above all offers.

Leaves to the node which of the two it publishes: an authority templates, a participant its charter.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli import output
from connector.cli.files import read_object
from connector.cli.node import node_of
from connector.cli.options import DEFAULT_HOME, Home, Json, Language

if TYPE_CHECKING:
    from connector.management.views.publishing.layers import LayerView

_HEADINGS = ("layer", "id", "version", "of", "published", "data", "in force")
_ENTETES = ("couche", "id", "version", "de", "publié", "données", "en vigueur")


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(group("The authority's templates and this node's own charter."), name="layer")


def group(about: str) -> typer.Typer:
    """Return the commands under one name."""
    made = typer.Typer(no_args_is_help=True, help=about)
    made.command("publish")(publish)
    made.command("withdraw")(withdraw)
    made.command("list")(list_)
    return made


def publish(
    policy: Annotated[
        Path,
        typer.Argument(
            exists=True, dir_okay=False, help="ODRL in JSON-LD with an `@id`, without a target."
        ),
    ],
    personal: Annotated[
        bool, typer.Option("--personal", help="It bears on datasets with personal data only.")
    ] = False,
    language: Language = "en",
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Publish what no offer may weaken: a template of the space, or this participant's charter.

    An authority's node publishes a template, which members fetch with its status list. A
    participant has one charter. Contracts keep their terms; offers are to be published anew.
    """
    with node_of(home) as node:
        found = node.publish_layer(read_object(policy, language), personal=personal)
    _print(found, language, json=json)


def withdraw(
    identifier: Annotated[str, typer.Argument(help="Its id; `list` shows it.")],
    reason: Annotated[str, typer.Option(help="Why, in one line that names no person.")],
    language: Language = "en",
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Hold a template or the charter in force no longer. Contracts keep their terms."""
    with node_of(home) as node:
        found = node.withdraw_layer(identifier, reason)
    _print(found, language, json=json)


def list_(language: Language = "en", home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """List the templates and charters that this node published or fetched."""
    with node_of(home) as node:
        found = node.layers()
    if json:
        output.json_value(found)
        return
    french = language == "fr"
    every, personal = ("toutes", "personnelles") if french else ("all", "personal")
    output.table(
        _ENTETES if french else _HEADINGS,
        (
            (
                *(output.layer(it.layer, language), it.id, it.version, it.issuer, it.published),
                *(personal if it.personal else every, output.said(it.in_force, language)),
            )
            for it in found.layers
        ),
        empty="aucun modèle ni charte" if french else "no template and no charter",
    )
    if found.fault:
        unknown = "modèles en vigueur inconnus" if french else "templates in force are not known"
        output.note(f"{unknown}: {found.fault}")


def _print(found: LayerView, language: str, *, json: bool) -> None:
    if json:
        output.json_value(found)
        return
    state = output.said(found.in_force, language)
    force = "en vigueur" if language == "fr" else "in force"
    named = f"{output.layer(found.layer, language)} {found.id} version {found.version}"
    output.line(f"{named}; {force}: {state}; sha-256 {found.digest}")
    for sentence in found.sentences.get(language, []):
        output.line(f"  {sentence}")
