"""Is the policy well formed, and is it sensible?

Rules: nothing here changes what a policy means; a policy without findings may still be refused by
a node that cannot uphold it. Each finding has the path of the part, a sentence and a fix, and an
edit where the fix is mechanical. What keeps a document from being read at all is `inspection.py`,
what several policies do to one another `lint.py`. Work is bounded, and a finding says where it
ended.
"""

from __future__ import annotations

from collections.abc import Sequence

from policies_odrl import text
from policies_odrl.checking import parties
from policies_odrl.checking.constraints import of_constraint
from policies_odrl.checking.duties import of_duty
from policies_odrl.checking.findings import Change, Finding, Step
from policies_odrl.checking.report import Report
from policies_odrl.checking.satisfiability import MAX_STEPS, Satisfiability
from policies_odrl.checking.shadows import of_rules
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.model import (
    Condition,
    Connective,
    Constraint,
    Duty,
    Operator,
    Permission,
    Policy,
    Rule,
    conditions,
    every_rule,
)
from policies_odrl.reading.flat import short
from policies_odrl.vocabulary import ACTIONS, PREAU, SAME_ACTION

_EPSILON, _DELTA = PREAU + "epsilon", PREAU + "delta"


def validate(
    policy: Policy, lang: str = "en", *, knowledge: Knowledge = NOTHING_MORE
) -> tuple[Finding, ...]:
    """Return what is wrong or questionable in a policy, in order of its parts.

    >>> from policies_odrl import Action, Permission, Policy, PolicyKind
    >>> use = Permission(action=Action("http://www.w3.org/ns/odrl/2/use"))
    >>> for item in validate(Policy(kind=PolicyKind.AGREEMENT, id="urn:a", permissions=(use,))):
    ...     print(item.severity.value, item.code, item.path)
    error missing-target /permission/0
    error missing-assigner /permission/0
    error missing-assignee /permission/0

    Args:
        policy: see `model.py`.
        lang: `en` or `fr`.
        knowledge: terms and hierarchies beyond the built-in ones.
    """
    report = Report(lang, knowledge, policy.profiles)
    satisfiability = Satisfiability(report)
    _whole(policy, report)
    _others(policy, report)
    parties.of_policy(policy, report)
    for path, rule, owner in every_rule(policy):
        _action(f"{path}/action", rule.action.id, report)
        stated = [
            *conditions(rule.constraints, f"{path}/constraint"),
            *conditions(rule.action.refinements, f"{path}/action/odrl:refinement"),
        ]
        for where, item in stated:
            _condition(where, item, report)
        for unread in rule.unread:
            near = short(report.near("property", unread.left))
            report.note(path, "unknown-property", short(unread.left), near)
        satisfiability.of_rule(path, rule, stated)
        items = [item for _, item in stated]
        _alone(path, rule, items, report)
        if isinstance(rule, Duty):
            of_duty(path, rule, owner, items, report)
    of_rules(policy, report)
    if satisfiability.exhausted:
        report.note("", "too-large", str(MAX_STEPS))
    return report.worst()


def _whole(policy: Policy, report: Report) -> None:
    note = report.note
    if not any(True for _ in policy.rules()):
        if not policy.inherits and not policy.replaced_by:
            note("", "no-rule")
    elif not policy.permissions and not policy.prohibitions:
        note("", "only-obligation")
    if not policy.id:
        note("", "no-identifier")
    if policy.permissions and policy.prohibitions and policy.conflict is None:
        note("", "mixed-without-conflict")
    for profile in policy.profiles:
        if profile not in report.known_profiles:
            note("/profile", "unknown-profile", profile)


def _others(policy: Policy, report: Report) -> None:
    """Note what a policy says of other policies."""
    note = report.note
    if policy.id and policy.id in policy.inherits:
        note("/odrl:inheritFrom", "circular-inheritance", policy.id)
    elif policy.inherits:
        note("/odrl:inheritFrom", "unresolved-inheritance")
    if policy.replaced_by:
        note("/dct:isReplacedBy", "replaced", policy.replaced_by)


def _action(path: str, action: str, report: Report) -> None:
    if not report.knowledge.known_action(action):
        report.unknown(path, "action", action)
    if action in SAME_ACTION:
        current = SAME_ACTION[action]
        edit = (Step(Change.REPLACE, path, current),) if ACTIONS[action].same else ()
        report.note(path, "deprecated-term", text.term(action), text.term(current), edit=edit)
    report.undeclared(path, action)


def _condition(path: str, item: Condition, report: Report) -> None:
    if isinstance(item, Constraint):
        report.undeclared(path, item.left)
        operand = report.knowledge.operand(item.left)
        if operand is None:
            report.unknown(path, "operand", item.left)
        else:
            of_constraint(path, item, operand, report)
    elif item.connective is Connective.AND_SEQUENCE:
        report.note(path, "sequence-undecidable")


def _alone(path: str, rule: Rule, stated: Sequence[Condition], report: Report) -> None:
    """Note conditions that say little without a companion."""
    operators: dict[str, set[Operator]] = {}
    for item in stated:
        if isinstance(item, Constraint):
            operators.setdefault(item.left, set()).add(item.operator)
    if _EPSILON in operators and _DELTA not in operators:
        report.note(path, "epsilon-without-delta")
    if isinstance(rule, Permission):
        for left in sorted(operators):
            if operators[left] == {Operator.IS_NONE_OF}:
                report.note(path, "none-of-alone")
