"""Is the policy well formed, and is it sensible? A node may refuse one without findings, too.

Source: IM 2.1.1 to 2.1.3 (classes and what they name), 2.6.3 to 2.6.7 (duties); W3C minutes of
24 November 2025 (a later duty states its deadline).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from policies_odrl import model, text, values, vocabulary
from policies_odrl.algebra.forms import LISTING, SCALARS
from policies_odrl.checking.findings import Change, Finding, Report, Severity, Step, table
from policies_odrl.checking.proofs import MAX_STEPS, Satisfiability, of_rules
from policies_odrl.knowledge import NOTHING_MORE, Knowledge
from policies_odrl.model import ODRL, XSD, Constraint, Duty, Literal, Operator, Policy, Rule
from policies_odrl.reading.nodes import short
from policies_odrl.vocabulary import ALLOWED, Kind, Operand

_LISTS: Final = frozenset({Operator.IS_ANY_OF, Operator.IS_NONE_OF})
_WITH_UNITS: Final = frozenset({Kind.NUMBER, Kind.COUNT, Kind.DURATION})
_NAMES: Final = frozenset({Kind.CONCEPT, Kind.PLACE})
_IRI: Final = re.compile(r"(?:https?|urn|did):[^\s<>\"{}|\\^`]+")
_ZONE: Final = re.compile(r"(?:Z|[+-]\d\d:\d\d)$", re.ASCII)
_PARTIES: Final = ("assigner", "assignee")
_UNSEEN: Final = frozenset({ODRL + "delete", ODRL + "uninstall"})
_TELLING: Final = frozenset({ODRL + "inform", ODRL + "acceptTracking"})
_TOLD: Final = frozenset({ODRL + "informedParty", ODRL + "trackingParty"})
_UNTIL: Final = frozenset({Operator.EQ, Operator.LT, Operator.LTEQ})
# Left operand -> operators that set an end.
_ENDS: Final = {
    **{ODRL + name: _UNTIL for name in ("dateTime", "elapsedTime")},
    **{ODRL + name: frozenset(Operator) for name in ("event", "delayPeriod")},
}


def validate(
    policy: Policy, lang: str = "en", *, knowledge: Knowledge = NOTHING_MORE
) -> tuple[Finding, ...]:
    """Return what is wrong or questionable in a policy, in order of its parts."""
    return judged(policy, Report(lang, knowledge)).worst()


def judged(policy: Policy, report: Report) -> Report:
    """Add to a report what is wrong or questionable in a policy."""
    satisfiability = Satisfiability(report)
    _whole(policy, report)
    _named(policy, report)
    for path, rule, owner in model.every_rule(policy):
        _action(f"{path}/action", rule.action.id, report)
        stated = [
            *model.conditions(rule.constraints, f"{path}/constraint"),
            *model.conditions(rule.action.refinements, f"{path}/action/odrl:refinement"),
        ]
        for where, item in stated:
            _condition(where, item, report)
        for unread in rule.unread:
            near = short(report.near("property", unread.left))
            report.note(path, "unknown-property", short(unread.left), near)
        satisfiability.of_rule(path, rule, stated)
        atoms = [item for _, item in stated if isinstance(item, Constraint)]
        _alone(path, rule, atoms, report)
        if isinstance(rule, Duty):
            _duty(path, rule, owner, atoms, report)
    of_rules(policy, report)
    if satisfiability.proof.exhausted:
        report.note("", "too-large", str(MAX_STEPS))
    return report


def _whole(policy: Policy, report: Report) -> None:
    if policy.obligations and not (policy.permissions or policy.prohibitions):
        report.note("", "only-obligation")
    if not policy.id and policy.kind in model.UNSIGNED:  # its catalog or its message names it
        report.note("", "no-identifier")
        report.found.append(replace(report.found.pop(), severity=Severity.NOTE))
    if policy.permissions and policy.prohibitions and policy.conflict is None:
        report.note("", "mixed-without-conflict")
    for profile in policy.profiles:
        report.term("/profile", "profile", profile)
    if policy.id and policy.id in policy.inherits:
        report.note("/odrl:inheritFrom", "circular-inheritance", policy.id)
    elif policy.inherits:
        report.note("/odrl:inheritFrom", "unresolved-inheritance")
    if policy.replaced_by:
        report.note("/dct:isReplacedBy", "replaced", policy.replaced_by)


def _named(policy: Policy, report: Report) -> None:
    """Note parties and targets that are missing or out of place."""
    if not policy.inherits:  # what misses may come from a parent (IM 2.9), see `lint.py`
        missing(policy, report)
    for path, rule in policy.rules():
        giver, taker = policy.assigner_of(rule), policy.assignee_of(rule)
        if giver is not None and giver.id and giver == taker:
            report.note(path, "same-party", giver.id)
    for path, owner in (("", policy), *policy.rules()):
        for name in ("target", *_PARTIES):
            item = getattr(owner, name)  # IM 2.5.5 and 2.5.6: `source` says what is refined
            if item is not None and item.refinements and item.id and not item.source:
                report.note(f"{path}/{name}", "uid-with-refinement", item.id)


def missing(policy: Policy, report: Report) -> None:
    """Note what a policy of its class needs, but for what a message or a catalog fills in."""
    rules = dict(policy.rules())
    for path, code in model.incomplete(policy):
        if path not in rules or not _unnamed(rules[path], code.rpartition("-")[2]):
            report.note(path, code)
    named = {it: [getattr(r, it) or _unnamed(r, it) for r in rules.values()] for it in _PARTIES}
    lacks = [it for it in _PARTIES if not (getattr(policy, it) or (rules and all(named[it])))]
    match policy.kind:
        case model.PolicyKind.OFFER if "assigner" in lacks:
            report.note("", "offer-without-assigner")
        case model.PolicyKind.REQUEST if "assignee" in lacks:
            report.note("", "request-without-assignee")
        case model.PolicyKind.PRIVACY:
            for name in lacks:
                report.note("", "class-without-party", policy.kind.value, name)
        case model.PolicyKind.ASSERTION if len(lacks) == len(_PARTIES):
            report.note("", "class-without-party", policy.kind.value, "assigner")


def _unnamed(rule: Rule, name: str) -> bool:
    """Return whether a party or a target is stated, but nobody can tell which (IM 2.2, 2.3)."""
    return any(item.left == ODRL + name for item in rule.unread)


def _action(path: str, action: str, report: Report) -> None:
    report.term(path, "action", action)
    if action in vocabulary.SAME_ACTION:
        current = vocabulary.SAME_ACTION[action]
        edit = (Step(Change.REPLACE, path, current),) if vocabulary.ACTIONS[action].same else ()
        report.note(path, "deprecated-term", text.term(action), text.term(current), edit=edit)


def _condition(path: str, item: model.Condition, report: Report) -> None:
    if isinstance(item, Constraint):
        report.term(path, "operand", item.left)
        if operand := report.knowledge.operand(item.left):
            _comparison(path, item, operand, report)
    elif item.connective is model.Connective.AND_SEQUENCE:
        report.note(path, "sequence-undecidable")


def _alone(path: str, rule: Rule, atoms: Sequence[Constraint], report: Report) -> None:
    """Note conditions that say little without a companion."""
    operators: dict[str, set[Operator]] = {}
    for item in atoms:
        operators.setdefault(item.left, set()).add(item.operator)
    if vocabulary.PREAU + "epsilon" in operators and vocabulary.PREAU + "delta" not in operators:
        report.note(path, "epsilon-without-delta")
    for left in sorted(operators) if isinstance(rule, model.Permission) else ():
        if operators[left] == {Operator.IS_NONE_OF}:
            report.note(path, "none-of-alone")


def _duty(path: str, duty: Duty, owner: Rule, atoms: Sequence[Constraint], report: Report) -> None:
    """Note a duty that cannot be done when it is due, or of which nobody learns."""
    action = duty.action.id
    # without a deadline it would have to come before the use that it follows
    if action in vocabulary.AFTER_USE and not any(
        it.operator in _ENDS.get(it.left, ()) for it in atoms
    ):
        report.note(path, "duty-without-deadline", text.term(action))
    if any(_among_alternatives(item) for item in duty.constraints):
        report.note(path, "count-among-alternatives")
    if action in _UNSEEN and not _told(duty, owner):
        report.note(path, "retention-unmonitored", text.term(action))
    if duty.consequences and isinstance(owner, model.Prohibition):
        report.note(path, "remedy-with-consequence")
    elif duty.consequences and isinstance(owner, Duty) and owner is not duty:
        report.note(path, "consequence-of-consequence")


def _among_alternatives(item: model.Condition) -> bool:
    """Return whether a count is one of several ways: nobody could say which acts are counted."""
    if isinstance(item, Constraint):
        return False
    if item.connective is model.Connective.AND:
        return any(_among_alternatives(part) for part in item.operands)
    below = (part for _, part in model.conditions(item.operands, ""))
    return any(isinstance(part, Constraint) and part.left == ODRL + "count" for part in below)


def _told(duty: Duty, owner: Rule) -> bool:
    """Return whether the duty, or one beside or below it, tells somebody."""
    near = [it for rule in (owner, duty) for _, duties in model.duties_below(rule) for it in duties]
    named = {name for item in (duty, *near) for name, _ in item.functions}
    if isinstance(owner, model.Permission):
        named.update(name for name, _ in owner.functions)
    return bool(named & _TOLD) or any(item.action.id in _TELLING for item in (duty, *near))


def _comparison(path: str, item: Constraint, operand: Operand, report: Report) -> None:
    """Note what is wrong with one constraint by itself: what never decides is an error."""
    left = text.term(item.left)
    if operand.replaced_by:
        report.note(path, "deprecated-term", left, text.term(operand.replaced_by))
    _operator(path, item, operand, report)
    if operand.measured and not item.unit:
        report.note(path, "unit-missing", left)
    if item.unit and operand.kind not in _WITH_UNITS:
        report.note(path, "unit-without-measure", left)
    _datatype(path, item, report)
    if item.operator in _LISTS and len(item.right) > 1:
        _listed(path, item, operand, report)
    for index, value in enumerate(item.right):
        if operand.kind in SCALARS:
            _scalar(path, item, operand, index, report)
        elif (
            operand.kind in _NAMES and isinstance(value, Literal) and _IRI.fullmatch(value.lexical)
        ):
            step = Step(Change.REPLACE, _at(path, item, index), {"@id": value.lexical})
            report.note(path, "text-for-name", value.lexical, edit=(step,))
        if operand.kind is Kind.CONCEPT:
            _concept(path, item, values.name(value) or "", report)


def _at(path: str, item: Constraint, index: int) -> str:
    return f"{path}/rightOperand" + (f"/{index}" if len(item.right) > 1 else "")


def _operator(path: str, item: Constraint, operand: Operand, report: Report) -> None:
    operator, left = item.operator.value, text.term(item.left)
    if item.operator not in ALLOWED[operand.kind]:
        allowed = ", ".join(sorted(ALLOWED[operand.kind]))
        report.note(path, "operator-without-meaning", left, operator, allowed)
    elif item.operator not in operand.usual:
        usual = ", ".join(sorted(operand.usual))
        report.note(path, "unusual-operator", left, operator, usual)
    if len(item.right) > 1 and item.operator not in LISTING:
        report.note(path, "several-values", operator, str(len(item.right)))


def _datatype(path: str, item: Constraint, report: Report) -> None:
    written = [value.datatype if isinstance(value, Literal) else "" for value in item.right]
    other = next((kind for kind in written if kind != item.datatype), None)
    if item.datatype and other is not None:
        report.note(
            path,
            "datatype-differs",
            vocabulary.prefixed(item.datatype),
            vocabulary.prefixed(other) or "@id",
        )


def _listed(path: str, item: Constraint, operand: Operand, report: Report) -> None:
    names = [values.name(value) or "" for value in item.right]
    listed = frozenset(names)
    seen: set[str] = set()
    for index, word in enumerate(names):
        edit = (Step(Change.REMOVE, f"{path}/rightOperand/{index}"),)
        above = report.knowledge.above(word) if operand.kind is Kind.CONCEPT else frozenset()
        wider = min((above & listed) - {word}, default="")
        if word in seen:
            report.note(path, "repeated-value", text.term(word), edit=edit)
        elif wider:
            report.note(path, "covered-value", text.term(word), text.term(wider), edit=edit)
        seen.add(word)


def _scalar(path: str, item: Constraint, operand: Operand, index: int, report: Report) -> None:
    value = item.right[index]
    if not _fits(item, operand, value):
        steps = ", ".join(text.term(step) for step in vocabulary.LEVELS.get(item.left, ()))
        form = steps or tuple(table()["wrong-datatype"]["forms"][operand.kind.value])
        report.note(path, "wrong-datatype", text.term(item.left), text.value(value), form)
    elif operand.kind is Kind.INSTANT and isinstance(value, Literal):
        written, xsd = value.lexical.strip(), value.datatype.startswith(XSD)
        if "T" in written and not _ZONE.search(written):
            zoned = {"@value": written + "Z", "@type": vocabulary.prefixed(value.datatype)}
            edit = (Step(Change.REPLACE, _at(path, item, index), zoned),) if xsd else ()
            report.note(path, "time-without-zone", written, edit=edit)
        stretch = values.span(value)
        if value.datatype == XSD + "date" or (stretch and stretch.start != stretch.end):
            report.note(path, "date-is-a-day", written)


def _fits(item: Constraint, operand: Operand, value: model.Value) -> bool:
    steps = vocabulary.LEVELS.get(item.left)
    if steps is not None:  # a step of another list is none of this one
        return values.name(value) in steps
    measured = operand.kind is Kind.DURATION and item.unit and values.number(value) is not None
    return bool(measured) or values.scalar(operand.kind, value) is not None


def _concept(path: str, item: Constraint, concept: str, report: Report) -> None:
    if not report.knowledge.knows(concept):
        kind = "purpose" if item.left == ODRL + "purpose" else "concept"
        report.note(path, "unknown-purpose", concept, report.near(kind, concept))
    elif item.operator in {Operator.EQ, Operator.NEQ}:
        narrower = min(report.knowledge.below(concept) - {concept}, default="")
        if narrower:
            terms = (item.operator.value, text.term(concept), text.term(narrower))
            report.note(path, "eq-on-class", *terms)
