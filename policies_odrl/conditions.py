"""Constraints, logical constraints and premises of a rule against a request.

Rules: Kleene logic throughout; a premise that cannot be decided is Undetermined; `andSequence`
needs to know in which order its operands came true, which a single request does not tell, so that
it is never True from one.
"""

from __future__ import annotations

from policies_odrl import text
from policies_odrl.decision import ConditionResult
from policies_odrl.logic import Truth, all_of, any_of, one_of
from policies_odrl.model import (
    AssetRef,
    Condition,
    Connective,
    Constraint,
    PartyRef,
    Policy,
    PolicyKind,
    Prohibition,
    Rule,
    below,
)
from policies_odrl.operands import check
from policies_odrl.request import Facts, Request
from policies_odrl.vocabulary import implied_actions, known_action, same_action, wider_actions


def condition(item: Condition, path: str, request: Request, facts: Facts) -> ConditionResult:
    """Return how one condition comes out."""
    if isinstance(item, Constraint):
        return _constraint(item, path, request, facts)
    inner = below(item, path)
    children = tuple(
        condition(part, f"{inner}/{index}", request, facts)
        for index, part in enumerate(item.operands)
    )
    truth = _join(item.connective, [child.truth for child in children])
    note = "; ".join(child.note for child in children if child.note)
    if truth is Truth.UNDETERMINED and not note:
        note = "the order of the parts cannot be told"
    return ConditionResult(path, truth, text.condition(item), note=note, children=children)


def conditions_of(
    policy: Policy, rule: Rule, path: str, request: Request, facts: Facts
) -> tuple[ConditionResult, ...]:
    """Return how the constraints of a rule and the refinements in it come out."""
    groups: list[tuple[str, tuple[Condition, ...]]] = [
        (f"{path}/constraint", rule.constraints),
        (f"{path}/action/odrl:refinement", rule.action.refinements),
    ]
    for name, item in (("target", policy.target_of(rule)), ("assignee", policy.assignee_of(rule))):
        if item is not None:
            groups.append((f"{path}/{name}/odrl:refinement", item.refinements))
    return tuple(
        condition(item, f"{where}/{index}", request, facts)
        for where, items in groups
        for index, item in enumerate(items)
    )


def premises_of(
    policy: Policy, rule: Rule, path: str, request: Request, facts: Facts
) -> tuple[ConditionResult, ...]:
    """Return whether a rule is about this action, this party and this target."""
    action = _action(rule, request)
    assignee = _member(policy.assignee_of(rule), request.assignee, facts)
    if policy.assignee_of(rule) is None and policy.kind is PolicyKind.AGREEMENT:
        assignee = Truth.UNDETERMINED  # an agreement binds somebody; nobody is not everybody
    target = _member(policy.target_of(rule), request.target or "", facts)
    return (
        _premise("action", f"{path}/action", action, rule.action.id, request.action),
        _premise(
            "assignee", f"{path}/assignee", assignee, policy.assignee_of(rule), request.assignee
        ),
        _premise("target", f"{path}/target", target, policy.target_of(rule), request.target or ""),
    )


def _constraint(item: Constraint, path: str, request: Request, facts: Facts) -> ConditionResult:
    given = facts.values_of(item.left, request)
    truth, note = check(item, given, facts.knowledge)
    return ConditionResult(
        path, truth, text.constraint(item), given=text.values(given), note=note, operand=item.left
    )


def _join(connective: Connective, truths: list[Truth]) -> Truth:
    if connective is Connective.OR:
        return any_of(truths)
    if connective is Connective.XONE:
        return one_of(truths)
    joined = all_of(truths)
    ordered = connective is Connective.AND_SEQUENCE and len(truths) > 1
    return Truth.UNDETERMINED if ordered and joined is Truth.TRUE else joined


def _action(rule: Rule, request: Request) -> Truth:
    ruled = same_action(rule.action.id)
    if same_action(request.action) == ruled:
        return Truth.TRUE
    if not known_action(request.action):
        return Truth.UNDETERMINED
    if isinstance(rule, Prohibition):
        if ruled in implied_actions(request.action):
            return Truth.TRUE
        # a request for more than what is prohibited contains it (odrl.md: refused or narrowed)
        overlaps = same_action(request.action) in wider_actions(ruled)
        return Truth.UNDETERMINED if overlaps else Truth.FALSE
    return Truth.of(ruled in wider_actions(request.action))


def _member(item: AssetRef | PartyRef | None, asked: str, facts: Facts) -> Truth:
    if item is None:
        return Truth.TRUE
    if not asked:
        return Truth.UNDETERMINED
    if asked == item.id and not item.source:
        return Truth.TRUE
    collection = item.source or item.id
    members = facts.members.get(collection)
    if members is not None:
        return Truth.of(asked in members)
    return Truth.UNDETERMINED if item.collection or item.source else Truth.FALSE


def _premise(
    name: str, path: str, truth: Truth, ruled: str | AssetRef | PartyRef | None, asked: str
) -> ConditionResult:
    wanted = ruled if isinstance(ruled, str) else (ruled.id or ruled.source if ruled else "anyone")
    note = "" if truth is not Truth.UNDETERMINED else f"cannot tell whether this {name} is meant"
    return ConditionResult(
        path,
        truth,
        f"{name} {text.term(wanted)}",
        given=text.term(asked) if asked else "none",
        note=note,
        operand=name,
    )
