"""`preau job simulate`: a job tried on rows of one's own, without a node and without spending."""

from __future__ import annotations

import json as json_module
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli import output
from connector.cli.files import read_object
from connector.cli.job_check import read
from connector.cli.options import Json
from connector.errors import ConfigurationInvalid

if TYPE_CHECKING:
    from connector.sdk.training.simulation import Point


def simulate(  # noqa: PLR0913, PLR0917 - one parameter for each option
    rows: Annotated[
        Path,
        typer.Argument(
            exists=True, dir_okay=False, help="CSV or Parquet file of rows that are yours."
        ),
    ],
    request: Annotated[
        Path,
        typer.Option(exists=True, dir_okay=False, help="JSON or TOML, as for `preau job submit`."),
    ],
    split: Annotated[
        str, typer.Option(help="Number of sites, or the column whose value is the site.")
    ] = "3",
    grid: Annotated[
        list[str] | None,
        typer.Option(
            help="Values to try: `privacy.epsilon=0.5,1,3`, `split=3,10`, `noise=true,false`, or a "
            "JSON list behind the `=`; repeat for more, all combinations are tried."
        ),
    ] = None,
    dictionary: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="Data dictionary, JSON or TOML, as in a description of `preau dataset publish`: "
            "what the request leaves out of its features follows from its `columns`.",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Number of trials of each.")] = 5,
    kept_out: Annotated[
        float, typer.Option(help="Share of the persons that it is evaluated on.")
    ] = 0.2,
    processes: Annotated[int, typer.Option(min=0, help="Processes; 0: as many as cores.")] = 0,
    json: Json = False,
) -> None:
    """Try a job on rows of your own, divided into sites: what would it be worth, at which ε?

    Each site runs the engine of a real one, with noise; nothing is spent and no node is asked.
    All figures come from persons held out: mean and standard deviation over the seeds.
    """
    from connector.sdk.training.simulation import simulate as tried  # noqa: PLC0415 - start-up

    found = tried(
        read(request, None),
        rows,
        split=int(split) if split.isdecimal() else split,
        grid=dict(map(_values, grid or ())),
        seeds=seeds,
        kept_out=kept_out,
        processes=processes or len(os.sched_getaffinity(0)),
        dictionary=None if dictionary is None else read_object(dictionary),
        seen=None if json else _tell,
    )
    if json:
        output.json_value(list(found))
        return
    output.table(found.columns, found.cells(), empty="nothing was tried")


def _tell(point: Point) -> None:
    from connector.sdk.training.simulation import spelled  # noqa: PLC0415 - start-up stays fast

    stated = " ".join(f"{path}={spelled(value)}" for path, value in point.stated.items())
    output.note(f"{stated or 'the request'}: done")


def _values(stated: str) -> tuple[str, list[Any]]:
    path, sign, text = stated.partition("=")
    if not path or not sign or not text:
        raise ConfigurationInvalid(f"--grid `{stated}`: write PATH=VALUE,VALUE")
    if text.startswith("["):
        try:
            found = json_module.loads(text)
        except ValueError as exc:
            raise ConfigurationInvalid(f"--grid `{stated}`: no JSON list behind the `=`") from exc
        return path, list(found)
    return path, [_value(each) for each in text.split(",")]


def _value(text: str) -> Any:
    try:
        return json_module.loads(text)
    except ValueError:
        return text
