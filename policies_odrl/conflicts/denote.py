"""What a constraint on names denotes, as far as the hierarchies tell: in, out, or not to be told.

Rules: emptiness is proved from the order, its assertions of disjointness and nothing else, and an
example is a name that certainly satisfies all (`hierarchy.py`); the absence of an assertion proves
nothing.
Source: arXiv 2602.19883 (denotation of the set operators; three domains: classes, parts, names);
`eq v` is {v}, `isA v` and `isPartOf v` what lies under v, `hasPart v` what v lies under, `isAnyOf`
their union, `isAllOf` their intersection, `isNoneOf` what lies under none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from policies_odrl import text
from policies_odrl.comparison.budget import Budget
from policies_odrl.conflicts.axes import EMPTY, Atom, Extent, State
from policies_odrl.conflicts.hierarchy import Order
from policies_odrl.knowledge import Knowledge
from policies_odrl.logic import Truth, all_of, any_of, negate
from policies_odrl.model import Constraint, Iri, Operator, Value
from policies_odrl.places import atlas
from policies_odrl.values import name
from policies_odrl.vocabulary import ALLOWED, Kind, Operand

# Operators that are read where the caller takes parts of a concept for its kinds: both follow the
# one order that the hierarchies state for the names. Evaluation gives these parts no meaning.
_WIDELY_READ: Final[Mapping[Kind, frozenset[Operator]]] = MappingProxyType(
    {**ALLOWED, Kind.CONCEPT: ALLOWED[Kind.CONCEPT] | {Operator.IS_PART_OF, Operator.HAS_PART}}
)
MAX_TRIED: Final = 256  # names that are tried as an example


@dataclass(slots=True)
class Claims:
    """What must be true of one name x.

    Attributes:
        equal: x is this.
        unlike: x is not this.
        under: x lies under this.
        over: this lies under x.
        not_under: x does not lie under this.
        not_over: this does not lie under x.
        choices: x lies under one of these.
    """

    equal: list[str] = field(default_factory=list)
    unlike: list[str] = field(default_factory=list)
    under: list[str] = field(default_factory=list)
    over: list[str] = field(default_factory=list)
    not_under: list[str] = field(default_factory=list)
    not_over: list[str] = field(default_factory=list)
    choices: list[list[str]] = field(default_factory=list)

    def impossible(self, order: Order) -> bool:
        """Return whether it is proved that no name can satisfy them."""
        return self._plain(order) or any(
            all(self._with(other, order) for other in choice) for choice in self.choices
        )

    def _with(self, chosen: str, order: Order) -> bool:
        """Return whether a choice is ruled out by the plain claims, or by another choice."""
        listed = any(order.covers(item, chosen) is Truth.FALSE for item in self.equal)
        return (
            listed
            or self._excluded(chosen, order)
            or any(
                all(order.exclusive(chosen, other) for other in choice) for choice in self.choices
            )
        )

    def _excluded(self, chosen: str, order: Order) -> bool:
        return (
            any(order.under(item, chosen) is Truth.FALSE for item in (*self.equal, *self.over))
            or any(order.disjoint(item, chosen) for item in self.under)
            or any(order.under(chosen, item) is Truth.TRUE for item in self.not_under)
        )

    def _plain(self, order: Order) -> bool:
        first = next(iter(self.equal), None)
        if first is not None and self._not_equal(first, order):
            return True
        return (
            any(self._excluded(item, order) for item in self.under)
            or any(
                order.under(lower, item) is Truth.TRUE
                for item in self.over
                for lower in self.not_over
            )
            or any(self._pinned(other, order) for other in self.unlike)
        )

    def _pinned(self, item: str, order: Order) -> bool:
        """Return whether x lies both under and over a name, and so is that name."""
        return any(order.under(other, item) is Truth.TRUE for other in self.under) and any(
            order.under(item, other) is Truth.TRUE for other in self.over
        )

    def _not_equal(self, item: str, order: Order) -> bool:
        return (
            any(order.same(item, other) is Truth.FALSE for other in self.equal)
            or any(order.same(item, other) is Truth.TRUE for other in self.unlike)
            or any(order.under(item, other) is Truth.FALSE for other in self.under)
            or any(order.under(other, item) is Truth.FALSE for other in self.over)
            or any(order.under(item, other) is Truth.TRUE for other in self.not_under)
            or any(order.under(other, item) is Truth.TRUE for other in self.not_over)
        )


def extent(
    operand: Operand,
    atoms: Sequence[Atom],
    knowledge: Knowledge,
    budget: Budget,
    *,
    parts_as_kinds: bool = False,
) -> Extent:
    """Return what is known of the names that satisfy all atoms on one operand.

    >>> from policies_odrl.model import ODRL
    >>> from policies_odrl.vocabulary import OPERANDS
    >>> tags = ("urn:tag:de", "urn:tag:fr")
    >>> def atom(operator, value):
    ...     return Atom(Constraint(ODRL + "language", Operator(operator), (Iri(value),)))
    >>> pair = [atom("isPartOf", tags[0]), atom("eq", tags[1])]
    >>> extent(OPERANDS[ODRL + "language"], pair, Knowledge(), Budget()).state.value
    'open'
    >>> known = Knowledge(disjoint=(frozenset(tags),))
    >>> extent(OPERANDS[ODRL + "language"], pair, known, Budget()).state.value
    'empty'

    Args:
        operand: the left operand of all atoms.
        atoms: constraints that are to hold, or not to hold.
        knowledge: hierarchies and what is disjoint.
        budget: pays for the work.
        parts_as_kinds: see `compatibility.conflict_between`.

    Raises:
        Exhausted: the work would exceed the budget.
    """
    wholes = operand.kind is not Kind.CONCEPT and (
        operand.kind is Kind.PLACE
        or any(atom.item.operator in {Operator.IS_PART_OF, Operator.HAS_PART} for atom in atoms)
    )
    order = Order(operand.kind, knowledge, budget, wholes=wholes)
    read = (_WIDELY_READ if parts_as_kinds else ALLOWED)[operand.kind]
    strange = next((atom for atom in atoms if atom.item.operator not in read), None)
    if strange is not None:
        why = f"{strange.text}: the operator has no meaning for the operand"
        return Extent(State.OPEN, why=why)
    unreadable = next((atom for atom in atoms if _unreadable(atom.item)), None)
    if unreadable is not None:
        return Extent(State.OPEN, why=f"{unreadable.text}: it says nothing certain")
    return _extent(operand, atoms, order)


def _unreadable(item: Constraint) -> bool:
    return any(name(value) is None for value in item.right) or not item.right


def _extent(operand: Operand, atoms: Sequence[Atom], order: Order) -> Extent:
    if any(claims.impossible(order) for claims in _readings(operand, atoms)):
        return EMPTY
    found = _proofs(atoms, order) if operand.evidence else _example(atoms, order)
    if found is not None:
        return Extent(State.FILLED, found)
    return Extent(State.OPEN, why=_lacking(atoms, order))


def _example(atoms: Sequence[Atom], order: Order) -> tuple[Value, ...] | None:
    written = {name(value) or "": value for atom in atoms for value in atom.item.right}
    for tried in _tried(atoms, order):
        if all(_holds(tried, atom, order) is Truth.TRUE for atom in atoms):
            return (written.get(tried, Iri(tried)),)
    return None


def _proofs(atoms: Sequence[Atom], order: Order) -> tuple[Value, ...] | None:
    """Return proofs that stand beside one another: one for each wish, all clear of what is barred.

    One value that fits is enough there (`operands.py`), so that wishes never rule one another out.
    """
    wishes = [atom for atom in atoms if not _bars(atom)]
    bars = [atom for atom in atoms if _bars(atom)]
    found: list[Value] = []
    for wish in wishes or bars[:1]:
        example = _example([wish, *bars], order)
        if example is None:
            return None
        found.extend(example)
    return tuple(dict.fromkeys(found))


def _bars(atom: Atom) -> bool:
    return (atom.item.operator in {Operator.NEQ, Operator.IS_NONE_OF}) is atom.holds


def _readings(operand: Operand, atoms: Sequence[Atom]) -> Iterator[Claims]:
    """Yield what must be true of one name, for each name that is asked for.

    Several values may stand together: with `isAllOf` each listed name wants one of them, and of
    proofs each constraint wants its own.
    """
    groups = [atom for atom in atoms if _each_wants(atom)]
    rest = [atom for atom in atoms if not _each_wants(atom)]
    bars = [atom for atom in rest if _bars(atom)]
    if operand.evidence:
        for atom in rest:
            yield _claims([atom, *bars])
    else:
        yield _claims(rest)
    for atom in groups:
        for value in atom.item.right:
            claims = _claims(bars if operand.evidence else rest)
            claims.under.append(name(value) or "")
            yield claims


def _each_wants(atom: Atom) -> bool:
    return atom.item.operator is Operator.IS_ALL_OF and atom.holds


def _claims(atoms: Iterable[Atom]) -> Claims:
    found = Claims()
    for atom in atoms:
        names = [name(value) or "" for value in atom.item.right]
        operator, holds = atom.item.operator, atom.holds
        if (operator, holds) in {(Operator.IS_ANY_OF, True), (Operator.IS_NONE_OF, False)}:
            found.choices.append(names)
        elif operator is Operator.HAS_PART:
            if holds or len(names) == 1:  # not several: some of them only
                (found.over if holds else found.not_over).extend(names)
        elif operator in {Operator.EQ, Operator.NEQ}:
            equal = (operator is Operator.EQ) is holds
            (found.equal if equal else found.unlike).extend(names)
        elif operator in {Operator.IS_A, Operator.IS_PART_OF} and holds:
            found.under.extend(names)
        elif operator is not Operator.IS_ALL_OF:  # not all of several: some of them only
            found.not_under.extend(names)
    return found


def _holds(item: str, atom: Atom, order: Order) -> Truth:
    """Return whether a name satisfies an atom, on what is asserted alone."""
    names = [name(value) or "" for value in atom.item.right]
    match atom.item.operator:
        case Operator.EQ:
            truth = all_of(order.same(item, other) for other in names)
        case Operator.NEQ:
            truth = negate(any_of(order.same(item, other) for other in names))
        case Operator.IS_NONE_OF:
            truth = negate(any_of(order.covers(item, other, certain=True) for other in names))
        case Operator.IS_ANY_OF:
            truth = any_of(order.covers(item, other, certain=True) for other in names)
        case Operator.IS_ALL_OF:
            truth = all_of(order.covers(item, other, certain=True) for other in names)
        case Operator.HAS_PART:
            truth = all_of(order.under(other, item, certain=True) for other in names)
        case _:
            truth = all_of(order.under(item, other, certain=True) for other in names)
    return truth if atom.holds else negate(truth)


def _tried(atoms: Sequence[Atom], order: Order) -> Iterator[str]:
    """Yield names worth trying, those that the atoms name first."""
    named = [name(value) or "" for atom in atoms for value in atom.item.right]
    equal = [
        name(atom.item.right[0]) or ""
        for atom in atoms
        if atom.item.operator is Operator.EQ and atom.holds
    ]
    if equal:
        yield equal[0]
        return
    seen: set[str] = set()
    for item in _near(named, order):
        if item not in seen:
            seen.add(item)
            yield item
        if len(seen) >= MAX_TRIED:
            return


def _near(named: Sequence[str], order: Order) -> Iterator[str]:
    yield from named
    knowledge = order.knowledge
    listed = dict.fromkeys(named[:MAX_TRIED])
    for item in listed:
        yield from sorted(knowledge.below(item))
        yield from sorted(order.above(item))
    for group in knowledge.disjoint:
        if not group.isdisjoint(listed):
            yield from sorted(group)
    if order.kind is Kind.PLACE:
        yield from (part for part in knowledge.wholes if not order.above(part).isdisjoint(listed))
        yield from (part for part in atlas().wholes if not order.above(part).isdisjoint(listed))
    if order.kind is Kind.IDENTITY:
        yield "urn:example:another"


def _lacking(atoms: Sequence[Atom], order: Order) -> str:
    """Return the first fact that would settle the matter."""
    lines = " and ".join(dict.fromkeys(atom.text for atom in atoms))
    named = list(dict.fromkeys(name(value) or "" for atom in atoms for value in atom.item.right))
    strange = [item for item in named if not order.knowledge.knows(item)]
    if strange and order.kind is not Kind.IDENTITY:
        return f"{lines}: what `{text.term(strange[0])}` means is not known"
    if len(named) > 1:
        one, other = (text.term(item) for item in named[:2])
        return f"{lines}: whether `{one}` and `{other}` have anything in common is not asserted"
    return f"{lines}: no name that certainly fits"
