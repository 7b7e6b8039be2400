"""`preau stats`: a statistic over the providers of several contracts, with intervals.

Leaves judging to the sites, and the mathematics to `federated.statistics`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli import output
from connector.cli.contracts.query import Spend, budget, filter_of, stated
from connector.cli.exits import Exit
from connector.cli.node import node_of
from connector.cli.options import DEFAULT_HOME, Home, Json
from connector.errors import ApprovalAwaited, PolicyInvalid, StatisticUnfit

if TYPE_CHECKING:
    from connector.sdk.statistics import Statistic
    from federated.statistics import Asked

_Names = list[str] | None
_Kind = Annotated[
    str,
    typer.Argument(
        help="`count`, `persons`, `sum`, `mean`, `histogram`, `quantile`, `correlation`, "
        "`linear`, `logistic`, `life` or `survival`."
    ),
]
_Agreements = Annotated[
    list[str],
    typer.Argument(help="Ids of contracts, or of the requests that an earlier call printed."),
]
_Of = Annotated[_Names, typer.Option("--of", help="Column to compute it for; repeat for more.")]
_By = Annotated[
    _Names,
    typer.Option(
        "--by", help="Column of categories: groups, or terms of a regression; repeat for more."
    ),
]
_On = Annotated[
    _Names,
    typer.Option("--on", help="Column of numbers that is a term of a regression; repeat for more."),
]
_Event = Annotated[
    str, typer.Option("--event", help="Outcome of `logistic`, `life` or `survival`: COLUMN=VALUE.")
]
_Bins = Annotated[
    int,
    typer.Option(
        "--bins", help="Equal bins of the public range of a column: a power of two up to 64."
    ),
]
_Quantiles = Annotated[
    list[float] | None,
    typer.Option(
        "--quantile", help="Quantile, in (0, 1); repeat for more. Default: the quartiles."
    ),
]
_Periods = Annotated[
    bool,
    typer.Option(
        "--periods", help="Each row is a person in one period. Default: each row is a person."
    ),
]
_Where = Annotated[
    _Names,
    typer.Option(
        "--where",
        help="Which rows count, as for `preau query`; values have the order in which they are "
        "listed. Repeat for more.",
    ),
]
_State = Annotated[
    _Names,
    typer.Option("--state", help="What only you can state, `OPERAND=VALUE`, as for `preau query`."),
]
_Sums = Annotated[
    bool,
    typer.Option(
        "--sums",
        help="Regression on exact sums over at least three sites; nobody sees the sums of a "
        "single site. Not DP: the contracts must permit `preau:federatedSums`.",
    ),
]
_Level = Annotated[float, typer.Option("--level", help="Confidence level of the intervals.")]
_Out = Annotated[
    Path | None, typer.Option("--out", help="New file for the table: .arrow, .csv or .json.")
]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("stats")(stats)


def stats(  # noqa: PLR0913, PLR0917 - each is an option
    kind: _Kind,
    agreements: _Agreements,
    of: _Of = None,
    by: _By = None,
    on: _On = None,
    event: _Event = "",
    bins: _Bins = 16,
    quantile: _Quantiles = None,
    periods: _Periods = False,
    where: _Where = None,
    state: _State = None,
    spend: Spend = "",
    sums: _Sums = False,
    level: _Level = 0.95,
    out: _Out = None,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Count, average or regress over the providers of several contracts, without their rows.

    Every provider is asked at once for one table of cells, which it protects and charges as its
    contract says. A site that refuses is named; the statistic is of the others, and the command
    ends with 1, or with 7 where a site only waits.
    """
    from federated.statistics import check_file, write  # noqa: PLC0415 - loads NumPy and Arrow

    filters = [filter_of(each) for each in where or []]
    asked = _asked(
        kind=kind,
        of=tuple(of or ()),
        by=tuple(by or ()),
        on=tuple(on or ()),
        event=_event(event),
        bins=bins,
        quantiles=tuple(quantile or ()),
        periods=periods,
        order={each["column"]: each["values"] for each in filters if each["is"] == "anyOf"},
        level=level,
    )
    if out is not None:
        _file(out, check_file)
    with node_of(home) as node:
        try:
            found = node.stats(
                asked,
                agreements,
                filters=filters,
                stated=stated(state or []),
                sums=sums,
                **budget(spend),
            )
        except ApprovalAwaited as exc:
            output.note(f"{exc.reason}; {exc.hint}")
            raise typer.Exit(Exit.NOT_YET) from exc
    if out is not None:
        _file(out, partial(write, found.result))
    _print(found, json=json)


def _asked(**members: Any) -> Asked:
    from federated.statistics import Asked  # noqa: PLC0415 - loads NumPy and Arrow

    return Asked(**{name: value for name, value in members.items() if value != ()})


def _event(text: str) -> tuple[str, str]:
    column, equals, value = text.partition("=")
    if text and not (column and equals and value):
        raise PolicyInvalid(f"`{text}` is not an event", hint="for example `--event passed=yes`")
    return column, value


def _file(out: Path, act: Callable[[Path], None]) -> None:
    from federated.errors import StatisticUnfit as Unfit  # noqa: PLC0415 - start-up stays fast

    try:
        act(out)
    except Unfit as exc:
        raise StatisticUnfit(exc.reason) from exc


def _print(found: Statistic, *, json: bool) -> None:
    result = found.result
    if json:
        output.json_value({**result.body(), "sites": [asdict(each) for each in found.sites]})
    else:
        rows = result.table.to_pylist()
        names = result.table.column_names
        shown = ([_short(row[name]) for name in names] for row in rows)
        output.table(names, shown, empty="no cell")
        for each in found.sites:
            if each.epsilon:
                spent = f"charged ε {each.epsilon:g} at δ {each.delta:g}"
                output.line(f"{each.provider}: {spent}, request {each.request}")
        for note in result.notes:
            output.line(note)
    for each in found.missing:
        why = f"{each.code} {each.reason}".strip() or each.state
        output.note(f"without {each.provider}: {why}")
    if found.missing:
        again = [each.request or each.agreement for each in found.sites]
        output.note(f"to ask for the same again, give {' '.join(again)} in place of the contracts")
        raise typer.Exit(Exit.NOT_YET if found.waits else Exit.REFUSED)


def _short(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float) else value
