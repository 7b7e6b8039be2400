"""Contracts over HTTPS: two Préau nodes sign as over gRPC; a peer of another make signs nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.bootstrap import dataspace
from connector.domain.contract.negotiation import NegotiationState
from connector.domain.contract.notice import Act
from connector.domain.participant import Participant
from connector.domain.transfer.transfer import TransferState
from connector.errors import (
    AgreementTampered,
    AgreementTimeWrong,
    AgreementUnknown,
    IllegalMessage,
    NotSupported,
    PolicyInvalid,
    PreauError,
    TransferInactive,
)
from connector.identity import agreement as documents
from connector.identity import evidence
from connector.identity.evidence import Outcome, Standing
from connector.jsonld import opaque
from connector.jsonld.canonical import canonical, sha256_hex
from connector.protocol.dsp import data_address, negotiation
from connector.protocol.dsp import members as members_of
from connector.protocol.dsp.negotiation import Negotiated
from connector.protocol.dsp.transfer import Transferred
from connector.protocol.messages import ContractAgreementMessage
from connector.protocol.transfer_messages import TransferRequestMessage
from connector.services.evidence import export
from connector.services.messages.receive import received
from connector.services.negotiation import negotiate, notices, plans
from connector.services.publication import catalog_pages, publish
from connector.services.transfer import acts, consumer_side
from connector.services.transfer.acts import Wish
from connector.services.use import preparing
from tests.support.dsp_link import LoopWeb, dsp_link
from tests.support.link import CONTEXT, DATASET, Link, Node, description, link

State = NegotiationState
USE: dict[str, Any] = {"permission": [{"action": "use"}]}
TERMS: dict[str, Any] = {
    "@context": CONTEXT,
    "@id": "urn:example:offer",
    "@type": "Offer",
    **USE,
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


def test_an_offer_that_this_node_cannot_uphold_is_shown_and_refused(
    plain: tuple[Link, LoopWeb],
) -> None:
    pair, _ = plain
    constraint = {
        "leftOperand": "https://w3id.org/catenax/2025/9/policy/UsagePurpose",
        "operator": "isAnyOf",
        "rightOperand": "cx.core.industrycore:1",
    }
    (ours,) = publish.offers(pair.school.ports, DATASET)
    form = json.loads(ours.dsp) | {"permission": [{"action": "use", "constraint": [constraint]}]}
    with pair.school.ports.store.write() as tx:
        tx.offers.put(replace(ours, dsp=canonical(form)))  # as another connector shows it
    dataset = catalog_pages.fetch_dataset(pair.lab.ports, pair.school.did, DATASET)
    (shown,) = dataset.offers
    assert shown.unmet.startswith("POLICY_INVALID: ")
    assert "UsagePurpose" in shown.unmet
    with pytest.raises(PolicyInvalid):
        negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    assert pair.lab.negotiations() == []


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


def test_a_transfer_is_asked_for_once_and_refused_by_its_reason(
    plain: tuple[Link, LoopWeb],
) -> None:
    pair, _ = plain
    school, lab = pair.school, pair.lab
    agreement = concluded(pair)
    caller = known(school, lab)
    message = TransferRequestMessage("ni:///sha-256;a", "urn:c:1", agreement, "")
    value = Transferred(message, "https://lab.example/dsp", data_address.PULL)
    first = received(school.ports, caller, value)
    again = replace(message, message_id="ni:///sha-256;b")
    assert received(school.ports, caller, replace(value, message=again)) == first
    with school.ports.store.read() as tx:
        assert (len(tx.transfers.find()), len(tx.extracts.find())) == (1, 1)
    other = replace(value, message=replace(message, consumer_pid="urn:c:2"))
    with pytest.raises(NotSupported, match="does not transfer in the format `HttpData-PUSH`"):
        received(school.ports, caller, replace(other, format="HttpData-PUSH"))
    elsewhere = replace(message, agreement_id="urn:another")
    with pytest.raises(IllegalMessage, match="another agreement"):
        received(school.ports, caller, replace(value, message=elsewhere))
    stranger = replace(message, consumer_pid="urn:c:3", agreement_id="urn:another")
    with pytest.raises(AgreementUnknown):
        received(school.ports, caller, replace(value, message=stranger))


def test_suspended_or_ended_no_byte_is_read_more(plain: tuple[Link, LoopWeb]) -> None:
    pair, _ = plain
    school, lab = pair.school.ports, pair.lab.ports
    agreement = concluded(pair)
    pid = consumer_side.request(lab, agreement).pid
    pair.pump()
    preparing.turn(school, steady=True)
    pair.pump()
    theirs = acts.transfer(lab, pid).peer_pid
    kept = data_address.access(data_address.read_stored(acts.transfer(lab, pid).data_address)).token
    acts.give(school, theirs, Wish.SUSPEND, "a check")
    with pytest.raises(TransferInactive):
        consumer_side._pulled(lab, acts.transfer(lab, pid), 0)
    pair.pump()
    acts.give(school, theirs, Wish.RESUME, "checked")
    pair.pump()
    assert b"".join(consumer_side.content(lab, pid, 0)[1])
    address = acts.transfer(lab, pid).data_address
    notices.give(school, agreement, Act.ENDED, "no more")
    with pytest.raises(PreauError):
        next(lab.web.fetch(data_address.read_stored(address).endpoint, kept, 0))
    pair.pump()
    assert acts.transfer(lab, pid).state is TransferState.TERMINATED
    assert acts.transfer(lab, pid).data_address == b""
    assert not pair.school.waiting()


def test_an_agreement_is_the_offer_that_was_accepted_or_refused(
    plain: tuple[Link, LoopWeb],
) -> None:
    pair, _ = plain
    pair.hold("ContractAgreementMessage")
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    pair.deliver(2)
    (draft,) = pair.school.agreements()
    stated = documents.read(draft.document).policy
    before = pair.lab.state_of_everything()
    caller, held = known(pair.lab, pair.school), pair.lab.only()

    def come(policy: dict[str, Any], caller: Participant = caller) -> Any:
        message = ContractAgreementMessage(
            f"ni:///sha-256;{len(policy)}", held.peer_pid, held.pid, b"", ""
        )
        value = Negotiated(message, policy=canonical(policy), data=b"{}", token="t")
        return received(pair.lab.ports, caller, value)

    for policy in (
        {**stated, "permission": [{"action": "odrl:read"}]},
        {**stated, "prohibition": [{"action": "odrl:distribute"}]},
        {**stated, "target": "urn:example:other"},
        {**stated, "assigner": "did:web:other.example"},
        {**stated, "assignee": "did:web:other.example"},
        {**stated, "@type": "Offer"},
    ):
        with pytest.raises(AgreementTampered):
            come(policy)
    with pytest.raises(AgreementTampered):  # who is known as a Préau node signs
        come(dict(stated), replace(caller, grpc_endpoint="localhost:1"))
    late = {"@value": "2020-01-01T00:00:00Z", "@type": "xsd:dateTime"}
    with pytest.raises(AgreementTimeWrong):
        come({**stated, "dspace:timestamp": late})
    assert pair.lab.only() == held
    assert pair.lab.state_of_everything()[:5] == before[:5]
    assert come(dict(stated)).state == State.VERIFIED


def test_evidence_says_which_side_signed(plain: tuple[Link, LoopWeb]) -> None:
    pair, _ = plain
    lab = replace(known(pair.school, pair.lab), membership="e30.e30.of-another-make")
    with pair.school.ports.store.write() as tx:
        tx.participants.put(lab)
    agreement = concluded(pair)
    for node, other in ((pair.lab, pair.school), (pair.school, pair.lab)):
        verdict = evidence.verify(export.export(node.ports, agreement))
        contract = verdict.part("contract")
        assert contract.standing is Standing.UNPROVEN
        assert f"`{other.did}` signed nothing" in contract.finding
        assert any("signed by the" in each for each in contract.checks)
        assert verdict.outcome is Outcome.CONSISTENT, verdict


def test_two_nodes_sign_over_https_what_they_sign_over_grpc(tmp_path: Path) -> None:
    made = []
    for folder, joining in ((tmp_path / "grpc", link), (tmp_path / "https", both)):
        with joining(folder) as pair:
            publish.publish(pair.school.ports, description(tmp_path / "data", offer=TERMS))
            pair.clock.now()
            negotiate.request(pair.lab.ports, pair.school.did, DATASET)
            pair.pump()
            (ours,), (theirs,) = pair.school.agreements(), pair.lab.agreements()
            assert ours.document == theirs.document
            assert ours.receipt == theirs.receipt != ""
            assert pair.lab.only().said == pair.school.only().said == ()
            read = documents.read(ours.document)
            made.append((read.policy["permission"], read.plan, read.coverage, read.version))
    assert made[0] == made[1]


@contextmanager
def both(folder: Path) -> Iterator[Link]:
    with dsp_link(folder, plain=False) as (pair, _):
        yield pair


def known(node: Node, other: Node) -> Participant:
    """Return another node as a node keeps it."""
    with node.ports.store.read() as tx:
        found = tx.participants.get(other.did)
    assert found is not None
    return found


def test_terms_of_which_no_use_can_be_asked_for_are_not_contracted(tmp_path: Path) -> None:
    with dsp_link(tmp_path, plain=True) as (pair, _):
        publish.publish(pair.school.ports, description(tmp_path / "data"))  # of training
        negotiate.request(pair.lab.ports, pair.school.did, DATASET)
        pair.pump()
        ended = pair.school.only()
        assert (ended.state, ended.code) == (State.TERMINATED, "NOT_SUPPORTED")
        assert [each.stands for each in pair.school.agreements()] == [False]
        assert pair.lab.only().state is State.TERMINATED


def test_names_of_others_need_not_be_iris(plain: tuple[Link, LoopWeb]) -> None:
    """As the public kit sends them: another target of an offer, parties by names of the space."""
    pair, _ = plain
    lab, provider, name = pair.lab.ports, known(pair.lab, pair.school), "ACNC0101"
    offered = canonical({"@context": CONTEXT, "@type": "Offer", "@id": "urn:o", **USE})
    view = catalog_pages.OfferView("CD123:ACNC0101:456", offered, ())
    pid = negotiate.begin(lab, provider.did, name, view, address="https://kit.example").pid
    (request,) = [json.loads(each.body) for each in pair.lab.waiting()]
    assert request["dataset"] == name

    def come(kind: str, **members: Any) -> Any:
        both = {"providerPid": "p-1", "consumerPid": pid}
        body = {"@context": [members_of.CONTEXT], "@type": kind, "@id": f"{kind} 1", **both}
        how = dataspace.policies(lab)
        value = negotiation.read(json.dumps({**body, **members}).encode(), how)
        return received(lab, provider, replace(value, token="t"))

    parties = {"assigner": "CONNECTOR", "assignee": "TCK_PARTICIPANT"}
    terms = {"@id": "offer-2", "@type": "Offer", "target": "empty", **USE, **parties}
    assert come("ContractOfferMessage", offer=terms).state == State.OFFERED
    with pytest.raises(IllegalMessage):
        come("ContractOfferMessage", offer=terms, **{"@id": "said anew"})
    assert come("ContractOfferMessage", offer=terms).state == State.OFFERED
    negotiate.accept(lab, pid)
    at = {"timestamp": lab.clock.now().isoformat().replace("+00:00", ".123456789Z")}
    agreed = {"@id": "agreement-1", "@type": "Agreement", **USE, **parties, **at}
    with pytest.raises(AgreementTampered, match="another dataset"):
        come("ContractAgreementMessage", agreement={**agreed, "target": "empty"})
    other = {**agreed, "target": name, "assignee": "did:web:other.example"}
    with pytest.raises(AgreementTampered, match="other parties"):
        come("ContractAgreementMessage", agreement=other)
    assert (
        come("ContractAgreementMessage", agreement={**agreed, "target": name}).state == "VERIFIED"
    )
    event = {"eventType": "FINALIZED"}
    assert come("ContractNegotiationEventMessage", **event).state == "FINALIZED"
    (found,) = pair.lab.agreements()
    assert (found.dataset_id, found.finalized) == (name, True)
    asked = consumer_side.request(lab, found.id)
    (last,) = [it for it in pair.lab.waiting() if it.subject == asked.pid]
    assert json.loads(last.body)["agreement_id"] == "agreement-1"
    assert last.address == "https://kit.example"


def test_a_dataset_of_ours_may_have_any_name(plain: tuple[Link, LoopWeb]) -> None:
    pair, _ = plain
    school, name = pair.school.ports, "ACN0101"
    with school.store.write() as tx:
        dataset, (offer,) = tx.datasets.get(DATASET), tx.offers.find(dataset_id=DATASET)
        assert dataset is not None
        tx.datasets.put(replace(dataset, id=name))
        tx.offers.put(replace(offer, id="CD123:ACN0101:456", dataset_id=name))
    caller = known(pair.school, pair.lab)

    def come(kind: str, **members: Any) -> Any:
        body = {"@context": [members_of.CONTEXT], "@type": kind, "@id": f"{kind} 1", **members}
        how = dataspace.policies(school)
        return received(school, caller, negotiation.read(json.dumps(body).encode(), how))

    terms = {"@id": "CD123:ACN0101:456", "@type": "Offer", "target": name, **USE}
    opening = {"callbackAddress": "https://kit.example", "offer": terms}
    opened = come("ContractRequestMessage", consumerPid="c-1", **opening)
    assert opened.state == "AGREED"
    both = {"providerPid": opened.provider_pid, "consumerPid": "c-1"}
    verified = come("ContractAgreementVerificationMessage", **both)
    assert verified.state == "FINALIZED"
    with pytest.raises(IllegalMessage):  # nothing was signed that could be the same signature
        come("ContractAgreementVerificationMessage", **both, **{"@id": "said anew"})
    (found,) = pair.school.agreements()
    assert found.dataset_id == name
    with school.store.read() as tx:
        (sent,) = tx.outbox.find(kind="ContractAgreementMessage")
    stated = json.loads(base64.b64decode(json.loads(sent.body)["agreement"]))["agreement"]
    assert opaque.outward(stated["target"]) == name
