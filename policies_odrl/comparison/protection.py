"""More protection of the data instead of another purpose.

Rules: where the purposes asked for fit no rule at the level of protection asked for, a rule for
that very purpose at a higher level comes before a narrower purpose and before a refusal; the level
is only ever raised, and by as few steps as such a rule allows. Source: `docs/decisions`
(counter-offer); the steps are those of `LEVELS` (raw, minimised, pseudonymised, anonymised,
aggregated, synthetic).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from policies_odrl.algebra.boxes import Box, Proof
from policies_odrl.algebra.forms import flat
from policies_odrl.evaluation.operands import check
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth
from policies_odrl.model import ODRL, Condition, Constraint, Iri, Permission
from policies_odrl.vocabulary import LEVELS, PREAU

PROTECTION: Final = PREAU + "protectionLevel"
_PURPOSE: Final = ODRL + "purpose"
_STEPS: Final = LEVELS[PROTECTION]


def raised(prover: Proof, wanted: Permission, rule: Permission) -> Permission | None:
    """Return what is asked for at the level of a rule for the same purpose, or None.

    None where the rule is for other purposes, or its level is not above all that is asked for.
    """
    if not purpose_kept(prover, wanted, rule):
        return None
    asked, offered = _levels(wanted.constraints), _levels(rule.constraints)
    if not asked or not raised_between(asked, offered, prover.knowledge):
        return None
    if ranks(asked, prover.knowledge)[-1:] >= ranks(offered, prover.knowledge)[:1]:
        return None  # the levels overlap: no need to leave what was asked for
    kept = [item for item in flat(wanted.constraints) if not _is_level(item)]
    return replace(wanted, constraints=(*kept, *offered))


def raised_between(
    asked: Sequence[Condition], offered: Sequence[Condition], knowledge: Knowledge
) -> bool:
    """Return whether the lowest level offered is above the lowest one asked for."""
    low, high = ranks(asked, knowledge), ranks(offered, knowledge)
    return bool(low and high) and high[0] > low[0]


def purpose_kept(prover: Proof, wanted: Permission, rule: Permission) -> bool:
    """Return whether a rule is for every purpose that is asked for."""
    box = Box(wanted.constraints)
    return all(
        prover.within(item, box)
        for item in flat(rule.constraints)
        if isinstance(item, Constraint) and item.left == _PURPOSE
    )


def ranks(items: Sequence[Condition], knowledge: Knowledge) -> list[int]:
    """Return the levels of protection that conditions allow, from the lowest; all without any.

    >>> from policies_odrl.model import Operator
    >>> least = Constraint(PROTECTION, Operator.GTEQ, (Iri(PREAU + "Aggregated"),))
    >>> ranks([least], Knowledge()), ranks([], Knowledge())
    ([4, 5], [0, 1, 2, 3, 4, 5])
    """
    levels = _levels(items)
    return [
        rank
        for rank, step in enumerate(_STEPS)
        if all(check(item, (Iri(step),), knowledge)[0] is Truth.TRUE for item in levels)
    ]


def _levels(items: Sequence[Condition]) -> list[Constraint]:
    return [item for item in flat(items) if isinstance(item, Constraint) and _is_level(item)]


def _is_level(item: Condition) -> bool:
    return isinstance(item, Constraint) and item.left == PROTECTION
