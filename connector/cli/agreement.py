"""`preau agreement`: the contracts of this node."""

from __future__ import annotations

from typing import Annotated

import typer

from connector.cli import output
from connector.cli.node import node_of
from connector.cli.options import DEFAULT_HOME, PAGE, After, Home, Json, Language, Limit


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Contracts of this node.")
    group.command("list")(list_)
    group.command("show")(show)
    app.add_typer(group, name="agreement")


def list_(
    limit: Limit = PAGE, after: After = "", home: Home = DEFAULT_HOME, json: Json = False
) -> None:
    """List the contracts, as provider and as consumer."""
    with node_of(home) as node:
        found = node.agreements(limit=limit, after=after)
    output.more("contracts", found.next)
    if json:
        output.json_value(found)
        return
    output.table(
        ("agreement", "role", "provider", "consumer", "dataset", "valid until", "finalized"),
        (
            (a.id, a.role, a.provider, a.consumer, a.dataset, a.valid_until, a.finalized)
            for a in found
        ),
        empty="no contract yet; `preau negotiate PEER DATASET` asks for one",
    )


def show(
    agreement: Annotated[str, typer.Argument(help="Id of the agreement.")],
    language: Language = "en",
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Show a contract, and how each of its constraints is upheld."""
    with node_of(home) as node:
        found = node.agreement(agreement)
    if json:
        output.json_value(found)
        return
    output.pairs(
        (
            ("agreement", found.id),
            ("our role", found.role),
            ("provider", found.provider),
            ("consumer", found.consumer),
            ("dataset", found.dataset),
            ("population", found.population),
            ("concluded", found.concluded_at),
            ("valid until", found.valid_until),
            ("privacy adds up by", found.rule),
            ("Rényi order", found.order or None),
            ("neighbours", found.adjacency),
            ("training recipes", found.recipes),
            ("digest", found.digest),
            ("signed by provider", bool(found.provider_signature)),
            ("signed by consumer", bool(found.consumer_signature)),
            ("finalized", found.finalized),
        )
    )
    output.unreadable([(found.id, found.fault)])
    for sentence in found.sentences.get(language, []):
        output.line(f"  {sentence}")
    output.table(
        ("constraint", "label", "by"),
        ((item.constraint, item.label, item.by) for item in found.coverage),
        empty="no constraint",
    )
