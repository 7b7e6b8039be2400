"""One register under random orders of jobs, tables and statistics, and crashes at any commit.

A crash is a transaction that ends before its commit, or a commit whose answer nobody hears; the
database is opened anew after it. Beside the ledger stands a plain count of what was committed.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.domain.catalog.dataset import PrivacyCap
from connector.domain.contract.negotiation import Agreement
from connector.domain.privacy.budget import Reservation, ReservationState
from connector.domain.privacy.register import Register
from connector.errors import BudgetExceeded, NotFound, RoundRefused
from connector.ports import Ports, Transaction
from connector.services.privacy import budget, standing
from connector.store import mapping
from federated.privacy import ledger
from federated.privacy.event import WITH_ONCE, Events, Kind, event, sampled_gaussian
from federated.privacy.ledger import Budget
from federated.privacy.rule import Accounting, Rule
from tests.support.doubles import FixedClock, open_store
from tests.support.federation import SITES, Federation, reservation
from tests.support.federation_workers import AdditiveAccountant

DAYS = 31 * 86_400.0  # of a month's window of uses
ROUND = sampled_gaussian(1.0, 0.5, 2)  # costs 0.5 in the arithmetic of the test's accountant
EVALUATED = event(Kind.GAUSSIAN, 1, noise_multiplier=2)  # 0.25
COUNTS = event(Kind.DISCRETE_LAPLACE, 1, scale=2, sensitivity=1)  # 0.25
SUMS = event(Kind.DISCRETE_GAUSSIAN, 2, scale=4, sensitivity=2)  # 0.5
# Of each use: what a round releases, its rounds, and the contract that it spends from.
KINDS: list[tuple[Events, int, int]] = [
    (Events((ROUND,)), 3, 0),
    (Events((ROUND,), WITH_ONCE, (EVALUATED,)), 2, 1),
    (Events((COUNTS,)), 1, 0),
    (Events((COUNTS, SUMS)), 1, 1),
    (Events((ROUND,)), 1, 0),
    (Events((SUMS,)), 1, 1),
]
USES = KINDS * 4
ACTS = ["reserve"] * 3 + ["overtaken"] * 3 + ["commit"] * 6 + ["release"] * 2 + ["exhaust", "wait"]
FATES = ["done", "done", "lost", "unheard"]
STEPS = 40
SHOWN = 4  # steps between two looks at what people are shown
_NUMBERS = count()


class Killed(BaseException):
    """Stands for `kill -9`: nothing catches it."""


@dataclass
class Drill:
    """A site's database, and what was committed to it, by job: whether open, and its rounds."""

    ports: Ports
    folder: Path
    agreements: list[Agreement]
    rule: Rule
    known: dict[str, tuple[bool, int]] = field(default_factory=dict)
    told: list[Callable[[Transaction], object]] = field(default_factory=list)
    charges: int = 0

    def __post_init__(self) -> None:
        self.clock = FixedClock()
        self.accountant = AdditiveAccountant()
        self.store = open_store(self.folder, self.clock)
        self.other = open_store(self.folder, self.clock)  # as another replica, which only reads

    def write(self, act: Callable[[Transaction], object], fate: str) -> bool:
        """Commit an act, unless it is lost; what nobody heard of is done again, as on a restart."""
        if fate == "lost":
            with suppress(Killed), self.store.write() as tx:
                act(tx)
                raise Killed
            self.reopen()
            return False
        done = self.once(act)
        if fate == "unheard":
            self.reopen()
            done = self.once(act)
        if done:
            self.told.append(act)
        return done

    def once(self, act: Callable[[Transaction], object]) -> bool:
        with self.store.write() as tx:
            return act(tx) is not False

    def reopen(self) -> None:
        self.store.close()
        self.store = open_store(self.folder, self.clock)

    def register(self) -> Register:
        return self.seen().register

    def seen(self) -> budget.Spending:
        with self.store.read() as tx:
            (register,) = tx.registers.find()
            return budget.spending(tx, register)

    def step(self, act: str, number: int, fate: str) -> None:
        if act == "overtaken":  # another use is reserved between account and reservation
            stale = self.seen()
            self.reserve((number + 1) % len(USES), "done", stale)
            self.reserve(number, fate, stale)
        elif act == "reserve":
            self.reserve(number, fate, self.seen())
        elif act == "wait":
            self.clock.advance(DAYS)  # a window paces uses, it gives nothing back
        else:  # of a use that there is, mostly
            names = [int(name.rpartition(":")[2]) for name in self.known]
            number = names[number % len(names)] if number % 7 and names else number
            if act == "commit":
                self.commit(number, fate)
            else:
                self.end(number, fate, getattr(budget, act))

    def reserve(self, number: int, fate: str, seen: budget.Spending) -> None:
        events, rounds, place = USES[number]
        agreement, name = self.agreements[place], f"urn:job:{number}"
        whole = self.accountant._cost(events.of(rounds))
        dataset = agreement.dataset_id
        new = reservation(name, agreement.id, dataset, events=events, rounds=rounds, epsilon=whole)
        if name not in self.known:
            figures = budget.account(self.accountant, seen, agreement, new)
            if budget.check_job(figures) is not None:
                counted = self.held(agreement.id, self.counted())
                assert any(cost + whole > held.limit[0] for held, cost in counted)
                return
        if self.write(lambda tx: budget.reserve(tx, seen, new), fate):
            self.known.setdefault(name, (True, 0))

    def commit(self, number: int, fate: str) -> None:
        name = f"urn:job:{number}"
        is_open, done = self.known.get(name, (False, 0))
        allowed = is_open and done < USES[number][1]
        try:
            if self.write(lambda tx: budget.commit_round(tx, name, done + 1), fate):
                assert allowed
                self.known[name] = (True, done + 1)
                self.charges += 1
        except (NotFound, RoundRefused, BudgetExceeded):
            assert not allowed

    def end(self, number: int, fate: str, act: Callable[[Transaction, str], None]) -> None:
        name = f"urn:job:{number}"
        if name in self.known and self.write(lambda tx: act(tx, name), fate):
            is_open, done = self.known[name]
            whole = is_open and act is budget.exhaust
            self.known[name] = (False, USES[number][1] if whole else done)

    def counted(self) -> dict[str, float]:
        """Return what each job counts, by the plain rule."""
        found = {}
        for number, (events, rounds, _) in enumerate(USES):
            is_open, done = self.known.get(f"urn:job:{number}", (False, 0))
            whole = is_open or (self.rule is Rule.SUMS and done)
            released = events.of(rounds if whole else done)
            found[f"urn:job:{number}"] = self.accountant._cost(released)
        return found

    def held(self, agreement: str, counted: dict[str, float]) -> Iterator[tuple[Budget, float]]:
        """Yield the budget of a contract and of the register, each with what counts there."""
        ours = [place for place, each in enumerate(self.agreements) if each.id == agreement]
        own = [f"urn:job:{n}" for n, (_, _, place) in enumerate(USES) if place in ours]
        yield budget.budget_of(self.agreements[ours[0]]), sum(counted[name] for name in own)
        cap = budget.register_budget(self.register())
        assert cap is not None
        yield cap, sum(counted.values())

    def check(self) -> None:
        """What is kept is what was committed, once; nothing passes its limit."""
        seen, counted = self.seen(), self.counted()
        kept = {
            each.job_id: (each.state is ReservationState.OPEN, each.committed_rounds)
            for each in seen.reservations
        }
        assert (kept, seen.register.charges) == (self.known, self.charges)
        for name, (events, _, _) in zip(counted, USES, strict=True):
            released = events.of(self.known.get(name, (False, 0))[1])
            assert counted[name] >= self.accountant._cost(released)  # never given back
        for agreement in self.agreements:
            mine = seen.of_agreement(agreement.id)
            groups = (mine, seen.reservations)
            for (held, cost), group in zip(self.held(agreement.id, counted), groups, strict=True):
                total = self.total(held, group)
                assert total[0] == pytest.approx(cost)
                assert ledger.admits(held, [total])

    def check_shown(self) -> None:
        """What people are shown follows from what is stored now, whatever was shown before."""
        ports = replace(self.ports, store=self.other, accountant=self.accountant, clock=self.clock)
        shown = standing.registers(ports), standing.contracts(ports)
        for kept in (mapping._kept_reader, standing._questions, standing._added):
            kept.cache_clear()
        assert shown == (standing.registers(ports), standing.contracts(ports))
        (contract,) = shown[1].values
        assert contract.jobs == self.seen().of_agreement(contract.agreement_id)

    def total(self, held: Budget, group: tuple[Reservation, ...]) -> tuple[float, ...]:
        questions = budget.asked(held, group)
        return budget.amount(held, group, iter(self.accountant.costs(questions)))


