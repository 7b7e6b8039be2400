r"""Many canaries in the table of one statistic: persons who are each alone in cells of their own.

A site answers each kind of `preau stats` with one table with noise; what is made of the answers
afterwards costs nothing, so that the table is attacked. `--by` gives each canary a group of its
own. Half of the canaries take part, drawn by lot; the attacker knows every row and says of each
canary from its cells whether it does. No two share a cell, and the noise of two cells is
independent: one table is as good as a table for each (Steinke, Nasr and Jagielski 2023).

The claim is what the ledger is charged. Of one figure with Laplace noise rates reach
hits = e^ε alarms: the attack loses nothing but its confidence. With Gaussian noise the events come
to  μ² = Σ count (sensitivity / scale)², and the claim is that mechanism's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from audit.curve import Curve, Family, Pure
from audit.rig import Floats, by_lot
from connector.domain.catalog.layout import Field
from connector.enforcement.steps.aggregate import FUNCTIONS, Aggregate
from connector.enforcement.steps.minimise import Minimise, RowTest
from connector.enforcement.steps.noise import Noise, Range
from connector.enforcement.steps.release import AGGREGATED, Release
from connector.enforcement.steps.request import MOMENT, Measure, TableRequest
from connector.enforcement.steps.spending import MOMENT_UNITS, Spent, spending
from connector.enforcement.steps.table import TableSteps
from connector.enforcement.steps.where import QUERY, Where
from connector.protection.ground import Ground
from connector.protection.means import Means, Outcome
from connector.protection.tables import Asked as Due
from connector.protection.tables import table
from federated.privacy.accountant import epsilon
from federated.statistics import Asked, request

_BY: Final = ("cell",)
_LEFT: Final = ("left", "yes")
# Every kind of statistic, each with canaries in groups of their own.
STATISTICS: Final[Mapping[str, Asked]] = MappingProxyType(
    {
        "count": Asked(kind="count", by=_BY),
        "persons": Asked(kind="persons", by=(*_BY, "step")),
        "sum": Asked(kind="sum", by=_BY, of=("score",)),
        "mean": Asked(kind="mean", by=_BY, of=("score",)),
        "histogram": Asked(kind="histogram", by=_BY, of=("score",), bins=4),
        "quantile": Asked(kind="quantile", by=_BY, of=("score",), bins=4),
        "cross table": Asked(kind="count", by=(*_BY, "step")),
        "correlation": Asked(kind="correlation", by=_BY, of=("score", "hours")),
        "linear": Asked(kind="linear", by=_BY, of=("score",), on=("hours",)),
        "logistic": Asked(kind="logistic", by=_BY, on=("score",), event=_LEFT, bins=2),
        "life": Asked(kind="life", by=_BY, of=("step",), event=_LEFT),
        "survival": Asked(kind="survival", by=_BY, of=("step",), event=_LEFT),
    }
)
_STEPS: Final = ("1", "2")
_VALUES: Final = MappingProxyType({"step": _STEPS, "left": ("no", "yes"), "part": ("in", "out")})
_RANGES: Final = MappingProxyType(
    # The larger end is twice the width; what lies beyond is cut to it.
    {"score": Range(10.0, 20.0, 0.5), "hours": Range(0.0, 1.0)}
)
_MOST: Final = 1e9  # ε of a plan; what a table spends is asked for
_DELTA: Final = 1e-6  # of a table with Gaussian noise
_TEXTS: Final = ("person", "cell", "part", "step", "left")
_GROUND: Final = Ground(
    (*(Field(name, "text") for name in _TEXTS), *(Field(name, "number") for name in _RANGES)),
    person="person",
)


@dataclass(frozen=True)
class Tables:
    """Tables with canaries.

    Attributes:
        statistic: of `STATISTICS`; the score is the likelihood ratio of all figures of a canary.
        rows: of a person; alike but for their step.
        bound: rows of a person that count.
        gaussian: whether the request spends a δ.
        again: the attacker asks a second time, with a filter that leaves every canary out, and
            takes the difference.
        width: canaries of one table.
    """

    statistic: str = "count"
    rows: int = 1
    bound: int = 1
    gaussian: bool = False
    again: bool = False
    width: int = 2048

    @property
    def curve(self) -> Family:
        """What the claim counts on."""
        if self.gaussian:
            return Curve(1.0, 1)
        asked = replace(_request(self.statistic), epsilon=1.0)
        return Pure(len(spending(asked, self._steps).figures))

    def scores(self, noise: float, runs: int, seed: int) -> tuple[Floats, Floats]:
        """Return scores, see `rig.by_lot`; `noise` is 1/ε of what is charged, of a Gaussian 1/μ."""
        return by_lot(self.width, runs, seed, partial(self._run, noise))

    def _run(self, noise: float, part: np.ndarray) -> Floats:
        names = [f"c{at}" for at in np.repeat(part, self.rows)]
        batch = pa.record_batch(
            {
                "person": pa.array(names),
                "cell": pa.array(names),
                "part": pa.array(["in"] * len(names)),
                "step": pa.array([_STEPS[at % self.rows % 2] for at in range(len(names))]),
                "left": pa.array(["yes"] * len(names)),
                "score": pa.array([99.0] * len(names)),
                "hours": pa.array([99.0] * len(names)),
            }
        )
        filters = ((), (RowTest("part", "anyOf", ("out",)),)) if self.again else ((),)
        found = [self._asked(each, noise * len(filters), batch) for each in filters]
        return found[0] - found[1] if self.again else found[0]

    def _asked(self, filters: tuple[RowTest, ...], noise: float, batch: pa.RecordBatch) -> Floats:
        """Return the score of each canary in a table that is charged the claim."""
        asked = self._charged(replace(_request(self.statistic), filters=filters), noise)
        spent = spending(asked, self._steps)
        due = Due(asked, "", charged=spent.events)
        made = table(self._steps, [batch], _GROUND, Means(root=bytes(32)), Outcome(), due)
        own = made.filter(self._occupied(asked))
        place = pc.cast(pc.utf8_slice_codeunits(own.column("cell"), 1), pa.int64()).to_numpy()
        score = np.zeros(self.width)
        shared = len(set(_STEPS[: self.rows])) if "step" in asked.dimensions else 1
        for figure, each in zip(spent.figures, spent.spent, strict=True):
            found = own.column(figure.name).to_numpy() / spent.unit(figure)
            rows = 1 if figure.function == "persons" else min(self.rows, self.bound) / shared
            np.add.at(score, place, _likelihood(found, rows * _amount(figure), each))
        return score

    def _occupied(self, asked: TableRequest) -> pc.Expression:
        """Return which cells the rows of a canary lie in."""
        steps = _STEPS[: self.rows]
        kept = pc.scalar(value=True)
        for name in asked.dimensions:
            if name == "step":
                kept &= pc.field(name).isin(steps)
            elif name in asked.bins:
                kept &= pc.field(name) == asked.bins[name] - 1
            elif name == "left":
                kept &= pc.field(name) == "yes"
        return kept

    def _charged(self, asked: TableRequest, noise: float) -> TableRequest:
        """Return the table with the ε whose charge is the claim."""
        asked = replace(asked, epsilon=1.0, delta=_DELTA if self.gaussian else 0.0)
        events = spending(asked, self._steps).events
        if not self.gaussian:
            return replace(asked, epsilon=1 / noise / epsilon(events, 0.0))
        bits = math.log(1 / _DELTA)
        root = math.sqrt(bits + 1) - math.sqrt(bits)  # √ρ of an ε of 1
        moved = math.sqrt(sum(it.count * (it["sensitivity"] / it["scale"]) ** 2 for it in events))
        root /= noise * moved
        return replace(asked, epsilon=root * (root + 2 * math.sqrt(bits)))

    @property
    def _steps(self) -> TableSteps:
        cells = {"cell": tuple(f"c{at}" for at in range(self.width)), **_VALUES}
        numbers = tuple(_RANGES)
        return TableSteps(
            where=Where(QUERY),
            minimise=Minimise((*cells, *numbers)),
            pseudonymise=None,
            generalise=(),
            aggregate=Aggregate((*cells, *numbers), numbers, FUNCTIONS, 1),
            noise=Noise(_MOST, 1e-5, "", self.bound, _RANGES, cells),
            release=Release(AGGREGATED, ("csv",)),
        )


def kinds() -> dict[str, str]:
    """Return one statistic of each table that is asked for, and all those that ask for it."""
    named: dict[str, list[str]] = {}
    for name in STATISTICS:
        one = next(it for it in STATISTICS if _request(it) == _request(name))
        named.setdefault(one, []).append(name)
    return {one: ", ".join(names) for one, names in named.items()}


def _amount(figure: Measure) -> int:
    """Return what a row of a canary adds, in whole units."""
    if figure.function == "sum":
        return round(_RANGES[figure.column].high / _RANGES[figure.column].unit)
    return MOMENT_UNITS if figure.function == MOMENT else 1


def _likelihood(found: Floats, moved: float, spent: Spent) -> Floats:
    """Return the logarithm of how much likelier what was found is with a canary than without."""
    if spent.gaussian:
        return np.asarray(moved * (found - moved / 2) / spent.scale**2)
    return np.asarray((np.abs(found) - np.abs(found - moved)) / spent.scale)


def _request(statistic: str) -> TableRequest:
    """Return the table that sites are asked for."""
    cells = request(STATISTICS[statistic])
    return TableRequest(
        dimensions=tuple(cells["dimensions"]),
        measures=tuple(Measure(**each) for each in cells["measures"]),
        bins=cells.get("bins", {}),
        moments=tuple(cells.get("moments", ())),
    )
