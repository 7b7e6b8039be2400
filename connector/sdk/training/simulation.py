"""A request tried on rows of one's own: the sites' engine, with noise, without a node or spending.

Rules: what would be refused at submission is refused; ε is what the noise costs by the accountant;
each figure comes from persons kept out, once a seed. Leaves dividing and training to
`federated.training.simulation`.
"""

from __future__ import annotations

import base64
import copy
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from itertools import product
from multiprocessing import get_context
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any, Final

from connector.errors import JobRefused, Malformed, from_code
from connector.sdk.training.rows import Rows, table_of
from connector.sdk.training.shown import Shown
from connector.services.federation.translation import translated

if TYPE_CHECKING:
    from connector.identity.descriptions.dataset_facts import DatasetFacts
    from connector.ports import Accountant
    from federated.manifest import JobManifest
    from federated.training.rows.table import Table
    from federated.training.simulation import Outcome, Trial

MOST_POINTS: Final = 100
MOST_SEEDS: Final = 100
MOST_SITES: Final = 1000
SPLIT: Final = "split"
NOISE: Final = "noise"
_TOLERANCE: Final = 1e-6  # relative; as a site allows
_THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Point:
    """A request with some settings, and what came of it.

    Attributes:
        stated: settings of the grid, by their path in the request.
        epsilon: ε that the whole job costs a person at each site, at the request's δ.
        noise: σ; 0 for a yardstick without noise.
        outcomes: of each seed.
    """

    stated: Mapping[str, Any]
    epsilon: float
    noise: float
    outcomes: tuple[Outcome, ...]

    def figure(self, name: str) -> tuple[float, float]:
        """Return mean and standard deviation of a figure over the seeds; 0 for one seed."""
        values = [outcome.figures[name] for outcome in self.outcomes]
        return fmean(values), stdev(values) if len(values) > 1 else 0.0

    def row(self) -> dict[str, Any]:
        """Return the point as one row."""
        first = self.outcomes[0]
        row = {
            **{path: spelled(value) for path, value in self.stated.items()},
            "sites": first.sites,
            "persons": first.persons,
            "fewest": first.fewest,
            "ε": self.epsilon,
            "σ": self.noise,
        }
        for name in first.figures:
            if name != "rows":
                mean, spread = self.figure(name)
                row[name] = f"{mean:.3f} ±{spread:.3f}"
        return {**row, "seconds": round(fmean(each.seconds for each in self.outcomes), 2)}


def simulate(  # noqa: PLR0913 - settings by name, each with a default
    request: Mapping[str, Any],
    rows: Rows,
    *,
    split: str | int,
    grid: Mapping[str, Sequence[Any]] | None = None,
    seeds: int = 5,
    kept_out: float = 0.2,
    processes: int = 1,
    seen: Callable[[Point], None] | None = None,
    dictionary: Mapping[str, Any] | None = None,
) -> Shown:
    """Return what a job would be worth on rows of one's own, divided into sites.

    Args:
        request: of a job, see `docs/reference/request.md`; its contracts count for nothing.
        rows: a CSV or Parquet file, columns by name, a pandas frame or an Arrow table.
        split: how many sites persons are dealt to, or the column whose value is the site.
        grid: path in the request (`privacy.epsilon`), `split`, or `noise` (False: a yardstick
            without any), to the values to try; all combinations are.
        seeds: how often each is tried, with other persons kept out and another start.
        kept_out: share of the persons that figures come from, between 0 and 1.
        processes: in which the work is done; more than one only from a file or a module.
        seen: is told each point once it is known.
        dictionary: a description, as of a dataset to be published, of which `columns` count: what
            the request leaves out of its features follows from it as from those of contracts,
            and what it does not know is refused.

    Raises:
        DescriptionIncomplete: the dictionary cannot be read.
        Malformed: the request or the grid is not what is described.
        JobRefused: its noise costs more than its ε, or no noise keeps it.
        ColumnMissing: the rows lack a column.
        DataFault: there are too few persons.
    """
    if not 1 <= seeds <= MOST_SEEDS or not 0 < kept_out < 1 or processes < 1:
        raise Malformed(
            f"a simulation needs 1 to {MOST_SEEDS} seeds, a share held out between 0 and "
            "1, and 1 process or more"
        )
    accountant = _accountant()
    with translated():
        known = _facts(dictionary) if dictionary is not None else None
        asked = [
            _asked(accountant, request, each, split, known) for each in _points(dict(grid or {}))
        ]
        columns = {name for each in asked for name in each.columns()}
        table = table_of(rows, sorted(columns))
        points = []
        with _runner(table, processes) as run:
            todo = [[each.trial(seed, kept_out) for seed in range(seeds)] for each in asked]
            outcomes = run([trial for trials in todo for trial in trials])
            for each in asked:
                points.append(each.point([next(outcomes) for _ in range(seeds)]))
                if seen is not None:
                    seen(points[-1])
    return Shown([point.row() for point in points])


