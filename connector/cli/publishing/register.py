"""`preau register`: registers of persons, who hold a cap and what of it is spent.

Leaves judging numbers and rule to the node.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from connector.cli import output
from connector.cli.node import node_of
from connector.cli.options import DEFAULT_HOME, PAGE, After, Home, Json, Limit
from connector.cli.speaking import spoken


class RuleName(StrEnum):
    """Rules by which jobs add up, as options."""

    SUMS = "sums"
    RENYI = "renyi"


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Registers of persons that datasets share.")
    group.command("declare")(declare)
    group.command("list")(list_)
    group.command("recount")(recount)
    app.add_typer(group, name="register")


def declare(
    register: Annotated[str, typer.Argument(help="IRI of the register; datasets name it.")],
    epsilon: Annotated[float, typer.Option(help="Cap: ε per person over all contracts.")],
    delta: Annotated[float, typer.Option(help="Cap: δ per person over all contracts.")],
    rule: Annotated[
        RuleName,
        typer.Option(help="How jobs add up: `sums` of ε and δ, or `renyi` at one order."),
    ] = RuleName.SUMS,
    order: Annotated[
        int, typer.Option(help="Rényi order; 0: the one that follows from the cap.")
    ] = 0,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Declare a register once: its cap may fall later, its rule stays.

    Datasets about the same persons must name the same register (`register` in the description),
    so that what one of them spends counts for all.
    """
    with node_of(home) as node:
        found = node.declare_register(register, epsilon, delta, rule=rule.value, order=order)
    if json:
        output.json_value(found)
        return
    output.pairs(
        (
            ("register", found.id),
            ("cap ε", found.epsilon),
            ("δ", found.delta),
            ("rule", spoken(found.rule)),
            ("Rényi order", found.order or None),
            ("neighbouring data sets", spoken(found.adjacency)),
        )
    )


def list_(
    limit: Limit = PAGE, after: After = "", home: Home = DEFAULT_HOME, json: Json = False
) -> None:
    """List the registers of this node."""
    with node_of(home) as node:
        found = node.registers(limit=limit, after=after)
    output.more("registers", found.next, found.damaged)
    if json:
        output.json_value(found)
        return
    output.table(
        ("register", "cap ε", "δ", "rule", "order", "rounds charged", "merged into"),
        (
            (*(r.id, r.epsilon, r.delta, spoken(r.rule), r.order or None), r.charges, r.merged_into)
            for r in found
        ),
        empty="no register is declared; publishing a dataset declares one",
    )


def recount(
    reason: Annotated[str, typer.Option(help="Why, in one line that names no person.")],
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Record the persons of all files again: `keys/persons.key` is lost, and in no backup.

    Refused while the key is there. All answers about persons that registers share are asked again.
    No job runs on a dataset until its file was checked anew. Persons of files that were replaced
    since are known no more: a register that has spent then counts as one that shares persons.
    """
    with node_of(home) as node:
        found = node.recount_persons(reason)
    if json:
        output.json_value(found)
        return
    output.line("the persons on record were dropped; each file is checked again under a new key")
    for dataset in found:
        output.line(f"to be checked: `preau dataset check {dataset}`")
