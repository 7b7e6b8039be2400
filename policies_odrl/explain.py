"""A policy as numbered sentences that people without ODRL read.

Rules: every rule, condition, duty and party has its sentence, and nothing is summed up away; the
number of a sentence follows the structure (rule 2, its third condition: `2.3`); the same policy
always gives the same sentences.
"""

from __future__ import annotations

from collections.abc import Iterator

from policies_odrl import text
from policies_odrl.model import (
    Condition,
    Conflict,
    Constraint,
    Duty,
    Permission,
    Policy,
    Prohibition,
    Rule,
    Value,
    duties_below,
)
from policies_odrl.phrases import LANGUAGES, OPERATORS, SPECIAL, label, phrase

_DUTY_KEYS = {"duty": "duty", "odrl:remedy": "remedy", "odrl:consequence": "consequence"}


def explain(policy: Policy, lang: str = "en") -> tuple[str, ...]:
    """Return the policy in sentences.

    Args:
        policy: see `model.py`.
        lang: `en` or `fr`.

    Raises:
        ValueError: another language.
    """
    if lang not in LANGUAGES:
        raise ValueError(f"no sentences in `{lang}`")
    sentences = list(_parties(policy, lang))
    for number, (_, rule) in enumerate(policy.rules(), 1):
        sentences.extend(_rule(f"{number}", rule, _key(rule), lang))
    if policy.permissions and policy.prohibitions:
        strategy = phrase((policy.conflict or Conflict.INVALID).value, lang)
        sentences.append(phrase("conflict", lang, strategy))
    sentences.append(phrase("else-denied", lang))
    return tuple(sentences)


def sentence(item: Condition, lang: str = "en") -> str:
    """Return one condition in words, without a full stop."""
    if not isinstance(item, Constraint):
        inner = "; ".join(sentence(part, lang) for part in item.operands)
        return phrase(item.connective.value, lang, inner)
    index = LANGUAGES.index(lang)
    values = _values(item, lang)
    special = SPECIAL.get((item.left, item.operator))
    if special and not item.unit:
        return special[index].format(values)
    operand = label("operands", text.term(item.left), lang)
    return OPERATORS[item.operator][index].format(operand, values)


def _parties(policy: Policy, lang: str) -> Iterator[str]:
    for name in ("target", "assigner", "assignee"):
        item = getattr(policy, name)
        if item is not None:
            yield phrase(name, lang, item.id or item.source)


def _key(rule: Rule) -> str:
    if isinstance(rule, Permission):
        return "permission"
    return "prohibition" if isinstance(rule, Prohibition) else "obligation"


def _rule(number: str, rule: Rule, key: str, lang: str) -> Iterator[str]:
    action = label("actions", text.term(rule.action.id), lang)
    yield f"{number}. {phrase(key, lang, action)}"
    parts = [phrase("refined", lang, sentence(item, lang)) for item in rule.action.refinements]
    parts += [
        phrase(name, lang, item.id or item.source)
        for name in ("target", "assigner", "assignee")
        if (item := getattr(rule, name)) is not None
    ]
    parts += [phrase("only-if", lang, sentence(item, lang)) for item in rule.constraints]
    for index, part in enumerate(parts, 1):
        yield f"{number}.{index}. {part}"
    yield from _duties(number, len(parts), rule, lang)


def _duties(number: str, done: int, rule: Rule, lang: str) -> Iterator[str]:
    below: list[tuple[str, Duty]] = [
        (_DUTY_KEYS[name], duty) for name, duties in duties_below(rule) for duty in duties
    ]
    for index, (key, duty) in enumerate(below, done + 1):
        yield from _rule(f"{number}.{index}", duty, key, lang)


def _values(item: Constraint, lang: str) -> str:
    shown = [_value(value, lang) for value in item.right] or list(item.reference)
    unit = f" {text.term(item.unit)}" if item.unit else ""
    key = "joining" if item.operator.value == "isAllOf" else "listing"
    if len(shown) == 1:
        return shown[0] + unit
    return phrase(key, lang, ", ".join(shown[:-1]), shown[-1]) + unit


def _value(value: Value, lang: str) -> str:
    shown = text.value(value)
    return label("purposes", shown, lang) if shown != getattr(value, "lexical", "") else shown
