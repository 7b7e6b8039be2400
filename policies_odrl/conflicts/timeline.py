"""Instants, lengths of time and periods together: do they fit on one timeline?

Rules that hold between operands: metered time is no longer than elapsed time, nor is a delay; the
delays of an `andSequence` follow one another and add up; with the start of an agreement stated, a
length of time says when, and without it a limit on the calendar and a limit on a running clock do
not meet unless one policy sets both, for then its author says how they go together. Where the start
would decide, the answer is open and names it.
Source: ODRL Vocabulary (`delayPeriod`, `elapsedTime`, `meteredTime`, `timeInterval`);
arXiv 2606.23442 (two sorts; the frame condition; sequences; periodic constraints).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, cast

from policies_odrl import text
from policies_odrl.conflicts.axes import (
    SOME_DAY,
    Atom,
    Extent,
    Line,
    State,
    Unsettled,
    extent,
    line,
    shown,
    written,
)
from policies_odrl.conflicts.intervals import HIGHEST, LOWEST, End, Piece, Region, above, at, below
from policies_odrl.conflicts.recurrence import Cycle, Uncounted, common
from policies_odrl.evaluation.clocks import DELAY, ELAPSED, INTERVAL, METERED
from policies_odrl.evaluation.operands import Fact
from policies_odrl.evaluation.periods import Recurrence, Stretch, later
from policies_odrl.evaluation.request import DATE_TIME
from policies_odrl.model import Literal, Operator
from policies_odrl.values import Duration, compare_durations, duration
from policies_odrl.vocabulary import OPERANDS

CLOCKS: Final = (METERED, DELAY, ELAPSED)
TIMES: Final = frozenset({DATE_TIME, INTERVAL, *CLOCKS})
_MICRO: Final = timedelta(microseconds=1)
_NOTHING: Final = Duration(0, Decimal(0))


@dataclass(frozen=True, slots=True)
class Chain:
    """The delays of one `andSequence`, which follow one another.

    Attributes:
        parts: what is asked of each delay, in order.
        side: which policy it comes from, 0 or 1.
    """

    parts: tuple[tuple[Atom, ...], ...]
    side: int = 0


@dataclass(frozen=True, slots=True)
class Times:
    """What is asked of the times of one use.

    Attributes:
        atoms: left operand -> what is asked of it; operands of `TIMES` only.
        chains: see `Chain`.
        start: when the agreement began, aware; None when nobody says.
        anchors: IRI of a constraint -> start of its first period, aware.
    """

    atoms: Mapping[str, Sequence[Atom]]
    chains: Sequence[Chain] = ()
    start: datetime | None = None
    anchors: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known of several operands together.

    Attributes:
        state: see `State`.
        facts: with `FILLED`, left operand -> values that a request may state.
        why: with `OPEN`, the fact that is lacking.
    """

    state: State
    facts: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict)
    why: str = ""


EMPTY: Final = Outcome(State.EMPTY)


def judge(times: Times) -> Outcome:
    """Return whether the times that are asked for fit together."""
    try:
        return _Timeline(times).outcome()
    except Unsettled as exc:
        return Outcome(State.OPEN, why=str(exc))


class _Empty(Exception):
    """Nothing fits."""


