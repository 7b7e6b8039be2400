"""How the names given stand to those that a constraint lists: the same, under them, part of them.

Rules: a name that no hierarchy knows may mean anything, so only being identical is certain for it,
and it may be a kind of any class that is known; a concept that is known and not under the one
wanted is another one (closed world for requests), while one that overlaps it may mean it; what is a
kind of something is not known to be a part of it. When two names are identical is left to
`identity.py`, and what hierarchies hold to `knowledge.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from policies_odrl.algebra.identity import identical
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth, all_of, any_of, negate, unanimous
from policies_odrl.model import Operator
from policies_odrl.values import FactValue, name
from policies_odrl.vocabulary import Kind, Operand


def compare_names(
    operand: Operand,
    operator: Operator,
    given: Sequence[FactValue],
    listed: Sequence[FactValue],
    knowledge: Knowledge,
) -> Truth:
    """Return whether the names given fit those listed, as the operator asks.

    Args:
        operand: whose values they are.
        operator: see `Operator`.
        given: values; at least one.
        listed: right operand; at least one.
        knowledge: terms and hierarchies.
    """
    relation = _RELATIONS.get(operator)
    if relation is None or (len(listed) != 1 and operator not in _LISTING):
        return Truth.UNDETERMINED
    if len(given) == 1 == len(listed):  # the usual case, faster
        truth = relation(given[0], listed[0], operand, knowledge)
    elif None in map(name, given) or None in map(name, listed):
        return Truth.UNDETERMINED
    elif operator is Operator.IS_ALL_OF:
        truth = all_of(
            any_of(relation(item, want, operand, knowledge) for item in given) for want in listed
        )
    else:
        join = all_of if operator is Operator.HAS_PART else any_of
        each = [join(relation(item, want, operand, knowledge) for want in listed) for item in given]
        truth = any_of(each) if operand.evidence else unanimous(each)
    return negate(truth) if operator in _TURNED else truth


def _covers(value: FactValue, concept: FactValue, operand: Operand, knowledge: Knowledge) -> Truth:
    """Return whether a value is one listed, or lies under it."""
    mine, wanted = name(value), name(concept)
    if mine is None or wanted is None:
        return Truth.UNDETERMINED
    if operand.kind is not Kind.IDENTITY:
        return under(mine, wanted, operand.kind, knowledge)
    truth = identical(value, concept, operand, knowledge)
    if truth is Truth.FALSE and (knowledge.knows(mine) or knowledge.knows(wanted)):
        return under(mine, wanted, operand.kind, knowledge)
    return truth


def _is_a(value: FactValue, concept: FactValue, operand: Operand, knowledge: Knowledge) -> Truth:
    mine, wanted = name(value), name(concept)
    if mine is None or wanted is None:
        return Truth.UNDETERMINED
    sort = Kind.PLACE if operand.kind is Kind.PLACE else Kind.CONCEPT
    return under(mine, wanted, sort, knowledge)


def _part_of(value: FactValue, whole: FactValue, _: Operand, knowledge: Knowledge) -> Truth:
    """Return whether one is part of another; what is a kind of it may be a part of it, or not."""
    inner, outer = name(value), name(whole)
    if inner is None or outer is None:
        return Truth.UNDETERMINED
    settled = Truth.TRUE if inner == outer else knowledge.lies_in(inner, outer)
    if settled is not None:
        return settled
    kind_of = outer in knowledge.above(inner)
    return Truth.UNDETERMINED if kind_of else under(inner, outer, Kind.PLACE, knowledge)


def _has_part(value: FactValue, part: FactValue, operand: Operand, knowledge: Knowledge) -> Truth:
    return _part_of(part, value, operand, knowledge)


_Relation = Callable[[FactValue, FactValue, Operand, Knowledge], Truth]
# What has to hold between a value given and one that is listed.
_RELATIONS: Final[Mapping[Operator, _Relation]] = MappingProxyType(
    {
        Operator.EQ: identical,
        Operator.NEQ: identical,
        Operator.IS_A: _is_a,
        Operator.IS_PART_OF: _part_of,
        Operator.HAS_PART: _has_part,
        Operator.IS_ANY_OF: _covers,
        Operator.IS_NONE_OF: _covers,
        Operator.IS_ALL_OF: _covers,
    }
)
_LISTING: Final = frozenset(
    {Operator.IS_ANY_OF, Operator.IS_NONE_OF, Operator.IS_ALL_OF, Operator.HAS_PART}
)
_TURNED: Final = frozenset({Operator.NEQ, Operator.IS_NONE_OF})


def under(value: str, concept: str, kind: Kind, knowledge: Knowledge) -> Truth:
    """Return whether `value` is `concept` or lies under it in the hierarchies."""
    if value == concept or concept in knowledge.above(value):
        return Truth.TRUE
    if kind is Kind.PLACE:
        settled = knowledge.lies_in(value, concept)
        if settled is not None:
            return settled
        if knowledge.overlap(value, concept, wholes=True):
            return Truth.UNDETERMINED  # a use all over the EU may be one in France
    elif knowledge.overlap(value, concept):
        return Truth.UNDETERMINED  # a use for any purpose may be one for marketing
    known = knowledge.closed or (knowledge.knows(value) and knowledge.knows(concept))
    return Truth.FALSE if known else Truth.UNDETERMINED
