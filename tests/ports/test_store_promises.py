"""The port `Promises`, on SQLite and on PostgreSQL: what counts is counted where it is written."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connector.domain.contract.negotiation import Agreement, Role
from connector.domain.privacy.budget import Reservation, ReservationState
from connector.domain.privacy.promise import Claim
from connector.errors import Malformed
from connector.ports import Among, Not
from connector.store import SqlStore
from federated.privacy.event import Events, sampled_gaussian
from federated.privacy.rule import Rule
from tests.support.doubles import NOON
from tests.support.each import over
from tests.support.stored import contract, dataset, issuer

LATER = NOON + timedelta(days=1)
ENDS = (None, NOON, LATER)
PLACES = {"urn:d1": "urn:r1", "urn:d2": "urn:r1", "urn:d3": "urn:r2"}
CONTRACTS = st.builds(
    contract,
    st.sampled_from("abc"),
    dataset_id=st.sampled_from([*PLACES, "urn:lost"]),
    role=st.sampled_from(Role),
    epsilon=st.sampled_from([0.1, 0.3, 2.0]),
    delta=st.sampled_from([1e-5, 1e-6]),
    valid_until=st.sampled_from(ENDS),
    finalized=st.booleans(),
    stands=st.booleans(),
)
STEPS = st.lists(st.tuples(st.sampled_from(["put", "add", "remove", "undo"]), CONTRACTS))
EVENTS = Events((sampled_gaussian(3.0, 0.2, 5),))


class Undo(Exception):
    """Raised by the test to roll back."""


@pytest.fixture
def held(store: SqlStore) -> SqlStore:
    with store.write() as tx:
        for name, register in PLACES.items():
            tx.datasets.put(dataset(name, register))
    return store


def naive(contracts: list[Agreement], register: str, now: datetime) -> tuple[float, float]:
    standing = [
        each
        for each in contracts
        if each.role is Role.PROVIDER and each.stands and PLACES.get(each.dataset_id) == register
        if each.valid_until is None or each.valid_until > now
    ]
    return sum(each.epsilon for each in standing), sum(each.delta for each in standing)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_the_sum_is_that_of_the_contracts_whatever_was_written(
    held: SqlStore, steps: list[tuple[str, Agreement]]
) -> None:
    with held.write() as tx:
        for name in "abc":
            tx.agreements.remove(name)
    for step, value in steps:
        with suppress(Undo), held.write() as tx:
            if step == "remove":
                tx.agreements.remove(value.id)
            elif step == "add":
                tx.agreements.add(value)
            else:
                tx.agreements.put(value)
            if step == "undo":
                raise Undo
    with held.read() as tx:
        contracts = tx.agreements.find()
        for register in ("urn:r1", "urn:r2", "urn:none"):
            for now in (NOON - timedelta(seconds=1), NOON, LATER):
                expected = naive(contracts, register, now)
                assert tx.promises.standing(register, now) == pytest.approx(expected, rel=1e-12)
    with held.write() as tx:
        for name in "abc":
            tx.agreements.remove(name)
        assert tx.promises.standing("urn:r1", NOON) == (0.0, 0.0)


def test_many_equal_promises_add_up_without_drift(held: SqlStore) -> None:
    with held.write() as tx:
        for number in range(1000):
            tx.agreements.put(contract(f"urn:a:{number}", epsilon=0.1, delta=1e-7))
        assert tx.promises.standing("urn:r1", NOON) == (1000 * 0.1, 1000 * 1e-7)
        for number in range(1, 1000):
            tx.agreements.remove(f"urn:a:{number}")
        assert tx.promises.standing("urn:r1", NOON) == (0.1, 1e-7)


def job(name: str, agreement: str, **changes: object) -> Reservation:
    plain = Reservation(
        *(name, agreement, "urn:d1", "urn:r1", EVENTS, 3, 1, 0.5, 1e-6),
        ReservationState.CLOSED,
        NOON,
    )
    return replace(plain, **changes)  # type: ignore[arg-type] - fields of a reservation


def test_jobs_count_once_their_contract_does_not(held: SqlStore) -> None:
    never_asked = {"committed_rounds": 0}
    with held.write() as tx:
        for name, changes in {
            "runs": {},
            "over": {"valid_until": NOON},
            "gone": {"stands": False},
        }.items():
            tx.agreements.put(contract(name, epsilon=3.0, delta=1e-5, **changes))
        for name in ("runs", "over", "gone", "lost"):
            tx.reservations.put(job(f"{name}-1", name))
            tx.reservations.put(job(f"{name}-2", name, epsilon=0.25))
            tx.reservations.put(job(f"{name}-3", name, **never_asked))
        tx.reservations.put(job("open", "over", state=ReservationState.OPEN, **never_asked))
        tx.reservations.put(job("elsewhere", "over", register_id="urn:r2"))
    with held.read() as tx:
        found = {each.epsilon: each for each in tx.promises.ended("urn:r1", NOON)}
    endless = float("inf")
    assert sorted(found) == [0.75, 1.25]
    assert found[1.25] == Claim(1.25, pytest.approx(3e-6), 3.0, 1e-5)
    with held.read() as tx:
        allowed = sorted(each.allowed_epsilon for each in tx.promises.ended("urn:r1", NOON))
    assert allowed == [3.0, 3.0, endless]


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    kept=st.dictionaries(
        st.sampled_from("abcd"),
        st.tuples(
            st.sampled_from(["urn:r1", "urn:r2"]),
            st.integers(0, 2),
            st.sampled_from(ReservationState),
            st.sampled_from([0.1, 0.3, 2.0]),
        ),
    )
)
def test_what_jobs_spent_and_reserved_is_what_the_rule_counts(
    held: SqlStore, kept: dict[str, tuple[str, int, ReservationState, float]]
) -> None:
    with held.write() as tx:
        for each in tx.reservations.find():
            tx.reservations.remove(each.job_id)
        for name, (register, rounds, state, epsilon) in kept.items():
            changes = {"register_id": register, "committed_rounds": rounds, "state": state}
            tx.reservations.put(job(name, "urn:a", **changes, epsilon=epsilon))
    with held.read() as tx:
        for register in ("urn:r1", "urn:r2", "urn:none"):
            jobs = tx.reservations.find(register_id=register)
            spent = sum(each.epsilon for each in jobs if each.committed_rounds)
            reserved = sum(each.epsilon for each in jobs if each.counted_rounds(Rule.SUMS))
            assert tx.promises.charged(register) == pytest.approx((spent, reserved), rel=1e-12)
            assert tx.promises.jobs(register) == {each.job_id for each in jobs}


def test_figures_whose_sum_is_past_the_largest_number_still_add_up(held: SqlStore) -> None:
    """Such a sum is an error on PostgreSQL, and would end each negotiation on the register."""
    most = sys.float_info.max
    with held.write() as tx:
        for name in ("a", "b"):
            tx.agreements.put(contract(name, epsilon=most))
            figures = {"committed_rounds": 1, "epsilon": most, "register_id": "urn:r1"}
            tx.reservations.put(job(f"{name}1", "urn:lost", **figures))
        assert most > tx.promises.standing("urn:r1", NOON)[0] > 1e100
        (claim,) = tx.promises.ended("urn:r1", NOON)
        assert most > claim.epsilon > 1e100
        assert most > tx.promises.charged("urn:r1")[0] > 1e100


# --- pages --------------------------------------------------------------------------------------


def test_pages_are_the_list_whatever_is_written_between(store: SqlStore) -> None:
    with store.write() as tx:
        for name in "abcdefg":
            tx.issuers.put(issuer(name, b"odd" if name in "ceg" else b"even"))
    seen, after = [], ""
    while True:
        with store.write() as tx:
            page = tx.issuers.page(after=after, limit=3)
            tx.issuers.remove("b")  # seen already: moves nothing
            tx.issuers.put(issuer("h"))
        seen += [each.did for each in page.values]
        after = page.next
        if not after:
            break
    assert seen == list("abcdefgh")
    with store.read() as tx:
        first = tx.issuers.page(limit=2, document=b"odd")
        assert [each.did for each in first.values] == ["c", "e"]
        rest = tx.issuers.page(limit=2, document=b"odd", after=first.next)
        assert ([each.did for each in rest.values], rest.next) == (["g"], "")
        last = tx.issuers.page(limit=5, newest=True)
        assert [each.did for each in last.values] == list("hgfed")
        rest = tx.issuers.page(limit=5, newest=True, after=last.next)
        assert ([each.did for each in rest.values], rest.next) == (["c", "a"], "")


def test_a_list_may_be_of_several_values(store: SqlStore) -> None:
    with store.write() as tx:
        for name in "abcd":
            tx.issuers.put(issuer(name, name.encode()))
        assert [each.did for each in tx.issuers.find(did=Among(("d", "b")))] == ["b", "d"]
        assert [each.did for each in tx.issuers.find(did=Among(("c",)))] == ["c"]
        found = tx.issuers.page(
            limit=1, did=Among(("a", "b", "c")), document=Not(b"c"), newest=True
        )
        assert [each.did for each in found.values] == ["b"]
        assert tx.issuers.count(did=Among(("a", "x"))) == 1
    with pytest.raises(RuntimeError, match="one value at least"):
        Among(())


@over("after", ["x", "-1", "1.5", "9" * 19, "٣"])
def test_a_page_after_no_page_is_refused(store: SqlStore, after: str) -> None:
    with store.read() as tx, pytest.raises(Malformed, match="`after`"):
        tx.issuers.page(after=after)
