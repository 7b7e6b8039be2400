"""What contracts promise, counted where it is written: the port `Promises`, and the contracts.

Rules: table `promise` counts the provider's contracts that stand, by dataset, end, ε and δ; a
contract is counted in the transaction that writes it. The sum over a register reads a row for each
different figure, not for each contract, and adds whole numbers of equal figures, so that it cannot
drift.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import inf
from typing import Any, Final

from sqlalchemy import and_, case, delete, func, or_, select, update

from connector.domain.contract.negotiation import Agreement, Role
from connector.domain.privacy.budget import ReservationState
from connector.domain.privacy.promise import Claim
from connector.store.repository import SqlRepository, one
from connector.store.scope import Scope
from connector.store.tables import AgreementRow, DatasetRow, PromiseRow, ReservationRow, table_of

# Of a contract that names no end; a column of a key is never empty.
ENDLESS: Final = datetime(9999, 12, 31, tzinfo=UTC)
_FIGURES: Final = ("role", "stands", "dataset_id", "valid_until", "epsilon", "delta")
_KEY: Final = ("dataset_id", "until", "epsilon", "delta")


class SqlPromises:
    """Sums over contracts and jobs of a register."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._promises = table_of(PromiseRow)

    def standing(self, register_id: str, now: datetime) -> tuple[float, float]:
        """Return (Σε, Σδ) of the contracts that count in full; see `ports.Promises`."""
        row, datasets = self._promises.c, table_of(DatasetRow).c
        query = (
            select(func.sum(row.contracts * row.epsilon), func.sum(row.contracts * row.delta))
            .join_from(table_of(DatasetRow), self._promises, row.dataset_id == datasets.id)
            .where(datasets.register_id == register_id, row.until > now)
        )
        sums: Sequence[Any] = self._scope.read(query).one()
        return float(sums[0] or 0.0), float(sums[1] or 0.0)

    def ended(self, register_id: str, now: datetime) -> list[Claim]:
        """Return what jobs count of contracts that do not; see `ports.Promises`."""
        jobs, contracts = table_of(ReservationRow), table_of(AgreementRow)
        job, contract = jobs.c, contracts.c
        same = and_(contract.id == job.agreement_id, contract.role == Role.PROVIDER.value)
        allowed = (
            func.max(case((contract.id.is_(None), inf), else_=figure))
            for figure in (contract.epsilon, contract.delta)
        )
        query = (
            select(func.sum(job.epsilon), func.sum(job.delta), *allowed)
            .join_from(jobs, contracts, same, isouter=True)
            .where(
                job.register_id == register_id,
                # Either rule counts exactly such jobs: `Reservation.counted_steps`.
                or_(job.state == ReservationState.OPEN.value, job.committed_rounds > 0),
                or_(contract.id.is_(None), ~contract.stands, contract.valid_until <= now),
            )
            .group_by(job.agreement_id)
        )
        return [Claim(*map(float, row)) for row in self._scope.read(query)]

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


def _counts(contract: Mapping[str, Any]) -> bool:
    return bool(contract["stands"]) and contract["role"] == Role.PROVIDER.value


def _key(contract: Mapping[str, Any]) -> dict[str, Any]:
    key = {name: contract[name] for name in _KEY if name != "until"}
    return {**key, "until": contract["valid_until"] or ENDLESS}


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
        row = self._scope.change(query, self._values(key)).mappings().one_or_none()
        return row if row is None else dict(row)
