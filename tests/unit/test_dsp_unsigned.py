"""Contracts over HTTPS: two Préau nodes sign as over gRPC; a peer of another make signs nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.domain.contract.negotiation import NegotiationState
from connector.domain.transfer.transfer import TransferState
from connector.identity import agreement as documents
from connector.jsonld.canonical import sha256_hex
from connector.services.negotiation import negotiate, plans
from connector.services.publication import publish
from connector.services.transfer import acts, consumer_side
from connector.services.use import preparing
from tests.support.dsp_link import LoopWeb, dsp_link
from tests.support.link import CONTEXT, DATASET, Link, description

State = NegotiationState
TERMS: dict[str, Any] = {
    "@context": CONTEXT,
    "@id": "urn:example:offer",
    "@type": "Offer",
    "permission": [{"action": "use"}],
}


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[tuple[Link, LoopWeb]]:
    with dsp_link(tmp_path, plain=True) as found:
        publish.publish(found[0].school.ports, description(tmp_path / "data", offer=TERMS))
        yield found


def test_a_contract_with_a_peer_that_signs_nothing(plain: tuple[Link, LoopWeb]) -> None:
    pair, web = plain
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    pair.pump()
    assert [pair.lab.only().state, pair.school.only().state] == [State.FINALIZED] * 2
    (theirs,), (ours,) = pair.lab.agreements(), pair.school.agreements()
    assert (bool(ours.provider_signature), ours.consumer_signature, ours.receipt) == (True, "", "")
    assert (theirs.provider_signature, bool(theirs.consumer_signature)) == ("", True)
    assert (ours.finalized, theirs.finalized) == (True, True)
    assert theirs.id == ours.id
    provided, consumed = documents.read(ours.document), documents.read(theirs.document)
    assert (consumed.alone, provided.alone) == (True, False)
    assert consumed.policy == provided.policy
    assert plans.plan_of(ours).uses
    assert plans.plan_of(theirs).uses == ()
    said = [each.kind for each in pair.school.only().said]
    assert said == ["ContractRequestMessage", "ContractAgreementVerificationMessage"]
    heard = {each.kind: each for each in pair.lab.only().said}
    stated = json.loads(heard["ContractAgreementMessage"].body)
    assert stated["agreement"]["@id"] == ours.id
    assert heard["ContractAgreementMessage"].token == f"token of {pair.school.did}"
    assert web.sent


def test_rows_are_pulled_under_a_contract_that_one_side_signs(
    plain: tuple[Link, LoopWeb],
) -> None:
    pair, _ = plain
    school, lab = pair.school.ports, pair.lab.ports
    agreement = concluded(pair)
    pid = consumer_side.request(lab, agreement).pid
    pair.pump()
    assert acts.transfer(lab, pid).state is TransferState.REQUESTED
    preparing.turn(school, steady=True)
    pair.pump()
    going, chunks = consumer_side.content(lab, pid, 0)
    assert going.state is TransferState.STARTED
    assert going.content is None
    data = b"".join(chunks)
    assert b"reading" in data or data.startswith(b"\xff\xff")
    rest = b"".join(consumer_side.content(lab, pid, 5)[1])
    assert rest == data[5:]
    done = consumer_side.received(lab, pid, sha256_hex(data), len(data))
    pair.pump()
    assert done.state is TransferState.COMPLETED
    assert done.data_address == b""
    with school.store.read() as tx:
        (theirs,) = tx.transfers.find()
    assert theirs.state is TransferState.COMPLETED
    assert theirs.receipt


def concluded(pair: Link) -> str:
    """Let the lab get a contract; return its id."""
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    pair.pump()
    (found,) = pair.lab.agreements()
    assert found.finalized
    return found.id
