"""ε promised and spent, for people: per dataset, per contract, per job.

Rules: `spent` is what was committed, whatever became of it; `reserved` counts open jobs in full as
well; both are composed by the accountant, at the contract's δ for a contract and at the cap's δ for
a dataset. No figure here decides anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from connector.domain.budget import Reservation, ReservationState
from connector.domain.dataset import Dataset, PrivacyCap
from connector.domain.negotiation import Agreement, Role
from connector.domain.register import Register
from connector.ports import Ports, Transaction
from connector.services.budget import committed, counted, promised, spending
from connector.services.federate_terms import privacy_limits
from connector.services.registers import register_of


@dataclass(frozen=True, slots=True)
class JobBudget:
    """ε of one job.

    Attributes:
        job_id: the job.
        open: whether it may still spend.
        epsilon: ε of the whole job alone, at the contract's δ.
        committed_rounds: rounds that are spent.
        rounds: rounds reserved.
    """

    job_id: str
    open: bool
    epsilon: float
    committed_rounds: int
    rounds: int


@dataclass(frozen=True, slots=True)
class AgreementBudget:
    """ε of one contract.

    Attributes:
        agreement_id: the contract.
        peer: DID of the consumer.
        epsilon: ε that it allows.
        delta: its δ.
        spent: ε committed.
        reserved: ε committed and set aside.
        left: `epsilon` less `reserved`, never below 0.
        jobs: its jobs, oldest first.
    """

    agreement_id: str
    peer: str
    epsilon: float
    delta: float
    spent: float
    reserved: float
    left: float
    jobs: tuple[JobBudget, ...]


@dataclass(frozen=True, slots=True)
class DatasetBudget:
    """ε of one dataset over all its contracts.

    Attributes:
        dataset_id: the dataset.
        title: one line.
        cap_epsilon: its cap.
        cap_delta: δ of the cap.
        promised_epsilon: sum of ε over contracts that count.
        promised_delta: sum of δ.
        spent: ε committed, at the cap's δ.
        reserved: ε committed and set aside, at the cap's δ.
        left: cap less `reserved`, never below 0.
        agreements: contracts on it, oldest first.
    """

    dataset_id: str
    title: str
    cap_epsilon: float
    cap_delta: float
    promised_epsilon: float
    promised_delta: float
    spent: float
    reserved: float
    left: float
    agreements: tuple[AgreementBudget, ...]


def report(ports: Ports, dataset_id: str = "") -> list[DatasetBudget]:
    """Return the budgets of all datasets with a cap, or of one.

    Raises:
        WorkerFailed: the accountant did not answer.
    """
    now = ports.clock.now()
    with ports.store.read() as tx:
        datasets = tx.datasets.find(id=dataset_id) if dataset_id else tx.datasets.find()
        capped = [(each, register_of(tx, each)) for each in datasets]
        seen = [_seen(tx, each, held, now) for each, held in capped if held.cap is not None]
    figures = _figures(ports, seen)
    return [_dataset(each, figures) for each in seen]


@dataclass(frozen=True, slots=True)
class _Line:
    """What one row of a report composes."""

    reservations: tuple[Reservation, ...]
    delta: float


@dataclass(frozen=True, slots=True)
class _Seen:
    """A dataset's budget as one transaction saw it, not computed yet."""

    dataset: Dataset
    cap: PrivacyCap
    promised: tuple[float, float]
    whole: _Line
    agreements: tuple[tuple[Agreement, float, _Line], ...]

    def lines(self) -> list[_Line]:
        return [self.whole, *(line for _, _, line in self.agreements)]


_Figures = Mapping[_Line, tuple[float, float]]


def _seen(tx: Transaction, dataset: Dataset, register: Register, now: datetime) -> _Seen:
    spent, cap = spending(tx, register), register.cap or PrivacyCap(0.0, 0.0)
    agreements = []
    for agreement in tx.agreements.find(dataset_id=dataset.id):
        if agreement.role is Role.PROVIDER:
            epsilon, delta = privacy_limits(agreement)
            line = _Line(spent.of_agreement(agreement.id), delta)
            agreements.append((agreement, epsilon, line))
    whole = _Line(spent.reservations, cap.delta)
    return _Seen(dataset, cap, promised(tx, register, now), whole, tuple(agreements))


def _figures(ports: Ports, seen: list[_Seen]) -> _Figures:
    """Return ε committed, and ε committed or set aside, of each line; asked all at once."""
    lines = [line for each in seen for line in each.lines()]
    cases = [
        case
        for line in lines
        for case in (
            (committed(line.reservations), line.delta),
            (counted(line.reservations), line.delta),
        )
    ]
    found = ports.accountant.epsilons(cases) if cases else []
    return dict(zip(lines, zip(found[::2], found[1::2], strict=True), strict=True))


def _dataset(seen: _Seen, figures: _Figures) -> DatasetBudget:
    spent, reserved = figures[seen.whole]
    return DatasetBudget(
        dataset_id=seen.dataset.id,
        title=seen.dataset.title,
        cap_epsilon=seen.cap.epsilon,
        cap_delta=seen.cap.delta,
        promised_epsilon=seen.promised[0],
        promised_delta=seen.promised[1],
        spent=spent,
        reserved=reserved,
        left=max(seen.cap.epsilon - reserved, 0.0),
        agreements=tuple(
            _agreement(agreement, epsilon, line, figures[line])
            for agreement, epsilon, line in seen.agreements
        ),
    )


def _agreement(
    agreement: Agreement, epsilon: float, line: _Line, figures: tuple[float, float]
) -> AgreementBudget:
    spent, reserved = figures
    return AgreementBudget(
        agreement_id=agreement.id,
        peer=agreement.consumer,
        epsilon=epsilon,
        delta=line.delta,
        spent=spent,
        reserved=reserved,
        left=max(epsilon - reserved, 0.0),
        jobs=tuple(_job(item) for item in line.reservations),
    )


def _job(item: Reservation) -> JobBudget:
    return JobBudget(
        job_id=item.job_id,
        open=item.state is ReservationState.OPEN,
        epsilon=item.epsilon,
        committed_rounds=item.committed_rounds,
        rounds=item.steps // item.steps_per_round,
    )
