"""States of the world of the public suites, read as facts of the library.

What is read: the current time; members of collections (`odrl:partOf`, also of collections in
collections); where duties stand (duty reports); what was done (things of the class of an action, or
with one, and records of payments); and whatever feature of the policy the world states. Rules: the
world of a case is closed, so that who is not stated to be a member is none; an act whose time
cannot be read counts for nothing, one without a time was done by now; what a rule or a request
merely says (here or in a policy that the world repeats), and what states of itself that it was not
done, was not done; of two reports about one duty the worse holds; a duty report about a duty of
another policy stands for the one that says the same, in the reading of the ODRL test suite only,
where cases share such reports.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from connector.errors import PolicyInvalid
from policies_odrl import (
    Constraint,
    Duty,
    DutyState,
    Facts,
    Iri,
    Knowledge,
    Literal,
    Performed,
    Policy,
)
from policies_odrl.algebra.domain import Fact
from policies_odrl.evaluation.acts import EVER
from policies_odrl.evaluation.request import DATE_TIME
from policies_odrl.model import ODRL, Condition, Value, every_rule
from policies_odrl.reading.inventory import Reference, references_of
from policies_odrl.values import span
from policies_odrl.vocabulary import ACTIONS, OPERANDS
from tests.conformance.cases.asking import circumstances, stated_by
from tests.conformance.cases.features import NOW, Features
from tests.conformance.cases.graph import Graph, local

CLASSES: Final = ("Sotw", "SotW", "StateOfTheWorld")
MAX_ACTS: Final = 1_000
MAX_MEMBERSHIPS: Final = 200_000
_TIMES: Final = (
    "endedAtTime",
    "paymentDate",
    "atTime",
    "performedAt",
    "time",
    "date",
    "issued",
    "created",
    "startedAtTime",
    "timestamp",
    "dateTime",
)
_INSTANTS: Final = ("inXSDDateTimeStamp", "inXSDDateTime", "issued", "value", *_TIMES)
_PARTIES: Final = (
    *("performer", "agent", "actor", "assignee", "evaluatedParty", "wasAssociatedWith", "payer"),
)
_PAID: Final = ("netAmount", "paymentDate")  # of a payment record, which is an act of `compensate`
_PAID_TO: Final = ("compensatedParty", "payee")
_TARGETS: Final = ("target", "object", "evaluatedTarget", "asset")
_ACTIONS: Final = ("action", "performedAction", "actionType", "type", "evaluatedAction")
_ACTS: Final = ("Action", "PerformedAction", "Activity")
_DONE: Final = (
    "performedAt",
    "endedAtTime",
    "paymentDate",
    "atTime",
    "dateTime",
)  # say that it was done
_SAID: Final = (
    *("Policy", "Set", "Offer", "Agreement", "Assertion", "Privacy", "Ticket"),
    *("Request", "EvaluationRequest", "Permission", "Prohibition", "Duty", "Rule"),
)
_RULES: Final = ("permission", "prohibition", "obligation", "duty", "consequence", "remedy")
_PARTS: Final = (*_RULES, "action", "evaluatedAction", "refinement", "constraint")
_STATED: Final = (
    *("deonticState", "performanceState", "satisfactionState", "conditionState"),
    *("state", "status"),
)
_STATES: Final = {
    "violated": DutyState.VIOLATED,
    "unperformed": DutyState.VIOLATED,
    "fulfilled": DutyState.FULFILLED,
    "performed": DutyState.FULFILLED,
    "satisfied": DutyState.FULFILLED,
}
_CLAIMS: Final = (
    *("performed", "fulfilled", "satisfied", "done", "completed", "executed", "exercised"),
    *("occurred", "happened", "finished", "succeeded", "successful", "past"),
)
COMPENSATE: Final = ODRL + "compensate"
COMPENSATED: Final = ODRL + "compensatedParty"
_BREACH: Final = frozenset({"violated"})  # of a ban by an act, or of a duty for want of one


@dataclass(frozen=True, slots=True)
class World:
    """What is known in a case.

    Attributes:
        facts: as the library takes them.
        reports: duty IRI -> IRIs of the reports in which the world states where it stands.
    """

    facts: Facts
    reports: Mapping[str, tuple[str, ...]]


def world(
    graph: Graph,
    name: str,
    policy: Policy,
    knowledge: Knowledge,
    others: Mapping[str, Duty] | None = None,
    *,
    at: Literal | None = None,
    whole: bool = False,
) -> World:
    """Return what a state of the world says, as far as a policy asks for it.

    Args:
        graph: what its document says.
        name: the state of the world; what it does not lead to is no part of it.
        policy: the policy that is evaluated.
        knowledge: terms and hierarchies.
        others: duties of other policies by IRI, for reports that stand for the same; None for none.
        at: the time where the world states none; None when not known.
        whole: True where the document is the world, whatever its things lead to.

    Raises:
        PolicyInvalid: the time is stated twice or cannot be read, or there is too much of anything.
    """
    features = Features(policy)
    there = set(graph.things) if whole else graph.reachable(name)
    reader = _Reader(graph, [thing for thing in graph.things if thing in there], name, features)
    stated = reader.time() or at
    now = _moment(stated) if stated else None
    if stated and now is None:
        raise PolicyInvalid(f"the time in `{name}` cannot be read")
    values = reader.circumstances(whole=whole)
    if stated:
        values[DATE_TIME] = (stated,)
    recorded, reports = reader.duties(others or {})
    acts = tuple(reader.acts(now))
    if len(acts) > MAX_ACTS:
        raise PolicyInvalid(f"`{name}` holds more than {MAX_ACTS} acts")
    facts = Facts(
        now=now,
        values=values,
        members=reader.members(policy),
        performed=acts,
        knowledge=knowledge,
        recorded=recorded,
    )
    return World(facts, reports)


class _Reader:
    """Reads the parts of one state of the world."""

    def __init__(self, graph: Graph, things: list[str], name: str, features: Features) -> None:
        self._graph = graph
        self._things = things
        self._name = name
        self._features = features
        self._said = _said(graph, features)

    def time(self) -> Literal | None:
        """Return the current time as it is stated."""
        graph = self._graph
        known = graph.things.get(self._name)
        found: dict[Literal, None] = {}
        for key, values in (known.values if known else {}).items():
            if key.lower() in NOW:
                found.update(dict.fromkeys(_times_of(graph, values)))
        for thing in self._things:
            if local(thing).lower() in NOW:
                found.update(dict.fromkeys(_times_of(graph, [Iri(thing)])))
        if len(found) > 1:
            raise PolicyInvalid(f"the time in `{self._name}` is stated {len(found)} times")
        return next(iter(found), None)

    def members(self, policy: Policy) -> dict[str, frozenset[str]]:
        """Return collection -> members; collections of the policy without members are empty.

        Raises:
            PolicyInvalid: there are more memberships than are read.
        """
        graph = self._graph
        within = {
            thing: graph.iris(thing, "partOf")
            for thing in self._things
            if graph.values(thing, "partOf")
        }
        members: dict[str, set[str]] = {}
        count = 0
        for thing in within:
            above = _above(thing, within)
            count += len(above)
            if count > MAX_MEMBERSHIPS:
                raise PolicyInvalid(f"`{self._name}` has more than {MAX_MEMBERSHIPS} memberships")
            for collection in above:
                members.setdefault(collection, set()).add(thing)
        for item in _references(policy):
            if item.collection or item.source:
                both = members.get(item.id, set()) | members.get(item.source, set())
                members.update({key: both for key in (item.id, item.source) if key})
        return {name: frozenset(items) for name, items in members.items()}

    def duties(
        self, others: Mapping[str, Duty]
    ) -> tuple[dict[str, DutyState], dict[str, tuple[str, ...]]]:
        """Return where duties stand, and which reports say so."""
        recorded: dict[str, DutyState] = {}
        reports: dict[str, tuple[str, ...]] = {}
        same = self._twins(others)
        for thing in self._things:
            for duty in self._duties_in(thing, same):
                if not thing.startswith("_:"):
                    reports[duty] = (*reports.get(duty, ()), thing)
                state = self._state(thing)
                if state and recorded.get(duty) is not DutyState.VIOLATED:
                    recorded[duty] = state
        return recorded, reports

    def _duties_in(self, thing: str, same: Mapping[str, list[str]]) -> list[str]:
        """Return the duties of the policy that a thing speaks of."""
        report = "DutyReport" in {local(item) for item in self._graph.types(thing)}
        meant = self._graph.iris(thing, "rule" if report else "conditionId")
        own = [item for item in meant if item in self._features.duties]
        return own or [name for item in meant if report for name in same.get(item, ())]

    def _twins(self, others: Mapping[str, Duty]) -> dict[str, list[str]]:
        """Return duties of other policies, and which of the policy's say the same."""
        alike: dict[Duty, list[str]] = {}
        for name, duty in self._features.duties.items():
            alike.setdefault(_nameless(duty), []).append(name)
        return (
            {name: alike.get(_nameless(duty), []) for name, duty in others.items()} if alike else {}
        )

    def _state(self, thing: str) -> DutyState | None:
        said = self._words(thing)
        said |= {name for name in _STATES if "true" in self._graph.iris(thing, name)}
        return next((state for name, state in _STATES.items() if name in said), None)

    def _words(self, thing: str) -> set[str]:
        """Return the states that a thing states of itself."""
        states = self._graph.iris(thing, *_STATED)
        return {local(item).replace("-", "").lower() for item in states}

    def _undone(self, thing: str) -> bool:
        """Return whether a thing states of itself anything else than that it was done."""
        words = self._words(thing)
        denied = "false" in self._graph.iris(thing, *_CLAIMS)
        return denied or words == _BREACH or not words - _BREACH <= set(_CLAIMS)

    def circumstances(self, *, whole: bool) -> dict[str, tuple[Fact, ...]]:
        """Return what the world states; undeclared features may stand anywhere in a whole one."""
        found: dict[str, tuple[Fact, ...]] = {}
        for thing in self._things if whole else ():
            stated = {} if self._action(thing) else self._stated(thing)
            found.update({left: item for left, item in stated.items() if left not in OPERANDS})
        about = self._graph.iris(self._name, "context")
        about = [thing for thing in about if not self._action(thing)]  # those are of the act
        return {**found, **self._values(self._name, *about)}

    def _values(self, *things: str) -> dict[str, tuple[Fact, ...]]:
        """Return left operands of the policy and what things say about them."""
        found = circumstances(self._graph, things, self._features)
        for thing in things:
            found.update(self._stated(thing))
        return found

    def _stated(self, thing: str) -> Mapping[str, tuple[Fact, ...]]:
        return stated_by(self._graph, thing, self._features)

    def acts(self, now: datetime | None) -> Iterator[Performed]:
        """Yield what was done."""
        for thing in self._things:
            action = self._action(thing)
            at = self._when(thing, now) if action else None
            if at is not None:
                yield Performed(
                    action,
                    at,
                    self._graph.one(thing, *_PARTIES),
                    self._graph.one(thing, *_TARGETS) or None,
                    {
                        **self._values(thing, *self._graph.iris(thing, *_ACTIONS)),
                        **self._paid_to(thing, action),
                    },
                )

    def _paid_to(self, thing: str, action: str) -> dict[str, tuple[Fact, ...]]:
        """Return whom a payment compensated, where it says so."""
        paid = self._graph.iris(thing, *_PAID_TO) if action == COMPENSATE else []
        return {COMPENSATED: tuple(map(Iri, paid))} if paid else {}

    def _when(self, thing: str, now: datetime | None) -> datetime | None:
        """Return when an act was done, by the first property that says so; None if unclear.

        A world without a time holds what had happened in it, whenever that was; for a ban it still
        counts when, and a ban that was broken lets nothing through.
        """
        for name in _TIMES:
            stated = self._graph.values(thing, name)
            if stated:
                times = {_moment(item) for item in _times_of(self._graph, stated)}
                at = times.pop() if len(times) == 1 else None
                return EVER if at and now is None and not self._features.bans else at
        return now or EVER

    def _action(self, thing: str) -> str:
        """Return the action that a thing is an instance of; empty when of none."""
        graph = self._graph
        types = graph.types(thing)
        if thing in self._said or self._undone(thing):
            return ""
        stated = [graph.one(item, "value") or item for item in graph.iris(thing, *_ACTIONS)]
        if any(local(item) in _ACTS for item in types):
            stated.extend(graph.iris(thing, "value"))
        done = graph.iris(thing, "conditionId") if graph.values(thing, *_DONE) else []
        duties = self._features.duties
        met = [duties[item].action.id for item in done if item in duties]
        named = (item if ":" in item else ODRL + item for item in (*types, *stated, *met))
        paid = all(graph.values(thing, name) for name in _PAID)
        return next((item for item in named if item in ACTIONS), COMPENSATE if paid else "")


