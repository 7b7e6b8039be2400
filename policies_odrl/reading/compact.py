"""Compact policies (IM 2.7): several actions, assets or parties at once, and what is shared.

Rules: a rule with several values of one kind stands for one rule of each combination; what the
policy states as a whole is stated by each of its rules as well, besides their own; the same value
twice counts once. One target, assigner or assignee of the whole policy stays on the policy while no
rule names its own, because the Dataspace Protocol puts it there. A duty below a rule that names no
target or party takes the shared one that its rule took, as it would take the policy's only one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import Any, Final, TypeVar

from policies_odrl.errors import IllFormed
from policies_odrl.model import (
    ODRL,
    AssetRef,
    Common,
    Constraint,
    Duty,
    Operator,
    PartyRef,
    Permission,
    Policy,
    Prohibition,
    Rule,
    Value,
)

NOTHING_SHARED: Final = Common()

_FIXED: Final = 5  # action, target, assigner, assignee, output; then one column per party function
_T = TypeVar("_T")
_Rule = TypeVar("_Rule", bound=Rule)


def stated_by(rule: Rule) -> Common:
    """Return what a rule that is already expanded states itself."""
    return Common(
        targets=_with(rule.target, ()),
        assigners=_with(rule.assigner, ()),
        assignees=_with(rule.assignee, ()),
        actions=(rule.action,),
        outputs=_with(rule.output, ()),
        functions=rule.functions,
        unread=rule.unread,
    )


def gathered(unread: Sequence[Constraint]) -> tuple[Constraint, ...]:
    """Return what was not understood, one constraint for each name, in order of the names."""
    found: dict[str, dict[Value, None]] = {}
    for item in unread:
        found.setdefault(item.left, {}).update(dict.fromkeys(item.right))
    return tuple(
        Constraint(name, Operator.EQ, tuple(sorted(found[name], key=repr)))
        for name in sorted(found)
    )


class Choices:
    """The combinations that one rule stands for.

    Args:
        own: what the rule states.
        shared: what its policy states for all rules.

    Raises:
        IllFormed: of one property, some values are named and others cannot be told.
    """

    __slots__ = ("_columns", "_functions", "_unread")

    def __init__(self, own: Common, shared: Common) -> None:
        pairs = dict.fromkeys((*own.functions, *shared.functions))
        self._functions = sorted({name for name, _ in pairs})
        self._unread = gathered((*own.unread, *shared.unread))
        _insist_all_or_none(own, shared, self._unread)
        parties = [[item for name, item in pairs if name == each] for each in self._functions]
        self._columns: list[Sequence[Any]] = [
            list(dict.fromkeys((*own.actions, *shared.actions))),
            _or_policys(own.targets, shared.targets),
            _or_policys(own.assigners, shared.assigners),
            _or_policys(own.assignees, shared.assignees),
            list(dict.fromkeys((*own.outputs, *shared.outputs))) or [None],
            *parties,
        ]

    @property
    def count(self) -> int:
        """How many rules they make."""
        return prod(len(column) for column in self._columns)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the parts of each rule by their names in `Rule`."""
        names = ("action", "target", "assigner", "assignee", "output")
        for row in product(*self._columns):
            functions = tuple(zip(self._functions, row[_FIXED:], strict=True))
            parts = dict(zip(names, row[:_FIXED], strict=True))
            yield {**parts, "functions": functions, "unread": self._unread}


def _insist_all_or_none(own: Common, shared: Common, unread: Sequence[Constraint]) -> None:
    """Refuse to name some targets or parties where there are others that nobody can tell.

    Who is named would stand for all, and a prohibition would be ruled out for those who are not.

    Raises:
        IllFormed: a property does both.
    """
    named = {name for it in (own, shared) for name, _ in it.functions}
    for kind in ("target", "assigner", "assignee", "output"):
        if any(getattr(it, kind + "s") for it in (own, shared)):
            named.add(ODRL + kind)
    mixed = next((item.left for item in unread if item.left in named), "")
    if mixed:
        raise IllFormed("`{name}` names some, and others that nobody can tell", name=mixed)


class Settling:
    """Settles the duties below expanded rules on the shared target and parties that these took.

    Args:
        shared: what the policy states for all rules.
    """

    __slots__ = ("_assignees", "_assigners", "_targets")

    def __init__(self, shared: Common) -> None:
        self._targets = _several(shared.targets)
        self._assigners = _several(shared.assigners)
        self._assignees = _several(shared.assignees)

    def settled(self, rule: _Rule) -> _Rule:
        """Return the rule with its duties settled."""
        taken = _Pushed(
            rule.target if rule.target in self._targets else None,
            rule.assigner if rule.assigner in self._assigners else None,
            rule.assignee if rule.assignee in self._assignees else None,
        )
        return _below(rule, taken)


def _several(items: Sequence[_T]) -> frozenset[_T]:
    return frozenset(items) if len(items) > 1 else frozenset()


def shared_by(policy: Policy) -> Common:
    """Return what a policy states for all rules, its own and inherited ones.

    What it holds as a whole counts too: that is how a policy that was never read states it.
    """
    stated = policy.common
    return replace(
        stated,
        targets=_with(policy.target, stated.targets),
        assigners=_with(policy.assigner, stated.assigners),
        assignees=_with(policy.assignee, stated.assignees),
    )


def _with(item: _T | None, others: Sequence[_T]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys((item, *others) if item is not None else others))


def one(items: Sequence[_T]) -> _T | None:
    """Return the only item, or None when there is none or more than one."""
    return items[0] if len(items) == 1 else None


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
    if pushed == _NOTHING:
        return policy
    return replace(
        policy,
        permissions=tuple(_below(pushed.into(rule), pushed) for rule in policy.permissions),
        prohibitions=tuple(_below(pushed.into(rule), pushed) for rule in policy.prohibitions),
        obligations=tuple(_below(pushed.into(rule), pushed) for rule in policy.obligations),
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


_NOTHING: Final = _Pushed(None, None, None)


def _below(rule: _Rule, pushed: _Pushed) -> _Rule:
    """Return the rule with what is pushed in the duties below it."""
    if pushed == _NOTHING:
        return rule

    def into(duties: tuple[Duty, ...]) -> tuple[Duty, ...]:
        return tuple(_below(pushed.into(duty), pushed) for duty in duties)

    match rule:
        case Permission():
            return replace(rule, duties=into(rule.duties))
        case Prohibition():
            return replace(rule, remedies=into(rule.remedies))
        case Duty():
            return replace(rule, consequences=into(rule.consequences))
        case _:
            return rule


def _or_policys(own: Sequence[_T], shared: Sequence[_T]) -> list[_T | None]:
    if not own and len(shared) <= 1:
        return [None]  # the policy's, if it has one
    return list(dict.fromkeys((*own, *shared)))
