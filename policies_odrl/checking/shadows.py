"""Rules against one another: which ones cover, repeat or contradict which?

A rule covers another where it is proved that whatever the other bears on, it bears on too. Rules
are indexed, so that the work grows with those that can meet; it is bounded, and the bound is told.
Source: IM 2.6, 2.10; ODRL Vocabulary, `includedIn`.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

from policies_odrl import model
from policies_odrl.algebra.boxes import Box, Proof
from policies_odrl.algebra.extent import Exhausted
from policies_odrl.algebra.forms import condition_form, flat, opaque, reference_form, rule_form
from policies_odrl.checking.findings import Change, Report, Step
from policies_odrl.vocabulary import same_action

MAX_PAIRS: Final = 30_000  # pairs of rules, or of their conditions, that are compared in one check
MAX_PROOF: Final = 50_000  # conditions looked at in the proof of one pair
MAX_CONDITIONS: Final = 256  # of a rule that is compared with others, nested ones too

# Action in its current spelling, forms of target and assignee; None for any.
_Key = tuple[str, object, object]


@dataclass(frozen=True, slots=True)
class Bearing:
    """What a rule bears on."""

    path: str  # JSON pointer
    key: _Key
    conditions: tuple[model.Condition, ...]  # constraints and refinements, `and` taken apart
    size: int  # how many these are, nested ones too
    operands: frozenset[str] | None  # of these; None where some are not plain constraints
    extras: frozenset[object]  # duties or remedies, output and party functions


def bearing(policy: model.Policy, path: str, rule: model.Rule) -> Bearing:
    """Return what a rule of a policy bears on."""
    items = (*flat(rule.constraints), *flat(rule.action.refinements))
    atoms = [item for item in items if isinstance(item, model.Constraint)]
    duties = (duty for _, below in model.duties_below(rule) for duty in below)
    extras: list[object] = [rule_form(duty) for duty in duties]
    if rule.output or rule.functions:
        extras.append((reference_form(rule.output), frozenset(rule.functions)))
    target, assignee = policy.target_of(rule), policy.assignee_of(rule)
    return Bearing(
        path,
        (same_action(rule.action.id), reference_form(target), reference_form(assignee)),
        items,
        size=sum(1 for _ in model.conditions(items, "")),
        operands=frozenset(it.left for it in atoms) if len(atoms) == len(items) else None,
        extras=frozenset(extras),
    )


class Index:
    """Rules by action, target and assignee, compared with others within a shared bound."""

    def __init__(self, rules: Sequence[Bearing], proof: Proof) -> None:
        self._proof = proof
        self._wider = proof.knowledge.wider_actions
        self._keys: dict[_Key, list[Bearing]] = {}
        self._targets: dict[object, list[Bearing]] = {}
        self.rules = rules
        for rule in rules:
            self._keys.setdefault(rule.key, []).append(rule)
            self._targets.setdefault(rule.key[1], []).append(rule)

    def covering(self, rule: Bearing, but: Container[int] = ()) -> Iterator[Bearing]:
        """Yield the rules, but for some, that are proved to bear on all that another bears on."""
        action, target, assignee = rule.key
        aims, takers = dict.fromkeys((None, target)), dict.fromkeys((None, assignee))
        for key in product(sorted(self._wider(action)), aims, takers):
            for other in self._keys.get(key, ()):
                if self._proof.exhausted:
                    return
                if other is not rule and id(other) not in but and self._covers(other, rule):
                    yield other

    def _covers(self, wider: Bearing, rule: Bearing) -> bool:
        """Return whether the conditions of one rule are proved to let the other's through."""
        asked = wider.operands or frozenset()
        related = rule.operands is None or asked <= rule.operands
        if not self._proof.pay(1) or not related or not self._affords(wider, rule):
            return False
        prover = Proof(MAX_PROOF // max(1, rule.size), self._proof.knowledge)
        return all(prover.follows(item, rule.conditions) for item in wider.conditions)

    def meeting(self, rule: Bearing) -> Bearing | None:
        """Return the first rule that some request of another one is shown to be under, too."""
        action, target, assignee = rule.key
        aimed = (*self._targets.get(None, ()), *self._targets.get(target, ()))
        for other in self.rules if target is None else aimed:
            theirs, _, taker = other.key
            if None not in (assignee, taker) and assignee != taker:
                continue
            if not self._proof.pay(1):
                return None
            related = theirs in self._wider(action) or action in self._wider(theirs)
            if related and self._meet(rule, other):
                return other
        return None

    def _meet(self, left: Bearing, right: Bearing) -> bool:
        """Return whether it is shown that some request is borne on by both rules.

        Conditions on different operands never keep two rules apart; on one operand, one value has
        to satisfy those of both.
        """
        if left.operands is None or right.operands is None or not self._affords(left, right):
            return False
        both, reading = Box([*left.conditions, *right.conditions]), self._proof.reading
        try:
            claims = [both.claims(it, reading) for it in left.operands & right.operands]
            return all(len(next(item.samples(), ())) == 1 for item in claims)
        except Exhausted:
            return False

    def _affords(self, left: Bearing, right: Bearing) -> bool:
        small = max(left.size, right.size) <= MAX_CONDITIONS
        return small and self._proof.pay(left.size * right.size)


def of_rules(policy: model.Policy, report: Report) -> None:
    """Note permissions and prohibitions that cover, repeat or contradict one another."""
    policy = opaque(policy)
    proof = Proof(MAX_PAIRS, report.knowledge)
    groups: dict[str, list[Bearing]] = {"permission": [], "prohibition": [], "obligation": []}
    for path, rule in policy.rules():
        groups[path.split("/")[1]].append(bearing(policy, path, rule))
    bans = Index(_distinct(groups["prohibition"], report, "ban-shadowed"), proof)
    permissions = Index(_distinct(groups["permission"], report, "shadowed"), proof)
    owed = [(f"/obligation/{at}", rule_form(duty)) for at, duty in enumerate(policy.obligations)]
    _first(owed, report, "repeated-duty")
    for permission in groups["permission"] if policy.conflict is not model.Conflict.PERM else ():
        ban, code = next(bans.covering(permission), None), "never-usable"
        if ban is None and policy.conflict is not model.Conflict.PROHIBIT:
            ban, code = bans.meeting(permission), "may-conflict"
        if ban is not None:
            report.note(permission.path, code, ban.path)
    for demanded in (*groups["obligation"], *_duties(policy)):
        ban = next(bans.covering(demanded), None)
        if ban is not None:
            report.note(demanded.path, "duty-prohibited", ban.path)
    _covered(permissions, report, "shadowed")  # notes, after what is worse
    _covered(bans, report, "ban-shadowed")
    if proof.exhausted:
        report.note("", "too-large", str(MAX_PAIRS))


def _repeats(path: str, code: str, other: str, report: Report) -> None:
    report.note(path, code, other, edit=(Step(Change.REMOVE, path),))


def _distinct(rules: Sequence[Bearing], report: Report, code: str) -> list[Bearing]:
    forms = (
        (it.path, (it.key, frozenset(map(condition_form, it.conditions)), it.extras))
        for it in rules
    )
    kept = _first(forms, report, code)
    return [rule for rule in rules if rule.path in kept]


def _first(forms: Iterable[tuple[str, object]], report: Report, code: str) -> set[str]:
    """Note rules that say the same as an earlier one, and return the places of the others."""
    first: dict[object, str] = {}
    for path, form in forms:
        other = first.setdefault(form, path)
        if other != path:
            _repeats(path, code, other, report)
    return set(first.values())


def _covered(index: Index, report: Report, code: str) -> None:
    duties_add = code == "shadowed"  # a permission with more duties permits no more
    gone: set[int] = set()
    for rule in reversed(index.rules):  # of two that cover one another the later one goes
        for other in index.covering(rule, gone):
            less = duties_add and other.extras <= rule.extras
            if less or other.extras == rule.extras:
                gone.add(id(rule))
                _repeats(rule.path, code, other.path, report)
                break


def _duties(policy: model.Policy) -> Iterator[Bearing]:
    """Yield what duties of permissions demand; of the permission's target where they name none."""
    for path, rule in policy.rules():
        duties = rule.duties if isinstance(rule, model.Permission) else ()
        for place, duty in enumerate(duties):
            aimed = replace(duty, target=duty.target or policy.target or rule.target)
            yield bearing(policy, f"{path}/duty/{place}", aimed)
