"""Compact policies (IM 2.7): several actions, assets or parties at once, and what is shared.

A rule with several values of one kind stands for one rule of each combination. One target, assigner
or assignee of the whole policy stays on the policy while no rule names its own, because the
Dataspace Protocol puts it there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from itertools import chain, product
from math import prod
from typing import Any, Final, TypeVar

from policies_odrl import model
from policies_odrl.errors import IllFormed

GROUPS: Final[Mapping[str, type[model.Rule]]] = {
    "permission": model.Permission,
    "prohibition": model.Prohibition,
    "obligation": model.Duty,
}
# What a policy states for all its rules -> class.
WHOLE: Final = {"target": model.AssetRef, "assigner": model.PartyRef, "assignee": model.PartyRef}
_ALL: Final = tuple(item.name for item in fields(model.Common))
_T = TypeVar("_T")
_Rule = TypeVar("_Rule", bound=model.Rule)


def stated_by(rule: model.Rule) -> model.Common:
    """Return what a rule that is already expanded states itself."""
    return model.Common(
        **_named(rule),
        actions=(rule.action,),
        outputs=(rule.output,) if rule.output else (),
        functions=rule.functions,
        unread=rule.unread,
    )


def shared_by(policy: model.Policy) -> model.Common:
    """Return what a policy states for all rules, own and inherited ones, or holds as a whole."""
    return together(model.Common(**_named(policy)), policy.common)


def together(*several: model.Common) -> model.Common:
    """Return what any of them states, each thing once."""
    return model.Common(**{name: once(getattr(it, name) for it in several) for name in _ALL})


def _named(part: model.Rule | model.Policy) -> dict[str, Any]:
    found = {name: getattr(part, name) for name in WHOLE}
    return {name + "s": (item,) for name, item in found.items() if item is not None}


def once(groups: Iterable[Iterable[_T]]) -> tuple[_T, ...]:
    """Return what is in any of some groups, each thing once."""
    return tuple(dict.fromkeys(chain.from_iterable(groups)))


def alone(common: model.Common) -> dict[str, Any]:
    """Return the target and the parties of which only one is shared, which a policy states."""
    found = {name: getattr(common, name + "s") for name in WHOLE}
    return {name: items[0] for name, items in found.items() if len(items) == 1}


def gathered(unread: Sequence[model.Constraint]) -> tuple[model.Constraint, ...]:
    """Return what was not understood, one constraint for each name, in order of the names."""
    found: dict[str, dict[model.Value, None]] = {}
    for item in unread:
        found.setdefault(item.left, {}).update(dict.fromkeys(item.right))
    return tuple(
        model.Constraint(name, model.Operator.EQ, tuple(sorted(found[name], key=repr)))
        for name in sorted(found)
    )


def expanded(
    own: model.Common, shared: model.Common, make: Callable[..., _Rule]
) -> tuple[int, Iterator[_Rule]]:
    """Return how many rules one rule stands for, by what it and its policy state, and these.

    Raises:
        IllFormed: of one property, some values are named and others cannot be told.
    """
    both = together(own, shared)
    unread = gathered(both.unread)
    _insist_all_or_none(both, unread)
    columns: dict[str, Sequence[Any]] = {"action": both.actions, "output": both.outputs or (None,)}
    for name in WHOLE:
        alone = not getattr(own, name + "s") and len(getattr(shared, name + "s")) <= 1
        columns[name] = (None,) if alone else getattr(both, name + "s")  # or the policy's
    names = sorted({name for name, _ in both.functions})
    parties = [[item for item in both.functions if item[0] == name] for name in names]
    count = prod(map(len, (*columns.values(), *parties)))
    several = [name for name in WHOLE if len(getattr(shared, name + "s")) > 1]

    def rules() -> Iterator[_Rule]:
        for row in product(*columns.values(), *parties):
            taken = dict(zip(columns, row, strict=False))
            rule = make(**taken, functions=row[len(columns) :], unread=unread)
            if count > 1:
                rule = replace(rule, id="", origin=rule.id or rule.origin)
            also = [name for name in several if taken[name] in getattr(shared, name + "s")]
            yield given(rule, {name: taken[name] for name in also})

    return count, rules()


def _insist_all_or_none(both: model.Common, unread: Sequence[model.Constraint]) -> None:
    """Refuse to name some targets or parties where there are others that nobody can tell.

    Who is named would stand for all, and a prohibition would be ruled out for those who are not.
    """
    named = {name for name, _ in both.functions}
    named |= {model.ODRL + name for name in (*WHOLE, "output") if getattr(both, name + "s")}
    mixed = next((item.left for item in unread if item.left in named), "")
    if mixed:
        raise IllFormed("`{name}` names some, and others that nobody can tell", name=mixed)


def given(rule: _Rule, parts: Mapping[str, Any]) -> _Rule:
    """Return a rule with some parts where it, or a duty below it, names none."""
    if not parts:
        return rule
    _, below = model.BELOW[type(rule)]
    made: dict[str, Any] = {name: getattr(rule, name) or item for name, item in parts.items()}
    made[below] = tuple(given(duty, parts) for duty in getattr(rule, below))
    return replace(rule, **made)


def pushed_down(policy: model.Policy) -> model.Policy:
    """Return the policy with a shared target or party in its rules where some name their own.

    Otherwise a rule that names its own would read differently when it is written and read again.
    """
    rules = [rule for _, rule in policy.rules()]
    named = [name for name in WHOLE if any(getattr(rule, name) for rule in rules)]
    parts = {name: getattr(policy, name) for name in named if getattr(policy, name)}
    if not parts:
        return policy
    made: dict[str, Any] = dict.fromkeys(parts)
    for group in GROUPS:
        made[group + "s"] = tuple(given(rule, parts) for rule in getattr(policy, group + "s"))
    return replace(policy, **made)
