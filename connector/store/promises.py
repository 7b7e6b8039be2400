"""What contracts promise, counted where it is written: the port `Promises`, and the contracts.

Rules: table `promise` counts the provider's contracts that stand, by dataset, end, ε and δ; a
contract is counted in the transaction that writes it. The sum over a register reads a row for each
different figure, not for each contract, and adds whole numbers of equal figures, so that it cannot
drift. A row that holds no figure is no zero: sums over it are refused (`database/soundness.py`), it
is never counted up or down, and a recount from the contracts writes it anew.
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
    except_,
    func,
    literal,
    not_,
    or_,
    select,
    union_all,
    update,
)

from connector.domain.contract.negotiation import Agreement, Role
from connector.domain.privacy.budget import ReservationState
from connector.domain.privacy.promise import Claim
from connector.store import rows
from connector.store.database.prepared import NOTHING
from connector.store.database.scope import Scope
from connector.store.database.soundness import check_whole, number_of, spoiled, strays, unnamed
from connector.store.mapping import codecs_of
from connector.store.repository import SqlRepository, one
from connector.store.tables.keyed import table_of
from connector.store.tables.records import AgreementRow, DatasetRow, PromiseRow, ReservationRow

# Of a contract that names no end; a column of a key is never empty.
ENDLESS: Final = datetime(9999, 12, 31, tzinfo=UTC)
MOST_ADDED: Final = 1e200  # of one contract or job; no cap is near it
_FIGURES: Final = ("role", "stands", "dataset_id", "valid_until", "epsilon", "delta")
_KEY: Final = ("dataset_id", "until", "epsilon", "delta")
_COUNTED_MEND: Final = "`preau agreement recount` recounts the contracts"
_JOB_MEND: Final = "`preau doctor` names the row; restore it from a backup"


class SqlPromises:
    """Sums over contracts and jobs of a register."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._promises = table_of(PromiseRow)

    def standing(self, register_id: str, now: datetime) -> tuple[float, float]:
        """Return (Σε, Σδ) of the contracts that count in full; see `ports.Promises`.

        Raises:
            RowDamaged: a row of the count holds no figure.
        """
        ((epsilon, delta, wrong),) = self._scope.ask(
            _STANDING, {"asked_id": register_id, "asked_now": now}
        )
        check_whole(f"what register `{register_id}` promised", "promise", wrong, _COUNTED_MEND)
        return float(epsilon or 0.0), float(delta or 0.0)

    def ended(self, register_id: str, now: datetime) -> list[Claim]:
        """Return what jobs count of contracts that do not; see `ports.Promises`.

        Raises:
            RowDamaged: a row of a job, or of its contract, holds no figure.
        """
        found = self._scope.ask(_ENDED, {"asked_id": register_id, "asked_now": now})
        self._check_jobs(register_id, sum(row[-1] for row in found))
        return [Claim(*map(float, row[:-1])) for row in found]

    def jobs(self, register_id: str) -> frozenset[str]:
        """Return the ids of the jobs of a register; see `ports.Promises`."""
        return frozenset(name for (name,) in self._scope.ask(_JOBS, {"asked_id": register_id}))

    def charged(self, register_id: str) -> tuple[float, float]:
        """Return what the jobs of a register spent and reserved; see `ports.Promises`.

        Raises:
            RowDamaged: a row of a job holds no figure.
        """
        ((spent, held, wrong),) = self._scope.ask(_CHARGED, {"asked_id": register_id})
        self._check_jobs(register_id, wrong)
        return float(spent or 0.0), float(held or 0.0)

    def astray(self) -> list[str]:
        """Return the registers whose count is not that of the contracts; see `ports.Promises`."""
        return sorted(name for (name,) in self._scope.ask(_ASTRAY))

    def recount(self) -> None:
        """Count all contracts anew; see `ports.Promises`.

        Raises:
            RuntimeError: the transaction is for reading.
        """
        self._scope.change(delete(self._promises))
        into = [*_KEY, "contracts"]
        self._scope.change(self._promises.insert().from_select(into, _counted()))

    def count_in(self, contract: Mapping[str, Any]) -> None:
        """Count a contract, if it is one that stands and that we provide."""
        if _counts(contract):
            self._scope.add_up(self._promises, {**_key(contract), "contracts": 1}, _KEY)

    def count_out(self, contract: Mapping[str, Any]) -> None:
        """Count a contract no longer."""
        if _counts(contract):
            table = self._promises
            same = [table.c[name] == value for name, value in _key(contract).items()]
            same.append(not_(spoiled(table.c.contracts)))
            fewer = update(table).where(*same).values(contracts=table.c.contracts - 1)
            self._scope.change(fewer)
            self._scope.change(delete(table).where(*same, table.c.contracts == 0))

    @staticmethod
    def _check_jobs(register_id: str, wrong: int | None) -> None:
        what = f"what jobs spent of register `{register_id}`"
        check_whole(what, "reservation` or `agreement", wrong, _JOB_MEND)


