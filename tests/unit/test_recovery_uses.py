"""A node that went back counts again the uses that its database has forgotten."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from connector.domain.contract.use import Counted
from connector.domain.log.audit import ReturnedHead
from connector.errors import BudgetExceeded, InRecovery
from connector.services.continuity import confirmation, recovery
from connector.services.evidence import own_log
from connector.store.files.charges import FILE
from tests.support.doubles import NOON, charges_in, open_store
from tests.support.link import Link, limit
from tests.unit.test_use_flow import contract, linked, offer, prepared, wish


@contextmanager
def counted(folder: Path, most: int) -> Iterator[Link]:
    """A contract of so many uses, of which one is made."""
    terms = offer("odrl:aggregate")
    terms["permission"][0]["constraint"].append(limit("odrl:count", "lteq", most, "integer"))
    with linked(folder, terms) as pair:
        recovery.begin(pair.school.ports)
        assert used(pair) == ""
        yield pair


def used(pair: Link) -> str:
    """Ask for one more use, and return the code of its refusal."""
    found = wish(pair)
    prepared(pair)
    return found.code


def went_back(pair: Link, folder: Path, *, home: bool) -> None:
    """Put a copy of the database back; with `home`, the record outside it too."""
    ports = pair.school.ports
    ports.store.close()
    for file in ports.settings.home.glob("node.sqlite*"):
        file.unlink()
    for name in ("node.sqlite", *([FILE] if home else [])):
        shutil.copy2(folder / name, ports.settings.home / name)
    store, charges = (
        open_store(ports.settings.home, pair.clock),
        charges_in(ports.settings.home, pair.school.did),
    )
    pair.school.ports = replace(ports, store=store, charges=charges)
    ports.asking.continued.clear()
    ports.asking.answered[pair.lab.did] = pair.clock.now()


def copied(pair: Link, folder: Path) -> None:
    pair.school.ports.store.close()  # checkpoints the write-ahead log
    shutil.copytree(pair.school.ports.settings.home, folder)


@pytest.mark.parametrize(("most", "after"), [(2, ["USE_REFUSED"]), (3, ["", "USE_REFUSED"])])
def test_no_use_is_had_twice_because_of_a_restore(
    tmp_path: Path, most: int, after: list[str]
) -> None:
    with counted(tmp_path / "pair", most) as pair:
        copied(pair, tmp_path / "copy")
        assert used(pair) == ""
        went_back(pair, tmp_path / "copy", home=False)
        with pytest.raises(InRecovery):
            wish(pair)
        assert confirmation.plan(pair.school.ports).exact
        confirmation.confirm(pair.school.ports)
        assert [used(pair) for _ in after] == after
        with pair.school.ports.store.read() as tx:
            (again,) = tx.audit.entries(kind="recovery.counted")
        assert b'"uses":1' in again.event


def test_uses_that_nobody_can_tell_count_in_full(tmp_path: Path) -> None:
    """A snapshot of the whole machine: a peer holds a head past a use that no record tells of."""
    with counted(tmp_path / "pair", 9) as pair:
        copied(pair, tmp_path / "copy")
        assert used(pair) == ""
        with pair.school.ports.store.read() as tx:
            note = own_log.signed(pair.school.ports, tx).note
        went_back(pair, tmp_path / "copy", home=True)
        ports = pair.school.ports
        with ports.store.write() as tx:
            tx.returned_heads.put(ReturnedHead(pair.lab.did, note, "", b"", pair.clock.now()))
        assert confirmation.plan(ports).uncounted == (contract(pair),)
        with pytest.raises(InRecovery, match="1 contracts"):
            confirmation.confirm(ports)
        confirmation.confirm(ports, in_full=True)
        assert used(pair) == BudgetExceeded.code


def test_what_is_counted_again_allows_no_more_than_what_was(tmp_path: Path) -> None:
    early, late = NOON, NOON.replace(day=28)
    told = Counted("urn:a", "read", 3, early, late)
    assert list(told.forgotten(told, 2)) == []
    some = list(told.forgotten(Counted("urn:a", "read", 1, early, early), 2))
    assert [each.started_at for each in some] == [late, late]
    every = list(told.forgotten(None, 2))
    assert [each.started_at for each in every] == [early, late, late]
    assert len({each.id for each in every}) == 3
    home = charges_in(tmp_path, "did:web:node.example")
    tally = home.recorded()
    assert tally is not None
    kept = replace(tally, head=replace(tally.head, size=1), uses={told.key: told})
    home.record(kept)
    assert home.recorded() == kept == home.unseal(home.seal(kept))
