"""Is this request inside that offer? Do two policies mean the same? How do they relate?

Yes only with a proof for each attribute; No only with a witness that evaluation itself confirms;
Unknown otherwise, with the fact that is missing. Rules are compared attribute by attribute; only
choices of the request that touch what does not fit are split, one at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import product
from typing import Final

from policies_odrl.algebra.boxes import MAX_PROOF, Box, Proof, operands_of
from policies_odrl.algebra.forms import flat, opaque, reference_form, rule_form, same_reference
from policies_odrl.comparison import rules
from policies_odrl.comparison.bans import apart, box_of, unsafe
from policies_odrl.comparison.differences import Compared
from policies_odrl.comparison.meet import meet
from policies_odrl.comparison.witness import common_request, find_witness
from policies_odrl.evaluation.conditions import collections_of
from policies_odrl.evaluation.request import Request
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.logic import Judged
from policies_odrl.model import Conflict, Constraint, Duty, LogicalConstraint, Permission, Policy
from policies_odrl.vocabulary import PROFILES, same_action

GIVEN_UP: Final = f"the comparison was given up after {MAX_PROOF} steps"
_Try = tuple[str, Permission, list[Compared]]  # an offered permission, all but conditions compared


class Answer(Judged, Enum):
    """Yes, no, or not to be told."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Containment:
    """Whether a request lies within an offer.

    Attributes:
        answer: see `Answer`.
        covered: what was shown to lie within, attribute by attribute; with Yes, the proof.
        gaps: with No and Unknown, each attribute that does not fit.
        witness: with No, a request that the asked terms grant and the offer does not.
        missing: with Unknown, the facts that are missing.
    """

    answer: Answer
    covered: tuple[Compared, ...] = ()
    gaps: tuple[Compared, ...] = ()
    witness: Request | None = None
    missing: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.answer is Answer.YES

    @property
    def proof(self) -> tuple[str, ...]:
        """With Yes, one line per attribute of the request."""
        lines = tuple(item.line for item in self.covered) or ("nothing is asked for",)
        return lines if self else ()

    @property
    def reasons(self) -> tuple[str, ...]:
        """With No and Unknown, one line per attribute that does not fit."""
        return () if self else tuple(item.line for item in self.gaps) or self.missing


