"""Prohibitions in a comparison: what they take away from a request, and what they leave.

A prohibition holds unless it is certainly not meant (`evaluate.py`). One of the offer is harmless
only where the request's own terms make it False, or where one of the request holds whenever it
does. What either policy calls a collection may hold what a prohibition names (`conditions.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from policies_odrl.algebra.boxes import Box, Choice, Proof
from policies_odrl.algebra.claims import Goal
from policies_odrl.algebra.forms import condition_form, operands_of, rule_form, same_reference
from policies_odrl.comparison.rules import ABOUT, conditions_of, unfolded
from policies_odrl.evaluation.conditions import collections_of
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import Condition, Permission, Policy, Prohibition
from policies_odrl.reading.inventory import Reference
from policies_odrl.vocabulary import INCLUDED_IN, implied_actions, same_action


def box_of(prover: Proof, bans: Sequence[Prohibition], wanted: Permission) -> Box | None:
    """Return what a permission asks for, less what its policy prohibits; None: nothing is left."""
    extra: list[Choice] = []
    whole = Box(conditions_of(wanted))
    for ban in bans:
        if ban.remedies or not _always_meant(prover, ban, wanted):
            continue  # one with remedies says what follows where it is broken
        items = conditions_of(ban)
        if all(prover.within(item, whole) for item in items):
            return None
        extra.append(Choice(tuple((Goal(item, holds=False),) for item in items)))
    return whole.joined(extra) if extra else whole


def _always_meant(prover: Proof, ban: Prohibition, wanted: Permission) -> bool:
    """Return whether a prohibition is about every action that a permission of its policy allows."""
    pairs = ((getattr(ban, part), getattr(wanted, part)) for part in ABOUT)
    return same_action(ban.action.id) in prover.knowledge.wider_actions(wanted.action.id) and all(
        mine is None or (theirs is not None and same_reference(mine, theirs))
        for mine, theirs in pairs
    )


def unsafe(
    prover: Proof, offer: Policy, request: Policy, asked: Sequence[tuple[Permission, Box]]
) -> list[int]:
    """Return the places of the prohibitions of an offer that may bear on what is asked for."""
    mine, theirs = collections_of(offer), collections_of(request)
    own = unfolded(request).prohibitions
    return [
        index
        for index, ban in enumerate(unfolded(offer).prohibitions)
        if not any(_upheld(prover, ban, item, mine - theirs) for item in own)
        and not all(_avoided(prover, ban, mine | theirs, *pair) for pair in asked)
    ]


def _upheld(prover: Proof, ban: Prohibition, own: Prohibition, vague: frozenset[str]) -> bool:
    """Return whether a prohibition of the request holds wherever the offer's does.

    What only the offer calls a collection (`vague`) may hold what the offer's names.
    """
    theirs = conditions_of(ban)
    forms = set(map(condition_form, theirs))

    def falls(item: Condition) -> bool:  # only where one and the same of theirs is False
        box = Box([Goal(item, holds=False)])
        return condition_form(item) in forms or any(prover.refuted(it, box) for it in theirs)

    return (
        _action_wider(ban.action.id, own.action.id, prover.knowledge)
        and set(map(rule_form, own.remedies)) == set(map(rule_form, ban.remedies))
        and all(_about_more(getattr(own, part), getattr(ban, part), vague) for part in ABOUT)
        and all(map(falls, conditions_of(own)))
    )


def _action_wider(ruled: str, own: str, knowledge: Knowledge) -> bool:
    """Return whether a prohibition of one action bears on all that one of another bears on.

    It does not where the other is included in two actions: one asked for by the name of the second
    includes the prohibited action, and has nothing to do with the first.
    """
    wider = knowledge.wider_actions
    mine, broader = same_action(own), wider(ruled)
    return mine in broader and all(mine in wider(item) or item in wider(mine) for item in broader)


def _about_more(mine: Reference | None, theirs: Reference | None, vague: frozenset[str]) -> bool:
    return mine is None or (
        theirs is not None
        and same_reference(mine, theirs)
        and vague <= {mine.id}
        and (mine.collection or not theirs.collection)  # who is in a thing is certain: nobody
    )


def _avoided(
    prover: Proof, ban: Prohibition, vague: frozenset[str], wanted: Permission, box: Box
) -> bool:
    return (
        not related(ban.action.id, wanted.action.id, prover.knowledge)
        or any(apart(getattr(ban, part), getattr(wanted, part), vague) for part in ABOUT)
        or _false_in(prover, conditions_of(ban), box)
    )


def _false_in(prover: Proof, items: Sequence[Condition], box: Box) -> bool:
    if any(prover.refuted(item, box) for item in items):
        return True
    touched = frozenset().union(*(operands_of(item) for item in items))
    return prover.by_cases(touched, box, lambda case: _false_in(prover, items, case))


# -- whether a prohibition can be about what is asked for -----------------------------------------


def related(ruled: str, asked: str, knowledge: Knowledge) -> bool:
    """Return whether a prohibition of one action can bear on a permission of another.

    It can where it touches the action of the permission, or one that the permission covers.
    """
    ban, wanted = same_action(ruled), same_action(asked)
    if touches(ban, wanted, knowledge):
        return True
    wider = knowledge.wider_actions
    covered = (item for item in (*INCLUDED_IN, *knowledge.actions) if wanted in wider(item))
    return any(ban in wider(item) | implied_actions(item) for item in covered)


def touches(ruled: str, asked: str, knowledge: Knowledge) -> bool:
    """Return whether a prohibition of one action can be about a request for another.

    It can where the one asked for is the prohibited one, is included in it, implies it, or covers
    it; and always where one of the two is not known (`conditions.py`).
    """
    wider = knowledge.wider_actions
    return (
        strange(ruled, asked, knowledge)
        or same_action(ruled) in wider(asked) | implied_actions(asked)
        or asked in wider(same_action(ruled))
    )


def strange(ruled: str, asked: str, knowledge: Knowledge) -> bool:
    """Return whether it is not known how an action stands to the one that is prohibited."""
    ban = same_action(ruled)
    return ban != asked and not (knowledge.known_action(ban) and knowledge.known_action(asked))


def apart(left: Reference | None, right: Reference | None, vague: frozenset[str]) -> bool:
    """Return whether two references are single things, and not the same.

    None is anything; `vague` is what their policies call collections.
    """
    if left is None or right is None:
        return False
    plain = not any(item.source or item.id in vague for item in (left, right))
    return plain and left.id != right.id
