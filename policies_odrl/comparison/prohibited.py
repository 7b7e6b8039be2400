"""Prohibitions in a comparison: what they take away from a request, and what they leave.

Rules: a prohibition holds unless it is certainly not meant (`evaluate.py`), so that one of the
offer is harmless only where the request's own terms make it False, or where a prohibition of the
request holds whenever it does. What the request prohibits itself is taken from what it asks for,
condition by condition, on the attributes of that prohibition alone. What either policy calls a
collection, in whichever rule, may hold what a prohibition names (`conditions.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from policies_odrl.algebra.boxes import Box, Choice, Goal, Proof, operands_of
from policies_odrl.algebra.forms import condition_form, rule_form, same_reference
from policies_odrl.comparison.fit import conditions_of
from policies_odrl.evaluation.conditions import collections_of
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import (
    AssetRef,
    Condition,
    Conflict,
    PartyRef,
    Permission,
    Policy,
    Prohibition,
    Rule,
)
from policies_odrl.vocabulary import INCLUDED_IN, implied_actions, same_action


def box_of(prover: Proof, request: Policy, wanted: Permission) -> Box | None:
    """Return what a permission asks for, less what its policy prohibits; None: nothing is left."""
    extra: list[Choice] = []
    whole = Box(conditions_of(request, wanted))
    for own in request.prohibitions if request.conflict is not Conflict.PERM else ():
        if own.remedies or not _always_meant(prover, request, own, wanted):
            continue  # one with remedies says what follows where it is broken
        items = conditions_of(request, own)
        if all(prover.within(item, whole) for item in items):
            return None
        extra.append(Choice(tuple((Goal(item, holds=False),) for item in items)))
    return whole.joined(extra) if extra else whole


def unsafe(
    prover: Proof,
    offer: Policy,
    request: Policy,
    asked: Sequence[tuple[Permission, Box]],
) -> list[tuple[str, Prohibition]]:
    """Return the prohibitions of an offer that may hit what is asked for, with their pointers."""
    if offer.conflict is Conflict.PERM:
        return []
    mine, theirs = collections_of(offer), collections_of(request)
    return [
        (f"/prohibition/{index}", rule)
        for index, rule in enumerate(offer.prohibitions)
        if not _upheld(prover, offer, rule, request, mine - theirs)
        and not all(_avoided(prover, offer, rule, request, mine | theirs, *pair) for pair in asked)
    ]


def _always_meant(prover: Proof, request: Policy, own: Prohibition, wanted: Permission) -> bool:
    """Return whether a prohibition is about every action that a permission of its policy allows."""
    wider = prover.knowledge.wider_actions(wanted.action.id)
    pairs = (
        (request.target_of(own), request.target_of(wanted)),
        (request.assignee_of(own), request.assignee_of(wanted)),
    )
    return same_action(own.action.id) in wider and all(
        mine is None or (theirs is not None and same_reference(mine, theirs))
        for mine, theirs in pairs
    )


def _upheld(
    prover: Proof, offer: Policy, rule: Prohibition, request: Policy, vague: frozenset[str]
) -> bool:
    """Return whether a prohibition of the request holds wherever the offer's does.

    What only the offer calls a collection (`vague`) may hold what the offer's names.
    """
    if request.conflict is Conflict.PERM:
        return False
    remedies = {rule_form(duty) for duty in rule.remedies}
    return any(
        _action_wider(rule.action.id, own.action.id, prover.knowledge)
        and {rule_form(duty) for duty in own.remedies} == remedies
        and _reference_wider(offer, rule, request, own, vague)
        and _conditions_wider(prover, conditions_of(offer, rule), conditions_of(request, own))
        for own in request.prohibitions
    )


def _action_wider(ruled: str, own: str, knowledge: Knowledge) -> bool:
    """Return whether a prohibition of one action bears on all that one of another bears on.

    It does not where the other is included in two actions: one asked for by the name of the second
    includes the prohibited action, and has nothing to do with the first.
    """
    wider = knowledge.wider_actions
    mine, broader = same_action(own), wider(ruled)
    return mine in broader and all(mine in wider(item) or item in wider(mine) for item in broader)


def _reference_wider(
    offer: Policy, rule: Rule, request: Policy, own: Rule, vague: frozenset[str]
) -> bool:
    pairs = (
        (request.target_of(own), offer.target_of(rule)),
        (request.assignee_of(own), offer.assignee_of(rule)),
    )
    return all(
        mine is None
        or (
            theirs is not None
            and same_reference(mine, theirs)
            and vague <= {mine.id}
            and (mine.collection or not theirs.collection)  # who is in a thing is certain: nobody
        )
        for mine, theirs in pairs
    )


def _conditions_wider(prover: Proof, theirs: Sequence[Condition], own: Sequence[Condition]) -> bool:
    """Return whether each own condition is False only where one and the same of theirs is."""
    forms = {condition_form(item) for item in theirs}
    return all(condition_form(item) in forms or _falls_with(prover, item, theirs) for item in own)


def _falls_with(prover: Proof, own: Condition, theirs: Sequence[Condition]) -> bool:
    box = Box([Goal(own, holds=False)])
    return any(prover.refuted(item, box) for item in theirs)


def _avoided(
    prover: Proof,
    offer: Policy,
    rule: Prohibition,
    request: Policy,
    vague: frozenset[str],
    wanted: Permission,
    box: Box,
) -> bool:
    if not related(rule.action.id, wanted.action.id, prover.knowledge):
        return True
    pairs: tuple[tuple[AssetRef | PartyRef | None, AssetRef | PartyRef | None], ...] = (
        (offer.target_of(rule), request.target_of(wanted)),
        (offer.assignee_of(rule), request.assignee_of(wanted)),
    )
    if any(apart(mine, theirs, vague) for mine, theirs in pairs):
        return True
    return _lifted_by(prover, conditions_of(offer, rule), box)


def _lifted_by(prover: Proof, items: Sequence[Condition], box: Box) -> bool:
    if any(prover.refuted(item, box) for item in items):
        return True
    touched = frozenset().union(*(operands_of(item) for item in items))
    return prover.by_cases(touched, box, lambda case: _lifted_by(prover, items, case))


def related(ruled: str, asked: str, knowledge: Knowledge) -> bool:
    """Return whether a prohibition of one action can bear on a permission of another.

    It can where an action that the permission covers is the prohibited one, is included in it,
    implies it, or covers it; and always where one of the two is not known (`conditions.py`).
    """
    ban, wanted = same_action(ruled), same_action(asked)
    if not (knowledge.known_action(ban) and knowledge.known_action(wanted)):
        return True
    wider = knowledge.wider_actions
    if ban in wider(wanted) or wanted in wider(ban):
        return True
    names = {wanted, *INCLUDED_IN, *knowledge.actions}
    covered = [item for item in names if wanted in wider(item)]
    return any(ban in wider(item) | implied_actions(item) for item in covered)


def apart(
    left: AssetRef | PartyRef | None, right: AssetRef | PartyRef | None, vague: frozenset[str]
) -> bool:
    """Return whether two references are single things, and not the same.

    Args:
        left: what one rule names; None: anything.
        right: what another rule names; None: anything.
        vague: what their policies call collections.
    """
    if left is None or right is None:
        return False
    plain = not any(item.source or item.id in vague for item in (left, right))
    return plain and left.id != right.id
