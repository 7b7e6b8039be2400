"""What a job would cost at each site, of what is left there, as far as its lead can know.

Rules: the arithmetic is the sites' own (`services/privacy/budget.py`), on the jobs that this node
led under the same contract: a contract binds one lead, so that no other job is charged to it. The
register's cap, which other contracts share, is the site's own affair.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from connector.domain.contract.negotiation import Agreement
from connector.domain.privacy.budget import Reservation, ReservationState
from connector.domain.privacy.register import Register
from connector.ports import Ports, Transaction
from connector.services.federation.lead import book
from connector.services.privacy import budget
from federated.job import JobManifest, is_final, parse
from federated.privacy import ledger
from federated.privacy.question import Epsilon

_OUT: Final = (book.REFUSED, book.LEFT)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a job costs under one contract.

    Attributes:
        site: DID.
        agreement: IRI of the contract.
        limit: ε that the contract allows.
        rule: by which its jobs add up.
        epsilon: ε of the job alone at its δ, by the accountant.
        left: ε that is left before it, by the contract's rule.
        after: ε that would be left; 0 where it does not fit.
        refusal: why the contract does not admit it; empty: it does.
        code: of that refusal.
    """

    site: str
    agreement: str
    limit: float
    rule: str
    epsilon: float
    left: float
    after: float
    refusal: str = ""
    code: str = ""


def costs(ports: Ports, manifest: JobManifest, agreements: Sequence[Agreement]) -> tuple[Cost, ...]:
    """Return what a job costs under each of its contracts.

    Raises:
        WorkerFailed: the accountant did not answer.
        PolicyInvalid: a contract's figures are no budget.
    """
    with ports.store.read() as tx:
        before = [tuple(_charged(tx, agreement)) for agreement in agreements]
    return tuple(
        _cost(ports, manifest, agreement, _priced(ports, charged))
        for agreement, charged in zip(agreements, before, strict=True)
    )


def _cost(
    ports: Ports, manifest: JobManifest, agreement: Agreement, before: tuple[Reservation, ...]
) -> Cost:
    new = _reservation(manifest, agreement.id, manifest.job)
    register = Register("", None, budget.budget_of(agreement).accounting, 0, new.created_at)
    seen = budget.Spending(register, before)
    figures = budget.account(ports.accountant, seen, agreement, new)
    (level,) = figures.levels
    held = level.budget
    refusal = budget.check_job(figures)
    after = 0.0 if refusal else ledger.left_epsilon(held, [level.before, level.job])
    return Cost(
        site=agreement.provider,
        agreement=agreement.id,
        limit=held.epsilon,
        rule=held.accounting.rule.value,
        epsilon=figures.epsilon,
        left=ledger.left_epsilon(held, [level.before]),
        after=after,
        refusal="; ".join(refusal.reasons) if refusal else "",
        code=refusal.code if refusal else "",
    )


def left(ports: Ports, agreement: Agreement) -> float:
    """Return the ε that is left of a contract for jobs of this node.

    Raises:
        WorkerFailed: the accountant did not answer.
        PolicyInvalid: the contract's figures are no budget.
    """
    held = budget.budget_of(agreement)
    with ports.store.read() as tx:
        charged = tuple(_charged(tx, agreement))
    before = _priced(ports, charged)
    questions = budget.asked(held, before)
    answers = iter(ports.accountant.costs(questions) if questions else [])
    return ledger.left_epsilon(held, [budget.amount(held, before, answers)])


def _charged(tx: Transaction, agreement: Agreement) -> Iterator[Reservation]:
    """Yield what jobs that this node led are charged to a contract: none that its site refused."""
    for site in tx.sites.find(agreement_id=agreement.id):
        job = tx.jobs.get(site.job_id)
        open_there = job is not None and not is_final(job.state) and site.decision not in _OUT
        if job is not None and (open_there or site.last_round):
            manifest = parse(job.manifest)
            yield replace(
                _reservation(manifest, agreement.id, job.id),
                committed_rounds=min(site.last_round, manifest.rounds),
                state=ReservationState.OPEN if open_there else ReservationState.CLOSED,
            )


def _reservation(manifest: JobManifest, agreement: str, job: str) -> Reservation:
    return Reservation(
        job_id=job,
        agreement_id=agreement,
        dataset_id="",
        register_id="",
        events=manifest.events,
        rounds=manifest.rounds,
        committed_rounds=0,
        epsilon=0.0,
        delta=manifest.privacy.delta,
        state=ReservationState.OPEN,
        created_at=manifest.deadline,
    )


def _priced(ports: Ports, jobs: Sequence[Reservation]) -> tuple[Reservation, ...]:
    """Return jobs with the ε that each costs alone, as their site reserved it."""
    questions = [Epsilon(job.released(job.rounds), job.delta) for job in jobs]
    found = ports.accountant.costs(questions) if questions else []
    return tuple(replace(job, epsilon=epsilon) for job, epsilon in zip(jobs, found, strict=True))
