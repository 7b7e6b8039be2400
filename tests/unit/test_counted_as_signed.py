"""Sums and copies are what was signed and charged: `preau doctor` compares, a recount mends."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from connector.bootstrap.diagnosis import probe
from connector.domain.contract.notice import Act
from connector.domain.privacy.budget import ReservationState
from connector.errors import Malformed, RowDamaged, Unlawful
from connector.services.continuity import recovery
from connector.services.health import counts
from connector.services.health.diagnose import FAIL, OK, WARN
from connector.services.negotiation import notices
from connector.services.privacy import promises
from connector.services.privacy.promises import Miscount
from tests.support.federation import SITES, Federation, Node, reservation
from tests.support.federation_workers import AdditiveAccountant
from tests.support.management import commanded

RIGHT = Miscount((), (), (), (), whole=True)
WHY = "the disk was damaged"


@pytest.fixture
def federation(tmp_path: Path) -> Federation:
    return Federation(tmp_path)


@pytest.fixture
def site(federation: Federation) -> Node:
    return federation.site()


@pytest.fixture
def runs(federation: Federation) -> str:
    return federation.agreements[SITES[0]].id


@pytest.fixture
def ended(federation: Federation, site: Node) -> str:
    found = federation.contract(SITES[0], 0xB000, epsilon="1.25").id
    notices.give(site.ports, found, Act.ENDED, "parents objected")
    return found


def change(node: Node, *statements: str) -> None:
    """Change rows past the repositories."""
    with node.ports.store.write() as tx:
        for each in statements:
            tx._scope.change(text(each))  # type: ignore[attr-defined]


def found(node: Node, seconds: float = 60.0) -> Miscount:
    with node.ports.store.read() as tx:
        return promises.miscount(tx, node.ports.charges, node.ports.mechanisms, seconds)


def test_what_was_spoiled_is_named_and_counted_anew_from_what_was_signed(
    site: Node, runs: str, ended: str
) -> None:
    with site.ports.store.read() as tx:
        before = tx.agreements.find()
    assert found(site) == RIGHT
    with pytest.raises(Unlawful, match="counted as they were signed"):
        promises.recount(site.ports, WHY)
    register = site.register.id
    for column, value, name in (
        ("epsilon", "0.1", runs),
        ("delta", "1e-9", runs),
        ("valid_until", "NULL", runs),
        ("valid_until", "'2020-01-01 00:00:00.000000'", runs),
        ("population", "3", runs),
        ("stands", "0", runs),
        ("standing", "'ended'", runs),
        ("standing", "'running'", ended),
        ("stands", "1", ended),
    ):
        change(site, f"UPDATE agreement SET {column} = {value} WHERE id = '{name}'")  # noqa: S608
        seen = found(site)
        assert seen.contracts == (name,), column
        assert seen.registers in ((), (register,))
        assert promises.recount(site.ports, WHY) == seen
        assert found(site) == RIGHT, column
    change(site, "DELETE FROM promise")
    assert promises.recount(site.ports, WHY) == replace(RIGHT, registers=(register,))
    with site.ports.store.read() as tx:
        assert tx.agreements.find() == before
    assert site.log(site.member.did).count(promises.RECOUNTED) == 10
    with pytest.raises(Malformed):
        promises.recount(site.ports, "two\nlines")


@pytest.mark.parametrize(
    "spoiled",
    [
        "UPDATE agreement SET document = x'7b7d'",
        "UPDATE agreement SET role = 'NOPE'",
        "UPDATE notice SET act = 'NOPE'",
    ],
)
def test_nothing_is_counted_anew_from_what_cannot_be_read(
    site: Node, ended: str, spoiled: str
) -> None:
    """Else a contract whose row is spoiled would count no more, and one that ended would run."""
    change(site, "UPDATE promise SET contracts = 7", spoiled)
    with pytest.raises(RowDamaged):
        promises.recount(site.ports, WHY)
    with site.ports.store.read() as tx:
        assert tx.promises.astray()
        assert ended not in [each.id for each in tx.agreements.page().values if each.stands]


@pytest.mark.parametrize(
    ("altered", "named"),
    [
        ("committed_rounds = 0", ("urn:j",)),
        ("epsilon = 0.1", ("urn:j",)),
        ("register_id = 'urn:elsewhere'", ("urn:j",)),
        ("state = 'open'", ("urn:j",)),
        ("committed_rounds = 3", ()),  # a round that came after the record
    ],
)
def test_a_job_that_the_record_of_charges_knows_otherwise_is_named(
    site: Node, runs: str, altered: str, named: tuple[str, ...]
) -> None:
    assert site.dataset is not None
    job = reservation("urn:j", runs, site.dataset.id, committed_rounds=2)
    with site.ports.store.write() as tx:
        tx.reservations.put(replace(job, state=ReservationState.CLOSED))
    recovery.begin(site.ports)
    assert found(site) == RIGHT
    change(site, f"UPDATE reservation SET {altered}")  # noqa: S608 - our own
    assert found(site).jobs == named
    change(site, "DELETE FROM reservation")
    assert found(site).jobs == ("urn:j",)


def test_the_doctor_names_each_and_what_mends_it(site: Node) -> None:
    (good,) = counts.counts(RIGHT)
    assert (good.verdict, good.mend) == (OK, "")
    all_ = counts.counts(Miscount(("urn:r", ""), ("urn:a",), ("urn:b",), ("urn:j",), whole=False))
    assert [(check.name, check.verdict) for check in all_] == [
        ("register urn:r", FAIL),
        ("missing datasets", FAIL),
        ("agreement urn:a", FAIL),
        ("agreement urn:b", FAIL),
        ("job urn:j", FAIL),
        ("counts", WARN),
    ]
    assert all(check.mend for check in all_)
    many = counts.counts(replace(RIGHT, contracts=tuple(f"urn:{n}" for n in range(30))))
    assert many[-1].finding == "10 more like these"
    change(site, "UPDATE promise SET contracts = 7")
    checks = probe.stored(site.ports.settings, AdditiveAccountant(), ask_peers=False)
    (check,) = (each for each in checks if each.name == f"register {site.register.id}")
    assert "preau agreement recount" in check.mend
    assert not found(site, seconds=-1).whole
    with commanded(site.ports) as preau:
        words = ("agreement", "recount", "--reason", WHY)
        assert preau(*words).stdout == f"recounted: {site.register.id}\n"
        assert json.loads(preau(*words, "--json").stderr)["code"] == "UNLAWFUL"
