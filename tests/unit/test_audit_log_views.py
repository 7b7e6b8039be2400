"""Services of the audit log: heads, proofs and the export of evidence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.domain.contract.negotiation import Agreement, Role
from connector.domain.federation.job import Job, JobSide
from connector.domain.layer import KeptLayer, LayerKind
from connector.domain.log import merkle
from connector.domain.log.audit import Checkpoint, CosignedHead
from connector.domain.participant import IssuerDocument, Participant, StatusList
from connector.errors import (
    AgreementUnknown,
    Malformed,
)
from connector.identity import agreement as agreements
from connector.identity import bundle as bundles
from connector.identity import checkpoint as checkpoints
from connector.identity import evidence, jws
from connector.identity import layer as layers
from connector.identity.evidence import Outcome, Standing
from connector.jsonld.canonical import canonical
from connector.ports import Ports
from connector.protocol.messages import ConsistencyProof
from connector.services.evidence import export, own_log
from connector.store import SqlStore, recent
from tests.support.contracts import (
    CONSUMER,
    NOW,
    PROVIDER,
    TEMPLATE,
    Contract,
    Member,
    Space,
    contract,
    stranger,
)
from tests.support.database import sqlite_url
from tests.support.doubles import FixedClock, ports_for_tests
from tests.support.evidence import Log, cosigned, rotated

PEER = stranger(CONSUMER)


def participant(member: Member) -> Participant:
    return Participant(
        did=member.did,
        name="",
        document=member.data,
        document_digest=member.document.digest,
        membership=member.membership,
        description="",
        grpc_endpoint="lab.example:443",
        tls_authorities=member.document.tls_authorities,
        admitted_at=NOW,
        refreshed_at=NOW,
    )


@pytest.fixture
def log() -> Log:
    found = Log()
    for number in range(5):
        found.append("thing.done", f"urn:{number}")
    return found


@pytest.fixture
def ports(tmp_path: Path) -> Ports:
    return ports_for_tests(tmp_path, PROVIDER, clock=FixedClock(NOW))


def events_of(ports: Ports, kind: str) -> int:
    return sum(entry.kind == kind for entry in own_log.events(ports).values)


# --- own log


def test_events_in_order_and_by_subject(ports: Ports) -> None:
    with ports.store.write() as tx:
        for number in range(5):
            tx.audit.append("thing.done", f"urn:{number % 2}", number=number)
    assert [entry.index for entry in own_log.events(ports).values] == [0, 1, 2, 3, 4]
    assert [entry.index for entry in own_log.events(ports, start=3, limit=1).values] == [3]
    assert [entry.index for entry in own_log.events(ports, subject="urn:1").values] == [1, 3]
    assert own_log.events(ports, subject="urn:9").values == ()


def test_own_head_is_signed(ports: Ports) -> None:
    own = stranger(PROVIDER)
    ports = replace(ports, signer=own.signer)
    assert own_log.checkpoint(ports).size == 0
    with ports.store.write() as tx:
        entry = tx.audit.append("thing.done", "urn:1")
    head = own_log.checkpoint(ports)
    assert (head.size, head.root) == (1, entry.leaf)
    assert checkpoints.verify(head.note, own.document, NOW) == head


def test_a_head_is_signed_once_for_each_state_of_the_log(ports: Ports) -> None:
    own = stranger(PROVIDER)
    signed: list[bytes] = []

    class Counting:
        key_id, public_jwk = own.signer.key_id, own.signer.public_jwk

        def sign(self, data: bytes) -> bytes:
            signed.append(data)
            return own.signer.sign(data)

    ports = replace(ports, signer=Counting())
    head = own_log.SignedHead(ports)
    first = head.note()
    assert head.note() == first
    assert len(signed) == 1
    with ports.store.write() as tx:
        tx.audit.append("thing.done", "urn:1")
    second = head.note()
    assert head.note() == second
    assert len(signed) == 2
    assert checkpoints.verify(second.decode(), own.document, NOW).size == 1


def test_a_head_is_of_one_state_while_another_replica_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = stranger(PROVIDER)
    ports = ports_for_tests(tmp_path, PROVIDER, signer=own.signer)
    own_log.SignedHead(ports).note()
    other = SqlStore(sqlite_url(tmp_path), FixedClock(NOW))
    with other.write() as tx:
        tx.audit.append("node.started", PROVIDER)
        tx.audit.append(own_log.ACCEPTED, "urn:job")
    other.close()
    for seconds, state in ((3600.0, (0, 0)), (0.0, (2, 2))):
        monkeypatch.setattr(recent, "SECONDS", seconds)
        note = own_log.SignedHead(ports).note()
        found = checkpoints.verify(note.decode(), own.document, NOW)
        assert (found.size, found.charged) == state


def test_proofs_for_peers(ports: Ports) -> None:
    with ports.store.write() as tx:
        for number in range(6):
            tx.audit.append("thing.done", f"urn:{number}")
        first, second = tx.audit.root(3), tx.audit.root(6)
    body = own_log.consistency(ports, participant(PEER), {"from_size": 3, "to_size": 6})
    proof = ConsistencyProof.from_body(body).hashes
    assert merkle.verify_consistency(3, 6, first, second, proof)


@pytest.mark.parametrize(
    "body", [{}, {"from_size": 0, "to_size": 1}, {"from_size": 2, "to_size": 1}, {"from_size": -1}]
)
def test_proofs_that_are_refused(ports: Ports, body: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        own_log.consistency(ports, participant(PEER), body)


def test_a_head_says_when_the_newest_job_was_accepted(ports: Ports) -> None:
    with ports.store.write() as tx:
        for kind in ("thing.done", own_log.ACCEPTED, "thing.done", own_log.ACCEPTED, "thing.done"):
            tx.audit.append(kind, "urn:1")
    assert (own_log.checkpoint(ports).size, own_log.checkpoint(ports).charged) == (5, 4)


# --- evidence


@pytest.fixture
def space() -> Space:
    return Space()


@pytest.fixture
def made(space: Space) -> Contract:
    return contract(space.admit(stranger(PROVIDER)), space.admit(stranger(CONSUMER)))


def stored(made: Contract, role: Role, **changes: Any) -> Agreement:
    read = agreements.read(made.data)
    values: dict[str, Any] = {
        "id": read.id,
        "pid": "urn:p" if role is Role.PROVIDER else "urn:c",
        "role": role,
        "provider": PROVIDER,
        "consumer": CONSUMER,
        "dataset_id": read.dataset.id,
        "document": made.data,
        "digest": read.digest,
        "provider_signature": made.provider_signature,
        "consumer_signature": made.consumer_signature,
        "receipt": made.receipt,
        "valid_until": None,
        "population": 4600,
        "finalized": True,
        "provider_document": made.provider.data,
        "consumer_document": made.consumer.data,
        "provider_membership": made.provider.membership,
        "consumer_membership": made.consumer.membership,
        "concluded_at": NOW,
        "epsilon": 3.0,
        "delta": 1e-5,
        **changes,
    }
    return Agreement(**values)


def node(folder: Path, made: Contract, space: Space, role: Role, **changes: Any) -> Ports:
    """A party's node after the contract was concluded."""
    own = made.provider if role is Role.PROVIDER else made.consumer
    ports = ports_for_tests(
        folder,
        own.did,
        signer=own.signer,
        own_document=lambda: own.data,
        own_membership=lambda _space="": own.membership,
        clock=FixedClock(NOW),
    )
    agreement, named = stored(made, role, **changes), layers.read(TEMPLATE).name
    with ports.store.write() as tx:
        tx.audit.append("node.started", own.did)
        tx.audit.append("negotiation.agreed", agreement.pid, digest=agreement.digest)
        tx.audit.append("dataset.published", agreement.dataset_id)
        tx.agreements.put(agreement)
        tx.layers.put(
            KeptLayer(
                digest=named.digest,
                issuer=space.did,
                kind=LayerKind.AUTHORITY,
                id=named.id,
                version=named.version,
                document=TEMPLATE,
                token=layers.sign(space.signer, TEMPLATE),
                published_at=NOW,
            )
        )
        tx.issuers.put(IssuerDocument(space.did, space.data, NOW))
        tx.status_lists.put(StatusList(space.status_url, space.status_list(), UNTIL, NOW))
        tx.audit.append("negotiation.finalized", agreement.id, digest=agreement.digest)
    return ports


