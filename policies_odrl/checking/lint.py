"""Several policies: each by itself, and what they do to one another.

Rules: an identifier stands for one policy; inheritance has no circle and no gap; parent and child
state the same conflict strategy, and what is inherited leaves permissions usable; two offers for
one target do not contradict. Work is linear in the policies but for rules on the same target, whose
pairs are bounded as in `shadows.py`.
Source: IM 2.1 (one uid), 2.9 (inheritance), 2.10 (conflict).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from policies_odrl.checking.findings import Finding, Say, speaker
from policies_odrl.checking.shadows import (
    MAX_PAIRS,
    Bearing,
    Comparison,
    Index,
    bearing,
    meeting,
    of_rules,
)
from policies_odrl.checking.validate import BUILT_IN, validate
from policies_odrl.errors import OdrlError
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import Conflict, Policy, PolicyKind
from policies_odrl.reading.inherit import resolve
from policies_odrl.text import term

_INHERIT: Final = "/odrl:inheritFrom"

_Found = Iterator[tuple[str, Finding]]


def lint(
    policies: Mapping[str, Policy], lang: str = "en", *, knowledge: Knowledge = BUILT_IN
) -> dict[str, tuple[Finding, ...]]:
    """Return name -> findings of several policies, those of each and those between them.

    >>> from policies_odrl import Action, Permission, Policy, PolicyKind
    >>> use = Permission(action=Action("http://www.w3.org/ns/odrl/2/use"))
    >>> one = Policy(kind=PolicyKind.OFFER, id="urn:offer", permissions=(use,))
    >>> found = lint({"a.jsonld": one, "b.jsonld": one})
    >>> [item.sentence for item in found["b.jsonld"] if item.code == "duplicate-identifier"]
    ['the identifier `urn:offer` is used by a.jsonld as well']

    Args:
        policies: name, such as the path of a file -> policy.
        lang: `en` or `fr`.
        knowledge: terms and hierarchies beyond the built-in ones.
    """
    say = speaker(lang)
    found = {
        name: list(validate(policy, lang, knowledge=knowledge)) for name, policy in policies.items()
    }
    family = _Family(policies)
    for name, item in (*_identifiers(policies, say), *_inheritance(policies, family, say)):
        found[name].append(item)
    for name, item in (
        *_inherited(policies, family, say, knowledge),
        *_offers(policies, say, knowledge),
    ):
        found[name].append(item)
    for name in family.whole:
        found[name] = [item for item in found[name] if item.code != "unresolved-inheritance"]
    return {name: tuple(items) for name, items in found.items()}


def _identifiers(policies: Mapping[str, Policy], say: Say) -> _Found:
    first: dict[str, str] = {}
    for name, policy in policies.items():
        other = first.setdefault(policy.id, name) if policy.id else name
        if other != name:
            yield name, say("", "duplicate-identifier", policy.id, other)


class _Family:
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


def _inheritance(policies: Mapping[str, Policy], family: _Family, say: Say) -> _Found:
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


def _inherited(
    policies: Mapping[str, Policy], family: _Family, say: Say, knowledge: Knowledge
) -> _Found:
    """Yield policies that cannot be resolved, and permissions that what they inherit takes away."""
    for name in family.whole:
        policy = policies[name]
        try:
            whole = resolve(policy, family.known)
        except OdrlError as exc:
            yield name, say(_INHERIT, "unresolvable", exc.reason)
            continue
        lost = _never_usable(whole, say, knowledge) - _never_usable(policy, say, knowledge)
        for action in sorted(lost & {rule.action.id for rule in policy.permissions}):
            yield name, say(_INHERIT, "inherited-ban", term(action))


def _never_usable(policy: Policy, say: Say, knowledge: Knowledge) -> set[str]:
    """Return the actions of permissions that are prohibited as a whole."""
    rules = dict(policy.rules())
    found = of_rules(policy, say, knowledge)
    return {rules[item.path].action.id for item in found if item.code == "never-usable"}


def _offers(policies: Mapping[str, Policy], say: Say, knowledge: Knowledge) -> _Found:
    """Yield permissions of one offer that another offer prohibits for the same target."""
    comparison = Comparison(knowledge)
    bans: dict[object, dict[str, list[Bearing]]] = {}
    for name, item in _aimed(policies, "/prohibition"):
        own = replace(item, path=f"{name}{item.path}")
        bans.setdefault(item.target, {}).setdefault(name, []).append(own)
    for name, item in _aimed(policies, "/permission"):
        for other, rules in bans.get(item.target, {}).items():
            met = meeting(item, Index(rules), comparison) if other != name else None
            if met is not None:
                yield name, say(item.path, "offers-contradict", met.path)
    if comparison.exhausted:
        yield next(iter(policies)), say("", "too-large", str(MAX_PAIRS))


def _aimed(policies: Mapping[str, Policy], group: str) -> Iterator[tuple[str, Bearing]]:
    """Yield the rules of offers that name a target; others stand under that of their dataset."""
    for name, policy in policies.items():
        if policy.kind is PolicyKind.OFFER:
            for path, rule in policy.rules():
                if path.startswith(group) and policy.target_of(rule) is not None:
                    yield name, bearing(policy, path, rule)
