"""What each rule would make of jobs, so that a rule is chosen before anything is signed.

Rules: nothing is stored and nothing of a node's own budgets is read; jobs are taken in their order,
one that does not fit is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from connector.errors import JobRefused, Malformed
from connector.ports import Accountant, Ports
from connector.services.federation.lead.request import refusal, with_noise
from connector.services.federation.request.members import REQUEST
from federated.errors import EventUnknown, PrivacyFault
from federated.job import MAX_ROUNDS
from federated.manifest import released
from federated.privacy import ledger
from federated.privacy.ledger import Amount, Budget
from federated.privacy.question import Divergence, Epsilon, Question
from federated.privacy.rule import Rule, fixed
from federated.reading import Member
from federated.task import evaluation
from federated.task.evaluation import Evaluation, completed

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
        jobs: each a job request, of which `privacy`, `rounds` and `evaluation` count, or its
            `privacy` alone; its noise is calibrated where it is left out.

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
        return _asked(ports.accountant, job if "privacy" in job else {"privacy": job})
    except (PrivacyFault, EventUnknown) as exc:
        raise Malformed(f"job {place}: {exc.reason}") from exc
    except (Malformed, JobRefused) as exc:
        raise type(exc)(f"job {place}: {exc.reason}") from exc


def _asked(accountant: Accountant, request: Mapping[str, Any]) -> Epsilon:
    """Return what the ledger of a site would be asked of the job: training and evaluations."""
    asked = Member(request, refusal)
    known = asked.fields("privacy", maybe=[row.name for row in REQUEST.rows])
    rounds = known["rounds"].integer(least=1, most=MAX_ROUNDS) if "rounds" in known else 1
    evaluated = _evaluation(asked, rounds) if "evaluation" in known else None
    beside = evaluated.released(evaluated.times(rounds)) if evaluated else ()
    part = Member(with_noise(accountant, request["privacy"], beside), refusal, (None, "privacy"))
    steps = part.child("steps").integer()
    if steps % rounds:
        part.child("steps").refuse("must be a multiple of `/rounds`")
    noise, rate = (part.child(name).number() for name in ("noiseMultiplier", "samplingRate"))
    events = released(noise, rate, steps // rounds, rounds, evaluated)
    return Epsilon(events.of(rounds), part.child("delta").number(above=0))


def _evaluation(asked: Member, rounds: int) -> Evaluation:
    """Return how the models of a job are evaluated; what is left out is as in its manifest."""
    member = asked.child("evaluation")
    stated = member.fields(maybe=("every", "bins", "noiseMultiplier"))
    if "every" in stated:
        stated["every"].integer(least=1)
    # Noise that is left out follows from ε.
    epsilon = 1.0
    if "noiseMultiplier" not in stated:
        epsilon = asked.child("privacy").child("epsilon").number(above=0)
    values = {name: each.value for name, each in stated.items()}
    return evaluation.stated(replace(member, value=completed(values, rounds, epsilon)))


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