def cosign(ports: Ports, made: Contract) -> None:
    """Let the other party have cosigned the log as it is now."""
    other = made.consumer if ports.settings.did == PROVIDER else made.provider
    head = own_log.checkpoint(ports)
    note = cosigned(head.note, other)
    with ports.store.write() as tx:
        tx.cosigned_heads.put(CosignedHead(other.did, head.size, note, NOW))


UNTIL = NOW + timedelta(hours=23)


def key_of(space: Space) -> bytes:
    return canonical(dict(space.signer.public_jwk))


@pytest.mark.parametrize("role", list(Role))
def test_export_is_proven_by_the_authority_s_key(
    tmp_path: Path, space: Space, made: Contract, role: Role
) -> None:
    ports = node(tmp_path, made, space, role)
    alone = evidence.verify(export.export(ports, stored(made, role).id), [key_of(space)])
    assert [it.name for it in alone.parts if it.standing is not Standing.PROVEN] == ["log"]
    cosign(ports, made)
    data = export.export(ports, stored(made, role).id)
    verdict = evidence.verify(data, [key_of(space)])
    assert verdict.outcome is Outcome.PROVEN, verdict.reason
    assert any("2 log entries" in it for it in verdict.part("log").checks)
    assert evidence.verify(data).outcome is Outcome.CONSISTENT
    assert evidence.verify(data, [key_of(Space())]).outcome is Outcome.INVALID
    assert events_of(ports, "evidence.exported") == 2


