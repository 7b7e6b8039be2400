"""One permission asked for against one permission offered, attribute by attribute.

Rules: the work is linear in the attributes; what is asked for without a limit of the offer on it is
within; a target or party must be the same one, or a narrower choice out of the same collection;
the duties of the offer must be accepted as they are, and compensate the same assigner where both
policies name one: a request that names none leaves it to the agreement who grants.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from policies_odrl.algebra.boxes import Box, Proof
from policies_odrl.algebra.forms import flat, reference_form, rule_form, same_reference
from policies_odrl.comparison.compared import Compared
from policies_odrl.evaluation.acts import COMPENSATED
from policies_odrl.model import (
    AssetRef,
    Condition,
    Duty,
    PartyRef,
    Permission,
    Policy,
    Rule,
)
from policies_odrl.vocabulary import same_action

Reference = AssetRef | PartyRef


def conditions_of(policy: Policy, rule: Rule) -> list[Condition]:
    """Return all that must hold for a rule: its constraints and every refinement."""
    found = [*flat(rule.constraints), *flat(rule.action.refinements)]
    for item in (policy.target_of(rule), policy.assignee_of(rule)):
        if item is not None:
            found.extend(flat(item.refinements))
    return found


class Fit:
    """A permission of the offer, ready to be compared with what is asked."""

    __slots__ = ("_offer", "_path", "_prover", "_rule", "conditions")

    def __init__(self, prover: Proof, offer: Policy, path: str, rule: Permission) -> None:
        self._prover = prover
        self._offer = offer
        self._path = path
        self._rule = rule
        self.conditions = [*flat(rule.constraints), *flat(rule.action.refinements)]

    def frame(self, request: Policy, path: str, wanted: Permission) -> list[Compared]:
        """Return all but the conditions compared: action, target, assignee, duties, output."""
        return [
            self._action(path, wanted),
            *self._references(request, path, wanted),
            *self._duties(request, path, wanted),
        ]

    def conditions_in(self, path: str, box: Box) -> list[Compared]:
        """Return the conditions of the offer compared with a box that is asked for."""
        return [
            Compared(
                self._prover.within(item, box),
                path,
                self._path,
                getattr(item, "left", "") or "condition",
                item,
                box.stated(getattr(item, "left", "")),
            )
            for item in self.conditions
        ]

    def unlimited(self, path: str, box: Box) -> Iterator[Compared]:
        """Yield what is asked for without any limit of the offer on it."""
        limited = {getattr(item, "left", "") for item in self.conditions}
        for left in box.atoms:
            if left not in limited:
                yield Compared(True, path, self._path, left, None, box.stated(left))  # noqa: FBT003

    def _action(self, path: str, wanted: Permission) -> Compared:
        wider = self._prover.knowledge.wider_actions(wanted.action.id)
        fits = same_action(self._rule.action.id) in wider
        return Compared(fits, path, self._path, "action", self._rule.action, (wanted.action,))

    def _references(self, request: Policy, path: str, wanted: Permission) -> Iterator[Compared]:
        pairs: tuple[tuple[str, Reference | None, Reference | None], ...] = (
            ("target", self._offer.target_of(self._rule), request.target_of(wanted)),
            ("assignee", self._offer.assignee_of(self._rule), request.assignee_of(wanted)),
        )
        for name, allowed, asked in pairs:
            if allowed is not None:
                fits = asked is not None and reference_within(self._prover, asked, allowed)
                named = () if asked is None else (asked,)
                yield Compared(fits, path, self._path, name, allowed, named)

    def _duties(self, request: Policy, path: str, wanted: Permission) -> Iterator[Compared]:
        accepted = {rule_form(duty) for duty in wanted.duties}
        elsewhere = granted_by_others(
            self._offer.assigner_of(self._rule), request.assigner_of(wanted)
        )
        for duty in self._rule.duties:
            fits = rule_form(duty) in accepted and not (elsewhere and pays_assigner(duty))
            yield Compared(fits, path, self._path, "duty", duty, wanted.duties)
        made = (reference_form(self._rule.output), frozenset(self._rule.functions))
        asked = (reference_form(wanted.output), frozenset(wanted.functions))
        if made != (None, frozenset()):
            yield Compared(made == asked, path, self._path, "output", self._rule, (wanted,))


def granted_by_others(left: PartyRef | None, right: PartyRef | None) -> bool:
    """Return whether two parties grant that are both named, and not the same.

    Terms that name nobody leave it to the agreement who grants.
    """
    return left is not None and right is not None and not same_reference(left, right)


def pays_assigner(duty: Duty) -> bool:
    """Return whether who is compensated is the assigner, because a duty names nobody."""
    return any(COMPENSATED not in dict(item.functions) for item in (duty, *duty.consequences))


def reference_within(prover: Proof, asked: Reference, allowed: Reference) -> bool:
    """Return whether whatever one reference names, the other names too (IM 2.2.2, 2.3.2)."""
    if same_reference(asked, allowed):
        return True
    box = Box(asked.refinements)
    if (asked.id, asked.source) == (allowed.id, allowed.source):
        return all(prover.within(item, box) for item in allowed.refinements)
    chosen = bool(asked.source) and not asked.id
    return chosen and asked.source == allowed.id and not (allowed.source or allowed.refinements)


def nearest(tries: Sequence[list[Compared]]) -> list[Compared]:
    """Return the comparison with the fewest gaps; empty when there is none."""
    return min(tries, key=lambda items: sum(not item.fits for item in items), default=[])
