"""`preau query`: a table of cells under a contract, computed where the data are.

Leaves judging to the provider: what the contract allows, and which cells are over too few persons.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from connector.cli import output
from connector.cli.exits import Exit
from connector.cli.node import node_of
from connector.cli.options import DEFAULT_HOME, Home, Json
from connector.errors import PolicyInvalid, from_code

if TYPE_CHECKING:
    from connector.management.views.contracts.uses import UseView
    from connector.sdk import Client

_TESTS: Final = {"=": "anyOf", "!=": "noneOf", ">=": "atLeast", "<=": "atMost"}
_TEST: Final = re.compile(r"(?P<column>[^=!<>]+)(?P<sign>>=|<=|!=|=)(?P<values>.*)", re.DOTALL)
_NUMBER: Final = r"[0-9]+(?:\.[0-9]+)?(?:e-?[0-9]{1,2})?"
_SPEND: Final = re.compile(rf"(?P<epsilon>{_NUMBER})?(?:,(?P<delta>{_NUMBER}))?")
_LONGEST: Final = 600.0  # seconds
_PAUSE: Final = 1.0  # seconds, between the provider's own waits

Spend = Annotated[
    str,
    typer.Option(
        "--spend",
        metavar="EPSILON[,DELTA]",
        help="What to spend of the contract's budget, where cells have noise: `0.5` is ε, "
        "`0.5,1e-6` are ε and δ for Gaussian noise. The less, the more noise.",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("query")(query)


def query(  # noqa: PLR0913, PLR0917 - each is an option
    agreement: Annotated[
        str, typer.Argument(help="Id of the contract, or of a request that was made before.")
    ],
    by: Annotated[
        list[str] | None, typer.Option("--by", help="Column to group by; repeat for more.")
    ] = None,
    measure: Annotated[
        list[str] | None,
        typer.Option(
            "--measure",
            help="`count`, `persons`, `count:COLUMN`, `sum:COLUMN` or `mean:COLUMN`; repeat for "
            "more. Default: `count`.",
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            help="Which rows count: `COLUMN=VALUE` or several values with commas, `!=`, `>=`, "
            "`<=`; repeat for more.",
        ),
    ] = None,
    state: Annotated[
        list[str] | None,
        typer.Option(
            "--state",
            help="What only you can state (purpose, legal basis …), `OPERAND=VALUE` with IRIs. "
            "Default: as the contract demands.",
        ),
    ] = None,
    totals: Annotated[
        bool, typer.Option("--totals", help="Also totals over each column of --by.")
    ] = False,
    spend: Spend = "",
    publish: Annotated[
        bool,
        typer.Option("--publish", help="Ask for a table that the contract lets you publish."),
    ] = False,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Ask for a table of counts, sums or means under a contract, and print it.

    No row leaves the provider; cells over too few persons are withheld. Where the contract states a
    budget ε, cells have noise, and each table is charged before it is made.
    """
    cells = {
        "dimensions": by or [],
        "measures": [_measure(each) for each in measure or ["count"]],
        "filters": [filter_of(each) for each in where or []],
        "totals": totals,
        **budget(spend),
    }
    with node_of(home) as node:
        found = _ended(node, node.query(agreement, cells, stated(state or []), publish=publish))
    _print(found, by or [], json=json)


def budget(text: str) -> dict[str, float]:
    """Return what `--spend` says: `epsilon` and `delta`.

    Raises:
        PolicyInvalid: it is no budget.
    """
    found = _SPEND.fullmatch(text)
    if found is None:
        raise PolicyInvalid(
            f"`{text}` is not a budget", hint="write `--spend 0.5`, or `--spend 0.5,1e-6`"
        )
    return {name: float(part or 0) for name, part in found.groupdict().items()}


def _ended(node: Client, found: UseView) -> UseView:
    until = time.monotonic() + _LONGEST
    while found.state == "preparing" and time.monotonic() < until:
        time.sleep(_PAUSE)
        found = node.use_again(found.request)
    return found


def _measure(text: str) -> dict[str, str]:
    function, _, column = text.partition(":")
    return {"function": function, "column": column}


def filter_of(text: str) -> dict[str, Any]:
    """Return what `--where` says, as a filter of a table.

    Raises:
        PolicyInvalid: it is no condition.
    """
    found = _TEST.fullmatch(text)
    if found is None:
        raise PolicyInvalid(
            f"`{text}` is not a condition on rows", hint="for example `--where region=Bretagne`"
        )
    values = found["values"].split(",") if found["sign"] in ("=", "!=") else [found["values"]]
    return {"column": found["column"].strip(), "is": _TESTS[found["sign"]], "values": values}


def stated(state: Sequence[str]) -> dict[str, list[str]]:
    """Return what `--state` says: operand to values.

    Raises:
        PolicyInvalid: one is no statement.
    """
    found: dict[str, list[str]] = {}
    for text in state:
        left, equals, value = text.partition("=")
        if not (left and equals and value):
            raise PolicyInvalid(
                f"`{text}` is not a statement", hint="write `--state OPERAND=VALUE`"
            )
        found.setdefault(left, []).append(value)
    return found


def _print(found: UseView, by: Sequence[str], *, json: bool) -> None:
    if json:
        output.json_value(found)
    elif found.state == "ready" and found.content and found.content.rows > len(found.rows):
        output.line(f"{found.content.rows} cells, more than an answer holds:")
        output.line(
            f"`preau get {found.agreement} --extract {found.extract} --out FOLDER` fetches them"
        )
    elif found.state == "ready":
        names = list(found.rows[0]) if found.rows else list(by)
        output.table(
            names, ([row.get(name) for name in names] for row in found.rows), empty="no cell"
        )
        if found.content is not None and found.content.suppressed:
            output.line(f"{found.content.suppressed} cells withheld: over too few persons")
        if found.noise is not None:
            noise = found.noise
            output.line(
                f"with noise, for ε {noise.epsilon:g} at δ {noise.delta:g}; its standard deviation:"
            )
            output.table(("figure", "standard deviation"), noise.deviations.items(), empty="")
    elif found.state in ("waiting", "preparing"):
        said = "; ".join(found.reasons) or found.state
        output.line(f"{said}: `preau query {found.request}` asks for it again")
    if found.code:
        raise from_code(found.code, "; ".join(found.reasons))
    if found.state != "ready":
        raise typer.Exit(Exit.NOT_YET)
