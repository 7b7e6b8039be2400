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
from connector.cli.options import DEFAULT_HOME, Home, Json
from connector.cli.speaking import spoken

if TYPE_CHECKING:
    from connector.management.views.publishing.layers import LayerView

_HEADINGS = ("layer", "id", "version", "of", "published", "data", "in force")


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
        bool, typer.Option("--personal", help="It applies to datasets with personal data only.")
    ] = False,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Publish what no offer may weaken: a template of the space, or this participant's charter.

    An authority's node publishes a template, which members fetch with its status list. A
    participant has one charter. Contracts keep their terms; offers must be published again.
    """
    with node_of(home) as node:
        found = node.publish_layer(read_object(policy), personal=personal)
    _print(found, json=json)


def withdraw(
    identifier: Annotated[str, typer.Argument(help="Its id; `list` shows it.")],
    reason: Annotated[str, typer.Option(help="Why, in one line that names no person.")],
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Withdraw a template, or the charter, from force. Contracts keep their terms."""
    with node_of(home) as node:
        found = node.withdraw_layer(identifier, reason)
    _print(found, json=json)


def list_(home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """List the templates and charters that this node published or fetched."""
    with node_of(home) as node:
        found = node.layers()
    if json:
        output.json_value(found)
        return
    output.table(
        _HEADINGS,
        (
            (
                *(spoken(it.layer), it.id, it.version, it.issuer, it.published),
                *(spoken("personal" if it.personal else "all"), it.in_force),
            )
            for it in found.layers
        ),
        empty="no template and no charter",
    )
    if found.fault:
        output.note(f"templates in force are not known: {found.fault}")


def _print(found: LayerView, *, json: bool) -> None:
    if json:
        output.json_value(found)
        return
    named = f"{found.layer} {found.id} version {found.version}"
    output.line(f"{named}; in force: {output.cell(found.in_force)}; sha-256 {found.digest}")
    output.sentences(found.sentences)
