"""`preau job`: federated training under contracts.

What comes before a submission is `job_check.py`; `job_view.py` draws the live view.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli import job_check, output
from connector.cli.exits import Exit
from connector.cli.files import check_new, write_new
from connector.cli.node import node_of
from connector.cli.options import DEFAULT_HOME, Home, Json
from connector.cli.simulation import simulate
from connector.cli.speaking import spoken
from connector.errors import NotFound, from_code

if TYPE_CHECKING:
    from connector.management.views.jobs import JobView
    from connector.sdk import Client

_ENDS = frozenset({"COMPLETED", "FAILED", "CANCELLED", "REFUSED"})
Id = Annotated[str, typer.Argument(help="Id of the job.")]
Watch = Annotated[bool, typer.Option("--watch", help="Stay and show it live until it has ended.")]
Seconds = Annotated[float, typer.Option("--seconds", min=0.1, help="Maximum time to watch.")]


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Federated training jobs.")
    job_check.add_to(group)
    group.command("simulate")(simulate)
    group.command("submit")(submit)
    group.command("status")(status)
    group.command("logs")(logs)
    group.command("result")(result)
    group.command("save")(save)
    group.command("evaluation")(evaluation)
    group.command("cancel")(cancel)
    app.add_typer(group, name="job")


def submit(
    request: job_check.RequestFile,
    agreement: job_check.Agreements = None,
    watch: Watch = False,
    seconds: Seconds = 3600.0,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Submit a job to the sites of the contracts.

    The node fills in the job's id, itself as lead, the contracts with their receipts and the hash
    of the training code, then signs the manifest. `start` may name a model file: a path from the
    request's folder.
    """
    asked = job_check.read(request, agreement)
    with node_of(home) as node:
        job = node.submit(asked)
        if watch:
            job = _watch(node, job.id, seconds, json=json)
    _print(job, json=json)
    if watch:
        _conclude(job)


