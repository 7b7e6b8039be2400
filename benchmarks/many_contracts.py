"""What 10⁵ contracts on one dataset cost: a further negotiation, `budget`, and lists.

One contract is concluded and copied in the provider's database, row by row, with fresh ids; then
negotiations and pages are measured beside those of the same two nodes before. CPU seconds of both
nodes stand beside wall time, which other work on the machine lengthens.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import sqlalchemy
from negotiation import CAP, DATASET, Pair, pair_of, spans
from row import Plan, Row, at_most
from space import cpu_seconds

from connector import config
from connector.domain.contract.negotiation import Agreement, Negotiation
from connector.store.mapping import to_row
from connector.store.tables import AgreementRow, NegotiationRow, PromiseRow, table_of

PART = "many_contracts"
CONTRACTS, FEW = 100_000, 10_000
WARM_UP = 8
BAR_RATIO, BAR_SECONDS = 1.2, 0.3
PAGE = 100
_ROWS = 500


def measure(folder: Path, plan: Plan) -> list[Row]:
    """Measure before and after the contracts are there."""
    many = plan.times(CONTRACTS, FEW)
    with pair_of(folder, cap={**CAP, "epsilon": 2000.0, "delta": 0.5}, delta="0.000000001") as pair:
        for _ in range(WARM_UP):
            pair.wait(pair.open())
        before = _negotiations(pair, plan)
        _copy(pair, many)
        _negotiations(pair, Plan(quick=True, seed=plan.seed))  # the same warm-up for both
        after = _negotiations(pair, plan)
        pages = _pages(pair)
    ratio, cpu = after[0] / before[0], after[1] / before[1]
    note = (
        f"p50 {after[0]:.1f} ms beside {before[0]:.1f} ms on the same nodes before; CPU of both "
        f"nodes {after[1]:.1f} ms beside {before[1]:.1f} ms, {cpu:.2f} times"
    )
    title = f"{many:,} contracts on one dataset"
    return [
        at_most(f"{title}: negotiation beside an empty node", ratio, BAR_RATIO, "×", PART, note),
        *(
            at_most(f"{title}: {name}, a page of {PAGE}", seconds, BAR_SECONDS, "s", PART)
            for name, seconds in pages.items()
        ),
    ]


def _negotiations(pair: Pair, plan: Plan) -> tuple[float, float]:
    """Return p50 and mean CPU of both nodes, in milliseconds."""
    nodes, count = (pair.provider, pair.consumer), plan.times(40, 10)
    used = cpu_seconds(nodes)
    found = spans(pair, count).values()
    return statistics.median(found) * 1e3, (cpu_seconds(nodes) - used) * 1e3 / count


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


def _copy(pair: Pair, many: int) -> None:
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
        name, pid = (f"urn:uuid:{kind}0000000-0000-4000-8000-{number:012d}" for kind in "ab")
        yield (
            replace(contract, id=name, pid=pid),
            replace(negotiation, pid=pid, peer_pid=f"{pid}-theirs", agreement_id=name),
        )
