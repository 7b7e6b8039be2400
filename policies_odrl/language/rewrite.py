"""A policy with its constraints and names replaced, one by one, each known by its JSON pointer.

Rule: the structure stays as it is; only what the two functions are given can change.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from policies_odrl.model import (
    Action,
    AssetRef,
    Common,
    Condition,
    Constraint,
    Duty,
    PartyRef,
    Policy,
    Rule,
    below,
)

OnConstraint = Callable[[str, Constraint], Constraint]
OnName = Callable[[str, str], str]

_Rule = TypeVar("_Rule", bound=Rule)
_Ref = TypeVar("_Ref", AssetRef, PartyRef)


def _kept(_: str, name: str) -> str:
    return name


def rewritten(policy: Policy, constraint: OnConstraint, name: OnName = _kept) -> Policy:
    """Return the policy with each constraint, action, party and asset replaced.

    Args:
        policy: what to start from.
        constraint: (JSON pointer, constraint) -> constraint.
        name: (JSON pointer, IRI of an action, a party or an asset) -> IRI.
    """
    writer = _Rewriter(constraint, name)
    return replace(
        policy,
        permissions=tuple(
            replace(writer.rule(rule, path), duties=writer.duties(rule.duties, f"{path}/duty"))
            for index, rule in enumerate(policy.permissions)
            if (path := f"/permission/{index}")
        ),
        prohibitions=tuple(
            replace(
                writer.rule(rule, path),
                remedies=writer.duties(rule.remedies, f"{path}/odrl:remedy"),
            )
            for index, rule in enumerate(policy.prohibitions)
            if (path := f"/prohibition/{index}")
        ),
        obligations=writer.duties(policy.obligations, "/obligation"),
        target=writer.reference(policy.target, "/target"),
        assigner=writer.reference(policy.assigner, "/assigner"),
        assignee=writer.reference(policy.assignee, "/assignee"),
        common=writer.common(besides(policy)),
    )


def besides(policy: Policy) -> Common:
    """Return what a policy states for all rules besides what it holds as a whole.

    What it holds as a whole would otherwise be stated twice, and changed once.
    """
    common = policy.common
    return replace(
        common,
        targets=tuple(item for item in common.targets if item != policy.target),
        assigners=tuple(item for item in common.assigners if item != policy.assigner),
        assignees=tuple(item for item in common.assignees if item != policy.assignee),
    )


class _Rewriter:
    __slots__ = ("_constraint", "_name")

    def __init__(self, constraint: OnConstraint, name: OnName) -> None:
        self._constraint = constraint
        self._name = name

    def common(self, item: Common) -> Common:
        return Common(
            targets=self._several(item.targets, "/target"),
            assigners=self._several(item.assigners, "/assigner"),
            assignees=self._several(item.assignees, "/assignee"),
            actions=tuple(
                self._action(action, f"/action/{index}")
                for index, action in enumerate(item.actions)
            ),
            outputs=self._several(item.outputs, "/odrl:output"),
            functions=tuple(
                (function, self._named(party, f"/{function}/{index}"))
                for index, (function, party) in enumerate(item.functions)
            ),
        )

    def _several(self, items: tuple[_Ref, ...], path: str) -> tuple[_Ref, ...]:
        return tuple(self._named(item, f"{path}/{index}") for index, item in enumerate(items))

    def _action(self, action: Action, path: str) -> Action:
        refinements = self._conditions(action.refinements, f"{path}/odrl:refinement")
        return replace(action, id=self._name(path, action.id), refinements=refinements)

    def rule(self, rule: _Rule, path: str) -> _Rule:
        return replace(
            rule,
            action=self._action(rule.action, f"{path}/action"),
            target=self.reference(rule.target, f"{path}/target"),
            assigner=self.reference(rule.assigner, f"{path}/assigner"),
            assignee=self.reference(rule.assignee, f"{path}/assignee"),
            constraints=self._conditions(rule.constraints, f"{path}/constraint"),
            output=self.reference(rule.output, f"{path}/odrl:output"),
            functions=tuple(
                (function, self._named(party, f"{path}/{function}"))
                for function, party in rule.functions
            ),
        )

    def duties(self, duties: tuple[Duty, ...], path: str) -> tuple[Duty, ...]:
        return tuple(
            replace(
                self.rule(duty, where),
                consequences=self.duties(duty.consequences, f"{where}/odrl:consequence"),
            )
            for index, duty in enumerate(duties)
            if (where := f"{path}/{index}")
        )

    def reference(self, item: _Ref | None, path: str) -> _Ref | None:
        return None if item is None else self._named(item, path)

    def _named(self, item: _Ref, path: str) -> _Ref:
        refinements = self._conditions(item.refinements, f"{path}/odrl:refinement")
        return replace(item, id=self._name(path, item.id), refinements=refinements)

    def _conditions(self, items: tuple[Condition, ...], path: str) -> tuple[Condition, ...]:
        return tuple(self._condition(item, f"{path}/{index}") for index, item in enumerate(items))

    def _condition(self, item: Condition, path: str) -> Condition:
        if isinstance(item, Constraint):
            return self._constraint(path, item)
        return replace(item, operands=self._conditions(item.operands, below(item, path)))
