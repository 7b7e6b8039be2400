"""What has happened under a contract, as facts that its policy is evaluated by. Pure.

Rules: both parties evaluate by the same facts: the deeds that both hold, and the uses. A deed of a
party that may not state it is no fact: a duty is done by its debtor, waived by the other party, and
an event is dated by the provider, whose last word counts, since it may be planned before it is. A
receipt of deletion that leaves out what was delivered fulfils nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from connector.domain.contract.duty import Deed, DeedKind
from connector.domain.contract.use import UseRecord
from connector.enforcement.standing import bound
from policies_odrl import (
    Constraint,
    Duty,
    DutyState,
    Facts,
    Iri,
    Knowledge,
    PartyRef,
    Performed,
    Policy,
    Prohibition,
)
from policies_odrl.algebra.domain import Fact
from policies_odrl.evaluation.clocks import EVENT, OF_RULE, SINCE
from policies_odrl.evaluation.operands import POLICY_USAGE
from policies_odrl.evaluation.request import Usage, UsageKey, Use
from policies_odrl.model import ODRL, Rule, all_in, duties_below
from policies_odrl.values import name

DELETE: Final = ODRL + "delete"
_DEED: Final = "urn:preau:deed"
_NONE: Mapping[str, tuple[Fact, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class History:
    """What both parties of a contract know of it.

    Attributes:
        begun: when it was concluded, UTC.
        deeds: of both parties.
        uses: counted so far.
    """

    begun: datetime
    deeds: tuple[Deed, ...] = ()
    uses: tuple[UseRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """A rule of a policy, and who it binds.

    Attributes:
        rule: itself.
        owner: the rule of the policy that it is, or hangs below.
        debtor: IRI of who has to do it, or must not.
        creditor: IRI of the other party.
    """

    rule: Rule
    owner: Rule
    debtor: str
    creditor: str


@lru_cache(maxsize=256)
def places(policy: Policy) -> Mapping[str, Place]:
    """Return the prohibitions of an agreement and all its duties, by JSON pointer."""
    found: dict[str, Place] = {}
    for path, rule in policy.rules():
        for place, each in _with_below(path, rule):
            if isinstance(each, Duty):
                debtor = bound(policy, rule, each)
            else:
                party = policy.assignee_of(each)
                debtor = party.id if party else ""
            creditor = _id(policy.assigner)
            if debtor == creditor:
                creditor = _id(policy.assignee)
            found[place] = Place(each, rule, debtor, creditor)
    return MappingProxyType(found)


def facts(
    policy: Policy,
    history: History,
    now: datetime,
    knowledge: Knowledge,
    known: Mapping[str, tuple[Fact, ...]] = _NONE,
) -> Facts:
    """Return what a policy is evaluated by at one moment.

    Args:
        policy: the agreement.
        history: what has happened under it.
        now: UTC.
        knowledge: terms and hierarchies.
        known: left operand -> values that the node establishes by other means.
    """
    events = dict(_events(policy, history))
    if events:
        knowledge = replace(knowledge, events={**knowledge.events, **events})
    return Facts(
        now,
        known,
        performed=tuple(_performed(policy, history)),
        recorded=dict(_waived(policy, history)),
        usage=Usage({policy.id: history.begun}, _uses(policy, history, knowledge)),
        knowledge=knowledge,
    )


def owes(policy: Policy) -> bool:
    """Return whether an agreement has duties, or what brings some about."""
    return any(isinstance(each.rule, Duty) for each in places(policy).values())


@lru_cache(maxsize=256)
def accounts(policy: Policy) -> bool:
    """Return whether an agreement is evaluated by what has happened under it."""
    return owes(policy) or any(each.left in OF_RULE for each in all_in(policy, Constraint))


def deletes(policy: Policy, about: str) -> bool:
    """Return whether a JSON pointer is that of a duty to delete."""
    place = places(policy).get(about)
    return place is not None and isinstance(place.rule, Duty) and place.rule.action.id == DELETE


def events(policy: Policy) -> frozenset[str]:
    """Return the IRIs of the events that an agreement speaks of and a party dates."""
    atoms = tuple(all_in(policy, Constraint))
    named = {name(one) or "" for each in atoms if each.left == EVENT for one in each.right}
    since = {SINCE[each.left] for each in atoms if each.left in SINCE}
    return frozenset((named | since) - {"", POLICY_USAGE})


def may_state(policy: Policy, deed: Deed) -> bool:
    """Return whether the party of a deed is the one that may state it."""
    if deed.kind is DeedKind.HAPPENED:
        return deed.party == _id(policy.assigner)
    place = places(policy).get(deed.about)
    if place is None:
        return False
    if deed.kind is DeedKind.DESTROYED:  # what its own node held
        return deletes(policy, deed.about) and deed.party == _id(policy.assigner)
    if deed.kind is DeedKind.BREACHED:  # whoever knows of it
        return isinstance(place.rule, Prohibition)
    binds = place.debtor if deed.kind is DeedKind.DONE else place.creditor
    return isinstance(place.rule, Duty) and deed.party == binds


def _performed(policy: Policy, history: History) -> Iterator[Performed]:
    for deed in history.deeds:
        acts = deed.kind in (DeedKind.DONE, DeedKind.BREACHED)
        if not acts or not deed.counts or not may_state(policy, deed):
            continue
        place = places(policy)[deed.about]
        target = place.rule.target or place.owner.target or policy.target
        stated: dict[str, tuple[Fact, ...]] = {
            function: (Iri(party.id or party.source),) for function, party in place.rule.functions
        }
        stated[_DEED] = (deed.number,)  # two in one second are two
        yield Performed(
            place.rule.action.id, deed.at, place.debtor, target.id if target else None, stated
        )


def _waived(policy: Policy, history: History) -> Iterator[tuple[str, DutyState]]:
    for deed in history.deeds:
        if deed.kind is DeedKind.WAIVED and may_state(policy, deed):
            yield places(policy)[deed.about].rule.id or deed.about, DutyState.INACTIVE


def _events(policy: Policy, history: History) -> Iterator[tuple[str, tuple[datetime, datetime]]]:
    for deed in sorted(history.deeds, key=lambda each: each.number):  # the last word counts
        if deed.kind is DeedKind.HAPPENED and may_state(policy, deed):
            yield deed.about, (deed.at, deed.at)


def _uses(
    policy: Policy, history: History, knowledge: Knowledge
) -> Mapping[UsageKey, tuple[Use, ...]]:
    """Return the uses under each rule that is about their action."""
    found: dict[UsageKey, tuple[Use, ...]] = {}
    made = [(knowledge.wider_actions(each.action), _use(each)) for each in history.uses]
    for path, rule in policy.rules():
        party, target = policy.assignee_of(rule), policy.target_of(rule)
        if party is None or isinstance(rule, Duty):
            continue
        key = UsageKey(policy.id, rule.id or path, party.id, target.id if target else "")
        found[key] = tuple(use for wider, use in made if rule.action.id in wider)
    return found


def _use(record: UseRecord) -> Use:
    return Use(record.id, record.started_at, record.ended_at, committed=True)


def _with_below(path: str, rule: Rule) -> Iterator[tuple[str, Rule]]:
    yield path, rule
    for property_, duties in duties_below(rule):
        for index, duty in enumerate(duties):
            yield from _with_below(f"{path}/{property_}/{index}", duty)


def _id(party: PartyRef | None) -> str:
    return party.id if party else ""
