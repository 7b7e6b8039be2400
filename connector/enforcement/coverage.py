"""Who upholds each part of a policy: the table that both parties see before they sign.

Rules: no part is dropped. An action, constraint, refinement, duty, party function or output that
this node can neither check, enforce nor audit raises `ConstraintUnknown`, so that it can be neither
published nor signed. Prohibitions and logical constraints of what is checked are checked too: the
evaluation of the whole policy decides each request. A level of protection is upheld only where what
comes out of training has it; membership, only where having it is what permits: of spaces other than
its own a node does not know who is no member.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from connector.enforcement.plan import CoverageLine, Label
from connector.errors import ConstraintUnknown
from policies_odrl import (
    Connective,
    Constraint,
    Iri,
    Knowledge,
    LogicalConstraint,
    Operator,
    Policy,
    Prohibition,
    Truth,
)
from policies_odrl.evaluation.operands import check
from policies_odrl.model import ODRL, Condition, Rule, below, duties_below
from policies_odrl.text import condition as condition_text
from policies_odrl.text import term
from policies_odrl.vocabulary import PREAU, wider_actions

FEDERATED_TRAINING: Final = PREAU + "federatedTraining"
PERSON: Final = PREAU + "Person"
PURPOSE: Final = ODRL + "purpose"
DATE_TIME: Final = ODRL + "dateTime"
MEMBERSHIP: Final = PREAU + "membership"
EPSILON: Final = PREAU + "epsilon"
DELTA: Final = PREAU + "delta"
UNIT: Final = PREAU + "unitOfPrivacy"
ROWS: Final = PREAU + "rowsPerPerson"
SITES: Final = PREAU + "minimumSites"
PROTECTION: Final = PREAU + "protectionLevel"

# What comes out of training: sums over persons with noise, never a row (decision 0026).
RELEASED: Final = PREAU + "Aggregated"


@dataclass(frozen=True, slots=True)
class _Upheld:
    label: Label
    by: str
    operators: frozenset[Operator]


_ANY_TIME: Final = frozenset({Operator.LT, Operator.LTEQ, Operator.GT, Operator.GTEQ})
_ANY_CONCEPT: Final = frozenset(
    {Operator.IS_A, Operator.IS_ANY_OF, Operator.IS_NONE_OF, Operator.EQ, Operator.NEQ}
)
_EQ: Final = frozenset({Operator.EQ})
_AT_MOST: Final = frozenset({Operator.LTEQ})
_AT_LEAST: Final = frozenset({Operator.GTEQ})

# Left operand -> who upholds it. What is not here cannot be agreed.
UPHELD: Final = MappingProxyType(
    {
        PURPOSE: _Upheld(Label.CHECKED, "purpose of the job manifest, at submission", _ANY_CONCEPT),
        DATE_TIME: _Upheld(
            Label.CHECKED, "clock of the site, at submission and before each round", _ANY_TIME
        ),
        MEMBERSHIP: _Upheld(
            Label.CHECKED, "membership credential and status list, at each call", _EQ
        ),
        SITES: _Upheld(
            Label.CHECKED,
            "receipts of the other contracts, and sites that answered before each round",
            _AT_LEAST,
        ),
        EPSILON: _Upheld(Label.ENFORCED, "training step: privacy ledger", _AT_MOST),
        DELTA: _Upheld(Label.ENFORCED, "training step: privacy ledger", _AT_MOST),
        UNIT: _Upheld(Label.ENFORCED, "training step: clipping per person", _EQ),
        ROWS: _Upheld(Label.ENFORCED, "training step: rows kept per person", _AT_MOST),
        PROTECTION: _Upheld(
            Label.ENFORCED, "training step: only sums with noise leave the site", _EQ | _AT_LEAST
        ),
    }
)


def cover(policy: Policy) -> tuple[CoverageLine, ...]:
    """Return one line per action and constraint of the policy, in its order.

    Raises:
        ConstraintUnknown: a part that this node can neither check, enforce nor audit; the message
            names it and where it stands.
    """
    if policy.inherits:
        raise ConstraintUnknown("a policy that inherits from others cannot be upheld here")
    if policy.replaced_by:  # it permits nothing any more (IM 2.8)
        raise ConstraintUnknown("a policy that another one replaces cannot be upheld here")
    return tuple(line for path, rule in policy.rules() for line in _rule(policy, path, rule))


def _rule(policy: Policy, path: str, rule: Rule) -> Iterator[CoverageLine]:
    yield _action(path, rule)
    _nothing_else(policy, path, rule)
    permits = not isinstance(rule, Prohibition)
    for index, item in enumerate((*rule.constraints, *rule.unread)):
        place = f"{path}/constraint/{index}"
        yield from _condition(place, item, enforceable=permits, permits=permits)


def _action(path: str, rule: Rule) -> CoverageLine:
    name = rule.action.id
    text = f"{type(rule).__name__.lower()} {term(name)}"
    if isinstance(rule, Prohibition) and name in wider_actions(FEDERATED_TRAINING):
        return CoverageLine(f"{path}/action", text, Label.CHECKED, "evaluation of each request")
    if (
        name == FEDERATED_TRAINING
        and not isinstance(rule, Prohibition)
        and path.startswith("/perm")
    ):
        return CoverageLine(f"{path}/action", text, Label.ENFORCED, "training step")
    raise ConstraintUnknown(f"{text} at `{path}` can be neither checked, enforced nor audited")


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
            raise ConstraintUnknown(
                f"{name} at `{path}` can be neither checked, enforced nor audited"
            )


def _condition(
    path: str, item: Condition, *, enforceable: bool, permits: bool
) -> Iterator[CoverageLine]:
    if isinstance(item, Constraint):
        yield _atomic(path, item, enforceable=enforceable, permits=permits)
        return
    # what a step enforces cannot hang on an alternative
    inner = enforceable and item.connective is Connective.AND
    positive = permits and item.connective is not Connective.XONE  # there, what holds may refuse
    _ordered(path, item)
    for index, part in enumerate(item.operands):
        place = f"{below(item, path)}/{index}"
        yield from _condition(place, part, enforceable=inner, permits=positive)


def _ordered(path: str, item: LogicalConstraint) -> None:
    if item.connective is Connective.AND_SEQUENCE:
        raise ConstraintUnknown(f"andSequence at `{path}`: this node keeps no order of events")


def _atomic(path: str, item: Constraint, *, enforceable: bool, permits: bool) -> CoverageLine:
    text = condition_text(item)
    known = UPHELD.get(item.left)
    plain = not (item.unit or item.reference or item.status)
    fits = known is not None and item.operator in known.operators and plain and _released(item)
    here = permits or item.left != MEMBERSHIP
    if known is None or not (fits and here) or (known.label is Label.ENFORCED and not enforceable):
        raise ConstraintUnknown(
            f"`{text}` at `{path}` can be neither checked, enforced nor audited"
        )
    return CoverageLine(path, text, known.label, known.by)


def _released(item: Constraint) -> bool:
    """Return whether what comes out of training is as protected as a constraint demands."""
    if item.left != PROTECTION:
        return True
    return check(item, (Iri(RELEASED),), Knowledge())[0] is Truth.TRUE
