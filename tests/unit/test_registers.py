"""Registers of persons: declared once, shared by datasets, and never a refund."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.domain.catalog.dataset import PrivacyCap
from connector.domain.privacy.register import Register, own_register
from connector.errors import (
    ConfigurationInvalid,
    DescriptionIncomplete,
    NotFound,
    PersonsOverlap,
    PreauError,
    RegisterFixed,
)
from connector.identity.descriptions import dataset_facts
from connector.identity.descriptions import description as descriptions
from connector.services.privacy import budget, registers
from connector.services.publication import publish
from federated.privacy.rule import Accounting, Rule, order_for
from tests.support.each import over
from tests.support.federation import reservation
from tests.support.link import DATASET, Link, Node, description, link

PUPILS = "urn:register:pupils"
CAP = PrivacyCap(6.0, 1e-4)
SUMS = Accounting(Rule.SUMS)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path) as pair:
        yield pair


@pytest.fixture
def school(pair: Link) -> Node:
    return pair.school


def described(pair: Link, dataset: str = DATASET, **changes: Any) -> dict[str, Any]:
    """Return a description that states the register's cap or none."""
    raw = {**description(pair.folder, cap={"epsilon": 6, "delta": 1e-4}), "id": dataset, **changes}
    return {name: value for name, value in raw.items() if value is not None}


def refused(school: Node, raw: dict[str, Any], code: type[PreauError]) -> str:
    before = school.state_of_everything()
    with pytest.raises(code) as refusal:
        publish.publish(school.ports, raw)
    assert school.state_of_everything() == before
    return refusal.value.reason


def spend(school: Node, dataset: str) -> None:
    """Let a job of some contract spend of a dataset's register."""
    with school.ports.store.write() as tx:
        register = registers.register_of(tx, publish.dataset(school.ports, dataset))
        kept = reservation("urn:j", "urn:a", dataset)
        assert budget.reserve(
            tx, budget.spending(tx, register), replace(kept, register_id=register.id)
        )


def kept(school: Node, register_id: str) -> Register:
    with school.ports.store.read() as tx:
        found = tx.registers.get(register_id)
    assert found is not None
    return found


def test_a_dataset_that_names_none_declares_its_own(pair: Link, school: Node) -> None:
    published = publish.publish(school.ports, described(pair))
    assert published.register_id == own_register(DATASET)
    assert (published.cap, kept(school, published.register_id).cap) == (CAP, CAP)
    assert kept(school, published.register_id).accounting == SUMS
    (entry,) = school.log("register.declared")
    assert entry.subject == published.register_id


def test_two_datasets_share_a_declared_register_and_its_cap(pair: Link, school: Node) -> None:
    registers.declare(school.ports, PUPILS, CAP)
    first = publish.publish(school.ports, described(pair, register=PUPILS, cap=None))
    second = publish.publish(school.ports, described(pair, "urn:b", register=PUPILS, cap=None))
    assert first.register_id == second.register_id == PUPILS
    assert first.cap == second.cap == CAP
    spend(school, "urn:b")
    with school.ports.store.read() as tx:
        assert len(budget.spending(tx, registers.register_of(tx, first)).reservations) == 1


def test_the_same_declaration_again_changes_nothing(school: Node) -> None:
    first = registers.declare(school.ports, PUPILS, CAP)
    assert registers.declare(school.ports, PUPILS, CAP) == first
    assert registers.registers(school.ports).values == (first,)
    assert len(school.log("register.declared")) == 1


@pytest.mark.parametrize(
    ("cap", "rule", "order"),
    [
        (PrivacyCap(6.1, 1e-4), Rule.SUMS, 0),
        (PrivacyCap(5.0, 1e-4), Rule.SUMS, 0),
        (CAP, Rule.RENYI, 8),
    ],
)
def test_another_declaration_of_the_same_register_is_refused(
    school: Node, cap: PrivacyCap, rule: Rule, order: int
) -> None:
    first = registers.declare(school.ports, PUPILS, CAP)
    with pytest.raises(RegisterFixed):
        registers.declare(school.ports, PUPILS, cap, rule, order)
    assert registers.registers(school.ports).values == (first,)


def test_a_register_that_was_never_declared_is_refused(pair: Link, school: Node) -> None:
    assert PUPILS in refused(school, described(pair, register=PUPILS), NotFound)


def test_publishing_again_lowers_the_cap_and_does_not_raise_it(pair: Link, school: Node) -> None:
    publish.publish(school.ports, described(pair))
    for raised in ({"epsilon": 6.5, "delta": 1e-4}, {"epsilon": 6, "delta": 2e-4}):
        assert "not rise by itself" in refused(school, described(pair, cap=raised), RegisterFixed)
    lowered = publish.publish(school.ports, described(pair, cap={"epsilon": 4, "delta": 1e-5}))
    assert kept(school, lowered.register_id).cap == lowered.cap == PrivacyCap(4.0, 1e-5)
    assert len(school.log("register.lowered")) == 1
    recorded = school.ports.charges.recorded()
    assert recorded is not None
    assert recorded.registers[lowered.register_id].cap == lowered.cap
    refused(school, described(pair), RegisterFixed)


def test_a_dataset_with_spending_stays_in_its_register(pair: Link, school: Node) -> None:
    registers.declare(school.ports, PUPILS, CAP)
    own = publish.publish(school.ports, described(pair)).register_id
    spend(school, DATASET)
    assert own in refused(school, described(pair, register=PUPILS), RegisterFixed)
    assert publish.publish(school.ports, described(pair)).register_id == own
    assert publish.publish(school.ports, described(pair, register=own)).register_id == own


