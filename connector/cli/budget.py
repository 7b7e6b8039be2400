"""`preau budget`: ε promised and spent per dataset and contract."""

from __future__ import annotations

from typing import Annotated

import typer

from connector.cli import output
from connector.cli.node import node_of
from connector.cli.options import DEFAULT_HOME, Home, Json


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("budget")(budget)


def budget(
    dataset: Annotated[str, typer.Argument(help="Id of a dataset; without it, all.")] = "",
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Show the privacy budget: the cap per person, what contracts promise, what jobs spent."""
    with node_of(home) as node:
        found = node.budget(dataset)
    if json:
        output.json_value(found)
        return
    output.table(
        ("dataset", "cap ε", "δ", "promised ε", "spent ε", "reserved ε", "left ε"),
        ((b.dataset, b.cap, b.delta, b.promised, b.spent, b.reserved, b.left) for b in found),
        empty="no dataset with a cap is published",
    )
    lines = [line for shown in found for line in shown.agreements]
    if lines:
        output.table(
            ("agreement", "consumer", "ε", "δ", "spent ε", "reserved ε", "left ε", "jobs"),
            (
                (a.agreement, a.peer, a.epsilon, a.delta, a.spent, a.reserved, a.left, len(a.jobs))
                for a in lines
            ),
            empty="",
        )
