"""Papers of peers and authorities that cannot be read: whom that refuses, and whom not."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from connector.bootstrap.diagnosis import probe
from connector.domain.participant import IssuerDocument, StatusList
from connector.errors import (
    RowDamaged,
    StatusListStale,
    Untrusted,
    UntrustedIssuer,
)
from connector.services.membership import fetching, onboard
from tests.support.doubles import NOON
from tests.support.federation_workers import AdditiveAccountant
from tests.support.memory_web import AUTHORITY, LIST, PEER, World, met

OTHER = "did:web:other-authority.example"
OTHER_LIST = "https://other-authority.example/status/1"


@pytest.fixture
def world(tmp_path: Path) -> World:
    return met(tmp_path)


def keep_beside(world: World) -> None:
    """Keep papers of another authority and another peer beside those of the first."""
    with world.ports.store.write() as tx:
        tx.issuers.put(IssuerDocument(OTHER, b"{}", NOON))
        tx.status_lists.put(StatusList(OTHER_LIST, "token", NOON + timedelta(days=9), NOON))
        tx.participants.put(replace(world.known(), did="did:web:aaa.example"))


def spoil(world: World, table: str, column: str, where: str) -> None:
    with world.ports.store.write() as tx:
        change = f"UPDATE {table} SET {column} = x'ff' WHERE {where}"  # noqa: S608 - our own
        tx._scope.change(text(change))  # type: ignore[attr-defined]
        tx._scope.written.add(table)  # type: ignore[attr-defined]  # nothing of before is kept


@pytest.mark.parametrize(
    ("table", "column", "where"),
    [
        ("issuer", "fetched_at", f"did = '{OTHER}'"),
        ("issuer", "did", f"did = '{OTHER}'"),
        ("status_list", "valid_until", f"url = '{OTHER_LIST}'"),
        ("status_list", "url", f"url = '{OTHER_LIST}'"),
        ("participant", "name", "did = 'did:web:aaa.example'"),
        ("participant", "tls_authorities", "did = 'did:web:aaa.example'"),
    ],
)
def test_a_damaged_row_refuses_nobody_else(
    world: World, table: str, column: str, where: str
) -> None:
    keep_beside(world)
    spoil(world, table, column, where)
    assert onboard.judge(world.ports, PEER).did == PEER
    world.clock.advance(23 * 3600)
    onboard.refresh(world.ports)  # all papers are renewed as before
    world.clock.advance(2 * 3600)
    assert onboard.judge(world.ports, PEER).did == PEER
    checks = probe.stored(world.ports.settings, AdditiveAccountant(), ask_peers=False)
    assert any(f"`{column}` of table `{table}`" in check.finding for check in checks)


@pytest.mark.parametrize(
    ("table", "column", "refused"),
    [("issuer", "fetched_at", UntrustedIssuer), ("status_list", "valid_until", StatusListStale)],
)
def test_who_depends_on_a_damaged_row_is_refused_and_it_is_not_replaced(
    world: World, table: str, column: str, refused: type[Untrusted]
) -> None:
    """A paper that is fetched anew must follow from the one before, which cannot be read."""
    spoil(world, table, column, "1 = 1")
    with pytest.raises(refused):
        onboard.judge(world.ports, PEER)
    for fetch, what in ((fetching.refresh_issuer, AUTHORITY), (fetching.refresh_list, LIST)):
        if (what == LIST) == (table == "status_list"):
            with pytest.raises(RowDamaged):
                fetch(world.ports, what)
    with pytest.raises(Untrusted):
        onboard.known(world.ports, PEER)


def test_nothing_is_pinned_anew_while_a_row_does_not_say_whose_it_is(world: World) -> None:
    keep_beside(world)
    for table, key in (("issuer", "did"), ("status_list", "url")):
        spoil(world, table, key, "1 = 1 AND seq = 1")
    with pytest.raises(RowDamaged, match="whether this issuer"):
        fetching.refresh_issuer(world.ports, AUTHORITY)


def test_a_new_list_is_kept_beside_a_damaged_one_that_says_which_it_is(world: World) -> None:
    keep_beside(world)
    spoil(world, "status_list", "valid_until", f"url = '{OTHER_LIST}'")
    with world.ports.store.write() as tx:
        tx.status_lists.remove(LIST)
    fetching.refresh_list(world.ports, LIST)
    assert onboard.judge(world.ports, PEER).did == PEER
    with world.ports.store.write() as tx:
        tx.status_lists.remove(LIST)
    spoil(world, "status_list", "url", f"url = '{OTHER_LIST}'")
    with pytest.raises(RowDamaged, match="whether this status list"):
        fetching.refresh_list(world.ports, LIST)
