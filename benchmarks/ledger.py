"""What a question to the ledger takes once a contract has been charged a hundred jobs and tables.

All differ: sampled Gaussians of other σ, q and steps, some evaluated, tables of either noise. Their
contract and their register add up by Rényi. Cold are the first two questions to a fresh node
process, with nothing in memory: the budget of the register, and that of the contract with its
history, as `preau budget show` asks for them. Cached is either again, with nothing charged between,
from the call of the SDK to its values. With `PEERS=1` the same releases are composed by the PRV
accountant of Opacus (minutes), tables as full batches of Gaussians.
"""

from __future__ import annotations

import os
import random
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from negotiation import DATASET, Pair, pair_of
from opacus.accountants import PRVAccountant
from row import Plan, Row, at_most, beside, pace, spread

from connector.domain.contract.negotiation import Agreement
from connector.domain.privacy.budget import Reservation, ReservationState
from connector.sdk import Client
from federated.privacy.event import WITH_ONCE, Event, Events, Kind, event, sampled_gaussian
from federated.privacy.process import ProcessAccountant
from federated.privacy.question import Epsilon

PART = "ledger"
CHARGED, TABLES = 100, 30
DELTA = 1e-7  # of each
BAR_COLD, BAR_CACHED = 1.5, 10.0  # s, ms
TITLE = f"ledger query, {CHARGED} jobs and tables"
RENYI = {"rule": "renyi"}


def measure(folder: Path, plan: Plan) -> list[Row]:
    """Charge a contract, then ask a node that was started anew, some times."""
    draw = random.Random(plan.seed)  # noqa: S311 - no secret
    with pair_of(folder, accounting=RENYI) as pair:
        pair.wait(pair.open())
        pair.provider.stop()
        charged = _charge(pair, draw)
        cold, cached = _asked(pair, plan.times(7, 2), plan.times(20, 5))
    rows = [
        at_most(f"{TITLE}, cold", statistics.median(cold), BAR_COLD, "s", PART, spread(cold)),
        *(_cached(name, [each * 1e3 for each in spans]) for name, spans in cached.items()),
    ]
    if os.environ.get("PEERS"):
        took = _opacus(charged)
        rows.append(beside(f"{TITLE}, beside", rows[0].ours, "Opacus PRV", took, "s", PART))
    return rows


def _cached(name: str, spans: Sequence[float]) -> Row:
    title, note = f"{TITLE}, cached, {name}", f"ms: {spread(spans)}; {pace()}"
    return at_most(title, statistics.median(spans), BAR_CACHED, "ms", PART, note)


def _asked(pair: Pair, starts: int, again: int) -> tuple[list[float], dict[str, list[float]]]:
    """Return the seconds of the first time, and of later ones by what was asked."""
    cold, cached = list[float](), {name: list[float]() for name in QUESTIONS}
    for _ in range(starts):
        pair.provider.start()
        with pair.provider.client() as client:
            client.registers()  # the connection, and what the first call of any kind loads
            cold.append(sum(_seconds(ask, client) for ask in QUESTIONS.values()))
            for _ in range(again):
                for name, ask in QUESTIONS.items():
                    cached[name].append(_seconds(ask, client))
        pair.provider.stop()
    return cold, cached


def _seconds(ask: Callable[[Client], None], client: Client) -> float:
    began = time.perf_counter()
    ask(client)
    return time.perf_counter() - began


def _register(client: Client) -> None:
    (line,) = client.budget(DATASET, limit=1)  # a page of registers, without their contracts
    if not 0 < line.spent < line.epsilon:
        raise RuntimeError("the register is not the one that was charged")


def _contract(client: Client) -> None:
    (line,) = client.contract_budgets(DATASET, limit=1)
    if len(line.jobs) != CHARGED or line.rule != RENYI["rule"]:
        raise RuntimeError("the contract is not the one that was charged")


QUESTIONS: Final = {"register": _register, "contract and history": _contract}


def _charge(pair: Pair, draw: random.Random) -> list[Reservation]:
    """Put the reservations into the provider's database, as its services would."""
    with pair.provider_store() as store:
        with store.read() as tx:
            contract = tx.agreements.find()[-1]
            dataset = tx.datasets.get(contract.dataset_id)
        if dataset is None:
            raise RuntimeError("the contract has no dataset")
        made = list(_reservations(contract, dataset.register_id, draw))
        with store.write() as tx:
            for each in made:
                tx.reservations.add(each)
    return made


def _reservations(contract: Agreement, register: str, draw: random.Random) -> Iterator[Reservation]:
    events = [*_jobs(draw, CHARGED - TABLES), *_tables(draw, TABLES)]
    questions = [Epsilon(each.of(rounds), DELTA) for each, rounds in events]
    costs = ProcessAccountant().costs(questions)
    for number, ((each, rounds), epsilon) in enumerate(zip(events, costs, strict=True)):
        yield Reservation(
            job_id=f"urn:uuid:a0000000-0000-4000-8000-{number:012d}",
            agreement_id=contract.id,
            dataset_id=contract.dataset_id,
            register_id=register,
            events=each,
            rounds=rounds,
            committed_rounds=rounds,
            epsilon=epsilon,
            delta=DELTA,
            state=ReservationState.CLOSED,
            created_at=datetime.now(UTC),
        )


def _jobs(draw: random.Random, count: int) -> Iterator[tuple[Events, int]]:
    for number in range(count):
        rounds, steps = draw.randrange(5, 21), draw.randrange(1, 6)
        one = sampled_gaussian(draw.uniform(4, 20), draw.uniform(0.01, 0.3), steps)
        once = (event(Kind.GAUSSIAN, draw.randrange(1, 4), noise_multiplier=draw.uniform(20, 60)),)
        yield (Events((one,), WITH_ONCE, once) if number % 3 == 0 else Events((one,))), rounds


def _tables(draw: random.Random, count: int) -> Iterator[tuple[Events, int]]:
    for number in range(count):
        scale = draw.uniform(20, 200)
        kind = Kind.DISCRETE_LAPLACE if number % 2 else Kind.DISCRETE_GAUSSIAN
        yield Events((event(kind, draw.randrange(1, 4), scale=scale, sensitivity=1),)), 1


def _opacus(charged: Sequence[Reservation]) -> float:
    """Return the seconds of one ε over all releases, by the accountant for any history."""
    accountant = PRVAccountant()
    found = (_triple(item) for each in charged for item in each.released(each.rounds))
    accountant.history = list(found)
    began = time.perf_counter()
    accountant.get_epsilon(DELTA * CHARGED)
    return time.perf_counter() - began


def _triple(one: Event) -> tuple[float, float, int]:
    """Return σ, q and steps; of discrete noise, those of a Gaussian of that deviation."""
    if one.kind is Kind.SAMPLED_GAUSSIAN:
        return one["noise_multiplier"], one["sampling_rate"], one.count
    name = "noise_multiplier" if one.kind is Kind.GAUSSIAN else "scale"
    return one[name], 1.0, one.count
