"""What of a contract's or dataset's budget counts as spent. Pure; the accountant turns it into ε.

Rules: what is open counts in full, as if every round were released; what is closed counts what
was committed; committed rounds only grow; a commitment is written before its release. Standard
library only. Where entries are kept is left to the application.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from federated.errors import PrivacyFault
from federated.privacy.event import SubsampledGaussian, merged


@dataclass(frozen=True, slots=True)
class Entry:
    """One job's place in the ledger.

    INVARIANT: 0 <= committed_rounds <= rounds.

    Attributes:
        noise_multiplier: σ of each step.
        sampling_rate: q of each step.
        rounds: rounds that were reserved.
        steps_per_round: steps that one round spends.
        committed_rounds: rounds whose spending is written down.
        open: whether more rounds may follow.
    """

    noise_multiplier: float
    sampling_rate: float
    rounds: int
    steps_per_round: int
    committed_rounds: int = 0
    open: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.committed_rounds <= self.rounds or self.steps_per_round < 1:
            raise PrivacyFault("a ledger entry spends less than nothing or more than it reserved")


def reserve(event: SubsampledGaussian, rounds: int) -> Entry:
    """Set a whole job aside.

    Args:
        event: all steps of the job.
        rounds: rounds that they are split into evenly.

    Raises:
        PrivacyFault: the steps do not split evenly.
    """
    if rounds < 1 or event.steps % rounds or not event.steps:
        raise PrivacyFault("the steps of a job must be a multiple of its rounds")
    return Entry(event.noise_multiplier, event.sampling_rate, rounds, event.steps // rounds)


def commit(entry: Entry) -> Entry:
    """Write down one more round, before it is released.

    Raises:
        PrivacyFault: the entry is closed, or all its rounds are committed.
    """
    if not entry.open or entry.committed_rounds == entry.rounds:
        raise PrivacyFault("no round is left in the reservation of this job")
    return replace(entry, committed_rounds=entry.committed_rounds + 1)


def close(entry: Entry) -> Entry:
    """Give back the rounds that were not committed. Closing twice changes nothing."""
    return replace(entry, open=False)


def spent(entries: Iterable[Entry]) -> tuple[SubsampledGaussian, ...]:
    """Return the events that count now, merged."""
    return merged(
        SubsampledGaussian(
            entry.noise_multiplier,
            entry.sampling_rate,
            entry.steps_per_round * (entry.rounds if entry.open else entry.committed_rounds),
        )
        for entry in entries
    )
