"""What each rule would make of jobs, so that a rule is chosen before anything is signed.

Rules: nothing is stored and nothing of a node's own budgets is read; jobs are taken in their order,
one that does not fit is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from connector.errors import JobRefused, Malformed
from connector.ports import Ports
from connector.services.federation.lead.request import refusal, with_noise
from federated.errors import EventUnknown, PrivacyFault
from federated.privacy import ledger
from federated.privacy.event import sampled_gaussian
from federated.privacy.ledger import Amount, Budget
from federated.privacy.question import Divergence, Epsilon, Question
from federated.privacy.rule import Rule, fixed
from federated.reading import Member

MOST_JOBS: Final = 256


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one rule would make of the jobs.

    Attributes:
        budget: with the rule.
        admitted: places of the jobs that fit, from 1.
        spent: ε of those.
        left: ε that is left after them.
    """

    budget: Budget
    admitted: tuple[int, ...]
    spent: float
    left: float


def plan(
    ports: Ports, epsilon: float, delta: float, jobs: Sequence[Mapping[str, Any]]
) -> list[Outcome]:
    """Return what each rule would make of jobs.

    Args:
        ports: of this node.
        epsilon: ε of the contract.
        delta: its δ.
        jobs: each the `privacy` of a job request; its noise is calibrated where it is left out.

    Raises:
        Malformed: a job is none, or the numbers are no budget.
        JobRefused: no noise keeps the ε that a job asks.
        WorkerFailed: the accountant did not answer.
    """
    if len(jobs) > MOST_JOBS:
        raise Malformed(f"at most {MOST_JOBS} jobs are planned at once")
    try:
        budgets = [Budget(epsilon, delta, fixed(rule, epsilon, delta)) for rule in Rule]
        asked = [_job(ports, place, job) for place, job in enumerate(jobs, start=1)]
    except (PrivacyFault, EventUnknown) as exc:
        raise Malformed(exc.reason) from exc
    questions = [each for budget in budgets for one in asked for each in _questions(budget, one)]
    answers = iter(ports.accountant.costs(questions) if questions else [])
    return [
        _outcome(budget, [_amount(budget, one, answers) for one in asked]) for budget in budgets
    ]


def _job(ports: Ports, place: int, job: Mapping[str, Any]) -> Epsilon:
    """Return the question about one job; a refusal says which one."""
    try:
        return _asked(with_noise(ports.accountant, job))
    except (PrivacyFault, EventUnknown) as exc:
        raise Malformed(f"job {place}: {exc.reason}") from exc
    except (Malformed, JobRefused) as exc:
        raise type(exc)(f"job {place}: {exc.reason}") from exc


def _asked(privacy: Mapping[str, Any]) -> Epsilon:
    part = Member(privacy, refusal, (None, "privacy")).child
    mechanism = sampled_gaussian(
        part("noiseMultiplier").number(),
        part("samplingRate").number(),
        part("steps").integer(),
    )
    return Epsilon((mechanism,), part("delta").number(above=0))


def _questions(budget: Budget, job: Epsilon) -> list[Question]:
    if budget.accounting.rule is Rule.SUMS:
        return [job]
    return [Divergence(job.events, budget.accounting.order)]


def _amount(budget: Budget, job: Epsilon, answers: Iterator[float]) -> Amount:
    cost = next(answers)
    return (cost, job.delta) if budget.accounting.rule is Rule.SUMS else (cost,)


def _outcome(budget: Budget, amounts: Sequence[Amount]) -> Outcome:
    admitted: list[int] = []
    taken: list[Amount] = []
    for place, amount in enumerate(amounts, start=1):
        if ledger.admits(budget, [*taken, amount]):
            admitted.append(place)
            taken.append(amount)
    spent, left = ledger.epsilon_of(budget, taken), ledger.left_epsilon(budget, taken)
    return Outcome(budget, tuple(admitted), spent, left)
