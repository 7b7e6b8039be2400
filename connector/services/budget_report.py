"""ε promised and spent, for people: per dataset, per contract, per job.

Rules: `spent` is what was committed, whatever became of it; `reserved` counts open jobs in full as
well; both are composed by the accountant, at the contract's δ for a contract and at the cap's δ for
a dataset. No figure here decides anything.
"""

from __future__ import annotations

from dataclasses import dataclass

from connector.domain.budget import Reservation, ReservationState
from connector.domain.dataset import Dataset
from connector.domain.negotiation import Agreement, Role
from connector.ports import Ports
from connector.services.budget import Spending, promised, spending, spent_epsilon
from connector.services.federate_terms import privacy_limits


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
        seen = [
            (
                dataset,
                spending(tx, dataset.id),
                promised(tx, dataset.id, now),
                tx.agreements.find(dataset_id=dataset.id),
            )
            for dataset in datasets
        ]
    return [
        _dataset(ports, dataset, spent, sums, agreements)
        for dataset, spent, sums, agreements in seen
        if dataset.cap is not None
    ]


def _dataset(
    ports: Ports,
    dataset: Dataset,
    seen: Spending,
    sums: tuple[float, float],
    agreements: list[Agreement],
) -> DatasetBudget:
    cap_epsilon, cap_delta = (dataset.cap.epsilon, dataset.cap.delta) if dataset.cap else (0.0, 0.0)
    spent, reserved = _figures(ports, seen.reservations, cap_delta)
    return DatasetBudget(
        dataset_id=dataset.id,
        title=dataset.title,
        cap_epsilon=cap_epsilon,
        cap_delta=cap_delta,
        promised_epsilon=sums[0],
        promised_delta=sums[1],
        spent=spent,
        reserved=reserved,
        left=max(cap_epsilon - reserved, 0.0),
        agreements=tuple(
            _agreement(ports, agreement, seen.of_agreement(agreement.id))
            for agreement in agreements
            if agreement.role is Role.PROVIDER
        ),
    )


def _agreement(
    ports: Ports, agreement: Agreement, reservations: tuple[Reservation, ...]
) -> AgreementBudget:
    epsilon, delta = privacy_limits(agreement)
    spent, reserved = _figures(ports, reservations, delta)
    return AgreementBudget(
        agreement_id=agreement.id,
        peer=agreement.consumer,
        epsilon=epsilon,
        delta=delta,
        spent=spent,
        reserved=reserved,
        left=max(epsilon - reserved, 0.0),
        jobs=tuple(_job(item) for item in reservations),
    )


def _job(item: Reservation) -> JobBudget:
    return JobBudget(
        job_id=item.job_id,
        open=item.state is ReservationState.OPEN,
        epsilon=item.epsilon,
        committed_rounds=item.committed_rounds,
        rounds=item.steps // item.steps_per_round,
    )


def _figures(
    ports: Ports, reservations: tuple[Reservation, ...], delta: float
) -> tuple[float, float]:
    """Return ε committed, and ε committed or set aside."""
    spent = spent_epsilon(ports.accountant, reservations, delta, committed=True)
    return spent, spent_epsilon(ports.accountant, reservations, delta)
