"""What a job would cost the persons of this site, and what would be left of their budgets.

Rule: the figures are those that its acceptance rests on (`services/privacy/budget.py`), worked out
now; nothing is set aside by looking.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from connector.domain.catalog.dataset import Dataset
from connector.domain.contract.negotiation import Agreement
from connector.domain.privacy.budget import Reservation, ReservationState
from connector.errors import CapExceeded
from connector.ports import Ports
from connector.services.continuity.counting import forfeited
from connector.services.federation.fitting import check_cost
from connector.services.federation.site.names import kept_as
from connector.services.lookup import require
from connector.services.privacy import budget
from connector.services.privacy.registers import register_of
from federated.job import JobManifest
from federated.privacy import ledger


@dataclass(frozen=True, slots=True)
class Place:
    """A budget that the job must fit.

    Attributes:
        register: id of the register whose it is; empty: it is the contract's.
        limit: ε that it allows at its δ.
        rule: by which its jobs add up.
        left: ε that is left before the job.
        after: ε that would be left; 0 where the job does not fit.
    """

    register: str
    limit: float
    rule: str
    left: float
    after: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What a job would cost each person here.

    Attributes:
        epsilon: ε of the whole job alone at its δ, by the accountant.
        places: the contract's budget, then the register's where it has a cap.
        refusal: why it would not be charged; empty: it would.
    """

    epsilon: float
    places: tuple[Place, ...]
    refusal: str = ""


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
    names = {CapExceeded.code: seen.register.id}
    places = tuple(
        _place(level, names.get(level.code, ""), fits=refusal is None, closed=nothing is not None)
        for level in figures.levels
    )
    return Cost(figures.epsilon, places, "; ".join(refusal.reasons) if refusal else "")


def _place(level: budget.Level, register: str, *, fits: bool, closed: bool) -> Place:
    held = level.budget
    return Place(
        register=register,
        limit=held.epsilon,
        rule=held.accounting.rule.value,
        left=0.0 if closed else ledger.left_epsilon(held, [level.before]),
        after=ledger.left_epsilon(held, [level.before, level.job]) if fits else 0.0,
    )
