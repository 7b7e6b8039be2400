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

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from policies_odrl import text
from policies_odrl.algebra.claims import Atom, Claims
from policies_odrl.algebra.domain import Fact, written
from policies_odrl.algebra.extent import Reading
from policies_odrl.algebra.intervals import HIGHEST, LOWEST, End, Intervals, Piece, at
from policies_odrl.algebra.periods import Recurrence, Stretch, later
from policies_odrl.conflicts.overlap import Outcome, settled
from policies_odrl.evaluation.clocks import DELAY, ELAPSED, INTERVAL, METERED
from policies_odrl.evaluation.request import DATE_TIME
from policies_odrl.logic import Truth
from policies_odrl.model import Operator
from policies_odrl.values import Duration, duration
from policies_odrl.vocabulary import OPERANDS
from tests.conformance.times.asked import CLOCKS, Chain, Times
from tests.conformance.times.lengths import (
    NOTHING,
    Edge,
    Sum,
    added,
    compare_durations,
    edge_of,
    is_long,
    longer,
    longest,
    moment_of,
    read_length,
)
from tests.conformance.times.lines import Line, Unsettled, line, shown
from tests.conformance.times.recurrence import ALL, Cycle, Uncounted, common

SOME_DAY: Final = datetime(2026, 1, 1, tzinfo=UTC)  # where nothing says when
_MICRO: Final = timedelta(microseconds=1)
_PERIODS: Final = "from when the periods of timeInterval are counted is not stated"
_FIRST_USE: Final = "when the first use was, from which elapsedTime runs, is not stated"


EMPTY: Final = Outcome(Truth.FALSE)


def judge(times: Times) -> Outcome:
    """Return whether the times that are asked for fit together."""
    try:
        return _Timeline(times).outcome()
    except Unsettled as exc:
        return Outcome(Truth.UNDETERMINED, why=str(exc))


class _Empty(Exception):
    """Nothing fits."""


