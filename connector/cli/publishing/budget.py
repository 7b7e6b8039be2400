"""`preau budget`: ε promised, spent and left per register and contract."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli import output
from connector.cli.contracts.query import budget
from connector.cli.files import read_object
from connector.cli.node import node_of
from connector.cli.options import DEFAULT_HOME, PAGE, After, Home, Json, Limit
from connector.cli.speaking import spoken
from connector.errors import ConfigurationInvalid, JobRefused, Malformed

if TYPE_CHECKING:
    from connector.management.views.jobs import ReleaseView
    from connector.management.views.publishing.budgets import (
        AgreementBudgetView,
        BudgetView,
        JobBudgetView,
        RuleView,
    )
    from connector.sdk import Client


_SPENT = ("spent ε", "with open ε", "left to jobs ε")
_WAYS = ("by sums", "by Rényi")
_WIDTH = 30  # of a gauge, in characters
_Table = Annotated[
    str,
    typer.Option(
        help="What each table spends, to compute how many fit: `0.5`, or `0.5,1e-6` for Gaussian "
        "noise.",
        metavar="EPSILON[,DELTA]",
    ),
]
_Evaluation = Annotated[
    str,
    typer.Option(
        help="σ of its evaluations, and after how many rounds: `20,5`.", metavar="NOISE[,EVERY]"
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        no_args_is_help=True,
        help="The privacy budget of persons: what is spent, and what is still possible.",
    )
    group.command("show")(show)
    group.command("plan")(plan)
    app.add_typer(group, name="budget")


def show(
    dataset: Annotated[str, typer.Argument(help="Id of a dataset; without it, all.")] = "",
    limit: Limit = PAGE,
    after: After = "",
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Show the privacy budget: the cap per person, what contracts promise, what jobs spent.

    A new contract gets at most `promisable ε`, a new job `left to jobs ε`. `spent ε` counts
    jobs with a finished round, `with open ε` open jobs as well. The last two columns say what
    is left to jobs under either rule; the rule that was signed decides. A gauge is full where
    nothing is left; `together ε` is what the contract's jobs count up to that one. Time gives
    nothing back.
    """
    with node_of(home) as node:
        found = node.budget(dataset, limit=limit)
        lines = node.contract_budgets(dataset, limit=limit, after=after)
    output.more("contracts", lines.next, (*found.damaged, *lines.damaged))
    if found.next:
        output.note("there are more registers: name a dataset")
    if json:
        output.json_value([_whole(each, lines) for each in found])
        return
    _print_registers(found, dataset)
    if lines:
        _print_contracts(lines)


def _whole(register: BudgetView, lines: list[AgreementBudgetView]) -> BudgetView:
    own = [each for each in lines if each.register_id == register.id]
    return register.model_copy(update={"agreements": own})


def _print_registers(found: list[BudgetView], dataset: str) -> None:
    output.table(
        (
            *("register", "cap ε", "δ", "rule", "promised ε", "promisable ε"),
            *(*_SPENT, *_WAYS),
        ),
        (
            (
                *(b.id, b.epsilon, b.delta, spoken(b.rule), b.promised, b.unpromised),
                *(b.spent, b.reserved, b.left),
                *(b.would_leave.get("sums"), b.would_leave.get("renyi")),
            )
            for b in found
        ),
        empty=f"dataset `{dataset}` has no cap" if dataset else "no register has a cap",
    )
    output.unreadable((b.id, b.fault) for b in found)
    for b in found:
        bar = _bar(b.promised, b.epsilon)
        output.line(f"{bar} ε {b.promised:.4g} of {b.epsilon:g} promised: {b.id}")
        output.line(_charged(b.reserved, b.epsilon, b.left, b.id))


def _charged(counted: float, allowed: float, left: float, name: str) -> str:
    return f"{_bar(counted, allowed, left)} ε {counted:.4g} of {allowed:g} charged: {name}"


def _bar(counted: float, allowed: float, left: float | None = None) -> str:
    """Return a bar of what is counted of a budget; rounded up, and full where nothing is left."""
    share = min(counted / allowed, 1.0) if allowed and left != 0 else 1.0
    filled = math.ceil(share * _WIDTH)
    return f"{'█' * filled}{'░' * (_WIDTH - filled)}"


