"""Who upholds each part of a policy: the table that both parties see before they sign.

Rules: no part is dropped. An action, constraint, refinement, duty, party function or output that
no mechanism of this node can check, enforce or audit raises `ConstraintUnknown`, so that it can be
neither published nor signed. Prohibitions and logical constraints of what is checked are checked
too: the evaluation of the whole policy decides each request. What several mechanisms uphold has the
weakest of their labels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final, NoReturn

from connector.enforcement.audited import CLOCKED
from connector.enforcement.mechanism import Mechanism, Mechanisms, Upheld
from connector.enforcement.missing import missing
from connector.enforcement.plan import CoverageLine, Label
from connector.enforcement.standing import bound
from connector.errors import ConstraintUnknown
from connector.jsonld.profiles import Profiles, declared
from policies_odrl import (
    Connective,
    Constraint,
    Duty,
    LogicalConstraint,
    Permission,
    Policy,
    Prohibition,
    values,
)
from policies_odrl.model import Condition, Rule, below, conditions, duties_below
from policies_odrl.text import condition as condition_text
from policies_odrl.text import term
from policies_odrl.vocabulary import FUNCTIONS, wider_actions

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
        duty: whether they are those of a duty.
    """

    by: tuple[Mechanism, ...]
    enforceable: bool
    permits: bool
    profiles: Profiles
    duty: bool = False

    def row(self, mechanism: Mechanism, left: str) -> Upheld | None:
        """Return who upholds constraints on an operand here."""
        return (mechanism.deadlines if self.duty else mechanism.upholds).get(left)


def _rule(policy: Policy, path: str, rule: Rule, mechanisms: Mechanisms) -> Iterator[CoverageLine]:
    _plain(policy, path, rule)
    if isinstance(rule, Duty):
        within = _Within(policy, rule, _used(policy, mechanisms), mechanisms.profiles)
        yield from _duty(path, rule, within)
        return
    concerned = _concerned(policy, rule, mechanisms)
    if not concerned and isinstance(rule, Prohibition):
        yield from _forbidden(policy, path, rule, mechanisms)
        return
    if not concerned:
        called = _called(rule.action.id, mechanisms.profiles)
        _unknown(named(rule) + called, path, rule.action.id)
    permits = isinstance(rule, Permission)
    label = Label.ENFORCED if permits else Label.CHECKED
    by = concerned[0].by if permits else "evaluation of each request"
    yield CoverageLine(f"{path}/action", named(rule), label, by)
    part = _Part(concerned, permits, permits, mechanisms.profiles)
    for index, item in enumerate((*rule.constraints, *rule.unread)):
        yield from _condition(f"{path}/constraint/{index}", item, part)
    yield from _below(path, rule, _Within(policy, rule, concerned, mechanisms.profiles))


def _used(policy: Policy, mechanisms: Mechanisms) -> tuple[Mechanism, ...]:
    """Return the mechanisms that carry out what is permitted, each once."""
    found = (mechanisms.of(each.action.id) for each in policy.permissions)
    return tuple(dict.fromkeys(each for each in found if each is not None))


def _concerned(policy: Policy, rule: Rule, mechanisms: Mechanisms) -> tuple[Mechanism, ...]:
    """Return what carries out a permitted action, or all that a prohibition may stop."""
    action = rule.action.id
    if isinstance(rule, Permission):
        known = mechanisms.of(action)
        return () if known is None else (known,)
    stopped = (each for each in policy.permissions if action in wider_actions(each.action.id))
    return _used(replace(policy, permissions=tuple(stopped)), mechanisms)


def _forbidden(
    policy: Policy, path: str, rule: Prohibition, mechanisms: Mechanisms
) -> Iterator[CoverageLine]:
    """Return the lines of what the consumer may not do with what it received.

    A condition narrows the prohibition, and whoever sees that the act is not done sees it whole.
    """
    by = _used(policy, mechanisms)
    row = _joint([each.forbids.get(rule.action.id) for each in by])
    if row is None or rule.unread:
        _unknown(named(rule) + _called(rule.action.id, mechanisms.profiles), path)
    yield CoverageLine(f"{path}/action", named(rule), row.label, row.by)
    for where, item in conditions(rule.constraints, f"{path}/constraint"):
        if isinstance(item, Constraint):
            yield CoverageLine(where, condition_text(item), row.label, row.by)
        else:
            _ordered(where, item)
    yield from _below(path, rule, _Within(policy, rule, by, mechanisms.profiles))


