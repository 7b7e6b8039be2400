"""A policy with what it inherits (IM 2.9).

Rules: the child keeps its own rules and takes over those of all its ancestors, their profiles, what
they state for all rules, and their conflict strategies; what any of them states for all rules then
holds for every rule of the result, as the Recommendation's own example has it. Strategies that
differ make the result void when any rules conflict (IM 2.10), which is what `invalid` says. The
`status` of a parent's constraint is not taken over. Kind, identifier, time and metadata are the
child's. What is not resolved is not decided (`evaluate.py`). The result is the same whatever the
order of the parents. It names no parents any more, because nothing is left to inherit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar

from policies_odrl.errors import (
    CircularInheritance,
    LimitExceeded,
    ParentMissing,
    ParentReplaced,
    Unresolvable,
)
from policies_odrl.model import Common, Conflict, Policy, Rule, duties_below, each_constraint
from policies_odrl.reading import compact
from policies_odrl.reading.nodes import Count

MAX_ANCESTORS: Final = 64  # policies inherited from, in all
MAX_GENERATIONS: Final = 16  # parents of parents

_Rule = TypeVar("_Rule", bound=Rule)


def resolve(policy: Policy, parents: Mapping[str, Policy]) -> Policy:
    """Return the policy with everything that it inherits, and nothing left to inherit.

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
    family = [policy, *map(_without_status, _ancestors(policy, parents))]
    common = compact.together(*map(compact.shared_by, family))
    rules = _Expansion(policy.id, common)
    whole = replace(
        policy,
        permissions=rules.of(rule for item in family for rule in item.permissions),
        prohibitions=rules.of(rule for item in family for rule in item.prohibitions),
        obligations=rules.of(rule for item in family for rule in item.obligations),
        profiles=compact.once(item.profiles for item in family),
        conflict=_conflict(family),
        target=compact.one(common.targets),
        assigner=compact.one(common.assigners),
        assignee=compact.one(common.assignees),
        inherits=(),
        common=common,
    )
    return compact.pushed_down(whole)


def _ancestors(policy: Policy, parents: Mapping[str, Policy]) -> list[Policy]:
    """Return all ancestors once each, in order of their names."""
    found: dict[str, Policy] = {}

    def climb(child: Policy, path: tuple[str, ...]) -> None:
        for name in child.inherits:
            if name in path:
                raise CircularInheritance("a policy that inherits from itself", node=name)
            if name in found:
                continue
            if len(path) > MAX_GENERATIONS:
                raise LimitExceeded(
                    "more than {limit} generations", limit=MAX_GENERATIONS, node=policy.id
                )
            found[name] = _parent(name, path[-1], parents)
            if len(found) > MAX_ANCESTORS:
                raise LimitExceeded(
                    "more than {limit} parents", limit=MAX_ANCESTORS, node=policy.id
                )
            climb(found[name], (*path, name))

    climb(policy, (policy.id,))
    return [found[name] for name in sorted(found)]


def _without_status(policy: Policy) -> Policy:
    """Return a parent without what its constraints counted so far (IM 2.9)."""
    return each_constraint(policy, lambda item: replace(item, status=None))


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


def _conflict(family: Sequence[Policy]) -> Conflict | None:
    """Return the strategy of all; None where nobody states one.

    A policy with rules that states none has the default, `invalid` (IM 2.10), so that a child
    cannot permit what its parent prohibits by stating `perm`.
    """
    if all(item.conflict is None for item in family):
        return None
    voting = [item for item in family if item.conflict is not None or any(item.rules())]
    terms = {item.conflict or Conflict.INVALID for item in voting}
    return Conflict.INVALID if len(terms) > 1 else terms.pop()


class _Expansion:
    """Rules made anew under what the whole family shares (IM 2.9, last step); counted."""

    def __init__(self, node: str, common: Common) -> None:
        self._node = node
        self._common = common
        self._rules = 0

    def of(self, rules: Iterable[_Rule]) -> tuple[_Rule, ...]:
        """Return the rules, each once; no more than a policy may have."""
        return compact.once(self._rows(rule) for rule in rules)

    def _rows(self, rule: _Rule) -> Iterator[_Rule]:
        own = compact.stated_by(rule)
        count, found = compact.expanded(own, self._common, partial(replace, rule))
        below = sum(1 + len(duty.consequences) for _, some in duties_below(rule) for duty in some)
        self._rules += count * (1 + below)
        if self._rules > Count.RULES.value:
            limit = Count.RULES.value
            raise LimitExceeded("more than {limit} rules", limit=limit, node=self._node)
        return found
