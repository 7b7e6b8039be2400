"""Constraints, logical constraints and premises of a rule against a case.

Kleene logic throughout. A premise that cannot be decided is Undetermined. Membership in a
collection comes from evidence, and a refined collection has the members of its `source`.
"""

from __future__ import annotations

from typing import Final

from policies_odrl.evaluation import clocks
from policies_odrl.evaluation.case import Case, Mode, containers
from policies_odrl.evaluation.decision import ConditionResult, Premise
from policies_odrl.evaluation.operands import NO_VALUE, check
from policies_odrl.evaluation.request import names_of
from policies_odrl.logic import Truth, all_of, any_of, one_of
from policies_odrl.model import (
    AssetRef,
    Condition,
    Connective,
    Constraint,
    LogicalConstraint,
    PartyRef,
    Policy,
    PolicyKind,
    Prohibition,
    Rule,
    below,
)
from policies_odrl.vocabulary import closure, same_action

JOIN: Final = {Connective.AND: all_of, Connective.OR: any_of, Connective.XONE: one_of}


def condition(
    item: Condition, path: str, case: Case, previous: clocks.Previous | None = None
) -> ConditionResult:
    """Return how one condition, at a JSON pointer, comes out; `previous` is as in `Previous`."""
    if isinstance(item, Constraint):
        return _atomic(item, path, case, previous)
    if not item.operands:
        return ConditionResult(path, Truth.UNDETERMINED, item, why="it joins no conditions")
    if item.connective is Connective.AND_SEQUENCE:
        return _sequence(item, path, case)
    children = conditions(item.operands, below(item, path), case)
    truth = JOIN[item.connective](child.truth for child in children)
    return ConditionResult(path, truth, item, children=children)


def conditions(items: tuple[Condition, ...], path: str, case: Case) -> tuple[ConditionResult, ...]:
    """Return how conditions come out, in order."""
    return tuple([condition(item, f"{path}/{index}", case) for index, item in enumerate(items)])


def _atomic(
    item: Constraint, path: str, case: Case, previous: clocks.Previous | None
) -> ConditionResult:
    known, claims = case.knowledge, case.request.facts
    timed = clocks.at_usage(item, case)
    given = clocks.values_of(timed, case, previous)
    truth, note = check(timed, given, known)
    if note == NO_VALUE and any(map(claims.get, names_of(item.left, known))):
        note = "only the node states it: what the request says of it is ignored"
    elif truth is Truth.UNDETERMINED and (dated := clocks.anchored(timed, given, case)):
        truth, note = check(timed, dated, known)
    return ConditionResult(path, truth, item, given, note)


def _sequence(item: LogicalConstraint, path: str, case: Case) -> ConditionResult:
    inner = below(item, path)
    children, moments, note = list[ConditionResult](), [], ""
    previous: clocks.Previous | None = None
    for index, part in enumerate(item.operands):
        child = condition(part, f"{inner}/{index}", case, previous)
        moment = clocks.came_true(part, child, case)
        if moment != clocks.ALWAYS:
            previous = clocks.Previous(moment)
        children.append(child)
        moments.append(moment)
    truth = all_of(child.truth for child in children)
    if truth is Truth.TRUE:
        truth = clocks.in_order(moments)
        note = "the order of the parts cannot be told" if truth is Truth.UNDETERMINED else ""
    return ConditionResult(path, truth, item, why=note, children=tuple(children))


def refinements_of(rule: Rule, path: str, case: Case) -> tuple[ConditionResult, ...]:
    """Return how the refinements of a rule's action, target and assignee come out."""
    found: tuple[ConditionResult, ...] = ()
    policy = case.policy
    parts = (rule.action, policy.target_of(rule), policy.assignee_of(rule))
    for name, item in zip(("action", "target", "assignee"), parts, strict=True):
        if item is not None and item.refinements:
            found += conditions(item.refinements, f"{path}/{name}/odrl:refinement", case)
    return found


# -- premises ----------------------------------------------------------------------------------


def premises_of(rule: Rule, path: str, case: Case) -> tuple[ConditionResult, ...]:
    """Return whether a rule is about this action, this party and this target."""
    party, by = case.policy.assignee_of(rule), case.request.assignee
    target, asked = case.policy.target_of(rule), case.request.target or ""
    return (
        action_premise(rule, path, case),
        _premise("assignee", path, addressed(party, by, case), party, by),
        _premise("target", path, member(target, asked, case), target, asked),
    )


