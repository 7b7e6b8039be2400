"""Two registers of the same persons become one, and nothing that was spent is refunded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.domain.catalog.dataset import PrivacyCap
from connector.domain.privacy.tally import Forfeit
from connector.errors import CapExceeded, InRecovery, NotFound, PersonsOverlap, RegisterFixed
from connector.ports import Transaction
from connector.services.continuity.counting import forfeited
from connector.services.privacy import budget, registers, standing
from connector.services.privacy.merging import merge
from connector.services.publication import checking, publish
from connector.services.publication.verdicts import passed
from federated.privacy.rule import Accounting, Rule
from tests.support.contracts import NOW
from tests.support.federation import reservation
from tests.support.federation_workers import AdditiveAccountant
from tests.support.link import DATASET, Link, Node, description, link

OTHER, THIRD = "urn:example:other", "urn:example:third"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path) as pair:
        yield pair


@pytest.fixture
def school(pair: Link) -> Node:
    return pair.school


def put(pair: Link, name: str, *pupils: str, **changes: Any) -> str:
    """Publish a file with these pupils, as of a release that compared no persons."""
    path = pair.folder / f"{name[-5:]}.csv"
    rows = "".join(f"{pupil},2,410\n" for pupil in pupils)
    path.write_text(f"pupil,grade,reading\n{rows}", encoding="utf-8")
    file = {"path": str(path), "format": "csv"}
    raw = description(pair.folder, id=name, file=file, **changes)
    register = publish.publish(pair.school.ports, raw, distinct="not asked then").register_id
    with pair.school.ports.store.write() as tx:
        tx.censuses.remove(name)
        tx.persons.remove(register)
    return register


def spend(school: Node, job: str, dataset: str, register: str, rounds: int) -> None:
    with school.ports.store.write() as tx:
        tx.reservations.put(reservation(job, f"urn:contract:{job}", dataset))
        for number in range(1, rounds + 1):
            budget.commit_round(tx, job, number)
        assert tx.reservations.find(register_id=register)


def jobs_run(tx: Transaction) -> dict[str, bool]:
    return {each.id: passed(tx, each) for each in tx.datasets.find()}


def test_both_count_in_the_one_that_stays_under_the_smaller_cap(pair: Link, school: Node) -> None:
    first = put(pair, DATASET, "p1", "p2", cap={"epsilon": 10, "delta": 2e-5})
    second = put(pair, OTHER, "p2", "p3", cap={"epsilon": 12, "delta": 1e-5})
    spend(school, "urn:j1", DATASET, first, 2)
    spend(school, "urn:j2", OTHER, second, 1)
    checking.sweep(school.ports)
    with school.ports.store.read() as tx:
        assert jobs_run(tx) == {DATASET: False, OTHER: False}
    kept = merge(school.ports, second, first)
    assert (kept.charges, kept.cap) == (3, PrivacyCap(10, 1e-5))
    with school.ports.store.read() as tx:
        assert jobs_run(tx) == {DATASET: True, OTHER: True}
        assert {each.register_id for each in tx.datasets.find()} == {first}
        assert {each.job_id for each in tx.reservations.find(register_id=first)} == {
            "urn:j1",
            "urn:j2",
        }
        (persons,) = tx.persons.find()
        left = tx.registers.get(second)
    assert (persons.register_id, persons.persons) == (first, 3)
    assert persons.digests == b"".join(sorted(persons.digests[i : i + 8] for i in (0, 8, 16)))
    assert left is not None
    assert left.charges == 1  # what was counted is never counted down


def test_the_one_that_is_left_is_marked_and_counts_as_nobodys_budget(
    pair: Link, school: Node
) -> None:
    first, second = put(pair, DATASET, "p1"), put(pair, OTHER, "p1")

    def counted() -> set[str]:
        ports = replace(school.ports, accountant=AdditiveAccountant())
        return {each.register_id for each in standing.registers(ports).values}

    def marks() -> dict[str, str]:
        page = registers.registers(school.ports)
        return {each.id: each.merged_into for each in page.values}

    assert marks() == {first: "", second: ""}
    assert counted() == {first, second}
    merge(school.ports, second, first)
    assert marks() == {first: "", second: first}
    assert counted() == {first}


def test_what_names_the_one_that_is_left_counts_in_the_one_that_stays(
    pair: Link, school: Node
) -> None:
    first, second, third = (put(pair, name, "p1") for name in (DATASET, OTHER, THIRD))
    checking.sweep(school.ports)
    merge(school.ports, third, second)
    merge(school.ports, second, first)
    for emptied in (third, second, first):
        raw = description(pair.folder, id=f"{emptied}:again", register=emptied)
        raw["file"]["path"] = str(pair.folder / f"{OTHER[-5:]}.csv")
        assert publish.publish(school.ports, raw).register_id == first
    elsewhere = registers.declare(school.ports, "urn:r:elsewhere", PrivacyCap(1, 1e-6)).id
    with pytest.raises(PersonsOverlap):
        publish.publish(school.ports, {**raw, "id": "urn:example:fifth", "register": elsewhere})
    with pytest.raises(RegisterFixed):
        merge(school.ports, first, third)


def test_what_counts_in_full_counts_so_in_the_one_that_stays(pair: Link, school: Node) -> None:
    first, second = put(pair, DATASET, "p1"), put(pair, OTHER, "p1")
    checking.sweep(school.ports)
    with school.ports.store.write() as tx:
        tx.forfeits.put(Forfeit(second, 1, "counts in full", NOW))
        before = tx.registers.get(first)
        assert before is not None
        assert budget.check_agreement(tx, before, 0.1, 1e-9, NOW) is None
    kept = merge(school.ports, second, first)
    with school.ports.store.read() as tx:
        refusal = forfeited(tx, "urn:contract", first)
        assert budget.check_agreement(tx, kept, 0.1, 1e-9, NOW) == refusal
    assert refusal is not None
    assert refusal.code == CapExceeded.code


def test_no_divergence_is_made_up_for_a_contract_that_counts_in_full(
    pair: Link, school: Node
) -> None:
    first, second = put(pair, DATASET, "p1"), put(pair, OTHER, "p1")
    spend(school, "urn:j", OTHER, second, 1)
    with school.ports.store.write() as tx:
        tx.forfeits.put(Forfeit("urn:contract:urn:j", 1, "counts in full", NOW))
        kept = tx.registers.get(first)
        assert kept is not None
        tx.registers.put(replace(kept, accounting=Accounting(Rule.RENYI, 8)))
    with pytest.raises(RegisterFixed) as refusal:
        merge(school.ports, second, first)
    assert refusal.value.hint == f"merge `{first}` into `{second}`"
    assert merge(school.ports, first, second).accounting == Accounting(Rule.SUMS)


def test_a_third_register_is_still_to_be_answered(pair: Link, school: Node) -> None:
    first, second, third = (put(pair, name, "p1") for name in (DATASET, OTHER, THIRD))
    checking.sweep(school.ports)
    merge(school.ports, second, first)
    with school.ports.store.read() as tx:
        assert not any(jobs_run(tx).values())
    merge(school.ports, third, first)
    with school.ports.store.read() as tx:
        assert all(jobs_run(tx).values())


def test_a_node_that_went_back_merges_nothing(pair: Link, school: Node) -> None:
    first, second = put(pair, DATASET, "p1"), put(pair, OTHER, "p1")
    recorded = school.ports.charges.recorded()
    assert recorded is not None
    longer = replace(recorded.head, size=recorded.head.size + 9)
    school.ports.charges.record(replace(recorded, head=longer))
    with pytest.raises(InRecovery):
        merge(school.ports, second, first)


def test_registers_that_cannot_be_merged(pair: Link, school: Node) -> None:
    first = put(pair, DATASET, "p1")
    for source, target in ((first, "urn:none"), ("urn:none", first)):
        with pytest.raises(NotFound):
            merge(school.ports, source, target)
    with pytest.raises(RegisterFixed):
        merge(school.ports, first, first)
