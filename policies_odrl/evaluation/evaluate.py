"""Policy, request and facts to a decision.

Closed world: what no permission grants is denied, unless an open one is asked for by name. Only
True grants; a prohibition holds unless it is certain not to. Duties must be fulfilled, or be due
later. Source: `docs/decisions`, ODRL IM 2.2, and the W3C draft on formal semantics.
"""

from __future__ import annotations

from typing import Final

from policies_odrl import model
from policies_odrl.evaluation import conditions as judge
from policies_odrl.evaluation.decision import Decision, DutyResult, RuleResult
from policies_odrl.evaluation.deontic import Effect
from policies_odrl.evaluation.duties import blocks, duty_state, violations_of
from policies_odrl.evaluation.request import Behaviour, Case, Facts, Mode, Request
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth, all_of, any_of
from policies_odrl.vocabulary import PROFILES, loaded

_NO_FACTS = Facts()
_LEFT_OPEN: Final = frozenset({"no-rule", "no-identifier", "rule-without-target"})  # by suites


def evaluate(
    policy: model.Policy,
    request: Request,
    facts: Facts = _NO_FACTS,
    *,
    mode: Mode = Mode.W3C,
    tentative: bool = False,
    behaviour: Behaviour = Behaviour.CLOSED,
) -> Decision:
    """Return whether the policy lets the request go ahead, and why.

    What the policy inherits must be resolved. `mode` is the reading that holds where public texts
    disagree; `tentative` asks what an offer would grant if it were agreed; `behaviour` is what
    holds where no rule says anything, and `OPEN` is unsafe.
    """
    refusal = unusable(policy, facts.knowledge, mode, tentative=tentative)
    if refusal:
        return Decision(granted=False, because=(refusal,))
    vague = judge.collections_of(policy) if policy.prohibitions else frozenset[str]()
    case = Case.of(policy, request, facts, mode, vague)
    rules: list[RuleResult] = []
    obligations: list[DutyResult] = []
    for path, rule in policy.rules():
        if isinstance(rule, model.Duty):
            obligations.append(duty_state(rule, path, case.under(rule, path)))
        elif isinstance(rule, model.Permission | model.Prohibition):
            rules.append(rule_result(rule, path, case))
    permissions = [item for item in rules if isinstance(item.rule, model.Permission)]
    granting = [item for item in permissions if item.effect is Effect.GRANTS]
    blocking = [item for item in rules if item.effect is Effect.BLOCKS]
    prohibited = any_of(item.applies for item in blocking)
    silent = all(item.concerns is Truth.FALSE for item in permissions)
    unsaid = behaviour is Behaviour.OPEN and silent and prohibited is Truth.FALSE
    outcome = resolve(policy.conflict, permitted=bool(granting), prohibited=prohibited)
    because: tuple[str, ...] = ()  # what the nearest permission lacks
    if outcome.because:
        because = (*outcome.because, *map(_blocking, blocking))
    elif granting:
        because = tuple(f"permission {item.path}" for item in granting)
    elif unsaid:
        because = ("nothing prohibits it, and open behaviour was asked for",)
    duties = [duty for item in granting for duty in item.duties]
    duties += [duty for item in rules for act in item.violations for duty in act.remedies]
    owed = (each for duty in (*duties, *obligations) for each in (duty, *duty.consequences))
    due = tuple(each for each in owed if each.open)
    granted = outcome.granted or unsaid
    return Decision(granted, because, tuple(rules), due, outcome.void, tuple(obligations))


def unusable(policy: model.Policy, known: Knowledge, mode: Mode, *, tentative: bool) -> str:
    """Return why a policy decides nothing at all; empty when it decides.

    A processor stops at a profile that it does not know (IM 3.2), and what the check calls an error
    of the whole policy is not evaluated.
    """
    for item in policy.profiles:
        if item not in PROFILES and item not in known.profiles:
            return f"profile `{item}` is not known here"
    if policy.kind in model.UNSIGNED and not tentative:
        return f"a policy of class {policy.kind.value} grants nothing until it is agreed"
    if policy.replaced_by or policy.inherits:
        unresolved = "the policies it inherits from are not resolved"
        return f"replaced by `{policy.replaced_by}`" if policy.replaced_by else unresolved
    for path, code in model.incomplete(policy):
        if mode is Mode.W3C or code not in _LEFT_OPEN:
            sentence = loaded("checking/findings.json")[code]["en"]["sentence"]
            return f"{sentence}: `{path}` has none" if path else str(sentence)
    return ""


def resolve(strategy: model.Conflict | None, *, permitted: bool, prohibited: Truth) -> Decision:
    """Return what follows from what the permissions and the prohibitions say (IM 2.10).

    A conflict exists only where both bear on the same request. `invalid`, the default, voids the
    whole policy. A prohibition that cannot be ruled out blocks, unless permissions are to win.
    """
    if not permitted or prohibited is Truth.FALSE:
        return Decision(permitted)
    if strategy is model.Conflict.PERM:
        return Decision(granted=True, because=("prohibited as well, but permissions win here",))
    if prohibited is Truth.UNDETERMINED:
        return Decision(granted=False, because=("a prohibition cannot be ruled out",))
    if strategy is model.Conflict.PROHIBIT:
        return Decision(granted=False, because=("prohibited",))
    reason = "permitted and prohibited at once, which voids the policy"
    return Decision(granted=False, because=(reason,), void=True)


def rule_result(rule: model.Permission | model.Prohibition, path: str, outer: Case) -> RuleResult:
    """Return how a permission or a prohibition bears on a request."""
    case = outer.under(rule, path)
    premises = judge.premises_of(rule, path, case)
    constraints = judge.conditions(rule.constraints, f"{path}/constraint", case)
    if rule.unread:
        constraints += judge.conditions(rule.unread, f"{path}/unread", case)
    refinements = judge.refinements_of(rule, path, case)
    concerns = all_of([item.truth for item in premises])
    applies = all_of([concerns, *[item.truth for item in (*constraints, *refinements)]])
    parts = (premises, constraints, refinements)
    if isinstance(rule, model.Permission):
        places = ((duty, f"{path}/duty/{index}") for index, duty in enumerate(rule.duties))
        duties = tuple([duty_state(duty, place, case, rule) for duty, place in places])
        grants = applies is Truth.TRUE and not any(blocks(item, case.mode) for item in duties)
        effect = Effect.GRANTS if grants else Effect.NOTHING
        return RuleResult(path, rule, concerns, applies, effect, *parts, duties)
    if rule.unread and concerns is not Truth.FALSE:  # it may lift any of the conditions
        applies = Truth.UNDETERMINED
    effect = Effect.NOTHING if applies is Truth.FALSE else Effect.BLOCKS
    violations = violations_of(rule, path, case) if case.facts.performed else ()
    return RuleResult(path, rule, concerns, applies, effect, *parts, violations=violations)


def _blocking(result: RuleResult) -> str:
    notes = [item.note for item in result.failures() if item.truth is Truth.UNDETERMINED]
    why = f": {notes[0]}" if notes and result.applies is Truth.UNDETERMINED else ""
    return f"prohibition {result.path}{why}"