def _premise(
    name: str, path: str, truth: Truth, ruled: AssetRef | PartyRef | None, asked: str
) -> ConditionResult:
    note = "" if truth is not Truth.UNDETERMINED else f"cannot tell whether this {name} is meant"
    given = (asked,) if asked else ()
    return ConditionResult(f"{path}/{name}", truth, Premise(name, ruled), given, note)


def action_premise(rule: Rule, path: str, case: Case) -> ConditionResult:
    """Return whether a rule is about the action asked for."""
    truth, note = _action(rule, case)
    premise = Premise("action", rule.action.id)
    return ConditionResult(f"{path}/action", truth, premise, (case.request.action,), note)


def _action(rule: Rule, case: Case) -> tuple[Truth, str]:
    if not rule.action.id:  # the public suite has rules about any action; IM 2.4 asks for one
        any_action = case.mode is Mode.SUITE
        return (Truth.TRUE, "") if any_action else (Truth.UNDETERMINED, "the rule names no action")
    known, ruled, asked = case.knowledge, same_action(rule.action.id), case.request.action
    if same_action(asked) == ruled:
        return Truth.TRUE, ""
    if not known.known_action(asked):
        return Truth.UNDETERMINED, "the action asked for is not known here"
    bans = isinstance(rule, Prohibition)
    reached = ruled in (case.implied if bans else case.wider)
    if reached or not bans:
        return Truth.of(reached), ""
    if not known.known_action(ruled):
        return Truth.UNDETERMINED, "the action that is prohibited is not known here"
    # a request for more than what is prohibited contains it (refused or narrowed)
    overlaps = same_action(asked) in known.wider_actions(ruled)
    broader = "the request covers more than what is prohibited: ask for less"
    return (Truth.UNDETERMINED, broader) if overlaps else (Truth.FALSE, "")


def addressed(party: PartyRef | None, asked: str, case: Case) -> Truth:
    """Return whether a rule that binds a party binds who asks.

    Nobody by name means anybody, but an agreement binds somebody: nobody is not everybody.
    """
    if party is None and case.policy.kind is PolicyKind.AGREEMENT:
        return Truth.UNDETERMINED
    return member(party, asked, case)


def member(item: AssetRef | PartyRef | None, asked: str, case: Case) -> Truth:
    """Return whether somebody or something is what a rule names, or belongs to it.

    None is anyone or anything; nothing asked is not known. Source: IM 2.5.5 and 2.5.6 (`source`
    names the collection that refinements select from).
    """
    if item is None:
        return Truth.TRUE
    if not asked:
        return Truth.UNDETERMINED
    if asked == item.id and not item.source:
        return Truth.TRUE
    members, counting = case.facts.members, _evidence(item, case.mode)
    if members and not set(counting).isdisjoint(containers(members, asked)[1:]):
        return Truth.TRUE
    if isinstance(case.rule, Prohibition) and _inside(item, asked, case):
        return Truth.UNDETERMINED
    single = item.id and not (item.collection or item.source)
    return Truth.FALSE if single or counting[0] in members else Truth.UNDETERMINED


def _evidence(item: AssetRef | PartyRef, mode: Mode) -> tuple[str, ...]:
    """Return the collections whose members count; the first alone can rule somebody out."""
    if not item.source or (mode is Mode.SUITE and item.id):
        return (item.id,)
    return (item.source,) if item.refinements or not item.id else (item.source, item.id)


def _inside(item: AssetRef | PartyRef, asked: str, case: Case) -> bool:
    """Return whether what a prohibition names may be in the collection that is asked for."""
    members = case.facts.members
    if asked not in members:
        return asked in case.vague
    held = closure(asked, members)
    names = [name for name in (item.id, item.source) if name]
    return any(not held.isdisjoint(closure(name, members)) for name in names)


def collections_of(policy: Policy) -> frozenset[str]:
    """Return the names of all that a policy calls a collection, or takes members from."""
    parts: list[AssetRef | PartyRef | None] = [policy.target, policy.assignee]
    for _, rule in policy.rules():
        parts += (rule.target, rule.assignee)
    found = [item for item in parts if item is not None and (item.collection or item.source)]
    return frozenset(name for item in found for name in (item.id, item.source) if name)
