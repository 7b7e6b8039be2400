"""What differs between the terms asked for and the terms offered, one change after the other.

In order of the request (action, whom and what it is for, conditions, duties), then what the offer
adds to the whole, then what it leaves out; an empty list means that both grant the same. Either
side computes the list itself; nothing here comes from what a peer says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from policies_odrl.algebra.boxes import Box, Proof
from policies_odrl.algebra.forms import condition_form, flat, opaque, reference_form, rule_form
from policies_odrl.comparison.compare import judge
from policies_odrl.comparison.meet import together
from policies_odrl.comparison.nearness import PROTECTION, WEIGHTS, distance, raised_between
from policies_odrl.comparison.phrases import Thing
from policies_odrl.comparison.rules import (
    agree,
    common_actions,
    granted_by_others,
    granting,
    pays_assigner,
    subject,
    unfolded,
)
from policies_odrl.comparison.term_change import ChangeKind, Source, TermChange, moved
from policies_odrl.evaluation.conditions import collections_of
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.model import (
    Action,
    Condition,
    Conflict,
    Constraint,
    Iri,
    Permission,
    Policy,
    PolicyKind,
    Rule,
)
from policies_odrl.reading.inventory import Reference
from policies_odrl.vocabulary import PROFILES, same_action

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
        *_lost_rules(asked, offered),
        *strategy_changes(asked, offered),
        *_readings(asked, offered, knowledge),
    )


# -- permissions ---------------------------------------------------------------------------------


def _granted_otherwise(prover: Proof, asked: Policy, offered: Policy) -> Iterator[TermChange]:
    """Yield what becomes of each permission asked for, then what is granted beyond all of them."""
    rules = list(granting(offered))
    met: set[str] = set()
    left = MAX_PAIRS
    for path, wanted in granting(asked):
        best = _nearest(prover, path, wanted, rules[: max(left, 0)])
        left -= len(rules)
        if best is None:
            yield dropped(path, asked.permissions[int(path.rpartition("/")[2])])
        else:
            yield from best[1]
            met.add(best[0])
    for path, rule in rules:
        left -= len(asked.permissions)
        if path not in met and (left < 0 or not _granted(prover, asked, rule)):
            yield TermChange(ChangeKind.ADDED, "", "rule", (), (rule,), "offer", path)


def _nearest(
    prover: Proof, path: str, wanted: Permission, rules: Sequence[tuple[str, Permission]]
) -> tuple[str, list[TermChange]] | None:
    """Return the permission that changes least of one asked for, and what it changes."""
    answers = [
        (place, list(permission_changes(prover, path, wanted, rule, Source("offer", place))))
        for place, rule in rules
        if _akin(prover, wanted, rule)
    ]
    return min(answers, key=lambda found: cost(found[1], prover.knowledge), default=None)


def _akin(prover: Proof, wanted: Permission, rule: Permission) -> bool:
    """Return whether an offered permission can be the answer to one that was asked for.

    The level of protection plays no part: it may be raised above all that was asked for.
    """
    if rule_form(wanted) == rule_form(rule):
        return True  # even where nothing could satisfy it
    stated = flat((*wanted.constraints, *rule.constraints))
    return (
        bool(common_actions(wanted.action.id, rule.action.id, prover.knowledge))
        and agree(prover, wanted.target, rule.target)
        and agree(prover, wanted.assignee, rule.assignee)
        and together([item for item in stated if subject(item) != PROTECTION], prover)
    )


def _granted(prover: Proof, asked: Policy, rule: Permission) -> bool:
    """Return whether an offered permission is proved to grant nothing but what is asked for."""
    plain = replace(asked, prohibitions=(), obligations=())
    return not judge(prover, plain, Policy(kind=PolicyKind.OFFER, permissions=(rule,)))[1]


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


def _distance(item: TermChange, knowledge: Knowledge) -> float:
    asked = [part for part in item.asked if isinstance(part, Constraint)]
    offered = [part for part in item.offered if isinstance(part, Constraint)]
    return distance(asked, offered, knowledge) if asked and offered else 1.0


def dropped(path: str, wanted: Permission) -> TermChange:
    """Return that a permission is not granted at all."""
    return TermChange(ChangeKind.DROPPED, path, "rule", (wanted,))


def permission_changes(
    prover: Proof, path: str, wanted: Permission, given: Permission, source: Source
) -> Iterator[TermChange]:
    """Yield what changes from a permission asked for to one that is given for it."""

    def change(
        kind: ChangeKind, operand: str, asked: Sequence[Thing], offered: Sequence[Thing]
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
        if set(map(reference_form, mine)) != set(map(reference_form, theirs)):
            yield change(moved(mine, theirs), name, mine, theirs)
    if granted_by_others(wanted.assigner, given.assigner) and any(
        pays_assigner(duty) for duty in (*wanted.duties, *given.duties)
    ):
        grantors = [[item] for item in (wanted.assigner, given.assigner) if item]
        yield change(ChangeKind.NARROWED, "assigner", *grantors)
    for place, mine_all, theirs_all in (
        (f"{path}/action/odrl:refinement", wanted.action.refinements, given.action.refinements),
        (f"{path}/constraint", wanted.constraints, given.constraints),
    ):
        yield from _condition_changes(prover, place, mine_all, theirs_all, source)
    for duty in _new_rules(given.duties, wanted.duties):
        yield change(ChangeKind.DUTY, "duty", (), [duty])
    for duty in _new_rules(wanted.duties, given.duties):
        yield change(ChangeKind.REMOVED, "duty", [duty], ())


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


def _condition_changes(
    prover: Proof,
    place: str,
    wanted: Sequence[Condition],
    given: Sequence[Condition],
    source: Source,
) -> Iterator[TermChange]:
    """Yield what becomes of conditions; one that is entailed by the other side's is no change."""
    mine, theirs = _by_subject(wanted), _by_subject(given)
    whole, all_given = Box(wanted), Box(given)
    for key in dict.fromkeys((*mine, *theirs)):
        asked, offered = mine.get(key, []), theirs.get(key, [])
        if all(prover.within(item, whole) for item in offered) and all(
            prover.within(item, all_given) for item in asked
        ):
            continue
        index = next((i for i, item in enumerate(wanted) if _holds(item, asked)), None)
        path = place if index is None else f"{place}/{index}"
        up = key == PROTECTION and raised_between(asked, offered, prover.knowledge)
        kind = ChangeKind.RAISED if up else moved(asked, offered)
        yield TermChange(kind, path, key, tuple(asked), tuple(offered), source.name, source.rule)


