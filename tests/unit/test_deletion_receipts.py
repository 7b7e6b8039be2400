"""Receipts of deletion: what they name, what a node destroys itself, and what is held to them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.bootstrap.mechanisms import MECHANISMS
from connector.domain.contract.duty import ACTS_BEFORE, DeedKind, Deletion, Gone
from connector.domain.contract.negotiation import Role
from connector.domain.transfer.extract import Content, ExtractState
from connector.domain.transfer.transfer import Transfer, TransferState
from connector.enforcement.coverage import cover
from connector.enforcement.plan import Label
from connector.errors import (
    DutyForbidden,
)
from connector.identity import document as documents
from connector.identity import jws
from connector.identity.statements import deed as signed
from connector.jsonld.canonical import canonical, parse_object
from connector.jsonld.policy import read_policy
from connector.services.duties import stating
from connector.services.duties.delivered import outstanding
from connector.services.duties.stating import Said
from connector.services.publication import publish
from tests.support.link import Link, Node, description, limit, link, offer
from tests.support.negotiating import ask
from tests.support.owing import (
    DAY,
    DELETE,
    DONE,
    INFORM,
    OWED,
    contract,
    ends,
    name,
    owed,
    owing,
    seen,
    stand,
    turn,
)
from tests.support.transferring import prepared


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with owed(tmp_path) as pair:
        yield pair


def delivered(
    node: Node, role: Role, digest: str, number: int = 0, state: str = "COMPLETED"
) -> None:
    """Put a transfer of one end, of which both know the consumer's id."""
    content = Content("parquet", 10, 100, 0, digest, "", "")
    now, consumers = node.ports.clock.now(), f"urn:transfer:{digest[:4]}:{number}"
    mine, theirs = (consumers, f"{consumers}:p")[:: 1 if role is Role.CONSUMER else -1]
    with node.ports.store.write() as tx:
        tx.transfers.put(
            Transfer(
                pid=mine,
                peer_pid=theirs,
                role=role,
                peer=f"did:web:{'school' if role is Role.CONSUMER else 'lab'}.example",
                agreement_id=contract(node).id,
                extract_id="urn:extract",
                state=TransferState(state),
                passed=10,
                content=content,
                created_at=now,
                updated_at=now,
            )
        )


@pytest.mark.parametrize("debtor", ["school", "lab"])
def test_a_receipt_says_what_the_node_destroyed_and_what_persons_vouch_for(
    tmp_path: Path, debtor: str
) -> None:
    """The provider holds a copy, of which it destroys the key; the consumer's file has left it."""
    duty = {**OWED[1], "assignee": f"did:web:{debtor}.example"}
    with link(tmp_path, "other", carries=True) as pair:
        publish.publish(pair.school.ports, description(pair.folder, offer=owing(duty)))
        ask(pair)
        agreement = contract(pair.lab).id
        held = prepared(pair.school.ports, pair.lab.ports, agreement_id=agreement)
        for node, role in ((pair.school, Role.PROVIDER), (pair.lab, Role.CONSUMER)):
            delivered(node, role, held.digest)
        node = pair.school if debtor == "school" else pair.lab
        found = stating.done(node.ports, f"{agreement}#/permission/0/duty/0", DONE)
        pair.pump()
        ours = debtor == "school"
        for each in ends(pair):
            (deed,) = stating.duty(each.ports, found.id)[1]
            copy, left = (
                (held.id, Gone.DESTROYED),
                (f"urn:transfer:{held.digest[:4]}:0", "attested"),
            )
            named = [Deletion(held.digest, copy[1], copy[0])] if ours else []
            assert deed.deletions == (*named, Deletion(held.digest, Gone(left[1]), left[0]))
        with pair.school.ports.store.read() as tx:
            now = tx.extracts.get(held.id)
        assert now is not None
        assert (now.state, now.sealed_key) == (
            (ExtractState.GONE, "") if ours else (ExtractState.READY, held.sealed_key)
        )


def test_a_receipt_of_deletion_names_all_that_was_delivered(pair: Link) -> None:
    for node, role in ((pair.lab, Role.CONSUMER), (pair.school, Role.PROVIDER)):
        delivered(node, role, "aa" * 32)
    delivered(pair.school, Role.PROVIDER, "bb" * 32)
    stating.done(pair.lab.ports, name(pair, DELETE), DONE)
    pair.pump()
    assert seen(pair, DELETE) == ["fulfilled", "due"]  # the consumer has forgotten one
    (entry,) = pair.school.log("duty.done")
    assert json.loads(entry.event)["facts"]["unnamed"] == ["bb" * 32]
    delivered(pair.lab, Role.CONSUMER, "bb" * 32)
    stating.done(pair.lab.ports, name(pair, DELETE), DONE)
    pair.pump()
    assert seen(pair, DELETE) == ["fulfilled", "fulfilled"]
    deeds = stating.duty(pair.school.ports, name(pair, DELETE))[1]
    assert [[each.digest for each in deed.deletions] for deed in deeds] == [
        ["aa" * 32],
        ["bb" * 32],
    ]
    with pytest.raises(DutyForbidden):
        stating.done(pair.lab.ports, name(pair, DELETE), DONE)


