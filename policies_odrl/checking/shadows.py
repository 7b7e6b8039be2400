"""Rules against one another: which ones cover, repeat or contradict which?

Rules: a rule covers another where it is proved that whatever the other bears on, it bears on too.
Rules are indexed by action, target and assignee before any two are compared, so that the work
grows with the rules that can meet; what is compared is bounded, and the bound is reported. Two
equal rules are named once, the later one. Permissions with duties cover only permissions that have
the same duties.
Source: IM 2.6, 2.10; ODRL Vocabulary, `includedIn`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from policies_odrl import model
from policies_odrl.algebra.boxes import Proof
from policies_odrl.algebra.forms import condition_form, flat, opaque, reference_form, rule_form
from policies_odrl.algebra.questions import unsatisfiable
from policies_odrl.checking.findings import Change, Step
from policies_odrl.checking.report import Report
from policies_odrl.model import Condition, Conflict, Constraint, Duty, Permission, Policy, Rule
from policies_odrl.vocabulary import same_action

MAX_PAIRS: Final = 30_000  # pairs of rules, or of their conditions, that are compared in one check
MAX_PROOF: Final = 50_000  # conditions looked at in the proof of one pair
MAX_CONDITIONS: Final = 256  # of a rule that is compared with others, nested ones too

# Action in its current spelling, forms of target and assignee; None for any.
_Key = tuple[str, object, object]


@dataclass(frozen=True, slots=True)
class Bearing:
    """What a rule bears on."""

    path: str  # JSON pointer, after the name of its policy where several are compared
    key: _Key
    conditions: tuple[Condition, ...]  # constraints and refinements, `and` taken apart
    size: int  # how many these are, nested ones too
    operands: frozenset[str] | None  # of these; None where some are not plain constraints
    extras: frozenset[object]  # duties or remedies, output and party functions

    @property
    def form(self) -> object:
        """A form that is equal for rules that say the same."""
        return (self.key, frozenset(map(condition_form, self.conditions)), self.extras)


def bearing(policy: Policy, path: str, rule: Rule) -> Bearing:
    """Return what a rule of a policy bears on."""
    items = (*flat(rule.constraints), *flat(rule.action.refinements))
    atoms = [item for item in items if isinstance(item, Constraint)]
    extras: list[object] = [
        rule_form(duty) for _, duties in model.duties_below(rule) for duty in duties
    ]
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


class Comparison:
    """Compares rules with some others, within a bound that one check shares."""

    def __init__(self, report: Report) -> None:
        self._knowledge = report.knowledge
        self._proof = Proof(MAX_PAIRS, report.knowledge)

    @property
    def exhausted(self) -> bool:
        """Whether pairs were left out because the bound was reached."""
        return self._proof.exhausted

    def covering(self, rule: Bearing, index: Index) -> Iterator[Bearing]:
        """Yield the indexed rules that are proved to bear on all that `rule` bears on."""
        for other in index.near(sorted(self._knowledge.wider_actions(rule.key[0])), rule):
            if self.exhausted:
                return
            if other is not rule and self.covers(other, rule):
                yield other

    def covers(self, wider: Bearing, rule: Bearing) -> bool:
        """Return whether the conditions of one rule are proved to let the other's through."""
        asked = wider.operands or frozenset()
        related = rule.operands is None or asked <= rule.operands
        if not self._proof.pay(1) or not related or not self._affords(wider, rule):
            return False
        prover = Proof(MAX_PROOF // max(1, rule.size), self._knowledge)
        return all(prover.follows(item, rule.conditions) for item in wider.conditions)

    def meeting(self, rule: Bearing, bans: Index) -> Bearing | None:
        """Return the first prohibition that some request of the permission is shown to be under."""
        wider = self._knowledge.wider_actions
        for ban in bans.facing(rule):
            if not self._proof.pay(1):
                return None
            action, other = rule.key[0], ban.key[0]
            if (other in wider(action) or action in wider(other)) and self._meet(rule, ban):
                return ban
        return None

    def _meet(self, left: Bearing, right: Bearing) -> bool:
        """Return whether it is shown that some request is borne on by both rules.

        Conditions on different operands never keep two rules apart; on one operand, one value has
        to satisfy those of both.
        """
        if left.operands is None or right.operands is None or not self._affords(left, right):
            return False
        both = [*left.conditions, *right.conditions]
        return all(
            len(unsatisfiable(_on(operand, both), self._proof.reading).witness) == 1
            for operand in left.operands & right.operands
        )

    def _affords(self, left: Bearing, right: Bearing) -> bool:
        small = max(left.size, right.size) <= MAX_CONDITIONS
        return small and self._proof.pay(left.size * right.size)


class Index:
    """Rules by action, target and assignee."""

    def __init__(self, rules: Sequence[Bearing]) -> None:
        self._all = rules
        self._rules: dict[_Key, list[Bearing]] = {}
        self._targets: dict[object, list[Bearing]] = {}
        for rule in rules:
            self._rules.setdefault(rule.key, []).append(rule)
            self._targets.setdefault(rule.key[1], []).append(rule)

    def facing(self, rule: Bearing) -> Iterator[Bearing]:
        """Yield rules whose target and assignee may be those of `rule`."""
        _, target, assignee = rule.key
        aimed = (*self._targets.get(None, ()), *self._targets.get(target, ()))
        for other in self._all if target is None else aimed:
            if None in (assignee, other.key[2]) or assignee == other.key[2]:
                yield other

    def near(self, actions: Iterable[str], rule: Bearing) -> Iterator[Bearing]:
        """Yield rules with one of the actions whose target and assignee include those of `rule`."""
        for action in actions:
            for target in dict.fromkeys((None, rule.key[1])):
                for assignee in dict.fromkeys((None, rule.key[2])):
                    yield from self._rules.get((action, target, assignee), ())


def of_rules(policy: Policy, report: Report) -> None:
    """Note permissions and prohibitions that cover, repeat or contradict one another."""
    policy = opaque(policy)
    comparison = Comparison(report)
    groups: dict[str, list[Bearing]] = {"permission": [], "prohibition": [], "obligation": []}
    for path, rule in policy.rules():
        groups[path.split("/")[1]].append(bearing(policy, path, rule))
    bans = Index(groups["prohibition"])
    _covered(groups["permission"], comparison, report, "shadowed")
    _covered(groups["prohibition"], comparison, report, "ban-shadowed")
    first: dict[object, str] = {}
    for place, duty in enumerate(policy.obligations):
        path = f"/obligation/{place}"
        other = first.setdefault(rule_form(duty), path)
        if other != path:
            report.note(path, "repeated-duty", other, edit=(Step(Change.REMOVE, path),))
    if policy.prohibitions:
        if policy.conflict is not Conflict.PERM:
            _banned(policy, groups["permission"], bans, comparison, report)
        for demanded in (*groups["obligation"], *_duties(policy)):
            ban = next(comparison.covering(demanded, bans), None)
            if ban is not None:
                report.note(demanded.path, "duty-prohibited", ban.path)
    if comparison.exhausted:
        report.note("", "too-large", str(MAX_PAIRS))


def _covered(rules: Sequence[Bearing], comparison: Comparison, report: Report, code: str) -> None:
    duties_add = code == "shadowed"  # a permission with more duties permits no more
    index = Index(rules)
    first: dict[object, Bearing] = {}
    gone: dict[int, str] = {}  # rule -> path of the one that covers it
    for rule in rules:  # equal rules first, without comparing pairs
        other = first.setdefault(rule.form, rule)
        if other is not rule:
            gone[id(rule)] = other.path
    for rule in reversed(first.values()):  # of two that cover one another the later one goes
        for other in comparison.covering(rule, index):
            less = duties_add and other.extras <= rule.extras
            if id(other) not in gone and (less or other.extras == rule.extras):
                gone[id(rule)] = other.path
                break
    for rule in rules:
        if id(rule) in gone:
            edit = (Step(Change.REMOVE, rule.path),)
            report.note(rule.path, code, gone[id(rule)], edit=edit)


def _banned(
    policy: Policy,
    permissions: Sequence[Bearing],
    bans: Index,
    comparison: Comparison,
    report: Report,
) -> None:
    for rule in permissions:
        ban = next(comparison.covering(rule, bans), None)
        if ban is not None:
            report.note(rule.path, "never-usable", ban.path)
        elif policy.conflict is not Conflict.PROHIBIT:
            met = comparison.meeting(rule, bans)
            if met is not None:
                report.note(rule.path, "may-conflict", met.path)


def _duties(policy: Policy) -> Iterator[Bearing]:
    """Yield what duties of permissions demand; of the permission's target where they name none."""
    for path, rule in policy.rules():
        duties: Sequence[Duty] = rule.duties if isinstance(rule, Permission) else ()
        for place, duty in enumerate(duties):
            aimed = replace(duty, target=duty.target or policy.target or rule.target)
            yield bearing(policy, f"{path}/duty/{place}", aimed)


def _on(operand: str, items: Sequence[Condition]) -> list[Constraint]:
    return [item for item in items if isinstance(item, Constraint) and item.left == operand]
