"""Rules against one another: which ones cover which?

Rules: a rule covers another where it is proved that whatever the other bears on, it bears on too.
Rules are indexed by action, target and assignee before any two are compared, so that the work
grows with the rules that can meet; the pairs compared are bounded, and the bound is reported. Two
equal rules are named once, the later one. Permissions with duties cover only permissions that have
the same duties.
Source: IM 2.6, 2.10; ODRL Vocabulary, `includedIn`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

from policies_odrl.algebra.boxes import Proof, disjoint
from policies_odrl.algebra.forms import condition_form, flat, opaque, reference_form, rule_form
from policies_odrl.checking.findings import Change, Finding, Say, Step
from policies_odrl.knowledge import Knowledge
from policies_odrl.model import (
    Condition,
    Conflict,
    Constraint,
    Duty,
    LogicalConstraint,
    Permission,
    Policy,
    Rule,
    conditions,
    duties_below,
)
from policies_odrl.vocabulary import same_action

MAX_PAIRS: Final = 20_000  # pairs of rules whose operands are compared
MAX_PROOFS: Final = 50_000  # pairs of conditions that are compared
MAX_PROOF: Final = 50_000  # conditions looked at in the proof of one pair
MAX_CONDITIONS: Final = 256  # of a rule that is compared with others, nested ones too

_Key = tuple[str, object, object]


@dataclass(frozen=True, slots=True)
class Bearing:
    """What a rule bears on.

    Attributes:
        path: its JSON pointer, with the name of its policy where several are compared.
        action: IRI, current spelling.
        target: form of the target; None for every asset.
        assignee: form of the assignee; None for everybody.
        conditions: constraints and refinements, `and` taken apart.
        size: how many these are, nested ones too.
        operands: left operands among them.
        simple: whether all of them are plain constraints.
        extras: duties or remedies, output and party functions that go with it.
    """

    path: str
    action: str
    target: object
    assignee: object
    conditions: tuple[Condition, ...]
    size: int
    operands: frozenset[str]
    simple: bool
    extras: frozenset[object]


class Comparison:
    """Compares rules within a bound that one check shares."""

    __slots__ = ("_knowledge", "_pairs", "_proofs")

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._pairs = MAX_PAIRS
        self._proofs = MAX_PROOFS

    @property
    def exhausted(self) -> bool:
        """Whether pairs were left out because a bound was reached."""
        return self._pairs < 0 or self._proofs < 0

    def goes_on(self) -> bool:
        """Count one pair, and return whether the bound allows it."""
        self._pairs -= 1
        return self._pairs >= 0

    def covering(self, rule: Bearing, index: Index) -> Iterator[Bearing]:
        """Yield the indexed rules that are proved to bear on all that `rule` bears on."""
        actions = sorted(self.wider(rule))
        for other in index.near(actions, rule):
            if self.exhausted:
                return
            if other is not rule and self.covers(other, rule):
                yield other

    def wider(self, rule: Bearing) -> frozenset[str]:
        """Return the action of a rule and all that include it."""
        return self._knowledge.wider_actions(rule.action)

    def covers(self, wider: Bearing, rule: Bearing) -> bool:
        """Return whether the conditions of one rule are proved to let the other's through."""
        if not self.goes_on() or (rule.simple and not wider.operands <= rule.operands):
            return False
        if not self._affords(wider, rule):
            return False
        prover = Proof(MAX_PROOF // max(1, rule.size), self._knowledge)
        return all(prover.follows(item, rule.conditions) for item in wider.conditions)

    def meet(self, left: Bearing, right: Bearing) -> bool:
        """Return whether it is proved that some request is borne on by both rules.

        Conditions on different operands never keep two rules apart; on one operand, one of the two
        must follow from the other.
        """
        if not (left.simple and right.simple):
            return False
        return self._affords(left, right) and all(
            self._nested(left, right, operand) for operand in left.operands & right.operands
        )

    def _affords(self, left: Bearing, right: Bearing) -> bool:
        if max(left.size, right.size) > MAX_CONDITIONS:
            return False
        self._proofs -= left.size * right.size
        return self._proofs >= 0

    def _nested(self, left: Bearing, right: Bearing, operand: str) -> bool:
        ours = [item for item in left.conditions if _left(item) == operand]
        theirs = [item for item in right.conditions if _left(item) == operand]
        if disjoint([*ours, *theirs], self._knowledge):
            return False
        prover = Proof(MAX_PROOF, self._knowledge)
        return all(prover.follows(item, theirs) for item in ours) or all(
            prover.follows(item, ours) for item in theirs
        )


class Index:
    """Rules by action, target and assignee."""

    __slots__ = ("_all", "_rules", "_targets")

    def __init__(self, rules: Sequence[Bearing]) -> None:
        self._all = rules
        self._rules: dict[_Key, list[Bearing]] = {}
        self._targets: dict[object, list[Bearing]] = {}
        for rule in rules:
            key = (rule.action, rule.target, rule.assignee)
            self._rules.setdefault(key, []).append(rule)
            self._targets.setdefault(rule.target, []).append(rule)

    def facing(self, rule: Bearing) -> Iterator[Bearing]:
        """Yield rules whose target and assignee may be those of `rule`."""
        sets = [self._all]
        if rule.target is not None:
            sets = [self._targets.get(target, []) for target in (None, rule.target)]
        for other in chain(*sets):
            if None in (rule.assignee, other.assignee) or rule.assignee == other.assignee:
                yield other

    def near(self, actions: Sequence[str], rule: Bearing) -> Iterator[Bearing]:
        """Yield rules with one of the actions whose target and assignee include those of `rule`."""
        targets = dict.fromkeys((None, rule.target))
        assignees = dict.fromkeys((None, rule.assignee))
        for action in actions:
            for target in targets:
                for assignee in assignees:
                    yield from self._rules.get((action, target, assignee), ())


def bearing(policy: Policy, path: str, rule: Rule) -> Bearing:
    """Return what a rule of a policy bears on."""
    items = (*flat(rule.constraints), *flat(rule.action.refinements))
    extras: list[object] = [rule_form(duty) for _, duties in duties_below(rule) for duty in duties]
    if rule.output or rule.functions:
        extras.append((reference_form(rule.output), frozenset(rule.functions)))
    return Bearing(
        path=path,
        action=same_action(rule.action.id),
        target=reference_form(policy.target_of(rule)),
        assignee=reference_form(policy.assignee_of(rule)),
        conditions=items,
        size=sum(1 for _ in conditions(items, "")),
        operands=frozenset(name for item in items if (name := _left(item))),
        simple=not any(isinstance(item, LogicalConstraint) for item in items),
        extras=frozenset(extras),
    )


def of_rules(policy: Policy, say: Say, knowledge: Knowledge) -> Iterator[Finding]:
    """Yield permissions and prohibitions that cover, repeat or contradict one another."""
    policy = opaque(policy)
    comparison = Comparison(knowledge)
    groups: dict[str, list[Bearing]] = {"permission": [], "prohibition": [], "obligation": []}
    for path, rule in policy.rules():
        groups[path.split("/")[1]].append(bearing(policy, path, rule))
    permissions, bans = groups["permission"], groups["prohibition"]
    yield from _covered(permissions, comparison, say, "shadowed")
    yield from _covered(bans, comparison, say, "ban-shadowed")
    yield from _repeated(policy.obligations, say)
    yield from _banned(policy, permissions, bans, comparison, say)
    yield from _demanded(policy, groups["obligation"], bans, comparison, say)
    if comparison.exhausted:
        yield say("", "too-large", str(MAX_PAIRS))


def _covered(
    rules: Sequence[Bearing], comparison: Comparison, say: Say, code: str
) -> Iterator[Finding]:
    duties_add = code == "shadowed"  # a permission with more duties permits no more
    index = Index(rules)
    places = {id(rule): place for place, rule in enumerate(rules)}
    first: dict[object, Bearing] = {}
    gone: set[int] = set()
    for rule in rules:  # equal rules first, without comparing pairs
        form = _form(rule)
        if form in first:
            gone.add(id(rule))
            yield _shadowed(rule, first[form], say, code)
        else:
            first[form] = rule
    for rule in first.values():
        for other in comparison.covering(rule, index):
            same = other.extras == rule.extras
            if id(other) in gone or not (same or (duties_add and other.extras <= rule.extras)):
                continue
            mutual = same and _both(comparison, rule, other)
            if not mutual or places[id(other)] < places[id(rule)]:
                gone.add(id(rule))
                yield _shadowed(rule, other, say, code)
                break


def _both(comparison: Comparison, rule: Bearing, other: Bearing) -> bool:
    same = (rule.action, rule.target, rule.assignee) == (other.action, other.target, other.assignee)
    return same and comparison.covers(rule, other)


def _shadowed(rule: Bearing, other: Bearing, say: Say, code: str) -> Finding:
    return say(rule.path, code, other.path, edit=(Step(Change.REMOVE, rule.path),))


def _repeated(duties: Sequence[Duty], say: Say) -> Iterator[Finding]:
    first: dict[object, str] = {}
    for place, duty in enumerate(duties):
        path = f"/obligation/{place}"
        other = first.setdefault(rule_form(duty), path)
        if other != path:
            yield say(path, "repeated-duty", other, edit=(Step(Change.REMOVE, path),))


def _banned(
    policy: Policy,
    permissions: Sequence[Bearing],
    bans: Sequence[Bearing],
    comparison: Comparison,
    say: Say,
) -> Iterator[Finding]:
    if policy.conflict is Conflict.PERM or not bans:
        return
    index = Index(bans)
    for rule in permissions:
        ban = next(comparison.covering(rule, index), None)
        if ban is not None:
            yield say(rule.path, "never-usable", ban.path)
        elif policy.conflict is not Conflict.PROHIBIT:
            met = meeting(rule, index, comparison)
            if met is not None:
                yield say(rule.path, "may-conflict", met.path)


def meeting(rule: Bearing, bans: Index, comparison: Comparison) -> Bearing | None:
    """Return the first prohibition that some request of the permission is proved to fall under."""
    for ban in bans.facing(rule):
        if not comparison.goes_on():
            return None
        related = ban.action in comparison.wider(rule) or rule.action in comparison.wider(ban)
        if related and comparison.meet(rule, ban):
            return ban
    return None


def _demanded(
    policy: Policy,
    obligations: Sequence[Bearing],
    bans: Sequence[Bearing],
    comparison: Comparison,
    say: Say,
) -> Iterator[Finding]:
    index = Index(bans)
    duties = [*obligations]
    for path, rule in policy.rules():
        if isinstance(rule, Permission):
            target = policy.target_of(rule)
            for place, duty in enumerate(rule.duties):
                own = bearing(policy, f"{path}/duty/{place}", duty)
                aim = own.target or reference_form(target)
                duties.append(replace(own, target=aim))
    for demanded in duties if bans else ():
        ban = next(comparison.covering(demanded, index), None)
        if ban is not None:
            yield say(demanded.path, "duty-prohibited", ban.path)


def _form(rule: Bearing) -> object:
    forms = frozenset(condition_form(item) for item in rule.conditions)
    return (rule.action, rule.target, rule.assignee, forms, rule.extras)


def _left(item: Condition) -> str:
    return item.left if isinstance(item, Constraint) else ""
