"""What members make a store hold: counted by member, dropped once it has ended, evidence never."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connector.domain.catalog.dataset import Offer
from connector.domain.contract.negotiation import Negotiation, NegotiationState, Role
from connector.domain.delivery import INTRODUCTION, ReceivedMessage
from connector.domain.federation.job import Job, JobSide, RoundRecord
from connector.domain.holdings import ROW_BYTES
from connector.domain.transfer.requested import Requested
from connector.domain.transfer.transfer import Transfer, TransferState
from connector.ports import Transaction
from connector.store import SqlStore
from federated.job import JobState
from tests.support import stored
from tests.support.doubles import NOON
from tests.support.federation import reservation
from tests.support.stored import contract, message

State = NegotiationState
PEER, OTHER = "did:web:p", "did:web:q"
OLD, CUT = NOON, NOON + timedelta(days=1)
NEW = CUT + timedelta(seconds=1)
ALL = 1000


def negotiation(pid: str, state: State = State.TERMINATED, **changes: Any) -> Negotiation:
    peer = {"peer": PEER, "peer_pid": f"{pid}:theirs", "policy_by": Role.PROVIDER}
    plain = stored.negotiation(pid, state=state, policy=b"p" * 100, **peer)
    return replace(plain, **{"created_at": OLD, "updated_at": OLD, **changes})


def job(name: str, state: JobState = JobState.REFUSED, **changes: Any) -> Job:
    plain = Job(
        id=name,
        side=JobSide.SITE,
        peer=PEER,
        agreement_id="urn:a",
        manifest=b"m" * 50,
        manifest_digest="ab",
        signature="signed",
        state=state,
        created_at=OLD,
        updated_at=OLD,
    )
    return replace(plain, **changes)


def offer(name: str, **changes: Any) -> Offer:
    plain = Offer(
        id=name,
        dataset_id="urn:d",
        policy=b"{}",
        digest="ab",
        created_at=OLD,
        audience=PEER,
        derived_from="urn:o",
        reserve=b"",
        withdrawn=True,
    )
    return replace(plain, **changes)


def transfer(pid: str, state: TransferState = TransferState.TERMINATED, **changes: Any) -> Transfer:
    plain = Transfer(
        pid=pid,
        role=Role.PROVIDER,
        peer=PEER,
        agreement_id="urn:a",
        extract_id="urn:x",
        state=state,
        created_at=OLD,
        updated_at=OLD,
    )
    return replace(plain, **changes)


def asked(name: str, **changes: Any) -> Requested:
    plain = Requested(
        consumer=PEER,
        request_id=name,
        id=name,
        agreement_id="urn:a",
        action="urn:read",
        request=b"",
        signature="",
        digest="",
        code="USE_REFUSED",
        at=OLD,
    )
    return replace(plain, **changes)


def ids(tx: Transaction) -> dict[str, set[str]]:
    return {
        "inbox": {each.id for each in tx.inbox.find()},
        "outbox": {each.id for each in tx.outbox.find()},
        "negotiations": {each.pid for each in tx.negotiations.find()},
        "offers": {each.id for each in tx.offers.find()},
        "jobs": {each.id for each in tx.jobs.find()},
        "transfers": {each.pid for each in tx.transfers.find()},
        "requests": {each.request_id for each in tx.requests.find()},
    }


def fill(tx: Transaction) -> None:
    """Put in of each kind what goes (`gone…`) and, beside it, what stays (`kept…`)."""
    for name, at in (("gone", OLD), ("kept", NEW)):
        tx.inbox.put(ReceivedMessage(name, PEER, "ab", b"{}", at))
        tx.outbox.put(message(name, delivered_at=at))
        tx.outbox.put(message(f"{name} failed", failed="NOT_FOUND: x", created_at=at))
        tx.negotiations.put(negotiation(name, updated_at=at))
        tx.offers.put(offer(name, created_at=at))
        tx.jobs.put(job(name, updated_at=at))
        tx.transfers.put(transfer(name, updated_at=at))
        tx.requests.put(asked(name, at=at))
    tx.outbox.put(message("kept introduction", kind=INTRODUCTION, delivered_at=OLD))
    tx.outbox.put(message("kept waiting"))
    tx.outbox.put(message("kept signed", "kept final", failed="NOT_FOUND: x"))
    for state in set(State) - {State.TERMINATED}:
        name = "kept final" if state is State.FINALIZED else f"kept {state}"
        tx.negotiations.put(negotiation(name, state))
    tx.negotiations.put(negotiation("kept drawn up", agreement_id="urn:a"))
    tx.negotiations.put(negotiation("kept on", State.OFFERED, offer_id="kept on the table"))
    tx.offers.put(offer("kept on the table"))
    tx.offers.put(offer("kept published", derived_from=""))
    tx.offers.put(offer("kept standing", withdrawn=False))
    tx.jobs.put(job("kept led", side=JobSide.LEAD))
    for state in set(JobState) - {JobState.REFUSED}:
        tx.jobs.put(job(f"kept {state}", state))
    for way in set(TransferState) - {TransferState.TERMINATED}:
        tx.transfers.put(transfer(f"kept {way}", way))
    tx.transfers.put(transfer("kept flowed", passed=1))
    tx.requests.put(asked("kept granted", code=""))


def test_what_has_ended_is_dropped_and_nothing_else(store: SqlStore) -> None:
    with store.write() as tx:
        fill(tx)
    with store.read() as tx:
        before = ids(tx)
    with store.write() as tx:
        assert tx.holdings.drop(CUT, CUT, ALL) == 8 + 3  # and the manifests of three that ended
        assert tx.holdings.drop(CUT, CUT, ALL) == 0
    with store.read() as tx:
        after = ids(tx)
    assert after == {
        kind: {name for name in names if not name.startswith("gone")}
        for kind, names in before.items()
    }


def test_what_was_delivered_goes_before_what_was_handled(store: SqlStore) -> None:
    with store.write() as tx:
        fill(tx)
        assert tx.holdings.drop(OLD, CUT, ALL) == 1
        assert tx.outbox.get("gone") is None


def test_evidence_and_charges_are_never_dropped(store: SqlStore) -> None:
    with store.write() as tx:
        tx.agreements.put(contract("urn:a"))
        tx.agreements.put(contract("urn:b", finalized=False, stands=False))
        tx.negotiations.put(negotiation("spent", agreement_id="urn:b"))
        for name, rounds in (("spent", 1), ("free", 0)):
            tx.jobs.put(job(name, JobState.FAILED))
            tx.reservations.put(reservation(name, "urn:a", "urn:d", committed_rounds=rounds))
            tx.rounds.put(RoundRecord(name, 1, "ab", b"", (), OLD, ("h.p.s",)))
        tx.audit.append("test.event", "s")

    def evidence(tx: Transaction) -> list[Any]:
        found = (tx.agreements, tx.negotiations, tx.reservations, tx.rounds)
        return [*(each.find() for each in found), tx.audit.head(), tx.jobs.get("spent")]

    with store.read() as tx:
        before = evidence(tx)
    with store.write() as tx:
        tx.holdings.drop(CUT, CUT, ALL)
    with store.read() as tx:
        assert evidence(tx) == before
        free = tx.jobs.get("free")
    assert free == job("free", JobState.FAILED, manifest=b"", signature="")


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_a_step_drops_no_more_than_it_may(store: SqlStore, limit: int) -> None:
    with store.write() as tx:
        fill(tx)
    steps = []
    while not steps or steps[-1]:
        with store.write() as tx:
            steps.append(tx.holdings.drop(CUT, CUT, limit))
    assert max(steps) <= limit
    assert sum(steps) == 11


def test_bytes_are_counted_for_whom_they_are_stored(store: SqlStore) -> None:
    with store.write() as tx:
        tx.negotiations.put(negotiation("one", offered=b"o" * 30, reasons=("a", "b")))
        tx.negotiations.put(negotiation("final", State.FINALIZED))
        tx.inbox.put(ReceivedMessage("m", OTHER, "ab", b"a" * 500, OLD))  # with what it carried
        tx.outbox.put(message("m", peer=OTHER, body=b"b" * 70))
        tx.outbox.put(message("sent", peer=OTHER, body=b"b" * 900, delivered_at=OLD))
        tx.jobs.put(job("site"))
        tx.jobs.put(job("led", side=JobSide.LEAD, peer="did:web:own"))
        tx.offers.put(offer("narrowed"))
        tx.offers.put(offer("own", derived_from="", audience=""))
        tx.tokens.use(OTHER, "t", NEW)
        tx.agreements.put(contract("urn:a"))
        tx.transfers.put(transfer("one", receipt="signed"))
        tx.transfers.put(transfer("evidence", passed=1))
        tx.requests.put(asked("one"))
        tx.requests.put(asked("evidence", code=""))
    with store.read() as tx:
        found = tx.holdings.bytes_by_member()
        reasons = len('["a","b"]')
    assert set(found) == {PEER, OTHER}
    assert found[OTHER] == 3 * ROW_BYTES + 70 + 500
    assert abs(found[PEER] - (5 * ROW_BYTES + 100 + 30 + reasons + 50 + len("signed") + 2)) <= 4


def test_open_negotiations_are_counted_by_peer_and_role(store: SqlStore) -> None:
    with store.write() as tx:
        for state in State:
            tx.negotiations.put(negotiation(f"consumer {state}", state))
        tx.negotiations.put(negotiation("provider", State.OFFERED, role=Role.PROVIDER))
        tx.negotiations.put(negotiation("other", State.OFFERED, peer=OTHER))
    with store.read() as tx:
        count = tx.holdings.open_negotiations
        assert [count(PEER, Role.CONSUMER), count(PEER, Role.PROVIDER)] == [5, 1]
        assert [count(OTHER, Role.CONSUMER), count(OTHER, Role.PROVIDER)] == [1, 0]
