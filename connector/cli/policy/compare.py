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
from connector.cli.policy.check import Lang
from connector.cli.policy.explain import Language
from connector.cli.policy.files import policy_at
from connector.cli.policy.profile import known
from policies_odrl import Answer, Request
from policies_odrl import text as texts
from policies_odrl.comparison.compare import Comparison, Containment, Relation

Words = tuple[str, str]  # English, French

_RELATIONS: Final[Mapping[Relation, Words]] = MappingProxyType(
    {
        Relation.EQUIVALENT: (
            "equivalent: A and B grant the same",
            "équivalentes : A et B accordent la même chose",
        ),
        Relation.WITHIN: (
            "A within B: whatever A grants, B grants too",
            "A dans B : tout ce que A accorde, B l'accorde aussi",
        ),
        Relation.CONTAINS: (
            "B within A: whatever B grants, A grants too",
            "B dans A : tout ce que B accorde, A l'accorde aussi",
        ),
        Relation.OVERLAPPING: (
            "overlapping: they grant something in common, and neither is within the other",
            "en partie communes : elles accordent des choses en commun, aucune n'est dans l'autre",
        ),
        Relation.DISJOINT: (
            "disjoint: nothing is granted by both",
            "disjointes : rien n'est accordé par les deux",
        ),
        Relation.UNKNOWN: ("unknown", "indéterminé"),
    }
)
_HEADS: Final[Mapping[Answer, Words]] = MappingProxyType(
    {
        Answer.YES: ("{one} within {two}, because:", "{one} dans {two}, car :"),
        Answer.NO: ("{one} not within {two}, because:", "{one} n'est pas dans {two}, car :"),
        Answer.UNKNOWN: (
            "whether {one} is within {two} is unknown:",
            "on ne sait pas si {one} est dans {two} :",
        ),
    }
)
_WITNESS: Final[Words] = (
    "a request that {one} grants and {two} does not",
    "une demande que {one} accorde et {two} non",
)
_SHARED: Final[Words] = ("a request that both grant", "une demande que les deux accordent")
_MISSING: Final[Words] = ("missing fact", "fait manquant")


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
    lang: Language = Lang.EN,
    json: Json = False,
) -> None:
    """Say how two policies relate: equivalent, one within the other, overlapping or disjoint.

    Within is proved attribute by attribute; not within is shown by a request that the one grants
    and the other does not. Where neither can be shown, the fact that is missing is named.
    """
    found = policies_odrl.compare(
        policy_at(first, lang=lang.value), policy_at(second, lang=lang.value), known()
    )
    if json:
        output.json_value(as_json(found, lang.value))
        return
    for line in _lines(found, lang.value):
        output.line(line)


def as_json(found: Comparison, lang: str) -> dict[str, Any]:
    """Return a comparison as JSON values."""
    return {
        "relation": found.relation.value,
        "a_within_b": _containment(found.forward, lang),
        "b_within_a": _containment(found.backward, lang),
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


def _containment(found: Containment, lang: str) -> dict[str, Any]:
    return {
        "answer": found.answer.value,
        "proof": [item.said(lang) for item in found.covered] if found else [],
        "gaps": [item.said(lang) for item in found.gaps],
        "witness": request_json(found.witness),
        "missing": list(found.missing),
    }


def _lines(found: Comparison, lang: str) -> Iterator[str]:
    at = list(Lang).index(Lang(lang))
    yield _RELATIONS[found.relation][at]
    for one, two, side in (("A", "B", found.forward), ("B", "A", found.backward)):
        yield ""
        yield _HEADS[side.answer][at].format(one=one, two=two)
        lines = side.covered if side else side.gaps
        yield from (f"  - {item.said(lang)}" for item in lines)
        if side.witness is not None:
            yield f"  {_WITNESS[at].format(one=one, two=two)}: {shown(side.witness)}"
        yield from (f"  {_MISSING[at]}: {fact}" for fact in side.missing)
    if found.shared is not None:
        yield ""
        yield f"{_SHARED[at]}: {shown(found.shared)}"
    own = [*found.forward.missing, *found.backward.missing]
    yield from (f"{_MISSING[at]}: {fact}" for fact in found.missing if fact not in own)


def shown(request: Request) -> str:
    """Return a request in one line."""
    facts = [f"{texts.term(left)} {texts.values(values)}" for left, values in _facts(request)]
    named = [f"action {texts.term(request.action)}", f"assignee {request.assignee}"]
    return ", ".join([*named, f"target {request.target}", *facts])


def _facts(request: Request) -> list[tuple[str, tuple[Any, ...]]]:
    return sorted(request.facts.items())