def _holds(item: Condition, asked: list[Condition]) -> bool:
    forms = [condition_form(part) for part in flat([item])]
    return any(condition_form(part) in forms for part in asked)


def _by_subject(items: Sequence[Condition]) -> dict[str, list[Condition]]:
    found: dict[str, list[Condition]] = {}
    for item in flat(items):
        found.setdefault(subject(item), []).append(item)
    return found


# -- whole policies ------------------------------------------------------------------------------


def rest_changes(asked: Policy, offered: Policy, source: str = "offer") -> Iterator[TermChange]:
    """Yield the prohibitions and obligations that an offer adds, with all that they are about."""
    for kind, own, theirs in _wholes(asked, offered):
        added = _new_rules(theirs, own)
        for index, rule in enumerate(theirs):
            if rule in added:
                path = f"/{kind.value}/{index}"
                yield TermChange(kind, "", kind.value, (), (rule,), source, path)


def _lost_rules(asked: Policy, offered: Policy) -> Iterator[TermChange]:
    """Yield the prohibitions and obligations of a request that an offer leaves out."""
    for kind, own, theirs in _wholes(asked, offered):
        for rule in _new_rules(own, theirs):
            path = f"/{kind.value}/{own.index(rule)}"
            yield TermChange(ChangeKind.REMOVED, path, kind.value, (rule,))


def _wholes(
    asked: Policy, offered: Policy
) -> tuple[tuple[ChangeKind, Sequence[Rule], Sequence[Rule]], ...]:
    mine, other = unfolded(asked), unfolded(offered)
    return (
        (ChangeKind.PROHIBITION, mine.prohibitions, other.prohibitions),
        (ChangeKind.OBLIGATION, mine.obligations, other.obligations),
    )


def _new_rules(rules: Sequence[Rule], known: Sequence[Rule]) -> list[Rule]:
    """Return the rules that are none of those known."""
    forms = {rule_form(rule) for rule in known}
    return [rule for rule in rules if rule_form(rule) not in forms]


def strategy_changes(asked: Policy, offered: Policy) -> Iterator[TermChange]:
    """Yield that prohibitions weigh otherwise than asked for (IM 2.10).

    Nothing is asked for where no strategy is stated and nothing prohibited.
    """
    mine, theirs = (it.conflict or Conflict.INVALID for it in (asked, offered))
    silent = asked.conflict is None and not asked.prohibitions
    if mine is not theirs and unfolded(offered).prohibitions and not silent:
        yield TermChange(ChangeKind.NARROWED, "", "conflict", (mine,), (theirs,))


def _readings(asked: Policy, offered: Policy, knowledge: Knowledge) -> Iterator[TermChange]:
    """Yield what makes that a policy is read otherwise, or cannot be, as evaluation does."""
    known = PROFILES | knowledge.profiles
    yield from collection_changes(asked, offered)
    for name, mine, theirs in (
        ("profile", frozenset(asked.profiles) - known, frozenset(offered.profiles) - known),
        ("inheritFrom", frozenset(asked.inherits), frozenset(offered.inherits)),
        ("isReplacedBy", frozenset([asked.replaced_by]), frozenset([offered.replaced_by])),
    ):
        yield from _read_otherwise(name, mine, theirs)


def collection_changes(asked: Policy, offered: Policy) -> Iterator[TermChange]:
    """Yield that other things are taken for collections, where both policies prohibit something."""
    mine, theirs = unfolded(asked), unfolded(offered)
    if mine.prohibitions and theirs.prohibitions:
        yield from _read_otherwise("collection", collections_of(mine), collections_of(theirs))


def _read_otherwise(
    name: str, mine: frozenset[str], theirs: frozenset[str]
) -> Iterator[TermChange]:
    before, after = (tuple(Iri(it) for it in sorted(found) if it) for found in (mine, theirs))
    if before != after:
        yield TermChange(moved(before, after), "", name, before, after)
