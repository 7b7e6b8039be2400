"""Is this request inside that offer? Do two policies mean the same? How do they relate?

Yes only with a proof for each attribute; No only with a witness that evaluation itself confirms;
Unknown otherwise, with the fact that is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import product
from typing import Final, NamedTuple

from policies_odrl.algebra.boxes import MAX_PROOF, Box, Proof
from policies_odrl.algebra.forms import flat, opaque, operands_of, reference_form, rule_form
from policies_odrl.comparison import rules
from policies_odrl.comparison.differences import ChangeKind, Compared, Said
from policies_odrl.comparison.meet import meet
from policies_odrl.comparison.witness import common_request, find_witness
from policies_odrl.evaluation.conditions import collections_of
from policies_odrl.evaluation.request import Request
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.logic import Judged
from policies_odrl.model import Conflict, Constraint, Duty, LogicalConstraint, Permission, Policy
from policies_odrl.vocabulary import PROFILES, same_action

GIVEN_UP: Final = f"the comparison was given up after {MAX_PROOF} steps"
_Lines = tuple[Compared, ...]
_Where = tuple[str, str]  # JSON pointers of the rule asked for, and of the one offered


class Answer(Judged, Enum):
    """Yes, no, or not to be told."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Containment:
    """Whether a request lies within an offer."""

    answer: Answer
    covered: tuple[Compared, ...] = ()  # each attribute shown to lie within; with Yes, the proof
    gaps: tuple[Compared, ...] = ()  # with No and Unknown, each attribute that does not fit
    witness: Request | None = None  # with No, a request that the asked terms grant, the offer not
    missing: tuple[str, ...] = ()  # with Unknown, facts

    def __bool__(self) -> bool:
        return self.answer is Answer.YES


class Relation(Enum):
    """What one policy is to another."""

    EQUIVALENT = "equivalent"
    WITHIN = "within"  # the first within the second
    CONTAINS = "contains"  # the second within the first
    OVERLAPPING = "overlapping"
    DISJOINT = "disjoint"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Comparison(Judged):
    """How two policies relate."""

    relation: Relation
    forward: Containment  # of the first in the second
    backward: Containment  # of the second in the first
    shared: Request | None = None  # where they overlap, a request that both grant
    missing: tuple[str, ...] = ()  # with Unknown, facts


def contains(offer: Policy, request: Policy, knowledge: Knowledge = NOTHING_MORE) -> Containment:
    """Return whether everything that the request's terms would grant, the offer grants too."""
    offer, request = opaque(offer), opaque(request)
    unclear = rules.obstacle(offer, knowledge) or rules.obstacle(request, knowledge)
    if unclear or rules.too_large(offer, request):
        return Containment(Answer.UNKNOWN, missing=(unclear or rules.TOO_MANY,))
    prover = Proof(knowledge=knowledge)
    covered, gaps = judge(prover, offer, request)
    if not gaps:
        return Containment(Answer.YES, covered)
    doubtful = frozenset(item.operand for item in gaps)
    witness, missing = find_witness(offer, request, knowledge, doubtful)
    if witness is not None:
        return Containment(Answer.NO, covered, gaps, witness)
    unproved = (GIVEN_UP,) if prover.exhausted else tuple(f"whether {it.line}" for it in gaps)
    return Containment(Answer.UNKNOWN, covered, gaps, missing=missing or unproved)


def compare(left: Policy, right: Policy, knowledge: Knowledge = NOTHING_MORE) -> Comparison:
    """Return how two policies relate, with proofs and witnesses."""
    left, right = opaque(left), opaque(right)
    both = forward, backward = contains(right, left, knowledge), contains(left, right, knowledge)
    if forward or backward:
        within = Relation.WITHIN if forward else Relation.CONTAINS
        return Comparison(Relation.EQUIVALENT if forward and backward else within, *both)
    missing = tuple(dict.fromkeys((*forward.missing, *backward.missing)))
    if not forward.gaps:  # nobody can say what one of them grants
        return Comparison(Relation.UNKNOWN, *both, missing=missing)
    common = meet(left, right, knowledge)
    if common is None:
        unclear = _unclear(left, right, knowledge)
        relation = Relation.UNKNOWN if unclear else Relation.DISJOINT
        return Comparison(relation, *both, missing=unclear)
    shared = common_request(common, left, right, knowledge)
    if shared is None:
        missing = missing or ("whether any request is granted by both",)
        return Comparison(Relation.UNKNOWN, *both, missing=missing)
    return Comparison(Relation.OVERLAPPING, *both, shared)


