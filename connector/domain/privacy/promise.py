"""What contracts and jobs count against the cap of a register of persons, as sums."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Claim:
    """What the jobs of one contract add up to once it counts in full no longer.

    Attributes:
        epsilon: sum of ε of its jobs that count.
        delta: sum of their δ.
        allowed_epsilon: ε that the contract allowed; infinite where only its jobs are known.
        allowed_delta: its δ; same.
    """

    epsilon: float
    delta: float
    allowed_epsilon: float
    allowed_delta: float
