"""What is promised, spent and left, for people: per register, per contract, per job.

Rules: `spent` counts jobs with a committed round, `reserved` open jobs as well, each by the rule of
its contract or register; beside what is left stands what either rule would leave; nothing is left
of what counts in full since a recovery. No figure here decides anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import accumulate

from connector.domain.catalog.dataset import Dataset
from connector.domain.contract.negotiation import Agreement, Role
from connector.domain.page import PAGE, Page
from connector.domain.privacy.budget import Reservation, ReservationState
from connector.domain.privacy.register import Register
from connector.ports import Accountant, Ports, Store, Transaction
from connector.services.lookup import require
from connector.services.privacy.budget import amount, asked, budget_of, promised, spending
from connector.services.privacy.budget import register_budget as _cap
from connector.services.readable import Readable
from federated.privacy import ledger
from federated.privacy.ledger import Budget
from federated.privacy.question import Question
from federated.privacy.rule import Accounting, Rule, fixed


@dataclass(frozen=True, slots=True)
class Standing:
    """A budget and what became of it.

    Attributes:
        budget: what is allowed, and by which rule.
        spent: ε of jobs with a committed round.
        reserved: ε of those and of open jobs.
        left: ε that further jobs may still reserve.
        would_leave: ε that would be left, by rule; Rényi at the stated order, or at the one that
            follows from the budget.
        beyond: whether more is counted than allowed, so that no job runs.
    """

    budget: Budget
    spent: float
    reserved: float
    left: float
    would_leave: Mapping[Rule, float]
    beyond: bool


@dataclass(frozen=True, slots=True)
class AgreementBudget:
    """The budget of one contract.

    Attributes:
        agreement_id: the contract.
        register_id: register of the persons whom it concerns.
        peer: DID of the consumer.
        standing: its figures.
        jobs: reservations of its jobs, oldest first.
        together: for each of them, ε of the jobs up to it, as the rule counts them now.
        fault: why its own figures cannot be read; then those on record stand there, under sums,
            and nothing is left. Empty when they can.
    """

    agreement_id: str
    register_id: str
    peer: str
    standing: Standing
    jobs: tuple[Reservation, ...]
    together: tuple[float, ...]
    fault: str = ""


@dataclass(frozen=True, slots=True)
class RegisterBudget:
    """The budget of one register over all its contracts.

    Attributes:
        register_id: the register.
        datasets: ids of its datasets.
        promised_epsilon: sum of ε over contracts that count.
        promised_delta: sum of δ.
        unpromised: ε that a further contract may still promise.
        standing: its figures.
        fault: why what counts against it cannot be read; then nothing is left. Empty when it can.
    """

    register_id: str
    datasets: tuple[str, ...]
    promised_epsilon: float
    promised_delta: float
    unpromised: float
    standing: Standing
    fault: str = ""


def registers(
    ports: Ports, dataset_id: str = "", *, after: str = "", limit: int = PAGE
) -> Page[RegisterBudget]:
    """Return a page of the budgets of all registers with a cap, oldest first, or of a dataset's.

    Raises:
        NotFound: no such dataset.
        Malformed: `after` is not a `Page.next`.
        WorkerFailed: the accountant did not answer.
    """
    now = ports.clock.now()
    with ports.store.read() as tx:
        only = {"id": _dataset(tx, dataset_id).register_id} if dataset_id else {}
        page = tx.registers.page(after=after, limit=limit, **only)
        held = [(each, _cap(each)) for each in page.values if not each.merged_into]
        seen = [_seen(tx, each, budget, now) for each, budget in held if budget]
    standings = _standings(ports.accountant, [each.whole for each in seen])
    found = zip(seen, standings, strict=True)
    shown = tuple(_register(each, standing) for each, standing in found)
    return Page(shown, page.next, page.damaged)


def contracts(
    ports: Ports, dataset_id: str = "", *, after: str = "", limit: int = PAGE
) -> Page[AgreementBudget]:
    """Return a page of the budgets of the contracts that this node provides, oldest first.

    A contract that states no ε has none: it is not in the page.

    Args:
        ports: of this node.
        dataset_id: of whose contracts; empty: of all.
        after: `next` of the page before.
        limit: most contracts.

    Raises:
        NotFound: no such dataset.
        Malformed: `after` is not a `Page.next`.
        WorkerFailed: the accountant did not answer.
    """
    with ports.store.read() as tx:
        only = {"dataset_id": _dataset(tx, dataset_id).id} if dataset_id else {}
        page = tx.agreements.page(after=after, limit=limit, role=Role.PROVIDER, **only)
        held = [each for each in page.values if each.epsilon > 0]
        names = {each.dataset_id for each in held}
        places = {name: Readable().part(partial(tx.datasets.get, name), None) for name in names}
        lines = [_contract(tx, each) for each in held]
    standings = _standings(ports.accountant, lines)
    histories = _histories(ports.accountant, lines)
    found = tuple(
        AgreementBudget(
            agreement.id,
            place.register_id if (place := places[agreement.dataset_id]) else "",
            agreement.consumer,
            standing,
            line.reservations,
            history,
            line.fault,
        )
        for agreement, line, standing, history in zip(
            held, lines, standings, histories, strict=True
        )
    )
    return Page(found, page.next, page.damaged)


def beyond(store: Store, accountant: Accountant) -> dict[str, str]:
    """Return the registers and contracts that count more than allowed: what it is -> its rule.

    Only those that jobs were charged to can.

    Raises:
        WorkerFailed: the accountant did not answer.
    """
    lines: dict[str, _Line] = {}
    with store.read() as tx:
        jobs = tx.reservations.find()
        for name in dict.fromkeys(job.register_id for job in jobs):
            register = tx.registers.get(name)
            budget = _cap(register) if register else None
            if register and budget:
                lines[f"register `{name}`"] = _whole(tx, register, budget, Readable())
        for name in dict.fromkeys(job.agreement_id for job in jobs):
            agreement = tx.agreements.get(name)
            if agreement is not None:
                lines[f"contract `{name}`"] = _contract(tx, agreement)
    standings = zip(lines, _standings(accountant, list(lines.values())), strict=True)
    return {what: str(it.budget.accounting) for what, it in standings if it.beyond}


@dataclass(frozen=True, slots=True)
class _Line:
    """What one row of a report adds up."""

    budget: Budget
    reservations: tuple[Reservation, ...]
    forfeited: bool
    fault: str = ""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A register's budget as one transaction saw it, not computed yet."""

    register: Register
    datasets: tuple[str, ...]
    promised: tuple[float, float]
    whole: _Line


