"""Lists of the port `Store` that persons read first: what is urgent, and what waits for a role."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from connector.domain.contract.approval import Acceptance, Approval, ApprovalState
from connector.domain.contract.duty import Duty
from connector.errors import Malformed
from connector.store import SqlStore
from tests.support.doubles import NOON
from tests.support.each import over
from tests.support.stored import issuer

OURS, THEIRS = "did:web:us.example", "did:web:them.example"


def duty(name: str, state: str, hours: int | None, debtor: str = OURS) -> Duty:
    due = None if hours is None else NOON + timedelta(hours=hours)
    parties = (debtor, THEIRS if debtor == OURS else OURS)
    return Duty("urn:contract", name, "urn:act", *parties, (), state, None, due, None, 1, "")


DUTIES = (
    duty("later", "due", 9),
    duty("done", "fulfilled", 1),
    duty("endless", "missing", None),
    duty("theirs", "due", 2, THEIRS),
    duty("over", "violated", -5),
    duty("soon", "due", 3),
    duty("unclear", "undetermined", 3),
    duty("endless too", "due", None),
    duty("inactive", "inactive", None),
    duty("theirs, endless", "violated", None, THEIRS),
)
URGENT = ["over", "theirs", "soon", "unclear", "later", "endless", "endless too", "theirs, endless"]


@pytest.fixture
def owing(store: SqlStore) -> SqlStore:
    with store.write() as tx:
        for each in DUTIES:
            tx.duties.put(each)
    return store


@over("limit", [1, 2, 3, 5, 100])
def test_open_duties_come_by_their_deadlines_page_by_page(owing: SqlStore, limit: int) -> None:
    with owing.read() as tx:
        for debtor in ("", OURS, THEIRS, "did:web:nobody.example"):
            found, after = [], "first"
            while after:
                after = "" if after == "first" else after
                page = tx.duties.urgent(debtor=debtor, after=after, limit=limit)
                assert len(page.values) <= limit
                found += [each.path for each in page.values]
                after = page.next
            theirs = {"": URGENT, OURS: [n for n in URGENT if not n.startswith("theirs")]}
            wanted = theirs.get(debtor, [n for n in URGENT if n.startswith("theirs")])
            assert found == (wanted if debtor != "did:web:nobody.example" else [])


def test_a_list_of_duties_goes_on_where_it_was_whatever_is_done_meanwhile(owing: SqlStore) -> None:
    with owing.write() as tx:
        page = tx.duties.urgent(limit=3)
        tx.duties.put(replace(page.values[-1], state="fulfilled"))
        tx.duties.put(duty("new and first", "due", -9))
        assert [each.path for each in tx.duties.urgent(after=page.next).values] == URGENT[3:]


@over("after", ["x", "_x", "2026-01-01", "2026-01-01T00:00:00Z_x", "never_5", "_-1"])
def test_a_list_of_duties_begins_nowhere_else(owing: SqlStore, after: str) -> None:
    with owing.read() as tx, pytest.raises(Malformed, match="end"):
        tx.duties.urgent(after=after)


def test_a_duty_that_cannot_be_read_hides_no_other(owing: SqlStore) -> None:
    with owing._engine.begin() as connection:
        connection.execute(text("UPDATE duty SET towards = 'no list' WHERE path = 'soon'"))
    with owing.read() as tx:
        page = tx.duties.urgent(limit=4)
        assert [each.path for each in page.values] == ["over", "theirs", "unclear"]
        assert [each.row for each in page.damaged] == ["urn:contract soon"]
        assert [each.path for each in tx.duties.urgent(after=page.next).values] == URGENT[4:]


def approval(name: str, *accepted: str, roles: tuple[str, ...], **more: Any) -> Approval:
    given = tuple(Acceptance(role, 'since "role":"head" asked', "urn:account") for role in accepted)
    return Approval(
        id=name,
        peer=THEIRS,
        dataset_id="urn:data",
        roles=roles,
        acceptances=given,
        asked_at=NOON,
        remind_at=NOON,
        lapses_at=NOON + timedelta(days=7),
        **more,
    )


@over(
    ("roles", "wanted"),
    [
        (("dpo",), ["first", "odd"]),
        (("head",), ["first", "second", "head only"]),
        (("dpo", "head"), ["first", "second", "head only", "odd"]),
        (("d_o",), []),
        (("%",), ["odd"]),
        (("nobody",), []),
    ],
)
def test_what_waits_for_a_role_is_what_it_has_not_accepted(
    store: SqlStore, roles: tuple[str, ...], wanted: list[str]
) -> None:
    with store.write() as tx:
        tx.approvals.put(approval("first", roles=("dpo", "head")))
        tx.approvals.put(approval("second", "dpo", roles=("dpo", "head")))
        tx.approvals.put(approval("head only", roles=("head",)))
        tx.approvals.put(approval("over", roles=("dpo",), state=ApprovalState.REFUSED))
        tx.approvals.put(approval("odd", roles=("dpo", "%")))
        found = tx.approvals.awaiting(roles)
        assert [each.id for each in found.values] == wanted
        assert all(set(each.missing) & set(roles) for each in found.values)
        assert [each.id for each in tx.approvals.awaiting(roles, 1).values] == wanted[:1]


def test_keys_are_had_without_the_values(store: SqlStore) -> None:
    with store.write() as tx:
        for name in "ab":
            tx.issuers.put(issuer(name, b"odd" if name == "a" else b"even"))
        assert tx.issuers.keys() == [("a",), ("b",)]
        assert tx.issuers.keys(document=b"even") == [("b",)]