def _said(graph: Graph, features: Features) -> set[str]:
    """Return the policies, requests and rules that a document repeats, with their parts.

    A thing that is named as a duty of the policy, and says when that was done, is an act.
    """
    found = set(graph.of_class(*_SAID))
    for thing in graph.things:
        found.update(graph.iris(thing, *_RULES))
        if thing in features.rules and not graph.values(thing, *_DONE):
            found.add(thing)
    stack = list(found)
    while stack:
        parts = {item for item in graph.iris(stack.pop(), *_PARTS) if item in graph.things} - found
        found |= parts
        stack.extend(parts)
    return found


def _times_of(graph: Graph, values: Iterable[Value]) -> list[Literal]:
    """Return the times among values, or stated by the things that they name."""
    found: list[Literal] = []
    for value in values:
        inner = [value] if isinstance(value, Literal) else graph.values(value.value, *_INSTANTS)
        found.extend(item for item in inner if isinstance(item, Literal))
    return found


def _moment(value: Literal) -> datetime | None:
    found = span(value)
    return found.start.astimezone(UTC) if found else None


def _above(thing: str, within: Mapping[str, list[str]]) -> set[str]:
    seen: set[str] = set()
    stack = list(within[thing])
    while stack:
        collection = stack.pop()
        if collection not in seen:
            seen.add(collection)
            stack.extend(within.get(collection, ()))
    return seen


def _references(policy: Policy) -> Iterator[Reference]:
    whole = (policy.target, policy.assigner, policy.assignee)
    yield from (item for item in whole if item is not None)
    for _, rule, _ in every_rule(policy):
        yield from references_of(rule)


def _nameless(duty: Duty) -> Duty:
    """Return a duty without the names of its parts, to compare what it says."""
    return replace(
        duty,
        id="",
        constraints=tuple(_bare(item) for item in duty.constraints),
        action=replace(
            duty.action, refinements=tuple(_bare(item) for item in duty.action.refinements)
        ),
        consequences=tuple(_nameless(item) for item in duty.consequences),
    )


def _bare(item: Condition) -> Condition:
    if isinstance(item, Constraint):
        return replace(item, id="")
    return replace(item, id="", operands=tuple(_bare(part) for part in item.operands))