def _dataset(tx: Transaction, dataset_id: str) -> Dataset:
    return require(tx.datasets.get(dataset_id), "dataset", dataset_id)


def _seen(tx: Transaction, register: Register, budget: Budget, now: datetime) -> _Seen:
    shown = Readable()
    datasets = tx.datasets.page(limit=0, register_id=register.id).values
    sums = shown.part(partial(promised, tx, register, now), (0.0, 0.0))
    names, whole = tuple(each.id for each in datasets), _whole(tx, register, budget, shown)
    return _Seen(register, names, sums, whole)


def _whole(tx: Transaction, register: Register, budget: Budget, shown: Readable) -> _Line:
    jobs = shown.parts(lambda: spending(tx, register).reservations)
    forfeited = shown.part(partial(tx.forfeits.get, register.id), None) is not None
    return _Line(budget, jobs, forfeited or bool(shown.fault), shown.fault)


def _contract(tx: Transaction, agreement: Agreement) -> _Line:
    shown = Readable()
    jobs = shown.parts(partial(tx.reservations.find, agreement_id=agreement.id))
    forfeited = shown.part(partial(tx.forfeits.get, agreement.id), None) is not None
    nothing = Budget(agreement.epsilon, agreement.delta, Accounting(Rule.SUMS))
    budget = shown.part(lambda: budget_of(agreement), nothing)
    return _Line(budget, jobs, forfeited or bool(shown.fault), shown.fault)


def _ways(line: _Line) -> list[tuple[Budget, Sequence[Reservation]]]:
    """Return what is added up for a line, and by which rule: spent, reserved, by the other rule."""
    budget = line.budget
    other = Rule.SUMS if budget.accounting.rule is Rule.RENYI else Rule.RENYI
    under_other = replace(budget, accounting=fixed(other, budget.epsilon, budget.delta))
    ended = [replace(item, state=ReservationState.CLOSED) for item in line.reservations]
    return [(budget, ended), (budget, line.reservations), (under_other, line.reservations)]


def _asked(line: _Line) -> list[Question]:
    return [question for way in _ways(line) for question in asked(*way)]


def _standings(accountant: Accountant, lines: Sequence[_Line]) -> list[Standing]:
    questions = [question for line in lines for question in _asked(line)]
    answers = iter(accountant.costs(questions) if questions else [])
    return [_standing(line, answers) for line in lines]


def _histories(accountant: Accountant, lines: Sequence[_Line]) -> list[tuple[float, ...]]:
    """Return ε after each job: by either rule, amounts of jobs add up (`federated/privacy`)."""
    jobs = [(line.budget, [each]) for line in lines for each in line.reservations]
    questions = [question for way in jobs for question in asked(*way)]
    answers = iter(accountant.costs(questions) if questions else [])
    return [_history(line, answers) for line in lines]


def _history(line: _Line, answers: Iterator[float]) -> tuple[float, ...]:
    counted = [amount(line.budget, [each], answers) for each in line.reservations]
    sums = accumulate(counted, lambda one, other: ledger.total(line.budget, [one, other]))
    return tuple(ledger.epsilon_of(line.budget, [each]) for each in sums)


def _standing(line: _Line, answers: Iterator[float]) -> Standing:
    spent, reserved, other = ((way[0], [amount(*way, answers)]) for way in _ways(line))
    return Standing(
        budget=line.budget,
        spent=ledger.epsilon_of(*spent),
        reserved=ledger.epsilon_of(*reserved),
        left=0.0 if line.forfeited else ledger.left_epsilon(*reserved),
        would_leave={
            budget.accounting.rule: 0.0 if line.forfeited else ledger.left_epsilon(budget, amounts)
            for budget, amounts in (reserved, other)
        },
        beyond=not ledger.admits(*reserved),
    )


def _register(seen: _Seen, standing: Standing) -> RegisterBudget:
    epsilon, delta = seen.promised
    left = 0.0 if seen.whole.forfeited else max(seen.whole.budget.epsilon - epsilon, 0.0)
    fault = seen.whole.fault
    return RegisterBudget(seen.register.id, seen.datasets, epsilon, delta, left, standing, fault)
