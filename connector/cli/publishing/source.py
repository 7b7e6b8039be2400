"""`preau source`: look into a data file before it is published.

Works without a running node. Leaves parsing to a confined process, judging a description to
`preau dataset publish`.
"""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import Annotated, Any

import typer

from connector.cli import output
from connector.cli.files import check_new, read_object, write_new, written
from connector.cli.options import DEFAULT_HOME, Home, Json
from connector.cli.speaking import Said, language
from connector.domain.catalog.source import Source
from connector.errors import DataFileUnreadable


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Data files, before they are published.")
    group.command("inspect")(inspect)
    group.command("convert")(convert)
    app.add_typer(group, name="source")


def inspect(
    file: Annotated[
        Path | None,
        typer.Argument(
            exists=True,
            help="CSV, TSV, JSON Lines, Parquet or Excel; or a folder of files of one of them.",
        ),
    ] = None,
    connection: Annotated[
        str, typer.Option(help="Connection of the settings, in place of a file.")
    ] = "",
    table: Annotated[
        str, typer.Option(help="Table or view of the connection: `name` or `schema.name`.")
    ] = "",
    path: Annotated[str, typer.Option(help="Path of a file beneath the connection.")] = "",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write a description in JSON: complete it by hand, then `preau dataset publish`."
        ),
    ] = None,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Propose how a file or table is read and what its columns are, for a person to confirm.

    Spelling, datatypes and classes are guessed from a sample, then the file is read whole by that
    guess: rows, persons, missing and unreadable values are those of the file, up to five million
    rows. What is marked `?` must be looked at. The counts are for you: they are exact.
    """
    from connector.domain.catalog.proposal import describe  # noqa: PLC0415 - start-up stays fast

    if (file is None) == (not connection) or bool(table and path):
        raise typer.BadParameter("name a file, or a connection with `--table` or `--path`")
    if out is not None:
        check_new(out)
    where = str(file.absolute()) if file else path
    source = Source(path=where, connection=connection, table=table)
    found = _inspected(source, home)
    if out is not None:
        described = dumps(describe(source, found), ensure_ascii=False, indent=2)
        write_new(out, f"{described}\n".encode())
    if json:
        output.json_value(found)
        return
    _print(found)
    if out is not None:
        output.line(f"written to `{out}`: confirm it and add what is empty")


def _inspected(source: Source, home: Path) -> dict[str, Any]:
    """Return what is proposed; only for a connection are the settings of a node read."""
    from connector.sources import child  # noqa: PLC0415 - start-up stays fast

    if not source.connection:
        return child.inspect(Path(source.path))
    from connector import config  # noqa: PLC0415 - same
    from connector.bootstrap.sources import sources_of  # noqa: PLC0415 - same

    return sources_of(config.load(home)).inspect(source)


def convert(
    description: Annotated[
        Path,
        typer.Argument(
            exists=True, dir_okay=False, help="Description with `file` and `layout`, confirmed."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Parquet file to write.")],
    data: Annotated[
        Path | None, typer.Option(exists=True, help="Another file with that layout.")
    ] = None,
    json: Json = False,
) -> None:
    """Read a file as its layout states, and write it as Parquet, which jobs read.

    Nothing is guessed. A value that is not as stated counts as missing, and is reported. A
    column with more than half such values is refused, and so is a file with a line that is not
    a row.
    """
    from connector.sources import child  # noqa: PLC0415 - start-up stays fast
    from connector.sources.describing import contradictions, read_source  # noqa: PLC0415 - same

    path, layout = read_source(read_object(description))
    check_new(out)
    with written(out) as file:
        found = child.convert(data or path, layout, file)
        if faults := contradictions(layout, found):
            raise DataFileUnreadable(
                f"`{(data or path).name}` does not have that layout: {'; '.join(faults)}",
                hint="`preau source inspect FILE` proposes a layout",
            )
    if json:
        output.json_value(found)
        return
    output.pairs((("rows", found["rows"]),))
    counts = ({"name": each.name, "class": "", "datatype": each.datatype} for each in layout.fields)
    _print_columns(
        [
            {**each, **{what: found[what][each["name"]] for what in ("missing", "unreadable")}}
            for each in counts
        ],
        found["rows"],
    )


def _print_columns(columns: list[dict[str, Any]], rows: int) -> None:
    output.table(
        ("column", "class", "type", "missing", "unreadable"),
        (_cells(each, rows) for each in columns),
        empty="no column",
    )


def _print(found: dict[str, Any]) -> None:
    layout, reasons = found["layout"], found["layout_reasons"]
    stated = [
        (name, value if isinstance(value, str) else ", ".join(value))
        for name, value in layout.items()
        if name not in ("columns", "folder")
    ]
    output.pairs(
        (
            (
                name,
                Said(f"{_shown(value)}  {_why(reasons[name]) if name in reasons else ''}".strip()),
            )
            for name, value in stated
        ),
        ours=False,
    )
    persons, most = found["persons"] or None, found["rows_per_person"] or None
    output.pairs(
        (
            ("rows", found["rows"]),
            ("person column", found["person_column"]),
            ("persons", persons),
            ("most rows of one person", most),
        )
    )
    _print_columns(found["columns"], found["rows"])
    output.pairs(((each["name"], _because(each)) for each in found["columns"]), ours=False)
    for note in found["notes"]:
        output.given(_why(note))


def _cells(column: dict[str, Any], rows: int) -> tuple[str, ...]:
    shares = (_share(column[name], rows) for name in ("missing", "unreadable"))
    return (column["name"], column["class"], column["datatype"], *shares)


def _share(part: int, whole: int) -> str:
    """Return a share in percent; what is not zero is never shown as such."""
    if not part:
        return ""
    return f"{100 * part / whole:.1f} %" if 1000 * part >= whole else "< 0.1 %"


def _because(column: dict[str, Any]) -> str:
    return Said("; ".join(_why(reason) for reason in column["reasons"]))


def _why(reason: dict[str, Any]) -> str:
    return Said(f"{'' if reason['sure'] else '? '}{reason[language()]}")


def _shown(value: str) -> str:
    return {"\t": "tab", "": "–"}.get(value, value)
