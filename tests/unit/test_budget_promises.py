"""What contracts promise of a dataset's privacy, and what jobs may spend of it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from connector.domain.budget import ReservationState
from connector.domain.negotiation import Negotiation, NegotiationState, Role
from connector.errors import BudgetExceeded, NotFound, RoundRefused, WorkerFailed
from connector.services import budget
from connector.services.budget_report import report
from tests.support.contracts import NOW
from tests.support.federation import SITES, Federation, Node, reservation


@pytest.fixture
def federation(tmp_path: Path) -> Federation:
    return Federation(tmp_path)


@pytest.fixture
def site(federation: Federation) -> Node:
    return federation.site()


@pytest.fixture
def agreement_id(federation: Federation) -> str:
    return federation.agreements[SITES[0]].id


def negotiation(pid: str, state: NegotiationState) -> Negotiation:
    return Negotiation(
        pid=pid,
        role=Role.PROVIDER,
        peer="did:web:lab.example",
        peer_pid="urn:c",
        state=state,
        dataset_id="urn:d",
        offer_id="urn:o",
        policy=b"{}",
        policy_by=Role.PROVIDER,
        agreement_id="urn:a",
        code="",
        reasons=(),
        created_at=NOW,
        updated_at=NOW,
    )


def promised(site: Node, *, days: int = 0) -> tuple[float, float]:
    assert site.dataset is not None
    with site.ports.store.read() as tx:
        return budget.promised(tx, site.register, NOW + timedelta(days=days))


def test_a_running_contract_counts_in_full(site: Node) -> None:
    assert promised(site) == (3.0, 1e-5)


def test_two_contracts_add_up_plainly(federation: Federation, site: Node) -> None:
    federation.contract(SITES[0], 0xB000, epsilon="1.25")
    assert promised(site) == (4.25, 2e-5)


def test_an_expired_contract_without_jobs_counts_nothing(site: Node) -> None:
    assert promised(site, days=31) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("state", "rounds", "expected"),
    [
        (ReservationState.CLOSED, 0, 0.0),
        (ReservationState.CLOSED, 1, 1.5),  # ε of part of a job is not a part of its ε
        (ReservationState.OPEN, 0, 1.5),
    ],
)
def test_an_expired_contract_counts_what_one_job_cost(
    site: Node, agreement_id: str, state: ReservationState, rounds: int, expected: float
) -> None:
    assert site.dataset is not None
    kept = reservation("urn:j", agreement_id, site.dataset.id, state=state, committed_rounds=rounds)
    with site.ports.store.write() as tx:
        tx.reservations.put(kept)
    assert promised(site, days=31)[0] == expected


def test_an_expired_contract_with_several_jobs_counts_in_full(
    site: Node, agreement_id: str
) -> None:
    assert site.dataset is not None
    with site.ports.store.write() as tx:
        for name in ("urn:j1", "urn:j2"):
            tx.reservations.put(reservation(name, agreement_id, site.dataset.id, epsilon=0.5))
    assert promised(site, days=31) == (3.0, 1e-5)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (NegotiationState.AGREED, 3.0),
        (NegotiationState.VERIFIED, 3.0),
        (NegotiationState.FINALIZED, 3.0),
        (NegotiationState.TERMINATED, 0.0),
    ],
)
def test_a_negotiation_counts_from_agreed_on(
    federation: Federation, site: Node, state: NegotiationState, expected: float
) -> None:
    agreement = federation.agreements[SITES[0]]
    with site.ports.store.write() as tx:
        tx.negotiations.put(negotiation(agreement.pid, state))
        tx.agreements.put(replace(agreement, finalized=state is NegotiationState.FINALIZED))
    assert promised(site)[0] == expected


def test_our_own_contracts_as_consumer_do_not_count(federation: Federation, site: Node) -> None:
    agreement = federation.agreements[SITES[0]]
    with site.ports.store.write() as tx:
        tx.agreements.put(replace(agreement, role=Role.CONSUMER))
    assert promised(site) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("epsilon", "delta", "code"),
    [
        (1.5, 1e-5, None),
        (1.5 + 1e-12, 1e-5, None),
        (1.51, 1e-5, "CAP_EXCEEDED"),
        (1.0, 2.1e-5, "CAP_EXCEEDED"),
        (float("inf"), 1e-5, "CAP_EXCEEDED"),
        (float("nan"), 1e-5, "CAP_EXCEEDED"),
    ],
)
def test_a_further_contract_fits_under_the_cap_or_not(
    site: Node, epsilon: float, delta: float, code: str | None
) -> None:
    assert site.dataset is not None
    with site.ports.store.write() as tx:
        refusal = budget.check_agreement(tx, site.register, epsilon, delta, NOW)
    assert (refusal.code if refusal else None) == code
    if refusal:
        assert "left" in refusal.reasons[0]
        assert "was asked" in refusal.reasons[0]


def test_the_contract_that_is_decided_does_not_count_against_itself(
    site: Node, agreement_id: str
) -> None:
    assert site.dataset is not None
    with site.ports.store.write() as tx:
        assert budget.check_agreement(tx, site.register, 3.0, 1e-5, NOW) is not None
        excluding = budget.check_agreement(
            tx, site.register, 3.0, 1e-5, NOW, excluding=agreement_id
        )
    assert excluding is None


def test_a_dataset_without_persons_has_no_cap(site: Node) -> None:
    assert site.dataset is not None
    with site.ports.store.write() as tx:
        free = replace(site.register, cap=None)
        assert budget.check_agreement(tx, free, 1e9, 0.5, NOW) is None


def decide(federation: Federation, site: Node, **changes: object) -> str | None:
    agreement = federation.agreements[SITES[0]]
    assert site.dataset is not None
    with site.ports.store.read() as tx:
        seen = budget.spending(tx, site.register)
    new = reservation("urn:new", agreement.id, site.dataset.id, **changes)
    figures = budget.account(site.accountant, seen, agreement, new, 1e-5)
    refusal = budget.check_job(figures, agreement, site.register)
    return refusal.code if refusal else None


def spend(site: Node, agreement_id: str, **changes: object) -> None:
    assert site.dataset is not None
    with site.ports.store.write() as tx:
        name = f"urn:j{len(tx.reservations.find())}"
        tx.reservations.put(reservation(name, agreement_id, site.dataset.id, **changes))


def test_jobs_of_a_contract_compose(federation: Federation, site: Node, agreement_id: str) -> None:
    spend(site, agreement_id)
    assert decide(federation, site) is None
    spend(site, agreement_id)
    assert decide(federation, site) == "BUDGET_EXCEEDED"


def test_what_was_not_committed_is_free_after_the_end(
    federation: Federation, site: Node, agreement_id: str
) -> None:
    spend(site, agreement_id)
    spend(site, agreement_id, state=ReservationState.CLOSED, committed_rounds=0)
    assert decide(federation, site) is None
    spend(site, agreement_id, state=ReservationState.CLOSED, committed_rounds=1)
    assert decide(federation, site) == "BUDGET_EXCEEDED"


def test_jobs_of_all_contracts_compose_against_the_cap(federation: Federation, site: Node) -> None:
    spend(site, "urn:another")
    assert decide(federation, site) is None
    spend(site, "urn:another")
    spend(site, "urn:another", epsilon=1.5)
    assert decide(federation, site) == "CAP_EXCEEDED"


def test_the_reason_says_what_is_left_and_what_was_asked(
    federation: Federation, site: Node, agreement_id: str
) -> None:
    spend(site, agreement_id, steps=8)
    agreement = federation.agreements[SITES[0]]
    assert site.dataset is not None
    with site.ports.store.read() as tx:
        seen = budget.spending(tx, site.register)
    new = reservation("urn:new", agreement.id, site.dataset.id)
    figures = budget.account(site.accountant, seen, agreement, new, 1e-5)
    refusal = budget.check_job(figures, agreement, site.register)
    assert refusal is not None
    assert refusal.reasons == ("the contract has ε 1 of 3 left, the job asks 1.5 (together 3.5)",)


def test_a_dataset_without_cap_knows_only_the_contract(federation: Federation, site: Node) -> None:
    with site.ports.store.write() as tx:
        tx.registers.put(replace(site.register, cap=None))
    spend(site, "urn:another", steps=600)
    assert decide(federation, site) is None


def test_each_figure_is_asked_at_its_own_delta(federation: Federation, site: Node) -> None:
    agreement = federation.agreements[SITES[0]]
    assert site.dataset is not None
    asked: list[float] = []

    class Deltas:
        def epsilons(self, cases: Sequence[tuple[object, float]]) -> list[float]:
            asked.extend(delta for _, delta in cases)
            return [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]

    new = reservation("urn:new", agreement.id, site.dataset.id)
    seen = budget.Spending(site.register, ())
    figures = budget.account(Deltas(), seen, agreement, new, 1e-6)
    assert asked == [1e-6, 1e-5, 1e-5, 1e-5, 3e-5, 3e-5]
    assert figures == budget.Figures(1.0, 2.0, 3.0, 4.0, 5.0, 6.0)


def test_events_without_finite_cost_are_over_any_budget(federation: Federation, site: Node) -> None:
    site.accountant.boundless = True
    assert decide(federation, site) == "BUDGET_EXCEEDED"


def test_an_accountant_that_fails_decides_nothing(federation: Federation, site: Node) -> None:
    site.accountant.failure = WorkerFailed("gone")
    with pytest.raises(WorkerFailed):
        decide(federation, site)


def test_reserving_demands_that_nothing_was_added_meanwhile(site: Node) -> None:
    assert site.dataset is not None
    store, dataset_id = site.ports.store, site.dataset.id
    with store.read() as tx:
        seen = budget.spending(tx, site.register)
    with store.write() as tx:
        assert budget.reserve(tx, seen, reservation("urn:1", "urn:a", dataset_id))
    with store.write() as tx:
        assert not budget.reserve(tx, seen, reservation("urn:2", "urn:a", dataset_id))
        assert budget.reserve(tx, seen, reservation("urn:1", "urn:a", dataset_id))
    with store.read() as tx:
        assert [item.job_id for item in tx.reservations.find()] == ["urn:1"]
        seen = budget.spending(tx, site.register)
    with store.write() as tx:
        budget.release(tx, "urn:1")  # less is counted now: what was accounted still covers it
        assert budget.reserve(tx, seen, reservation("urn:2", "urn:a", dataset_id))


@pytest.fixture
def reserved(site: Node) -> Node:
    assert site.dataset is not None
    with site.ports.store.write() as tx:
        tx.reservations.put(reservation("urn:j", "urn:a", site.dataset.id))
    return site


def test_rounds_are_committed_once_and_in_order(reserved: Node) -> None:
    with reserved.ports.store.write() as tx:
        assert budget.commit_round(tx, "urn:j", 1).committed_rounds == 1
        assert budget.commit_round(tx, "urn:j", 1).committed_rounds == 1
        with pytest.raises(RoundRefused, match="round 2 is next"):
            budget.commit_round(tx, "urn:j", 3)
        assert budget.commit_round(tx, "urn:j", 2).committed_rounds == 2
        assert budget.commit_round(tx, "urn:j", 1).committed_rounds == 2


def test_no_round_beyond_what_was_reserved(reserved: Node) -> None:
    with reserved.ports.store.write() as tx:
        for number in (1, 2, 3):
            budget.commit_round(tx, "urn:j", number)
        with pytest.raises(BudgetExceeded):
            budget.commit_round(tx, "urn:j", 4)


def test_a_closed_reservation_spends_nothing_more(reserved: Node) -> None:
    with reserved.ports.store.write() as tx:
        budget.commit_round(tx, "urn:j", 1)
        budget.release(tx, "urn:j")
        budget.release(tx, "urn:j")
        with pytest.raises(RoundRefused, match="closed"):
            budget.commit_round(tx, "urn:j", 2)
        kept = tx.reservations.get("urn:j")
    assert kept is not None
    assert (kept.state, kept.counted_steps) == (ReservationState.CLOSED, 2)


def test_a_job_without_reservation_commits_nothing(site: Node) -> None:
    with site.ports.store.write() as tx, pytest.raises(NotFound):
        budget.commit_round(tx, "urn:none", 1)


def test_concurrent_jobs_cannot_overspend(federation: Federation, site: Node) -> None:
    """Two jobs of ε 1.5 fit into ε 3; five are asked at once, all accounted before any reserves."""
    bodies = [federation.submission() for _ in range(5)]
    together = threading.Barrier(5)
    first = threading.local()

    def meet() -> None:
        if not getattr(first, "met", False):
            first.met = True
            together.wait(20)

    site.accountant.before = meet
    settings = replace(site.ports.settings, max_jobs_per_lead=5)
    site.ports = replace(site.ports, settings=settings)
    answers: list[bool] = []

    def ask(body: dict[str, object]) -> None:
        answers.append(bool(federation.ask(site, body)["accepted"]))

    threads = [threading.Thread(target=ask, args=(body,)) for _, body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(answers) == [False, False, False, True, True]
    with site.ports.store.read() as tx:
        assert len(tx.reservations.find(state=ReservationState.OPEN)) == 2


def test_the_report_tells_spent_from_reserved(site: Node, agreement_id: str) -> None:
    spend(site, agreement_id, committed_rounds=1)
    spend(site, agreement_id, state=ReservationState.CLOSED, committed_rounds=2)
    (found,) = report(site.ports)
    assert (found.cap_epsilon, found.promised_epsilon) == (4.5, 3.0)
    assert (found.spent, found.reserved, found.left) == (1.5, 2.5, 2.0)
    (line,) = found.agreements
    assert (line.epsilon, line.spent, line.reserved, line.left) == (3.0, 1.5, 2.5, 0.5)
    assert [(job.open, job.committed_rounds, job.rounds) for job in line.jobs] == [
        (True, 1, 3),
        (False, 2, 3),
    ]


def test_the_report_of_one_dataset_or_of_none(site: Node) -> None:
    assert site.dataset is not None
    assert len(report(site.ports, site.dataset.id)) == 1
    assert report(site.ports, "urn:none") == []
    with site.ports.store.write() as tx:
        tx.registers.put(replace(site.register, cap=None))
    assert report(site.ports) == []
