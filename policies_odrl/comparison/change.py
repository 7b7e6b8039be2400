"""What differs between the terms asked for and the terms offered, one change after the other.

In order of the request (action, whom and what it is for, conditions, duties), then what the offer
adds to the whole, then what it leaves out; an empty list means that both grant the same. Either
side computes the list itself; nothing here comes from what a peer says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final

from policies_odrl.algebra.boxes import Box, Proof
from policies_odrl.algebra.forms import condition_form, flat, opaque, reference_form, rule_form
from policies_odrl.comparison.compare import judge
from policies_odrl.comparison.differences import ChangeKind, Said, TermChange
from policies_odrl.comparison.meet import compatible
from policies_odrl.comparison.nearness import PROTECTION, cost, raise_by
from policies_odrl.comparison.rules import (
    granted_by_others,
    granting,
    pays_assigner,
    subject,
    unfolded,
)
from policies_odrl.evaluation.conditions import collections_of
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.model import (
    Action,
    Condition,
    Conflict,
    Iri,
    Permission,
    Policy,
    PolicyKind,
    Rule,
)
from policies_odrl.reading.inventory import Reference
from policies_odrl.vocabulary import PROFILES, same_action

MAX_PAIRS: Final = 1024  # pairs of permissions compared
Source = tuple[str, str]  # whose rule makes a change necessary, `offer` or `reserve`; its pointer


def term_changes(
    asked: Policy, offered: Policy, knowledge: Knowledge = NOTHING_MORE
) -> tuple[TermChange, ...]:
    """Return what an offer changes of what was asked for, in order; empty: nothing.

    Each permission asked for is compared with the permission offered that changes it least.

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
        *added_rules(asked, offered),
        *_lost_rules(asked, offered),
        *strategy_changes(asked, offered),
        *_readings(asked, offered, knowledge),
    )


# -- permissions ---------------------------------------------------------------------------------


def _granted_otherwise(prover: Proof, asked: Policy, offered: Policy) -> Iterator[TermChange]:
    """Yield what becomes of each permission asked for, then what is granted beyond all of them."""
    rules = granting(offered)
    met: set[str] = set()
    left = MAX_PAIRS
    for path, wanted in granting(asked):
        answers = [
            (list(permission_changes(prover, path, wanted, rule, ("offer", place))), place)
            for place, rule in rules[: max(left, 0)]
            if _akin(prover, wanted, rule)
        ]
        left -= len(rules)
        if answers:
            found, place = min(answers, key=lambda it: cost(it[0], prover.knowledge))
            yield from found
            met.add(place)
        else:
            yield dropped(path, asked.permissions[int(path.rpartition("/")[2])])
    for path, rule in rules:
        left -= len(asked.permissions)
        if path not in met and (left < 0 or not _granted(prover, asked, rule)):
            yield TermChange(ChangeKind.ADDED, "", "rule", (), (rule,), "offer", path)


def _akin(prover: Proof, wanted: Permission, rule: Permission) -> bool:
    """Return whether an offered permission can be the answer to one that was asked for.

    The level of protection plays no part: it may be raised above all that was asked for.
    """
    if rule_form(wanted) == rule_form(rule):
        return True  # even where nothing could satisfy it
    bare = (
        replace(
            it,
            action=Action(it.action.id),
            output=None,
            constraints=tuple(x for x in flat(it.constraints) if subject(x) != PROTECTION),
        )
        for it in (wanted, rule)
    )
    return compatible(prover, *bare)


def _granted(prover: Proof, asked: Policy, rule: Permission) -> bool:
    """Return whether an offered permission is proved to grant nothing but what is asked for."""
    plain = replace(asked, prohibitions=(), obligations=())
    return not judge(prover, plain, Policy(kind=PolicyKind.OFFER, permissions=(rule,)))[1]


def dropped(path: str, wanted: Permission) -> TermChange:
    """Return that a permission is not granted at all."""
    return TermChange(ChangeKind.DROPPED, path, "rule", (wanted,))


def permission_changes(
    prover: Proof, path: str, wanted: Permission, given: Permission, source: Source
) -> Iterator[TermChange]:
    """Yield what changes from a permission asked for to one that is given for it."""

    def change(
        kind: ChangeKind, operand: str, asked: Sequence[Said], offered: Sequence[Said]
    ) -> TermChange:
        return TermChange(kind, path, operand, tuple(asked), tuple(offered), *source)

    if same_action(wanted.action.id) != same_action(given.action.id):
        bare = [Action(wanted.action.id)], [Action(given.action.id)]
        yield change(ChangeKind.NARROWED, "action", *bare)
    mine, theirs = _parties(wanted), _parties(given)
    for name in dict.fromkeys((*mine, *theirs)):
        both = mine.get(name, []), theirs.get(name, [])
        if {*map(reference_form, both[0])} != {*map(reference_form, both[1])}:
            yield change(_moved(*both), name, *both)
    if granted_by_others(wanted.assigner, given.assigner) and any(
        map(pays_assigner, (*wanted.duties, *given.duties))
    ):
        grantors = [[item] for item in (wanted.assigner, given.assigner) if item]
        yield change(ChangeKind.NARROWED, "assigner", *grantors)
    for place, items, others in (
        (f"{path}/action/odrl:refinement", wanted.action.refinements, given.action.refinements),
        (f"{path}/constraint", wanted.constraints, given.constraints),
    ):
        yield from _condition_changes(prover, place, items, others, source)
    for _, duty in _new(given.duties, wanted.duties, ChangeKind.DUTY):
        yield change(ChangeKind.DUTY, "duty", (), [duty])
    for _, duty in _new(wanted.duties, given.duties, ChangeKind.DUTY):
        yield change(ChangeKind.REMOVED, "duty", [duty], ())


