"""What a node lost, and what it charged for that, as views."""

from __future__ import annotations

from collections.abc import Iterable

from connector.domain.log.audit import Epoch
from connector.domain.privacy.budget import Reservation
from connector.domain.privacy.tally import Limit
from connector.management.views.recovery import (
    ConfirmedView,
    EpochView,
    MergeView,
    OwedContractView,
    OwedJobView,
    RecoveryView,
)
from connector.services.continuity.confirmation import Confirmed, Plan


def recovery(plan: Plan, epochs: Iterable[Epoch], fault: str) -> RecoveryView:
    """Return how the node stands, and what confirming would charge, or why that is not known."""
    debt = plan.debt
    return RecoveryView(
        fault=fault,
        faults=list(plan.faults),
        jobs=[_owed_job(each) for each in (debt.jobs if debt else ())],
        contracts=[_owed_contract(each) for each in (debt.contracts if debt else ())],
        uncounted=list(plan.uncounted),
        registers=list(debt.registers) if debt else [],
        merges=[MergeView(merged=gone, into=kept) for gone, kept in (debt.merges if debt else ())],
        silent=list(debt.silent) if debt else [],
        unasked=list(plan.unasked),
        gone=[_owed_contract(each) for each in plan.gone],
        taken_back=sorted(plan.taken_back),
        epochs=[_epoch(each) for each in epochs],
    )


def confirmed(value: Confirmed) -> ConfirmedView:
    """Return what a confirmation charged."""
    return ConfirmedView(
        jobs=[_owed_job(each) for each in value.debt.jobs],
        contracts=[_owed_contract(each) for each in value.debt.contracts],
        registers=list(value.debt.registers),
        merges=[MergeView(merged=gone, into=kept) for gone, kept in value.debt.merges],
        unasked=list(value.unasked),
        gone=[_owed_contract(each) for each in value.gone],
        taken_back=list(value.taken_back),
        epoch=_epoch(value.epoch),
    )


def _owed_job(value: Reservation) -> OwedJobView:
    return OwedJobView(job=value.job_id, agreement=value.agreement_id, epsilon=value.epsilon)


def _owed_contract(value: Limit) -> OwedContractView:
    return OwedContractView(agreement=value.id, consumer=value.consumer, epsilon=value.epsilon)


def _epoch(value: Epoch) -> EpochView:
    return EpochView(number=value.number, at=value.at, abandoned=value.abandoned_size)
