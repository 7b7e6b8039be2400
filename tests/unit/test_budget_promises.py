"""What contracts promise of a dataset's privacy, and what jobs may spend of it."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from connector.domain.contract.negotiation import Agreement, Negotiation, NegotiationState, Role
from connector.domain.privacy.budget import ReservationState
from connector.domain.privacy.tally import Forfeit
from connector.errors import BudgetExceeded, NotFound, RoundRefused, RowDamaged, WorkerFailed
from connector.services.negotiation import steps
from connector.services.privacy import budget, standing
from connector.services.privacy.budget import budget_of
from federated.privacy.ledger import Budget
from federated.privacy.rule import Accounting, Rule, order_for
from tests.support import stored
from tests.support.contracts import NOW, of_version
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


def negotiation(agreement: Agreement, state: NegotiationState) -> Negotiation:
    changes = {"role": Role.PROVIDER, "agreement_id": agreement.id, "updated_at": NOW}
    return stored.negotiation(agreement.pid, state=state, **changes)


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


def test_an_expired_contract_counts_its_jobs_and_never_more_than_it_allowed(
    site: Node, agreement_id: str
) -> None:
    assert site.dataset is not None
    with site.ports.store.write() as tx:
        for name in ("urn:j1", "urn:j2"):
            tx.reservations.put(reservation(name, agreement_id, site.dataset.id, epsilon=0.5))
    assert promised(site, days=31) == (1.0, 2e-6)
    with site.ports.store.write() as tx:
        tx.reservations.put(reservation("urn:j3", agreement_id, site.dataset.id, epsilon=2.5))
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
        tx.agreements.put(replace(agreement, finalized=state is NegotiationState.FINALIZED))
        steps.store(tx, negotiation(agreement, state))
    assert promised(site)[0] == expected


def test_our_own_contracts_as_consumer_do_not_count(federation: Federation, site: Node) -> None:
    agreement = federation.agreements[SITES[0]]
    with site.ports.store.write() as tx:
        tx.agreements.put(replace(agreement, role=Role.CONSUMER))
    assert promised(site) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("agreement_known", "changes", "left"),
    [
        (True, {}, 1.5),
        (False, {}, 3.0),
        (False, {"state": ReservationState.CLOSED, "committed_rounds": 1}, 3.0),
        (False, {"state": ReservationState.CLOSED}, 4.5),
    ],
    ids=["in a contract", "open", "ended", "never asked"],
)
def test_a_job_whose_contract_was_lost_counts_against_what_is_promised(
    site: Node,
    agreement_id: str,
    agreement_known: bool,  # noqa: FBT001 - a parameter of the test
    changes: dict[str, object],
    left: float,
) -> None:
    """A recovery knows the job, and no contract; one that is known counts in full already."""
    spend(site, agreement_id, **changes)
    with site.ports.store.write() as tx:
        if not agreement_known:
            tx.agreements.remove(agreement_id)
        assert budget.check_agreement(tx, site.register, left, 1e-5, NOW) is None
        refusal = budget.check_agreement(tx, site.register, left + 0.01, 1e-5, NOW)
    assert refusal is not None
    assert refusal.code == "CAP_EXCEEDED"
    (found,) = standing.registers(site.ports).values
    assert found.unpromised == left


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
        assert "asked for" in refusal.reasons[0]


def test_a_dataset_without_persons_has_no_cap(site: Node) -> None:
    assert site.dataset is not None
    with site.ports.store.write() as tx:
        free = replace(site.register, cap=None)
        assert budget.check_agreement(tx, free, 1e9, 0.5, NOW) is None


def weighed(federation: Federation, site: Node, **changes: object) -> budget.Figures:
    agreement = federation.agreements[SITES[0]]
    assert site.dataset is not None
    with site.ports.store.read() as tx:
        seen = budget.spending(tx, site.register)
    new = reservation("urn:new", agreement.id, site.dataset.id, **changes)
    return budget.account(site.accountant, seen, agreement, new)


def decide(federation: Federation, site: Node, **changes: object) -> str | None:
    refusal = budget.check_job(weighed(federation, site, **changes))
    return refusal.code if refusal else None


def spend(site: Node, agreement_id: str, **changes: object) -> None:
    assert site.dataset is not None
    with site.ports.store.write() as tx:
        name = f"urn:j{len(tx.reservations.find())}"
        tx.reservations.put(reservation(name, agreement_id, site.dataset.id, **changes))


def test_jobs_of_a_contract_add_up(federation: Federation, site: Node, agreement_id: str) -> None:
    spend(site, agreement_id)
    assert decide(federation, site) is None
    spend(site, agreement_id)
    assert decide(federation, site) == "BUDGET_EXCEEDED"


def test_the_deltas_of_jobs_add_up_too(
    federation: Federation, site: Node, agreement_id: str
) -> None:
    spend(site, agreement_id, delta=9e-6)
    assert decide(federation, site, delta=1e-6) is None
    assert decide(federation, site, delta=2e-6) == "BUDGET_EXCEEDED"


def test_an_ended_job_keeps_its_whole_charge_unless_it_never_ran(
    federation: Federation, site: Node, agreement_id: str
) -> None:
    spend(site, agreement_id)
    spend(site, agreement_id, state=ReservationState.CLOSED, committed_rounds=0)
    assert decide(federation, site) is None
    spend(site, agreement_id, state=ReservationState.CLOSED, committed_rounds=1)
    assert decide(federation, site) == "BUDGET_EXCEEDED"


def test_under_renyi_what_was_not_committed_is_free_after_the_end(tmp_path: Path) -> None:
    federation = Federation(tmp_path, accounting=Accounting(Rule.RENYI, 64))
    site, agreement_id = federation.site(), federation.agreements[SITES[0]].id
    spend(site, agreement_id)  # a divergence of 1.5, of 2.87 at that order
    assert decide(federation, site) == "BUDGET_EXCEEDED"
    with site.ports.store.write() as tx:
        budget.commit_round(tx, "urn:j0", 1)
        budget.release(tx, "urn:j0")
    assert decide(federation, site) is None
    spend(site, agreement_id, rounds=4)
    assert decide(federation, site) == "BUDGET_EXCEEDED"


def test_contract_and_register_count_by_their_own_rules(tmp_path: Path) -> None:
    federation = Federation(tmp_path, accounting=Accounting(Rule.RENYI, 64))
    site = federation.site()
    contract, register = weighed(federation, site).levels
    assert contract.budget == Budget(3.0, 1e-5, Accounting(Rule.RENYI, 64))
    assert register.budget == Budget(4.5, 3e-5, Accounting(Rule.SUMS))
    assert (contract.before, contract.job) == ((0.0,), (1.5,))
    assert (register.before, register.job) == ((0.0, 0.0), (1.5, 1e-6))


def test_a_contract_of_version_1_is_held_to_renyi_at_an_order_of_its_budget(
    federation: Federation,
) -> None:
    agreement = federation.agreements[SITES[0]]
    older = replace(agreement, document=of_version(agreement.document, 1))
    assert budget_of(older) == Budget(3.0, 1e-5, Accounting(Rule.RENYI, order_for(3.0, 1e-5)))
    assert budget_of(agreement).accounting == Accounting(Rule.SUMS)


def test_jobs_of_all_contracts_add_up_against_the_cap(federation: Federation, site: Node) -> None:
    spend(site, "urn:another")
    assert decide(federation, site) is None
    spend(site, "urn:another")
    spend(site, "urn:another", epsilon=1.5)
    assert decide(federation, site) == "CAP_EXCEEDED"


def test_a_contract_runs_no_endless_number_of_jobs(
    federation: Federation,
    site: Node,
    agreement_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(budget, "MOST_JOBS", 2)
    spend(site, agreement_id, epsilon=1e-6)
    spend(site, agreement_id, state=ReservationState.CLOSED)  # it was never asked anything
    spend(site, "urn:another", epsilon=1e-6)
    assert decide(federation, site) is None
    spend(site, agreement_id, epsilon=1e-6)
    refusal = budget.check_job(weighed(federation, site))
    assert refusal is not None
    assert refusal.reasons == ("the contract has run 2 jobs, as many as it may",)


def test_the_reason_says_what_is_left_and_what_was_asked(
    federation: Federation, site: Node, agreement_id: str
) -> None:
    spend(site, agreement_id, epsilon=2.0)
    refusal = budget.check_job(weighed(federation, site))
    assert refusal is not None
    (reason,) = refusal.reasons
    assert reason.startswith("the contract has ε 1 of 3 left, 1.5 asked for")
    assert reason.endswith("δ 9e-06 of 1e-05 left, 1e-06 asked for (sums)")


def test_a_register_without_cap_knows_only_the_contract(federation: Federation, site: Node) -> None:
    assert site.dataset is not None
    register = site.register
    with site.ports.store.write() as tx:
        tx.registers.put(replace(register, cap=None))
    spend(site, "urn:another", epsilon=600.0)
    with pytest.raises(RowDamaged, match="has no cap on record"):
        decide(federation, site)  # of persons
    site.dataset = replace(site.dataset, personal=False)
    assert decide(federation, site) is None


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
    assert kept.state is ReservationState.CLOSED
    assert (kept.counted_rounds(Rule.RENYI), kept.counted_rounds(Rule.SUMS)) == (1, 3)


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
    spend(site, agreement_id)
    spend(site, agreement_id, state=ReservationState.CLOSED, committed_rounds=2, epsilon=1.0)
    (found,) = standing.registers(site.ports).values
    assert site.dataset is not None
    assert (found.datasets, found.promised_epsilon) == ((site.dataset.id,), 3.0)
    whole = found.standing
    assert (whole.budget.epsilon, whole.spent, whole.reserved, whole.left) == (4.5, 1.0, 2.5, 2.0)
    (line,) = standing.contracts(site.ports).values
    own = line.standing
    assert (own.spent, own.reserved, own.left) == (1.0, 2.5, 0.5)
    assert own.would_leave[Rule.SUMS] == own.left
    assert own.would_leave[Rule.RENYI] == 0  # both count 2.5 of the 1.95 at its order
    assert not own.beyond
    assert [job.committed_rounds for job in line.jobs] == [0, 2]


def test_the_report_tells_what_is_beyond_its_rule(site: Node, agreement_id: str) -> None:
    for _ in range(3):
        spend(site, agreement_id)
    (found,) = standing.registers(site.ports).values
    (line,) = standing.contracts(site.ports).values
    assert (line.standing.beyond, line.standing.left) == (True, 0.0)
    assert not found.standing.beyond
    assert standing.beyond(site.ports.store, site.ports.accountant) == {
        f"contract `{agreement_id}`": "sums"
    }


def test_the_report_leaves_nothing_of_what_counts_in_full(site: Node, agreement_id: str) -> None:
    def left() -> tuple[float, float]:
        (found,) = standing.registers(site.ports).values
        assert (found.unpromised > 0) == (found.standing.left > 0)
        (line,) = standing.contracts(site.ports).values
        assert (found.standing.left > 0) == (found.standing.would_leave[Rule.SUMS] > 0)
        return found.standing.left, line.standing.left

    assert left() == (4.5, 3.0)
    with site.ports.store.write() as tx:
        tx.forfeits.put(Forfeit(agreement_id, 1, "counts in full", NOW))
    assert left() == (4.5, 0.0)
    with site.ports.store.write() as tx:
        tx.forfeits.put(Forfeit(site.register.id, 1, "counts in full", NOW))
    assert left() == (0.0, 0.0)


def test_the_report_of_one_dataset_or_of_none(site: Node) -> None:
    assert site.dataset is not None
    for ask in (standing.registers, standing.contracts):
        assert len(ask(site.ports, site.dataset.id).values) == 1
        with pytest.raises(NotFound, match="no dataset `urn:none`"):
            ask(site.ports, "urn:none")
    with site.ports.store.write() as tx:
        (agreement,) = tx.agreements.find()
        tx.agreements.put(replace(agreement, epsilon=0.0, delta=0.0))  # of rows, or exact tables
        tx.registers.put(replace(site.register, cap=None))
    assert standing.contracts(site.ports).values == ()
    for name in ("", site.dataset.id):
        assert standing.registers(site.ports, name).values == ()
