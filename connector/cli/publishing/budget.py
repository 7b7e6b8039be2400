"""`preau budget`: ε promised, spent and left per register and contract."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli import output
from connector.cli.files import read_object
from connector.cli.node import node_of
from connector.cli.options import DEFAULT_HOME, PAGE, After, Home, Json, Limit
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


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("budget")(budget)


def budget(
    dataset: Annotated[str, typer.Argument(help="Id of a dataset; without it, all.")] = "",
    plan: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="JSON or TOML with `epsilon`, `delta` and `jobs`, each the `privacy` of a job "
            "request: say what each rule would make of them, before anything is signed.",
        ),
    ] = None,
    limit: Limit = PAGE,
    after: After = "",
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Show the privacy budget: the cap per person, what contracts promise, what jobs spent.

    A new contract gets at most `promisable ε`, a new job `left to jobs ε`. `spent ε`
    counts jobs with a finished round, `with open ε` open jobs as well. The last two columns say
    what is left to jobs under either rule; the rule that was signed decides.
    """
    with node_of(home) as node:
        if plan is not None:
            _print_plan(_planned(node, plan), json=json)
            return
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
                *(b.id, b.epsilon, b.delta, b.rule, b.promised, b.unpromised),
                *(b.spent, b.reserved, b.left),
                *(b.would_leave.get("sums"), b.would_leave.get("renyi")),
            )
            for b in found
        ),
        empty=f"dataset `{dataset}` has no cap" if dataset else "no register has a cap",
    )
    output.unreadable((b.id, b.fault) for b in found)


def _print_contracts(lines: list[AgreementBudgetView]) -> None:
    output.table(
        ("agreement", "consumer", "ε", "δ", "rule", *_SPENT, *_WAYS),
        (
            (
                *(a.agreement, a.peer, a.epsilon, a.delta, a.rule, a.spent, a.reserved),
                *(a.left, a.would_leave.get("sums"), a.would_leave.get("renyi")),
            )
            for a in lines
        ),
        empty="",
    )
    output.unreadable((a.agreement, a.fault) for a in lines)
    jobs = [(line.agreement, job) for line in lines for job in line.jobs]
    if jobs:
        output.table(
            ("job or table", "agreement", "ε", "δ", "rounds", "a round releases"),
            ((job.job, name, job.epsilon, job.delta, *_rounds(job)) for name, job in jobs),
            empty="",
        )


def _rounds(job: JobBudgetView) -> tuple[str, str]:
    released = ", ".join(map(_release, job.released))
    return f"{job.committed_rounds} of {job.rounds}", released


def _release(event: ReleaseView) -> str:
    numbers = ", ".join(f"{name} {number:g}" for name, number in event.parameters.items())
    return f"{event.count} × {event.kind} ({numbers})"


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
        ((r.rule, r.order or None, r.admitted, r.spent, r.left) for r in found),
        empty="",
    )
