"""Constraints, logical constraints and premises of a rule against a case.

Kleene logic throughout. A premise that cannot be decided is Undetermined. Membership in a
collection comes from evidence, and a refined collection has the members of its `source`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from policies_odrl import model
from policies_odrl.evaluation import clocks
from policies_odrl.evaluation.decision import ConditionResult, Premise
from policies_odrl.evaluation.operands import NO_VALUE, POLICY_USAGE, check
from policies_odrl.evaluation.request import Case, Mode
from policies_odrl.logic import Truth, all_of, any_of, one_of
from policies_odrl.vocabulary import closure, same_action

JOIN: Final = {
    model.Connective.AND: all_of,
    model.Connective.OR: any_of,
    model.Connective.XONE: one_of,
}


def condition(
    item: model.Condition, path: str, case: Case, came: clocks.Moments = ()
) -> ConditionResult:
    """Return how one condition, at a JSON pointer, comes out; `came` is as in `values_of`."""
    if isinstance(item, model.Constraint):
        return _atomic(item, path, case, came)
    if not item.operands:
        return ConditionResult(path, Truth.UNDETERMINED, item, why="it joins no conditions")
    if item.connective is model.Connective.AND_SEQUENCE:
        return _sequence(item, path, case)
    children = conditions(item.operands, model.below(item, path), case)
    truth = JOIN[item.connective](child.truth for child in children)
    return ConditionResult(path, truth, item, children=children)


def conditions(
    items: tuple[model.Condition, ...], path: str, case: Case
) -> tuple[ConditionResult, ...]:
    """Return how conditions come out, in order."""
    return tuple([condition(item, f"{path}/{index}", case) for index, item in enumerate(items)])


def _atomic(item: model.Constraint, path: str, case: Case, came: clocks.Moments) -> ConditionResult:
    found = case.kept.get(id(item))
    if found is None:
        found = _judged(item, case, came)
        if clocks.OF_RULE.isdisjoint(case.facts.knowledge.names(item.left)):
            case.kept[id(item)] = found
    return ConditionResult(path, *found)


def _judged(item: model.Constraint, case: Case, came: clocks.Moments) -> tuple[Any, ...]:
    known, now, claims, timed = case.facts.knowledge, case.facts.now, case.request.facts, item
    if item.left == clocks.EVENT and now is not None and item.right == (model.Iri(POLICY_USAGE),):
        # "the actual datetime the action of the Rule was exercised" (Vocabulary, `policyUsage`)
        timed = replace(item, right=(model.Literal(now.isoformat(), model.XSD + "dateTime"),))
    given = clocks.values_of(timed, case, came)
    truth, note = check(timed, given, known)
    if note == NO_VALUE and any(map(claims.get, known.names(item.left))):
        note = "only the node states it: what the request says of it is ignored"
    elif truth is Truth.UNDETERMINED and (dated := clocks.anchored(timed, given, case)):
        truth, note = check(timed, dated, known)
    return truth, item, given, note


def _sequence(item: model.LogicalConstraint, path: str, case: Case) -> ConditionResult:
    children, note = list[ConditionResult](), ""
    came: list[datetime | None] = []
    for index, part in enumerate(item.operands):
        child = condition(part, f"{model.below(item, path)}/{index}", case, came)
        moment = clocks.came_true(part, child, case)
        came += [] if moment == clocks.ALWAYS else [moment]
        children.append(child)
    truth = all_of(child.truth for child in children)
    if truth is Truth.TRUE:
        truth = clocks.in_order(came)
        note = "the order of the parts cannot be told" if truth is Truth.UNDETERMINED else ""
    return ConditionResult(path, truth, item, why=note, children=tuple(children))


def refinements_of(rule: model.Rule, path: str, case: Case) -> tuple[ConditionResult, ...]:
    """Return how the refinements of a rule's action, target and assignee come out."""
    found: tuple[ConditionResult, ...] = ()
    target, assignee = case.policy.target_of(rule), case.policy.assignee_of(rule)
    for name, item in (("action", rule.action), ("target", target), ("assignee", assignee)):
        if item is not None and item.refinements:
            found += conditions(item.refinements, f"{path}/{name}/odrl:refinement", case)
    return found


