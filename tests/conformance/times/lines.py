"""Instants, and lengths of time in one unit, as points of one line that is narrowed step by step.

Months and days are one line only where one of the two is absent, because a month has no fixed
length (XML Schema 1.1 Part 2, 3.3.6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Final

from policies_odrl import text
from policies_odrl.algebra.claims import MAX_SAMPLES, Atom, Claims
from policies_odrl.algebra.domain import Durations, Fact, Numbers, written
from policies_odrl.algebra.extent import Reading
from policies_odrl.algebra.intervals import HIGHEST, Intervals, Key, Piece, at
from policies_odrl.conflicts.overlap import Outcome
from policies_odrl.logic import Truth
from policies_odrl.values import Duration
from policies_odrl.vocabulary import OPERANDS, Kind

MAX_SECONDS: Final = Decimal(86_400) * 10**9  # what `values.duration` reads
MAX_MONTHS: Final = Decimal(12) * 10**6  # likewise


class Unsettled(Exception):
    """A fact is lacking; the message says which."""


@dataclass(slots=True)
class Line:
    """A set of points.

    Attributes:
        region: the points that are left.
        months: whether the keys of lengths are months; seconds otherwise.
    """

    region: Intervals
    months: bool = False

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """What is left, in order."""
        return self.region.pieces

    def clip(self, piece: Piece) -> None:
        """Keep what lies within one piece."""
        self.region = self.region.meet(Intervals.of([piece]))


def line(left: str, atoms: Sequence[Atom]) -> Line:
    """Return atoms on one operand of time as a set of points.

    Raises:
        Unsettled: a value cannot be read or compared.
    """
    operand, reading = OPERANDS[left], Reading()
    if operand.kind is Kind.INSTANT:
        claims = Claims(operand, atoms, reading)
        if claims.opaque:
            atom, why = claims.opaque[0]
            raise Unsettled(f"{atom.text}: {why}")
        return Line(next(iter(claims.groups.values())).every)
    domain = Durations(operand, reading)
    limits = [domain.limit(atom.item, atom.item.right[0]) for atom in atoms if atom.item.right]
    if None in limits:
        raise Unsettled(f"{text.term(left)}: the value cannot be read as {operand.kind.value}")
    odd = next((atom for atom in atoms if len(atom.item.right) != 1), None)
    if odd is not None:
        raise Unsettled(f"{odd.text}: which of its values is meant")
    months = _in_months(atoms, limits)
    region = Intervals((Piece(at(Decimal(0)), HIGHEST),))
    for atom, limit in zip(atoms, limits, strict=True):
        key = at(Decimal(limit.months) if months else limit.seconds)
        found = Numbers(operand, reading).between(atom.item.operator, [Piece(key, key)])
        region = region.meet(found if atom.holds else found.complement())
    return Line(region, months)


def _in_months(atoms: Sequence[Atom], limits: Sequence[Duration]) -> bool:
    if all(not limit.months for limit in limits):
        return False
    if all(not limit.seconds for limit in limits):
        return True
    lines = " and ".join(sorted({atom.text for atom in atoms})[:2])
    raise Unsettled(f"{lines}: how many days a month has")


def shown(left: str, found: Line) -> Outcome:
    """Return whether anything lies on a line, and a low value of it."""
    if found.region.empty:
        return Outcome(Truth.FALSE)
    for key in islice(found.region.samples(), MAX_SAMPLES):
        if isinstance(key, datetime) or _writable(found, key):
            return Outcome(Truth.TRUE, {left: (_fact(found, key),)})
    return Outcome(Truth.UNDETERMINED, why=f"{text.term(left)}: no value that can be written")


def _writable(found: Line, key: Decimal) -> bool:
    return key < (MAX_MONTHS if found.months else MAX_SECONDS)


def _fact(found: Line, key: Key) -> Fact:
    if isinstance(key, datetime):
        return key
    if found.months:  # what lies between two months is shown as a second more
        return written(Duration(int(key), Decimal(key != int(key))))
    return written(Duration(0, key))