class _Timeline:
    """Lines of one use, narrowed by one another."""

    def __init__(self, times: Times) -> None:
        self._times = times
        self._lines: dict[str, Line] = {}
        self._fixed: dict[str, Extent] = {}
        self._window = Region()  # the instants that are left

    def outcome(self) -> Outcome:
        try:
            self._lay()
            chained = self._chained()
            self._frame(chained)
            self._dated(chained)
            self._tied(chained)
            facts = {**self._lengths(chained), **self._moment()}
            return Outcome(State.FILLED, self._since(facts))
        except _Empty:
            return EMPTY

    def _lay(self) -> None:
        """Lay each operand on its own axis; what has no axis keeps one value that fits."""
        unsettled = ""
        for left, atoms in self._times.atoms.items():
            if left == INTERVAL and self._anchored(atoms):
                continue
            operand = OPERANDS[left]
            try:
                self._lines[left] = line(operand, atoms)
                found = shown(operand, self._lines[left])
            except Unsettled:
                found = extent(operand, atoms)
                self._fixed[left] = found
            if found.state is State.EMPTY:
                raise _Empty
            unsettled = unsettled or found.why
        if unsettled:
            raise Unsettled(unsettled)
        if DATE_TIME in self._lines:
            self._window = self._lines[DATE_TIME].region

    # -- lengths of time ---------------------------------------------------------------------------

    def _chained(self) -> list[tuple[Duration, Duration | None]]:
        """Return (least, most) that the delays of each sequence add up to; most None: no end."""
        chains = list(self._times.chains)
        shapes = {len(chain.parts) for chain in chains}
        if len(chains) > 1 and len(shapes) == 1:
            pairs = zip(*(chain.parts for chain in chains), strict=True)
            for parts in pairs:
                if self._part([atom for part in parts for atom in part]) is None:
                    raise Unsettled("whether the parts of the two sequences are the same")
        return [self._sum(chain) for chain in chains]

    def _sum(self, chain: Chain) -> tuple[Duration, Duration | None]:
        least, most = Decimal(0), Decimal(0)
        bounded = True
        for part in chain.parts:
            found = self._part(part)
            if found is None:
                raise _Empty
            low, high = found
            least += low
            bounded = bounded and high is not None
            most += high or 0
        return Duration(0, least), Duration(0, most) if bounded else None

    def _part(self, part: Sequence[Atom]) -> tuple[Decimal, Decimal | None] | None:
        """Return the ends of one delay in seconds, or None where there is none."""
        found = line(OPERANDS[DELAY], part)
        if found.months:
            raise Unsettled(f"{part[0].text}: how many days a month has")
        pieces = list(found.region.pieces())
        if not pieces:
            return None
        high = pieces[-1].high
        least = cast("Decimal", pieces[0].low[1])  # no delay is shorter than nothing
        return least, None if high[0] else cast("Decimal", high[1])

    def _frame(self, chained: Sequence[tuple[Duration, Duration | None]]) -> None:
        """Metered time and delays are no longer than elapsed time."""
        limit = self._end(ELAPSED, high=True)
        floor = self._end(ELAPSED, high=False)
        for small in (METERED, DELAY):
            shortest = self._end(small, high=False)
            if limit and shortest and _longer(shortest, limit):
                raise _Empty
        if limit and any(_longer((least, True), limit) for least, _ in chained):
            raise _Empty
        for least, most in chained:
            if floor and most is not None and _longer(floor, (most, True)):
                raise Unsettled("whether the clock of elapsedTime starts before the sequence")
            other = self._end(DELAY, high=True)
            if other and _longer((least, True), other):
                raise Unsettled("whether delayPeriod starts before the sequence")

    def _end(self, left: str, *, high: bool) -> tuple[Duration, bool] | None:
        """Return one end of the lengths that are left, and whether it belongs to them."""
        found = self._lines.get(left)
        if found is None:
            return None
        pieces = list(found.region.pieces())
        end = pieces[-1].high if high else pieces[0].low
        if end[0]:
            return None
        return _length(cast("Decimal", end[1]), months=found.months), end[2] == 0

    def _lengths(
        self, chained: Sequence[tuple[Duration, Duration | None]]
    ) -> dict[str, tuple[Fact, ...]]:
        """Return lengths that fit one another: the small ones short, the elapsed one long."""
        found: dict[str, tuple[Fact, ...]] = {}
        limit = self._lines.get(ELAPSED)
        most = list(limit.region.pieces())[-1].high if limit else HIGHEST
        need = max((least for least, _ in chained), key=lambda it: it.seconds, default=_NOTHING)
        for left in (METERED, DELAY, INTERVAL):
            if left in self._lines and left != INTERVAL and limit is not None:
                self._clip(left, Piece(LOWEST, most), months=limit.months)
            found |= self._value(left)
            if left != INTERVAL and left in found:
                need = _longest(need, found[left])
        least = Decimal(need.months) if need.months else need.seconds
        self._clip(ELAPSED, Piece(at(least), HIGHEST), months=bool(need.months))
        found |= self._value(ELAPSED)
        self._fits(need, found.get(ELAPSED))
        if chained and DELAY not in found:
            found[DELAY] = (self._stretch(chained[0][0]),)
        return found

    def _fits(self, need: Duration, elapsed: tuple[Fact, ...] | None) -> None:
        if elapsed and compare_durations(need, _read(elapsed[0])) not in {-1, 0}:
            raise Unsettled("lengths of time that fit one another were not found")

    def _clip(self, left: str, piece: Piece, *, months: bool) -> None:
        found = self._lines.get(left)
        if found is not None and found.months == months:
            found.region.clip(piece)

    def _value(self, left: str) -> dict[str, tuple[Fact, ...]]:
        if left in self._fixed:
            return {left: self._fixed[left].values}
        if left not in self._lines:
            return {}
        found = shown(OPERANDS[left], self._lines[left])
        if found.state is not State.FILLED:
            raise Unsettled(found.why or "lengths of time that fit one another were not found")
        return {left: found.values}

    def _stretch(self, length: Duration) -> Stretch:
        start = self._times.start or SOME_DAY
        return Stretch(start, later(start, length) or start)

    # -- the calendar ------------------------------------------------------------------------------

    def _dated(self, chained: Sequence[tuple[Duration, Duration | None]]) -> None:
        """With a known start, lengths of time say when."""
        start = self._times.start
        if start is None:
            return
        lows = [self._end(left, high=False) for left in CLOCKS]
        lows += [(least, True) for least, _ in chained]
        pieces = [Piece(at(start), HIGHEST)]
        pieces += [Piece(_when(start, low, up=True), HIGHEST) for low in lows if low]
        high = self._end(DELAY, high=True)
        pieces += [Piece(LOWEST, _when(start, high, up=False))] if high else []
        for piece in pieces:
            self._window.clip(piece)
        if not list(self._window.pieces()):
            raise _Empty
        high = self._end(ELAPSED, high=True)
        if high:
            self._window.clip(Piece(LOWEST, _when(start, high, up=False)))
        if not list(self._window.pieces()):
            raise Unsettled("when the first use was, from which elapsedTime runs, is not stated")

    def _since(self, facts: dict[str, tuple[Fact, ...]]) -> dict[str, tuple[Fact, ...]]:
        """Return facts in which a delay is the time since the agreement, where that is known."""
        start, now = self._times.start, facts.get(DATE_TIME, (None,))[0]
        plain = DELAY in self._lines and not self._lines[DELAY].months
        if start is None or not isinstance(now, datetime) or not plain:
            return facts
        return {**facts, DELAY: (written(Decimal((now - start) // _MICRO) / 1_000_000),)}

    def _tied(self, chained: Sequence[object]) -> None:
        """Without a known start, the calendar of one policy and the clock of another are apart."""
        dates = self._lines.get(DATE_TIME)
        if self._times.start is not None or dates is None:
            return
        atoms = self._times.atoms
        running = [atom for left in CLOCKS for atom in atoms.get(left, ())]
        sides = {atom.side for atom in running} | {chain.side for chain in self._times.chains}
        if not sides or sides & {atom.side for atom in atoms[DATE_TIME]}:
            return
        pieces = list(dates.region.pieces())
        earliest, latest = pieces[0].low[0] == 0, pieces[-1].high[0] == 0
        long = bool(chained) or any(_is_long(self._end(left, high=False)) for left in CLOCKS)
        short = any(self._end(left, high=True) for left in CLOCKS)
        if (earliest and short) or (latest and long):
            names = " and ".join(sorted({text.term(atom.item.left) for atom in running})[:2])
            raise Unsettled(f"when the clock of {names or 'delayPeriod'} starts is not stated")

    def _moment(self) -> dict[str, tuple[Fact, ...]]:
        """Return an instant, and whether a period begins then."""
        atoms = self._times.atoms.get(INTERVAL, ())
        if self._anchored(atoms):
            return self._recurring(atoms)
        return self._value(DATE_TIME)

    def _anchored(self, atoms: Sequence[Atom]) -> bool:
        return any(atom.item.id in self._times.anchors for atom in atoms if atom.item.id)

    def _recurring(self, atoms: Sequence[Atom]) -> dict[str, tuple[Fact, ...]]:
        cycles = self._cycles(atoms)
        try:
            tick = common(cycles, list(self._window.pieces()))
        except Uncounted as exc:
            raise Unsettled(f"when the periods of timeInterval meet; {exc}") from exc
        if tick is None:
            raise _Empty
        due = Recurrence(tick, None, max(cycle.anchor for cycle in cycles))
        return {DATE_TIME: (tick,), INTERVAL: (due,)}

    def _cycles(self, atoms: Sequence[Atom]) -> list[Cycle]:
        found: dict[Cycle, None] = {}
        loose: list[Duration] = []
        for atom in atoms:
            period = duration(atom.item.right[0]) if len(atom.item.right) == 1 else None
            usual = atom.holds and atom.item.operator is Operator.EQ and not atom.item.unit
            if period is None or not usual or not _is_period(period):
                raise Unsettled(f"{atom.text}: which periods are meant")
            anchor = self._times.anchors.get(atom.item.id) if atom.item.id else None
            if anchor is None:
                loose.append(period)
            else:
                found[Cycle(anchor, period)] = None
        if any(all(cycle.period != period for cycle in found) for period in loose):
            raise Unsettled("from when the periods of timeInterval are counted is not stated")
        return list(found)


def _is_period(length: Duration) -> bool:
    whole = length.months + int(length.seconds * 1_000_000)
    return length.months >= 0 and length.seconds >= 0 and whole > 0


def _is_long(low: tuple[Duration, bool] | None) -> bool:
    return low is not None and low != (_NOTHING, True)


def _length(key: Decimal, *, months: bool) -> Duration:
    return Duration(int(key), Decimal(0)) if months else Duration(0, key)


def _longer(low: tuple[Duration, bool], high: tuple[Duration, bool]) -> bool:
    """Return whether whatever lies above one end is proved to lie above the other as well."""
    order = compare_durations(low[0], high[0])
    return order == 1 or (order == 0 and not (low[1] and high[1]))


def _longest(need: Duration, values: tuple[Fact, ...]) -> Duration:
    length = _read(values[0])
    order = compare_durations(need, length)
    if order is None:
        raise Unsettled("how many days a month has")
    return length if order < 0 else need


def _read(value: Fact) -> Duration:
    return cast("Duration", duration(cast("Literal", value)))  # as `axes.py` writes lengths


def _when(start: datetime, end: tuple[Duration, bool], *, up: bool) -> End:
    moment = later(start, end[0])
    if moment is None:
        raise Unsettled("an instant beyond the calendar")
    edge = at(moment)
    if end[1]:
        return edge
    return above(edge) if up else below(edge)