def test_the_same_bytes_delivered_again_are_deleted_again(pair: Link) -> None:
    ends_of = ((pair.lab, Role.CONSUMER), (pair.school, Role.PROVIDER))
    for node, role in ends_of:
        delivered(node, role, "aa" * 32)
    stating.done(pair.lab.ports, name(pair, DELETE), DONE)
    pair.pump()
    assert seen(pair, DELETE) == ["fulfilled", "fulfilled"]
    for node, role in ends_of:
        delivered(node, role, "aa" * 32, 1, "STARTED")
    stating.done(pair.lab.ports, name(pair, DELETE), DONE)  # more of it may come
    pair.pump()
    deeds = stating.duty(pair.school.ports, name(pair, DELETE))[1]
    assert [(len(each.deletions), each.unnamed) for each in deeds] == [(1, ()), (0, ("aa" * 32,))]
    for node, role in ends_of:
        delivered(node, role, "aa" * 32, 1)
    stating.done(pair.lab.ports, name(pair, DELETE), DONE)
    pair.pump()
    deeds = stating.duty(pair.school.ports, name(pair, DELETE))[1]
    assert [each.of for each in deeds[-1].deletions] == ["urn:transfer:aaaa:1"]
    assert deeds[-1].unnamed == ()


def test_a_receipt_of_before_is_about_what_was_delivered_until_then(pair: Link) -> None:
    delivered(pair.school, Role.PROVIDER, "aa" * 32)
    agreement, lab = contract(pair.lab), pair.lab
    stating.done(lab.ports, name(pair, DELETE), DONE)  # names nothing: the lab knows of nothing
    (deed,) = stating.duty(lab.ports, name(pair, DELETE))[1]
    content = parse_object(jws.unverified_payload(deed.statement))
    assert content["version"] == 1
    gone = [{"digest": "aa" * 32, "gone": "attested"}]
    old = jws.sign_compact(lab.ports.signer, canonical({**content, "deletions": gone}), signed.TYPE)
    kept, _ = signed.verify(old, documents.read(lab.member.data, lab.did))
    assert kept.deletions == (Deletion("aa" * 32, Gone.ATTESTED),)
    about = (agreement.id, lab.did, DELETE)
    with pair.school.ports.store.write() as tx:
        tx.deeds.put(kept)
        assert not outstanding(tx, *about)
    pair.clock.advance(1)
    delivered(pair.school, Role.PROVIDER, "aa" * 32, 1)
    with pair.school.ports.store.read() as tx:
        assert [each.id for each in outstanding(tx, *about)] == ["urn:transfer:aaaa:1"]


@pytest.mark.parametrize("debtor", ["school", "lab"])
def test_a_provider_deletes_what_it_holds_at_the_deadline_and_signs_it(
    tmp_path: Path, debtor: str
) -> None:
    until = [limit("odrl:dateTime", "lteq", "2026-11-28T00:00:00Z", "dateTime")]
    duty = {**OWED[1], "constraint": until, "assignee": f"did:web:{debtor}.example"}
    ours = debtor == "school"
    with link(tmp_path, "other", carries=True) as pair:
        publish.publish(pair.school.ports, description(pair.folder, offer=owing(duty)))
        ask(pair)
        held = prepared(pair.school.ports, pair.lab.ports, agreement_id=contract(pair.lab).id)
        due = datetime.fromisoformat("2026-11-28T00:00:00Z")
        pair.clock.set(due - DAY)
        turn(pair)
        assert stand(pair.school, INFORM).look_at == due - (ACTS_BEFORE if ours else 0 * DAY)
        pair.clock.set(due - ACTS_BEFORE if ours else due + timedelta(seconds=1))
        turn(pair, steady=False)
        assert not pair.school.log("duty.destroyed")
        for _ in range(2):
            turn(pair)
            pair.pump()
        assert seen(pair, INFORM) == (["fulfilled"] * 2 if ours else ["violated"] * 2)
        for each in ends(pair):
            (deed,) = stating.duty(each.ports, name(pair, INFORM))[1]
            assert (deed.party, deed.kind) == (
                pair.school.did,
                DeedKind.DONE if ours else DeedKind.DESTROYED,
            )
            assert deed.deletions == (Deletion(held.digest, Gone.DESTROYED, held.id),)
        said = Said(DeedKind.DESTROYED, INFORM)
        with pytest.raises(DutyForbidden):
            stating.state(pair.lab.ports, contract(pair.lab).id, said)


@pytest.mark.parametrize(
    ("owed", "label"),
    [
        ({"assignee": "did:web:school.example"}, Label.ENFORCED),
        ({"assignee": "did:web:school.example", "constraint": []}, Label.AUDITED),
        ({}, Label.AUDITED),
    ],
)
def test_what_the_node_deletes_itself_is_enforced(owed: dict[str, Any], label: Label) -> None:
    policy = offer()
    policy["permission"] = [{"action": "odrl:read", "duty": [{**OWED[1], **owed}]}]
    lines = {each.path: each for each in cover(read_policy(policy), MECHANISMS)}
    assert lines["/permission/0/duty/0/action"].label is label
