"""What `preau doctor` says of secret keys beside what was made with them, and of decisions."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.bootstrap.diagnosis import kept_keys
from connector.bootstrap.keys.own import PERSON_KEY, PSEUDONYM_KEY
from connector.domain.contract.approval import Approval, ApprovalState
from connector.domain.privacy.census import SuppressedPersons
from connector.ports import Ports
from connector.services.health.approvals import approvals
from connector.services.health.diagnose import FAIL, OK, WARN
from connector.services.publication.checking import fingerprint
from connector.services.use import keys as use_keys
from connector.store.files import keys
from tests.support.doubles import NOON, ports_for_tests


@pytest.fixture
def ports(tmp_path: Path) -> Ports:
    """A node with a list of persons and pseudonyms, and both keys."""
    found = ports_for_tests(tmp_path)
    keys.private_folder(tmp_path / "keys")
    persons = keys.secret(tmp_path / PERSON_KEY, make=True)
    pseudonyms = keys.secret(tmp_path / PSEUDONYM_KEY, make=True)
    with found.store.write() as tx:
        tx.suppressed.put(SuppressedPersons("pupils", fingerprint(persons), bytes(16)))
        tx.suppressed.put(SuppressedPersons("teachers", "of a key of before", b""))
        tx.audit.append(
            use_keys.FIRST_USED, found.settings.did, key=use_keys.fingerprint(pseudonyms)
        )
    return found


def said(ports: Ports) -> list[tuple[str, str]]:
    with ports.store.read() as tx:
        found = list(kept_keys.checks(ports.settings, tx))
    assert all(each.mend for each in found if each.verdict != OK)
    return [(each.name, each.verdict) for each in found]


def pending(name: str, lapses: timedelta) -> Approval:
    values: dict[str, Any] = {"id": name, "peer": "did:web:lab.example", "dataset_id": "urn:d"}
    values |= {"offer_id": "", "roles": ("dpo",), "acceptances": (), "state": ApprovalState.PENDING}
    values |= {"code": "", "reason": "", "asked_at": NOON, "remind_at": None, "reminded": False}
    return Approval(**values, lapses_at=NOON + lapses, closed_at=None)


def test_keys_that_are_there_are_in_order(ports: Ports) -> None:
    """A list of nobody has no key to be missed."""
    assert said(ports) == [("key of pseudonyms", OK)]


@pytest.mark.parametrize("other", [False, True])
def test_a_key_that_is_lost_or_another_stops_what_was_made_with_it(
    ports: Ports, *, other: bool
) -> None:
    for name in (PERSON_KEY, PSEUDONYM_KEY):
        ports.settings.path(name).unlink()
        if other:
            keys.secret(ports.settings.path(name), make=True)
    assert said(ports) == [("suppressed persons", FAIL), ("key of pseudonyms", FAIL)]


def test_what_waits_for_persons_is_counted_and_the_first_to_lapse_named() -> None:
    assert approvals([]).verdict == OK
    found = approvals([pending("urn:late", timedelta(2)), pending("urn:soon", timedelta(1))])
    assert (found.verdict, found.finding) == (
        WARN,
        "2 wait for a person, `urn:soon` until 2026-11-25T12:00:00Z",
    )
