"""Negotiations from both ends: what each side does by itself, and what waits for its operator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.bootstrap.mechanisms import MECHANISMS
from connector.domain.contract.negotiation import Role
from connector.errors import (
    IllegalMessage,
    Malformed,
    NotFound,
    OfferUnknown,
    PolicyInvalid,
)
from connector.identity import agreement as agreements
from connector.identity import document as documents
from connector.identity.receipts import receipt
from connector.jsonld.canonical import sha256_hex
from connector.jsonld.policy import read_policy
from connector.services.negotiation import agree, negotiate, terms
from connector.services.publication import publish
from tests.support.each import over
from tests.support.link import (
    DATASET,
    Fault,
    Link,
    description,
    limit,
    link,
    offer,
)
from tests.support.negotiating import (
    MARKETING,
    State,
    ask,
    both,
    only_offer,
    states,
)


@pytest.fixture(params=[False, True], ids=["called", "carried"])
def pair(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Link]:
    with link(tmp_path, carries=request.param) as pair:
        publish.publish(pair.school.ports, description(pair.folder))
        yield pair


def test_as_offered_is_agreed_at_once(pair: Link) -> None:
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    pair.deliver()
    assert states(pair) == both(State.FINALIZED)
    kinds = [call.kind for call in pair.calls if "Dataset" not in call.kind]
    assert kinds == [
        "ContractRequestMessage",
        *([] if pair.carries else ["ContractAgreementMessage"]),
        "ContractAgreementVerificationMessage",
        *([] if pair.carries else ["ContractNegotiationEventMessage"]),
    ]


def test_both_keep_the_same_bytes_and_all_evidence(pair: Link) -> None:
    ask(pair)
    (theirs,), (ours,) = pair.school.agreements(), pair.lab.agreements()
    assert (theirs.role, ours.role) == (Role.PROVIDER, Role.CONSUMER)
    assert ours.document == theirs.document
    assert ours.digest == sha256_hex(theirs.document)
    for name in (
        *("id", "provider", "consumer", "dataset_id", "population", "valid_until", "finalized"),
        *("provider_signature", "consumer_signature", "receipt", "concluded_at"),
        *("provider_document", "consumer_document"),
        *("provider_membership", "consumer_membership"),
    ):
        assert getattr(ours, name) == getattr(theirs, name)
        assert getattr(ours, name)
    read = agreements.read(ours.document)
    school, lab = pair.school.member.document, pair.lab.member.document
    agreements.verify_provider(read, ours.provider_signature, school)
    agreements.verify_consumer(read, ours.consumer_signature, lab)
    found = receipt.read_receipt(ours.receipt, documents.read(ours.provider_document, school.did))
    receipt.check_receipt(found, read, ours.provider_signature, ours.consumer_signature)
    assert (found.minimum_sites, found.population) == (3, 4600)
    assert pair.lab.only().agreement_id == pair.school.only().agreement_id == ours.id


def test_each_step_is_in_both_logs(pair: Link) -> None:
    ask(pair)
    for node in (pair.lab, pair.school):
        kinds = [entry.kind for entry in node.log() if entry.kind.startswith("negotiation.")]
        assert kinds == [
            "negotiation.requested",
            "negotiation.agreed",
            "negotiation.verified",
            "negotiation.finalized",
        ]


def test_the_contract_is_the_providers_offer(pair: Link) -> None:
    ask(pair, offer_id=only_offer(pair.school))
    (agreed,) = pair.lab.agreements()
    (offered,) = publish.offers(pair.school.ports, DATASET)
    written = json.loads(agreed.document)
    assert written["offer"] == {"id": offered.id, "digest": offered.digest}
    assert written["agreement"]["permission"] == json.loads(offered.policy)["permission"]
    assert written["coverage"] == [
        line.to_body() | {"layer": "offer"}
        for line in terms.coverage(read_policy(offered.policy), MECHANISMS)
    ]


def test_narrower_terms_are_contracted_in_the_providers_words(pair: Link) -> None:
    wish = offer(epsilon="1.50", until="2027-01-01T01:00:00+01:00")
    wish["permission"][0]["@id"] = "urn:lab:my-rule"
    wish["dct:title"] = "text of the lab's"
    ask(pair, policy=wish)
    assert states(pair) == both(State.FINALIZED)
    (agreed,) = pair.school.agreements()
    (published,) = publish.offers(pair.school.ports, DATASET)
    with pair.school.ports.store.read() as tx:
        (narrowed,) = tx.offers.find(derived_from=published.id)
    assert narrowed.audience == pair.lab.did
    assert narrowed.derived_from == published.id
    assert narrowed.withdrawn  # it was for this negotiation
    assert not published.withdrawn
    written = agreed.document.decode()
    assert json.loads(written)["offer"]["id"] == narrowed.id
    assert "urn:lab:my-rule" not in written
    assert "text of the lab" not in written
    assert '"1.5"' in written
    assert "2027-01-01T00:00:00Z" in written


def test_the_offers_own_terms_in_other_words_are_as_offered(pair: Link) -> None:
    wish = offer(epsilon="3.000")
    wish["permission"][0]["constraint"].reverse()
    ask(pair, policy=wish)
    assert states(pair) == both(State.FINALIZED)
    assert len(publish.offers(pair.school.ports, DATASET)) == 1
    assert b"3.000" not in pair.school.agreements()[0].document


def test_terms_inside_the_reserve_are_agreed(pair: Link) -> None:
    publish.publish(
        pair.school.ports, description(pair.folder, reserve=offer(epsilon="5", sites="2"))
    )
    ask(pair, policy=offer(epsilon="4.5"))
    assert states(pair) == both(State.FINALIZED)
    assert b'"4.5"' in pair.lab.agreements()[0].document


def test_wider_terms_get_one_counter_offer_with_reasons(pair: Link) -> None:
    pid = ask(pair, policy=offer(epsilon="5", until="2027-01-01T00:00:00Z"))
    assert states(pair) == both(State.OFFERED)
    found = pair.lab.only()
    assert found.policy_by is Role.PROVIDER
    assert any("epsilon lteq 3" in line for line in found.reasons)
    assert b'"5"' not in found.policy
    assert b"2027-01-01T00:00:00Z" in found.policy
    negotiate.accept(pair.lab.ports, pid)
    pair.pump()
    assert states(pair) == both(State.FINALIZED)


def test_wider_terms_a_second_time_are_refused(pair: Link) -> None:
    pid = ask(pair, policy=offer(epsilon="5"))
    negotiate.counter(pair.lab.ports, pid, offer(epsilon="4"))
    pair.pump()
    assert states(pair) == both(State.TERMINATED)
    assert pair.lab.only().code == pair.school.only().code == "TERMS_REFUSED"
    assert any("epsilon lteq 3" in line for line in pair.lab.only().reasons)
    assert pair.lab.agreements() == pair.school.agreements() == []
    assert only_offer(pair.school)  # the counter-offer is no longer on the table


def test_a_counter_offer_within_the_offer_is_agreed(pair: Link) -> None:
    pid = ask(pair, policy=offer(epsilon="5"))
    negotiate.counter(pair.lab.ports, pid, offer(epsilon="2"))
    pair.pump()
    assert states(pair) == both(State.FINALIZED)
    assert b'"2"' in pair.lab.agreements()[0].document


def test_terms_with_nothing_in_common_are_refused_with_reasons(pair: Link) -> None:
    ask(pair, policy=offer(purpose=MARKETING))
    assert states(pair) == both(State.TERMINATED)
    assert pair.lab.only().code == "TERMS_REFUSED"
    assert any("purpose" in line for line in pair.lab.only().reasons)
    (entry,) = pair.school.log("negotiation.terminated")
    assert json.loads(entry.event)


def test_terms_that_nobody_could_uphold_are_not_agreed(pair: Link) -> None:
    ask(pair, policy=offer(extra=(limit("odrl:count", "lteq", "5", "integer"),)))
    assert states(pair) == both(State.TERMINATED)
    assert pair.lab.only().code == "TERMS_REFUSED"


def test_a_wish_without_permission_is_not_sent(pair: Link) -> None:
    wish = offer()
    wish["prohibition"] = wish.pop("permission")
    with pytest.raises(PolicyInvalid):
        negotiate.request(pair.lab.ports, pair.school.did, DATASET, policy=wish)
    assert pair.lab.negotiations() == []


def test_a_wish_about_another_dataset_is_refused(pair: Link) -> None:
    ask(pair, policy=offer(target="urn:example:other"))
    assert pair.school.negotiations() == []
    assert pair.lab.only().state is State.TERMINATED
    assert pair.lab.only().code == Malformed.code


def test_the_provider_opens_and_the_consumer_accepts(pair: Link) -> None:
    opened = negotiate.offer(pair.school.ports, pair.lab.did, DATASET, only_offer(pair.school))
    pair.pump()
    assert states(pair) == both(State.OFFERED)
    assert pair.school.only().peer_pid == pair.lab.only().pid
    assert pair.lab.only().peer_pid == opened.pid
    negotiate.accept(pair.lab.ports, pair.lab.only().pid)
    pair.pump()
    assert states(pair) == both(State.FINALIZED)
    assert pair.lab.only().description == publish.datasets(pair.school.ports).values[0].credential


def test_the_provider_opens_and_the_consumer_counters(pair: Link) -> None:
    negotiate.offer(pair.school.ports, pair.lab.did, DATASET, only_offer(pair.school))
    pair.pump()
    negotiate.counter(pair.lab.ports, pair.lab.only().pid, offer(epsilon="1"))
    pair.pump()
    assert states(pair) == both(State.FINALIZED)


def test_the_provider_cannot_open_with_an_offer_for_another(pair: Link) -> None:
    raw = description(pair.folder, offer=offer(assignee="did:web:elsewhere.example"))
    publish.publish(pair.school.ports, raw)
    with pytest.raises(OfferUnknown):
        negotiate.offer(pair.school.ports, pair.lab.did, DATASET, only_offer(pair.school))
    assert pair.school.negotiations() == []


@pytest.mark.parametrize("who", ["lab", "school"])
def test_either_side_may_end_an_offered_negotiation(pair: Link, who: str) -> None:
    ask(pair, policy=offer(epsilon="5"))
    node = pair.nodes[who]
    negotiate.terminate(node.ports, node.only().pid, "no longer needed")
    pair.pump()
    assert states(pair) == both(State.TERMINATED)
    assert pair.lab.only().reasons == pair.school.only().reasons == ("no longer needed",)


def test_a_request_that_was_never_answered_can_be_ended(pair: Link) -> None:
    found = negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    negotiate.terminate(pair.lab.ports, found.pid)
    pair.pump()
    assert pair.lab.only().state is State.TERMINATED
    assert pair.school.negotiations() == []


def test_what_the_other_side_must_end_cannot_be_ended_here(pair: Link) -> None:
    pid = ask(pair)
    for node, own_pid in ((pair.lab, pid), (pair.school, pair.school.only().pid)):
        before = node.state_of_everything()
        with pytest.raises(IllegalMessage):
            negotiate.terminate(node.ports, own_pid)
        assert node.state_of_everything() == before


def test_acts_of_the_other_role_are_refused(pair: Link) -> None:
    ask(pair, policy=offer(epsilon="5"))
    pid = pair.school.only().pid
    before = pair.school.state_of_everything()
    with pytest.raises(IllegalMessage, match="not the consumer"):
        negotiate.accept(pair.school.ports, pid)
    with pytest.raises(IllegalMessage, match="not the consumer"):
        negotiate.counter(pair.school.ports, pid, offer())
    assert pair.school.state_of_everything() == before


def test_one_cannot_accept_ones_own_request(pair: Link) -> None:
    pair.fault = lambda call: Fault.LOSE_REQUEST if "Contract" in call.kind else Fault.NONE
    found = negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    before = pair.lab.state_of_everything()
    with pytest.raises(IllegalMessage):
        negotiate.accept(pair.lab.ports, found.pid)
    with pytest.raises(IllegalMessage):
        negotiate.counter(pair.lab.ports, found.pid, offer())
    assert pair.lab.state_of_everything() == before


@over(
    "act",
    [
        lambda ports: negotiate.accept(ports, "urn:none"),
        lambda ports: negotiate.counter(ports, "urn:none", offer()),
        lambda ports: negotiate.terminate(ports, "urn:none"),
        lambda ports: negotiate.negotiation(ports, "urn:none"),
        lambda ports: negotiate.reconcile(ports, "urn:none"),
        lambda ports: agree.agreement(ports, "urn:none"),
    ],
)
def test_what_is_not_there_is_not_found(pair: Link, act: Any) -> None:
    with pytest.raises(NotFound):
        act(pair.lab.ports)


def test_what_the_peer_does_not_show_cannot_be_asked_for(pair: Link) -> None:
    with pytest.raises(NotFound):
        negotiate.request(pair.lab.ports, pair.school.did, "urn:example:none")
    with pytest.raises(OfferUnknown):
        negotiate.request(pair.lab.ports, pair.school.did, DATASET, "urn:none")
    assert pair.lab.negotiations() == []