def _parties(rule: Permission) -> dict[str, list[Reference]]:
    """Return whom and what a permission names, by what part they play; who grants plays none."""
    found: dict[str, list[Reference]] = {}
    stated = [(part, getattr(rule, part)) for part in ("target", "assignee", "output")]
    for name, item in (*stated, *rule.functions):
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
    whole, all_given = Box(wanted), Box(given)
    for key in dict.fromkeys(map(subject, flat((*wanted, *given)))):
        asked, offered = (
            tuple(it for it in flat(side) if subject(it) == key) for side in (wanted, given)
        )
        if all(prover.within(item, whole) for item in offered) and all(
            prover.within(item, all_given) for item in asked
        ):
            continue
        forms = set(map(condition_form, asked))
        index = (
            i
            for i, item in enumerate(wanted)
            if not forms.isdisjoint(map(condition_form, flat([item])))
        )
        path = "/".join((place, *map(str, islice(index, 1))))
        up = key == PROTECTION and raise_by(asked, offered, prover.knowledge) > 0
        kind = ChangeKind.RAISED if up else _moved(asked, offered)
        yield TermChange(kind, path, key, asked, offered, *source)


def _moved(asked: Sequence[object], offered: Sequence[object]) -> ChangeKind:
    """Return what becomes of an attribute that two policies state otherwise."""
    if not offered:
        return ChangeKind.REMOVED
    return ChangeKind.NARROWED if asked else ChangeKind.ADDED


# -- whole policies ------------------------------------------------------------------------------


def added_rules(asked: Policy, offered: Policy, source: str = "offer") -> Iterator[TermChange]:
    """Yield the prohibitions and obligations that an offer adds, with all that they are about."""
    for kind, own, theirs in _wholes(asked, offered):
        for path, rule in _new(theirs, own, kind):
            yield TermChange(kind, "", kind.value, (), (rule,), source, path)


def _lost_rules(asked: Policy, offered: Policy) -> Iterator[TermChange]:
    """Yield the prohibitions and obligations of a request that an offer leaves out."""
    for kind, own, theirs in _wholes(asked, offered):
        for path, rule in _new(own, theirs, kind):
            yield TermChange(ChangeKind.REMOVED, path, kind.value, (rule,))


def _wholes(
    asked: Policy, offered: Policy
) -> tuple[tuple[ChangeKind, Sequence[Rule], Sequence[Rule]], ...]:
    mine, other = unfolded(asked), unfolded(offered)
    return (
        (ChangeKind.PROHIBITION, mine.prohibitions, other.prohibitions),
        (ChangeKind.OBLIGATION, mine.obligations, other.obligations),
    )


def _new(rules: Sequence[Rule], known: Sequence[Rule], kind: ChangeKind) -> list[tuple[str, Rule]]:
    """Return (JSON pointer, rule) of the rules of a kind that are none of those known."""
    forms = set(map(rule_form, known))
    return [
        (f"/{kind.value}/{index}", rule)
        for index, rule in enumerate(rules)
        if rule_form(rule) not in forms
    ]


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
    yield from _read_otherwise("profile", *({*it.profiles} - known for it in (asked, offered)))
    yield from _read_otherwise("inheritFrom", asked.inherits, offered.inherits)
    yield from _read_otherwise("isReplacedBy", {asked.replaced_by}, {offered.replaced_by})


def collection_changes(asked: Policy, offered: Policy) -> Iterator[TermChange]:
    """Yield that other things are taken for collections, where both policies prohibit something."""
    mine, theirs = unfolded(asked), unfolded(offered)
    if mine.prohibitions and theirs.prohibitions:
        yield from _read_otherwise("collection", collections_of(mine), collections_of(theirs))


def _read_otherwise(name: str, mine: Iterable[str], theirs: Iterable[str]) -> Iterator[TermChange]:
    before, after = (tuple(Iri(it) for it in sorted({*found}) if it) for found in (mine, theirs))
    if before != after:
        yield TermChange(_moved(before, after), "", name, before, after)
