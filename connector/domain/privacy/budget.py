"""What a job may spend of a dataset's privacy, and what it has spent.

The arithmetic is `federated/privacy`; here is only what is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from federated.privacy.rule import Rule


class ReservationState(StrEnum):
    """Life of a reservation: open until the job ends, then closed."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Reservation:
    """ε set aside for one job before it starts.

    INVARIANT: committed_rounds * steps_per_round <= steps, and committed_rounds only grows; no
    figure is negative, so that no job counts less than nothing.

    Attributes:
        job_id: one reservation a job.
        agreement_id: contract that it spends from.
        dataset_id: dataset that the job trains on.
        register_id: register of the persons whom it concerns.
        noise_multiplier: σ, noise standard deviation over clip norm.
        sampling_rate: q of Poisson sampling, in (0, 1].
        steps: optimiser steps of the whole job.
        steps_per_round: steps that one committed round spends.
        committed_rounds: rounds whose spending is written down.
        epsilon: ε of the whole job alone at `delta`, by PLD.
        delta: δ that the job states.
        state: see `ReservationState`.
        created_at: UTC.
    """

    job_id: str
    agreement_id: str
    dataset_id: str
    register_id: str
    noise_multiplier: float
    sampling_rate: float
    steps: int
    steps_per_round: int
    committed_rounds: int
    epsilon: float
    delta: float
    state: ReservationState
    created_at: datetime

    def __post_init__(self) -> None:
        """Refuse what no job could have been charged.

        Raises:
            ValueError: a figure is negative, or more was committed than reserved.
        """
        figures = (self.noise_multiplier, self.sampling_rate, self.epsilon, self.delta)
        least = min(*figures, self.steps, self.steps_per_round, self.committed_rounds)
        if least < 0 or self.committed_rounds * self.steps_per_round > self.steps:
            raise ValueError("no job has such figures")

    def counted_steps(self, rule: Rule) -> int:
        """Return the steps that count against a budget of a rule now.

        What is open counts in full. What has ended counts what was committed under Rényi, and
        under sums the whole job: its ε was stated for all of it. A job without a committed round
        was never asked anything, and counts nothing.
        """
        if self.state is ReservationState.OPEN:
            return self.steps
        if rule is Rule.SUMS and self.committed_rounds:
            return self.steps
        return self.committed_rounds * self.steps_per_round
