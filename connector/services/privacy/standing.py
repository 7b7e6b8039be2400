"""What is promised, spent and left, for people: per register, per contract, per job.

Rules: `spent` counts jobs with a committed round, `reserved` open jobs as well, each by the rule of
its contract or register; beside what is left stands what either rule would leave; nothing is left
of what counts in full since a recovery. No figure here decides anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache, partial
from itertools import chain, islice
from types import MappingProxyType
from typing import Any, Final

from connector.domain.catalog.dataset import Dataset
from connector.domain.contract.negotiation import Agreement, Role
from connector.domain.page import PAGE, Page
from connector.domain.privacy.budget import Reservation, ReservationState
from connector.domain.privacy.register import Register
from connector.ports import Accountant, Ports, Store, Transaction
from connector.services.lookup import require
from connector.services.privacy.budget import amounts, asked, budget_of, promised, spending
from connector.services.privacy.budget import register_budget as _cap
from connector.services.readable import Readable
from federated.privacy import ledger
from federated.privacy.ledger import Budget
from federated.privacy.question import Question
from federated.privacy.rule import Accounting, Rule, fixed

_KEPT: Final = 16  # lines; each holds all its jobs


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
        datasets: ids of its datasets; none where nobody asked for them.
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
    ports: Ports, dataset_id: str = "", *, after: str = "", limit: int = PAGE, named: bool = True
) -> Page[RegisterBudget]:
    """Return a page of the budgets of all registers with a cap, oldest first, or of a dataset's.

    Args:
        ports: of this node.
        dataset_id: of whose register; empty: of all.
        after: `next` of the page before.
        limit: most registers.
        named: whether the datasets of each are wanted, which may be many.

    Raises:
        NotFound: no such dataset.
        Malformed: `after` is not a `Page.next`.
        WorkerFailed: the accountant did not answer.
    """
    now = ports.clock.now()
    with ports.store.read() as tx:
        only: dict[str, Any] = {"id": _dataset(tx, dataset_id).register_id} if dataset_id else {}
        page = tx.registers.page(after=after, limit=limit, **only)
        held = [(each, _cap(each)) for each in page.values if not each.merged_into]
        seen = [_seen(tx, each, budget, now, named=named) for each, budget in held if budget]
    found = _found(ports.accountant, [each.whole for each in seen])
    shown = tuple(_register(each, of.standing) for each, of in zip(seen, found, strict=True))
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
        only: dict[str, Any] = {"dataset_id": _dataset(tx, dataset_id).id} if dataset_id else {}
        page = tx.agreements.page(after=after, limit=limit, role=Role.PROVIDER, **only)
        held = [each for each in page.values if each.epsilon > 0]
        names = {each.dataset_id for each in held}
        places = {name: Readable().part(partial(tx.datasets.get, name), None) for name in names}
        lines = [_contract(tx, each) for each in held]
    found = _found(ports.accountant, lines)
    shown = tuple(
        AgreementBudget(
            agreement.id,
            place.register_id if (place := places[agreement.dataset_id]) else "",
            agreement.consumer,
            of.standing,
            line.reservations,
            of.together,
            line.fault,
        )
        for agreement, line, of in zip(held, lines, found, strict=True)
    )
    return Page(shown, page.next, page.damaged)


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
    found = zip(lines, _found(accountant, list(lines.values())), strict=True)
    return {what: str(of.standing.budget.accounting) for what, of in found if of.standing.beyond}


@dataclass(frozen=True, slots=True)
class _Line:
    """What one row of a report adds up."""

    budget: Budget
    reservations: tuple[Reservation, ...]
    forfeited: bool
    fault: str = ""

    @property
    def open(self) -> list[Reservation]:
        return [each for each in self.reservations if each.state is ReservationState.OPEN]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A register's budget as one transaction saw it, not computed yet."""

    register: Register
    datasets: tuple[str, ...]
    promised: tuple[float, float]
    whole: _Line


def _dataset(tx: Transaction, dataset_id: str) -> Dataset:
    return require(tx.datasets.get(dataset_id), "dataset", dataset_id)


def _seen(
    tx: Transaction, register: Register, budget: Budget, now: datetime, *, named: bool
) -> _Seen:
    shown = Readable()
    datasets = tx.datasets.keys(register_id=register.id) if named else []
    sums = shown.part(partial(promised, tx, register, now), (0.0, 0.0))
    names, whole = tuple(str(each) for (each,) in datasets), _whole(tx, register, budget, shown)
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


@dataclass(frozen=True, slots=True)
class _Found:
    """What a line adds up to.

    Attributes:
        standing: its figures.
        together: for each of its jobs, ε of the jobs up to it, as the rule counts them now.
    """

    standing: Standing
    together: tuple[float, ...]


def _ways(line: _Line) -> list[tuple[Budget, Sequence[Reservation]]]:
    """Return what is counted for a line, and by which rule.

    These are its jobs as they count now, those that are open as they count once they end, and all
    by the other rule.
    """
    ended = [replace(each, state=ReservationState.CLOSED) for each in line.open]
    other = _under_other(line.budget)
    return [(line.budget, line.reservations), (line.budget, ended), (other, line.reservations)]


def _under_other(budget: Budget) -> Budget:
    other = Rule.SUMS if budget.accounting.rule is Rule.RENYI else Rule.RENYI
    return replace(budget, accounting=fixed(other, budget.epsilon, budget.delta))


def _found(accountant: Accountant, lines: Sequence[_Line]) -> list[_Found]:
    """Return what lines add up to, by one question to the accountant."""
    asked_of = [_questions(line) for line in lines]
    questions = [*chain.from_iterable(asked_of)]
    answers = iter(accountant.costs(questions) if questions else [])
    own = [tuple(islice(answers, len(each))) for each in asked_of]
    return [_added(*each) for each in zip(lines, own, strict=True)]


# Both follow from what a transaction saw and from nothing else, so that no kept one is out of date.
@lru_cache(maxsize=_KEPT)
def _questions(line: _Line) -> tuple[Question, ...]:
    return tuple(each for way in _ways(line) for each in asked(*way))


@lru_cache(maxsize=_KEPT)
def _added(line: _Line, answers: tuple[float, ...]) -> _Found:
    budget, other, due = line.budget, _under_other(line.budget), iter(answers)
    now, ended, under_other = (amounts(*way, due) for way in _ways(line))
    pairs = zip(line.reservations, now, strict=True)
    closed = [each for job, each in pairs if job.state is not ReservationState.OPEN]
    reserved = [ledger.total(budget, now)]
    left = {
        budget.accounting.rule: ledger.left_epsilon(budget, reserved),
        other.accounting.rule: ledger.left_epsilon(other, under_other),
    }
    if line.forfeited:
        left = dict.fromkeys(left, 0.0)
    standing = Standing(
        budget=budget,
        spent=ledger.epsilon_of(budget, [*closed, *ended]),
        reserved=ledger.epsilon_of(budget, reserved),
        left=left[budget.accounting.rule],
        would_leave=MappingProxyType(left),
        beyond=not ledger.admits(budget, now),
    )
    return _Found(standing, ledger.history(budget, now))


def _register(seen: _Seen, standing: Standing) -> RegisterBudget:
    epsilon, delta = seen.promised
    left = 0.0 if seen.whole.forfeited else max(seen.whole.budget.epsilon - epsilon, 0.0)
    fault = seen.whole.fault
    return RegisterBudget(seen.register.id, seen.datasets, epsilon, delta, left, standing, fault)
