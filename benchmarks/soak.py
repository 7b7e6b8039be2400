"""What takes too long for `make test`: `make soak`, `make soak ARGS="--seed 7 --parts faces"`.

- `jobs`: a hundred jobs while nodes and workers are killed. A lab and three sites, each a process,
  and the workers of their jobs. The seed says what is killed and when (`tests/support/soak.py`);
  what must hold is `tests/support/soak_faults.py` and `drill_faults.py`.
- `negotiations`: ten thousand through the codec of the Dataspace Protocol, each message of ours
  judged by its schema (where `PREAU_REFERENCE` has them) and by what its context would lose.
- `faces`: requests of any form to the management API and both bindings.

Ends with 1 at the first part of which something does not hold.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[1:1] = [str(ROOT), str(ROOT / "examples" / "star")]

from rich.console import Console  # noqa: E402 - after the path is set
from rich.table import Table  # noqa: E402 - same
from row import percentile  # noqa: E402 - same

from tests.support.drill import Federation, Size, federation  # noqa: E402 - same
from tests.support.drill_faults import faults  # noqa: E402 - same
from tests.support.soak import Case, carry, plan  # noqa: E402 - same
from tests.support.soak_faults import case_faults, memory, space_faults, temporary  # noqa: E402

JOBS = 100
NEGOTIATIONS = 10_000
REQUESTS = 20
SIZE = Size(pupils=200, rounds=4, steps=30, round_seconds=60, deadline_seconds=150)
MOST_GROWTH = 1.0  # MiB a job, of a node that was not killed
CONSOLE = Console(width=None if sys.stdout.isatty() else 140)


def main() -> int:
    """Do the parts that were asked for; return 0 when nothing was violated."""
    options = _options()
    CONSOLE.print(f"seed {options.seed}; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for part in options.parts:
        if not PARTS[part](options):
            return 1
    return 0


def _negotiations(options: argparse.Namespace) -> bool:
    if "PREAU_REFERENCE" not in os.environ:
        CONSOLE.print("no PREAU_REFERENCE: messages are not judged by the published schemas")
    from soak_peers import negotiations  # noqa: PLC0415 - a run of jobs does without

    count = options.negotiations
    return _timed(f"{count} negotiations", options, lambda: negotiations(count, options.seed))


def _faces(options: argparse.Namespace) -> bool:
    from soak_peers import faces  # noqa: PLC0415 - as above

    return _timed("faces", options, lambda: faces(options.requests, options.seed))


def _timed(part: str, options: argparse.Namespace, play: Callable[[], tuple[str, str]]) -> bool:
    """Play a part and print a line on it, or what was wrong; return whether nothing was."""
    began = time.monotonic()
    said, fault = play()
    seconds = f"seed {options.seed}, {time.monotonic() - began:.0f} s"
    shown = f"VIOLATION {part}, {seconds}: {fault}" if fault else f"{part}, {seconds}: {said}"
    CONSOLE.print(shown, markup=False, highlight=False)
    return not fault


def _jobs(options: argparse.Namespace) -> bool:
    """Carry the jobs; return whether nothing was violated."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ps-") as name:
        folder = Path(name)
        own = temporary(folder)
        with federation(folder, SIZE) as fed:
            cases = plan(options.seed, options.jobs, tuple(fed.sites), SIZE.rounds)
            soak = Soak(fed)
            for case in cases:
                soak.carry(case)
            soak.broken += [*faults(fed, []), *soak.growth()]
        soak.broken += space_faults(fed, own)
    soak.show(options.seed, time.monotonic() - began)
    return not soak.broken


PARTS: dict[str, Callable[[argparse.Namespace], bool]] = {
    "jobs": _jobs,
    "negotiations": _negotiations,
    "faces": _faces,
}


