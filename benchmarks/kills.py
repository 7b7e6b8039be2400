"""Twenty SIGKILLs at random instants of negotiations, and what they broke.

Each killed node is started again at once. Afterwards all nodes are asked, and compared by
`tests/support/drill_faults.py`: contracts and ledgers. What befalls jobs is `make soak`.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path

from row import Plan, Row, at_most, command

from tests.support.drill import Federation, federation, killed_in_negotiations
from tests.support.drill_faults import faults

PART = "kills"
KILLS = 20
LONGEST_INSTANT = 0.6  # seconds after the first request


def measure(folder: Path, plan: Plan) -> list[Row]:
    """Kill, start again, compare."""
    rng = random.Random(plan.seed)  # noqa: S311 - a draw that can be repeated
    began = time.monotonic()
    with federation(folder) as fed:
        killed: Counter[str] = Counter()
        met = 0
        for _ in range(plan.times(KILLS, 2)):
            name = rng.choice(list(fed.sites))
            victim = rng.choice([fed.sites[name], fed.lab])
            after = rng.uniform(0.0, LONGEST_INSTANT)
            met += killed_in_negotiations(fed, victim, name, after)
            killed[victim.name] += 1
        broken = faults(fed, [])
        contracts = _contracts(fed)
    seconds = time.monotonic() - began
    for line in broken:
        print(f"VIOLATION {line}")
    done = ", ".join(f"{name} {count}" for name, count in sorted(killed.items()))
    repeat = f"{PART} --seed {plan.seed}"
    note = (
        f"seed {plan.seed}; {done}; {met} met one under way; "
        f"negotiations: {contracts}; {seconds:.0f} s"
    )
    return [
        Row(
            work="SIGKILLs of nodes in negotiations",
            ours=float(killed.total()),
            peer_or_bar="20",
            unit="kills",
            command=command(repeat),
            note=note,
            holds=None,
        ),
        at_most(
            "violations after SIGKILLs: contracts, budget",
            float(len(broken)),
            0,
            "violations",
            repeat,
            "; ".join(broken),
        ),
    ]


def _contracts(fed: Federation) -> str:
    with fed.lab.client() as lab:
        states = Counter(each.state for each in lab.negotiations())
    return ", ".join(f"{state} {count}" for state, count in sorted(states.items()))
