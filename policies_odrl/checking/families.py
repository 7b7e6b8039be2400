"""Who inherits from whom among several policies, and what comes of it.

Rules: inheritance has no circle and no gap; parent and child state the same conflict strategy; what
a policy needs may come from its parents, so that it is looked for in the policy with all that it
inherits; and what is inherited leaves permissions usable. Work is linear in the policies.
Source: IM 2.9 (inheritance), 2.10 (conflict).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from policies_odrl.checking.findings import Finding, Say
from policies_odrl.checking.parties import missing
from policies_odrl.checking.shadows import of_rules
from policies_odrl.errors import OdrlError
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import Conflict, Policy
from policies_odrl.reading.inherit import resolve
from policies_odrl.text import term

_INHERIT: Final = "/odrl:inheritFrom"

_Found = Iterator[tuple[str, Finding]]


class Family:
    """Who inherits from whom.

    Attributes:
        circles: name of a policy -> the circle of identifiers that it stands in.
        whole: names of policies whose parents are all there, without a circle.
    """

    def __init__(self, policies: Mapping[str, Policy]) -> None:
        self.known = {policy.id: policy for policy in reversed([*policies.values()]) if policy.id}
        self.circles: dict[str, tuple[str, ...]] = {}
        self.whole: list[str] = []
        reached = self._reached()
        for name, policy in policies.items():
            if not policy.inherits:
                continue
            circle = self._circle(policy.id, reached) if policy.id in reached else ()
            if circle:
                self.circles[name] = circle
            elif all(parent in self.known for parent in policy.inherits):
                self.whole.append(name)

    def _reached(self) -> frozenset[str]:
        """Return identifiers that lie on or lead to a circle: those that peeling leaves over.

        A policy without known parents is peeled off, then those whose parents are all peeled.
        """
        children: dict[str, list[str]] = {}
        open_parents: dict[str, int] = {}
        for name, policy in self.known.items():
            parents = {parent for parent in policy.inherits if parent in self.known}
            open_parents[name] = len(parents)
            for parent in parents:
                children.setdefault(parent, []).append(name)
        free = [name for name, count in open_parents.items() if not count]
        while free:
            for child in children.get(free.pop(), ()):
                open_parents[child] -= 1
                if not open_parents[child]:
                    free.append(child)
        return frozenset(name for name, count in open_parents.items() if count)

    def _circle(self, start: str, reached: frozenset[str]) -> tuple[str, ...]:
        """Return the way from a policy along parents back to itself, or nothing."""
        before: dict[str, str] = {}
        queue = [start]
        for name in queue:
            for parent in self.known[name].inherits:
                if parent == start:
                    way = [name]
                    while way[-1] != start:
                        way.append(before[way[-1]])
                    return (*reversed(way), start)
                if parent in reached and parent not in before:
                    before[parent] = name
                    queue.append(parent)
        return ()


def of_inheritance(policies: Mapping[str, Policy], family: Family, say: Say) -> _Found:
    """Yield circles, gaps and strategies that differ, by the name of the policy.

    Args:
        policies: name, such as the path of a file -> policy.
        family: who inherits from whom among them.
        say: makes findings in the language asked for.
    """
    for name, policy in policies.items():
        circle = family.circles.get(name, ())
        if len(circle) > 2:  # noqa: PLR2004 - a policy that names itself is found by itself
            yield name, say(_INHERIT, "circular-inheritance", " → ".join(circle))
        for parent in policy.inherits:
            other = family.known.get(parent)
            if other is None:
                yield name, say(_INHERIT, "missing-parent", parent)
            elif len({_strategy(item) for item in (policy, other)} - {None}) > 1 and (
                policy.conflict or other.conflict
            ):
                yield name, say("/odrl:conflict", "strategies-differ", parent)


def _strategy(policy: Policy) -> Conflict | None:
    """Return the strategy that counts in a family, `invalid` where rules come with none."""
    if policy.conflict is None and any(policy.rules()):
        return Conflict.INVALID
    return policy.conflict


def of_inherited(
    policies: Mapping[str, Policy], family: Family, say: Say, knowledge: Knowledge
) -> _Found:
    """Yield what is wrong with policies once they have all that they inherit.

    That is those that cannot be resolved, those that still lack a party or a target, and
    permissions that what is inherited takes away.

    Args:
        policies: see `of_inheritance`.
        family: see `of_inheritance`.
        say: makes findings in the language asked for.
        knowledge: terms and hierarchies beyond the built-in ones.
    """
    for name in family.whole:
        policy = policies[name]
        try:
            whole = resolve(policy, family.known)
        except OdrlError as exc:
            yield name, say(_INHERIT, "unresolvable", (exc.reason, exc.french))
            continue
        for code in sorted({item.code for item in missing(whole, say)}):
            yield name, say("", code)
        lost = _never_usable(whole, say, knowledge) - _never_usable(policy, say, knowledge)
        for action in sorted(lost & {rule.action.id for rule in policy.permissions}):
            yield name, say(_INHERIT, "inherited-ban", term(action))


def _never_usable(policy: Policy, say: Say, knowledge: Knowledge) -> set[str]:
    """Return the actions of permissions that are prohibited as a whole."""
    rules = dict(policy.rules())
    found = of_rules(policy, say, knowledge)
    return {rules[item.path].action.id for item in found if item.code == "never-usable"}
