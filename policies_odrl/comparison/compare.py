"""Is this request inside that offer? Do two policies mean the same?

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
from policies_odrl.comparison.bans import box_of, unsafe
from policies_odrl.comparison.compared import Compared
from policies_odrl.comparison.rules import (
    PARTS,
    TOO_MANY,
    asked_for,
    granted_by_others,
    granting,
    named,
    obstacle,
    pays_assigner,
    reference_within,
    too_large,
    unfolded,
)
from policies_odrl.comparison.witness import find_witness
from policies_odrl.evaluation.conditions import collections_of
from policies_odrl.evaluation.request import Request
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.logic import Judged
from policies_odrl.model import (
    Condition,
    Conflict,
    Constraint,
    Duty,
    LogicalConstraint,
    Permission,
    Policy,
    Rule,
)
from policies_odrl.vocabulary import PROFILES, same_action

GIVEN_UP: Final = f"the comparison was given up after {MAX_PROOF} steps"


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
        if self.answer is not Answer.YES:
            return ()
        return tuple(item.line for item in self.covered) or ("nothing is asked for",)

    @property
    def reasons(self) -> tuple[str, ...]:
        """With No and Unknown, one line per attribute that does not fit."""
        if self.answer is Answer.YES:
            return ()
        return tuple(item.line for item in self.gaps) or self.missing


def contains(offer: Policy, request: Policy, knowledge: Knowledge = NOTHING_MORE) -> Containment:
    """Return whether everything that the request's terms would grant, the offer grants too.

    Args:
        offer: the policy that should be the wider one.
        request: the policy that should lie within it.
        knowledge: terms and hierarchies beyond the built-in ones.

    >>> from policies_odrl.model import ODRL, Action, PolicyKind
    >>> def may(action):
    ...     rule = Permission(action=Action(ODRL + action))
    ...     return Policy(kind=PolicyKind.SET, permissions=(rule,))
    >>> contains(may("use"), may("read")).proof
    ('/permission/0: action read within use (offer /permission/0)',)
    >>> contains(may("read"), may("use")).witness.action
    'http://www.w3.org/ns/odrl/2/use'
    """
    offer, request = opaque(offer), opaque(request)
    unclear = obstacle(offer, knowledge) or obstacle(request, knowledge)
    if unclear or too_large(offer, request):
        return Containment(Answer.UNKNOWN, missing=(unclear or TOO_MANY,))
    prover = Proof(knowledge=knowledge)
    covered, gaps = judge(prover, offer, request)
    if not gaps:
        return Containment(Answer.YES, covered)
    doubtful = frozenset(item.attribute for item in gaps)
    found = find_witness(offer, request, knowledge, doubtful)
    if found.witness is not None:
        return Containment(Answer.NO, covered, gaps, found.witness)
    unproved = (GIVEN_UP,) if prover.exhausted else tuple(f"whether {it.line}" for it in gaps)
    return Containment(Answer.UNKNOWN, covered, gaps, missing=found.missing or unproved)


def judge(
    prover: Proof, offer: Policy, request: Policy
) -> tuple[tuple[Compared, ...], tuple[Compared, ...]]:
    """Return the proof that a request lies within an offer, and what keeps it from being proved."""
    offered, own = list(granting(offer)), unfolded(request).prohibitions
    lines: list[Compared] = []
    asked: list[tuple[Permission, Box]] = []
    for path, wanted in asked_for(request):
        box = box_of(prover, own, wanted)
        if box is not None:  # else its own policy prohibits all of it
            asked.append((wanted, box))
            lines.extend(_Search(prover, offered, path, wanted).cover(box))
    for index in unsafe(prover, offer, request, asked):
        at = f"/prohibition/{index}"
        lines.append(_gap(at, at, "prohibition", offer.prohibitions[index]))
    lines.extend(_missing_obligations(offer, request))
    covered = tuple(item for item in lines if item.fits)
    return covered, tuple(item for item in lines if not item.fits)


def _gap(path: str, rule: str, what: str, allowed: Rule | None = None) -> Compared:
    return Compared(False, path, rule, what, allowed)  # noqa: FBT003


def same_meaning(left: Policy, right: Policy) -> bool:
    """Return whether two policies set the same terms.

    Class, identifiers, order, spelling of values, metadata and time of conclusion play no part. A
    target or party of the whole policy that only one of the two names plays none either (an offer
    leaves open what its agreement fills in); one that both name must be the same, and so must be
    what keeps evaluation from deciding: unknown profiles, parents, a successor.

    >>> from policies_odrl.model import ODRL, Action, PolicyKind
    >>> def may(action):
    ...     rule = Permission(action=Action(ODRL + action))
    ...     return Policy(kind=PolicyKind.SET, permissions=(rule,))
    >>> same_meaning(may("read"), may("read")), same_meaning(may("read"), may("use"))
    (True, False)
    """
    if _standing(left) != _standing(right):
        return False
    for name in PARTS:
        mine, other = getattr(left, name), getattr(right, name)
        if mine is not None and other is not None and not same_reference(mine, other):
            return False
    if _normal_policy(left) == _normal_policy(right):
        return _collections(left, right) == _collections(right, left)
    if left.obligations or right.obligations or left.prohibitions or right.prohibitions:
        return False
    if too_large(left, right) or too_large(right, left):
        return False
    left, right = opaque(left), opaque(right)
    return not judge(Proof(), left, right)[1] and not judge(Proof(), right, left)[1]


# -- one permission asked for, against those that are offered ------------------------------------


class _Search:
    """Looks for offered permissions that cover one that is asked for."""

    __slots__ = ("_frames", "_offered", "_path", "_prover")

    def __init__(
        self,
        prover: Proof,
        offered: Sequence[tuple[str, Permission]],
        path: str,
        wanted: Permission,
    ) -> None:
        self._prover = prover
        self._offered = offered
        self._path = path
        self._frames = [list(_frame(prover, (path, wanted), one)) for one in offered]

    def cover(self, box: Box) -> list[Compared]:
        """Return a proof without gaps, or the nearest try."""
        compared: list[list[Compared]] = []
        for (at, rule), frame in zip(self._offered, self._frames, strict=True):
            if self._prover.exhausted:
                break
            lines = [*frame, *self._conditions(at, rule, box)]
            if not _gaps(lines):
                named = {item.attribute for item in lines}
                unlimited = (left for left in box.atoms if left not in named)
                return [*lines, *(self._line(at, left, box) for left in unlimited)]
            compared.append(lines)
        if not compared:
            return [_gap(self._path, "", "rule")]
        return self._by_cases(box, compared) or min(compared, key=_gaps)

    def _conditions(self, at: str, rule: Permission, box: Box) -> Iterator[Compared]:
        """Yield what an offered permission asks for, compared with a box that is asked for."""
        for item in (*flat(rule.constraints), *flat(rule.action.refinements)):
            left = item.left if isinstance(item, Constraint) else "condition"
            yield self._line(at, left, box, item, fits=self._prover.within(item, box))

    def _line(
        self, at: str, left: str, box: Box, allowed: Condition | None = None, *, fits: bool = True
    ) -> Compared:
        return Compared(fits, self._path, at, left, allowed, box.stated(left))

    def _by_cases(self, box: Box, compared: Sequence[list[Compared]]) -> list[Compared]:
        """Split a choice that touches what did not fit: each case may fall under another rule."""
        touched = [
            operands_of(item.allowed)
            for lines in compared
            for item in lines
            if not item.fits and isinstance(item.allowed, Constraint | LogicalConstraint)
        ]
        several = sum(not _gaps(frame) for frame in self._frames) > 1
        choice = box.touching(frozenset().union(*touched)) if several else None
        found: list[Compared] = []
        for case in box.cases(choice) if choice else ():
            lines = self.cover(case) if self._prover.pay(len(box.forms)) else []
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
    yield Compared(fits, path, at, "action", rule.action, (wanted.action,))
    for part in ("target", "assignee"):
        allowed, item = getattr(rule, part), getattr(wanted, part)
        if allowed is not None:
            fits = item is not None and reference_within(prover, item, allowed)
            yield Compared(fits, path, at, part, allowed, () if item is None else (item,))
    accepted = set(map(rule_form, wanted.duties))
    elsewhere = granted_by_others(rule.assigner, wanted.assigner)
    for duty in rule.duties:
        fits = rule_form(duty) in accepted and not (elsewhere and pays_assigner(duty))
        yield Compared(fits, path, at, "duty", duty, wanted.duties)
    made, makes = ((reference_form(it.output), frozenset(it.functions)) for it in (rule, wanted))
    if made != (None, frozenset()):
        yield Compared(made == makes, path, at, "output", rule, (wanted,))


# -- the parts of whole policies -----------------------------------------------------------------


def _missing_obligations(offer: Policy, request: Policy) -> list[Compared]:
    """Return the obligations of an offer that a request does not take on, about the same things.

    One about a certain asset, or of a certain party, is also one about any asset, or of anybody.
    """
    accepted: set[tuple[object, ...]] = set()
    for own in request.obligations:
        form, target, assignee = _obligation_form(request, own)
        accepted.update(product([form], [target, None], [assignee, None]))
    return [
        _gap(f"/obligation/{index}", f"/obligation/{index}", "obligation", duty)
        for index, duty in enumerate(offer.obligations)
        if _obligation_form(offer, duty) not in accepted
    ]


def _obligation_form(policy: Policy, duty: Duty) -> tuple[object, object, object]:
    plain = rule_form(replace(duty, target=None, assignee=None))
    about = named(policy, duty)
    return plain, reference_form(about.target), reference_form(about.assignee)


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