def a_job(agreement: Agreement) -> Job:
    return Job(
        id="urn:job",
        side=JobSide.SITE,
        peer=CONSUMER,
        agreement_id=agreement.id,
        manifest=b"{}",
        manifest_digest="",
        signature="",
        state="ACCEPTED",
        created_at=NOW,
        updated_at=NOW,
    )


def test_export_holds_the_jobs_of_the_contract(
    tmp_path: Path, space: Space, made: Contract
) -> None:
    ports = node(tmp_path, made, space, Role.PROVIDER)
    agreement = stored(made, Role.PROVIDER)
    job = a_job(agreement)
    with ports.store.write() as tx:
        tx.jobs.put(job)
        tx.audit.append("job.accepted", job.id)
        tx.audit.append("job.accepted", "urn:another")
    verdict = evidence.verify(export.export(ports, agreement.id), [key_of(space)])
    assert any("3 log entries" in it for it in verdict.part("log").checks)


def test_a_history_that_outgrows_a_bundle_goes_in_with_its_newest_jobs(
    tmp_path: Path, space: Space, made: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = node(tmp_path, made, space, Role.PROVIDER)
    agreement = stored(made, Role.PROVIDER)
    with ports.store.write() as tx:
        for number in range(3):
            tx.jobs.put(replace(a_job(agreement), id=f"urn:job:{number}"))
            for kind in ("job.accepted", "job.completed"):
                tx.audit.append(kind, f"urn:job:{number}")
    cosign(ports, made)
    monkeypatch.setattr(bundles, "MAX_ENTRIES", 7)
    data = export.export(ports, agreement.id)
    assert evidence.verify(data, [key_of(space)]).outcome is Outcome.PROVEN
    assert [data.count(f"urn:job:{number}".encode()) for number in range(3)] == [0, 2, 2]
    monkeypatch.setattr(export, "MOST_BYTES", 0)
    few = export.export(ports, agreement.id)
    assert b"urn:job:" not in few
    assert b"negotiation.finalized" in few


def test_a_long_history_can_be_exported(tmp_path: Path, space: Space, made: Contract) -> None:
    ports = node(tmp_path, made, space, Role.PROVIDER)
    agreement = stored(made, Role.PROVIDER)
    with ports.store.write() as tx:
        for _ in range(5):  # more than a JWS of another kind may hold
            tx.audit.append("round.released", agreement.id, stands_for_many="x" * (1 << 20))
    cosign(ports, made)
    data = export.export(ports, agreement.id)
    assert len(data) > jws.MAX_PAYLOAD_BYTES
    assert evidence.verify(data, [key_of(space)]).outcome is Outcome.PROVEN
    spoiled = data.replace(b"xxxx", b"xxxy", 1)
    assert evidence.verify(spoiled, [key_of(space)]).outcome is Outcome.INVALID


def test_export_carries_the_peer_s_head(
    tmp_path: Path, space: Space, made: Contract, log: Log
) -> None:
    ports = node(tmp_path, made, space, Role.PROVIDER)
    note = log.note(made.consumer)
    with ports.store.write() as tx:
        tx.checkpoints.put(Checkpoint(CONSUMER, 5, log.root(), note, NOW))
    cosign(ports, made)
    data = export.export(ports, stored(made, Role.PROVIDER).id)
    assert canonical(note) in data
    assert evidence.verify(data, [key_of(space)]).outcome is Outcome.PROVEN


def test_a_peer_s_next_key_cosigns_what_the_first_signed(
    tmp_path: Path, space: Space, made: Contract
) -> None:
    ports = node(tmp_path, made, space, Role.PROVIDER)
    later = rotated(made.consumer)
    with ports.store.write() as tx:
        tx.participants.put(replace(participant(later), blocked="revoked since"))
    cosign(ports, replace(made, consumer=later))
    data = export.export(ports, stored(made, Role.PROVIDER).id)
    verdict = evidence.verify(data, [key_of(space)])
    assert verdict.outcome is Outcome.PROVEN, verdict.reason


def test_what_an_own_lost_key_signed_is_left_out(
    tmp_path: Path, space: Space, made: Contract
) -> None:
    ports = node(tmp_path, made, space, Role.PROVIDER)
    cosign(ports, made)
    own = rotated(made.provider, lost=True)
    own = replace(own, membership=space.membership(own))
    again = replace(
        ports,
        signer=own.signer,
        own_document=lambda: own.data,
        own_membership=lambda _space="": own.membership,
    )
    data = export.export(again, stored(made, Role.PROVIDER).id)
    verdict = evidence.verify(data, [key_of(space)])
    assert verdict.outcome is Outcome.CONSISTENT, verdict.reason
    assert verdict.part("log").standing is Standing.UNPROVEN


def test_a_head_by_a_later_key_of_the_peer_is_left_out(
    tmp_path: Path, space: Space, made: Contract, log: Log
) -> None:
    ports = node(tmp_path, made, space, Role.PROVIDER)
    note = log.note(stranger(CONSUMER))
    with ports.store.write() as tx:
        tx.checkpoints.put(Checkpoint(CONSUMER, 5, log.root(), note, NOW))
    cosign(ports, made)
    data = export.export(ports, stored(made, Role.PROVIDER).id)
    assert canonical(note) not in data
    assert evidence.verify(data, [key_of(space)]).outcome is Outcome.PROVEN


def test_only_finalized_contracts_are_exported(
    tmp_path: Path, space: Space, made: Contract
) -> None:
    ports = node(tmp_path, made, space, Role.PROVIDER, finalized=False)
    for wanted in (stored(made, Role.PROVIDER).id, "urn:none"):
        with pytest.raises(AgreementUnknown):
            export.export(ports, wanted)
    assert events_of(ports, "evidence.exported") == 0


def test_an_agreements_entries_include_its_negotiations(
    tmp_path: Path, space: Space, made: Contract
) -> None:
    ports = node(tmp_path, made, space, Role.PROVIDER)
    with ports.store.read() as tx:
        agreement = tx.agreements.find()[0]
    found = own_log.events(ports, subject=agreement.id).values
    assert [entry.kind for entry in found] == ["negotiation.agreed", "negotiation.finalized"]
    assert own_log.events(ports, limit=1, subject=agreement.id).values == found[:1]
    assert own_log.events(ports, start=found[1].index, subject=agreement.id).values == found[1:]


def test_export_holds_the_status_list_of_the_time_of_signing(
    tmp_path: Path, space: Space, made: Contract
) -> None:
    """The consumer is revoked later: the list that was kept shows that it stood."""
    ports = node(tmp_path, made, space, Role.PROVIDER)
    cosign(ports, made)
    later = {"valid_from": NOW + timedelta(days=1), "valid_until": NOW + timedelta(days=2)}
    wanted = stored(made, Role.PROVIDER)
    with ports.store.write() as tx:
        export.keep_lists(tx, wanted.provider_membership, wanted.consumer_membership)
        url, now = space.status_url, NOW + timedelta(days=1)
        tx.status_lists.put(StatusList(url, space.status_list(1, **later), now, now))
        export.keep_lists(tx, wanted.provider_membership)  # for a later contract
    data = export.export(ports, wanted.id)
    assert evidence.verify(data, [key_of(space)]).outcome is Outcome.PROVEN
    with ports.store.write() as tx:
        for each in tx.kept_lists.find():
            tx.kept_lists.remove(each.digest)
    found = evidence.verify(export.export(ports, wanted.id), [key_of(space)])
    assert found.part("revocation").standing is Standing.UNPROVEN


def test_a_head_cosigned_with_a_later_key_or_in_another_epoch_is_left_out(
    tmp_path: Path, space: Space, made: Contract
) -> None:
    ports = node(tmp_path, made, space, Role.PROVIDER)
    cosign(ports, replace(made, consumer=stranger(CONSUMER)))
    wanted = stored(made, Role.PROVIDER).id
    for _ in range(2):
        found = evidence.verify(export.export(ports, wanted), [key_of(space)])
        assert (found.outcome, found.part("log").standing) == (
            Outcome.CONSISTENT,
            Standing.UNPROVEN,
        )
        head = replace(own_log.checkpoint(ports).head, epoch=1)
        note = checkpoints.make(made.provider.signer, PROVIDER, head, 0)
        with ports.store.write() as tx:
            line = cosigned(note, made.consumer)
            tx.cosigned_heads.put(CosignedHead(CONSUMER, head.size, line, NOW))
