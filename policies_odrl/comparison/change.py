"""What differs between the terms asked for and the terms offered, one change after the other.

Rules: in order of the request (action, whom and what it is for, conditions, duties), then what the
offer adds to the whole, then what it leaves out; an empty list means that both grant the same. What
a policy states for all its rules is compared as a part of each rule. A condition that says the same
in other words is no change, and neither is one that follows from a stricter one. Either side
computes the list itself by comparing the two policies; nothing here comes from what a peer says
about them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from policies_odrl.algebra.boxes import Box, Proof
from policies_odrl.algebra.forms import condition_form, flat, opaque, reference_form, rule_form
from policies_odrl.comparison.compare import judge
from policies_odrl.comparison.distance import WEIGHTS, distance
from policies_odrl.comparison.fit import Reference, granted_by_others, pays_assigner
from policies_odrl.comparison.folding import named
from policies_odrl.comparison.meeting import agree, common_actions, concepts_met, subject
from policies_odrl.comparison.policy_changes import (
    lost_rules,
    new_rules,
    readings,
    rest_changes,
    strategy_changes,
)
from policies_odrl.comparison.protection import PROTECTION, raised_between
from policies_odrl.comparison.term_change import ChangeKind, Source, TermChange, Told, moved
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.model import (
    Action,
    Condition,
    Constraint,
    Permission,
    Policy,
    PolicyKind,
)
from policies_odrl.vocabulary import same_action

MAX_PAIRS: Final = 1024  # pairs of permissions compared


def term_changes(
    asked: Policy, offered: Policy, knowledge: Knowledge = NOTHING_MORE
) -> tuple[TermChange, ...]:
    """Return what an offer changes of what was asked for, in order; empty: nothing.

    Each permission asked for is compared with the permission offered that changes it least.

    Args:
        asked: the request.
        offered: the answer to it.
        knowledge: terms and hierarchies beyond the built-in ones.

    >>> from policies_odrl.model import ODRL, PolicyKind
    >>> def may(action):
    ...     rule = Permission(action=Action(ODRL + action))
    ...     return Policy(kind=PolicyKind.SET, permissions=(rule,))
    >>> [item.line for item in term_changes(may("use"), may("read"))]
    ['/permission/0: action: use -> read because of offer /permission/0']
    """
    prover = Proof(knowledge=knowledge)
    asked, offered = opaque(asked), opaque(offered)
    return (
        *_granted_otherwise(prover, asked, offered),
        *rest_changes(asked, offered),
        *lost_rules(asked, offered),
        *strategy_changes(asked, offered),
        *readings(asked, offered, knowledge),
    )


def _granted_otherwise(prover: Proof, asked: Policy, offered: Policy) -> Iterator[TermChange]:
    """Yield what becomes of each permission asked for, then what is granted beyond all of them."""
    rules = dict(granting(offered))
    met: set[int] = set()
    left = MAX_PAIRS
    for index, wanted in granting(asked):
        path = f"/permission/{index}"
        within = dict(list(rules.items())[: max(left, 0)])
        left -= len(rules)
        best = _nearest(prover, path, wanted, within)
        yield from best[1] if best else [dropped(path, asked.permissions[index])]
        met.update([best[0]] if best else [])
    for place, rule in rules.items():
        left -= len(asked.permissions)
        if place not in met and (left < 0 or not _granted(prover, asked, rule)):
            path = f"/permission/{place}"
            yield TermChange(ChangeKind.ADDED, "", "rule", (), (rule,), "offer", path)


def _nearest(
    prover: Proof, path: str, wanted: Permission, rules: Mapping[int, Permission]
) -> tuple[int, list[TermChange]] | None:
    """Return the permission that changes least of one asked for, and what it changes."""
    answers = [
        (place, list(permission_changes(prover, path, wanted, rule, _source(place))))
        for place, rule in rules.items()
        if _akin(prover, wanted, rule)
    ]
    return min(answers, key=lambda found: cost(found[1], prover.knowledge), default=None)


def _source(place: int) -> Source:
    return Source("offer", f"/permission/{place}")


def granting(policy: Policy) -> Iterator[tuple[int, Permission]]:
    """Yield the permissions that can grant, with all that they are about, and their places.

    A permission of an agreement that names nobody grants nothing.
    """
    for index, rule in enumerate(policy.permissions):
        if policy.kind is not PolicyKind.AGREEMENT or policy.assignee_of(rule) is not None:
            yield index, named(policy, rule)


@dataclass(frozen=True, slots=True, order=True)
class Cost:
    """How much a list of changes asks of the other party; compared from left to right.

    Attributes:
        changed: number of attributes.
        weight: sum of their weights.
        distance: sum of their distances.
    """

    changed: int
    weight: int
    distance: float


def cost(found: Sequence[TermChange], knowledge: Knowledge) -> Cost:
    """Return what changes cost."""
    return Cost(
        len(found),
        sum(WEIGHTS.get(item.operand, 1) for item in found),
        sum(_distance(item, knowledge) for item in found),
    )


def permission_changes(
    prover: Proof, path: str, wanted: Permission, given: Permission, source: Source
) -> Iterator[TermChange]:
    """Yield what changes from a permission asked for to one that is given for it."""

    def change(
        kind: ChangeKind, operand: str, asked: Sequence[Told], offered: Sequence[Told]
    ) -> TermChange:
        return TermChange(
            kind, path, operand, tuple(asked), tuple(offered), source.name, source.rule
        )

    if same_action(wanted.action.id) != same_action(given.action.id):
        bare = [Action(wanted.action.id)], [Action(given.action.id)]
        yield change(ChangeKind.NARROWED, "action", *bare)
    named_by, given_by = _parties(wanted), _parties(given)
    for name in dict.fromkeys((*named_by, *given_by)):
        mine, theirs = named_by.get(name, []), given_by.get(name, [])
        if _forms(mine) != _forms(theirs):
            yield change(moved(mine, theirs), name, mine, theirs)
    if granted_by_others(wanted.assigner, given.assigner) and any(
        pays_assigner(duty) for duty in (*wanted.duties, *given.duties)
    ):
        yield change(
            ChangeKind.NARROWED,
            "assigner",
            [item for item in (wanted.assigner,) if item],
            [item for item in (given.assigner,) if item],
        )
    for place, mine_all, theirs_all in (
        (f"{path}/action/odrl:refinement", wanted.action.refinements, given.action.refinements),
        (f"{path}/constraint", wanted.constraints, given.constraints),
    ):
        yield from _condition_changes(prover, place, mine_all, theirs_all, source)
    for duty in new_rules(given.duties, wanted.duties):
        yield change(ChangeKind.DUTY, "duty", (), [duty])
    for duty in new_rules(wanted.duties, given.duties):
        yield change(ChangeKind.REMOVED, "duty", [duty], ())


def dropped(path: str, wanted: Permission) -> TermChange:
    """Return that a permission is not granted at all."""
    return TermChange(ChangeKind.DROPPED, path, "rule", (wanted,))


def _condition_changes(
    prover: Proof,
    place: str,
    wanted: Sequence[Condition],
    given: Sequence[Condition],
    source: Source,
) -> Iterator[TermChange]:
    mine, theirs = _by_subject(wanted), _by_subject(given)
    whole, all_given = Box(wanted), Box(given)
    for key in (*mine, *(item for item in theirs if item not in mine)):
        asked, offered = mine.get(key, []), theirs.get(key, [])
        new = [item for item in offered if not prover.within(item, whole)]
        lost = [item for item in asked if not prover.within(item, all_given)]
        if not new and not lost:
            continue
        index = next((i for i, item in enumerate(wanted) if _holds(item, asked)), None)
        path = place if index is None else f"{place}/{index}"
        kind = _kind(prover.knowledge, key, asked, offered)
        yield TermChange(kind, path, key, tuple(asked), tuple(offered), source.name, source.rule)


def _kind(
    knowledge: Knowledge, key: str, asked: list[Condition], offered: list[Condition]
) -> ChangeKind:
    if key == PROTECTION and raised_between(asked, offered, knowledge):
        return ChangeKind.RAISED
    if not offered:
        return ChangeKind.REMOVED
    return ChangeKind.NARROWED if asked else ChangeKind.ADDED


def _holds(item: Condition, asked: list[Condition]) -> bool:
    forms = [condition_form(part) for part in flat([item])]
    return any(condition_form(part) in forms for part in asked)


def _by_subject(items: Sequence[Condition]) -> dict[str, list[Condition]]:
    found: dict[str, list[Condition]] = {}
    for item in flat(items):
        found.setdefault(subject(item), []).append(item)
    return found


def _parties(rule: Permission) -> dict[str, list[Reference]]:
    """Return whom and what a permission names, by what part they play; who grants plays none."""
    found: dict[str, list[Reference]] = {}
    for name, item in (
        ("target", rule.target),
        ("assignee", rule.assignee),
        ("output", rule.output),
        *rule.functions,
    ):
        if item is not None:
            found.setdefault(name, []).append(item)
    return found


def _forms(items: Sequence[Reference]) -> frozenset[object]:
    return frozenset(reference_form(item) for item in items)


def _granted(prover: Proof, asked: Policy, rule: Permission) -> bool:
    """Return whether an offered permission is proved to grant nothing but what is asked for."""
    plain = replace(asked, prohibitions=(), obligations=())
    return not judge(prover, plain, Policy(kind=PolicyKind.OFFER, permissions=(rule,)))[1]


def _akin(prover: Proof, wanted: Permission, rule: Permission) -> bool:
    """Return whether an offered permission can be the answer to one that was asked for.

    The level of protection plays no part: it may be raised above all that was asked for.
    """
    if rule_form(wanted) == rule_form(rule):
        return True  # even where nothing could satisfy it
    if not common_actions(wanted.action.id, rule.action.id, prover.knowledge):
        return False
    if not agree(prover, wanted.target, rule.target):
        return False
    if not agree(prover, wanted.assignee, rule.assignee):
        return False
    stated = [
        item
        for item in flat((*wanted.constraints, *rule.constraints))
        if subject(item) != PROTECTION
    ]
    kept = concepts_met(stated, prover.knowledge)
    return kept is not None and not prover.apart(Box(kept))


def _distance(item: TermChange, knowledge: Knowledge) -> float:
    asked = [part for part in item.asked if isinstance(part, Constraint)]
    offered = [part for part in item.offered if isinstance(part, Constraint)]
    return distance(asked, offered, knowledge) if asked and offered else 1.0
