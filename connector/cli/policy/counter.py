"""`preau policy counter`: the minimal counter-offer of an offer to a request, from files."""

from __future__ import annotations

import json as json_
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer

import policies_odrl
from connector.cli import output
from connector.cli.files import write_new
from connector.cli.options import Json
from connector.cli.policy.files import policy_at
from connector.cli.policy.profile import held, known
from connector.cli.speaking import language, spoken
from connector.errors import PolicyInvalid
from connector.jsonld.policy import policy_document
from policies_odrl import OdrlError, Policy
from policies_odrl.comparison.counter import CounterOffer

_AGREED: Final = "agreed as it stands: what is asked for lies within what is offered"
_RESERVE: Final = (
    "agreed within the reserve: what is asked for lies within the provider's own limits"
)


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("counter")(counter)


def counter(
    offer: Annotated[
        Path,
        typer.Option("--offer", exists=True, dir_okay=False, help="What the provider offers."),
    ],
    request: Annotated[
        Path,
        typer.Option("--request", exists=True, dir_okay=False, help="What the consumer asks for."),
    ],
    reserve: Annotated[
        Path | None,
        typer.Option(
            "--reserve", exists=True, dir_okay=False, help="The provider's private limits."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write the terms to answer with, JSON-LD."),
    ] = None,
    json: Json = False,
) -> None:
    """Say what has to change for a request to lie within an offer: the least that will do.

    Lists the changes in order, each with the rule that asks for it. What can be granted in no form
    is named with a smallest set of statements that exclude each other.
    """
    least = policy_at(reserve) if reserve else None
    found = _answer(policy_at(offer), policy_at(request), least)
    document = policy_document(found.policy, held()) if found.policy else None
    if out is not None and document is not None:
        text = json_.dumps(document, ensure_ascii=False, indent=2) + "\n"
        write_new(out, text.encode())
    if json:
        output.json_value({**as_json(found), "policy": document})
        return
    for line in _lines(found):
        output.sentence(line)


def as_json(found: CounterOffer) -> dict[str, Any]:
    """Return a counter-offer as JSON values, without its policy."""
    return {
        "agreed": found.agreed,
        "reserve": found.reserve,
        "changes": [
            {
                "kind": item.kind.value,
                "path": item.path,
                "operand": item.operand,
                "because": item.because,
                "rule": item.rule,
                "line": item.line,
                "sentence": item.said(language()),
            }
            for item in found.changes
        ],
        "blocked": [
            {"path": item.path, "line": item.line, "sentence": item.said(language())}
            for item in found.blocked
        ],
    }


def _answer(offer: Policy, request: Policy, reserve: Policy | None) -> CounterOffer:
    try:
        return policies_odrl.counter_offer(offer, request, reserve, known())
    except OdrlError as exc:
        raise PolicyInvalid(exc.in_(language())) from exc


def _lines(found: CounterOffer) -> Iterator[str]:
    if found.agreed:
        yield spoken(_RESERVE if found.reserve else _AGREED)
        return
    yield spoken("counter-offer, with these changes:" if found.policy else "nothing can be granted")
    yield from (
        f"  {number}. {item.said(language())}"
        for number, item in enumerate(found.changes if found.policy else (), 1)
    )
    yield from (f"  - {item.said(language())}" for item in found.blocked)