def _unclear(left: Policy, right: Policy, knowledge: Knowledge) -> tuple[str, ...]:
    """Return which references may have in common what only evidence could tell."""
    prover = Proof(knowledge=knowledge)
    vague = collections_of(left) | collections_of(right)
    rights = [rule for _, rule in rules.asked_for(right)]
    found: list[str] = []
    for (_, mine), other, part in product(rules.asked_for(left), rights, rules.NAMED):
        one, two = getattr(mine, part), getattr(other, part)
        told = part != "output" and rules.apart(one, two, vague)
        if not told and not rules.narrower(prover, one, two):
            names = f"`{one.id or one.source}` and `{two.id or two.source}`"
            found.append(f"whether {names} share anything")
    return tuple(dict.fromkeys(found))[:8]


def same_meaning(left: Policy, right: Policy) -> bool:
    """Return whether two policies set the same terms.

    Class, identifiers, order, spelling of values, metadata and time of conclusion play no part. A
    target or party of the whole policy that only one of the two names plays none either (an offer
    leaves open what its agreement fills in); one that both name must be the same, and so must be
    what keeps evaluation from deciding: unknown profiles, parents, a successor.
    """
    one, two = (({*it.profiles} - PROFILES, {*it.inherits}, it.replaced_by) for it in (left, right))
    if one != two or any(
        rules.differ(getattr(left, part), getattr(right, part)) for part in rules.PARTS
    ):
        return False
    if _terms(left, right) == _terms(right, left):
        return True
    if left.obligations or right.obligations or left.prohibitions or right.prohibitions:
        return False
    left, right = opaque(left), opaque(right)
    return not (
        rules.too_large(left, right)
        or judge(Proof(), left, right)[1]
        or judge(Proof(), right, left)[1]
    )


def _terms(policy: Policy, other: Policy) -> tuple[object, ...]:
    """Return what two policies that set the same terms have alike, however spelled."""
    shared = {part: getattr(policy, part) for part in rules.ABOUT if getattr(other, part)}
    own = replace(policy, **{"target": None, "assignee": None, **shared})
    both = bool(policy.permissions and policy.prohibitions)
    return (
        (policy.conflict or Conflict.INVALID) if both else None,
        frozenset(rule_form(rule) for _, rule in policy.rules()),
        collections_of(own) if policy.prohibitions else None,  # they may hold what is prohibited
    )


def judge(prover: Proof, offer: Policy, request: Policy) -> tuple[_Lines, _Lines]:
    """Return the proof that a request lies within an offer, and what keeps it from being proved."""
    offered, own = rules.granting(offer), rules.unfolded(request).prohibitions
    lines: list[Compared] = []
    asked: list[tuple[Permission, Box]] = []
    for path, wanted in rules.asked_for(request):
        box = rules.box_of(prover, own, wanted)
        if box is not None:  # else its own policy prohibits all of it
            asked.append((wanted, box))
            tries = [
                _Try((path, at), rule, _frame(prover, (path, at), wanted, rule))
                for at, rule in offered
            ]
            lines += _cover(prover, tries, box) or [_line((path, ""), "rule", fits=False)]
    for index in rules.unsafe(prover, offer, request, asked):
        at = f"/prohibition/{index}"
        lines.append(_line((at, at), "prohibition", (), offer.prohibitions[index], fits=False))
    accepted = {form for own in request.obligations for form in _duty_forms(request, own)}
    for index, duty in enumerate(offer.obligations):
        if _duty_forms(offer, duty)[0] not in accepted:
            at = f"/obligation/{index}"
            lines.append(_line((at, at), "obligation", (), duty, fits=False))
    kinds = (ChangeKind.FITS, ChangeKind.GAP)
    covered, gaps = (tuple(it for it in lines if it.kind is kind) for kind in kinds)
    return covered, gaps