def _figures_of(contract: Agreement) -> dict[str, Any]:
    codecs = codecs_of(Agreement)
    return {name: codecs[name].to_column(getattr(contract, name)) for name in _FIGURES}


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
    sums = (func.sum(row.contracts * _most(each)) for each in (row.epsilon, row.delta))
    wrong = or_(spoiled(row.until, row.epsilon, row.delta, row.contracts), row.contracts == 0)
    lost = strays(row.dataset_id, datasets.id, datasets.register_id)
    return (
        select(*sums, func.coalesce(number_of(wrong), 0) + lost)
        .join_from(table_of(DatasetRow), table_of(PromiseRow), row.dataset_id == datasets.id)
        .where(
            datasets.register_id == bindparam("asked_id"),
            or_(row.until > until, spoiled(row.until)),
        )
    )


def _ended() -> Select[Any]:
    jobs, contracts = table_of(ReservationRow), table_of(AgreementRow)
    job, contract = jobs.c, contracts.c
    same = and_(contract.id == job.agreement_id, contract.role == Role.PROVIDER.value)
    allowed = (
        func.max(case((contract.id.is_(None), inf), else_=_most(figure)))
        for figure in (contract.epsilon, contract.delta)
    )
    over = contract.valid_until <= bindparam("asked_now", type_=contract.valid_until.type)
    figures = (contract.epsilon, contract.delta)
    unclear = spoiled(contract.stands, contract.valid_until, *figures)
    wrong = or_(_wrong_job(job), and_(contract.id.is_not(None), unclear))
    return (
        select(func.sum(_most(job.epsilon)), func.sum(_most(job.delta)), *allowed, number_of(wrong))
        .join_from(jobs, contracts, same, isouter=True)
        .where(
            _of_register(job),
            or_(
                and_(
                    # Either rule counts exactly such jobs: `Reservation.counted_rounds`.
                    or_(job.state == ReservationState.OPEN.value, job.committed_rounds > 0),
                    or_(contract.id.is_(None), ~contract.stands, over),
                ),
                wrong,
            ),
        )
        .group_by(job.agreement_id)
    )


def _wrong_job(job: Any) -> ColumnElement[bool]:
    unknown = and_(*(job.state != state.value for state in ReservationState))
    figures = spoiled(job.state, job.committed_rounds, job.epsilon, job.delta)
    return or_(unknown, figures, unnamed(job.register_id))


def _of_register(job: Any) -> ColumnElement[bool]:
    """Return whether a job is of the register asked for, or may be."""
    return or_(job.register_id == bindparam("asked_id"), unnamed(job.register_id))


def _charged() -> Select[Any]:
    job = table_of(ReservationRow).c
    begun = job.committed_rounds > 0
    held = or_(begun, job.state == ReservationState.OPEN.value)
    sums = (func.sum(case((counted, _most(job.epsilon)), else_=0.0)) for counted in (begun, held))
    return select(*sums, number_of(_wrong_job(job))).where(_of_register(job))


def _counted() -> Select[Any]:
    """Return what the table must hold, by the contracts."""
    row = table_of(AgreementRow).c
    until = func.coalesce(row.valid_until, literal(ENDLESS, row.valid_until.type)).label("until")
    figures = (row.dataset_id, until, row.epsilon, row.delta)
    counted = select(*figures, func.count().label("contracts"))
    return counted.where(row.role == Role.PROVIDER.value, row.stands).group_by(*figures)


def _astray() -> Select[Any]:
    kept, datasets = table_of(PromiseRow).c, table_of(DatasetRow).c
    held = select(*(kept[name] for name in _KEY), kept.contracts)
    differ = union_all(
        *(
            select(except_(one, other).subquery().c.dataset_id)
            for one, other in ((held, _counted()), (_counted(), held))
        )
    ).subquery()
    register = func.coalesce(datasets.register_id, "")
    return (
        select(register)
        .select_from(differ)
        .join(table_of(DatasetRow), differ.c.dataset_id == datasets.id, isouter=True)
        .distinct()
    )


_JOBS: Final = select(table_of(ReservationRow).c.job_id).where(
    table_of(ReservationRow).c.register_id == bindparam("asked_id")
)
_CHARGED: Final = _charged()
_STANDING: Final = _standing()
_ENDED: Final = _ended()
_ASTRAY: Final = _astray()


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
            self._promises.count_in(_figures_of(value))
        return added

    def remove(self, *key: str | int) -> None:
        """Remove a contract, if it is there; see `SqlRepository.remove`."""
        before = self._figures(*key)
        super().remove(*key)
        if before is not None:
            self._promises.count_out(before)

    def _figures(self, *key: str | int) -> Mapping[str, Any] | None:
        known = self._scope.said(self._table, key)
        if known is not NOTHING:
            return None if known is None else _figures_of(known)
        query = one(self._table, _FIGURES, self._key)
        found = rows.sound(self._table, lambda: self._scope.ask(query, self._values(key)))
        return dict(zip(_FIGURES, found[0], strict=True)) if found else None
