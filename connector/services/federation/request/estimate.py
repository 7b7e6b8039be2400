"""What a job would cost at each site, of what is left there, as far as its lead can know.

Rules: the arithmetic is the sites' own (`services/privacy/budget.py`), on the jobs that this node
led under the same contract: a contract binds one lead, so that no other job is charged to it. The
register's cap, which other contracts share, is the site's own affair.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from connector.domain.contract.negotiation import Agreement
from connector.domain.privacy.budget import Reservation, ReservationState
from connector.domain.privacy.register import Register
from connector.ports import Ports, Transaction
from connector.services.federation.lead import book
from connector.services.federation.site.cost import reservation
from connector.services.privacy import budget
from federated.job import JobManifest, is_final, parse
from federated.privacy import ledger
from federated.privacy.ledger import Budget
from federated.privacy.question import Epsilon
from federated.privacy.rule import Rule

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
        before = _charged(tx, agreements)
    pairs = zip(agreements, before, strict=True)
    return tuple(_cost(ports, manifest, agreement, charged) for agreement, charged in pairs)


def _cost(
    ports: Ports, manifest: JobManifest, agreement: Agreement, before: Sequence[Reservation]
) -> Cost:
    held = budget.budget_of(agreement)
    new = reservation(manifest, agreement, None, manifest.deadline)
    register = Register("", None, held.accounting, 0, new.created_at)
    seen = budget.Spending(register, _priced(ports, held, before))
    figures = budget.account(ports.accountant, seen, agreement, new)
    (level,) = figures.levels
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
        (charged,) = _charged(tx, [agreement])
    before = _priced(ports, held, charged)
    questions = budget.asked(held, before)
    answers = iter(ports.accountant.costs(questions) if questions else [])
    return ledger.left_epsilon(held, [budget.amount(held, before, answers)])


def _charged(tx: Transaction, agreements: Sequence[Agreement]) -> list[list[Reservation]]:
    """Return what jobs that this node led are charged to contracts, none that its site refused."""
    job_of, manifest_of = cache(tx.jobs.get), cache(parse)  # a job has a contract with each site

    def charged(agreement: Agreement) -> Iterator[Reservation]:
        for site in tx.sites.find(agreement_id=agreement.id):
            job = job_of(site.job_id)
            open_there = job is not None and not is_final(job.state) and site.decision not in _OUT
            if job is not None and (open_there or site.last_round):
                manifest = manifest_of(job.manifest)
                yield replace(
                    reservation(manifest, agreement, None, manifest.deadline),
                    committed_rounds=min(site.last_round, manifest.rounds),
                    state=ReservationState.OPEN if open_there else ReservationState.CLOSED,
                )

    return [list(charged(each)) for each in agreements]


def _priced(ports: Ports, held: Budget, jobs: Sequence[Reservation]) -> tuple[Reservation, ...]:
    """Return jobs with the ε that each costs alone, as their site reserved it.

    Under Rényi nobody asks for it; under sums the accountant composes each job once, and remembers.
    """
    if held.accounting.rule is Rule.RENYI or not jobs:
        return tuple(jobs)
    found = ports.accountant.costs([Epsilon(job.released(job.rounds), job.delta) for job in jobs])
    return tuple(replace(job, epsilon=epsilon) for job, epsilon in zip(jobs, found, strict=True))