class Soak:
    """What was seen so far."""

    def __init__(self, fed: Federation) -> None:
        self.fed = fed
        self.broken: list[str] = []
        self.ends: Counter[str] = Counter()
        self.killed: Counter[str] = Counter()
        self.met = 0
        self.seconds: list[float] = []
        self.held: dict[tuple[str, int], list[tuple[int, float]]] = {}  # node's life: jobs, MiB

    @property
    def jobs(self) -> int:
        """Jobs that have ended."""
        return self.ends.total()

    def carry(self, case: Case) -> None:
        """Carry a case, and look at what it leaves."""
        began = time.monotonic()
        jobs, met = carry(self.fed, case)
        wrong = case_faults(self.fed, jobs)
        self.met += met
        for blow in case.blows:
            self.killed[f"worker of {blow.node}" if blow.worker else blow.node] += 1
        with self.fed.lab.client() as lab:
            found = {each.id: each for each in lab.jobs() if each.id in jobs}
        for job in jobs:
            view = found[job]
            self.ends[view.state if view.state == "COMPLETED" else f"{view.state} {view.code}"] += 1
        self.seconds.append(time.monotonic() - began)
        for node in self.fed.nodes:
            life = self.held.setdefault((node.name, node.pid), [])
            life.append((self.jobs, memory(node)))
        self.broken += wrong
        done = ", ".join(f"{found[job].state}" for job in jobs)
        CONSOLE.print(f"{self.jobs:4d}  {self.seconds[-1]:5.1f} s  {done}  {_told(case)}")
        for line in wrong:
            CONSOLE.print(f"VIOLATION {line}")

    def growth(self) -> list[str]:
        """Return the nodes whose last lives grew by more than they may."""
        return [
            f"{name} grew by {grown:.2f} MiB a job over {jobs} jobs"
            for name, jobs, grown in self._growth()
            if grown > MOST_GROWTH
        ]

    def _growth(self) -> list[tuple[str, int, float]]:
        """Return name, jobs and MiB a job of each node's life, once it is warm: its second half."""
        found = []
        for node in self.fed.nodes:
            life = max((v for k, v in self.held.items() if k[0] == node.name), key=len)
            half = life[len(life) // 2 :]
            jobs = half[-1][0] - half[0][0]
            found.append((node.name, jobs, (half[-1][1] - half[0][1]) / max(jobs, 1)))
        return found

    def show(self, seed: int, seconds: float) -> None:
        """Print the table."""
        table = Table("what", "figure")
        table.add_row("jobs", f"{self.jobs}, seed {seed}, {seconds:.0f} s")
        table.add_row("ends", _counted(self.ends))
        table.add_row("SIGKILLs", f"{self.killed.total()}: {_counted(self.killed)}")
        table.add_row("met a job under way", str(self.met))
        median, most = percentile(self.seconds, 0.5), max(self.seconds)
        table.add_row("seconds a case", f"median {median:.1f}, most {most:.1f}")
        for name, jobs, grown in self._growth():
            table.add_row(f"memory of {name}", f"{grown:+.2f} MiB a job over {jobs} jobs")
        table.add_row("violations", str(len(self.broken)))
        CONSOLE.print(table)
        for line in self.broken:
            CONSOLE.print(f"VIOLATION {line}")


def _told(case: Case) -> str:
    blows = (
        f"{'worker of ' if each.worker else ''}{each.node} {each.moment:.2f} s after {each.after}"
        + (f", away {each.away:.1f} s" if each.away and not each.worker else "")
        for each in case.blows
    )
    return f"quorum {case.quorum}; " + ("; ".join(blows) or "no kill")


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="which")
    parser.add_argument("--jobs", type=int, default=JOBS, help="how many")
    parser.add_argument("--negotiations", type=int, default=NEGOTIATIONS, help="how many")
    parser.add_argument("--requests", type=int, default=REQUESTS, help="of each message and kind")
    parser.add_argument(
        "--seed", type=int, default=random.SystemRandom().randrange(10**6), help="of what is drawn"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
