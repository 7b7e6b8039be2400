"""Extracts end with their time, their contract and a duty to delete; keys leave no trace."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.domain.contract.duty import Deed, DeedKind, Deletion, Duty, Gone
from connector.domain.contract.notice import Act
from connector.domain.transfer.extract import Extract, ExtractState
from connector.enforcement.history import DELETE
from connector.errors import QuotaReached
from connector.jsonld.canonical import parse_object
from connector.services.negotiation import notices
from connector.services.use import asking, preparing
from connector.services.use.destroying import Cause
from connector.store.files.extract_files import KEY_FILE
from tests.support.link import Link
from tests.unit.test_use_flow import contract, extracts, files, linked, offer, prepared, wish

SOON = timedelta(days=1)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with linked(tmp_path, offer("odrl:read", "odrl:aggregate")) as pair:
        wish(pair)
        prepared(pair)
        yield pair


def _ended(pair: Link, _extract: Extract) -> None:
    notices.give(pair.school.ports, contract(pair), Act.ENDED, "the project is over")


def _receipt(pair: Link, extract: Extract) -> None:
    pair.clock.advance(1)
    now = pair.clock.now()
    deed: dict[str, Any] = {"agreement_id": extract.agreement_id, "party": pair.lab.did}
    deed |= {"number": 1, "kind": DeedKind.DONE, "about": "/obligation/0", "at": now}
    deed |= {"evidence": "", "note": "", "statement": "", "stated_at": now}
    with pair.school.ports.store.write() as tx:
        tx.deeds.put(Deed(**deed, deletions=(Deletion(extract.digest, Gone.ATTESTED),)))


def _duty(pair: Link, extract: Extract) -> None:
    now = pair.clock.now()
    row: dict[str, Any] = {"agreement_id": extract.agreement_id, "path": "/obligation/0"}
    row |= {"action": DELETE, "debtor": pair.lab.did, "creditor": pair.school.did, "towards": ()}
    row |= {"state": "due", "since": now, "due": now + SOON, "done_at": None, "open": 1, "note": ""}
    with pair.school.ports.store.write() as tx:
        tx.duties.put(Duty(**row))
    preparing.turn(pair.school.ports, steady=True)
    assert len(files(pair)) == 1
    pair.clock.advance(SOON.total_seconds())
    preparing.turn(pair.school.ports, steady=False)
    assert len(files(pair)) == 1


def _lost_key(pair: Link, _extract: Extract) -> None:
    pair.school.ports.settings.path(KEY_FILE).unlink()


def _lost_file(pair: Link, _extract: Extract) -> None:
    files(pair)[0].unlink()


@pytest.mark.parametrize(
    ("act", "cause"),
    [
        (_ended, Cause.CONTRACT),
        (_receipt, Cause.RECEIPT),
        (_duty, Cause.DUTY),
        (_lost_key, Cause.LOST),
        (_lost_file, Cause.LOST),
    ],
)
def test_an_extract_ends_with_what_it_is_for(
    pair: Link, act: Callable[[Link, Extract], None], cause: Cause
) -> None:
    (before,) = extracts(pair)
    act(pair, before)
    left = preparing.turn(pair.school.ports, steady=True)
    (after,) = extracts(pair)
    assert after == replace(before, state=ExtractState.GONE, path="", sealed_key="")
    assert (files(pair), left) == ([], preparing.LONGEST_SLEEP)
    said = [parse_object(it.event)["facts"] for it in pair.school.log() if it.kind == "use.gone"]
    assert said == [{"use": before.id, "digest": before.digest, "cause": cause.value}]


def test_an_extract_that_nothing_ends_stays(pair: Link) -> None:
    (extract,) = extracts(pair)
    with pair.school.ports.store.write() as tx:
        tx.extracts.put(replace(extract, due_at=None))
        agreement = tx.agreements.get(extract.agreement_id)
        assert agreement is not None
        tx.agreements.put(replace(agreement, valid_until=None))
    assert preparing.turn(pair.school.ports, steady=True) == preparing.LONGEST_SLEEP
    assert len(files(pair)) == 1


def test_a_destroyed_key_is_in_no_page_of_the_database(pair: Link) -> None:
    (extract,) = extracts(pair)
    database = pair.school.ports.settings.home / "node.sqlite"
    key = extract.sealed_key.encode()
    assert key in _pages(database)
    _ended(pair, extract)
    preparing.turn(pair.school.ports, steady=True)
    assert key not in _pages(database)


def _pages(database: Path) -> bytes:
    """All pages, once the write-ahead log is taken in."""

    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return database.read_bytes()


def test_who_holds_as_much_as_it_may_gets_no_more(pair: Link) -> None:
    """The limit is met before anything is decided, or while it is made; a receipt makes room."""
    school, (extract,) = pair.school, extracts(pair)
    settings = school.ports.settings

    def limited(**bytes_: int) -> None:
        school.ports = replace(school.ports, settings=replace(settings, **bytes_))

    for name in ("extract_bytes", "extract_bytes_per_member"):
        limited(**{name: extract.bytes})
        with pytest.raises(QuotaReached):
            wish(pair)
        limited(**{name: extract.bytes + 1})
        asked = wish(pair)
        prepared(pair)
        found = asking.again(pair.lab.ports, asked.request_id)
        assert (found.state, found.code) == ("failed", QuotaReached.code)
    assert len(files(pair)) == 1
    _receipt(pair, extract)
    prepared(pair)
    asked = wish(pair)
    prepared(pair)
    assert asking.again(pair.lab.ports, asked.request_id).state == "ready"


def test_what_was_granted_before_a_start_waits_for_peers_to_be_asked(pair: Link) -> None:
    school, over = pair.school, threading.Event()
    asked = wish(pair)
    school.ports = replace(school.ports, asking=replace(school.ports.asking, over=over))
    answered = threading.Timer(0.3, over.set)
    answered.start()
    preparing.turn(school.ports, steady=True)
    answered.join()
    assert asking.again(pair.lab.ports, asked.request_id).state == "ready"
