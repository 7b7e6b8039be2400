"""What differs between the terms asked for and the terms offered, one change after the other.

Rules: in order of the request (action, whom and what it is for, conditions, duties), then what the
offer adds; a condition that says the same in other words is no change, and neither is one that
follows from a stricter one. Either side computes the list itself by comparing the two policies;
nothing here comes from what a peer says about them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from policies_odrl import text
from policies_odrl.comparison.box import Box
from policies_odrl.comparison.change_phrases import CHANGES, number, thing
from policies_odrl.comparison.compared import Said, brief
from policies_odrl.comparison.distance import WEIGHTS, distance
from policies_odrl.comparison.fit import Reference
from policies_odrl.comparison.forms import condition_form, flat, rule_form, same_reference
from policies_odrl.comparison.meeting import agree, common_actions, concepts_met, subject
from policies_odrl.comparison.proof import Proof
from policies_odrl.comparison.protection import PROTECTION, raised_between
from policies_odrl.comparison.regions import NOTHING_MORE
from policies_odrl.knowledge import Knowledge
from policies_odrl.language.phrases import LANGUAGES
from policies_odrl.model import (
    Action,
    Condition,
    Conflict,
    Constraint,
    Permission,
    Policy,
)
from policies_odrl.vocabulary import same_action

MAX_PAIRS: Final = 1024  # pairs of permissions compared


class ChangeKind(StrEnum):
    """What becomes of an attribute."""

    NARROWED = "narrowed"
    RAISED = "raised"  # more protection of the data than asked for
    ADDED = "added"
    REMOVED = "removed"
    DUTY = "duty"
    PROHIBITION = "prohibition"
    OBLIGATION = "obligation"
    DROPPED = "dropped"  # a permission that is not granted at all


@dataclass(frozen=True, slots=True)
class TermChange:
    """One difference.

    Attributes:
        kind: see `ChangeKind`.
        path: JSON pointer into the request of what changes; of its rule for what is added.
        operand: IRI of the left operand, or `action`, `target`, `assignee`, `duty`, `prohibition`,
            `obligation`, `rule`, or how conditions are joined (`or`).
        asked: what the request says; empty for what is added.
        offered: what is offered instead; empty for what is not granted.
        because: whose rule asks for it: `offer` or `reserve`; empty when nobody's in particular.
        rule: JSON pointer of that rule; empty when none.
    """

    kind: ChangeKind
    path: str
    operand: str
    asked: tuple[Said, ...] = ()
    offered: tuple[Said, ...] = ()
    because: str = ""
    rule: str = ""

    @property
    def line(self) -> str:
        """One line in the terms of the policies."""
        asked = ", ".join(brief(item) for item in self.asked) or "not stated"
        offered = ", ".join(brief(item) for item in self.offered) or "not granted"
        why = f" because of {self.because} {self.rule}" if self.because else ""
        return f"{self.path}: {text.term(self.operand)}: {asked} -> {offered}{why}"

    def said(self, lang: str = "en") -> str:
        """Return the change as a sentence.

        Args:
            lang: `en` or `fr`.

        Raises:
            ValueError: another language.
        """
        index = LANGUAGES.index(lang)
        because = ""
        if self.because:
            because = CHANGES["because"][index].format(
                source=CHANGES[self.because][index], rule=number(self.rule, lang)
            )
        return CHANGES[self.kind.value][index].format(
            asked="; ".join(thing(item, lang) for item in self.asked),
            offered="; ".join(thing(item, lang) for item in self.offered),
            because=because,
        )


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
    found: list[TermChange] = []
    tried = 0
    for index, wanted in enumerate(asked.permissions):
        best: list[TermChange] | None = None
        for place, rule in enumerate(offered.permissions):
            tried += 1
            if tried > MAX_PAIRS or not _akin(prover, asked, wanted, offered, rule):
                continue
            source = Source("offer", f"/permission/{place}")
            listed = list(permission_changes(prover, f"/permission/{index}", wanted, rule, source))
            if best is None or cost(listed, knowledge) < cost(best, knowledge):
                best = listed
        found.extend(best if best is not None else [dropped(f"/permission/{index}", wanted)])
    return (*found, *rest_changes(asked, offered))


@dataclass(frozen=True, slots=True)
class Source:
    """Whose rule makes a change necessary.

    Attributes:
        name: `offer` or `reserve`.
        rule: JSON pointer of the rule.
    """

    name: str
    rule: str


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
        kind: ChangeKind, operand: str, asked: Sequence[Said], offered: Sequence[Said]
    ) -> TermChange:
        return TermChange(
            kind, path, operand, tuple(asked), tuple(offered), source.name, source.rule
        )

    if same_action(wanted.action.id) != same_action(given.action.id):
        bare = [Action(wanted.action.id)], [Action(given.action.id)]
        yield change(ChangeKind.NARROWED, "action", *bare)
    for name in ("target", "assignee"):
        mine: Reference | None = getattr(wanted, name)
        theirs: Reference | None = getattr(given, name)
        if theirs is not None and (mine is None or not same_reference(mine, theirs)):
            kind = ChangeKind.ADDED if mine is None else ChangeKind.NARROWED
            yield change(kind, name, [] if mine is None else [mine], [theirs])
    for place, mine_all, theirs_all in (
        (f"{path}/action/odrl:refinement", wanted.action.refinements, given.action.refinements),
        (f"{path}/constraint", wanted.constraints, given.constraints),
    ):
        yield from _condition_changes(prover, place, mine_all, theirs_all, source)
    accepted = {rule_form(duty) for duty in wanted.duties}
    for duty in given.duties:
        if rule_form(duty) not in accepted:
            yield change(ChangeKind.DUTY, "duty", (), [duty])


def rest_changes(asked: Policy, offered: Policy, source: str = "offer") -> Iterator[TermChange]:
    """Yield the prohibitions and obligations that an offer adds."""
    kept = {rule_form(rule) for rule in asked.prohibitions}
    for index, ban in enumerate(offered.prohibitions):
        if offered.conflict is not Conflict.PERM and rule_form(ban) not in kept:
            path = f"/prohibition/{index}"
            yield TermChange(ChangeKind.PROHIBITION, "", "prohibition", (), (ban,), source, path)
    accepted = {rule_form(rule) for rule in asked.obligations}
    for index, duty in enumerate(offered.obligations):
        if rule_form(duty) not in accepted:
            path = f"/obligation/{index}"
            yield TermChange(ChangeKind.OBLIGATION, "", "obligation", (), (duty,), source, path)


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


def _akin(
    prover: Proof, asked: Policy, wanted: Permission, offered: Policy, rule: Permission
) -> bool:
    """Return whether an offered permission can be the answer to one that was asked for.

    The level of protection plays no part: it may be raised above all that was asked for.
    """
    if not common_actions(wanted.action.id, rule.action.id, prover.knowledge):
        return False
    pairs: tuple[tuple[Reference | None, Reference | None], ...] = (
        (asked.target_of(wanted), offered.target_of(rule)),
        (asked.assignee_of(wanted), offered.assignee_of(rule)),
    )
    if not all(agree(prover, mine, theirs) for mine, theirs in pairs):
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
