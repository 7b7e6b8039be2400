"""A policy with what it inherits (IM 2.9).

The child takes over the rules, profiles and strategies of all its ancestors; what any of them
states for all rules holds for every rule of the result. Kind, identifier, time and metadata are the
child's. The order of the parents plays no part, and the result names none any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from policies_odrl.errors import LimitExceeded, Unresolvable
from policies_odrl.model import Common, Conflict, Constraint, Policy, duties_below, each
from policies_odrl.reading import compact
from policies_odrl.reading.nodes import Count

MAX_ANCESTORS: Final = 64  # policies inherited from, in all
MAX_GENERATIONS: Final = 16  # parents of parents


def resolve(policy: Policy, parents: Mapping[str, Policy]) -> Policy:
    """Return the policy with everything that it inherits from parents, and their parents, by IRI.

    Raises:
        Unresolvable: a parent was not given, is replaced (IM 2.8) or calls itself otherwise, or the
            policy inherits from itself (IM 2.9: MUST NOT be circular).
        LimitExceeded: too many ancestors, generations or rules.
    """
    if not policy.inherits:
        return policy
    uncounted = partial(replace, status=None)  # parents keep what they counted so far (IM 2.9)
    above = _ancestors(policy, parents)
    family = [policy, *(each(parent, Constraint, uncounted) for parent in above)]
    common = compact.together(*map(compact.shared_by, family))
    whole: dict[str, Any] = {**dict.fromkeys(compact.WHOLE), **compact.alone(common)}
    whole["profiles"] = compact.once(item.profiles for item in family)
    stated = strategies(family)
    whole["conflict"] = Conflict.INVALID if len(stated) > 1 else next(iter(stated), None)
    whole |= _rules(family, common)
    return compact.pushed_down(replace(policy, inherits=(), common=common, **whole))


def _rules(family: Sequence[Policy], common: Common) -> dict[str, Any]:
    """Return the rules under what the whole family shares, each once (IM 2.9, last step)."""
    made: dict[str, Any] = {}
    total, limit = 0, Count.RULES.value
    for group in (name + "s" for name in compact.GROUPS):
        found = []
        for rule in (rule for item in family for rule in getattr(item, group)):
            count, rows = compact.expanded(compact.stated_by(rule), common, partial(replace, rule))
            duties = [duty for _, some in duties_below(rule) for duty in some]
            total += count * (1 + sum(1 + len(duty.consequences) for duty in duties))
            if total > limit:  # before they are made
                raise LimitExceeded("more than {limit} rules", limit=limit, node=family[0].id)
            found.append(rows)
        made[group] = compact.once(found)
    return made


def _ancestors(policy: Policy, parents: Mapping[str, Policy]) -> list[Policy]:
    """Return all ancestors once each, in order of their names."""
    found: dict[str, Policy] = {}

    def climb(child: Policy, path: tuple[str, ...]) -> None:
        for name in child.inherits:
            if name in path:
                raise Unresolvable("a policy that inherits from itself", node=name)
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


def _parent(name: str, child: str, parents: Mapping[str, Policy]) -> Policy:
    parent = parents.get(name)
    if parent is None:
        raise Unresolvable("the parent `{name}` was not given", name=name, node=child)
    if parent.replaced_by:
        raise Unresolvable(
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


def strategies(family: Sequence[Policy]) -> frozenset[Conflict]:
    """Return the strategies that policies of one family state; none where nobody states one.

    A policy with rules that states none has the default, `invalid` (IM 2.10), so that a child
    cannot permit what its parent prohibits by stating `perm`.
    """
    if all(item.conflict is None for item in family):
        return frozenset()
    voting = (item for item in family if item.conflict is not None or any(item.rules()))
    return frozenset(item.conflict or Conflict.INVALID for item in voting)
