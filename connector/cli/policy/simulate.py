"""`preau policy simulate`: a request tried out against a policy in a file.

Leaves reading of requests and facts to `policies_odrl/simulation/situation.py` and deciding to the
library.
"""

from __future__ import annotations

import json as json_
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

import policies_odrl
from connector.cli import output
from connector.cli.files import read_bytes
from connector.cli.options import Json
from connector.cli.policy.files import policy_at
from connector.cli.policy.profile import known
from connector.cli.speaking import Said, language, spoken
from connector.errors import ConfigurationInvalid, PolicyInvalid
from policies_odrl import Facts, Mode, OdrlError, Policy, Request
from policies_odrl.documents.sources import is_json
from policies_odrl.reading.profiles import joined
from policies_odrl.simulation.simulate import Simulation, Teller
from policies_odrl.simulation.situation import request_of
from policies_odrl.values import naive, span
from policies_odrl.vocabulary import expanded

HEADINGS: Final = ("case", "answer", "why not", "would need")
MAX_FILE: Final = 4_000_000  # bytes of a request or of facts


class Reading(Enum):
    """Readings that hold where public texts disagree."""

    W3C = "w3c"
    SUITE = "suite"


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("simulate")(simulate)


def simulate(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="The policy, JSON-LD or Turtle.")
    ],
    request: Annotated[
        Path,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="What is asked: JSON as in the manual, or an ODRL Request in JSON-LD or Turtle.",
        ),
    ],
    facts: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="What is known, JSON as in the manual."),
    ] = None,
    parent: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="A policy whose rules this one takes over; repeatable.",
        ),
    ] = None,
    at: Annotated[
        list[str] | None,
        typer.Option("--at", metavar="TIME", help="When it is asked; several are compared."),
    ] = None,
    role: Annotated[
        list[str] | None,
        typer.Option("--role", metavar="IRI", help="Who asks; several are compared."),
    ] = None,
    mode: Annotated[
        Reading, typer.Option("--mode", help="How unfulfilled duties are interpreted.")
    ] = Reading.W3C,
    json: Json = False,
) -> None:
    """Try a request out: would it be granted, why or why not, and what would have to change?

    Sentences are named by the numbers that `preau policy explain` gives them. Every change that is
    shown was tried and would lead to the request being granted. With several times or roles, one
    line is printed for each.
    """
    parents = [policy_at(path) for path in parent or []]
    policy = whole(policy_at(file), parents)
    asked, held = request_at(request), facts_at(facts)
    variants, reading = cases(at or [], role or []), Mode(mode.value)
    found = {
        name: policies_odrl.simulate(policy, asked, held, at=when, role=who, mode=reading)
        for name, (when, who) in variants.items()
    }
    show(found, json=json)


def show(found: Mapping[str, Simulation], *, json: bool) -> None:
    """Print one case in sentences, several as a table, or all as JSON."""
    if json:
        shown = {name: as_json(item) for name, item in found.items()}
        output.json_value(shown if len(shown) > 1 else next(iter(shown.values())))
    elif len(found) > 1:
        output.table(HEADINGS, [row(name, item) for name, item in found.items()], empty="")
    else:
        for line in policies_odrl.tell(next(iter(found.values())), language()):
            output.sentence(line)


def whole(policy: Policy, parents: list[Policy]) -> Policy:
    """Return a policy with the rules of those that it inherits from, if any are given.

    Raises:
        PolicyInvalid: one is missing, or they inherit in a circle.
    """
    if not parents:
        return policy
    try:
        return policies_odrl.resolve(policy, {item.id: item for item in parents})
    except OdrlError as exc:
        hint = "give each of them with --parent"
        raise PolicyInvalid(exc.in_(language()), hint=hint) from exc


