"""A policy with what it inherits (IM 2.9).

Rules: the child keeps its own rules and takes over those of all its ancestors, their profiles, what
they state for all rules, and their conflict strategies; what any of them states for all rules then
holds for every rule of the result, as the Recommendation's own example has it. Strategies that
differ make the result void when any rules conflict (IM 2.10), which is what `invalid` says; who
has rules and states no strategy has the default, `invalid`, beside one that states another. The
`status` of a parent's constraint is not taken over. Kind, identifier, time and metadata are the
child's. A parent that is missing, replaced, called something else, or that leads back to the child
is an error, and so is more than the limits allow: what is not resolved is not decided
(`evaluate.py`). The result is the same whatever the order of the parents.

It names no parents any more, because nothing is left to inherit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final, TypeVar

from policies_odrl.errors import (
    CircularInheritance,
    LimitExceeded,
    ParentMissing,
    ParentReplaced,
    Unresolvable,
)
from policies_odrl.model import (
    Common,
    Conflict,
    Policy,
    Rule,
    duties_below,
    each_constraint,
)
from policies_odrl.reading.compact import (
    Choices,
    Settling,
    one,
    pushed_down,
    shared_by,
    stated_by,
)
from policies_odrl.reading.walk import Count

MAX_ANCESTORS: Final = 64  # policies inherited from, in all
MAX_GENERATIONS: Final = 16  # parents of parents

_Rule = TypeVar("_Rule", bound=Rule)
_T = TypeVar("_T")


def resolve(policy: Policy, parents: Mapping[str, Policy]) -> Policy:
    """Return the policy with everything that it inherits, and nothing left to inherit.

    >>> from policies_odrl.model import ODRL, Action, Permission, PolicyKind, Prohibition
    >>> ban = Prohibition(action=Action(ODRL + "sell"))
    >>> parent = Policy(kind=PolicyKind.SET, id="urn:parent", prohibitions=(ban,))
    >>> child = Policy(
    ...     kind=PolicyKind.SET,
    ...     id="urn:child",
    ...     permissions=(Permission(action=Action(ODRL + "read")),),
    ...     inherits=("urn:parent",),
    ... )
    >>> len(resolve(child, {"urn:parent": parent}).prohibitions)
    1

    Args:
        policy: the child.
        parents: policies by identifier; those of parents of parents as well.

    Raises:
        ParentMissing: one that is inherited from was not given.
        ParentReplaced: one is void because another replaces it.
        CircularInheritance: the policy inherits from itself.
        Unresolvable: one that was given calls itself something else.
        LimitExceeded: too many ancestors, generations or rules.
    """
    if not policy.inherits:
        return policy
    family = (policy, *(_without_status(item) for item in _ancestors(policy, parents)))
    common = _common(family)
    rules = _Expansion(policy, common)
    whole = replace(
        policy,
        permissions=rules.of(rule for item in family for rule in item.permissions),
        prohibitions=rules.of(rule for item in family for rule in item.prohibitions),
        obligations=rules.of(rule for item in family for rule in item.obligations),
        profiles=_once(item.profiles for item in family),
        conflict=_conflict(family),
        target=one(common.targets),
        assigner=one(common.assigners),
        assignee=one(common.assignees),
        inherits=(),
        common=common,
    )
    return pushed_down(whole)


# -- the family -----------------------------------------------------------------------------


def _ancestors(policy: Policy, parents: Mapping[str, Policy]) -> list[Policy]:
    """Return all ancestors once each, in order of their names."""
    found: dict[str, Policy] = {}
    done: set[str] = set()
    path = [policy.id]
    stack = [iter(policy.inherits)]
    while stack:
        name = next(stack[-1], None)
        if name is None:
            stack.pop()
            done.add(path.pop())
            continue
        if name in path:
            raise CircularInheritance("a policy that inherits from itself", node=name)
        if name in done:
            continue
        if len(path) > MAX_GENERATIONS:
            raise LimitExceeded(
                "more than {limit} generations", limit=MAX_GENERATIONS, node=policy.id
            )
        found[name] = _parent(name, path[-1], parents)
        if len(found) > MAX_ANCESTORS:
            raise LimitExceeded("more than {limit} parents", limit=MAX_ANCESTORS, node=policy.id)
        path.append(name)
        stack.append(iter(found[name].inherits))
    return [found[name] for name in sorted(found)]


def _parent(name: str, child: str, parents: Mapping[str, Policy]) -> Policy:
    parent = parents.get(name)
    if parent is None:
        raise ParentMissing("the parent `{name}` was not given", name=name, node=child)
    if parent.replaced_by:
        raise ParentReplaced(
            "the parent `{name}` is replaced by `{replacement}`",
            name=name,
            node=child,
            replacement=parent.replaced_by,
        )
    if parent.id != name:
        raise Unresolvable(
            "the parent `{name}` calls itself `{itself}`", name=name, itself=parent.id, node=child
        )
    return parent


def _conflict(family: Iterable[Policy]) -> Conflict | None:
    """Return the strategy of all; None where nobody states one.

    A policy with rules that states none has the default, `invalid` (IM 2.10), so that a child
    cannot permit what its parent prohibits by stating `perm`.
    """
    members = list(family)
    if all(item.conflict is None for item in members):
        return None
    terms = {
        item.conflict or Conflict.INVALID
        for item in members
        if item.conflict is not None or _has_rules(item)
    }
    return Conflict.INVALID if len(terms) > 1 else terms.pop()


def _has_rules(policy: Policy) -> bool:
    return bool(policy.permissions or policy.prohibitions or policy.obligations)


def _common(family: Iterable[Policy]) -> Common:
    """Return what any of them states for all rules."""
    whole = [shared_by(item) for item in family]
    return Common(
        targets=_once(item.targets for item in whole),
        assigners=_once(item.assigners for item in whole),
        assignees=_once(item.assignees for item in whole),
        actions=_once(item.actions for item in whole),
        outputs=_once(item.outputs for item in whole),
        functions=_once(item.functions for item in whole),
        unread=_once(item.unread for item in whole),
    )


def _once(groups: Iterable[Iterable[_T]]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(item for group in groups for item in group))


# -- rules ----------------------------------------------------------------------------------


class _Expansion:
    """Rules made anew under what the whole family shares (IM 2.9, last step); counted."""

    def __init__(self, policy: Policy, common: Common) -> None:
        self._policy = policy
        self._common = common
        self._settling = Settling(common)
        self._rules = 0

    def of(self, rules: Iterable[_Rule]) -> tuple[_Rule, ...]:
        """Return the rules, each once.

        Raises:
            LimitExceeded: more than a policy may have.
        """
        return _once(self._rows(rule) for rule in rules)

    def _rows(self, rule: _Rule) -> Iterator[_Rule]:
        choices = Choices(stated_by(rule), self._common)
        below = sum(1 + len(duty.consequences) for _, some in duties_below(rule) for duty in some)
        self._rules += choices.count * (1 + below)
        if self._rules > Count.RULES.value:
            raise LimitExceeded(
                "more than {limit} rules", limit=Count.RULES.value, node=self._policy.id
            )
        for row in choices.rows():
            copy = replace(rule, **row)
            if choices.count > 1:
                copy = replace(copy, id="", origin=rule.id or rule.origin)
            yield self._settling.settled(copy)


def _without_status(policy: Policy) -> Policy:
    """Return a parent without what its constraints counted so far (IM 2.9)."""
    return each_constraint(policy, lambda item: replace(item, status=None))