def test_a_dataset_that_only_its_jobs_tell_of_stays_in_their_register(
    pair: Link, school: Node
) -> None:
    """A restored database may not know the data set."""
    registers.declare(school.ports, PUPILS, CAP)
    with school.ports.store.write() as tx:
        lost = replace(reservation("urn:j", "urn:a", DATASET), register_id=PUPILS)
        tx.reservations.put(lost)
    own = own_register(DATASET)
    assert PUPILS in refused(school, described(pair, register=own), RegisterFixed)
    published = publish.publish(school.ports, described(pair))
    assert published.register_id == PUPILS
    with school.ports.store.read() as tx:
        assert len(budget.spending(tx, kept(school, PUPILS)).reservations) == 1


def test_persons_of_a_register_that_only_jobs_tell_of_are_asked_about(
    pair: Link, school: Node
) -> None:
    registers.declare(school.ports, PUPILS, CAP)
    with school.ports.store.write() as tx:
        tx.reservations.put(replace(reservation("urn:j", "urn:a", "urn:lost"), register_id=PUPILS))
    assert PUPILS in refused(school, described(pair), PersonsOverlap)
    same = publish.publish(school.ports, described(pair, "urn:lost", register=PUPILS))
    assert same.register_id == PUPILS


def test_a_dataset_without_contracts_may_join_another_register(pair: Link, school: Node) -> None:
    registers.declare(school.ports, PUPILS, CAP)
    publish.publish(school.ports, described(pair))
    assert publish.publish(school.ports, described(pair, register=PUPILS)).register_id == PUPILS
    again = publish.publish(school.ports, described(pair))  # names none: it stays
    assert again.register_id == PUPILS


def test_a_round_is_counted_in_the_register_once(pair: Link, school: Node) -> None:
    register_id = publish.publish(school.ports, described(pair)).register_id
    spend(school, DATASET)
    for number in (1, 1, 2):
        with school.ports.store.write() as tx:
            budget.commit_round(tx, "urn:j", number)
    assert kept(school, register_id).charges == 2


def test_a_cap_that_fell_meanwhile_is_seen_before_a_job_reserves(pair: Link, school: Node) -> None:
    published = publish.publish(school.ports, described(pair))
    with school.ports.store.read() as tx:
        seen = budget.spending(tx, registers.register_of(tx, published))
    publish.publish(school.ports, described(pair, cap={"epsilon": 4, "delta": 1e-5}))
    with school.ports.store.write() as tx:
        assert not budget.reserve(tx, seen, reservation("urn:j", "urn:a", DATASET))
        again = budget.spending(tx, registers.register_of(tx, published))
        assert budget.reserve(tx, again, reservation("urn:j", "urn:a", DATASET))


def test_personal_data_needs_a_cap_from_somewhere(pair: Link, school: Node) -> None:
    free = described(pair, "urn:free", personal=False, cap=None)
    register = publish.publish(school.ports, free).register_id
    raw = described(pair, register=register, cap=None)
    assert "cap {epsilon, delta}" in refused(school, raw, DescriptionIncomplete)
    assert publish.publish(school.ports, {**raw, "cap": {"epsilon": 3, "delta": 1e-5}}).cap


@over(
    ("register", "cap", "rule", "order"),
    [
        ("pupils", CAP, Rule.SUMS, 0),
        (PUPILS, CAP, Rule.SUMS, 8),
        (PUPILS, CAP, Rule.RENYI, 1),
        (PUPILS, CAP, Rule.RENYI, 2),  # ln(1/δ) alone is above ε there
        (PUPILS, PrivacyCap(0.0, 1e-4), Rule.SUMS, 0),
        (PUPILS, PrivacyCap(float("nan"), 1e-4), Rule.RENYI, 0),
        (PUPILS, PrivacyCap(1.0, 1.0), Rule.RENYI, 0),
    ],
)
def test_a_declaration_that_is_none_is_refused(
    school: Node, register: str, cap: PrivacyCap, rule: Rule, order: int
) -> None:
    with pytest.raises(ConfigurationInvalid):
        registers.declare(school.ports, register, cap, rule, order)
    assert registers.registers(school.ports).values == ()


def test_the_rule_that_a_description_states_is_that_of_its_own_register_for_good(
    pair: Link, school: Node
) -> None:
    stated = {"rule": "renyi", "order": 12}
    published = publish.publish(school.ports, described(pair, accounting=stated))
    found = kept(school, published.register_id).accounting
    assert found == Accounting(Rule.RENYI, 12)
    for other in ({"rule": "sums"}, {"rule": "renyi", "order": 13}):
        assert "be changed" in refused(school, described(pair, accounting=other), RegisterFixed)
    for same in (None, {"rule": "renyi"}, stated):
        again = publish.publish(school.ports, described(pair, accounting=same))
        assert kept(school, again.register_id).accounting == found


def test_the_order_follows_from_the_cap_where_none_is_stated(pair: Link, school: Node) -> None:
    published = publish.publish(school.ports, described(pair, accounting={"rule": "renyi"}))
    assert kept(school, published.register_id).accounting.order == order_for(6.0, 1e-4)


def test_the_description_states_rule_and_neighbours(pair: Link, school: Node) -> None:
    published = publish.publish(school.ports, described(pair, accounting={"rule": "renyi"}))
    subject = descriptions.verify_description(published.credential, school.member.document, DATASET)
    assert subject["preau:governance"]["preau:accounting"] == {
        "preau:rule": "renyi",
        "preau:adjacency": "add-or-remove-one",
    }
    assert dataset_facts.read_facts(subject).rule is Rule.RENYI
