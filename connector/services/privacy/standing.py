"""What is promised, spent and left, for people: per register, per contract, per job.

Rules: `spent` counts jobs with a committed round, `reserved` open jobs as well, each by the rule of
its contract or register; beside what is left stands what either rule would leave; nothing is left
of what counts in full since a recovery. No figure here decides anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from connector.domain.budget import Reservation, ReservationState
from connector.domain.negotiation import Agreement, Role
from connector.domain.register import Register
from connector.errors import NotFound
from connector.ports import Accountant, Ports, Store, Transaction
from connector.services.federation.allowance import budget_of
from connector.services.privacy import registers
from connector.services.privacy.budget import (
    Spending,
    amount,
    asked,
    promised,
    register_budget,
    spending,
)
from connector.services.readable import Readable
from federated.privacy import ledger
from federated.privacy.ledger import Budget
from federated.privacy.question import Question
from federated.privacy.rule import Rule, fixed


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
        peer: DID of the consumer.
        standing: its figures.
        jobs: reservations of its jobs, oldest first.
        fault: why its own figures cannot be read; then those of the register stand there, and
            nothing is left. Empty when they can.
    """

    agreement_id: str
    peer: str
    standing: Standing
    jobs: tuple[Reservation, ...]
    fault: str = ""


@dataclass(frozen=True, slots=True)
class RegisterBudget:
    """The budget of one register over all its contracts.

    Attributes:
        register_id: the register.
        datasets: ids of its datasets.
        promised_epsilon: sum of ε over contracts that count; all of it where one cannot be read.
        promised_delta: sum of δ; likewise.
        unpromised: ε that a further contract may still promise.
        standing: its figures.
        agreements: contracts on its datasets, oldest first.
    """

    register_id: str
    datasets: tuple[str, ...]
    promised_epsilon: float
    promised_delta: float
    unpromised: float
    standing: Standing
    agreements: tuple[AgreementBudget, ...]


def report(ports: Ports, dataset_id: str = "") -> list[RegisterBudget]:
    """Return the budgets of all registers with a cap, or of a dataset's.

    Raises:
        NotFound: no such dataset.
        WorkerFailed: the accountant did not answer.
    """
    return budgets(ports.store, ports.accountant, ports.clock.now(), dataset_id)


def beyond(found: Sequence[RegisterBudget]) -> dict[str, str]:
    """Return the registers and contracts that count more than allowed: what it is -> its rule."""
    places = [(f"register `{each.register_id}`", each.standing) for each in found]
    for each in found:
        places += [(f"contract `{one.agreement_id}`", one.standing) for one in each.agreements]
    return {what: str(it.budget.accounting) for what, it in places if it.beyond}


def budgets(
    store: Store, accountant: Accountant, now: datetime, dataset_id: str = ""
) -> list[RegisterBudget]:
    """Return the budgets as `report` does, of a database.

    Raises:
        NotFound: no such dataset.
        WorkerFailed: the accountant did not answer.
    """
    with store.read() as tx:
        wanted = {each.register_id for each in tx.datasets.find(id=dataset_id)}
        if dataset_id and not wanted:
            raise NotFound(f"no dataset `{dataset_id}`")
        gone = registers.merged(tx)
        held = [each for each in tx.registers.find() if each.id not in gone]
        if dataset_id:
            held = [each for each in held if each.id in wanted]
        seen = [found for each in held if (found := _seen(tx, each, now)) is not None]
    questions = [question for each in seen for line in each.lines() for question in _asked(line)]
    answers = iter(accountant.costs(questions) if questions else [])
    return [_register(each, answers) for each in seen]


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
    agreements: tuple[tuple[Agreement, _Line], ...]

    def lines(self) -> list[_Line]:
        return [self.whole, *(line for _, line in self.agreements)]


def _seen(tx: Transaction, register: Register, now: datetime) -> _Seen | None:
    budget = register_budget(register)
    if budget is None:
        return None
    spent = spending(tx, register)
    datasets = tuple(each.id for each in tx.datasets.find(register_id=register.id))
    agreements = tuple(
        (agreement, _contract(tx, agreement, budget, spent))
        for dataset in datasets
        for agreement in tx.agreements.find(dataset_id=dataset, role=Role.PROVIDER)
    )
    whole = _line(tx, register.id, budget, spent.reservations)
    everything = (budget.epsilon, budget.delta)
    sums = Readable().part(lambda: promised(tx, register, now), everything)
    return _Seen(register, datasets, sums, whole, agreements)


def _contract(tx: Transaction, agreement: Agreement, whole: Budget, spent: Spending) -> _Line:
    shown = Readable()
    budget = shown.part(lambda: budget_of(agreement), whole)
    line = _line(tx, agreement.id, budget, spent.of_agreement(agreement.id))
    return replace(line, forfeited=line.forfeited or bool(shown.fault), fault=shown.fault)


def _line(tx: Transaction, name: str, budget: Budget, spent: tuple[Reservation, ...]) -> _Line:
    return _Line(budget, spent, forfeited=tx.forfeits.get(name) is not None)


def _ways(line: _Line) -> list[tuple[Budget, Sequence[Reservation]]]:
    """Return what is added up for a line, and by which rule: spent, reserved, by the other rule."""
    budget = line.budget
    other = Rule.SUMS if budget.accounting.rule is Rule.RENYI else Rule.RENYI
    under_other = replace(budget, accounting=fixed(other, budget.epsilon, budget.delta))
    ended = [replace(item, state=ReservationState.CLOSED) for item in line.reservations]
    return [(budget, ended), (budget, line.reservations), (under_other, line.reservations)]


def _asked(line: _Line) -> list[Question]:
    return [question for way in _ways(line) for question in asked(*way)]


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


def _register(seen: _Seen, answers: Iterator[float]) -> RegisterBudget:
    return RegisterBudget(
        register_id=seen.register.id,
        datasets=seen.datasets,
        promised_epsilon=seen.promised[0],
        promised_delta=seen.promised[1],
        unpromised=_unpromised(seen),
        standing=_standing(seen.whole, answers),
        agreements=tuple(
            AgreementBudget(
                agreement.id,
                agreement.consumer,
                _standing(line, answers),
                line.reservations,
                line.fault,
            )
            for agreement, line in seen.agreements
        ),
    )


def _unpromised(seen: _Seen) -> float:
    return 0.0 if seen.whole.forfeited else max(seen.whole.budget.epsilon - seen.promised[0], 0.0)
