"""`preau agreement`: the contracts of this node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from connector.cli import output
from connector.cli.node import node_of
from connector.cli.options import DEFAULT_HOME, PAGE, After, Home, Json, Limit
from connector.cli.speaking import spoken

if TYPE_CHECKING:
    from connector.management.views.contracts.agreements import AgreementDetailView

Id = Annotated[str, typer.Argument(help="Id of the agreement.")]
Reason = Annotated[
    str, typer.Option(help="Why, in one line that names no person; the other party is told.")
]


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Contracts of this node.")
    group.command("list")(list_)
    group.command("show")(show)
    group.command("end")(end)
    group.command("suspend")(suspend)
    group.command("resume")(resume)
    group.command("attest")(attest)
    group.command("recount")(recount)
    app.add_typer(group, name="agreement")


def list_(
    limit: Limit = PAGE, after: After = "", home: Home = DEFAULT_HOME, json: Json = False
) -> None:
    """List the contracts, as provider and as consumer."""
    with node_of(home) as node:
        found = node.agreements(limit=limit, after=after)
    output.more("contracts", found.next, found.damaged)
    if json:
        output.json_value(found)
        return
    output.table(
        ("agreement", "role", "provider", "consumer", "dataset", "valid until", "standing"),
        (
            (
                *(a.id, spoken(a.role), a.provider, a.consumer, a.dataset, a.valid_until),
                spoken(a.standing),
            )
            for a in found
        ),
        empty="no contract yet; `preau negotiate PEER DATASET` asks for one",
    )


def show(
    agreement: Id,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Show a contract, how each of its constraints is upheld, and the plan that runs."""
    with node_of(home) as node:
        found = node.agreement(agreement)
    _print(found, json=json)


def end(
    agreement: Id,
    reason: Reason,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """End a contract for good, as provider or as consumer.

    No further round runs under it. What its jobs spent stays spent; the rest of its budget is
    free again.
    """
    _print(_take_back(home, agreement, "end", reason), json=json)


def suspend(
    agreement: Id,
    reason: Reason,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Suspend a contract: running jobs end before their next round, and none begins.

    What it promises of the privacy budget stays set aside. Only this side can resume it.
    """
    _print(_take_back(home, agreement, "suspend", reason), json=json)


def attest(
    agreement: Id,
    operand: Annotated[
        str, typer.Argument(help="`charter`, `ethicsOpinion`, `consentBy` or `age`.")
    ],
    value: Annotated[
        str,
        typer.Argument(
            help="IRI of the paper, as the contract names it; `DataSubject` or `Guardian`; years."
        ),
    ],
    retract: Annotated[
        bool, typer.Option("--retract", help="Withdraw the attestation: it no longer holds.")
    ] = False,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Attest, as provider, that a paper which the contract asks for is there, or who consented.

    What is not attested is not known, and no use is granted by it. Consent and age are of all
    persons of the file that is published now, and end with it. The log keeps both.
    """
    with node_of(home) as node:
        found = node.attest(agreement, operand, value, holds=not retract)
    if json:
        output.json_value(found)
        return
    rows = [(left, value) for left, values in found.items() for value in values]
    output.table(("operand", "attested"), rows, empty="nothing is attested of this contract")


def resume(
    agreement: Id,
    reason: Reason,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Resume a contract that this side has suspended."""
    _print(_take_back(home, agreement, "resume", reason), json=json)


def recount(
    reason: Annotated[str, typer.Option(help="Why, in one line that names no person.")],
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Recount what contracts promise, from what was signed: `preau doctor` named a fault.

    Refused where all counts are right, and where a contract cannot be read.
    """
    with node_of(home) as node:
        found = node.recount_agreements(reason)
    if json:
        output.json_value(found)
        return
    for name in found:
        output.line(f"recounted: {name}")


def _take_back(home: Path, agreement: str, act: str, reason: str) -> AgreementDetailView:
    with node_of(home) as node:
        return node.take_back(agreement, act, reason)


def _print(found: AgreementDetailView, *, json: bool) -> None:
    if json:
        output.json_value(found)
        return
    output.pairs(
        (
            ("agreement", found.id),
            ("standing", spoken(found.standing)),
            ("signed by a lost key", ", ".join(found.lost_keys)),
            ("our role", spoken(found.role)),
            ("provider", found.provider),
            ("consumer", found.consumer),
            ("dataset", found.dataset),
            ("space", found.space),
            ("population", found.population),
            ("concluded", found.concluded_at),
            ("valid until", found.valid_until),
            ("privacy accounting", spoken(found.rule)),
            ("Rényi order", found.order or None),
            ("neighbouring data sets", spoken(found.adjacency)),
            ("training recipes", [_recipe(found, each) for each in found.recipes]),
            ("digest", found.digest),
            ("signed by provider", bool(found.provider_signature)),
            ("signed by consumer", bool(found.consumer_signature)),
            ("proved by messages", [f"{each.kind} ({each.at})" for each in found.said]),
            ("finalized", found.finalized),
        )
    )
    for notice in found.notices:
        output.line(
            f"{output.cell(notice.at)}  {notice.act}, stated by {notice.by}: {notice.reason}"
        )
    output.unreadable([(found.id, found.fault)])
    output.terms(found)
    output.table(
        ("use", "step", "version", "how"), _steps(found.plan), empty="no plan: nothing runs"
    )


def _steps(plan: dict[str, Any]) -> Iterator[tuple[str, str, int, str]]:
    for use in plan.get("uses", ()):
        for step in use["steps"]:
            how = {name: each for name, each in step.items() if name not in ("kind", "version")}
            said = ", ".join(f"{name} {output.cell(each)}" for name, each in how.items())
            if "runs" in how:
                said = spoken(f"runs {how['runs']}")
            yield use["mechanism"], step["kind"], step["version"], said


def _recipe(found: AgreementDetailView, recipe: str) -> str:
    """Return a recipe with the engine that it is here, or that it is of another release."""
    engine = found.engines.get(recipe) or spoken("of another release than is here")
    return f"{recipe} ({engine})"
