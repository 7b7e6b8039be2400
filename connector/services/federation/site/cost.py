"""What a job would cost the persons of this site, and what would be left of their budgets.

Rule: the figures are those that its acceptance rests on (`services/privacy/budget.py`), worked out
now; nothing is set aside by looking.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from connector.domain.catalog.dataset import Dataset
from connector.domain.contract.negotiation import Agreement
from connector.domain.privacy.budget import Reservation, ReservationState
from connector.ports import Ports
from connector.services.continuity.counting import forfeited
from connector.services.federation.fitting import check_cost
from connector.services.federation.site.names import kept_as
from connector.services.lookup import require
from connector.services.privacy import budget
from connector.services.privacy.cost import Cost, cost_of
from connector.services.privacy.registers import register_of
from federated.job import JobManifest


def reservation(
    manifest: JobManifest, agreement: Agreement, dataset: Dataset | None, now: datetime
) -> Reservation:
    """Return what a job would reserve; its ε is computed later, and its lead knows no dataset."""
    return Reservation(
        job_id=manifest.job,
        agreement_id=agreement.id,
        dataset_id=dataset.id if dataset else "",
        register_id=dataset.register_id if dataset else "",
        events=manifest.events,
        rounds=manifest.rounds,
        committed_rounds=0,
        epsilon=0.0,
        delta=manifest.privacy.delta,
        state=ReservationState.OPEN,
        created_at=now,
    )


def cost(ports: Ports, manifest: JobManifest, agreement_id: str) -> Cost:
    """Return what a job would cost under a contract of ours, beside all others that are charged.

    Raises:
        NotFound: the contract or its dataset is gone.
        WorkerFailed: the accountant did not answer.
        PolicyInvalid: the contract's figures are no budget.
    """
    with ports.store.read() as tx:
        agreement = require(tx.agreements.get(agreement_id), "agreement", agreement_id)
        dataset = require(tx.datasets.get(agreement.dataset_id), "dataset", agreement.dataset_id)
        seen = budget.spending(tx, register_of(tx, dataset))
        own = kept_as(tx, manifest.lead, manifest.job)
        nothing = forfeited(tx, agreement.id, dataset.register_id)
    others = tuple(each for each in seen.reservations if each.job_id != own)
    new = reservation(manifest, agreement, dataset, ports.clock.now())
    figures = budget.account(ports.accountant, replace(seen, reservations=others), agreement, new)
    refusal = nothing or check_cost(manifest, figures.epsilon) or budget.check_job(figures)
    return cost_of(figures, seen.register.id, refusal, closed=nothing is not None)
