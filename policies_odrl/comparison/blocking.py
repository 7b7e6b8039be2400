"""Why two permissions have nothing in common: a smallest set of statements that exclude each other.

The set is irreducible: without any one of its parts the others leave something in common. It is
found by leaving parts out one at a time, which is linear in the number of parts. Of several offered
permissions the one with the smallest set is named.
Source: Bonatti, Olmedilla & Peer 2006 (why not).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from policies_odrl.algebra.boxes import Proof
from policies_odrl.algebra.forms import flat
from policies_odrl.comparison.differences import Blocked, Part
from policies_odrl.comparison.meet import NAMED, compatible
from policies_odrl.comparison.rules import asked_for
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.model import ODRL, Action, Permission, Policy

MAX_PAIRS: Final = 256  # pairs of permissions of which it is said why they exclude each other


def blocking(
    offer: Policy, request: Policy, knowledge: Knowledge = NOTHING_MORE
) -> tuple[Blocked, ...]:
    """Return, for each permission asked for that has nothing in common with an offer, why."""
    prover = Proof(knowledge=knowledge)
    offered = [_parts("offer", path, rule) for path, rule in asked_for(offer)]
    found = []
    for path, wanted in asked_for(request):
        pairs = [[*_parts("request", path, wanted), *parts] for parts in offered]
        if not any(possible(prover, parts) for parts in pairs):
            sets = (_irreducible(prover, parts) for parts in pairs[:MAX_PAIRS])
            found.append(Blocked(path, min(sets, key=len, default=())))
    return tuple(found)


def possible(prover: Proof, parts: Sequence[Part]) -> bool:
    """Return whether statements leave something in common, or at least may."""
    actions = [part.item for part in parts if part.name == "action"]
    either = actions[0] if actions else Action(ODRL + "use")
    return compatible(prover, *(_rule(parts, side, either) for side in ("request", "offer")))


def _rule(parts: Sequence[Part], side: str, action: Any) -> Permission:
    """Return the permission that the statements of one side make."""
    own = [part for part in parts if part.side == side]
    stated: dict[str, Any] = {part.name: part.item for part in own if part.name != "condition"}
    items = tuple(part.item for part in own if part.name == "condition")
    return Permission(**{"action": action, **stated, "constraints": items})


def _irreducible(prover: Proof, parts: Sequence[Part]) -> tuple[Part, ...]:
    """Return a smallest part of statements that cannot hold together, in their order."""
    kept = list(parts)
    for part in parts:
        rest = [item for item in kept if item is not part]
        if not possible(prover, rest):
            kept = rest
    return tuple(kept)


def _parts(side: str, path: str, rule: Permission) -> list[Part]:
    named = [("action", Action(rule.action.id)), *((part, getattr(rule, part)) for part in NAMED)]
    named += [("condition", it) for it in flat((*rule.constraints, *rule.action.refinements))]
    return [Part(side, path, name, item) for name, item in named if item is not None]