def request_at(path: Path) -> Request:
    """Return the request in a file: JSON of ours, or a policy of class Request.

    Raises:
        ConfigurationInvalid: the file cannot be read.
        PolicyInvalid: it holds something else.
    """
    data = _read(path)
    document = _document(path, data) if is_json(data.decode("utf-8", "replace")) else None
    try:
        if isinstance(document, dict) and "@context" not in document:
            return policies_odrl.request_from(document)
        return request_of(policy_at(path))
    except OdrlError as exc:
        raise PolicyInvalid(f"`{path}`: {exc.in_(language())}") from exc


def facts_at(path: Path | None) -> Facts:
    """Return the facts in a file, or none; the terms of profiles that were added are among them.

    Raises:
        ConfigurationInvalid: the file cannot be read.
        PolicyInvalid: it holds something else.
    """
    if path is None:
        return Facts(knowledge=known())
    try:
        found = policies_odrl.facts_from(_document(path, _read(path)))
    except OdrlError as exc:
        raise PolicyInvalid(f"`{path}`: {exc.in_(language())}") from exc
    return replace(found, knowledge=joined(found.knowledge, known()))


def cases(at: list[str], role: list[str]) -> dict[str, tuple[datetime | None, str | None]]:
    """Return name -> each time with each role.

    Raises:
        ConfigurationInvalid: one of them is no time with a zone, or no IRI.
    """
    times: list[tuple[str, datetime | None]] = [(text, _time(text)) for text in at]
    roles: list[tuple[str, str | None]] = [(text, _role(text)) for text in role]
    return {
        ", ".join(part for part in (when, who) if part) or spoken("request"): (moment, party)
        for when, moment in times or [("", None)]
        for who, party in roles or [("", None)]
    }


def row(name: str, found: Simulation) -> tuple[str, str, str, str]:
    """Return one case of several as a row of a table."""
    teller = Teller(found, language())
    needed = found.changes[0] if found.changes else ()
    why, changes = " ".join(teller.obstacles()), "; ".join(map(teller.change, needed))
    return name, spoken("granted" if found.granted else "refused"), Said(why), Said(changes)


def as_json(found: Simulation) -> dict[str, Any]:
    """Return a simulation as a JSON object."""
    teller = Teller(found, language())
    return {
        "granted": found.granted,
        "tentative": found.tentative,
        "void": found.decision.void,
        "reasons": list(found.decision.reasons),
        "unknown": list(found.unknown),
        "changes": [
            [
                {
                    "change": change.aspect.value,
                    "sentence": teller.number(change.path),
                    "path": change.path,
                    "subject": change.subject,
                    "text": teller.change(change),
                }
                for change in changes
            ]
            for changes in found.changes
        ],
        "text": list(teller.lines()),
    }


def _read(path: Path) -> bytes:
    data = read_bytes(path).removeprefix(b"\xef\xbb\xbf")
    if len(data) > MAX_FILE:
        raise PolicyInvalid(f"`{path}` is larger than {MAX_FILE} bytes")
    return data


def _document(path: Path, data: bytes) -> object:
    try:
        return json_.loads(data, object_pairs_hook=_once)
    except UnicodeDecodeError as exc:
        raise PolicyInvalid(f"`{path}` is not UTF-8 text") from exc
    except json_.JSONDecodeError as exc:
        why = f"{exc.msg[0].lower()}{exc.msg[1:]} in line {exc.lineno}"
        raise PolicyInvalid(f"`{path}` is not JSON: {why}") from exc
    except (ValueError, RecursionError) as exc:
        raise PolicyInvalid(f"`{path}` is not JSON: {exc}") from exc


def _once(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is stated twice")
    return found


def _time(text: str) -> datetime:
    found = span(text)
    if found is None or found.start != found.end or naive(text):
        hint = "write it as 2026-12-01T10:00:00Z"
        raise ConfigurationInvalid(f"`{text}` is not a time with its zone", hint=hint)
    return found.start


def _role(text: str) -> str:
    found = expanded(text)
    if not found:
        raise ConfigurationInvalid(f"`{text}` is not an absolute IRI")
    return found
