"""What a consumer asks for under a contract, as it signs it, and what the policy is asked then.

Rules: a request names what it wants within the steps of the use, and states what only its consumer
can know (purpose, legal basis, retention …); all else is known by the node, and wins. A request
that reaches beyond a step is refused before the policy is asked. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Final

from connector.domain import instant
from connector.domain.catalog.dictionary import TERRITORIES
from connector.domain.decision import Refusal
from connector.enforcement import figures
from connector.enforcement.decide import UseFacts
from connector.enforcement.mechanisms import deliver, row_conditions, tables, territories
from connector.enforcement.steps import sum_request
from connector.enforcement.steps.members import names
from connector.enforcement.steps.minimise import AT_LEAST, RowTest
from connector.enforcement.steps.refer import Refer
from connector.enforcement.steps.request import TableRequest, check
from connector.enforcement.steps.spending import Spending, spending
from connector.enforcement.steps.sum_request import SumRequest
from connector.enforcement.steps.summing import Sum
from connector.enforcement.steps.table import TableSteps
from connector.enforcement.terms import (
    CELL_COUNT,
    COLUMNS,
    DELTA,
    EPSILON,
    FILE_FORMAT,
    GRANULARITY,
    NAMED_SITES,
    PROTECTION,
    RETENTION,
    REVIEWERS,
    ROW_CONDITION,
    ROWS,
    SCOPE,
    SITES,
    THIRD_PARTY,
    UNIT,
)
from connector.errors import Malformed, SumRefused, TableRefused, UseRefused
from connector.jsonld.canonical import canonical
from federated.reading import Member, read
from policies_odrl import Literal, Policy
from policies_odrl.algebra.domain import Fact
from policies_odrl.model import XSD
from policies_odrl.vocabulary import PREAU

VERSION: Final = 1
MOST_BYTES: Final = 256 * 1024  # of 131 sites with their keys: 52 KiB
_MOST_PARTS: Final = 16
_MOST_STATED: Final = 16
_MEMBERS: Final = (
    *("version", "id", "agreement", "provider", "consumer", "action", "columns", "cells"),
    *("format", "stated", "at"),
)
_SCOPES: Final = {kind: iri for iri, kind in deliver.SCOPES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request for a use of a contract.

    Attributes:
        id: the consumer's; the same request has the same.
        agreement: IRI of the contract.
        provider: DID of who is asked.
        consumer: DID of who asks.
        action: IRI.
        columns: of rows, those that are wanted, in order; none for all that may leave.
        cells: the table that is wanted; None for rows.
        sums: the sum over sites that is to be added to; None for rows and tables.
        format: of the file; empty for the one that the plan prefers.
        stated: operand -> values, of what only the consumer knows (`mechanisms/tables.py`).
        at: when it was made, UTC.
    """

    id: str
    agreement: str
    provider: str
    consumer: str
    action: str
    columns: tuple[str, ...] = ()
    cells: TableRequest | None = None
    sums: SumRequest | None = None
    format: str = ""
    stated: Mapping[str, tuple[str, ...]]
    at: datetime

    def data(self) -> bytes:
        """Return the bytes that are signed."""
        return canonical(
            {
                "version": VERSION,
                "id": self.id,
                "agreement": self.agreement,
                "provider": self.provider,
                "consumer": self.consumer,
                "action": self.action,
                "columns": list(self.columns),
                "cells": self.cells.body() if self.cells else None,
                "format": self.format,
                "stated": {left: list(values) for left, values in self.stated.items()},
                "at": instant.text(self.at),
                **({"sums": self.sums.body()} if self.sums else {}),
            }
        )


def read_asked(data: bytes) -> Asked:
    """Read a request as its consumer signed it.

    Raises:
        Malformed: it cannot be read.
    """
    part = read(data, _refusal, limit=MOST_BYTES).fields(*_MEMBERS, maybe=("sums",))
    part["version"].integer(least=VERSION, most=VERSION)
    stated = part["stated"].entries(most=_MOST_STATED)
    return Asked(
        id=part["id"].text(),
        agreement=part["agreement"].text(),
        provider=part["provider"].text(),
        consumer=part["consumer"].text(),
        action=part["action"].text(),
        columns=names(part["columns"]),
        cells=_maybe(part["cells"]),
        sums=SumRequest.read(part["sums"]) if "sums" in part else None,
        format=part["format"].exactly("", *deliver.FORMATS),
        stated={left: _texts(each) for left, each in stated.items()},
        at=part["at"].instant(),
    )


def beyond(asked: Asked, steps: TableSteps | Refer) -> Refusal | None:
    """Return why a request reaches beyond the steps of its use, or None."""
    if unknown := [name for name in asked.stated if name not in tables.STATED]:
        return _no(f"a request cannot state `{unknown[0]}`")
    return _beyond_referral(asked) if isinstance(steps, Refer) else _beyond_table(asked, steps)


def _beyond_referral(asked: Asked) -> Refusal | None:
    wants = asked.columns or asked.cells or asked.sums or asked.format
    return _no("this use of the contract gives a referral, and no data") if wants else None


def _beyond_table(asked: Asked, steps: TableSteps) -> Refusal | None:
    if steps.sum is not None or asked.sums is not None:
        return _beyond_sums(asked, steps)
    limits = steps.aggregate
    if (limits is None) is not (asked.cells is None):
        wants = "rows" if asked.cells is None else "a table of cells"
        return _no(f"this use of the contract gives no {wants}")
    if asked.format and asked.format not in steps.release.formats:
        return _no(f"the contract allows no file of format `{asked.format}`")
    if limits is None or asked.cells is None:
        wrong = [each for each in asked.columns if each not in steps.minimise.columns]
        return _no(f"the contract does not let column `{wrong[0]}` leave") if wrong else None
    try:
        (spending if steps.noise else check)(asked.cells, steps)
    except TableRefused as exc:
        return Refusal(exc.code, (exc.reason,))
    return None


