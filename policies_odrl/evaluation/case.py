"""One question in hand: everything that a part of a policy is judged by.

This module looks up and judges nothing. The modes are readings of what public texts leave open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from policies_odrl.evaluation.request import Facts, Request, UsageKey
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import Policy, Rule
from policies_odrl.vocabulary import closure, implied_actions


class Mode(Enum):
    """Which public reading holds where they disagree.

    `W3C` (default): a duty must be fulfilled before the use unless it states a later deadline, and
    a collection that is refined has the members of its `source` (W3C draft on formal semantics;
    IM 2.5.5). `SUITE`: only a violated duty blocks, and members are those of the collection's own
    IRI (public ODRL test suite).
    """

    W3C = "w3c"
    SUITE = "suite"


class Behaviour(Enum):
    """What holds where no rule says anything (W3C draft, Behaviour; `CLOSED` is the default).

    `OPEN` is unsafe where data has to be protected: what nobody thought of is then granted.
    """

    CLOSED = "closed"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Case:
    """A request to be judged by one rule.

    Attributes:
        policy, request, facts, mode: as in `evaluate`.
        wider: the action asked for and all that include it.
        implied: those, and all that any of them implies.
        vague: collections of the policy, whose members may be what a prohibition names.
        rule, path: the rule in hand, and its JSON pointer; None for the policy as a whole.
    """

    policy: Policy
    request: Request
    facts: Facts
    mode: Mode
    wider: frozenset[str]
    implied: frozenset[str]
    vague: frozenset[str] = frozenset()
    rule: Rule | None = None
    path: str = ""

    @staticmethod
    def of(
        policy: Policy,
        request: Request,
        facts: Facts,
        mode: Mode = Mode.W3C,
        vague: frozenset[str] = frozenset(),
    ) -> Case:
        """Return the case of a request, before any rule is in hand."""
        wider = facts.knowledge.wider_actions(request.action)
        implied = wider | implied_actions(request.action)
        return Case(policy, request, facts, mode, wider, implied, vague)

    @property
    def knowledge(self) -> Knowledge:
        """Terms and hierarchies."""
        return self.facts.knowledge

    @property
    def key(self) -> UsageKey:
        """What uses of the rule in hand are kept for; one without an IRI goes by its place."""
        name = (self.rule.id if self.rule else "") or self.path
        return UsageKey(self.policy.id, name, self.request.assignee, self.request.target or "")

    def under(self, rule: Rule, path: str) -> Case:
        """Return the case with a rule in hand."""
        asked = (self.policy, self.request, self.facts, self.mode)
        return Case(*asked, self.wider, self.implied, self.vague, rule, path)


def parts_of(name: str, members: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """Return a party or an asset, and all that it holds where it is a collection."""
    return (name, *sorted(closure(name, members) - {name}))


def containers(members: Mapping[str, frozenset[str]], asked: str) -> tuple[str, ...]:
    """Return what is asked for, and then all collections that are known to hold it.

    Whoever belongs to a collection belongs to each one that holds it, too.
    """
    found = [asked]
    for item in found:
        found += [name for name, held in members.items() if item in held and name not in found]
    return tuple(found)
