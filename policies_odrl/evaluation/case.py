"""One question in hand: everything that a part of a policy is judged by.

Rules: what the node knows itself wins over what a request says; a clock or a count is read from the
usage state before a request is believed; what is used as a collection is used in each member that
is known. This module looks up; it judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from policies_odrl.evaluation.modes import Mode
from policies_odrl.evaluation.request import Facts, Request
from policies_odrl.evaluation.state import UsageKey
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import Policy, Rule
from policies_odrl.vocabulary import closure, implied_actions


@dataclass(frozen=True, slots=True)
class Case:
    """A request to be judged by one rule.

    Attributes:
        policy: the rule's policy.
        request: what is asked.
        facts: what is known.
        mode: which public reading holds.
        wider: the action asked for and all that include it.
        implied: those, and all that any of them implies.
        rule: the rule in hand; None for the policy as a whole.
        path: JSON pointer of the rule.
    """

    policy: Policy
    request: Request
    facts: Facts
    mode: Mode
    wider: frozenset[str]
    implied: frozenset[str]
    rule: Rule | None = None
    path: str = ""

    @staticmethod
    def of(policy: Policy, request: Request, facts: Facts, mode: Mode = Mode.W3C) -> Case:
        """Return the case of a request, before any rule is in hand."""
        wider = facts.knowledge.wider_actions(request.action)
        return Case(policy, request, facts, mode, wider, wider | implied_actions(request.action))

    @property
    def knowledge(self) -> Knowledge:
        """Terms and hierarchies."""
        return self.facts.knowledge

    @property
    def key(self) -> UsageKey:
        """What the usage state of the rule in hand is kept for."""
        return key_of(self.policy, self.rule, self.path, self.request)

    def under(self, rule: Rule, path: str) -> Case:
        """Return the case with a rule in hand."""
        return Case(
            self.policy,
            self.request,
            self.facts,
            self.mode,
            self.wider,
            self.implied,
            rule,
            path,
        )


def parts_of(name: str, members: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """Return a party or an asset, and all that it holds where it is a collection."""
    return (name, *sorted(closure(name, members) - {name}))


def containers(members: Mapping[str, frozenset[str]], asked: str) -> tuple[str, ...]:
    """Return what is asked for, and then all collections that are known to hold it.

    Whoever belongs to a collection belongs to each one that holds it, too.

    >>> containers({"urn:c": frozenset({"urn:d"}), "urn:d": frozenset({"urn:x"})}, "urn:x")
    ('urn:x', 'urn:d', 'urn:c')
    """
    found = [asked]
    for item in found:
        found += [name for name, held in members.items() if item in held and name not in found]
    return tuple(found)


def all_containers(
    members: Mapping[str, frozenset[str]], parts: Sequence[str]
) -> list[Iterable[str]]:
    """Return the same for each of several, without going through the collections for each.

    >>> held = {"urn:c": frozenset({"urn:x"})}
    >>> [sorted(each) for each in all_containers(held, ["urn:c", "urn:x"])]
    [['urn:c'], ['urn:c', 'urn:x']]
    """
    if len(parts) == 1:
        return [containers(members, parts[0])]
    holders: dict[str, list[str]] = {}
    for name, held in members.items():
        for item in held:
            holders.setdefault(item, []).append(name)
    return [closure(part, holders) for part in parts]


def key_of(policy: Policy, rule: Rule | None, path: str, request: Request) -> UsageKey:
    """Return what the usage state of a rule is kept for; one without an IRI goes by its place."""
    name = (rule.id if rule else "") or path
    return UsageKey(policy.id, name, request.assignee, request.target or "")
