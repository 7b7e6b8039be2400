"""`preau policy compare`: how two policies in files relate, with proofs and witnesses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final

import typer

import policies_odrl
from connector.cli import output
from connector.cli.options import Json
from connector.cli.policy.files import policy_at
from connector.cli.policy.profile import known
from connector.cli.speaking import language, spoken
from policies_odrl import Answer, Request
from policies_odrl import text as texts
from policies_odrl.comparison.compare import Comparison, Containment, Relation

_RELATIONS: Final[Mapping[Relation, str]] = MappingProxyType(
    {
        Relation.EQUIVALENT: "equivalent: A and B grant the same",
        Relation.WITHIN: "A within B: whatever A grants, B grants too",
        Relation.CONTAINS: "B within A: whatever B grants, A grants too",
        Relation.OVERLAPPING: "overlapping: they grant something in common, and neither is within "
        "the other",
        Relation.DISJOINT: "disjoint: nothing is granted by both",
        Relation.UNKNOWN: "unknown: none of them can be shown",
    }
)
_HEADS: Final[Mapping[Answer, str]] = MappingProxyType(
    {
        Answer.YES: "{one} within {two}, because:",
        Answer.NO: "{one} not within {two}, because:",
        Answer.UNKNOWN: "whether {one} is within {two} is unknown:",
    }
)


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("compare")(compare)


def compare(
    first: Annotated[
        Path,
        typer.Argument(
            metavar="A", exists=True, dir_okay=False, help="A policy, JSON-LD or Turtle."
        ),
    ],
    second: Annotated[
        Path, typer.Argument(metavar="B", exists=True, dir_okay=False, help="Another policy.")
    ],
    json: Json = False,
) -> None:
    """Say how two policies relate: equivalent, one within the other, overlapping or disjoint.

    Within is proved attribute by attribute; not within is shown by a request that the one grants
    and the other does not. Where neither can be shown, the fact that is missing is named.
    """
    found = policies_odrl.compare(policy_at(first), policy_at(second), known())
    if json:
        output.json_value(as_json(found))
        return
    for line in _lines(found):
        output.sentence(line)


def as_json(found: Comparison) -> dict[str, Any]:
    """Return a comparison as JSON values."""
    return {
        "relation": found.relation.value,
        "a_within_b": _containment(found.forward),
        "b_within_a": _containment(found.backward),
        "shared": request_json(found.shared),
        "missing": list(found.missing),
    }


def request_json(request: Request | None) -> dict[str, Any] | None:
    """Return a request as JSON values, or None."""
    if request is None:
        return None
    return {
        "action": request.action,
        "assignee": request.assignee,
        "target": request.target,
        "facts": {left: [texts.value(it) for it in values] for left, values in _facts(request)},
    }


def _containment(found: Containment) -> dict[str, Any]:
    return {
        "answer": found.answer.value,
        "proof": [item.said(language()) for item in found.covered] if found else [],
        "gaps": [item.said(language()) for item in found.gaps],
        "witness": request_json(found.witness),
        "missing": list(found.missing),
    }


def _lines(found: Comparison) -> Iterator[str]:
    yield spoken(_RELATIONS[found.relation])
    for one, two, side in (("A", "B", found.forward), ("B", "A", found.backward)):
        yield ""
        yield spoken(_HEADS[side.answer].format(one=one, two=two))
        lines = side.covered if side else side.gaps
        yield from (f"  - {item.said(language())}" for item in lines)
        if side.witness is not None:
            yield spoken(f"  a request that {one} grants and {two} does not: {shown(side.witness)}")
        yield from (spoken(f"  missing fact: {fact}") for fact in side.missing)
    if found.shared is not None:
        yield ""
        yield spoken(f"a request that both grant: {shown(found.shared)}")
    own = [*found.forward.missing, *found.backward.missing]
    yield from (spoken(f"missing fact: {fact}") for fact in found.missing if fact not in own)


def shown(request: Request) -> str:
    """Return a request in one line."""
    facts = [f"{texts.term(left)} {texts.values(values)}" for left, values in _facts(request)]
    named = [f"action {texts.term(request.action)}", f"assignee {request.assignee}"]
    return ", ".join([*named, f"target {request.target}", *facts])


def _facts(request: Request) -> list[tuple[str, tuple[Any, ...]]]:
    return sorted(request.facts.items())
