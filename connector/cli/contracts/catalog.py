"""`preau catalog`: what peers offer.

Leaves fetching and verifying to the node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli import output
from connector.cli.node import node_of
from connector.cli.options import DEFAULT_HOME, PAGE, After, Home, Json
from connector.cli.speaking import spoken
from connector.errors import PreauError

if TYPE_CHECKING:
    from collections.abc import Callable

    from connector.management.views.contracts.catalogs import CatalogView
    from connector.management.views.publishing.offers import OfferView
    from connector.sdk import Client

Columns = Annotated[
    bool, typer.Option("--columns", help="Show what the columns of each dataset mean.")
]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("catalog")(catalog)


def catalog(  # noqa: PLR0913, PLR0917 - each is an option
    peer: Annotated[
        str, typer.Argument(help="DID of the peer; without it, every peer met so far.")
    ] = "",
    coverage: Annotated[
        bool,
        typer.Option(
            "--coverage", help="Show each offer in words, and how each constraint is upheld."
        ),
    ] = False,
    columns: Columns = False,
    words: Annotated[
        str, typer.Option(help="Only datasets with all these words in id, title or description.")
    ] = "",
    territory: Annotated[str, typer.Option(help="Only of this territory, ISO 3166.")] = "",
    purpose: Annotated[str, typer.Option(help="Only collected for this purpose, an IRI.")] = "",
    legal_basis: Annotated[str, typer.Option(help="Only with this legal basis, an IRI.")] = "",
    limit: Annotated[
        int, typer.Option(min=1, max=100, help="Maximum number of datasets of each peer.")
    ] = PAGE,
    after: After = "",
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Show the datasets and offers of a peer, its descriptions verified.

    A peer that is new is met first: its documents and its membership are verified.
    """
    if after and not peer:
        raise typer.BadParameter("`--after` needs the peer whose list it continues")
    with node_of(home) as node:

        def fetch(did: str) -> CatalogView:
            return node.catalog(
                did,
                limit=limit,
                after=after,
                said=coverage or json,
                words=words,
                territory=territory,
                purpose=purpose,
                legal_basis=legal_basis,
            )

        catalogs = [fetch(peer)] if peer else _all(node, fetch)
    for shown in catalogs:
        output.more(f"datasets of {shown.participant}", shown.next)
    if json:
        output.json_value(catalogs[0] if peer else catalogs)
        return
    output.table(
        ("peer", "dataset", "title", "offer", "decision"),
        (row for shown in catalogs for row in _rows(shown)),
        empty="no dataset is offered",
    )
    if columns:
        _show_columns(catalogs)
    if coverage:
        _show_coverage(catalogs)


def _all(node: Client, fetch: Callable[[str], CatalogView]) -> list[CatalogView]:
    found = []
    for peer in node.peers():
        try:
            found.append(fetch(peer.did))
        except PreauError as exc:
            output.note(f"{peer.did}: {exc.code}: {exc.reason}")
    return found


def _rows(shown: CatalogView) -> list[tuple[str, ...]]:
    return [
        (shown.participant, dataset.id, _title(dataset.description), offer.id, _how(offer))
        for dataset in shown.datasets
        for offer in dataset.offers
    ]


def _how(offer: OfferView) -> str:
    """Return who decides, whether anybody may read without a contract, and what is not signed."""
    unmet = f"not for this node: {offer.unmet.partition(':')[0]}" if offer.unmet else ""
    said = (offer.decision, "open" if offer.licence else "", unmet)
    return ", ".join(spoken(each) for each in said if each)


def _title(description: dict[str, Any]) -> str:
    for name in ("dct:title", "dcterms:title", "title", "schema:name", "name"):
        value = description.get(name)
        if isinstance(value, str):
            return value
        if isinstance(value, dict) and isinstance(value.get("@value"), str):
            return str(value["@value"])
    return ""


def _show_columns(catalogs: list[CatalogView]) -> None:
    for dataset in (each for shown in catalogs for each in shown.datasets):
        output.line(f"dataset {dataset.id}")
        output.columns(dataset.columns)


def _show_coverage(catalogs: list[CatalogView]) -> None:
    offers = [offer for c in catalogs for d in c.datasets for offer in d.offers]
    for offer in offers:
        output.line(f"offer {offer.id}")
        if offer.unmet:
            output.line(f"  {offer.unmet}")
        output.terms(offer)
