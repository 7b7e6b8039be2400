"""What the check proves: of the conditions of one rule, and of rules against one another.

One rule covers another where it bears on whatever the other bears on. Only what is proved is told;
work is bounded, and the bound is told.
Source: ODRL Vocabulary 2.2, left operands and `includedIn`; IM 2.5, 2.6, 2.10.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Final

from policies_odrl import model, text
from policies_odrl.algebra import forms
from policies_odrl.algebra.boxes import Box, Proof
from policies_odrl.algebra.claims import Goal, always
from policies_odrl.algebra.extent import Exhausted
from policies_odrl.algebra.forms import condition_form, flat, reference_form, rule_form
from policies_odrl.checking.findings import Change, Report, Step
from policies_odrl.model import Condition, Connective, Constraint, LogicalConstraint, Operator
from policies_odrl.vocabulary import same_action

MAX_COMPARED: Final = 64  # conditions of one rule that are compared with all others
MAX_JOINED: Final = 256  # conditions of one rule, nested ones too, that are looked at together
MAX_STEPS: Final = 200_000  # conditions looked at in one check
MAX_PROOF: Final = 50_000  # the same in the proofs of one rule, or of one pair
MAX_PAIRS: Final = 30_000  # pairs of rules, or of their conditions, that are compared in one check

_LISTS: Final = frozenset({Operator.IS_A, Operator.IS_ANY_OF})
_Stated = Sequence[tuple[str, Condition]]
# Action in its current spelling, forms of target and assignee; None for any.
_Key = tuple[str, object, object]


class Satisfiability:
    """Looks at the conditions of rules, within a bound that one check shares."""

    def __init__(self, report: Report) -> None:
        self._note = report.note
        self.proof = Proof(MAX_STEPS, report.knowledge)

    def of_rule(self, path: str, rule: model.Rule, stated: _Stated) -> None:
        """Note what is wrong with the conditions of a rule, `stated` with those within others."""
        if self.proof.exhausted:
            return
        if len(stated) > MAX_JOINED:
            self._note(path, "too-many-conditions", str(MAX_JOINED))
            return
        items = [*flat(rule.constraints), *flat(rule.action.refinements)]
        void = [where for where, item in stated if self._never(where, item)]
        if void:
            return
        if not self._no_common_value(path, items) and self._impossible(items):
            pairs = ([other, item] for at, item in enumerate(items) for other in items[:at])
            culprits = next((pair for pair in pairs if self._impossible(pair)), items)
            self._note(path, "unsatisfiable", "; ".join(map(text.condition, culprits)))
            return
        self._dead(stated, items)
        self._redundant(f"{path}/constraint", rule.constraints)
        self._redundant(f"{path}/action/odrl:refinement", rule.action.refinements)

    def _impossible(self, items: Sequence[Condition | Goal]) -> bool:
        """Return whether it is proved that nothing satisfies all conditions."""
        return self.proof.pay(1 + len(items)) and self.proof.void(Box(items))

    def _never(self, path: str, item: Condition) -> bool:
        """Note what is wrong with one condition alone, and return whether it voids the rule."""
        joined = item.connective if isinstance(item, LogicalConstraint) else None
        ordered = joined is Connective.AND_SEQUENCE  # it may well ask for more
        if isinstance(item, LogicalConstraint) and len(item.operands) == 1:
            step = Step(Change.MOVE, path, source=f"{model.below(item, path)}/0")
            self._note(
                path, "needless-connective", item.connective.value, edit=() if ordered else (step,)
            )
        if not ordered and self._impossible([item]):
            dead = "/or/" in path or "/xone/" in path
            self._note(path, "dead-alternative" if dead else "never-true", text.condition(item))
            return not dead
        if isinstance(item, Constraint):
            vain = always(item, self.proof.reading)
        else:
            choice = joined in {Connective.OR, Connective.XONE}
            vain = choice and self._impossible([Goal(item, holds=False)])
        if vain:
            self._note(path, "always-true", text.condition(item))
        return False

    def _dead(self, stated: _Stated, items: Sequence[Condition]) -> None:
        """Note alternatives that could hold, but not with the other conditions of the rule."""
        atoms = [item for item in items if isinstance(item, Constraint)]
        tops = {id(item) for item in items if isinstance(item, LogicalConstraint)}
        for where, item in stated if atoms else ():
            if isinstance(item, LogicalConstraint) and id(item) in tops:
                for index, part in enumerate(item.operands):
                    if self._impossible([*atoms, part]) and not self._impossible([part]):
                        path = f"{model.below(item, where)}/{index}"
                        self._note(path, "dead-alternative", text.condition(part))

    def _no_common_value(self, path: str, items: Sequence[Condition]) -> bool:
        """Note lists that share no known name; an author may know more, so that it is no error."""
        lists: dict[str, Constraint] = {}
        found = False
        for item in items:
            if isinstance(item, Constraint) and item.operator in _LISTS:
                other = lists.setdefault(item.left, item)
                if other is not item and self._impossible([other, item]):
                    found = True
                    self._note(path, "no-common-value", *map(text.condition, (other, item)))
        return found

    def _redundant(self, path: str, items: Sequence[Condition]) -> None:
        """Note what follows from the rest; what was named already no longer counts as given."""
        total = sum(1 for _ in model.conditions(tuple(items), ""))
        if not self.proof.pay(total**2) or len(items) > MAX_COMPARED:
            return
        prover = Proof(MAX_PROOF // max(1, total), self.proof.knowledge)
        kept = dict(enumerate(items))
        operands = [forms.operands_of(item) for item in items]
        for index, item in reversed(list(kept.items())):
            rest = [it for at, it in kept.items() if at != index and operands[at] & operands[index]]
            if rest and prover.follows(item, rest):
                del kept[index]
        for index, item in enumerate(items):
            if index not in kept:
                edit = (Step(Change.REMOVE, f"{path}/{index}"),)
                self._note(f"{path}/{index}", "redundant", text.condition(item), edit=edit)


class Bearing:
    """What a rule of a policy bears on."""

    def __init__(self, policy: model.Policy, path: str, rule: model.Rule) -> None:
        self.path = path
        self.conditions = (*flat(rule.constraints), *flat(rule.action.refinements))
        self.size = sum(1 for _ in model.conditions(self.conditions, ""))  # with nested ones
        target, assignee = map(reference_form, (policy.target_of(rule), policy.assignee_of(rule)))
        self.key: _Key = (same_action(rule.action.id), target, assignee)
        plain = all(isinstance(item, Constraint) for item in self.conditions)
        lefts = frozenset().union(*map(forms.operands_of, self.conditions))
        self.operands = lefts if plain else None  # of conditions that are plain constraints
        extras = {rule_form(duty) for _, below in model.duties_below(rule) for duty in below}
        if rule.output or rule.functions:
            extras.add((reference_form(rule.output), frozenset(rule.functions)))
        self.extras = frozenset(extras)  # duties or remedies, output and party functions
        said = (self.key, frozenset(map(condition_form, self.conditions)), self.extras)
        # Equal for rules that say the same.
        self.form: object = rule_form(rule) if isinstance(rule, model.Duty) else said


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
        prover = Proof(MAX_PROOF // max(1, rule.size), self._proof.knowledge)
        box, size = Box(rule.conditions), len(rule.conditions)
        for key in product(sorted(self._wider(action)), aims, takers):
            for other in self._keys.get(key, ()):
                if self._proof.exhausted:
                    return
                if other is rule or id(other) in but:
                    continue
                prover.reading.budget.renew()
                follow = (prover.pay(size) and prover.within(it, box) for it in other.conditions)
                related = rule.operands is None or (other.operands or frozenset()) <= rule.operands
                if self._proof.pay(1) and related and self._affords(other, rule) and all(follow):
                    yield other

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
        """Return whether it is shown that one value of each operand satisfies both rules."""
        if left.operands is None or right.operands is None or not self._affords(left, right):
            return False
        both, reading = Box([*left.conditions, *right.conditions]), self._proof.reading
        try:
            claims = [both.claims(it, reading) for it in left.operands & right.operands]
            return all(len(next(item.samples(), ())) == 1 for item in claims)
        except Exhausted:
            return False

    def _affords(self, left: Bearing, right: Bearing) -> bool:
        small = max(left.size, right.size) <= MAX_JOINED
        return small and self._proof.pay(left.size * right.size)


def of_rules(policy: model.Policy, report: Report) -> None:
    """Note permissions and prohibitions that cover, repeat or contradict one another."""
    policy = forms.opaque(policy)
    proof = Proof(MAX_PAIRS, report.knowledge)
    groups: dict[str, list[Bearing]] = {"permission": [], "prohibition": [], "obligation": []}
    for path, rule in policy.rules():
        groups[path.split("/")[1]].append(Bearing(policy, path, rule))
    bans = Index(_distinct(groups["prohibition"], report, "ban-shadowed"), proof)
    permissions = Index(_distinct(groups["permission"], report, "shadowed"), proof)
    _distinct(groups["obligation"], report, "repeated-duty")
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


def _distinct(rules: Sequence[Bearing], report: Report, code: str) -> list[Bearing]:
    """Note rules that say the same as an earlier one, and return the others."""
    first: dict[object, Bearing] = {}
    for rule in rules:
        other = first.setdefault(rule.form, rule)
        if other is not rule:
            report.note(rule.path, code, other.path, edit=(Step(Change.REMOVE, rule.path),))
    return list(first.values())


def _covered(index: Index, report: Report, code: str) -> None:
    duties_add = code == "shadowed"  # a permission with more duties permits no more
    gone: set[int] = set()
    for rule in reversed(index.rules):  # of two that cover one another the later one goes
        for other in index.covering(rule, gone):
            less = duties_add and other.extras <= rule.extras
            if less or other.extras == rule.extras:
                gone.add(id(rule))
                report.note(rule.path, code, other.path, edit=(Step(Change.REMOVE, rule.path),))
                break


def _duties(policy: model.Policy) -> Iterator[Bearing]:
    """Yield what duties of permissions demand; of the permission's target where they name none."""
    for path, rule in policy.rules():
        duties = rule.duties if isinstance(rule, model.Permission) else ()
        for place, duty in enumerate(duties):
            aimed = replace(duty, target=duty.target or policy.target or rule.target)
            yield Bearing(policy, f"{path}/duty/{place}", aimed)