@dataclass(frozen=True, slots=True)
class _Within:
    """What duties hang below.

    Attributes:
        policy: the whole.
        owner: the rule of the policy that they are, or hang below.
        by: the mechanisms that it concerns.
        profiles: by which unknown terms are called.
    """

    policy: Policy
    owner: Rule
    by: tuple[Mechanism, ...]
    profiles: Profiles

    def row(self, rule: Duty) -> Upheld | None:
        """Return who sees a duty done: the node itself, where its provider owes it by a day."""
        action, provider = rule.action.id, self.policy.assigner
        owed = provider is not None and bound(self.policy, self.owner, rule) == provider.id
        timed = any(isinstance(it, Constraint) and it.left in CLOCKED for it in rule.constraints)
        rows = [each.duties.get(action) for each in self.by]
        if owed and timed:
            own = (each.own_duties.get(action) for each in self.by)
            rows = [one or row for one, row in zip(own, rows, strict=True)]
        return _joint(rows)


def _below(path: str, rule: Rule, within: _Within) -> Iterator[CoverageLine]:
    for name, duties in duties_below(rule):
        for index, duty in enumerate(duties):
            where = f"{path}/{name}/{index}"
            _plain(within.policy, where, duty)
            yield from _duty(where, duty, within)


def _duty(path: str, rule: Duty, within: _Within) -> Iterator[CoverageLine]:
    """Return the lines of a duty, of its constraints, and of what follows when it is not done."""
    row, profiles = within.row(rule), within.profiles
    if row is None:
        _unknown(named(rule) + _called(rule.action.id, profiles), path)
    yield CoverageLine(f"{path}/action", named(rule), row.label, row.by)
    for index, (function, party) in enumerate(rule.functions):
        if function not in FUNCTIONS:
            _unknown(f"party function {term(function)}{_called(function, profiles)}", path)
        same = sum(before == function for before, _ in rule.functions[:index])
        where = f"{path}/odrl:{term(function)}/{same}"
        yield CoverageLine(where, f"{term(function)} {party.id}", row.label, row.by)
    part = _Part(within.by, enforceable=True, permits=True, profiles=profiles, duty=True)
    for index, item in enumerate((*rule.constraints, *rule.unread)):
        yield from _condition(f"{path}/constraint/{index}", item, part)
    yield from _below(path, rule, within)


def _joint(rows: list[Upheld | None]) -> Upheld | None:
    """Return what several mechanisms uphold together; None where one of them does not."""
    known = [row for row in rows if row is not None]
    if not known or len(known) < len(rows):
        return None
    label = max((row.label for row in known), key=list(Label).index)
    return Upheld(label, "; ".join(dict.fromkeys(row.by for row in known)))


def _plain(policy: Policy, path: str, rule: Rule) -> None:
    """See that a rule has no part that nothing here knows."""
    parts = (
        ("a refined action", bool(rule.action.refinements)),
        ("an output", rule.output is not None),
        ("a party function", bool(rule.functions) and not isinstance(rule, Duty)),
        *(
            ("a collection", item.collection or bool(item.source) or bool(item.refinements))
            for item in (
                policy.target_of(rule),
                policy.assignee_of(rule),
                *(party for _, party in rule.functions),
            )
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
    rows = [part.row(each, item.left) for each in part.by]
    row = _joint([row if row and _fits(item, row, part) else None for row in rows])
    if row is None:
        terms = (*filter(None, map(values.name, item.right)), item.left)
        _unknown(f"`{text}`{_called(item.left, part.profiles)}", path, *terms)
    return CoverageLine(path, text, row.label, row.by)


def _fits(item: Constraint, row: Upheld, part: _Part) -> bool:
    plain = not (item.unit or item.reference or item.status)
    here = (part.permits or not row.permitting) and (
        part.enforceable or row.label is not Label.ENFORCED
    )
    return plain and here and item.operator in row.operators and row.fits(item)


def named(rule: Rule) -> str:
    """Return what a rule is about, as its line says it."""
    return f"{type(rule).__name__.lower()} {term(rule.action.id)}"


def _called(name: str, known: Profiles) -> str:
    """Return what a profile calls a term, for whoever does not know its IRI."""
    label = known.label(name)
    return f" ({label})" if label else ""


def _unknown(what: str, path: str, *terms: str) -> NoReturn:
    """Refuse a part, and say which mechanism its terms would take, where that is known."""
    reason = f"{what} at `{path}` can be neither checked, enforced nor audited"
    raise ConstraintUnknown(reason + missing(*terms))