@dataclass(frozen=True, slots=True)
class _Asked:
    """A point that is to be tried."""

    stated: Mapping[str, Any]
    manifest: JobManifest
    epsilon: float
    split: str | int
    start: bytes
    noise: bool

    def columns(self) -> set[str]:
        named = {self.split} if isinstance(self.split, str) else set()
        return {*self.manifest.columns, *named}

    def trial(self, seed: int, kept_out: float) -> Trial:
        from federated.training import checkpoint, recipes  # noqa: PLC0415 - start-up
        from federated.training.simulation import Trial  # noqa: PLC0415 - start-up

        start = recipes.check(checkpoint.load(self.start), self.manifest) if self.start else None
        return Trial(self.manifest, self.split, kept_out, seed, self.noise, start)

    def point(self, outcomes: Sequence[Outcome]) -> Point:
        noise = self.manifest.privacy.noise_multiplier if self.noise else 0.0
        return Point(self.stated, self.epsilon, noise, tuple(outcomes))


def _facts(dictionary: Mapping[str, Any]) -> DatasetFacts:
    from connector.identity.descriptions.dataset_facts import DatasetFacts  # noqa: PLC0415 - start
    from connector.services.publication import describing  # noqa: PLC0415 - start-up stays fast

    return DatasetFacts.of_columns("the dictionary", describing.columns(dictionary))


def _asked(
    accountant: Accountant,
    request: Mapping[str, Any],
    stated: Mapping[str, Any],
    split: str | int,
    known: DatasetFacts | None,
) -> _Asked:
    """Return a point, once its request is one that sites would not refuse for its arithmetic."""
    from connector.services.federation.lead.request import simulated  # noqa: PLC0415 - start-up
    from connector.services.federation.request.findings import (  # noqa: PLC0415 - start-up
        against_dictionary,
    )
    from federated.privacy.question import Epsilon  # noqa: PLC0415 - start-up

    whole = copy.deepcopy(dict(request))
    split, noise = stated.get(SPLIT, split), stated.get(NOISE, True)
    for path, value in stated.items():
        if path not in {SPLIT, NOISE}:
            _put(whole, path, value)
    if noise is not True and noise is not False:
        raise Malformed(f"grid `{NOISE}`: must be true or false")
    if not (isinstance(split, str) and split) and not (
        isinstance(split, int) and 1 <= split <= MOST_SITES
    ):
        raise Malformed(f"`split` must be a column, or from 1 to {MOST_SITES} sites")
    manifest = simulated(accountant, whole, known)
    for finding in against_dictionary(manifest, known) if known else ():
        if finding.code:
            raise from_code(finding.code, f"request {finding.where}: {finding.what}")
    privacy = manifest.privacy
    events = manifest.events.of(manifest.rounds)
    (cost,) = accountant.costs([Epsilon(events, privacy.delta)])
    if cost > privacy.epsilon * (1 + _TOLERANCE):
        raise JobRefused(
            f"the job declares ε {privacy.epsilon:g}, its noise and steps cost {cost:.4g}",
            hint="leave `noiseMultiplier` out, and it follows from ε",
        )
    start = whole.get("start")
    model = base64.b64decode(start["model"]) if start else b""
    return _Asked(stated, manifest, cost if noise else math.inf, split, model, noise)


@cache
def _accountant() -> Accountant:
    """Return the accountant of this process, whose own one waits a while for the next question."""
    from federated.privacy.process import ProcessAccountant  # noqa: PLC0415 - start-up stays fast

    return ProcessAccountant()


def spelled(value: Any) -> str:
    """Return a value of a grid as it is written on a command line."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _points(grid: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    count = math.prod(len(values) for values in grid.values())
    if not 1 <= count <= MOST_POINTS:
        raise Malformed(f"a grid has 1 to {MOST_POINTS} points, not {count}")
    return [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]


def _put(request: dict[str, Any], path: str, value: Any) -> None:
    """Put a value at a path; whoever states ε anew wants its noise to follow."""
    *parents, last = path.split(".")
    at: Any = request
    for name in parents:
        at = at.setdefault(name, {}) if isinstance(at, dict) else None
    if not isinstance(at, dict):
        raise Malformed(f"grid `{path}`: the request has no such member")
    at[last] = value
    if path == "privacy.epsilon":
        at.pop("noiseMultiplier", None)


@contextmanager
def _runner(
    table: Table, processes: int
) -> Iterator[Callable[[Sequence[Trial]], Iterator[Outcome]]]:
    """Give what runs trials, in order."""
    from federated.training import simulation  # noqa: PLC0415 - start-up stays fast

    if processes == 1:
        yield lambda trials: (simulation.run(trial, table) for trial in trials)
        return
    for name in _THREADS:  # several processes share the cores already
        os.environ.setdefault(name, "1")
    context = get_context("spawn")
    with ProcessPoolExecutor(processes, context) as pool:
        yield partial(pool.map, partial(simulation.run, table=table))