def premises_of(rule: model.Rule, path: str, case: Case) -> tuple[ConditionResult, ...]:
    """Return whether a rule is about this action, this party and this target."""
    return (
        action_premise(rule, path, case),
        _named("assignee", case.request.assignee, rule, path, case),
        _named("target", case.request.target or "", rule, path, case),
    )


def _named(name: str, asked: str, rule: model.Rule, path: str, case: Case) -> ConditionResult:
    item = getattr(rule, name) or getattr(case.policy, name)
    truth = member(item, asked, case)
    note = "" if truth is not Truth.UNDETERMINED else f"cannot tell whether this {name} is meant"
    given = (asked,) if asked else ()
    return ConditionResult(f"{path}/{name}", truth, Premise(name, item), given, note)


def action_premise(rule: model.Rule, path: str, case: Case) -> ConditionResult:
    """Return whether a rule is about the action asked for."""
    known, ruled, asked = case.facts.knowledge, same_action(rule.action.id), case.request.action
    bans, truth, note = isinstance(rule, model.Prohibition), Truth.UNDETERMINED, ""
    if not rule.action.id and case.mode is Mode.SUITE:  # its rules may be about any action
        truth = Truth.TRUE
    elif not rule.action.id:
        note = "the rule names no action"  # IM 2.4 asks for one
    elif ruled in case.wider and (bans or case.mode is Mode.SUITE or known.known_action(ruled)):
        truth = Truth.TRUE
    elif not known.known_action(asked):
        note = "the action asked for is not known here"
    elif bans and not known.known_action(ruled):
        note = "the action that is prohibited is not known here"
    elif bans and same_action(asked) in known.wider_actions(ruled):  # refused or narrowed
        note = "the request covers more than what is prohibited: ask for less"
    else:
        truth = Truth.FALSE
    premise = Premise("action", rule.action.id)
    return ConditionResult(f"{path}/action", truth, premise, (asked,), note)


def member(item: model.AssetRef | model.PartyRef | None, asked: str, case: Case) -> Truth:
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
    counting: tuple[str, ...] = (item.id,)  # whose members count; the first can rule somebody out
    if item.source and not (case.mode is Mode.SUITE and item.id):
        both = item.id and not item.refinements
        counting = (item.source, item.id) if both else (item.source,)
    members = case.facts.members
    if members and not set(counting).isdisjoint(containers(members, asked)[1:]):
        return Truth.TRUE
    if isinstance(case.rule, model.Prohibition) and _inside(item, asked, case):
        return Truth.UNDETERMINED
    single = item.id and not (item.collection or item.source)
    return Truth.FALSE if single or counting[0] in members else Truth.UNDETERMINED


def containers(members: Mapping[str, frozenset[str]], asked: str) -> tuple[str, ...]:
    """Return what is asked for, and then all collections that hold it, at any depth."""
    found = [asked]
    for item in found:
        found += [name for name, held in members.items() if item in held and name not in found]
    return tuple(found)


def _inside(item: model.AssetRef | model.PartyRef, asked: str, case: Case) -> bool:
    """Return whether what a prohibition names may be in the collection that is asked for."""
    members = case.facts.members
    if asked not in members:
        return asked in case.vague
    held = closure(asked, members)
    names = [name for name in (item.id, item.source) if name]
    return any(not held.isdisjoint(closure(name, members)) for name in names)


def collections_of(policy: model.Policy) -> frozenset[str]:
    """Return the names of all that a policy calls a collection, or takes members from."""
    parts: list[model.AssetRef | model.PartyRef | None] = [policy.target, policy.assignee]
    for _, rule in policy.rules():
        parts += (rule.target, rule.assignee)
    found = [item for item in parts if item is not None and (item.collection or item.source)]
    return frozenset(name for item in found for name in (item.id, item.source) if name)
