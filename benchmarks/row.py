"""One measured figure, beside what it is compared with, and the arithmetic of many measurements.

Rules: a figure is never alone: a bar that must be kept, or a named alternative measured in the
same run; the command that repeats it stands beside it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        work: what was measured; identifies the row.
        ours: the figure.
        peer_or_bar: the bar (`≤ 150`) or the alternative, its name and figure.
        unit: of both.
        command: repeats it.
        note: how it was measured, and what it leaves out.
        holds: whether the bar is kept; None where there is none.
    """

    work: str
    ours: float
    peer_or_bar: str
    unit: str
    command: str
    note: str = ""
    holds: bool | None = None


@dataclass(frozen=True)
class Plan:
    """How much to measure.

    Attributes:
        quick: fewer repetitions, for a look; such figures are not kept.
        seed: of what is drawn; printed.
    """

    quick: bool
    seed: int

    def times(self, many: int, few: int) -> int:
        """Return how often to repeat something."""
        return few if self.quick else many


def command(part: str) -> str:
    """Return the command that repeats a part."""
    return f'make bench ARGS="{part}"'


def at_most(work: str, ours: float, bar: float, unit: str, part: str, note: str = "") -> Row:
    """Return a row with a bar that the figure must not pass."""
    figure = figured(ours)
    return Row(work, figure, f"≤ {bar:g}", unit, command(part), note, holds=figure <= bar)


def at_least(work: str, ours: float, bar: float, unit: str, part: str, note: str = "") -> Row:
    """Return a row with a bar that the figure must reach."""
    figure = figured(ours)
    return Row(work, figure, f"≥ {bar:g}", unit, command(part), note, holds=figure >= bar)


def beside(
    work: str, ours: float, peer: str, theirs: float, unit: str, part: str, note: str = ""
) -> Row:
    """Return a row with a named alternative, measured in the same run."""
    return Row(
        work, figured(ours), f"{peer}: {figured(theirs):g}", unit, command(part), note, holds=None
    )


def pace() -> str:
    """Say how fast this machine is just now: CPU time of a loop of three million additions."""
    before, total = time.process_time(), 0
    for number in range(3_000_000):
        total += number * number % 7
    return f"3·10⁶ additions took {time.process_time() - before:.2f} s then"


def figured(value: float) -> float:
    """Return a figure with four significant digits; more would say more than was measured."""
    return float(f"{value:.4g}")


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of the values do not pass.

    Args:
        values: at least one.
        share: in (0, 1].
    """
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * round(share * 1000) // 1000) - 1)]


def spread(values: Sequence[float]) -> str:
    """Return standard deviation, least and most, as text."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return f"sd {deviation:.4f}, {min(values):.4f} to {max(values):.4f}, n = {len(values)}"
