"""`preau offer`: take an offer of this node back, or put other terms in its place.

Leaves judging the terms to the node.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli import output
from connector.cli.files import read_object
from connector.cli.node import node_of
from connector.cli.options import DEFAULT_HOME, Home, Json

if TYPE_CHECKING:
    from connector.management.views.publishing.offers import OfferView

Id = Annotated[str, typer.Argument(help="Id of the offer; `preau dataset show` lists them.")]
Reason = Annotated[str, typer.Option(help="Why, in one line that names no person; it is logged.")]


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Offers of this node.")
    group.command("show")(show)
    group.command("withdraw")(withdraw)
    group.command("replace")(replace)
    app.add_typer(group, name="offer")


def show(offer: Id, home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Show an offer: how each of its constraints is upheld, and which layer states it."""
    with node_of(home) as node:
        found = node.own_offer(offer)
    if json:
        output.json_value(found)
        return
    output.offer(found)
    output.terms(found)


def withdraw(
    offer: Id,
    reason: Reason,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Withdraw an offer. Its contracts keep their terms; `preau agreement end` ends one."""
    with node_of(home) as node:
        found = node.withdraw_offer(offer, reason)
    _print(found, json=json)


def replace(
    offer: Id,
    policy: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="The new terms, ODRL in JSON-LD; or an object with `policy`, `decision`, `roles`, "
            "`reminder` and `lapse`.",
        ),
    ],
    reason: Reason,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Put other terms in the place of an offer's. Its id stays; contracts keep the former terms.

    Who decides stays too, unless the file says otherwise.
    """
    with node_of(home) as node:
        found = node.replace_offer(offer, read_object(policy), reason)
    _print(found, json=json)


def _print(found: OfferView, *, json: bool) -> None:
    if json:
        output.json_value(found)
        return
    output.offer(found)
    output.sentences(found.sentences)
    for effect in found.effects:
        output.line(effect)
