"""`preau approve`: what waits for persons of this node, and what they decide.

Leaves judging to the node; who acts in which role is the institution's own affair.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli import output
from connector.cli.node import node_of
from connector.cli.options import DEFAULT_HOME, PAGE, After, Home, Json, Limit
from connector.cli.speaking import language, spoken

if TYPE_CHECKING:
    from connector.management.views.contracts.approvals import (
        ApprovalAskedView,
        ApprovalBudgetView,
        ApprovalDetailView,
        ApprovalView,
    )

Id = Annotated[str, typer.Argument(help="Our id of the approval; `preau approve list` shows it.")]
Role = Annotated[
    str, typer.Option(help="Role in which you decide; optional where only one decides.")
]


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(
        no_args_is_help=True, help="Contracts, uses and outputs that wait for a decision of ours."
    )
    group.command("list")(list_)
    group.command("show")(show)
    group.command("accept")(accept)
    group.command("refuse")(refuse)
    app.add_typer(group, name="approve")


def list_(
    closed: Annotated[
        bool, typer.Option("--all", help="Also approvals that were decided already.")
    ] = False,
    limit: Limit = PAGE,
    after: After = "",
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """List what waits for a decision."""
    with node_of(home) as node:
        found = node.approvals(closed=closed, limit=limit, after=after)
    output.more("approvals", found.next, found.damaged)
    if json:
        output.json_value(found)
        return
    output.table(
        ("approval", "of a", "peer", "dataset", "state", "still to accept", "lapses"),
        (
            (
                a.id,
                spoken(a.subject),
                a.peer,
                a.dataset,
                spoken(a.state),
                a.missing,
                a.lapses_at,
            )
            for a in found
        ),
        empty="nothing waits for a decision",
    )


def show(
    approval: Id,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to write an output to, for review; this is logged."),
    ] = None,
    role: Annotated[str, typer.Option(help="Role in which you review an output.")] = "",
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Show what waits: terms, how each constraint is upheld, the budget, and what is new.

    Of a training job also its manifest in words (whole with `--json`) and the recipe that would
    run, of a table its measures, dimensions, filters and noise; of both what they cost a person,
    and what is left before and after.
    New is what differs from the last contract with the same consumer on the same dataset. Of an
    output, `--out` writes the very file that would leave; remove it once you have looked.
    """
    with node_of(home) as node:
        found = node.approval(approval)
        file = None if out is None else node.output(approval, out, role=role)
    if json:
        output.json_value(found)
        return
    asked = found.job or found.use
    own_words = language() == "en" or asked is None  # else its sentences say what it does
    _print(found, figures=found.figures if own_words else "")
    if found.output is not None:
        written = (("would be released, SHA-256", found.output.digest), ("written to", file))
        output.pairs(written)
    output.unreadable([(found.id, found.fault)])
    if found.job is not None:
        own = (
            ("recipe, SHA-256", found.job.recipe),
            ("job", found.job.manifest.get("job", "")),
            ("person", found.job.person),
        )
        _print_asked(found.job, "manifest, SHA-256", own)
    elif found.use is not None:
        _print_asked(found.use, "request, SHA-256", (), charged=found.use.noise)
    elif found.budget is not None:
        _print_budget(found.budget)
    _print_changes(found)
    output.terms(found)


def accept(
    approval: Id,
    role: Role = "",
    reason: Annotated[
        str, typer.Option(help="Why, in one line that names no person; it is logged.")
    ] = "",
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Accept in a role.

    Once all roles have, the node judges everything again, then signs, runs or releases it.
    """
    with node_of(home) as node:
        found = node.approve(approval, role=role, reason=reason)
    _print_decided(found, json=json)


def refuse(
    approval: Id,
    reason: Annotated[
        str, typer.Option(help="Why, in one line that names no person; the consumer is told.")
    ],
    role: Role = "",
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Refuse in a role: nothing is signed, run or released; the consumer is told why."""
    with node_of(home) as node:
        found = node.refuse(approval, reason, role=role)
    _print_decided(found, json=json)


def _print_decided(found: ApprovalView, *, json: bool) -> None:
    if json:
        output.json_value(found)
    else:
        _print(found, figures=found.figures)


def _print(found: ApprovalView, *, figures: str) -> None:
    pending = found.state == "pending"
    output.pairs(
        (
            ("approval", found.id),
            ("state", spoken(found.state)),
            ("peer", found.peer),
            ("dataset", found.dataset),
            ("of a", spoken(found.subject)),
            ("offer", found.offer),
            ("contract", found.agreement),
            ("use", figures),
            ("asked", found.asked_at),
            ("lapses", found.lapses_at if pending else None),
            ("closed", found.closed_at),
            ("still to accept", found.missing),
            ("code", found.code),
            ("reason", found.reason),
        ),
    )
    for each in found.acceptances:
        reason = f": {each.reason}" if each.reason else ""
        output.line(f"accepted by {each.role}{reason}")


def _print_asked(
    asked: ApprovalAskedView,
    digest: str,
    own: Sequence[tuple[str, str]],
    *,
    charged: bool = True,
) -> None:
    output.sentences(asked.sentences)
    costs = (("costs ε", asked.epsilon), ("at δ", asked.delta)) if charged else ()
    output.pairs(
        (
            (digest, asked.digest),
            *own,
            *costs,
            ("rows per person", asked.rows),
            ("would be refused", asked.refusal),
        ),
    )
    if not charged:
        output.line("nothing gets noise: no ε is charged, the budget stays as it is")
        return
    output.table(
        ("budget", "rule", "allows ε", "left before", "left after"),
        (
            (
                f"register {each.register_id}" if each.register_id else spoken("contract"),
                each.rule,
                each.limit,
                each.left,
                each.after,
            )
            for each in asked.budgets
        ),
        empty="what is left is not known now",
    )


def _print_budget(budget: ApprovalBudgetView) -> None:
    output.pairs(
        (
            ("asks for ε", budget.epsilon),
            ("at δ", budget.delta),
            ("register", budget.register_id),
            ("cap ε", budget.cap_epsilon),
            ("cap δ", budget.cap_delta),
            ("promised ε", budget.promised_epsilon),
            ("promised δ", budget.promised_delta),
        ),
    )


def _print_changes(found: ApprovalDetailView) -> None:
    if not found.previous:
        output.line("no earlier contract with this consumer on this dataset")
        return
    output.line(f"beside contract {found.previous}:")
    if not found.changes and not found.fault:
        output.line("nothing differs")
    for number, change in enumerate(found.changes, 1):
        said = change.sentences.get(language()) or change.line
        output.sentence(f"{spoken('change')} {number}  {said}")
