"""Twenty SIGKILLs at random instants, and what they broke.

Half of them fall into negotiations, half into jobs: of a job, one hits a random site and one the
lab. Each killed node is started again at once. Afterwards all nodes are asked, and compared by
`tests/support/drill_faults.py`: contracts, ledgers, ends of jobs.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

from row import Plan, Row, at_most, command
from space import Node

from tests.support.drill import Federation, federation, killed_in_job, killed_in_negotiations
from tests.support.drill_faults import faults

PART = "kills"
IN_NEGOTIATIONS, JOBS = 10, 5
LONGEST_INSTANT = 0.6  # seconds after the first request


def measure(folder: Path, plan: Plan) -> list[Row]:
    """Kill, start again, compare."""
    rng = random.Random(plan.seed)  # noqa: S311 - a draw that can be repeated
    began = time.monotonic()
    with federation(folder) as fed:
        killed: Counter[str] = Counter()
        met = 0
        for _ in range(plan.times(IN_NEGOTIATIONS, 2)):
            name = rng.choice(list(fed.sites))
            victim = rng.choice([fed.sites[name], fed.lab])
            after = rng.uniform(0.0, LONGEST_INSTANT)
            met += killed_in_negotiations(fed, victim, name, after)
            killed[victim.name] += 1
        jobs = []
        for _ in range(plan.times(JOBS, 1)):
            victims = _victims(fed, rng)
            job, hits = killed_in_job(fed, victims, rng)
            killed.update(victim.name for victim in victims)
            met += hits
            jobs.append(job)
            fed.ended(job, fed.lab, fed.size.deadline_seconds + 30)
        broken = faults(fed, jobs)
        outcomes = Counter(fed.ended(job, fed.lab, 1).state for job in jobs)
        contracts = _contracts(fed)
    seconds = time.monotonic() - began
    for line in broken:
        print(f"VIOLATION {line}")
    done = ", ".join(f"{name} {count}" for name, count in sorted(killed.items()))
    ends = ", ".join(f"{state} {count}" for state, count in sorted(outcomes.items()))
    repeat = f"{PART} --seed {plan.seed}"
    note = (
        f"seed {plan.seed}; {done}; {met} met work under way; jobs: {ends}; "
        f"negotiations: {contracts}; {seconds:.0f} s"
    )
    return [
        Row(
            work="SIGKILLs of nodes in negotiations and jobs",
            ours=float(killed.total()),
            peer_or_bar="20",
            unit="kills",
            command=command(repeat),
            note=note,
            holds=None,
        ),
        at_most(
            "violations after SIGKILLs: contracts, budget, ends of jobs",
            float(len(broken)),
            0,
            "violations",
            repeat,
            "; ".join(broken),
        ),
    ]


def _victims(fed: Federation, rng: random.Random) -> list[Node]:
    victims = [rng.choice(list(fed.sites.values())), fed.lab]
    rng.shuffle(victims)
    return victims


def _contracts(fed: Federation) -> str:
    with fed.lab.client() as lab:
        states = Counter(each.state for each in lab.negotiations())
    return ", ".join(f"{state} {count}" for state, count in sorted(states.items()))