def _beyond_sums(asked: Asked, steps: TableSteps) -> Refusal | None:
    if asked.sums is None or asked.columns or asked.cells or asked.format:
        return _no("this use of the contract gives sums over sites, and nothing else")
    try:
        sum_request.check(asked.sums, steps.sum, asked.provider, asked.consumer)
    except SumRefused as exc:
        return Refusal(exc.code, (exc.reason,))
    return None


def spends(asked: Asked, steps: TableSteps | Refer) -> Spending | None:
    """Return what a request within the steps spends; None where nothing gets noise."""
    if asked.cells is None or isinstance(steps, Refer) or steps.noise is None:
        return None
    return spending(asked.cells, steps)


def use_facts(
    asked: Asked,
    steps: TableSteps | Refer,
    policy: Policy,
    established: Mapping[str, tuple[Fact, ...]],
    now: datetime,
) -> UseFacts:
    """Return what the policy is asked about a request.

    Args:
        asked: within the steps.
        steps: of the use.
        policy: the contract's.
        established: what the node knows of the consumer and the contract, by operand.
        now: UTC.
    """
    done = (
        {THIRD_PARTY: (steps.party,)} if isinstance(steps, Refer) else _done(asked, steps, policy)
    )
    stated = {left: _typed(left, values) for left, values in asked.stated.items()}
    target = policy.target.id if policy.target else ""
    return UseFacts(asked.action, asked.consumer, target, now, stated, {**established, **done})


def _done(asked: Asked, steps: TableSteps, policy: Policy) -> Mapping[str, tuple[Fact, ...]]:
    """Return what the steps do to a table."""
    known: dict[str, tuple[Fact, ...]] = {
        PROTECTION: (PREAU + steps.release.level,),
        COLUMNS: _used(asked, steps),
        FILE_FORMAT: (deliver.FORMATS[asked.format or steps.release.formats[0]],),
    }
    rules = (each for each in policy.permissions if each.action.id == asked.action)
    atoms = figures.required(tuple(chain.from_iterable(each.constraints for each in rules)))
    # No smaller territory leaves by the steps, which were made for this very demand.
    if smallest := territories.demanded(atoms)[0]:
        known[GRANULARITY] = (PREAU + TERRITORIES[smallest],)
    met = row_conditions.met(policy, asked.action, steps.minimise.rows)
    if met:
        known[ROW_CONDITION] = tuple(met)
    if steps.aggregate:
        known[CELL_COUNT] = (steps.aggregate.minimum,)
        # No pseudonym leaves, so that whatever scope is demanded is met.
        known[SCOPE] = figures.names(atoms, SCOPE, tables.ONE_OF)[:1]
    elif steps.sum:
        known |= _added(asked, steps.sum)
        known[SCOPE] = figures.names(atoms, SCOPE, tables.ONE_OF)[:1]
    elif least := _fewest(steps.minimise.rows, met.values()):
        known[CELL_COUNT] = (min(least),)
    if steps.review:
        known[REVIEWERS] = (steps.review.reviewers,)
    if steps.noise and asked.cells:
        known |= {EPSILON: (asked.cells.epsilon,), DELTA: (asked.cells.delta,)}
        known |= {UNIT: (steps.noise.unit,), ROWS: (steps.noise.rows_per_person,)}
    if steps.pseudonymise:
        known[SCOPE] = (_SCOPES[steps.pseudonymise.scope.kind],)
    return known


def _added(asked: Asked, step: Sum) -> Mapping[str, tuple[Fact, ...]]:
    """Return over whom a sum is; where a session is joined nothing leaves, and the step speaks."""
    members = asked.sums.members if asked.sums else ()
    others = tuple(each.site for each in members if each.site != asked.provider)
    return {
        CELL_COUNT: (step.minimum,),
        NAMED_SITES: others or step.sites,
        SITES: (len(members) or step.minimum_sites,),
    }


def _fewest(rows: tuple[RowTest, ...], conditions: Iterable[RowTest]) -> list[int]:
    """Return over how many persons rows are at least, by the tests that no condition states."""
    own = list(rows)
    for each in set(conditions):
        own.remove(each)  # once: a condition may state the same test
    return [int(each.values[0]) for each in own if each.test == AT_LEAST]


def _used(asked: Asked, steps: TableSteps) -> tuple[str, ...]:
    cells = asked.cells
    if asked.sums is not None:
        return asked.sums.columns or steps.minimise.columns
    if cells is None:
        return asked.columns or steps.minimise.columns
    named = (
        *cells.dimensions,
        *(each.column for each in cells.measures if each.column),
        *(each.column for each in cells.filters),
        *cells.moments,
    )
    return tuple(dict.fromkeys(named))


def _maybe(member: Member) -> TableRequest | None:
    return None if member.value is None else TableRequest.read(member)


def _texts(member: Member) -> tuple[str, ...]:
    return tuple(each.text() for each in member.items(least=1, most=_MOST_PARTS))


def _typed(left: str, values: tuple[str, ...]) -> tuple[Fact, ...]:
    if left == RETENTION:
        return tuple(Literal(each, XSD + "duration") for each in values)
    return values


def _no(reason: str) -> Refusal:
    return Refusal(UseRefused.code, (reason,))


def _refusal(pointer: str, fault: str) -> Malformed:
    return Malformed(f"request {pointer or '/'}: {fault}")