class Relation(Enum):
    """What one policy is to another."""

    EQUIVALENT = "equivalent"
    WITHIN = "within"  # the first within the second
    CONTAINS = "contains"  # the second within the first
    OVERLAPPING = "overlapping"
    DISJOINT = "disjoint"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two policies relate.

    Attributes:
        relation: see `Relation`.
        forward: whether the first lies within the second.
        backward: whether the second lies within the first.
        shared: where they overlap, a request that both grant.
        missing: with Unknown, the facts that are missing.
    """

    relation: Relation
    forward: Containment
    backward: Containment
    shared: Request | None = None
    missing: tuple[str, ...] = ()


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
    doubtful = frozenset(item.attribute for item in gaps)
    witness, missing = find_witness(offer, request, knowledge, doubtful)
    if witness is not None:
        return Containment(Answer.NO, covered, gaps, witness)
    unproved = (GIVEN_UP,) if prover.exhausted else tuple(f"whether {it.line}" for it in gaps)
    return Containment(Answer.UNKNOWN, covered, gaps, missing=missing or unproved)


def compare(left: Policy, right: Policy, knowledge: Knowledge = NOTHING_MORE) -> Comparison:
    """Return how two policies relate, with proofs and witnesses.

    >>> from policies_odrl.model import ODRL, Action, Permission, PolicyKind
    >>> def may(action):
    ...     rule = Permission(action=Action(ODRL + action))
    ...     return Policy(kind=PolicyKind.SET, permissions=(rule,))
    >>> compare(may("read"), may("use")).relation.value
    'within'
    >>> compare(may("read"), may("use")).forward.proof
    ('/permission/0: action read within use (offer /permission/0)',)
    >>> compare(may("read"), may("print")).relation.value
    'disjoint'
    """
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
        return Comparison(
            Relation.UNKNOWN if unclear else Relation.DISJOINT, *both, missing=unclear
        )
    shared = common_request(common, left, right, knowledge)
    if shared is None:
        missing = missing or ("whether any request is granted by both",)
        return Comparison(Relation.UNKNOWN, *both, missing=missing)
    return Comparison(Relation.OVERLAPPING, *both, shared)


def same_meaning(left: Policy, right: Policy) -> bool:
    """Return whether two policies set the same terms.

    Class, identifiers, order, spelling of values, metadata and time of conclusion play no part. A
    target or party of the whole policy that only one of the two names plays none either (an offer
    leaves open what its agreement fills in); one that both name must be the same, and so must be
    what keeps evaluation from deciding: unknown profiles, parents, a successor.
    """
    if _standing(left) != _standing(right):
        return False
    for part in rules.PARTS:
        mine, other = getattr(left, part), getattr(right, part)
        if mine is not None and other is not None and not same_reference(mine, other):
            return False
    if _normal_policy(left) == _normal_policy(right):
        return _collections(left, right) == _collections(right, left)
    if left.obligations or right.obligations or left.prohibitions or right.prohibitions:
        return False
    left, right = opaque(left), opaque(right)
    return not (
        rules.too_large(left, right)
        or judge(Proof(), left, right)[1]
        or judge(Proof(), right, left)[1]
    )


def judge(
    prover: Proof, offer: Policy, request: Policy
) -> tuple[tuple[Compared, ...], tuple[Compared, ...]]:
    """Return the proof that a request lies within an offer, and what keeps it from being proved."""
    offered, own = rules.granting(offer), rules.unfolded(request).prohibitions
    lines: list[Compared] = []
    asked: list[tuple[Permission, Box]] = []
    for path, wanted in rules.asked_for(request):
        box = box_of(prover, own, wanted)
        if box is not None:  # else its own policy prohibits all of it
            asked.append((wanted, box))
            tries = [
                (at, rule, list(_frame(prover, (path, wanted), (at, rule)))) for at, rule in offered
            ]
            lines += _cover(prover, path, tries, box)
    for index in unsafe(prover, offer, request, asked):
        at = f"/prohibition/{index}"
        lines.append(Compared(at, at, "prohibition", offer.prohibitions[index], fits=False))
    accepted = {form for own in request.obligations for form in _duty_forms(request, own)}
    for index, duty in enumerate(offer.obligations):
        if _duty_forms(offer, duty)[0] not in accepted:
            at = f"/obligation/{index}"
            lines.append(Compared(at, at, "obligation", duty, fits=False))
    covered = tuple(item for item in lines if item.fits)
    return covered, tuple(item for item in lines if not item.fits)


# -- one permission asked for, against those that are offered ------------------------------------


def _cover(prover: Proof, path: str, tries: Sequence[_Try], box: Box) -> list[Compared]:
    """Return a proof without gaps that a box lies within what is offered, or the nearest try."""
    compared: list[list[Compared]] = []
    for at, rule, frame in tries:
        if prover.exhausted:
            break
        lines = [*frame, *_conditions(prover, path, (at, rule), box)]
        if not _gaps(lines):
            named = {item.attribute for item in lines}
            unlimited = (left for left in box.atoms if left not in named)
            return [
                *lines,
                *(Compared(path, at, left, asked=box.stated(left)) for left in unlimited),
            ]
        compared.append(lines)
    if not compared:
        return [Compared(path, "", "rule", fits=False)]
    return _by_cases(prover, path, tries, box, compared) or min(compared, key=_gaps)


def _conditions(
    prover: Proof, path: str, offered: tuple[str, Permission], box: Box
) -> Iterator[Compared]:
    """Yield what an offered permission asks for, compared with a box that is asked for."""
    at, rule = offered
    for item in (*flat(rule.constraints), *flat(rule.action.refinements)):
        left = item.left if isinstance(item, Constraint) else "condition"
        fits = prover.within(item, box)
        yield Compared(path, at, left, item, box.stated(left), fits=fits)


def _by_cases(
    prover: Proof,
    path: str,
    tries: Sequence[_Try],
    box: Box,
    compared: Sequence[Sequence[Compared]],
) -> list[Compared]:
    """Split a choice that touches what did not fit: each case may fall under another rule."""
    touched = [
        operands_of(item.allowed)
        for lines in compared
        for item in lines
        if not item.fits and isinstance(item.allowed, Constraint | LogicalConstraint)
    ]
    several = sum(not _gaps(frame) for _, _, frame in tries) > 1
    choice = box.touching(frozenset().union(*touched)) if several else None
    found: list[Compared] = []
    for case in box.cases(choice) if choice else ():
        lines = _cover(prover, path, tries, case) if prover.pay(len(box.forms)) else []
        if not lines or _gaps(lines):
            return []
        found.extend(lines)
    return found


def _gaps(lines: Sequence[Compared]) -> int:
    return sum(not item.fits for item in lines)


def _frame(
    prover: Proof, asked: tuple[str, Permission], offered: tuple[str, Permission]
) -> Iterator[Compared]:
    """Yield all but the conditions compared: action, target, assignee, duties, output.

    Duties of the offer must be accepted as they are, and compensate the same assigner where both
    name one: a request that names none leaves it to the agreement who grants.
    """
    (path, wanted), (at, rule) = asked, offered
    wider = prover.knowledge.wider_actions(wanted.action.id)
    fits = same_action(rule.action.id) in wider
    yield Compared(path, at, "action", rule.action, (wanted.action,), fits=fits)
    for part in rules.ABOUT:
        allowed, item = getattr(rule, part), getattr(wanted, part)
        if allowed is not None:
            fits = item is not None and rules.reference_within(prover, item, allowed)
            yield Compared(path, at, part, allowed, () if item is None else (item,), fits=fits)
    accepted = set(map(rule_form, wanted.duties))
    elsewhere = rules.granted_by_others(rule.assigner, wanted.assigner)
    for duty in rule.duties:
        fits = rule_form(duty) in accepted and not (elsewhere and rules.pays_assigner(duty))
        yield Compared(path, at, "duty", duty, wanted.duties, fits=fits)
    made, makes = ((reference_form(it.output), frozenset(it.functions)) for it in (rule, wanted))
    if made != (None, frozenset()):
        yield Compared(path, at, "output", rule, (wanted,), fits=made == makes)


# -- whole policies ------------------------------------------------------------------------------


def _duty_forms(policy: Policy, duty: Duty) -> list[tuple[object, object, object]]:
    """Return forms of an obligation, that with all that it is about first.

    One about a certain asset, or of a certain party, is also one about any asset, or of anybody.
    """
    plain = rule_form(replace(duty, target=None, assignee=None))
    about = rules.named(policy, duty)
    target, assignee = reference_form(about.target), reference_form(about.assignee)
    return list(product([plain], [target, None], [assignee, None]))


def _normal_policy(policy: Policy) -> tuple[object, ...]:
    both = bool(policy.permissions and policy.prohibitions)
    return (
        (policy.conflict or Conflict.INVALID) if both else None,
        frozenset(rule_form(rule) for _, rule in policy.rules()),
    )


def _collections(policy: Policy, other: Policy) -> frozenset[str]:
    """Return what a policy calls collections, where it bears on a prohibition (`conditions.py`)."""
    if not policy.prohibitions:
        return frozenset()
    target = policy.target if other.target else None
    assignee = policy.assignee if other.assignee else None
    return collections_of(replace(policy, target=target, assignee=assignee))


def _standing(policy: Policy) -> tuple[object, ...]:
    strange = frozenset(policy.profiles) - PROFILES
    return (strange, frozenset(policy.inherits), policy.replaced_by)


def _unclear(left: Policy, right: Policy, knowledge: Knowledge) -> tuple[str, ...]:
    """Return which references may have in common what only evidence could tell.

    What an action makes has no part in what is granted, so that it never keeps policies apart.
    """
    prover = Proof(knowledge=knowledge)
    vague = collections_of(left) | collections_of(right)
    found: dict[str, None] = {}
    for (_, mine), (_, other) in product(rules.asked_for(left), rules.asked_for(right)):
        for part in (*rules.ABOUT, "output"):
            one, two = getattr(mine, part), getattr(other, part)
            told = part != "output" and apart(one, two, vague)
            if not told and not rules.narrower(prover, one, two):
                names = f"`{one.id or one.source}` and `{two.id or two.source}`"
                found[f"whether {names} share anything"] = None
    return tuple(found)[:8]
