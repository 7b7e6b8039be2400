"""Compact policies (IM 2.7.1): what is stated once for the whole policy, for each of its rules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, TypeVar

from policies_odrl.model import (
    Action,
    AssetRef,
    Duty,
    PartyRef,
    Policy,
    Rule,
)

_T = TypeVar("_T")
_Rule = TypeVar("_Rule", bound=Rule)


class Shared:
    """Properties of the whole policy that its rules take over (IM 2.7.1)."""

    __slots__ = ("_own", "actions", "assignee", "assigner", "target")

    def __init__(
        self,
        targets: list[AssetRef],
        assigners: list[PartyRef],
        assignees: list[PartyRef],
        actions: list[Action],
    ) -> None:
        self.actions = actions
        self.target = targets[0] if len(targets) == 1 else None
        self.assigner = assigners[0] if len(assigners) == 1 else None
        self.assignee = assignees[0] if len(assignees) == 1 else None
        self._own = (targets, assigners, assignees)

    def with_targets(self, own: list[AssetRef]) -> list[AssetRef | None]:
        """Return the targets that a rule expands to; None stands for the policy's."""
        return _choices(own, self._own[0])

    def with_assigners(self, own: list[PartyRef]) -> list[PartyRef | None]:
        """Return the assigners that a rule expands to; None stands for the policy's."""
        return _choices(own, self._own[1])

    def with_assignees(self, own: list[PartyRef]) -> list[PartyRef | None]:
        """Return the assignees that a rule expands to; None stands for the policy's."""
        return _choices(own, self._own[2])


def pushed_down(policy: Policy) -> Policy:
    """Return the policy with a shared target or party in its rules where some name their own.

    Otherwise a rule that names its own would read differently when it is written and read again.
    """
    rules = [rule for _, rule in policy.rules()]
    pushed = _Pushed(
        policy.target if any(rule.target for rule in rules) else None,
        policy.assigner if any(rule.assigner for rule in rules) else None,
        policy.assignee if any(rule.assignee for rule in rules) else None,
    )
    return replace(
        policy,
        permissions=tuple(
            replace(pushed.into(rule), duties=pushed.below(rule.duties))
            for rule in policy.permissions
        ),
        prohibitions=tuple(
            replace(pushed.into(rule), remedies=pushed.below(rule.remedies))
            for rule in policy.prohibitions
        ),
        obligations=pushed.below(policy.obligations),
        target=None if pushed.target else policy.target,
        assigner=None if pushed.assigner else policy.assigner,
        assignee=None if pushed.assignee else policy.assignee,
    )


@dataclass(frozen=True, slots=True)
class _Pushed:
    target: AssetRef | None
    assigner: PartyRef | None
    assignee: PartyRef | None

    def into(self, rule: _Rule) -> _Rule:
        return replace(
            rule,
            target=rule.target or self.target,
            assigner=rule.assigner or self.assigner,
            assignee=rule.assignee or self.assignee,
        )

    def below(self, duties: tuple[Duty, ...]) -> tuple[Duty, ...]:
        return tuple(
            replace(self.into(duty), consequences=self.below(duty.consequences)) for duty in duties
        )


def _choices(own: list[_T], shared: list[_T]) -> list[_T | None]:
    if not own and len(shared) <= 1:
        return [None]  # the policy's, if it has one
    return [*own, *shared]


NOTHING_SHARED: Final = Shared([], [], [], [])
