"""The cells of the audit: what is run, at which claim, with which fault, and what must come of it.

Rules: a cell without a fault holds when its bound is not above its claim; a cell with one holds
when its bound is, since an audit that does not see the fault has shown nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Protocol

from audit.bound import Bound, bound
from audit.canaries import Canaries
from audit.curve import Family
from audit.end_to_end import EndToEnd
from audit.evaluations import Evaluations
from audit.faults import FAULTS
from audit.hostile import Hostile
from audit.rig import DELTA, Floats
from audit.tables import Tables, kinds
from federated.task.engine import OPACUS
from federated.task.target import Classes, Count, Number

NO_FAULT: Final = "none"


class Worlds(Protocol):
    """Where scores come from."""

    @property
    def curve(self) -> Family:
        """What the claim counts on."""
        ...

    def scores(self, noise: float, runs: int, seed: int) -> tuple[Floats, Floats]:
        """Return scores of who took part, and of who did not."""
        ...


@dataclass(frozen=True)
class Cell:
    """One line of the table.

    Attributes:
        title: what is attacked.
        worlds: how.
        claim: ε at δ = 1e-5; of tables at 0.
        runs: of the worlds.
        fault: a name of `FAULTS`.
    """

    title: str
    worlds: Worlds
    claim: float
    runs: int
    fault: str = NO_FAULT


@dataclass(frozen=True)
class Outcome:
    """What came of a cell.

    Attributes:
        cell: what was run.
        noise: σ that the claim asks for; of tables 1/ε.
        scores: how many scores the bound rests on.
        bound: lower bounds on ε.
        seconds: that it took.
    """

    cell: Cell
    noise: float
    scores: int
    bound: Bound
    seconds: float

    @property
    def broken(self) -> bool:
        """Whether the claim is contradicted."""
        return self.bound.fitted > self.cell.claim

    @property
    def as_it_must(self) -> bool:
        """Whether a sound engine is cleared, or a fault caught."""
        return self.broken == (self.cell.fault != NO_FAULT)


_ALL = Canaries()
_SEVERAL_STEPS = Canaries(steps=4)
_SAMPLED = Canaries(sampling_rate=0.1, rounds=8)
_SAMPLED_HALF = Canaries(sampling_rate=0.5, rounds=2)
_ROWS = Canaries(rows=4)
_ROWS_SAMPLED = Canaries(sampling_rate=0.1, rounds=8, rows=4)
_TURNED = Canaries(rounds=2, flips=True)
_CLASSES = Canaries(target=Classes("score", ("a", "b", "c")))
_NUMBER = Canaries(target=Number("score", 0.0, 1.0))
_COUNT = Canaries(target=Count("score", 3), label=0.0)
_HOSTILE = Hostile()
_COUNTS = Tables()
_MANY_ROWS = Tables(rows=9, bound=3)
_SUMS = Tables("sum", rows=9, bound=3)
_PERSONS = Tables("persons", rows=2, bound=2)
_GAUSSIAN = Tables("survival", gaussian=True)
_MOMENTS = Tables("correlation", rows=9, bound=3)
_AGAIN = Tables(again=True)
_SCORES = Evaluations(rows=2)

_CELLS: Final = (
    Cell("everybody in each step", _ALL, 0.5, 96),
    Cell("everybody in each step", _ALL, 1.0, 96),
    Cell("everybody in each step", _ALL, 3.0, 48),
    Cell("four steps in a round", _SEVERAL_STEPS, 3.0, 48),
    Cell("a tenth in each of 8 steps", _SAMPLED, 1.0, 48),
    Cell("a tenth in each of 8 steps", _SAMPLED, 3.0, 48),
    Cell("half in each of 2 steps", _SAMPLED_HALF, 3.0, 48),
    Cell("four rows a person", _ROWS, 3.0, 24),
    Cell("four rows a person, a tenth in each of 8 steps", _ROWS_SAMPLED, 3.0, 24),
    Cell("two rounds, gradients turned between them", _TURNED, 3.0, 48),
    Cell("three classes", _CLASSES, 3.0, 24),
    Cell("a number", _NUMBER, 3.0, 24),
    Cell("a count", _COUNT, 3.0, 24),
    Cell("hostile weights, 400 jobs a world", _HOSTILE, 0.5, 400),
    Cell("hostile weights, 400 jobs a world", _HOSTILE, 1.0, 400),
    Cell("hostile weights, 400 jobs a world", _HOSTILE, 3.0, 400),
    *(Cell(f"statistic: {names}", Tables(one), 1.0, 8) for one, names in kinds().items()),
    Cell("statistic: count", _COUNTS, 0.5, 8),
    Cell("statistic: count", _COUNTS, 3.0, 8),
    Cell("statistic: count, 3 of 9 rows", _MANY_ROWS, 1.0, 8),
    Cell("statistic: persons, in two cells", _PERSONS, 1.0, 8),
    Cell("statistic: sum, of 3 of 9 rows", _SUMS, 1.0, 8),
    Cell("statistic: correlation, of 3 of 9 rows", _MOMENTS, 1.0, 8),
    Cell("statistic: survival, Gaussian noise", _GAUSSIAN, 3.0, 8),
    Cell("two tables, one without the person", _AGAIN, 1.0, 8),
    Cell("cells of an evaluation, two rows a person", _SCORES, 1.0, 24),
    Cell("cells of an evaluation, two rows a person", _SCORES, 3.0, 24),
    Cell("everybody in each step", _ALL, 3.0, 48, "clip × 1.5"),
    Cell("a tenth in each of 8 steps", _SAMPLED, 3.0, 48, "clip × 1.5"),
    Cell("three classes", _CLASSES, 3.0, 24, "classes clipped alone"),
    Cell("everybody in each step", _ALL, 3.0, 48, "noise ÷ 1.5"),
    Cell("a tenth in each of 8 steps", _SAMPLED, 3.0, 48, "noise ÷ 1.5"),
    Cell("four rows a person", _ROWS, 3.0, 24, "rows as the unit"),
    Cell(
        "four rows a person, a tenth in each of 8 steps", _ROWS_SAMPLED, 3.0, 24, "rows as the unit"
    ),
    Cell("a tenth in each of 8 steps", _SAMPLED, 3.0, 48, "sampling left out"),
    Cell("two rounds, gradients turned between them", _TURNED, 3.0, 48, "noise used again"),
    Cell("hostile weights, 400 jobs a world", _HOSTILE, 0.5, 400, "plain products"),
    Cell("hostile weights, 400 jobs a world", _HOSTILE, 3.0, 400, "plain products"),
    Cell("statistic: count, 3 of 9 rows", _MANY_ROWS, 1.0, 8, "every row counts"),
    Cell("statistic: persons, in two cells", _PERSONS, 1.0, 8, "one cell a person"),
    Cell("statistic: sum, of 3 of 9 rows", _SUMS, 1.0, 8, "every row counts"),
    Cell("statistic: sum, of 3 of 9 rows", _SUMS, 1.0, 8, "width for a range"),
    Cell("statistic: correlation, of 3 of 9 rows", _MOMENTS, 1.0, 8, "every row counts"),
    Cell("statistic: correlation, of 3 of 9 rows", _MOMENTS, 1.0, 8, "half a range"),
    Cell("two tables, one without the person", _AGAIN, 1.0, 8, "noise of the table before"),
    Cell("cells of an evaluation, two rows a person", _SCORES, 3.0, 24, "held out, counted twice"),
    Cell("statistic: survival, Gaussian noise", _GAUSSIAN, 3.0, 8, "half is charged"),
    *(
        Cell(f"statistic: {names}", Tables(one), 1.0, 8, "half is charged")
        for one, names in kinds().items()
    ),
)

# Opacus takes its time for each person: fewer runs, which do for a claim of 3.
_BY_OPACUS: Final = (
    ("everybody in each step", _ALL, 12, (NO_FAULT, "clip × 1.5", "noise ÷ 1.5")),
    ("a tenth in each of 8 steps", _SAMPLED, 24, (NO_FAULT, "clip × 1.5", "noise ÷ 1.5")),
    ("a tenth in each of 8 steps", _SAMPLED, 8, ("sampling left out",)),
    ("four rows a person", _ROWS, 8, (NO_FAULT, "rows as the unit")),
    ("two rounds, gradients turned between them", _TURNED, 12, (NO_FAULT, "noise used again")),
    ("three classes", _CLASSES, 32, (NO_FAULT, "classes clipped alone")),
    ("a number", _NUMBER, 8, (NO_FAULT,)),
    ("a count", _COUNT, 8, (NO_FAULT,)),
    ("hostile weights, 100 jobs a world", _HOSTILE, 100, (NO_FAULT, "persons in one batch")),
)
CELLS: Final = (
    *_CELLS,
    *(
        Cell(f"Opacus: {title}", replace(worlds, engine=OPACUS), 3.0, runs, fault)
        for title, worlds, runs, faults in _BY_OPACUS
        for fault in faults
    ),
)

# Real workers: minutes, hence only when asked for.
END_TO_END: Final = tuple(
    Cell("worker, CSV and frames; hostile weights, 400 jobs a world", EndToEnd(), claim, 400)
    for claim in (0.5, 1.0, 3.0)
)


def run(cell: Cell, seed: int) -> Outcome:
    """Run a cell.

    Args:
        cell: which.
        seed: of what is drawn by the auditor; the engine's noise cannot be seeded.
    """
    begun = time.monotonic()
    curve = cell.worlds.curve
    noise = curve.noise_of(cell.claim, DELTA)
    with FAULTS[cell.fault]():
        inside, outside = cell.worlds.scores(noise, cell.runs, seed)
    found = bound(inside, outside, curve, DELTA, seed=seed)
    size = len(inside) + len(outside)
    return Outcome(cell, noise, size, found, time.monotonic() - begun)


def run_all(cells: Iterable[Cell], seed: int) -> Iterator[Outcome]:
    """Run cells, each with draws of its own."""
    for number, cell in enumerate(cells):
        yield run(cell, seed + number)
