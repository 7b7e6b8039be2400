"""Is the policy well formed, and is it sensible?

Rules: nothing here changes what a policy means; a policy without findings may still be refused by
a node that cannot uphold it. Each finding has the path of the part, a sentence and a fix. What
reading already refuses (unknown terms, shape) is found again for policies built in code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from difflib import get_close_matches
from typing import Final

from policies_odrl import text
from policies_odrl.compare import judge
from policies_odrl.findings import Finding, finding
from policies_odrl.forms import flat
from policies_odrl.model import (
    ODRL,
    XSD,
    Condition,
    Conflict,
    Connective,
    Constraint,
    Duty,
    Literal,
    Operator,
    Permission,
    Policy,
    PolicyKind,
    Rule,
    conditions,
    duties_below,
)
from policies_odrl.proof import Proof, disjoint
from policies_odrl.regions import SCALARS
from policies_odrl.values import name, scalar, span
from policies_odrl.vocabulary import (
    ALLOWED,
    INCLUDED_IN,
    OPERANDS,
    PREAU,
    PROFILE,
    PROFILES,
    SAME_ACTION,
    Kind,
    Operand,
    known_action,
    purposes,
    wider_purposes,
)

MAX_COMPARED: Final = 64  # rules that are compared with one another

_Say = Callable[..., Finding]
_AFTER_USE: Final = frozenset(ODRL + item for item in ("delete", "uninstall", "archive"))
_MEASURED: Final = frozenset(ODRL + item for item in ("payAmount", "absoluteSize", "resolution"))
_MANY: Final = frozenset({Operator.IS_ANY_OF, Operator.IS_NONE_OF, Operator.IS_ALL_OF})
_FORMS: Final = {
    Kind.NUMBER: "a number",
    Kind.COUNT: "a number",
    Kind.INSTANT: "an xsd:dateTime or xsd:date",
    Kind.DURATION: "an xsd:duration such as P30D",
}


def validate(policy: Policy, lang: str = "en") -> tuple[Finding, ...]:
    """Return what is wrong or questionable in a policy, in order of its parts.

    Args:
        policy: see `model.py`.
        lang: `en` or `fr`.
    """

    def say(path: str, code: str, *terms: str) -> Finding:
        return finding(path, code, *terms, lang=lang)

    found = [*_whole(policy, say)]
    for path, rule in policy.rules():
        found.extend(_rule(policy, path, rule, say))
    found.extend(_rules_together(policy, say))
    return tuple(found)


def _whole(policy: Policy, say: _Say) -> Iterator[Finding]:
    if not any(True for _ in policy.rules()):
        yield say("", "no-rule")
    elif not policy.permissions and not policy.prohibitions:
        yield say("", "only-obligation")
    if not policy.id:
        yield say("", "no-identifier")
    if policy.kind is PolicyKind.AGREEMENT:
        yield from _parties(policy, say)
    if policy.kind is PolicyKind.OFFER and policy.assigner is None:
        yield say("", "offer-without-assigner")
    if policy.permissions and policy.prohibitions and policy.conflict is None:
        yield say("", "mixed-without-conflict")
    if policy.inherits:
        yield say("/odrl:inheritFrom", "unresolved-inheritance")
    for profile in policy.profiles:
        if profile not in PROFILES:
            yield say("/profile", "unknown-profile", profile)


def _parties(policy: Policy, say: _Say) -> Iterator[Finding]:
    for path, rule in policy.rules():
        if policy.target_of(rule) is None:
            yield say(path, "missing-target")
        if policy.assigner_of(rule) is None:
            yield say(path, "missing-assigner")
        if policy.assignee_of(rule) is None:
            yield say(path, "missing-assignee")


def _rule(policy: Policy, path: str, rule: Rule, say: _Say) -> Iterator[Finding]:
    yield from _action(policy, path, rule, say)
    for where, item in _conditions(path, rule):
        if isinstance(item, Constraint):
            yield from _constraint(policy, where, item, say)
        elif item.connective is Connective.AND_SEQUENCE:
            yield say(where, "sequence-undecidable")
    yield from _together(path, rule, say)
    for name_, duties in duties_below(rule):
        for index, duty in enumerate(duties):
            yield from _duty(policy, f"{path}/{name_}/{index}", duty, say)


def _conditions(path: str, rule: Rule) -> Iterator[tuple[str, Condition]]:
    yield from conditions(rule.constraints, f"{path}/constraint")
    yield from conditions(rule.action.refinements, f"{path}/action/odrl:refinement")


def _action(policy: Policy, path: str, rule: Rule, say: _Say) -> Iterator[Finding]:
    action = rule.action.id
    if not known_action(action):
        yield say(f"{path}/action", "unknown-action", action, _nearest(action, INCLUDED_IN))
    if action in SAME_ACTION:
        yield say(
            f"{path}/action", "deprecated-term", text.term(action), text.term(SAME_ACTION[action])
        )
    yield from _profile(policy, f"{path}/action", action, say)


def _duty(policy: Policy, path: str, duty: Duty, say: _Say) -> Iterator[Finding]:
    yield from _rule(policy, path, duty, say)
    timed = {ODRL + item for item in ("dateTime", "elapsedTime", "event", "delayPeriod")}
    stated = {item.left for _, item in _conditions(path, duty) if isinstance(item, Constraint)}
    if duty.action.id in _AFTER_USE and not stated & timed:
        yield say(path, "duty-without-deadline", text.term(duty.action.id))


def _profile(policy: Policy, path: str, term: str, say: _Say) -> Iterator[Finding]:
    if term.startswith(PREAU) and PROFILE not in policy.profiles:
        yield say(path, "undeclared-profile", text.term(term), PROFILE)


def _constraint(policy: Policy, path: str, item: Constraint, say: _Say) -> Iterator[Finding]:
    operand = OPERANDS.get(item.left)
    if operand is None:
        yield say(path, "unknown-operand", item.left, _nearest(item.left, OPERANDS))
        return
    yield from _profile(policy, path, item.left, say)
    short = text.term(item.left)
    if operand.replaced_by:
        yield say(path, "deprecated-term", short, text.term(operand.replaced_by))
    yield from _operator(path, item, operand, say)
    if item.left in _MEASURED and not item.unit:
        yield say(path, "unit-missing", short)
    if operand.kind in SCALARS:
        yield from _scalars(path, item, operand, say)
    if operand.kind is Kind.CONCEPT:
        yield from _concepts(path, item, say)


def _operator(path: str, item: Constraint, operand: Operand, say: _Say) -> Iterator[Finding]:
    operator, short = item.operator.value, text.term(item.left)
    if item.operator not in ALLOWED[operand.kind]:
        allowed = ", ".join(sorted(ALLOWED[operand.kind]))
        yield say(path, "operator-without-meaning", short, operator, allowed)
    elif item.operator not in operand.usual:
        usual = ", ".join(sorted(operand.usual))
        yield say(path, "unusual-operator", short, operator, usual)
    if len(item.right) > 1 and item.operator not in _MANY | {Operator.HAS_PART}:
        yield say(path, "several-values", operator, str(len(item.right)))


def _scalars(path: str, item: Constraint, operand: Operand, say: _Say) -> Iterator[Finding]:
    for value in item.right:
        shown = text.value(value)
        if scalar(operand.kind, value) is None:
            yield say(path, "wrong-datatype", text.term(item.left), shown, _FORMS[operand.kind])
        elif operand.kind is Kind.INSTANT and isinstance(value, Literal):
            yield from _instant(path, value, say)


def _instant(path: str, value: Literal, say: _Say) -> Iterator[Finding]:
    text_ = value.lexical.strip()
    if not text_.endswith("Z") and text_[-6:-5] not in {"+", "-"}:
        yield say(path, "time-without-zone", text_)
    stretch = span(value)
    if value.datatype == XSD + "date" or (stretch and stretch.start != stretch.end):
        yield say(path, "date-is-a-day", text_)


def _concepts(path: str, item: Constraint, say: _Say) -> Iterator[Finding]:
    for value in item.right:
        known = name(value) or ""
        if known not in purposes():
            yield say(path, "unknown-purpose", known, _nearest(known, purposes()))
        elif item.operator in {Operator.EQ, Operator.NEQ}:
            narrower = sorted(
                other for other in purposes() if other != known and known in wider_purposes(other)
            )
            if narrower:
                yield say(
                    path,
                    "eq-on-class",
                    item.operator.value,
                    text.term(known),
                    text.term(narrower[0]),
                )


def _together(path: str, rule: Rule, say: _Say) -> Iterator[Finding]:
    items = [*flat(rule.constraints), *flat(rule.action.refinements)]
    atoms = [item for item in items if isinstance(item, Constraint)]
    if disjoint(items):
        yield say(path, "unsatisfiable", "; ".join(text.condition(item) for item in items))
    elif len(items) <= MAX_COMPARED:
        yield from _redundant(path, rule, say)
    stated = {item.left for item in atoms}
    if PREAU + "epsilon" in stated and PREAU + "delta" not in stated:
        yield say(path, "epsilon-without-delta")
    for left in stated:
        own = [item for item in atoms if item.left == left]
        if isinstance(rule, Permission) and all(
            item.operator is Operator.IS_NONE_OF for item in own
        ):
            yield say(path, "none-of-alone")


def _redundant(path: str, rule: Rule, say: _Say) -> Iterator[Finding]:
    items = rule.constraints
    prover = Proof()
    for index, item in enumerate(items):
        rest: Sequence[Condition] = [*items[:index], *items[index + 1 :]]
        if rest and prover.follows(item, rest):
            yield say(f"{path}/constraint/{index}", "redundant", text.condition(item))


def _rules_together(policy: Policy, say: _Say) -> Iterator[Finding]:
    if len(policy.permissions) + len(policy.prohibitions) > MAX_COMPARED:
        yield say("", "too-large")
        return
    for index, rule in enumerate(policy.permissions):
        path = f"/permission/{index}"
        for other, wider in enumerate(policy.permissions):
            same = _within(policy, rule, wider)
            if other != index and same and (other < index or not _within(policy, wider, rule)):
                yield say(path, "shadowed", f"/permission/{other}")
        if policy.conflict is Conflict.PERM:
            continue
        for other, ban in enumerate(policy.prohibitions):
            if _within(policy, rule, _as_permission(ban)):
                yield say(path, "never-usable", f"/prohibition/{other}")


def _within(policy: Policy, rule: Permission, wider: Permission) -> bool:
    def alone(one: Permission) -> Policy:
        return Policy(
            kind=PolicyKind.SET,
            permissions=(one,),
            target=policy.target,
            assignee=policy.assignee,
            profiles=policy.profiles,
        )

    return not judge(alone(wider), alone(rule))[1]


def _as_permission(rule: Rule) -> Permission:
    return Permission(
        action=rule.action,
        target=rule.target,
        assignee=rule.assignee,
        constraints=rule.constraints,
    )


def _nearest(term: str, known: Iterable[str]) -> str:
    names = {text.term(item): item for item in known}
    found = get_close_matches(text.term(term).rpartition("#")[2], names, n=1, cutoff=0.0)
    return names[found[0]] if found else ""
