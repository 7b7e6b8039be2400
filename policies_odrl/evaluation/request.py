"""What is asked, what is known and what was used, and the case that they make with a policy.

What the node knows itself (`Facts`) wins over what a request says about itself; a caller cannot
choose its own time. Keeping account of uses is left to the caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from datetime import datetime
from enum import Enum
from typing import Any, Final

from policies_odrl.algebra.domain import Fact
from policies_odrl.algebra.periods import instant
from policies_odrl.evaluation.deontic import DutyState
from policies_odrl.frozen import frozen
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.model import ODRL, Policy, Rule

DATE_TIME: Final = ODRL + "dateTime"


@frozen
class Request:
    """A wish to exercise an action on a target (None: none is meant), all by IRI.

    Who asks may be empty, when not known. `facts` are what the request states: left operand ->
    values.
    """

    action: str
    assignee: str = ""
    target: str | None = None
    facts: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict)


@frozen
class Performed:
    """An action that was carried out, as evidence for duties and against prohibitions.

    As in `Request`; `at` is when, aware (a time without a zone is read as UTC).
    """

    action: str
    at: datetime
    party: str = ""
    target: str | None = None
    facts: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", instant(self.at))


@frozen
class UsageKey:
    """What uses are kept for, by IRI; a rule may go by its pointer, the last two may be empty."""

    agreement: str
    rule: str
    assignee: str
    target: str


@frozen
class Use:
    """One execution of the action of a rule, from an aware time to another; None while it lasts.

    The same ticket under several keys is one use. It is only reserved until it is committed.
    """

    ticket: str
    start: datetime
    end: datetime | None = None
    committed: bool = False


@frozen
class Usage:
    """All that was used under some agreements, which began at aware times."""

    started: Mapping[str, datetime] = field(default_factory=dict)
    uses: Mapping[UsageKey, tuple[Use, ...]] = field(default_factory=dict)

    def of(self, *keys: UsageKey) -> tuple[Use, ...]:
        """Return the uses under some keys in order of their start, each once."""
        uses = {(use.ticket, use.start): use for key in keys for use in self.uses.get(key, ())}
        return tuple(sorted(uses.values(), key=lambda use: use.start))


@frozen
class Facts:
    """State of the world, as the one who evaluates knows it.

    Attributes:
        now: time of the evaluation, aware (else read as UTC); None when not known.
        values: left operand -> values; these win over those of the request.
        members: party or asset collection -> all its members; of others they are unknown.
        performed: what was done so far, for duties and prohibitions.
        knowledge: terms and hierarchies.
        recorded: duty, or its JSON pointer -> where it stands, as the world states it.
        usage: what was used so far; None when nobody keeps account: counts and clocks are unknown.
        since: constraint or left operand -> since when it holds what it holds now, aware; for
            `andSequence`.
        anchors: constraint or left operand -> start of its first period, aware; for `timeInterval`.
    """

    now: datetime | None = None
    values: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict)
    members: Mapping[str, frozenset[str]] = field(default_factory=dict)
    performed: tuple[Performed, ...] = ()
    knowledge: Knowledge = NOTHING_MORE
    recorded: Mapping[str, DutyState] = field(default_factory=dict)
    usage: Usage | None = None
    since: Mapping[str, datetime] = field(default_factory=dict)
    anchors: Mapping[str, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.now is not None:
            object.__setattr__(self, "now", instant(self.now))

    def values_of(self, left: str, request: Request) -> tuple[Fact, ...]:
        """Return the values of a left operand; empty when nobody stated any.

        What is known here wins under whatever name it is known; the time, and what only the node
        states, is never the request's.
        """
        names = self.knowledge.names(left)
        known = _stated(names, self.values)
        if known is not None:
            return known
        if DATE_TIME in names:
            return () if self.now is None else (self.now,)
        operand = self.knowledge.operand(left)
        if operand is not None and operand.by_node:
            return ()
        return _stated(names, request.facts) or ()


def imagined(request: Request, facts: Facts) -> Facts:
    """Return facts of a world in which all holds that a request states, also what nobody claims.

    A request that is made up to show something states its time and its counts; evaluation believes
    those of the facts alone.
    """
    known = facts.knowledge
    kept = {
        left: values
        for left, values in request.facts.items()
        if left == DATE_TIME or ((operand := known.operand(left)) and operand.by_node)
    }
    return replace(facts, values={**facts.values, **kept}) if kept else facts


def _stated(
    names: tuple[str, ...], stated: Mapping[str, tuple[Fact, ...]]
) -> tuple[Fact, ...] | None:
    """Return what is stated under any of the names, or None where nothing is."""
    if len(names) == 1:
        return stated.get(names[0])
    found = [stated[name] for name in names if name in stated]
    return tuple(value for values in found for value in values) if found else None


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


@frozen
class Case:
    """A request to be judged by one rule, `None` for the policy as a whole; `path` is its pointer.

    `wider` is the action asked for and all that include it, `vague` the collections whose members
    may be what a prohibition names; `kept` is what rules share: of constraints and acts. Where
    nothing is `asked`, the request only says whose duties are meant: no use is about to be made.
    """

    policy: Policy
    request: Request
    facts: Facts
    mode: Mode
    wider: frozenset[str]
    vague: frozenset[str] = frozenset()
    rule: Rule | None = None
    path: str = ""
    kept: dict[object, Any] = field(repr=False, compare=False, default_factory=dict)
    asked: bool = True

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
        return Case(policy, request, facts, mode, wider, vague)

    @property
    def key(self) -> UsageKey:
        """What uses of the rule in hand are kept for; one without an IRI goes by its place."""
        name = (self.rule.id if self.rule else "") or self.path
        return UsageKey(self.policy.id, name, self.request.assignee, self.request.target or "")

    def under(self, rule: Rule, path: str) -> Case:
        """Return the case with a rule in hand."""
        asked = (self.policy, self.request, self.facts, self.mode)
        return Case(*asked, self.wider, self.vague, rule, path, self.kept, self.asked)
