"""What differs between the terms asked for and the terms offered, one change after the other.

In order of the request, then what the offer adds to the whole, then what it leaves out. Either side
computes the list itself; nothing here comes from what a peer says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import islice, product
from typing import Final

from policies_odrl import model
from policies_odrl.algebra.boxes import Box, Proof
from policies_odrl.algebra.forms import condition_form, flat, opaque, reference_form, rule_form
from policies_odrl.comparison import rules
from policies_odrl.comparison.compare import judge
from policies_odrl.comparison.differences import ChangeKind, Compared, Said
from policies_odrl.comparison.meet import compatible
from policies_odrl.evaluation.conditions import collections_of
from policies_odrl.evaluation.operands import check
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.logic import Truth
from policies_odrl.model import Action, Condition, Constraint, Iri, Permission, Policy, Rule
from policies_odrl.reading.inventory import Reference
from policies_odrl.values import Duration, Span, Step, name, scalar
from policies_odrl.vocabulary import DPV, LEVELS, PREAU, PROFILES, Kind, same_action

PROTECTION: Final = PREAU + "protectionLevel"
PURPOSE: Final = model.ODRL + "purpose"
# Attribute -> weight of changing it; 1 for all others: a purpose weighs more than a few days.
WEIGHTS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("action", "target", "assignee", PURPOSE), 8),
    **dict.fromkeys((PROTECTION, DPV + "hasLegalBasis", PREAU + "isolationTier"), 4),
    **dict.fromkeys((model.ODRL + "recipient", model.ODRL + "spatial"), 4),
    **dict.fromkeys((model.ODRL + "dateTime", PREAU + "retention", PREAU + "epsilon", "duty"), 2),
}
_YEAR: Final = 31_556_952  # mean Gregorian year, seconds
MAX_PAIRS: Final = 1024  # pairs of permissions compared
Cost = tuple[int, int, float]  # number of attributes, sum of their weights, sum of their distances
Source = tuple[str, str]  # whose rule makes a change necessary, `offer` or `reserve`; its pointer


def term_changes(
    asked: Policy, offered: Policy, knowledge: Knowledge = NOTHING_MORE
) -> tuple[Compared, ...]:
    """Return what an offer changes of what was asked for, by the nearest permissions, in order."""
    asked, offered = opaque(asked), opaque(offered)
    return (
        *_granted_otherwise(Proof(knowledge=knowledge), asked, offered),
        *rule_changes(asked, offered),
        *rule_changes(asked, offered, lost=True),
        *strategy_changes(asked, offered),
        *_readings(asked, offered, knowledge),
    )


def _granted_otherwise(prover: Proof, asked: Policy, offered: Policy) -> Iterator[Compared]:
    """Yield what becomes of each permission asked for, then what is granted beyond all of them."""
    given = rules.granting(offered)
    met: set[str] = set()
    left = MAX_PAIRS
    for path, wanted in rules.granting(asked):
        answers = [
            (list(permission_changes(prover, path, wanted, rule, ("offer", place))), place)
            for place, rule in given[: max(left, 0)]
            if _akin(prover, wanted, rule)
        ]
        left -= len(given)
        if answers:
            found, place = min(answers, key=lambda it: cost(it[0], prover.knowledge))
            yield from found
            met.add(place)
        else:
            rule = asked.permissions[int(path.rpartition("/")[2])]
            yield Compared(ChangeKind.DROPPED, path, "rule", (rule,))
    plain = replace(asked, prohibitions=(), obligations=())
    for path, rule in given:
        left -= len(asked.permissions)
        alone = Policy(kind=model.PolicyKind.OFFER, permissions=(rule,))
        # what is proved to grant nothing but what is asked for is no change
        if path not in met and (left < 0 or judge(prover, plain, alone)[1]):
            yield Compared(ChangeKind.ADDED, "", "rule", (), (rule,), "offer", path)


def _akin(prover: Proof, wanted: Permission, rule: Permission) -> bool:
    """Return whether an offered permission can be the answer to one that was asked for.

    The level of protection plays no part: it may be raised above all that was asked for.
    """
    if rule_form(wanted) == rule_form(rule):
        return True  # even where nothing could satisfy it
    bare = []
    for it in (wanted, rule):
        kept = tuple(x for x in flat(it.constraints) if rules.subject(x) != PROTECTION)
        bare.append(replace(it, action=Action(it.action.id), output=None, constraints=kept))
    return compatible(prover, *bare)


def permission_changes(
    prover: Proof, path: str, wanted: Permission, given: Permission, source: Source
) -> Iterator[Compared]:
    """Yield what changes from a permission asked for to one that is given for it."""
    mine, theirs = _named(wanted), _named(given)
    both = {part: (mine.get(part, ()), theirs.get(part, ())) for part in {**mine, **theirs}}
    paid = any(map(rules.pays_assigner, (*wanted.duties, *given.duties)))
    if paid and wanted.assigner and given.assigner:
        both["assigner"] = ((wanted.assigner,), (given.assigner,))
    for part, (asked, offered) in both.items():
        if set(map(_form, asked)) != set(map(_form, offered)):
            yield Compared(_moved(asked, offered), path, part, asked, offered, *source)
    for place, items, others in (
        (f"{path}/action/odrl:refinement", wanted.action.refinements, given.action.refinements),
        (f"{path}/constraint", wanted.constraints, given.constraints),
    ):
        yield from _condition_changes(prover, place, items, others, source)
    for _, duty in _new(given.duties, wanted.duties):
        yield Compared(ChangeKind.DUTY, path, "duty", (), (duty,), *source)
    for _, duty in _new(wanted.duties, given.duties):
        yield Compared(ChangeKind.REMOVED, path, "duty", (duty,), (), *source)


def _named(rule: Permission) -> dict[str, tuple[Action | Reference, ...]]:
    """Return the action, and whom and what a permission names; who grants plays no part."""
    found: dict[str, tuple[Action | Reference, ...]] = {}
    for part, item in rules.attributes(rule):
        if not isinstance(item, Condition):
            found[part] = (*found.get(part, ()), item)
    return found


def _form(item: Action | Reference) -> object:
    return same_action(item.id) if isinstance(item, Action) else reference_form(item)


def _condition_changes(
    prover: Proof,
    place: str,
    wanted: Sequence[Condition],
    given: Sequence[Condition],
    source: Source,
) -> Iterator[Compared]:
    """Yield what becomes of conditions; one that is entailed by the other side's is no change."""
    whole, all_given = Box(wanted), Box(given)
    for key in dict.fromkeys(map(rules.subject, flat((*wanted, *given)))):
        asked, offered = (
            tuple(it for it in flat(side) if rules.subject(it) == key) for side in (wanted, given)
        )
        if all(prover.within(item, whole) for item in offered) and all(
            prover.within(item, all_given) for item in asked
        ):
            continue
        forms = set(map(condition_form, asked))
        index = (
            str(i)
            for i, item in enumerate(wanted)
            if not forms.isdisjoint(map(condition_form, flat([item])))
        )
        up = key == PROTECTION and raise_by(asked, offered, prover.knowledge) > 0
        kind = ChangeKind.RAISED if up else _moved(asked, offered)
        yield Compared(kind, "/".join((place, *islice(index, 1))), key, asked, offered, *source)


