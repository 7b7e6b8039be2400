"""Who upholds each part of a policy: the table that both parties see before they sign.

Rules: no part is dropped. An action, constraint, refinement, duty, party function or output that
no mechanism of this node can check, enforce or audit raises `ConstraintUnknown`, so that it can be
neither published nor signed. Prohibitions and logical constraints of what is checked are checked
too: the evaluation of the whole policy decides each request.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final, NoReturn

from connector.enforcement.mechanism import Mechanism, Mechanisms, Upheld
from connector.enforcement.plan import CoverageLine, Label
from connector.errors import ConstraintUnknown
from connector.jsonld.profiles import Profiles, declared
from policies_odrl import (
    Connective,
    Constraint,
    LogicalConstraint,
    Permission,
    Policy,
    Prohibition,
)
from policies_odrl.model import Condition, Rule, below, duties_below
from policies_odrl.text import condition as condition_text
from policies_odrl.text import term
from policies_odrl.vocabulary import wider_actions

PROFILE_PATH: Final = "/profile/"  # of the lines on profiles, which come first


def cover(policy: Policy, mechanisms: Mechanisms) -> tuple[CoverageLine, ...]:
    """Return one line per profile of others, action and constraint of the policy, in its order.

    Raises:
        ConstraintUnknown: a part that this node can neither check, enforce nor audit; the message
            names it and where it stands.
    """
    if policy.inherits:
        raise ConstraintUnknown("a policy that inherits from others cannot be upheld here")
    if policy.replaced_by:  # it permits nothing any more (IM 2.8)
        raise ConstraintUnknown("a policy that another one replaces cannot be upheld here")
    rules = (_rule(policy, path, rule, mechanisms) for path, rule in policy.rules())
    return (*_profiles(policy, mechanisms.profiles), *chain.from_iterable(rules))


def _profiles(policy: Policy, known: Profiles) -> Iterator[CoverageLine]:
    """Say by which bytes the words of others are read: both parties sign the same ones."""
    for index, name in enumerate(declared(policy)):
        digests = known.digests(name)
        if not digests:
            raise ConstraintUnknown(f"profile `{name}` is not known here")
        by = f"evaluation by the vocabulary of SHA-256 {', '.join(digests)}"
        yield CoverageLine(f"{PROFILE_PATH}{index}", f"profile {term(name)}", Label.CHECKED, by)


@dataclass(frozen=True, slots=True)
class _Part:
    """Conditions of a rule, and what must uphold them.

    Attributes:
        by: the mechanisms that the rule concerns.
        enforceable: whether a step may uphold a condition here: not where it hangs on another.
        permits: whether what holds here permits.
        profiles: by which unknown operands are called.
    """

    by: tuple[Mechanism, ...]
    enforceable: bool
    permits: bool
    profiles: Profiles


def _rule(policy: Policy, path: str, rule: Rule, mechanisms: Mechanisms) -> Iterator[CoverageLine]:
    concerned = _concerned(policy, path, rule, mechanisms)
    yield _action(path, rule, concerned)
    _nothing_else(policy, path, rule)
    permits = not isinstance(rule, Prohibition)
    part = _Part(concerned, permits, permits, mechanisms.profiles)
    for index, item in enumerate((*rule.constraints, *rule.unread)):
        yield from _condition(f"{path}/constraint/{index}", item, part)


def _concerned(
    policy: Policy, path: str, rule: Rule, mechanisms: Mechanisms
) -> tuple[Mechanism, ...]:
    """Return what carries out a permitted action, or all that a prohibition may stop."""
    action = rule.action.id
    if isinstance(rule, Prohibition):
        permitted = (each.action.id for each in policy.permissions)
        named = (mechanisms.of(each) for each in permitted if action in wider_actions(each))
        found = tuple(dict.fromkeys(each for each in named if each is not None))
    else:
        known = mechanisms.of(action) if isinstance(rule, Permission) else None
        found = () if known is None else (known,)
    if not found:
        _unknown(_named(rule) + _called(action, mechanisms.profiles), path)
    return found


def _action(path: str, rule: Rule, concerned: tuple[Mechanism, ...]) -> CoverageLine:
    place, text = f"{path}/action", _named(rule)
    if isinstance(rule, Prohibition):
        return CoverageLine(place, text, Label.CHECKED, "evaluation of each request")
    return CoverageLine(place, text, Label.ENFORCED, concerned[0].by)


def _nothing_else(policy: Policy, path: str, rule: Rule) -> None:
    parts = (
        ("a refined action", bool(rule.action.refinements)),
        ("an output", rule.output is not None),
        ("a party function", bool(rule.functions)),
        ("a duty", bool(duties_below(rule))),
        *(
            ("a collection", item.collection or bool(item.source) or bool(item.refinements))
            for item in (policy.target_of(rule), policy.assignee_of(rule))
            if item is not None
        ),
    )
    for name, present in parts:
        if present:
            _unknown(name, path)


def _condition(path: str, item: Condition, part: _Part) -> Iterator[CoverageLine]:
    if isinstance(item, Constraint):
        yield _atomic(path, item, part)
        return
    # what a step enforces cannot hang on an alternative
    inner = replace(
        part,
        enforceable=part.enforceable and item.connective is Connective.AND,
        permits=part.permits and item.connective is not Connective.XONE,  # what holds may refuse
    )
    _ordered(path, item)
    for index, each in enumerate(item.operands):
        yield from _condition(f"{below(item, path)}/{index}", each, inner)


def _ordered(path: str, item: LogicalConstraint) -> None:
    if item.connective is Connective.AND_SEQUENCE:
        raise ConstraintUnknown(f"andSequence at `{path}`: this node keeps no order of events")


def _atomic(path: str, item: Constraint, part: _Part) -> CoverageLine:
    text = condition_text(item)
    rows = [each.upholds.get(item.left) for each in part.by]
    known = [row for row in rows if row is not None and _fits(item, row, part)]
    if len(known) < len(rows):
        _unknown(f"`{text}`{_called(item.left, part.profiles)}", path)
    by = "; ".join(dict.fromkeys(row.by for row in known))
    return CoverageLine(path, text, known[0].label, by)


def _fits(item: Constraint, row: Upheld, part: _Part) -> bool:
    plain = not (item.unit or item.reference or item.status)
    here = (part.permits or not row.permitting) and (
        part.enforceable or row.label is not Label.ENFORCED
    )
    return plain and here and item.operator in row.operators and row.fits(item)


def _named(rule: Rule) -> str:
    return f"{type(rule).__name__.lower()} {term(rule.action.id)}"


def _called(name: str, known: Profiles) -> str:
    """Return what a profile calls a term, for whoever does not know its IRI."""
    label = known.label(name)
    return f" ({label})" if label else ""


def _unknown(what: str, path: str) -> NoReturn:
    raise ConstraintUnknown(f"{what} at `{path}` can be neither checked, enforced nor audited")
