"""What the steps of plans cost: pseudonyms, a table with noise, and rows by the million.

Pseudonyms of a million identifiers beside a loop of `hmac.digest`, CPU time of one thread. A table
of 14 cells, counts and sums, with noise, of a million rows of 250,000 persons that stand one behind
another, CPU time from the first batch to the table; once more where only half the rows of each
person count. With `PEERS=1` SmartNoise-SQL makes the same table of the same rows, in an environment
of its own, since it wants another OpenDP. A plan that minimises, pseudonymises and makes
coarser over 10⁴ to 10⁷ rows, each in a process of its own: time and greatest memory.
`python benchmarks/protection.py ROWS` prints what the plan took as JSON.
"""

from __future__ import annotations

import hmac
import json
import os
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv
from row import Plan, Row, at_most, beside, pace

sys.path[1:1] = [str(Path(__file__).parents[1])]  # when run by itself

from connector.domain.catalog.layout import Field  # noqa: E402 - after the path is set
from connector.enforcement.steps.aggregate import Aggregate  # noqa: E402 - same
from connector.enforcement.steps.generalise import Band, Generalise  # noqa: E402 - same
from connector.enforcement.steps.minimise import Minimise, RowTest  # noqa: E402 - same
from connector.enforcement.steps.noise import Noise, Range  # noqa: E402 - same
from connector.enforcement.steps.pseudonymise import Pseudonymise, Scope  # noqa: E402 - same
from connector.enforcement.steps.release import Release  # noqa: E402 - same
from connector.enforcement.steps.request import Measure, TableRequest  # noqa: E402 - same
from connector.enforcement.steps.spending import spending  # noqa: E402 - same
from connector.enforcement.steps.table import TableSteps  # noqa: E402 - same
from connector.enforcement.steps.where import Where  # noqa: E402 - same
from connector.protection.ground import Ground  # noqa: E402 - same
from connector.protection.means import Means, Outcome  # noqa: E402 - same
from connector.protection.pseudonymise import Pseudonyms  # noqa: E402 - same
from connector.protection.rows import rows  # noqa: E402 - same
from connector.protection.tables import Asked, table  # noqa: E402 - same

PART = "protection"
MANY, FEW = 10**6, 10**5
BATCH = 1 << 16
ROWS_PER_PERSON, CELLS = 4, 14
EPSILON = 0.5  # of a table
PEER = "smartnoise-sql==1.0.10"
KEY = bytes(range(32))
GROUND = Ground(
    (
        Field("ine", "text"),
        Field("class", "text"),
        Field("age", "integer"),
        Field("score", "number"),
    ),
    person="ine",
)
COLUMNS = Minimise(("class", "score"))
CELLS_WITH_NOISE = TableSteps(
    where=Where("query"),
    minimise=COLUMNS,
    pseudonymise=None,
    generalise=(),
    aggregate=Aggregate(("class",), ("score",), ("count", "sum"), 1),
    noise=Noise(
        *(1.0, 1e-6, "urn:person", ROWS_PER_PERSON),
        ranges={"score": Range(0, 20, 0.25)},
        categories={"class": tuple(f"c{n}" for n in range(CELLS))},
    ),
    release=Release("Aggregated", ("csv",)),
)
ROWS = TableSteps(
    where=Where("delivered"),
    minimise=Minimise(("ine", "class", "age"), (RowTest("score", "atLeast", (2,)),)),
    pseudonymise=Pseudonymise(("ine",), Scope("contract", ("urn:uuid:1",))),
    generalise=(Generalise("age", Band(5)),),
    aggregate=None,
    noise=None,
    release=Release("Pseudonymised", ("parquet",)),
)
MOST_SECONDS = 600


def measure(folder: Path, plan: Plan) -> list[Row]:
    """Measure pseudonyms, a table with noise and a plan of growing size."""
    many = plan.times(MANY, FEW)
    identifiers = [f"{n:010d}K" for n in range(many)]
    arrays = [pa.array(identifiers[at : at + BATCH]) for at in range(0, many, BATCH)]
    ours = _best(plan, lambda: _pseudonyms(arrays))
    loop = _best(
        plan, lambda: [hmac.digest(KEY, it.encode(), "sha256").hex() for it in identifiers]
    )
    title = f"pseudonyms of {many:,} identifiers"
    return [
        at_most(
            f"{title}, CPU",
            ours,
            1.5 * many / MANY,
            "s",
            PART,
            f"one thread, best of five; {pace()}",
        ),
        beside(f"{title}, CPU, beside", ours, "loop of hmac.digest", loop, "s", PART),
        *_noisy(folder, many, plan),
        *_growing(folder, plan),
    ]


def _pseudonyms(arrays: list[pa.Array]) -> None:
    made = Pseudonyms(KEY, "text")
    for array in arrays:
        made.replaced(array)


def _best(plan: Plan, run: Callable[[], object]) -> float:
    times = []
    for _ in range(plan.times(5, 2)):
        before = time.process_time()
        run()
        times.append(time.process_time() - before)
    return min(times)