class _Timeline:
    """Lines of one use, narrowed by one another."""

    def __init__(self, times: Times) -> None:
        self._times = times
        self._lines: dict[str, Line] = {}
        self._fixed: dict[str, Outcome] = {}
        self._window = Line(Intervals((ALL,)))  # the instants that are left
        self._proved: list[Piece] = []  # those that are left by what is proved alone
        self._doubt = ""  # what keeps the others from being ruled out; empty when nothing does

    def outcome(self) -> Outcome:
        try:
            self._lay()
            chained = self._chained()
            self._frame(chained)
            self._dated(chained)
            self._tied(chained)
            facts = {**self._lengths(chained), **self._moment()}
            return Outcome(Truth.TRUE, self._since(facts))
        except _Empty:
            return EMPTY

    def _lay(self) -> None:
        """Lay each operand on its own axis; what has no axis keeps one value that fits."""
        unsettled = ""
        for left, atoms in self._times.atoms.items():
            if left == INTERVAL and self._anchored(atoms):
                continue
            try:
                self._lines[left] = line(left, atoms)
                found = shown(left, self._lines[left])
            except Unsettled:
                found = settled(left, Claims(OPERANDS[left], atoms, Reading()))
                self._fixed[left] = found
            if found.truth is Truth.FALSE and not (left == INTERVAL and self._may_meet(atoms)):
                raise _Empty
            unsettled = unsettled or (_PERIODS if found.truth is Truth.FALSE else found.why)
        if unsettled:
            raise Unsettled(unsettled)
        if DATE_TIME in self._lines:
            self._window = self._lines[DATE_TIME]

    def _may_meet(self, atoms: Sequence[Atom]) -> bool:
        """Return whether periods of different lengths may be due at once, as at the first use."""
        items = [atom.item for atom in atoms]
        every = all(item.operator is Operator.EQ and len(item.right) == 1 for item in items)
        return self._times.barring and every and sum(atom.holds for atom in atoms) > 1

    # -- lengths of time ---------------------------------------------------------------------------

    def _chained(self) -> list[Sum]:
        """Return what the delays of each sequence add up to."""
        chains = list(self._times.chains)
        shapes = {len(chain.parts) for chain in chains}
        if len(chains) > 1 and len(shapes) == 1:
            pairs = zip(*(chain.parts for chain in chains), strict=True)
            for parts in pairs:
                if self._part([atom for part in parts for atom in part]) is None:
                    raise Unsettled("whether the parts of the two sequences are the same")
        return [self._sum(chain) for chain in chains]

    def _sum(self, chain: Chain) -> Sum:
        parts = [self._part(part) for part in chain.parts]
        found = [part for part in parts if part is not None]
        if len(found) < len(parts):
            raise _Empty
        least = added([low for low, _ in found]) or (NOTHING, True)  # no delay is shorter
        proved = (least[0], found[-1][0][2] == 0)
        return Sum(least, proved, added([high for _, high in found]))

    def _part(self, part: Sequence[Atom]) -> tuple[End, End] | None:
        """Return the ends of one delay in seconds, or None where there is none."""
        found = line(DELAY, part)
        if found.months:
            raise Unsettled(f"{part[0].text}: how many days a month has")
        pieces = found.pieces
        if not pieces:
            return None
        return pieces[0].low, pieces[-1].high

    def _frame(self, chained: Sequence[Sum]) -> None:
        """Metered time and delays are no longer than elapsed time."""
        limit = self._end(ELAPSED, high=True)
        floor = self._end(ELAPSED, high=False)
        for small in (METERED, DELAY):
            shortest = self._end(small, high=False)
            if limit and shortest and longer(shortest, limit):
                raise _Empty
        if limit and any(longer(total.proved, limit) for total in chained):
            raise _Empty
        if limit and any(longer(total.least, limit) for total in chained):
            raise Unsettled("whether a delay ends at its limit or later")
        low, high = self._end(DELAY, high=False), self._end(DELAY, high=True)
        for total in chained:
            if floor and total.most and longer(floor, total.most):
                raise Unsettled("whether the clock of elapsedTime starts before the sequence")
            early = high and longer(total.least, high)
            if early or (low and total.most and longer(low, total.most)):
                raise Unsettled("whether delayPeriod starts before the sequence")

    def _end(self, left: str, *, high: bool) -> Edge | None:
        """Return one end of the lengths that are left, and whether it belongs to them."""
        found = self._lines.get(left)
        if found is None:
            return None
        pieces = found.pieces
        return edge_of(pieces[-1].high if high else pieces[0].low, months=found.months)

    def _lengths(self, chained: Sequence[Sum]) -> dict[str, tuple[Fact, ...]]:
        """Return lengths that fit one another: the small ones short, the elapsed one long."""
        found: dict[str, tuple[Fact, ...]] = {}
        limit = self._lines.get(ELAPSED)
        most = limit.pieces[-1].high if limit else HIGHEST
        need = max((total.shown for total in chained), key=lambda it: it.seconds, default=NOTHING)
        for left in (METERED, DELAY, INTERVAL):
            if left in self._lines and left != INTERVAL and limit is not None:
                self._clip(left, Piece(LOWEST, most), months=limit.months)
            found |= self._value(left)
            if left != INTERVAL and left in found:
                need = longest(need, found[left])
        least = Decimal(need.months) if need.months else need.seconds
        self._clip(ELAPSED, Piece(at(least), HIGHEST), months=bool(need.months))
        found |= self._value(ELAPSED)
        self._fits(need, found.get(ELAPSED))
        if chained and DELAY not in found:
            found[DELAY] = (self._stretch(chained[0].shown),)
        return found

    def _fits(self, need: Duration, elapsed: tuple[Fact, ...] | None) -> None:
        if elapsed and compare_durations(need, read_length(elapsed[0])) not in {-1, 0}:
            raise Unsettled("lengths of time that fit one another were not found")

    def _clip(self, left: str, piece: Piece, *, months: bool) -> None:
        found = self._lines.get(left)
        if found is not None and found.months == months:
            found.clip(piece)

    def _value(self, left: str) -> dict[str, tuple[Fact, ...]]:
        if left in self._fixed:
            return dict(self._fixed[left].facts)
        if left not in self._lines:
            return {}
        found = shown(left, self._lines[left])
        if found.truth is not Truth.TRUE:
            raise Unsettled(found.why or "lengths of time that fit one another were not found")
        return dict(found.facts)

    def _stretch(self, length: Duration) -> Stretch:
        start = self._times.start or SOME_DAY
        return Stretch(start, later(start, length) or start)

    # -- the calendar ------------------------------------------------------------------------------

    def _dated(self, chained: Sequence[Sum]) -> None:
        """With a known start, lengths of time say when."""
        start = self._times.start
        if start is None:
            return
        lows = [self._end(left, high=False) for left in CLOCKS]
        lows += [total.proved for total in chained]
        pieces = [Piece(at(start), HIGHEST)]
        pieces += [Piece(moment_of(start, low, up=True), HIGHEST) for low in lows if low]
        high = self._end(DELAY, high=True)
        pieces += [Piece(LOWEST, moment_of(start, high, up=False))] if high else []
        for piece in pieces:
            self._window.clip(piece)
        if not self._window.pieces:
            raise _Empty
        self._proved = list(self._window.pieces)
        self._supposed(start, self._end(ELAPSED, high=True), _FIRST_USE)
        for total in chained:
            self._supposed(start, total.most, "when the parts of the sequence came true")

    def _supposed(self, start: datetime, high: Edge | None, why: str) -> None:
        """Keep the instants that are near the start, which nothing proves they must be."""
        if high is None:
            return
        self._window.clip(Piece(LOWEST, moment_of(start, high, up=False)))
        self._doubt = self._doubt or why
        if not self._window.pieces:
            raise Unsettled(why)

    def _since(self, facts: dict[str, tuple[Fact, ...]]) -> dict[str, tuple[Fact, ...]]:
        """Return facts in which a delay is the time since the agreement, where that is known."""
        start, now = self._times.start, facts.get(DATE_TIME, (None,))[0]
        plain = DELAY in self._lines and not self._lines[DELAY].months
        if start is None or not isinstance(now, datetime) or not plain:
            return facts
        return {
            **facts,
            DELAY: (written(Duration(0, Decimal((now - start) // _MICRO) / 1_000_000)),),
        }

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
        pieces = dates.pieces
        earliest, latest = pieces[0].low[0] == 0, pieces[-1].high[0] == 0
        long = bool(chained) or any(is_long(self._end(left, high=False)) for left in CLOCKS)
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
            tick = common(cycles, list(self._window.pieces))
            if tick is None and self._doubt and common(cycles, self._proved) is not None:
                raise Unsettled(self._doubt)
        except Uncounted as exc:
            raise Unsettled(f"when the periods of timeInterval meet; {exc}") from exc
        if tick is None and self._times.barring:  # evaluation counts the whole period as due
            raise Unsettled("how far into a period of timeInterval its first use may be")
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
            raise Unsettled(_PERIODS)
        return list(found)


def _is_period(length: Duration) -> bool:
    whole = length.months + int(length.seconds * 1_000_000)
    return length.months >= 0 and length.seconds >= 0 and whole > 0