@pytest.fixture(scope="module", params=list(Rule))
def begun(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Drill]:
    rule: Rule = request.param
    accounting = Accounting(rule, 33 if rule is Rule.RENYI else 0)
    folder = tmp_path_factory.mktemp("ledger")
    federation = Federation(folder, accounting=accounting, epsilon="2")
    site, agreement = federation.site(), federation.agreements[SITES[0]]
    cap = PrivacyCap(2.5, 1e-5)  # less than both contracts, and less than all uses
    with site.ports.store.write() as tx:
        tx.registers.put(replace(site.register, accounting=accounting, cap=cap))
    site.ports.store.close()
    agreements = [agreement, replace(agreement, id="urn:another")]

    def begin() -> Drill:
        copy = site.home.with_name(f"drill{next(_NUMBERS)}")
        shutil.copytree(site.home, copy)
        return Drill(site.ports, copy, agreements, rule)

    return begin


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_no_order_and_no_crash_lets_a_register_pass_its_cap_or_charges_twice(
    begun: Callable[[], Drill], seed: int
) -> None:
    drill, draw = begun(), random.Random(seed)  # noqa: S311 - repeatable
    for number in range(STEPS):
        drill.step(draw.choice(ACTS), draw.randrange(len(USES)), draw.choice(FATES))
        drill.check()
        if number % SHOWN == 0:
            drill.check_shown()
    draw.shuffle(drill.told)
    for again in drill.told:  # as late messages come
        with suppress(RoundRefused), drill.store.write() as tx:
            again(tx)
    drill.check()
    drill.check_shown()
    drill.other.close()
    drill.store.close()