def _moved(asked: Sequence[object], offered: Sequence[object]) -> ChangeKind:
    """Return what becomes of an attribute that two policies state otherwise."""
    if not offered:
        return ChangeKind.REMOVED
    return ChangeKind.NARROWED if asked else ChangeKind.ADDED


def rule_changes(
    asked: Policy, offered: Policy, source: str = "offer", *, lost: bool = False
) -> Iterator[Compared]:
    """Yield the bans and obligations that an offer adds, or those that it leaves out."""
    for kind in (ChangeKind.PROHIBITION, ChangeKind.OBLIGATION):
        mine, theirs = (getattr(rules.unfolded(it), f"{kind.value}s") for it in (asked, offered))
        for index, rule in _new(mine, theirs) if lost else _new(theirs, mine):
            path = f"/{kind.value}/{index}"
            if lost:
                yield Compared(ChangeKind.REMOVED, path, kind.value, (rule,))
            else:
                yield Compared(kind, "", kind.value, (), (rule,), source, path)


def _new(stated: Sequence[Rule], known: Sequence[Rule]) -> list[tuple[int, Rule]]:
    """Return the rules that are none of those known, with their places."""
    forms = set(map(rule_form, known))
    return [(index, rule) for index, rule in enumerate(stated) if rule_form(rule) not in forms]


def strategy_changes(asked: Policy, offered: Policy) -> Iterator[Compared]:
    """Yield that prohibitions weigh otherwise than asked for, where anything is (IM 2.10)."""
    mine, theirs = (it.conflict or model.Conflict.INVALID for it in (asked, offered))
    silent = asked.conflict is None and not asked.prohibitions
    if mine is not theirs and rules.unfolded(offered).prohibitions and not silent:
        yield Compared(ChangeKind.NARROWED, "", "conflict", (mine,), (theirs,))


def _readings(asked: Policy, offered: Policy, knowledge: Knowledge) -> Iterator[Compared]:
    """Yield what makes that a policy is read otherwise, or cannot be, as evaluation does."""
    known = PROFILES | knowledge.profiles
    yield from collection_changes(asked, offered)
    yield from _read_otherwise("profile", *({*it.profiles} - known for it in (asked, offered)))
    yield from _read_otherwise("inheritFrom", asked.inherits, offered.inherits)
    yield from _read_otherwise("isReplacedBy", {asked.replaced_by}, {offered.replaced_by})


