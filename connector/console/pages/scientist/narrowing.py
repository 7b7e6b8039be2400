"""Terms with other values: a field for each value of a policy that a person may ask otherwise.

Rule: only values change, never what a condition speaks of; whether the terms that come out are
narrower, and whether anybody agrees to them, is for the services to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any, Final

from connector.console.parts import Field
from connector.console.visit import Visit
from connector.errors import Malformed
from connector.jsonld.canonical import parse_object
from connector.jsonld.policy import policy_bytes, read_policy
from connector.language.matching import verbatim
from policies_odrl import Constraint, Iri, Literal, Operator, Policy
from policies_odrl.concepts import concepts
from policies_odrl.language.explain import sentence
from policies_odrl.language.phrases import word
from policies_odrl.model import all_in, each
from policies_odrl.values import scalar
from policies_odrl.vocabulary import OPERANDS, Kind

_NAME: Final = "term-{}"
_CHOICES: Final = 200
_LONGEST: Final = 80  # characters of a value that a refusal shows
_DAY: Final = "a day such as `2027-08-31`, or a moment with its zone"
_ALONE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_START, _END = "T00:00:00Z", "T23:59:59Z"  # of a day, UTC; what it means as a bound
_AT_START: Final = frozenset({Operator.GTEQ, Operator.LT})
_PARTS: Final = ("permissions", "prohibitions", "obligations")


def fields(policy: bytes, language: str) -> tuple[Field, ...]:
    """Return a field for each value of a policy that can be another one, filled with what it is.

    Args:
        policy: JSON-LD.
        language: of the labels.

    Raises:
        PreauError: the policy cannot be read.
    """
    return tuple(
        _field(number, item, language) for number, item in _open(read_policy(parse_object(policy)))
    )


def narrowed(policy: bytes, visit: Visit) -> bytes | None:
    """Return a policy with the values of a form, canonical JSON-LD; None where none is another.

    Raises:
        Malformed: a value is none of those that were offered, or is missing.
        PolicyInvalid: the terms are no policy.
    """
    read = read_policy(parse_object(policy))
    known = {number: item for number, item in _open(read) if _NAME.format(number) in visit.form}
    given = {number: _given(item, visit, number) for number, item in known.items()}
    if all(given[number] == item for number, item in known.items()):
        return None
    numbers = count()

    def changed(item: Constraint) -> Constraint:
        return given.get(next(numbers), item)

    made: dict[str, Any] = {name: each(getattr(read, name), Constraint, changed) for name in _PARTS}
    return policy_bytes(replace(read, **made))


def _open(policy: Policy) -> Iterator[tuple[int, Constraint]]:
    """Yield (number, constraint) of what has one value: a figure, a time, or a known concept."""
    parts = tuple(getattr(policy, name) for name in _PARTS)
    for number, item in enumerate(all_in(parts, Constraint)):
        match item.right:
            case (Literal(),):
                yield number, item
            case (Iri(value=iri),) if len(_within(iri)) > 1:
                yield number, item


def _within(iri: str) -> list[str]:
    """Return a concept and those that are narrower; nothing of what is no concept."""
    known = concepts()
    if iri not in known:
        return []
    found, last = {iri: None}, [iri]
    while last:
        last = [
            name for name, above in known.items() if name not in found and set(above) & set(last)
        ]
        found.update(dict.fromkeys(last))
    return list(found)[:_CHOICES]


def _field(number: int, item: Constraint, language: str) -> Field:
    name, label = _NAME.format(number), verbatim(sentence(item, language))
    (value,) = item.right
    if isinstance(value, Literal):
        hint = _DAY if _is_moment(item) else ""
        return Field(name, label, hint, value=value.lexical, needed=True)
    choices = [(iri, verbatim(word(iri, language))) for iri in _within(value.value)]
    return Field(name, label, kind="choice", value=value.value, choices=choices)


def _is_moment(item: Constraint) -> bool:
    """Whether a value is a moment rather than a whole day."""
    known, (value,) = OPERANDS.get(item.left), item.right
    moment = known is not None and known.kind is Kind.INSTANT
    return moment and isinstance(value, Literal) and "T" in value.lexical


def _given(item: Constraint, visit: Visit, number: int) -> Constraint:
    text, (value,) = visit.given(_NAME.format(number)).strip(), item.right
    if isinstance(value, Literal):
        if _is_moment(item) and _ALONE.fullmatch(text):
            text += _START if item.operator in _AT_START else _END
        changed = replace(value, lexical=text)
        known = OPERANDS.get(item.left)
        if not text or (known is not None and scalar(known.kind, changed) is None):
            reason = f"`{text[:_LONGEST]}` cannot stand in place of `{value.lexical}`"
            raise Malformed(reason, where=_NAME.format(number))
        return replace(item, right=(changed,))
    if text not in _within(value.value):
        reason = "a value of the terms is none of those that were offered"
        raise Malformed(reason, where=_NAME.format(number))
    return replace(item, right=(Iri(text),))