def _print_contracts(lines: list[AgreementBudgetView]) -> None:
    output.table(
        ("agreement", "consumer", "ε", "δ", "rule", *_SPENT, *_WAYS),
        (
            (
                *(a.agreement, a.peer, a.epsilon, a.delta, spoken(a.rule), a.spent, a.reserved),
                *(a.left, a.would_leave.get("sums"), a.would_leave.get("renyi")),
            )
            for a in lines
        ),
        empty="",
    )
    output.unreadable((a.agreement, a.fault) for a in lines)
    for a in lines:
        output.line(_charged(a.reserved, a.epsilon, a.left, a.agreement))
    jobs = [(line.agreement, job) for line in lines for job in line.jobs]
    if jobs:
        output.table(
            (
                *("charged at", "job or table", "agreement", "ε", "δ", "together ε"),
                *("rounds", "a round releases"),
            ),
            (
                (job.at, job.job, name, job.epsilon, job.delta, job.together, *_rounds(job))
                for name, job in sorted(jobs, key=lambda each: each[1].at)
            ),
            empty="",
        )


def _rounds(job: JobBudgetView) -> tuple[str, str]:
    released = ", ".join(map(_release, job.released))
    if job.once:
        released += f"; in the first round also: {', '.join(map(_release, job.once))}"
    return f"{job.committed_rounds} of {job.rounds}", released


def _release(event: ReleaseView) -> str:
    numbers = ", ".join(f"{name} {number:g}" for name, number in event.parameters.items())
    return f"{event.count} × {event.kind} ({numbers})"


def plan(  # noqa: PLR0913, PLR0917 - each is an option
    file: Annotated[
        Path | None,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="JSON or TOML with `epsilon`, `delta` and `jobs`, each a job request or its "
            "`privacy`: say what each rule would make of them.",
        ),
    ] = None,
    agreement: Annotated[
        str, typer.Option(help="Contract that this node provides: plan what is left of it.")
    ] = "",
    epsilon: Annotated[float, typer.Option(help="ε of a planned contract.")] = 0.0,
    delta: Annotated[float, typer.Option(help="δ of the planned contract.")] = 0.0,
    table: _Table = "",
    noise: Annotated[float, typer.Option(help="σ of a job: how many of its rounds fit.")] = 0.0,
    rate: Annotated[float, typer.Option(help="q of that job, its sampling rate.")] = 1.0,
    steps: Annotated[int, typer.Option(help="Steps in each of its rounds.")] = 1,
    job_delta: Annotated[
        float, typer.Option(help="δ that the job states. Default: all that is left.")
    ] = 0.0,
    evaluation: _Evaluation = "",
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Say how many rounds or tables fit a budget, or which jobs of a file do; spends nothing.

    Rounds belong to one job. A planned contract is computed under either rule. One that exists
    is computed under its own, together with what was charged to it and to its register: the
    smallest number counts.
    """
    with node_of(home) as node:
        if sum(map(bool, (file, table, noise))) != 1:
            raise ConfigurationInvalid("pass a file, or either `--table` or `--noise`")
        if file is not None:
            _print_plan(_planned(node, file), json=json)
            return
        job = {"noise_multiplier": noise, "sampling_rate": rate, "steps": steps, "delta": job_delta}
        found = node.capacity(
            agreement,
            epsilon=epsilon,
            delta=delta,
            tables=budget(table) if table else None,
            rounds=None if table else job | _evaluated(evaluation),
        )
    if json:
        output.json_value(found)
        return
    output.table(
        ("budget", "rule", "order", "left ε", "tables that fit" if table else "rounds that fit"),
        ((r.where, spoken(r.rule), r.order or None, r.left, str(r.most)) for r in found),
        empty="",
    )


def _evaluated(stated: str) -> dict[str, float]:
    noise, _, every = stated.partition(",")
    try:
        return {"evaluation_noise": float(noise or 0), "every": int(every or 0)}
    except ValueError:
        raise ConfigurationInvalid(f"--evaluation `{stated}`: write NOISE or NOISE,EVERY") from None


def _planned(node: Client, file: Path) -> list[RuleView]:
    asked = read_object(file)
    if set(asked) != {"epsilon", "delta", "jobs"}:
        raise ConfigurationInvalid(f"`{file}` must state `epsilon`, `delta` and `jobs`")
    try:
        return node.plan(asked["epsilon"], asked["delta"], asked["jobs"])
    except (Malformed, JobRefused) as exc:
        raise type(exc)(f"`{file}`: {exc.reason}", hint=exc.hint) from exc


def _print_plan(found: list[RuleView], *, json: bool) -> None:
    if json:
        output.json_value(found)
        return
    output.table(
        ("rule", "order", "jobs that fit", "spent ε", "left ε"),
        ((spoken(r.rule), r.order or None, r.admitted, r.spent, r.left) for r in found),
        empty="",
    )