def _noisy(folder: Path, many: int, plan: Plan) -> list[Row]:
    batches = list(_rows(many))
    wall, cpu = _made(batches, CELLS_WITH_NOISE, plan)
    half = replace(CELLS_WITH_NOISE.noise, rows_per_person=ROWS_PER_PERSON // 2)
    _, cut = _made(batches, replace(CELLS_WITH_NOISE, noise=half), plan)
    note = (
        f"counts and sums of {many // ROWS_PER_PERSON:,} persons, best of five; {cut:.2f} s where "
        f"half the rows of each count; wall {wall:.2f} s at load {os.getloadavg()[0]:.0f}; {pace()}"
    )
    title = f"table with noise, {CELLS} cells of {many:,} rows"
    found = [at_most(f"{title}, CPU", cpu, 1.2 * many / MANY, "s", PART, note)]
    if os.environ.get("PEERS"):
        theirs = _smartnoise(folder, batches, plan)
        found.append(beside(f"{title}, CPU, beside", cpu, PEER, theirs, "s", PART))
    return found


def _made(batches: list[pa.RecordBatch], steps: TableSteps, plan: Plan) -> tuple[float, float]:
    """Return wall and CPU seconds of a table, the best of several."""
    request = TableRequest(("class",), (Measure("count"), Measure("sum", "score")), epsilon=EPSILON)
    asked = Asked(request, "s", charged=spending(request, steps).events)
    walls, cpu = [], []
    for _ in range(plan.times(5, 2)):
        before, used = time.perf_counter(), time.process_time()
        found = table(steps, batches, GROUND, Means(root=KEY), Outcome(), asked)
        walls.append(time.perf_counter() - before)
        cpu.append(time.process_time() - used)
        assert found.num_rows == CELLS  # noqa: S101 - what was measured
    return min(walls), min(cpu)


def _smartnoise(folder: Path, batches: list[pa.RecordBatch], plan: Plan) -> float:
    """Return the peer's CPU seconds of such a table; it has an environment of its own."""
    home, rows = folder / "smartnoise", folder / "rows.csv"
    csv.write_csv(pa.Table.from_batches(batches).select(["ine", "class", "score"]), rows)
    venv.create(home, with_pip=True)
    python = str(home / "bin" / "python")
    subprocess.check_call([python, "-m", "pip", "install", "--quiet", PEER])
    words = [python, str(Path(__file__).with_name("smartnoise_loop.py")), str(rows)]
    told = json.dumps({"epsilon": EPSILON, "rows": ROWS_PER_PERSON, "times": plan.times(3, 1)})
    return float(subprocess.check_output([*words, told]))


def _growing(folder: Path, plan: Plan) -> list[Row]:
    sizes = [10**4, 10**5, 10**6, *([] if plan.quick else [10**7])]
    found = [_alone(folder, size) for size in sizes]
    small, large = found[-2], found[-1]
    note = "; ".join(
        f"{size:,} rows: {each['cpu']:.2f} s of CPU, {each['memory']:.0f} MB"
        for size, each in zip(sizes, found, strict=True)
    )
    title = f"a plan over {sizes[-1]:,} rows beside {sizes[-2]:,}"
    return [
        at_most(f"{title}, CPU a row", large["cpu"] / small["cpu"] / 10, 1.2, "×", PART, note),
        at_most(f"{title}, greatest memory", large["memory"] - small["memory"], 64, "MB", PART),
    ]


def _alone(folder: Path, size: int) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, __file__, str(size)],
        cwd=folder,
        env={**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system"},
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _rows(many: int) -> Iterator[pa.RecordBatch]:
    """Yield rows of persons that stand one behind another."""
    for at in range(0, many, BATCH):
        numbers = pa.array(range(at, min(at + BATCH, many)))
        person = pc.utf8_lpad(pc.divide(numbers, ROWS_PER_PERSON).cast(pa.string()), 10, "0")
        yield pa.record_batch(
            {
                "ine": pc.binary_join_element_wise(person, "K", ""),
                "class": pc.binary_join_element_wise(
                    "c", _rest(numbers, CELLS).cast(pa.string()), ""
                ),
                "age": _rest(numbers, 60),
                "score": pc.divide(_rest(numbers, 81).cast(pa.float64()), 4.0),
            }
        )


def _rest(numbers: pa.Array, by: int) -> pa.Array:
    return pc.subtract(numbers, pc.multiply(pc.divide(numbers, by), by))


def main() -> None:
    """Print CPU seconds of a plan over so many rows, but for making them, and greatest memory."""
    size, own = int(sys.argv[1]), 0.0

    def made() -> Iterator[pa.RecordBatch]:
        nonlocal own
        source = _rows(size)
        while True:
            before = time.process_time()
            batch = next(source, None)
            own += time.process_time() - before
            if batch is None:
                return
            yield batch

    before = time.process_time()
    left = sum(each.num_rows for each in rows(ROWS, made(), GROUND, Means(root=KEY), Outcome()))
    assert 0 < left < size  # noqa: S101 - what was measured
    used = time.process_time() - before - own
    print(json.dumps({"cpu": used, "memory": _greatest_memory()}))


def _greatest_memory() -> float:
    """Return MB of this process alone; `getrusage` counts what its parent had."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