def collection_changes(asked: Policy, offered: Policy) -> Iterator[Compared]:
    """Yield that other things are taken for collections, where both policies prohibit something."""
    mine, theirs = rules.unfolded(asked), rules.unfolded(offered)
    if mine.prohibitions and theirs.prohibitions:
        yield from _read_otherwise("collection", collections_of(mine), collections_of(theirs))


def _read_otherwise(operand: str, mine: Iterable[str], theirs: Iterable[str]) -> Iterator[Compared]:
    before, after = (tuple(Iri(it) for it in sorted({*found}) if it) for found in (mine, theirs))
    if before != after:
        yield Compared(_moved(before, after), "", operand, before, after)


def cost(found: Sequence[Compared], knowledge: Knowledge) -> Cost:
    """Return how much changes ask of the other party; compared from left to right."""
    weight = sum(WEIGHTS.get(item.operand, 1) for item in found)
    return len(found), weight, sum(distance(it.asked, it.offered, knowledge) for it in found)


def distance(asked: Sequence[Said], offered: Sequence[Said], knowledge: Knowledge) -> float:
    """Return how far what is offered lies from what was asked, between 0 and 1."""
    return max(
        (
            _between(mine, theirs, knowledge)
            for mine, theirs in product(asked, offered)
            if isinstance(mine, Constraint) and isinstance(theirs, Constraint)
        ),
        default=1.0,
    )


def _between(mine: Constraint, theirs: Constraint, knowledge: Knowledge) -> float:
    operand = knowledge.operand(mine.left)
    if operand is None or mine.left != theirs.left:
        return 1.0
    if operand.kind is Kind.CONCEPT:
        near = [
            min((_steps(name(value), name(it), knowledge) for it in mine.right), default=1.0)
            for value in theirs.right
        ]
        return max(near, default=1.0)
    single = [it.right[0] for it in (mine, theirs) if len(it.right) == 1]
    match [scalar(operand.kind, value) for value in single]:
        case [Step() as one, Step() as two]:  # steps of the list
            return abs(one.rank - two.rank) / max(1, len(LEVELS.get(operand.id, ())))
        case [Span() as one, Span() as two]:
            gap = abs((one.start - two.start).total_seconds())
            return gap / (gap + _YEAR)
        case [Decimal() | Duration() as one, Decimal() | Duration() as two]:
            first, second = _size(one), _size(two)
            return abs(first - second) / (abs(first) + abs(second) or 1)
    return 1.0


def _size(value: Decimal | Duration) -> float:
    if isinstance(value, Duration):
        return value.months * _YEAR / 12 + float(value.seconds)
    return float(value)


def _steps(one: str | None, two: str | None, knowledge: Knowledge) -> float:
    """Return the steps between two concepts of which one is broader, as a part of the whole."""
    above, over = knowledge.above(one or ""), knowledge.above(two or "")
    steps = len(above ^ over)
    return steps / (steps + 1) if two in above or one in over else 1.0


def raised(prover: Proof, wanted: Permission, rule: Permission) -> Permission | None:
    """Return what is asked for at the level of a rule for the same purpose, or None.

    None where the rule is for other purposes, or its level is not above all that is asked for. The
    level is only ever raised, and by as few steps as the rule allows.
    """
    box = Box(wanted.constraints)
    asked, offered = (_on(PROTECTION, it.constraints) for it in (wanted, rule))
    low, high = (_levels(items, prover.knowledge) for items in (asked, offered))
    if not (asked and offered and low and high) or low[-1] >= high[0]:
        return None  # where levels overlap there is no need to leave what was asked for
    if not all(prover.within(item, box) for item in _on(PURPOSE, rule.constraints)):
        return None
    kept = [item for item in flat(wanted.constraints) if item not in asked]
    return replace(wanted, constraints=(*kept, *offered))


def raise_by(asked: Sequence[Condition], offered: Sequence[Condition], knowledge: Knowledge) -> int:
    """Return by how many steps the lowest level offered is above the lowest one asked for."""
    low, high = _levels(asked, knowledge), _levels(offered, knowledge)
    return high[0] - low[0] if low and high else 0


def _levels(items: Sequence[Condition], knowledge: Knowledge) -> list[int]:
    """Return the levels of protection that conditions allow, from the lowest; all without any."""
    stated = _on(PROTECTION, items)
    return [
        rank
        for rank, step in enumerate(LEVELS[PROTECTION])
        if all(check(item, (Iri(step),), knowledge)[0] is Truth.TRUE for item in stated)
    ]


def _on(left: str, items: Sequence[Condition]) -> list[Constraint]:
    return [it for it in flat(items) if isinstance(it, Constraint) and it.left == left]
