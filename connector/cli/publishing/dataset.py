"""`preau dataset`: publish datasets and see what is published.

Leaves checking description, offers and file to the node.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli import output
from connector.cli.files import read_object
from connector.cli.node import node_of
from connector.cli.options import DEFAULT_HOME, PAGE, After, Home, Json, Limit
from connector.cli.speaking import spoken
from connector.errors import from_code

if TYPE_CHECKING:
    from connector.management.views.publishing.datasets import DatasetView

_PASSED = "passed"


def _stated(reason: str | None) -> str | None:
    if reason is not None and not reason.strip():
        raise typer.BadParameter("the reason is empty")
    return reason


Distinct = Annotated[
    str | None,
    typer.Option(
        metavar="REASON",
        callback=_stated,
        help="Why persons who also appear in another register are different persons; it is logged.",
    ),
]
Reserve = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        help="ODRL policy of your own, private limits: narrower terms within them are agreed at "
        "once.",
    ),
]
RaiseCap = Annotated[
    bool,
    typer.Option(
        "--raise-cap",
        help="Let the cap of the register rise; it is logged, and the parties of its contracts "
        "are informed.",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Datasets of this node.")
    group.command("publish")(publish)
    group.command("withdraw")(withdraw)
    group.command("list")(list_)
    group.command("show")(show)
    group.command("check")(check)
    group.command("refresh")(refresh)
    group.command("merge")(merge)
    app.add_typer(group, name="dataset")


def publish(
    description: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="JSON or TOML: id, title, file, columns with their classes, purpose, legal basis, "
            "retention, population, cap, offers …",
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            help="Data file, or a folder of them; it stays where it is and never leaves.",
        ),
    ] = None,
    offer: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="ODRL offer in JSON-LD, besides those of the description; or an object with "
            "`policy`, `decision`, `roles`, `reminder` and `lapse`, where persons decide. "
            "Repeatable.",
        ),
    ] = None,
    reserve: Reserve = None,
    distinct: Distinct = None,
    raise_cap: RaiseCap = False,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Publish a dataset with its offers.

    Personal data without purpose, legal basis, retention, territory, column classes, population
    and cap of ε is refused with the list of what is missing. The node reads the whole file first:
    more persons than declared, too many malformed rows, or persons of another register are refused.
    Of what jobs do not read as it is, a snapshot is taken, which every use reads.
    Published again, the dataset keeps its contracts, and what the new version means for them is
    said. An offer keeps the `@id` that its policy states.
    """
    described = read_object(description)
    if data is not None:
        described["file"] = _placed(data, described)
    if offer:
        given = described.get("offers", [])
        described["offers"] = [*given, *(read_object(file) for file in offer)]
    if reserve is not None:
        described["reserve"] = read_object(reserve)
    with node_of(home) as node:
        found = node.publish(described, distinct=distinct or "", raise_cap=raise_cap)
    _print(found, json=json)


