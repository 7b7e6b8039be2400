"""Jobs one after another, some at once, while nodes and their workers are killed.

    for case in plan(seed, 100):
        jobs = carry(fed, case)
        ended(fed, jobs)
        assert not case_faults(fed, jobs)  # soak_faults.py

What is killed, when, and for how long it stays away follows from the seed alone; which line of
code a kill meets does not: processes run as fast as the machine lets them.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from space import Node

from connector.sdk.client import JOB_ENDS
from tests.support.drill import Federation, completed, kill, listed, wait_for

LAB = "lab"
TOGETHER = 0.2  # share of cases with two jobs at once
CALM = 5  # of the cases one in so many, at the end, kills workers only: memory is compared there
BLOWS = (0, 1, 1, 1, 2)  # of a case
LONGEST_MOMENT = 0.6  # seconds after a round's end
LONGEST_AWAY = 3.0  # seconds until a node is started again
PATIENCE = 60.0
EVALUATION = {"noiseMultiplier": 100.0}


@dataclass(frozen=True)
class Blow:
    """A SIGKILL.

    Attributes:
        after: round of the case's first job, once it is over; 0: once a quorum has accepted.
        moment: seconds after that.
        node: name of a site, or `lab`.
        worker: whether only a worker of that node is killed.
        away: seconds until a killed node is started again.
    """

    after: int
    moment: float
    node: str
    worker: bool = False
    away: float = 0.0


@dataclass(frozen=True)
class Case:
    """One or two jobs, and what befalls them."""

    jobs: int
    quorum: int
    blows: tuple[Blow, ...]


def plan(seed: int, count: int, sites: tuple[str, ...], rounds: int) -> list[Case]:
    """Draw so many jobs, in cases; the same for the same arguments."""
    rng = random.Random(seed)  # noqa: S311 - a draw that can be repeated
    cases: list[Case] = []
    left = count
    while left:
        calm = left <= count // CALM
        jobs = 2 if left > 1 and rng.random() < TOGETHER else 1
        blows = [_blow(rng, sites, rounds, calm=calm) for _ in range(rng.choice(BLOWS))]
        blows.sort(key=lambda each: (each.after, each.moment))
        cases.append(Case(jobs, rng.choice((2, len(sites))), tuple(blows)))
        left -= jobs
    return cases


def _blow(rng: random.Random, sites: tuple[str, ...], rounds: int, *, calm: bool) -> Blow:
    return Blow(
        after=rng.randrange(rounds + 1),
        moment=rng.uniform(0.0, LONGEST_MOMENT),
        node=rng.choice((*sites, LAB)),
        worker=rng.random() < 0.4 or calm,
        away=rng.choice((0.0, rng.uniform(0.0, LONGEST_AWAY))),
    )


def carry(fed: Federation, case: Case) -> tuple[list[str], int]:
    """Submit a case's jobs and strike; return the jobs, and how many blows met one under way."""
    request = {"quorum": case.quorum, "evaluation": EVALUATION}
    jobs = [fed.submit(**request).id for _ in range(case.jobs)]
    met = 0
    for blow in case.blows:
        wait_for(fed.lab, completed(jobs[0], blow.after), PATIENCE)
        time.sleep(blow.moment)
        with fed.lab.client() as lab:
            under_way = any(listed(lab, job).state not in JOB_ENDS for job in jobs)
        met += strike(fed, blow) and under_way
    return jobs, met


def strike(fed: Federation, blow: Blow) -> bool:
    """Kill what a blow is for; return whether it was there."""
    node = fed.lab if blow.node == LAB else fed.sites[blow.node]
    if blow.worker:
        found = sorted(processes(node))
        if found:
            with suppress(ProcessLookupError):
                os.kill(found[0], signal.SIGKILL)
        return bool(found)
    kill(node)
    time.sleep(blow.away)
    node.start()
    return True


def processes(node: Node) -> Iterator[int]:
    """Return the processes that work in a node's home: the workers of its jobs.

    What workers are forked from works in the folder of all jobs, and stays.
    """
    served = set(working_in(node.home / "jobs", beneath=False))
    return (each for each in working_in(node.home) if each not in served)


def working_in(folder: Path, *, beneath: bool = True) -> Iterator[int]:
    """Return the processes whose working folder lies in a folder, or did before it was removed.

    Args:
        folder: where is looked.
        beneath: whether folders of the folder count, too.
    """
    within = f"{folder.resolve()}/"
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is another user's
            found = f"{(process / 'cwd').readlink()}/"
            if found == within or (beneath and found.startswith(within)):
                yield int(process.name)