def _duty_forms(policy: Policy, duty: Duty) -> list[tuple[object, object, object]]:
    """Return forms of an obligation, that with all that it is about first.

    One about a certain asset, or of a certain party, is also one about any asset, or of anybody.
    """
    plain = rule_form(replace(duty, target=None, assignee=None))
    about = rules.named(policy, duty)
    target, assignee = reference_form(about.target), reference_form(about.assignee)
    return list(product([plain], [target, None], [assignee, None]))


class _Try(NamedTuple):
    """An offered permission, and all but its conditions compared with one asked for."""

    where: _Where
    rule: Permission
    frame: list[Compared]


def _cover(prover: Proof, tries: Sequence[_Try], box: Box) -> list[Compared]:
    """Return a proof without gaps that a box lies within what is offered, or the nearest try."""
    compared: list[list[Compared]] = []
    for where, rule, frame in tries:
        if prover.exhausted:
            break
        lines = [*frame]
        for item in (*flat(rule.constraints), *flat(rule.action.refinements)):
            left = item.left if isinstance(item, Constraint) else "condition"
            fits = prover.within(item, box)
            lines.append(_line(where, left, box.stated(left), item, fits=fits))
        if not _gaps(lines):
            told = {item.operand for item in lines}
            free = (left for left in box.atoms if left not in told)
            return [*lines, *(_line(where, left, box.stated(left)) for left in free)]
        compared.append(lines)
    return _by_cases(prover, tries, box, compared) or min(compared, key=_gaps, default=[])


def _by_cases(
    prover: Proof, tries: Sequence[_Try], box: Box, compared: Sequence[Sequence[Compared]]
) -> list[Compared]:
    """Split a choice that touches what did not fit: each case may fall under another rule."""
    gaps = (item for lines in compared for item in lines if item.kind is ChangeKind.GAP)
    limits = (limit for item in gaps for limit in item.offered)
    touched = [operands_of(it) for it in limits if isinstance(it, Constraint | LogicalConstraint)]
    several = sum(not _gaps(each.frame) for each in tries) > 1
    choice = box.touching(frozenset().union(*touched)) if several else None
    found: list[Compared] = []
    for case in box.cases(choice) if choice else ():
        lines = _cover(prover, tries, case) if prover.pay(len(box.forms)) else []
        if not lines or _gaps(lines):
            return []
        found.extend(lines)
    return found


def _line(
    where: _Where, operand: str, asked: tuple[Said, ...] = (), *offered: Said, fits: bool = True
) -> Compared:
    kind = ChangeKind.FITS if fits else ChangeKind.GAP
    return Compared(kind, where[0], operand, asked, offered, rule=where[1])


def _gaps(lines: Sequence[Compared]) -> int:
    return sum(item.kind is ChangeKind.GAP for item in lines)


def _frame(prover: Proof, where: _Where, wanted: Permission, rule: Permission) -> list[Compared]:
    """Return all but the conditions compared: action, target, assignee, duties, output.

    Duties of the offer must be accepted as they are, and compensate the same assigner where both
    name one: a request that names none leaves it to the agreement who grants.
    """
    wider = prover.knowledge.wider_actions(wanted.action.id)
    fits = same_action(rule.action.id) in wider
    found = [_line(where, "action", (wanted.action,), rule.action, fits=fits)]
    for part in rules.ABOUT:
        allowed, item = getattr(rule, part), getattr(wanted, part)
        if allowed is not None:
            asked = () if item is None else (item,)
            fits = item is not None and rules.reference_within(prover, item, allowed)
            found.append(_line(where, part, asked, allowed, fits=fits))
    accepted = set(map(rule_form, wanted.duties))
    elsewhere = rules.differ(rule.assigner, wanted.assigner)
    for duty in rule.duties:
        fits = rule_form(duty) in accepted and not (elsewhere and rules.pays_assigner(duty))
        found.append(_line(where, "duty", wanted.duties, duty, fits=fits))
    made, makes = ((reference_form(it.output), frozenset(it.functions)) for it in (rule, wanted))
    if made != (None, frozenset()):
        found.append(_line(where, "output", (wanted,), rule, fits=made == makes))
    return found
