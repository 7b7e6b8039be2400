"""What 10⁵ contracts on one dataset cost: a further negotiation, `budget`, and lists.

One contract is concluded and copied in the provider's database, row by row, with fresh ids. Then
negotiations are measured in turn with those of another pair of nodes, which is empty, so that what
else the machine does lengthens both alike. CPU seconds of both nodes stand beside wall time.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path

import sqlalchemy
from negotiation import CAP, DATASET, Pair, pair_of, spans
from row import Plan, Row, at_most
from space import cpu_seconds

from connector import config
from connector.domain.contract.negotiation import Agreement, Negotiation
from connector.store.mapping import to_row
from connector.store.tables.keyed import table_of
from connector.store.tables.records import AgreementRow, NegotiationRow, PromiseRow

PART = "many_contracts"
CONTRACTS, FEW = 100_000, 10_000
WARM_UP = 8
BAR_RATIO, BAR_SECONDS = 1.2, 0.3
PAGE = 100
_ROWS = 500


def measure(folder: Path, plan: Plan) -> list[Row]:
    """Measure with the contracts and without them, in turn."""
    many = plan.times(CONTRACTS, FEW)
    made = partial(pair_of, cap={**CAP, "epsilon": 2000.0, "delta": 0.5}, delta="0.000000001")
    with made(folder / "many") as full, made(folder / "none") as empty:
        _in_turn((full, empty), 1)
        copied(full, many)
        os.sync()  # contracts come in years: what the copying left to write is no part of it
        _in_turn((full, empty), WARM_UP)
        after, beside = _in_turn((full, empty), plan.times(60, 10))
        pages = _pages(full)
    ratio, cpu = after[0] / beside[0], after[1] / beside[1]
    note = (
        f"p50 {after[0]:.1f} ms beside {beside[0]:.1f} ms of an empty pair, in turn; CPU of both "
        f"nodes {after[1]:.1f} ms beside {beside[1]:.1f} ms, {cpu:.2f} times"
    )
    title = f"{many:,} contracts on one dataset"
    return [
        at_most(f"{title}: negotiation beside an empty node", ratio, BAR_RATIO, "×", PART, note),
        *(
            at_most(f"{title}: {name}, a page of {PAGE}", seconds, BAR_SECONDS, "s", PART)
            for name, seconds in pages.items()
        ),
    ]


def _in_turn(pairs: Sequence[Pair], count: int) -> list[tuple[float, float]]:
    """Return p50 and mean CPU of both nodes, in milliseconds, of each pair."""
    nodes = [(pair.provider, pair.consumer) for pair in pairs]
    used = [cpu_seconds(both) for both in nodes]
    found: list[list[float]] = [[] for _ in pairs]
    for _ in range(count):
        for pair, walls in zip(pairs, found, strict=True):
            walls.extend(spans(pair, 1).values())
    spent = [cpu_seconds(both) - before for both, before in zip(nodes, used, strict=True)]
    return [
        (statistics.median(walls) * 1e3, cpu * 1e3 / count)
        for walls, cpu in zip(found, spent, strict=True)
    ]


def _pages(pair: Pair) -> dict[str, float]:
    """Return the median of five times that a page takes, by list; first and later pages."""
    with pair.provider.client() as client:
        lists: dict[str, Callable[[str], str]] = {
            "`budget`": lambda _: client.budget(DATASET, limit=PAGE).next,
            "budgets of contracts": lambda at: (
                client.contract_budgets(DATASET, limit=PAGE, after=at).next
            ),
            "list of contracts": lambda at: client.agreements(limit=PAGE, after=at).next,
            "list of negotiations": lambda at: client.negotiations(limit=PAGE, after=at).next,
        }
        return {name: statistics.median(_times(take)) for name, take in lists.items()}


def _times(take: Callable[[str], str]) -> Iterator[float]:
    after = ""
    for place in ("", "", "5000", "", ""):
        began = time.perf_counter()
        after = take(place or after)
        yield time.perf_counter() - began


def copied(pair: Pair, many: int) -> None:
    """Copy the provider's newest contract and its negotiation, with fresh ids."""
    with pair.provider_store() as store, store.read() as tx:
        contract = tx.agreements.find()[-1]
        negotiation = tx.negotiations.get(contract.pid)
    if negotiation is None:
        raise RuntimeError("the contract has no negotiation")
    engine = sqlalchemy.create_engine(config.load(pair.provider.home).database_url)
    copies = _copies(contract, negotiation, many)
    agreements, negotiations = table_of(AgreementRow), table_of(NegotiationRow)
    promise = table_of(PromiseRow)
    while rows := list(islice(copies, _ROWS)):  # short transactions: the node goes on
        with engine.begin() as connection:
            connection.execute(agreements.insert(), [to_row(each) for each, _ in rows])
            connection.execute(negotiations.insert(), [to_row(each) for _, each in rows])
            connection.execute(promise.update().values(contracts=promise.c.contracts + len(rows)))
    engine.dispose()


def _copies(
    contract: Agreement, negotiation: Negotiation, many: int
) -> Iterator[tuple[Agreement, Negotiation]]:
    for number in range(many):
        name, pid = name_of("a", number), name_of("b", number)
        yield (
            replace(contract, id=name, pid=pid),
            replace(negotiation, pid=pid, peer_pid=f"{pid}-theirs", agreement_id=name),
        )


def name_of(kind: str, number: int) -> str:
    """Return the id of a copy: of a contract (`a`), or of its negotiation (`b`)."""
    return f"urn:uuid:{kind}0000000-0000-4000-8000-{number:012d}"
