"""What constraints on an operand with ordered values let through, and a value that shows it.

Rules: a day is the stretch of its instants; counts are whole and begin with the first use, steps
are those of their list, lengths of time are not negative; a request may state several values, of
which every constraint must hold, and `isAllOf` wants each that it lists (`operands.py`); months and
days are one axis only where one of the two is absent, because a month has no fixed length (XML
Schema 1.1 Part 2, 3.3.6). Empty is proved, filled comes with a value, and all else is open, with
what keeps it from being settled.
Source: ODRL Vocabulary 2.2, constraint operators; arXiv 2602.19878 (one interval for each axis).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from enum import Enum
from typing import Final, cast

from policies_odrl import text
from policies_odrl.comparison.regions import NOTHING_MORE, contradictory
from policies_odrl.conflicts.intervals import (
    ALL,
    HIGHEST,
    LOWEST,
    Key,
    Piece,
    Region,
    above,
    at,
    below,
)
from policies_odrl.evaluation.operands import Fact, check
from policies_odrl.logic import Truth
from policies_odrl.model import XSD, Constraint, Iri, Literal, Operator, Value
from policies_odrl.units import in_base, length
from policies_odrl.values import Duration, Quantity, Span, Step, number, scalar
from policies_odrl.vocabulary import ALLOWED, LEVELS, Kind, Operand

SOME_DAY: Final = datetime(2026, 1, 1, tzinfo=UTC)  # where nothing says when
_EXACT: Final = Context(prec=2_000)
MAX_MIXED: Final = 64  # constraints with months beside days that are tried out
MAX_SECONDS: Final = Decimal(86_400) * 10**9  # what `values.duration` reads
MAX_MONTHS: Final = Decimal(12) * 10**6  # likewise
_HOUR: Final = timedelta(hours=1)
_ONE: Final = Decimal(1)
_OPPOSITE: Final = {
    Operator.EQ: Operator.NEQ,
    Operator.NEQ: Operator.EQ,
    Operator.LT: Operator.GTEQ,
    Operator.GTEQ: Operator.LT,
    Operator.GT: Operator.LTEQ,
    Operator.LTEQ: Operator.GT,
    Operator.IS_ANY_OF: Operator.IS_NONE_OF,
    Operator.IS_NONE_OF: Operator.IS_ANY_OF,
}


@dataclass(frozen=True, slots=True)
class Atom:
    """A constraint that is to hold, or not to hold.

    Attributes:
        item: the constraint.
        holds: whether it is to be True; otherwise False.
        side: which policy it comes from, 0 or 1.
    """

    item: Constraint
    holds: bool = True
    side: int = 0

    @property
    def text(self) -> str:
        """The constraint in one line."""
        line = text.constraint(self.item)
        return line if self.holds else f"not ({line})"


class State(Enum):
    """What is known of a set."""

    EMPTY = "empty"
    FILLED = "filled"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Extent:
    """What is known of the values that several atoms on one operand leave.

    Attributes:
        state: see `State`.
        values: with `FILLED`, values that a request may state.
        why: with `OPEN`, the fact that is lacking.
    """

    state: State
    values: tuple[Fact, ...] = ()
    why: str = ""


EMPTY: Final = Extent(State.EMPTY)


class Axis(Enum):
    """How the keys of an axis are spaced."""

    DENSE = "dense"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class Line:
    """Atoms laid on one axis.

    Attributes:
        region: what they leave.
        axis: see `Axis`.
        wanted: values that `isAllOf` asks for, beside one another; each must lie in the region.
        months: whether the keys of lengths are months; seconds otherwise.
        unit: unit of the keys; empty when none.
        base: whether the keys were brought to the base of their dimension.
    """

    region: Region
    axis: Axis
    wanted: list[Piece] = field(default_factory=list)
    months: bool = False
    unit: str = ""
    base: bool = False


class Unsettled(Exception):
    """A fact is lacking; the message says which."""


def line(operand: Operand, atoms: Sequence[Atom]) -> Line:
    """Return atoms on one operand as a set of points.

    Raises:
        Unsettled: a value cannot be read or compared.
    """
    empty = next((atom for atom in atoms if not atom.item.right), None)
    if empty is not None:
        raise Unsettled(f"{empty.text}: no value is given")
    spans = {
        id(atom): [_span(operand, atom.item, value) for value in atom.item.right] for atom in atoms
    }
    found = _axis_of(operand, atoms, [key for keys in spans.values() for key in keys])
    found.region.clip(_whole(operand))
    for atom in atoms:
        pieces = [_piece(key, found, atom) for key in spans[id(atom)]]
        if _wants_each(operand, atom):
            found.wanted.extend(piece for piece in pieces if piece not in found.wanted)
        else:
            _narrow(found.region, atom, pieces)
    return found


def _wants_each(operand: Operand, atom: Atom) -> bool:
    operator = atom.item.operator
    return operator is Operator.IS_ALL_OF and atom.holds and operator in ALLOWED[operand.kind]


def extent(operand: Operand, atoms: Sequence[Atom]) -> Extent:
    """Return what is known of the values that satisfy all atoms.

    >>> from policies_odrl.model import ODRL
    >>> from policies_odrl.vocabulary import OPERANDS
    >>> left = ODRL + "percentage"
    >>> def atom(operator, value):
    ...     right = (Literal(value, XSD + "decimal"),)
    ...     return Atom(Constraint(left, Operator(operator), right))
    >>> extent(OPERANDS[left], [atom("lt", "5"), atom("gt", "5")]).state.value
    'empty'
    >>> extent(OPERANDS[left], [atom("lteq", "5"), atom("gteq", "5")]).values
    (Decimal('5'),)
    """
    try:
        found = line(operand, atoms)
        return _together(operand, found, atoms) if found.wanted else shown(operand, found)
    except Unsettled as exc:
        mixed = _fitting(operand, atoms)
        return mixed if mixed.state is not State.OPEN else Extent(State.OPEN, why=str(exc))


def _together(operand: Operand, found: Line, atoms: Sequence[Atom]) -> Extent:
    """Return all values that are wanted, where each of them fits everything else."""
    pieces = list(found.region.pieces())
    keys = [piece.low[1] for piece in found.wanted]
    if all(any(piece.holds(key) for piece in pieces) for key in keys):
        return Extent(State.FILLED, tuple(_fact(operand, found, key) for key in keys))
    several = next((atom for atom in atoms if _wants_several(operand, atom)), None)
    if several is not None and pieces:
        return Extent(State.OPEN, why=f"{several.text}: whether several values may hold at once")
    return EMPTY


def _wants_several(operand: Operand, atom: Atom) -> bool:
    return _wants_each(operand, atom) and len(atom.item.right) > 1


def _fitting(operand: Operand, atoms: Sequence[Atom]) -> Extent:
    """Return what is known of atoms that no one axis holds, such as months beside days."""
    items = [atom.item for atom in atoms if atom.holds]
    tried = dict.fromkeys(item.right[0] for item in items if len(item.right) == 1)
    if len(atoms) > MAX_MIXED or operand.kind is not Kind.DURATION:
        return Extent(State.OPEN)
    if contradictory(items):
        return EMPTY
    for value in tried:
        if all(
            check(atom.item, (value,), NOTHING_MORE)[0] is Truth.of(atom.holds) for atom in atoms
        ):
            return Extent(State.FILLED, (value,))
    return Extent(State.OPEN)


def shown(operand: Operand, found: Line) -> Extent:
    """Return whether anything lies on a line, and a low value of it."""
    pieces = list(found.region.pieces())
    if not pieces:
        return EMPTY
    for piece in pieces:
        key = pick(piece, found.axis)
        if key is not None and _writable(operand, found, key):
            return Extent(State.FILLED, (_fact(operand, found, key),))
    if found.axis is Axis.WHOLE:
        return EMPTY
    return Extent(State.OPEN, why=f"{text.term(operand.id)}: no value that can be written")


def pick(piece: Piece, axis: Axis) -> Key | None:
    """Return a key within a piece with an end, near it; None when none can be named."""
    return next((key for key in _keys(piece, axis) if piece.holds(key)), None)


def _keys(piece: Piece, axis: Axis) -> Iterator[Key]:
    ends = [end for end in (piece.low, piece.high) if end[0] == 0]
    if axis is Axis.WHOLE:
        yield from _whole_keys(ends)
        return
    yield from (end[1] for end in ends)
    if len(ends) > 1:
        yield _middle(ends[0][1], ends[1][1])
    for end in ends:
        yield from _beside(end[1])


def _whole_keys(ends: Sequence[tuple[int, Key, int]]) -> Iterator[Key]:
    for end in ends:
        key = cast("Decimal", end[1])
        up, down = (key.to_integral_value(way) for way in (ROUND_CEILING, ROUND_FLOOR))
        yield from (up, _EXACT.add(up, _ONE), down, _EXACT.subtract(down, _ONE))


def _middle(one: Key, other: Key) -> Key:
    if isinstance(one, datetime) and isinstance(other, datetime):
        return one + (other - one) / 2
    low, high = cast("Decimal", one), cast("Decimal", other)  # keys of one axis are of one type
    return _EXACT.divide(_EXACT.add(low, high), Decimal(2))


def _beside(key: Key) -> list[Key]:
    if isinstance(key, Decimal):
        return [_EXACT.add(key, _ONE), _EXACT.subtract(key, _ONE)]
    return [near for step in (_HOUR, -_HOUR) if (near := _moved(key, step)) is not None]


def _moved(moment: datetime, step: timedelta) -> datetime | None:
    try:
        return moment + step
    except OverflowError:
        return None


# -- from constraints to keys --------------------------------------------------------------------


def _span(operand: Operand, item: Constraint, value: Value) -> Span | Duration | Decimal | Step:
    amount = number(value) if operand.kind is Kind.DURATION and item.unit else None
    found = scalar(operand.kind, value) if amount is None else length(amount, item.unit)
    if found is None:
        raise Unsettled(
            f"{text.constraint(item)}: the value cannot be read as {operand.kind.value}"
        )
    return found


_Scalars = Sequence[Span | Duration | Decimal | Step]


def _axis_of(operand: Operand, atoms: Sequence[Atom], keys: _Scalars) -> Line:
    if operand.kind is Kind.INSTANT:
        return Line(Region(), Axis.DENSE)
    if operand.kind is Kind.DURATION:
        return Line(Region(), Axis.DENSE, months=_in_months(atoms, keys))
    axis = Axis.DENSE if operand.kind is Kind.NUMBER else Axis.WHOLE
    units = sorted({atom.item.unit for atom in atoms})
    if len(units) == 1:
        return Line(Region(), axis, unit=units[0])
    dimensions = {known[0] if (known := in_base(_ONE, unit)) else unit for unit in units}
    if len(dimensions) > 1:
        shown = " and ".join(text.term(unit) or "no unit" for unit in units)
        raise Unsettled(f"{text.term(operand.id)}: how {shown} compare")
    return Line(Region(), axis, unit=units[0], base=True)


def _in_months(atoms: Sequence[Atom], keys: _Scalars) -> bool:
    lengths = [key for key in keys if isinstance(key, Duration)]
    if all(not key.months for key in lengths):
        return False
    if all(not key.seconds for key in lengths):
        return True
    lines = " and ".join(sorted({atom.text for atom in atoms})[:2])
    raise Unsettled(f"{lines}: how many days a month has")


def _whole(operand: Operand) -> Piece:
    match operand.kind:
        case Kind.COUNT:
            return Piece(at(_ONE), HIGHEST)
        case Kind.DURATION:
            return Piece(at(Decimal(0)), HIGHEST)
        case Kind.LEVEL:
            return Piece(at(Decimal(0)), at(Decimal(len(LEVELS.get(operand.id, ())) - 1)))
        case _:
            return ALL


def _piece(key: Span | Duration | Decimal | Step, found: Line, atom: Atom) -> Piece:
    match key:
        case Span(start, end):
            return Piece(at(start), at(end) if start == end else below(at(end)))
        case Duration(months, seconds):
            point = Decimal(months) if found.months else seconds
        case Step(_, rank):
            point = Decimal(rank)
        case _:
            point = _in_base(key, atom) if found.base else key
    return Piece(at(point), at(point))


def _in_base(key: Decimal, atom: Atom) -> Decimal:
    known = in_base(key, atom.item.unit)
    return key if known is None else known[1]


def _narrow(region: Region, atom: Atom, pieces: Sequence[Piece]) -> None:
    operator = atom.item.operator
    if operator is Operator.IS_ALL_OF and len({*pieces}) == 1:
        operator = Operator.EQ
    if not atom.holds:
        operator = _OPPOSITE.get(operator, operator)
    match operator:
        case Operator.NEQ | Operator.IS_NONE_OF:
            for piece in pieces:
                region.take_out(piece)
        case Operator.EQ | Operator.IS_ANY_OF:
            region.keep(pieces)
        case Operator.LT:
            region.clip(Piece(LOWEST, below(_one(pieces, atom).low)))
        case Operator.LTEQ:
            region.clip(Piece(LOWEST, _one(pieces, atom).high))
        case Operator.GT:
            region.clip(Piece(above(_one(pieces, atom).high), HIGHEST))
        case Operator.GTEQ:
            region.clip(Piece(_one(pieces, atom).low, HIGHEST))
        case _:
            raise Unsettled(f"{atom.text}: whether several values may hold at once")


def _one(pieces: Iterable[Piece], atom: Atom) -> Piece:
    found = list(pieces)
    if len(found) != 1:
        raise Unsettled(f"{atom.text}: which of its values is meant")
    return found[0]


def _writable(operand: Operand, found: Line, key: Key) -> bool:
    most = MAX_MONTHS if found.months else MAX_SECONDS
    return operand.kind is not Kind.DURATION or cast("Decimal", key) < most


# -- from keys to values -------------------------------------------------------------------------


def _fact(operand: Operand, found: Line, key: Key) -> Fact:
    if isinstance(key, datetime):
        return key
    match operand.kind:
        case Kind.COUNT:
            return _EXACT.subtract(key, _ONE)  # what was used before the use that is asked for
        case Kind.LEVEL:
            return Iri(LEVELS[operand.id][int(key)])
        case Kind.DURATION:
            return written(key, months=found.months)
    if found.base:
        factor = in_base(_ONE, found.unit)
        key = key if factor is None else _EXACT.divide(key, factor[1])
    return Quantity(key, found.unit) if found.unit else key


def written(key: Decimal, *, months: bool = False) -> Literal:
    """Return a length of time as an xsd:duration.

    >>> written(Decimal(90_000)).lexical, written(Decimal("1.5"), months=True).lexical
    ('P1DT1H', 'P1MT1S')
    >>> written(Decimal(24), months=True).lexical
    'P2Y'
    """
    if months:
        years, count = divmod(int(key), 12)
        date = f"{years}Y" if years else ""
        date += f"{count}M" if count or not years else ""
        return Literal(f"P{date}" + ("" if key == int(key) else "T1S"), XSD + "duration")
    whole, seconds = divmod(key, 60)
    hours, minutes = divmod(int(whole), 60)
    days, hours = divmod(hours, 24)
    second = f"{seconds.quantize(Decimal('0.000000001')).normalize():f}" if seconds else ""
    clock = "".join(
        f"{part}{name}" for part, name in ((hours, "H"), (minutes, "M"), (second, "S")) if part
    )
    date = f"{days}D" if days or not clock else ""
    return Literal(f"P{date}" + (f"T{clock}" if clock else ""), XSD + "duration")