def withdraw(
    dataset: Annotated[str, typer.Argument(help="Id of the dataset.")],
    reason: Annotated[
        str,
        typer.Option(
            help="Why, in one line that names no person; the parties of its contracts are told."
        ),
    ],
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Withdraw a dataset: no one is offered it any more. Publish it again to offer it again.

    Its contracts continue: `preau agreement end` ends one.
    """
    with node_of(home) as node:
        found = node.withdraw_dataset(dataset, reason)
    _print(found, json=json)


def list_(
    limit: Limit = PAGE, after: After = "", home: Home = DEFAULT_HOME, json: Json = False
) -> None:
    """List the published datasets."""
    with node_of(home) as node:
        found = node.datasets(limit=limit, after=after)
    output.more("datasets", found.next, found.damaged)
    if json:
        output.json_value(found)
        return
    output.table(
        ("dataset", "title", "population", "cap ε", "offers"),
        (
            (d.id, d.title, d.population, d.cap_epsilon, sum(not o.withdrawn for o in d.offers))
            for d in found
        ),
        empty="nothing is published yet; `preau dataset publish` publishes a dataset",
    )
    output.unreadable((d.id, d.fault) for d in found)


def show(
    dataset: Annotated[str, typer.Argument(help="Id of the dataset.")],
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Show a dataset, what its columns mean, its offers, and how each constraint is upheld."""
    with node_of(home) as node:
        found = node.dataset(dataset)
    _print(found, json=json)


def check(
    dataset: Annotated[str, typer.Argument(help="Id of the dataset.")],
    distinct: Distinct = None,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Read the file of a published dataset again, and say whether jobs may run on it.

    Ends with 1 when jobs may run on none of them.
    """
    with node_of(home) as node:
        found = node.check(dataset, distinct=distinct or "")
    if json:
        output.json_value(found)
    else:
        output.pairs(
            (
                ("file", found.file),
                ("snapshot of", found.snapshot_at),
                ("source", found.source),
            )
        )
        _print_check(found)
    if found.check is not None and found.check.verdict != _PASSED:
        reason = f"no job runs on `{dataset}`: {'; '.join(found.check.reasons)}"
        raise from_code(found.check.verdict, reason, hint=found.check.mend)


def refresh(
    dataset: Annotated[str, typer.Argument(help="Id of the dataset.")],
    distinct: Distinct = None,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Read the rows of a published dataset again, as its description says; its offers stay.

    Until then every use reads them as they were published: a snapshot of the source, or the very
    file. What `preau dataset publish` refuses is refused here, and then nothing changes.
    """
    with node_of(home) as node:
        found = node.refresh(dataset, distinct=distinct or "")
    _print(found, json=json)


def merge(
    dataset: Annotated[str, typer.Argument(help="Id of a dataset.")],
    register: Annotated[str, typer.Argument(help="Id of the register that stays.")],
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Merge the dataset's register into another one, whose persons are the same.

    All of its datasets, contracts and spending move to the other register, under the smaller
    cap. This cannot be undone.
    """
    with node_of(home) as node:
        found = node.merge(dataset, register)
    _print(found, json=json)


def _placed(data: Path, described: dict[str, Any]) -> dict[str, str]:
    """Return what the description says of its file; a layout of another file's is left out."""
    layout = described.get("layout")
    stated = str(layout.get("format", "")) if isinstance(layout, dict) else ""
    kind = stated or "csv"
    if data.suffix.lower() in (".parquet", ".pq") and stated != "parquet":
        described.pop("layout", None)  # it states its types itself
        kind = "parquet"
    return {"path": str(data.absolute()), "format": kind}


def _print(found: DatasetView, *, json: bool) -> None:
    if json:
        output.json_value(found)
        return
    output.pairs(
        (
            ("dataset", found.id),
            ("title", found.title),
            ("personal data", found.personal),
            ("person", found.person_column),
            ("spelled as", found.person_format if found.person_column else ""),
            ("rows per person", found.rows_per_person),
            ("population", found.population),
            ("register", found.register_id),
            ("cap ε", found.cap_epsilon),
            ("δ", found.cap_delta),
            ("purpose of collection", found.collection_purpose),
            ("legal basis", found.legal_basis),
            ("retention", found.retention),
            ("territory", found.territory),
            ("file", found.file),
            ("snapshot", found.snapshot),
            ("snapshot of", found.snapshot_at),
        ),
    )
    output.unreadable([(found.id, found.fault)])
    _print_check(found)
    output.columns(found.columns)
    for effect in found.effects:
        output.line(effect)
    for offer in found.offers:
        output.offer(offer)
        output.unreadable([(offer.id, offer.fault)])
        output.terms(offer)


def _print_check(found: DatasetView) -> None:
    check = found.check
    if check is None:
        return
    output.pairs(
        (
            ("check of the file", spoken(check.verdict)),
            ("because", check.reasons),
            ("to do", check.mend),
            ("rows", check.rows),
            ("malformed rows", check.malformed),
            ("persons", check.persons),
            ("with more rows than stated", check.over),
            *(
                (f"unreadable in `{name}`", _of(number, check.rows))
                for name, number in check.unreadable.items()
                if number
            ),
            *(
                (
                    f"outside the dictionary of `{name}`",
                    f"{number} values",
                )
                for name, number in check.outside.items()
                if number
            ),
            ("persons of the register", check.register_persons),
            *(
                (f"different persons from those of `{name}`", why)
                for name, why in check.distinct.items()
            ),
        ),
    )


def _of(number: int, rows: int | None) -> str:
    return f"{number} of {rows} rows"
