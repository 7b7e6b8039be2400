"""`preau protect`: what a level of protection comes to on the rows, and pseudonyms translated.

Leaves measuring and translating to the node.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli import output
from connector.cli.files import check_new, read_lines, read_object, written
from connector.cli.node import node_of
from connector.cli.options import DEFAULT_HOME, Home, Json

if TYPE_CHECKING:
    from connector.management.views.publishing.risk import FindingsView
    from connector.sdk import Client


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Levels of protection.")
    group.callback()(_group)
    group.command("preview")(preview)
    group.command("translate")(translate)
    app.add_typer(group, name="protect")


def _group() -> None:
    """Levels of protection."""


def preview(
    dataset: Annotated[
        str,
        typer.Argument(
            help="Id of an own dataset, or the file of a description that is not published yet."
        ),
    ],
    plan: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="An ODRL offer in JSON-LD whose plan is to be measured; may be repeated. Without "
            "it, the offers of the dataset.",
        ),
    ] = None,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Measure what the uses of offers would release: who stands out in it, and what is lost.

    The levels are listed below one another, for comparison. Nothing is kept, and nothing leaves
    this node.
    """
    with node_of(home) as node:
        found = dict(_measured(node, dataset, plan or []))
    if json:
        output.json_value(found)
        return
    if not any(found.values()):
        output.line("no use reads rows: there is nothing to measure")
    for name, uses in found.items():
        for use in uses:
            output.line(name)
            output.measured(use)


def translate(
    agreement: Annotated[str, typer.Argument(help="Contract whose pseudonyms you have.")],
    to: Annotated[str, typer.Argument(help="Contract whose pseudonyms you want.")],
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="Pseudonyms, one a line.")
    ],
    out: Annotated[Path, typer.Option(help="New CSV file with columns `from` and `to`.")],
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Translate pseudonyms of one contract to those of another, as provider of both.

    It is logged. Whoever has the file can link what both consumers hold: give it to neither
    without a legal basis.
    """
    check_new(out)
    asked = [line.strip() for line in read_lines(file)]
    with node_of(home) as node:
        found = node.translate_pseudonyms(agreement, to, asked)
    known = [each for each in asked if each in found]
    lines = ["from,to", *(f"{each},{found[each]}" for each in known)]
    with written(out) as made:
        made.write("\n".join([*lines, ""]).encode())
    if json:
        output.json_value({"asked": len(asked), "translated": len(known)})
        return
    output.line(f"translated {len(known)} of {len(asked)} pseudonyms into {out}")


def _measured(
    node: Client, dataset: str, plans: list[Path]
) -> list[tuple[str, list[FindingsView]]]:
    described = Path(dataset)
    if described.is_file():
        return _drafted(node, described, plans)
    if plans:
        return [(str(each), node.preview(dataset, read_object(each))) for each in plans]
    offers = [each for each in node.dataset(dataset).offers if not each.withdrawn]
    return [(each.id, node.preview(dataset, each.policy)) for each in offers]


def _drafted(
    node: Client, described: Path, plans: list[Path]
) -> list[tuple[str, list[FindingsView]]]:
    """Measure offers on what a description is of: those that are named, or its own."""
    stated = read_object(described)
    if plans:
        stated = {**stated, "offers": [read_object(each) for each in plans]}
        stated.pop("offer", None)
    found = node.preview_described(stated)
    names = map(str, plans) if plans else (f"offer {at}" for at in range(1, len(found) + 1))
    return list(zip(names, found, strict=True))
