"""`preau duty`: what contracts oblige to, and what this institution states about it.

Leaves to the node who may state what, and what follows from it.
"""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli import output
from connector.cli.files import read_bytes
from connector.cli.node import node_of
from connector.cli.options import DEFAULT_HOME, PAGE, After, Home, Json, Limit
from connector.cli.speaking import Said, language, spoken

if TYPE_CHECKING:
    from datetime import datetime

    from connector.management.views.contracts.duties import DutyDetailView, DutyView

Id = Annotated[str, typer.Argument(help="Id of the duty; `preau duty list` shows it.")]
AgreementId = Annotated[str, typer.Argument(help="Id of the agreement.")]
At = Annotated[
    str, typer.Option(help="When it took place, such as 2026-11-24T15:00:00Z. Default: now.")
]
Evidence = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        help="File that proves it. Its SHA-256 is signed; the file stays where it is.",
    ),
]
Note = Annotated[
    str, typer.Option(help="One line that names no person, such as where the evidence lies.")
]


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Duties of contracts, ours and our partners'.")
    group.command("list")(list_)
    group.command("show")(show)
    group.command("done")(done)
    group.command("waive")(waive)
    group.command("event")(event)
    group.command("breach")(breach)
    app.add_typer(group, name="duty")


def list_(
    closed: Annotated[
        bool, typer.Option("--all", help="Also those with nothing left to do.")
    ] = False,
    agreement: Annotated[str, typer.Option(help="Only of this contract.")] = "",
    limit: Limit = PAGE,
    after: After = "",
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """List what has to be done, by whom and until when."""
    with node_of(home) as node:
        found = node.duties(closed=closed, agreement=agreement, limit=limit, after=after)
    output.more("duties", found.next, found.damaged)
    if json:
        output.json_value(found)
        return
    _print_table(found)


def show(duty: Id, home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Show a duty, and what both parties stated about it."""
    with node_of(home) as node:
        found = node.duty(duty)
    _print(found, json=json)


def done(
    duty: Id,
    at: At = "",
    evidence: Evidence = None,
    note: Note = "",
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """State that a duty of ours was done. It is signed, logged, and the other party is told.

    For a duty to delete, this is a receipt: it names each file that the contract delivered
    here.
    """
    with node_of(home) as node:
        found = node.do_duty(duty, at=_at(at), evidence=_digest(evidence), note=note)
    _print(found, json=json)


def waive(
    duty: Id,
    reason: Annotated[
        str, typer.Option(help="Why, in one line that names no person; the other party is told.")
    ],
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """State that a duty owed to us need not be done, for good."""
    with node_of(home) as node:
        found = node.waive_duty(duty, reason)
    _print(found, json=json)


def event(
    agreement: AgreementId,
    about: Annotated[str, typer.Argument(help="IRI of the event; the contract's duties name it.")],
    at: At = "",
    note: Note = "",
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Date an event from which periods of a contract run, as its provider. It may be planned."""
    with node_of(home) as node:
        found = node.state_event(agreement, "happened", about, at=_at(at), note=note)
    _print_all(found, json=json)


def breach(
    agreement: AgreementId,
    rule: Annotated[
        str, typer.Argument(help="JSON pointer of the prohibition, such as /prohibition/0.")
    ],
    at: At = "",
    evidence: Evidence = None,
    note: Note = "",
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """State that what a contract prohibits was done. It is signed, and the other party is told."""
    digest = _digest(evidence)
    with node_of(home) as node:
        found = node.state_event(
            agreement, "breached", rule, at=_at(at), evidence=digest, note=note
        )
    _print_all(found, json=json)


def _at(text: str) -> datetime | None:
    from connector.domain import instant  # noqa: PLC0415 - start-up stays fast

    return instant.read(text).astimezone(UTC) if text else None


def _digest(file: Path | None) -> str:
    from connector.jsonld.canonical import sha256_hex  # noqa: PLC0415 - as above

    return sha256_hex(read_bytes(file)) if file else ""


def _print_all(found: list[DutyView], *, json: bool) -> None:
    if json:
        output.json_value(found)
        return
    _print_table(found)


def _print_table(found: list[DutyView]) -> None:
    output.table(
        ("duty", "what", "by", "state", "due by", "open"),
        (
            (
                d.id,
                Said(d.words.get(language(), d.action)),
                d.debtor,
                spoken(d.state),
                d.due,
                d.open,
            )
            for d in found
        ),
        empty="nothing has to be done",
    )


def _print(found: DutyDetailView, *, json: bool) -> None:
    if json:
        output.json_value(found)
        return
    output.pairs(
        (
            ("duty", found.id),
            ("what", Said(found.words.get(language(), found.action))),
            ("by", found.debtor),
            ("may be waived by", found.creditor),
            ("towards", found.towards),
            ("state", spoken(found.state)),
            ("due by", found.due),
            ("last done", found.done_at),
            ("still to be done", found.open or None),
            ("not known because", found.note),
            ("waived", found.waived),
            ("reminded of", found.reminded),
            ("missed", found.escalated),
        )
    )
    for deed in found.deeds:
        said = f"{output.cell(deed.at)}  {deed.kind}, stated by {deed.by}"
        output.line(f"{said}: {deed.note}" if deed.note else said)
        if deed.evidence:
            output.line(f"  evidence, SHA-256 {deed.evidence}")
        for each in deed.deletions:
            output.line(f"  deleted, {each['gone']}: {each['digest']}")
        for digest in deed.unnamed:
            output.line(f"  delivered, and not named as deleted: {digest}")
