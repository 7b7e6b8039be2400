"""`preau job init`, `check` and `schema`: a request before it is submitted.

What is looked at is said by the node; here it is read, shown and turned into an exit code.
"""

from __future__ import annotations

import base64
import json as jsons
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli import output
from connector.cli.exits import Exit
from connector.cli.files import check_new, read_object, write_new
from connector.cli.node import node_of
from connector.cli.options import DEFAULT_HOME, Home, Json
from connector.cli.speaking import spoken
from connector.errors import ConfigurationInvalid

if TYPE_CHECKING:
    from connector.management.views.jobs import CheckView, RehearsalView

_MEGA = 1e6
RequestFile = Annotated[
    Path,
    typer.Argument(
        exists=True,
        dir_okay=False,
        help="JSON or TOML, see `preau job schema` and the reference page of the request.",
    ),
]
Agreements = Annotated[
    list[str] | None,
    typer.Option(
        "--agreement",
        "--agreements",
        help="Contract to run under, besides those of the request; repeat for each site.",
    ),
]


def add_to(group: typer.Typer) -> None:
    """Add the commands."""
    group.command("init")(init)
    group.command("check")(check)
    group.command("schema")(schema)


def read(request: Path, agreement: list[str] | None) -> dict[str, Any]:
    """Return the request of a file, with further contracts and the bytes of its model.

    Raises:
        ConfigurationInvalid: a file cannot be read, or holds something else.
    """
    asked = _with_model(read_object(request), request.parent)
    held = asked.get("agreements", [])
    if agreement and isinstance(held, list):
        asked["agreements"] = [*held, *agreement]
    return asked


def init(
    target: Annotated[str, typer.Option(help="Column to predict.")],
    agreement: Annotated[
        list[str],
        typer.Option("--agreement", "--agreements", help="Contract; repeat for each site."),
    ],
    epsilon: Annotated[
        float | None, typer.Option(min=0, help="ε of the job; without it at most 1.")
    ] = None,
    out: Annotated[Path, typer.Option(help="File to write; it must not exist.")] = Path(
        "request.json"
    ),
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Write a request from contracts and data dictionaries.

    Says what it chose and why, and which columns it left out. Nothing is spent.
    """
    check_new(out)
    with node_of(home) as node:
        found = node.draft_job(agreement, target, epsilon=epsilon)
    text = jsons.dumps(found.request, ensure_ascii=False, indent=2)
    write_new(out, f"{text}\n".encode())
    if json:
        output.json_value({"file": str(out), "remarks": found.remarks})
        return
    for remark in found.remarks:
        output.line(remark)
    output.line(f"written to {out}; `preau job check {out}` says what it costs")


def check(
    request: RequestFile,
    agreement: Agreements = None,
    rehearse: Annotated[
        bool, typer.Option(help="Also run the whole job on made-up rows, in a worker of this node.")
    ] = True,
    seconds: Annotated[
        float,
        typer.Option(
            min=0.1, max=600, help="Seconds after which this trial begins no further round."
        ),
    ] = 60.0,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Say what can be known of a job before anything is spent.

    Names, categories, ranges and thresholds are compared with the data dictionaries, the rest with
    the contracts; ε is computed for each site. Ends with 0 only where a submission would be
    accepted, as far as that can be known here.
    """
    with node_of(home) as node:
        found = node.check_job(read(request, agreement), rehearse=rehearse, seconds=seconds)
    if json:
        output.json_value(found)
    else:
        _print(found)
    if not found.accepted:
        raise typer.Exit(Exit.INVALID)


def schema(json: Json = False) -> None:
    """Print the JSON Schema of a request (draft 2020-12), for editors and programs.

    With `--json` it is the same: there is no other form.
    """
    from connector.services.federation.request.schema import request_schema  # noqa: PLC0415

    del json
    output.json_value(request_schema())


def _print(found: CheckView) -> None:
    output.table(
        ("", "where", "what", "code", "dataset"),
        (
            ("✗" if each.code else "·", each.where or "/", each.what, each.code, each.dataset)
            for each in sorted(found.findings, key=lambda finding: not finding.code)
        ),
        empty="no finding",
    )
    if found.costs:
        output.table(
            ("site", "ε of the job", "ε left before", "ε left after", "contract", "rule"),
            (
                (each.site, each.epsilon, each.left, each.after, each.limit, spoken(each.rule))
                for each in found.costs
            ),
            empty="",
        )
    if found.rehearsal:
        _print_try(found, found.rehearsal)
    verdict = "would be accepted, as far as can be known here" if found.accepted else "is refused"
    output.line(f"the job {verdict}")


def _print_try(found: CheckView, tried: RehearsalView) -> None:
    needs = max((each.needs for each in tried.parts), default=0)
    limit = f"{found.memory / _MEGA:,.0f} MB" if found.memory else "no limit"
    usable = ", ".join(f"{each.usable} of {each.persons}" for each in tried.parts)
    output.pairs(
        (
            ("rounds tried on made-up rows", f"{tried.rounds} of {found.rounds}"),
            ("made-up persons that took part", usable),
            ("start", f"{tried.start_seconds:.3g} s, or more for large files"),
            ("a round", f"{tried.round_seconds:.3g} s, by the slowest site, on this machine"),
            ("whole job", f"{tried.seconds:.3g} s"),
            ("memory a site must allow", f"{needs / _MEGA:,.0f} MB, of {limit} here"),
        )
    )


def _with_model(asked: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return a request with the bytes of the public model that its `start` names as a file."""
    start = asked.get("start")
    if not isinstance(start, dict) or not isinstance(start.get("file"), str):
        return asked
    file = folder / start["file"]
    try:
        model = file.read_bytes()
    except OSError as exc:
        raise ConfigurationInvalid(f"`start/file`: cannot read `{file}`: {exc.strerror}") from exc
    others = {name: value for name, value in start.items() if name != "file"}
    return {**asked, "start": {**others, "model": base64.b64encode(model).decode()}}