def status(
    job: Annotated[str, typer.Argument(help="Id of the job; without it, all jobs.")] = "",
    watch: Watch = False,
    seconds: Seconds = 3600.0,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Show a job: rounds, the sites that answered, ε spent per site."""
    with node_of(home) as node:
        if not job:
            _list(node, json=json)
            return
        found = _watch(node, job, seconds, json=json) if watch else node.job(job)
    _print(found, json=json)
    if watch:
        _conclude(found)


def logs(
    job: Id,
    follow: Annotated[
        bool, typer.Option("--follow", help="Stay and print what happens until it has ended.")
    ] = False,
    seconds: Seconds = 3600.0,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Tell what happened to a job at this node: states, rounds, sites, refusals, waits.

    It comes from the audit log; `preau audit log --subject JOB` shows the entries themselves.
    """
    with node_of(home) as node:
        for line in node.follow(job, seconds=seconds if follow else 0.0):
            if json:
                output.json_line(line.model_dump(mode="json"))
            else:
                output.line(f"{output.cell(line.at)}  {line.text}")


def result(
    job: Id,
    out: Annotated[Path, typer.Option(help="File to write; it must not exist.")] = Path(
        "model.npz"
    ),
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Fetch the final model of a completed job, as NumPy .npz, and its signed card beside it."""
    beside = out.with_suffix(".card.json")
    check_new(out, beside)  # all or none
    with node_of(home) as node:
        content, card = node.result(job), _card(node, job)
    write_new(out, content)
    if card:
        write_new(beside, card)
    if json:
        written = {"file": str(out), "bytes": len(content), "card": str(beside) if card else None}
        output.json_value({"job": job, **written})
    else:
        said = f"its card to {beside}" if card else "no card: an earlier release trained it"
        output.line(f"{len(content)} bytes written to {out}, {said}")


def save(
    job: Id,
    out: Annotated[Path, typer.Option(help="Folder to write; its files must not exist.")] = Path(
        "model"
    ),
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Write the model of a completed job with all its evidence into a folder.

    The model as .npz and safetensors, its signed card, the receipts of its sites, a picture and the
    manifest; `preau audit card` verifies card and receipts without any node.
    """
    from connector.sdk import Job  # noqa: PLC0415 - start-up of the command stays fast

    with node_of(home) as node:
        files = Job(node, job).save(out)
    if json:
        output.json_value({"job": job, "files": [str(file) for file in files]})
        return
    for file in files:
        output.line(str(file))


def evaluation(
    job: Id,
    figure: Annotated[str, typer.Option(help="Metric to draw: loss, auc, rmse …")] = "loss",
    out: Annotated[
        Path | None, typer.Option(help="SVG file for the learning curve; it must not exist.")
    ] = None,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Show how well a job's models predict, on persons held out at the sites.

    The figures come from noised histograms, which the job was charged for; looking costs nothing.
    Intervals are of the noise alone. Figures without noise are marked: they are not DP.
    """
    if out is not None:
        check_new(out)
    with node_of(home) as node:
        found = node.evaluation(job)
    if out is not None:
        from connector.services.federation import curve  # noqa: PLC0415 - only where one is drawn

        write_new(out, curve.drawn(found.model_dump(by_alias=True), figure))
    if json:
        output.json_value(found)
        return
    output.table(
        ("after round", "site", "figure", "value", "lower bound", "upper bound"),
        (
            (model.round, site, each.name, each.value, each.low, each.high)
            for model in found.curve
            for site, figures in (
                ("all" if model.dp else "all: not DP", model.pooled.figures),
                *((part.site, part.figures) for part in model.sites),
            )
            for each in figures
        ),
        empty="no model is evaluated yet"
        if found.dp
        else "no model is evaluated: counts were never summed over three sites or more",
    )


def cancel(
    job: Id,
    reason: Annotated[str, typer.Option(help="Why, in one line; sites are told.")] = "",
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Stop a job at once, here and at its sites: workers end within a step.

    A job without a finished round counts nothing. Else it counts in full under the rule `sums`,
    and for the rounds that ran under `renyi`.
    """
    with node_of(home) as node:
        found = node.cancel(job, reason=reason)
    _print(found, json=json)


def _card(node: Client, job: str) -> bytes:
    """Return a model's card; nothing of one that an earlier release trained."""
    try:
        return node.card(job)
    except NotFound:
        return b""


def _list(node: Client, *, json: bool) -> None:
    jobs = node.jobs()
    output.more("jobs", jobs.next, jobs.damaged)
    if json:
        output.json_value(jobs)
        return
    output.table(
        ("job", "side", "state", "round", "lead", "updated", "code"),
        ((j.id, spoken(j.side), j.state, _rounds(j), j.lead, j.updated_at, j.code) for j in jobs),
        empty="no job yet; `preau job submit REQUEST` starts one",
    )
    output.unreadable((j.id, j.fault) for j in jobs)


def _watch(node: Client, job: str, seconds: float, *, json: bool) -> JobView:
    """Show the job live; with --json nothing but the end is printed."""
    from connector.cli import job_view  # noqa: PLC0415 - rich loads only when it is shown

    changes = node.watch(job, seconds=seconds)
    if json:
        ended = [change for change in changes if change.state in _ENDS]
        return ended[-1] if ended else node.job(job)
    return job_view.show(changes) or node.job(job)


def _rounds(job: JobView) -> str:
    return f"{job.round}/{job.rounds}" if job.rounds else str(job.round)


def _print(job: JobView, *, json: bool) -> None:
    if json:
        output.json_value(job)
        return
    output.pairs(
        (
            ("job", job.id),
            ("side", spoken(job.side)),
            ("lead", job.lead),
            ("state", job.state),
            ("round", _rounds(job)),
            ("ε of the whole job", job.epsilon),
            ("code", job.code),
            ("reason", job.reason),
            ("result", job.result),
            ("model of the last round", ", ".join(sorted({r.digest for r in job.receipts}))),
            ("receipts of that round", len(job.receipts)),
            *_evaluated(job),
        )
    )
    output.unreadable([(job.id, job.fault)])
    if job.sites:
        from connector.cli import job_view  # noqa: PLC0415 - rich loads only when it is shown

        output.table(job_view.HEADINGS, job_view.rows(job), empty="no site")


def _evaluated(job: JobView) -> list[tuple[str, str]]:
    """Return what the sites say of the newest model that they evaluated."""
    if job.evaluated is None:
        return []
    after = f"after round {job.evaluated.round}{'' if job.evaluated.dp else ', not DP'}"
    return [
        (
            f"{each.name} {after}",
            f"{output.cell(each.value)}, from {_end(each.low)} to {_end(each.high)}",
        )
        for each in job.evaluated.pooled.figures
    ]


def _end(value: float | None) -> str:
    return "no end" if value is None else output.cell(value)


def _conclude(job: JobView) -> None:
    if job.state == "COMPLETED":
        return
    if job.state in _ENDS:
        reason = job.reason or f"the job ended as {job.state}"
        raise from_code(job.code or "JOB_REFUSED", reason)
    raise typer.Exit(Exit.NOT_YET)
