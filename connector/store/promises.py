"""What contracts promise, counted where it is written: the port `Promises`, and the contracts.

Rules: table `promise` counts the provider's contracts that stand, by dataset, end, ε and δ; a
contract is counted in the transaction that writes it. The sum over a register reads a row for each
different figure, not for each contract, and adds whole numbers of equal figures, so that it cannot
drift.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from math import inf
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
    update,
)

from connector.domain.contract.negotiation import Agreement, Role
from connector.domain.privacy.budget import ReservationState
from connector.domain.privacy.promise import Claim
from connector.store.repository import SqlRepository, one
from connector.store.scope import Scope
from connector.store.tables import AgreementRow, DatasetRow, PromiseRow, ReservationRow, table_of

# Of a contract that names no end; a column of a key is never empty.
ENDLESS: Final = datetime(9999, 12, 31, tzinfo=UTC)
MOST_ADDED: Final = 1e200  # of one contract or job; no cap is near it
_FIGURES: Final = ("role", "stands", "dataset_id", "valid_until", "epsilon", "delta")
_KEY: Final = ("dataset_id", "until", "epsilon", "delta")


class SqlPromises:
    """Sums over contracts and jobs of a register."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._promises = table_of(PromiseRow)

    def standing(self, register_id: str, now: datetime) -> tuple[float, float]:
        """Return (Σε, Σδ) of the contracts that count in full; see `ports.Promises`."""
        ((epsilon, delta),) = self._scope.ask(
            _STANDING, {"asked_id": register_id, "asked_now": now}
        )
        return float(epsilon or 0.0), float(delta or 0.0)

    def ended(self, register_id: str, now: datetime) -> list[Claim]:
        """Return what jobs count of contracts that do not; see `ports.Promises`."""
        rows = self._scope.ask(_ENDED, {"asked_id": register_id, "asked_now": now})
        return [Claim(*map(float, row)) for row in rows]

    def jobs(self, register_id: str) -> frozenset[str]:
        """Return the ids of the jobs of a register; see `ports.Promises`."""
        return frozenset(name for (name,) in self._scope.ask(_JOBS, {"asked_id": register_id}))

    def charged(self, register_id: str) -> tuple[float, float]:
        """Return what the jobs of a register spent and reserved; see `ports.Promises`."""
        ((spent, held),) = self._scope.ask(_CHARGED, {"asked_id": register_id})
        return float(spent or 0.0), float(held or 0.0)

    def count_in(self, contract: Mapping[str, Any]) -> None:
        """Count a contract, if it is one that stands and that we provide."""
        if _counts(contract):
            self._scope.add_up(self._promises, {**_key(contract), "contracts": 1}, _KEY)

    def count_out(self, contract: Mapping[str, Any]) -> None:
        """Count a contract no longer."""
        if _counts(contract):
            table = self._promises
            same = [table.c[name] == value for name, value in _key(contract).items()]
            fewer = update(table).where(*same).values(contracts=table.c.contracts - 1)
            self._scope.change(fewer)
            self._scope.change(delete(table).where(*same, table.c.contracts == 0))


def _most(figure: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return a figure as it is added up: a sum past the largest float is an error on PostgreSQL."""
    return case((figure > MOST_ADDED, MOST_ADDED), else_=figure)


def _counts(contract: Mapping[str, Any]) -> bool:
    return bool(contract["stands"]) and contract["role"] == Role.PROVIDER.value


def _key(contract: Mapping[str, Any]) -> dict[str, Any]:
    key = {name: contract[name] for name in _KEY if name != "until"}
    return {**key, "until": contract["valid_until"] or ENDLESS}


def _standing() -> Select[Any]:
    row, datasets = table_of(PromiseRow).c, table_of(DatasetRow).c
    until = bindparam("asked_now", type_=row.until.type)
    return (
        select(*(func.sum(row.contracts * _most(each)) for each in (row.epsilon, row.delta)))
        .join_from(table_of(DatasetRow), table_of(PromiseRow), row.dataset_id == datasets.id)
        .where(datasets.register_id == bindparam("asked_id"), row.until > until)
    )


def _ended() -> Select[Any]:
    jobs, contracts = table_of(ReservationRow), table_of(AgreementRow)
    job, contract = jobs.c, contracts.c
    same = and_(contract.id == job.agreement_id, contract.role == Role.PROVIDER.value)
    allowed = (
        func.max(case((contract.id.is_(None), inf), else_=figure))
        for figure in (contract.epsilon, contract.delta)
    )
    over = contract.valid_until <= bindparam("asked_now", type_=contract.valid_until.type)
    return (
        select(func.sum(_most(job.epsilon)), func.sum(_most(job.delta)), *allowed)
        .join_from(jobs, contracts, same, isouter=True)
        .where(
            job.register_id == bindparam("asked_id"),
            # Either rule counts exactly such jobs: `Reservation.counted_steps`.
            or_(job.state == ReservationState.OPEN.value, job.committed_rounds > 0),
            or_(contract.id.is_(None), ~contract.stands, over),
        )
        .group_by(job.agreement_id)
    )


def _charged() -> Select[Any]:
    job = table_of(ReservationRow).c
    begun = job.committed_rounds > 0
    held = or_(begun, job.state == ReservationState.OPEN.value)
    sums = (func.sum(case((counted, _most(job.epsilon)), else_=0.0)) for counted in (begun, held))
    return select(*sums).where(job.register_id == bindparam("asked_id"))


_JOBS: Final = select(table_of(ReservationRow).c.job_id).where(
    table_of(ReservationRow).c.register_id == bindparam("asked_id")
)
_CHARGED: Final = _charged()
_STANDING: Final = _standing()
_ENDED: Final = _ended()


class SqlAgreements(SqlRepository[Agreement]):
    """The contracts; each is counted as it is written."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope, Agreement, AgreementRow)
        self._promises = SqlPromises(scope)

    def put(self, value: Agreement) -> None:
        """Insert the contract, or replace the one with its id; see `SqlRepository.put`."""
        before, after = self._figures(value.id), self._columns(value)
        self._scope.insert_or_replace(self._table, after, self._key)
        if before is None or any(before[name] != after[name] for name in before):
            if before is not None:
                self._promises.count_out(before)
            self._promises.count_in(after)

    def add(self, value: Agreement) -> bool:
        """Insert the contract unless its id is taken; see `SqlRepository.add`."""
        added = super().add(value)
        if added:
            self._promises.count_in(self._columns(value))
        return added

    def remove(self, *key: str | int) -> None:
        """Remove a contract, if it is there; see `SqlRepository.remove`."""
        before = self._figures(*key)
        super().remove(*key)
        if before is not None:
            self._promises.count_out(before)

    def _figures(self, *key: str | int) -> Mapping[str, Any] | None:
        query = one(self._table, _FIGURES, self._key, locking=False)
        rows = self._scope.tell(query, self._values(key))
        return dict(zip(_FIGURES, rows[0], strict=True)) if rows else None
