r"""Many canaries in one table with noise: persons who are each alone in cells of their own.

Half of the canaries take part, drawn by lot; the attacker knows every row and says of each canary
from its cell whether it does. No two share a cell, and the noise of two cells is independent: one
table is as good as a table for each (Steinke, Nasr and Jagielski 2023).

The claim is what the ledger is charged. With Laplace noise that moves by one whole number, or by s
at once, rates reach  hits = e^ε alarms: the attack loses nothing but its confidence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pyarrow as pa

from audit.curve import Pure
from audit.rig import Floats
from connector.domain.catalog.layout import Field
from connector.enforcement.steps.aggregate import Aggregate
from connector.enforcement.steps.minimise import Minimise, RowTest
from connector.enforcement.steps.noise import Noise, Range
from connector.enforcement.steps.release import AGGREGATED, Release
from connector.enforcement.steps.request import Measure, TableRequest
from connector.enforcement.steps.spending import spending
from connector.enforcement.steps.table import TableSteps
from connector.enforcement.steps.where import QUERY, Where
from connector.protection.ground import Ground
from connector.protection.means import Means, Outcome
from connector.protection.tables import Asked, table
from federated.privacy.accountant import epsilon

COUNT: Final = Measure("count")
SUM: Final = Measure("sum", "score")
_MOST: Final = 1e9  # ε of a plan; what a table spends is asked for
_GROUND: Final = Ground(
    (
        Field("person", "text"),
        Field("cell", "text"),
        Field("part", "text"),
        Field("score", "number"),
    ),
    person="person",
)
_SCORE: Final = Range(10.0, 20.0, 0.5)  # its larger end is twice its width


@dataclass(frozen=True)
class Tables:
    """Tables with canaries.

    Attributes:
        measures: figures of each cell; the attacker adds them up, each over what a person moves it.
        moments: columns whose sums of products are asked for too.
        rows: of a person, all alike.
        bound: rows of a person that count.
        again: the attacker asks a second time, with a filter that leaves every canary out, and
            takes the difference.
        width: canaries of one table, each with a cell.
    """

    measures: tuple[Measure, ...] = (COUNT,)
    moments: tuple[str, ...] = ()
    rows: int = 1
    bound: int = 1
    again: bool = False
    width: int = 2048

    @property
    def curve(self) -> Pure:
        """What the claim counts on."""
        return Pure()

    def scores(self, noise: float, runs: int, seed: int) -> tuple[Floats, Floats]:
        """Return the scores of canaries that took part, and of those that did not.

        Args:
            noise: 1/ε of what is charged.
            runs: tables, or pairs of them.
            seed: of who takes part.
        """
        draw = np.random.default_rng(seed)
        inside, outside = [], []
        for _ in range(runs):
            part = np.zeros(self.width, dtype=bool)
            part[draw.permutation(self.width)[: self.width // 2]] = True
            scores = self._run(1 / noise, np.flatnonzero(part))
            inside.append(scores[part])
            outside.append(scores[~part])
        return np.concatenate(inside), np.concatenate(outside)

    def _run(self, claim: float, part: np.ndarray) -> Floats:
        canaries = np.repeat(part, self.rows)
        names = [f"c{at}" for at in canaries]
        batch = pa.record_batch(
            {
                "person": pa.array(names),
                "cell": pa.array(names),
                "part": pa.array(["in"] * len(names)),
                "score": pa.array([99.0] * len(names)),  # cut to the range
            }
        )
        filters = ((), (RowTest("part", "anyOf", ("out",)),)) if self.again else ((),)
        found = [self._asked(each, claim / len(filters), batch) for each in filters]
        return found[0] - found[1] if self.again else found[0]

    def _asked(self, filters: tuple[RowTest, ...], claim: float, batch: pa.RecordBatch) -> Floats:
        """Return the score of each cell of a table that is charged the claim."""
        request = TableRequest(("cell",), self.measures, filters, epsilon=1.0, moments=self.moments)
        charged = epsilon(spending(request, self._steps).events, 0.0)
        request = replace(request, epsilon=claim / charged)
        spent = spending(request, self._steps)
        asked = Asked(request, "", charged=spent.events)
        made = table(self._steps, [batch], _GROUND, Means(root=bytes(32)), Outcome(), asked)
        score = np.zeros(self.width)
        for each in spent.figures:
            most = self.bound * (_SCORE.high if each.function == "sum" else 1.0)
            score += made.column(each.name).to_numpy() / most
        return score

    @property
    def _steps(self) -> TableSteps:
        cells = tuple(f"c{at}" for at in range(self.width))
        return TableSteps(
            where=Where(QUERY),
            minimise=Minimise(("cell", "part", "score")),
            pseudonymise=None,
            generalise=(),
            aggregate=Aggregate(("cell", "part"), ("score",), ("count", "sum"), 1),
            noise=Noise(_MOST, 1e-5, "", self.bound, {"score": _SCORE}, {"cell": cells}),
            release=Release(AGGREGATED, ("csv",)),
        )
