"""What a job may spend of a dataset's privacy, and what it has spent.

The arithmetic is `federated/privacy`; here is only what is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from federated.privacy.event import Event, Events, sampled_gaussian
from federated.privacy.rule import Rule

# As releases that knew one mechanism kept it: see `from_steps`.
STEPS: Final = ("noise_multiplier", "sampling_rate", "steps", "steps_per_round")


class ReservationState(StrEnum):
    """Life of a reservation: open until the job ends, then closed."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Reservation:
    """ε set aside for one job before it starts.

    INVARIANT: committed_rounds <= rounds, and committed_rounds only grows; no figure is negative,
    so that no job counts less than nothing, and each round releases something.

    Attributes:
        job_id: one reservation a job.
        agreement_id: contract that it spends from.
        dataset_id: dataset that the job reads.
        register_id: register of the persons whom it concerns.
        events: what one round releases, and what is counted with the first.
        rounds: of the whole job.
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
    events: Events
    rounds: int
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
        least = min(self.epsilon, self.delta, self.committed_rounds)
        if least < 0 or self.committed_rounds > self.rounds or not self.events.items:
            raise ValueError("no job can have such ε, δ and rounds")

    def __hash__(self) -> int:
        """Return the hash of its key: a ledger asks for those of all jobs."""
        return hash(self.job_id)

    def counted_rounds(self, rule: Rule) -> int:
        """Return the rounds that count against a budget of a rule now.

        What is open counts in full. What has ended counts what was committed under Rényi, and
        under sums the whole job: its ε was stated for all of it. A job without a committed round
        was never asked anything, and counts nothing.
        """
        if self.state is ReservationState.OPEN:
            return self.rounds
        if rule is Rule.SUMS and self.committed_rounds:
            return self.rounds
        return self.committed_rounds

    def released(self, rounds: int) -> tuple[Event, ...]:
        """Return what so many rounds release."""
        return self.events.of(rounds)


def from_steps(noise: float, rate: float, steps: int, steps_per_round: int) -> tuple[Events, int]:
    """Return what a round releases, and the rounds, of a job that was kept as steps.

    Raises:
        EventUnknown: σ or q has no known cost.
        ValueError: no job has such figures.
    """
    if not 0 < steps_per_round <= steps:
        raise ValueError("no job can have such ε, δ and rounds")
    rounds = -(-steps // steps_per_round)  # rounded up: it never counts less than before
    return Events((sampled_gaussian(noise, rate, steps_per_round),)), rounds
