"""Negotiations from both ends: what each side does by itself, and what waits for its operator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import policies_odrl
from connector.domain.negotiation import NegotiationState, Role
from connector.errors import (
    AgreementUnknown,
    ConstraintUnknown,
    ContractExpired,
    IllegalMessage,
    Malformed,
    NotFound,
    OfferUnknown,
    PolicyInvalid,
    PreauError,
)
from connector.identity import agreement as agreements
from connector.identity import document as documents
from connector.identity import receipt
from connector.jsonld.canonical import canonical, sha256_hex
from connector.protocol import messages as m
from connector.services import agree, budget, negotiate, publish, terms
from tests.support.link import (
    DATASET,
    END,
    PREAU,
    Fault,
    Link,
    Node,
    description,
    limit,
    link,
    offer,
)

State = NegotiationState
NARROWER = "https://w3id.org/dpv#AcademicResearch"
WIDER = "https://w3id.org/dpv#ResearchAndDevelopment"
MARKETING = "https://w3id.org/dpv#Marketing"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path) as pair:
        publish.publish(pair.school.ports, description(pair.folder))
        yield pair


def ask(pair: Link, **arguments: Any) -> str:
    """Let the lab ask for a contract, and deliver all that follows; return the lab's pid."""
    found = negotiate.request(pair.lab.ports, pair.school.did, DATASET, **arguments)
    pair.pump()
    return found.pid


def states(pair: Link) -> tuple[list[State], list[State]]:
    return (
        [item.state for item in pair.lab.negotiations()],
        [item.state for item in pair.school.negotiations()],
    )


def both(state: State) -> tuple[list[State], list[State]]:
    return ([state], [state])


def only_offer(node: Node) -> str:
    (found,) = [o for o in publish.offers(node.ports, DATASET) if not o.withdrawn]
    return found.id


def test_as_offered_is_agreed_at_once(pair: Link) -> None:
    ask(pair)
    assert states(pair) == both(State.FINALIZED)
    kinds = [call.kind for call in pair.calls if "Dataset" not in call.kind]
    assert kinds == [
        "ContractRequestMessage",
        "ContractAgreementMessage",
        "ContractAgreementVerificationMessage",
        "ContractNegotiationEventMessage",
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
    assert written["coverage"] == [line.to_body() for line in terms.coverage_of(offered.policy)]


def test_narrower_terms_are_contracted_in_the_providers_words(pair: Link) -> None:
    wish = offer(epsilon="1.50", until="2027-01-01T01:00:00+01:00")
    wish["permission"][0]["@id"] = "urn:lab:my-rule"
    wish["dct:title"] = "text of the lab's"
    ask(pair, policy=wish)
    assert states(pair) == both(State.FINALIZED)
    (agreed,) = pair.school.agreements()
    published, narrowed = publish.offers(pair.school.ports, DATASET)
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
    assert pair.lab.only().description == publish.datasets(pair.school.ports)[0].credential


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


@pytest.mark.parametrize(
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


def test_two_contracts_up_to_the_cap_and_not_beyond(pair: Link) -> None:
    publish.publish(
        pair.school.ports, description(pair.folder, cap={"epsilon": 6, "delta": 0.0001})
    )
    for _ in range(3):
        ask(pair)
    assert [n.state for n in pair.lab.negotiations()] == [
        State.FINALIZED,
        State.FINALIZED,
        State.TERMINATED,
    ]
    refused = pair.lab.negotiations()[-1]
    assert refused.code == "CAP_EXCEEDED"
    assert "has ε 0 of 6 left, 3 was asked" in refused.reasons[0]
    assert len(pair.school.agreements()) == 2


AGREEMENT = "ContractAgreementMessage"
EVENT = "ContractNegotiationEventMessage"


def test_a_contract_that_is_only_agreed_counts_against_the_cap(pair: Link) -> None:
    publish.publish(
        pair.school.ports, description(pair.folder, cap={"epsilon": 5, "delta": 0.0001})
    )
    pair.hold(AGREEMENT)
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    pair.deliver()
    assert [n.state for n in pair.school.negotiations()] == [State.AGREED, State.TERMINATED]
    assert pair.school.negotiations()[1].code == "CAP_EXCEEDED"


def test_a_terminated_contract_frees_the_cap(pair: Link) -> None:
    publish.publish(
        pair.school.ports, description(pair.folder, cap={"epsilon": 5, "delta": 0.0001})
    )
    pair.hold(AGREEMENT)
    first = negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    pair.deliver()
    assert pair.school.only().state is State.AGREED
    negotiate.terminate(pair.lab.ports, first.pid)
    pair.deliver()
    pair.hold()
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    pair.pump()
    assert [n.state for n in pair.school.negotiations()] == [State.TERMINATED, State.FINALIZED]
    assert [n.state for n in pair.lab.negotiations()] == [State.TERMINATED, State.FINALIZED]


def test_a_counter_offer_beyond_the_cap_is_refused(pair: Link) -> None:
    publish.publish(
        pair.school.ports, description(pair.folder, cap={"epsilon": 4, "delta": 0.0001})
    )
    ask(pair)
    ask(pair, policy=offer(epsilon="2"))
    assert pair.lab.negotiations()[-1].code == "CAP_EXCEEDED"
    ask(pair, policy=offer(epsilon="1"))
    assert pair.lab.negotiations()[-1].state is State.FINALIZED


def test_an_ended_offer_is_refused(pair: Link) -> None:
    raw = description(pair.folder, offer=offer(until="2026-11-25T00:00:00Z"))
    publish.publish(pair.school.ports, raw)
    pair.clock.advance(9 * 3600)
    ask(pair)
    assert states(pair) == both(State.TERMINATED)
    assert pair.lab.only().code == "CONTRACT_EXPIRED"


def test_an_offer_to_another_space_is_refused(pair: Link) -> None:
    raw = description(pair.folder, offer=offer(space="did:web:elsewhere.example"))
    publish.publish(pair.school.ports, raw)
    ask(pair)
    assert states(pair) == both(State.TERMINATED)
    assert pair.lab.only().code == "MEMBERSHIP_REQUIRED"


def test_an_offer_withdrawn_before_the_request_arrives(pair: Link) -> None:
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    publish.withdraw(pair.school.ports, only_offer(pair.school))
    pair.pump()
    assert pair.school.negotiations() == []
    assert pair.lab.only().state is State.TERMINATED
    assert pair.lab.only().code == "OFFER_UNKNOWN"


def test_an_offer_withdrawn_before_it_is_accepted(pair: Link) -> None:
    pid = ask(pair, policy=offer(epsilon="5"))
    publish.publish(pair.school.ports, description(pair.folder))
    negotiate.accept(pair.lab.ports, pid)
    pair.pump()
    assert states(pair) == both(State.TERMINATED)
    assert pair.lab.only().code == "OFFER_UNKNOWN"
    assert pair.lab.only().reasons == ("the offer was withdrawn",)


def test_publishing_again_leaves_agreements(pair: Link) -> None:
    ask(pair)
    (before,) = pair.school.agreements()
    publish.publish(pair.school.ports, description(pair.folder, population=4700))
    assert pair.school.agreements() == [before]
    assert before.population == 4600
    ask(pair)
    assert pair.lab.agreements()[-1].population == 4700


def test_a_contract_is_used_by_its_parties_only_and_in_time(pair: Link) -> None:
    pair.add("other")
    pair.hold(EVENT)
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    pair.deliver()
    (signed,) = pair.lab.agreements()
    now = pair.clock.now()
    with pair.lab.ports.store.read() as tx, pytest.raises(AgreementUnknown):
        agree.agreement_for(tx, signed.id, pair.school.did, now)  # no receipt yet
    assert agree.agreements(pair.lab.ports) == []
    pair.hold()
    pair.pump()
    with pair.school.ports.store.read() as tx:
        found = agree.agreement_for(tx, signed.id, pair.lab.did, now)
        assert found.valid_until is not None
        with pytest.raises(AgreementUnknown):
            agree.agreement_for(tx, signed.id, "did:web:other.example", now)
        with pytest.raises(AgreementUnknown):
            agree.agreement_for(tx, "urn:none", pair.lab.did, now)
        with pytest.raises(ContractExpired):
            agree.agreement_for(tx, signed.id, pair.lab.did, found.valid_until)
    assert agree.agreements(pair.school.ports) == [found]
    assert agree.agreement(pair.school.ports, found.id) == found
    assert agree.policy_of(found).target is not None
    assert len(agree.coverage_of(found)) == 8


def test_purposes_of_the_offer_are_met(pair: Link) -> None:
    wide = description(pair.folder, offer=offer(purpose=WIDER))
    publish.publish(pair.school.ports, wide)
    ask(pair, policy=offer(purpose=NARROWER))
    assert states(pair) == both(State.FINALIZED)
    assert NARROWER.encode() in pair.school.agreements()[0].document


def test_a_peer_that_ended_it_is_believed_on_asking(pair: Link) -> None:
    pid = ask(pair, policy=offer(epsilon="5"))
    pair.hold("ContractNegotiationTerminationMessage")
    negotiate.terminate(pair.school.ports, pair.school.only().pid)
    pair.deliver()
    assert pair.lab.only().state is State.OFFERED
    found = negotiate.reconcile(pair.lab.ports, pid)
    assert found.state is State.TERMINATED
    assert negotiate.reconcile(pair.lab.ports, pid) == found


def test_a_peer_that_lost_it_is_believed_on_asking(pair: Link) -> None:
    pid = ask(pair, policy=offer(epsilon="5"))
    with pair.school.ports.store.write() as tx:
        tx.negotiations.remove(tx.negotiations.find()[0].pid)
    assert negotiate.reconcile(pair.lab.ports, pid).state is State.TERMINATED


def test_reconciling_an_agreed_state_changes_nothing(pair: Link) -> None:
    pid = ask(pair, policy=offer(epsilon="5"))
    assert negotiate.reconcile(pair.lab.ports, pid).state is State.OFFERED
    ask_again = negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    assert negotiate.reconcile(pair.lab.ports, ask_again.pid).state is State.REQUESTED


def test_a_negotiation_in_which_nothing_happens_ends(pair: Link) -> None:
    ask(pair, policy=offer(epsilon="5"))
    assert negotiate.expire(pair.lab.ports) == 0
    pair.clock.advance(negotiate.STALE.total_seconds() + 1)
    assert negotiate.expire(pair.lab.ports) == 1
    pair.pump()
    assert states(pair) == both(State.TERMINATED)
    assert pair.school.only().code == "PEER_UNREACHABLE"
    assert negotiate.expire(pair.lab.ports) == 0


def test_an_agreement_that_nobody_verifies_frees_the_cap_soon(pair: Link) -> None:
    publish.publish(
        pair.school.ports, description(pair.folder, cap={"epsilon": 5, "delta": 0.0001})
    )
    pair.hold("ContractAgreementVerificationMessage")
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    pair.deliver()
    pair.clock.advance(negotiate.UNVERIFIED.total_seconds())
    assert negotiate.expire(pair.school.ports) == 0  # the twin: not a moment before
    assert pair.school.only().state is State.AGREED
    pair.clock.advance(1.0)
    assert negotiate.expire(pair.school.ports) == 1
    assert pair.school.only().state is State.TERMINATED
    assert negotiate.expire(pair.lab.ports) == 0  # the lab signed last
    assert pair.lab.only().state is State.VERIFIED
    with pair.school.ports.store.read() as tx:
        assert budget.promised(tx, DATASET, pair.clock.now()) == (0.0, 0.0)


def nested(conditions: int) -> dict[str, Any]:
    """Return an offer with so many conditions, one of them an `or` of others."""
    base = offer()
    parts = base["permission"][0]["constraint"]
    inner = [limit("odrl:dateTime", "lteq", END, "dateTime")] * (conditions - len(parts) - 1)
    parts.append({"or": inner})
    return base


def listed(values: int) -> dict[str, Any]:
    """Return an offer whose conditions have so many values."""
    base = offer()
    parts = base["permission"][0]["constraint"]
    names = [{"@id": f"urn:example:{number}"} for number in range(values - len(parts))]
    parts.append({"leftOperand": "odrl:purpose", "operator": "isNoneOf", "rightOperand": names})
    return base


def ruled(rules: int) -> dict[str, Any]:
    base = offer()
    ban = {
        "action": f"{PREAU}federatedTraining",
        "constraint": [limit("odrl:dateTime", "gt", END, "dateTime")],
    }
    return {**base, "prohibition": [ban] * (rules - 1)}


@pytest.mark.parametrize(
    "wish",
    [
        nested(terms.MAX_CONDITIONS + 1),
        ruled(terms.MAX_RULES + 1),
        listed(terms.MAX_VALUES + 1),
    ],
    ids=["conditions", "rules", "values"],
)
def test_terms_too_large_to_be_judged_are_refused_at_both_ends(
    pair: Link, wish: dict[str, Any]
) -> None:
    ask(pair, policy=wish)
    assert pair.school.negotiations() == []
    assert pair.lab.only().state is State.TERMINATED
    assert pair.lab.only().code == PolicyInvalid.code
    assert "are judged" in pair.lab.only().reasons[0]
    opening = m.ContractOfferMessage("urn:3", "urn:p", "", "urn:o", DATASET, canonical(wish))
    before = pair.lab.state_of_everything()
    with pytest.raises(PolicyInvalid, match="are judged"):
        pair.lab.receive(pair.school, opening)
    assert pair.lab.state_of_everything() == before


@pytest.mark.parametrize(
    "wish",
    [nested(terms.MAX_CONDITIONS), ruled(terms.MAX_RULES), listed(terms.MAX_VALUES)],
    ids=["conditions", "rules", "values"],
)
def test_the_largest_terms_are_judged(pair: Link, wish: dict[str, Any]) -> None:
    ask(pair, policy=wish)
    assert pair.school.only().code != PolicyInvalid.code
    assert pair.school.only().state in {State.TERMINATED, State.OFFERED, State.FINALIZED}


def test_terms_of_too_many_bytes_are_not_read(pair: Link) -> None:
    wish = {**offer(epsilon="2"), "dct:title": "x" * terms.MAX_BYTES}
    ask(pair, policy=wish)
    assert pair.lab.only().code == PolicyInvalid.code
    assert "bytes" in pair.lab.only().reasons[0]
    shorter = {**wish, "dct:title": "x" * (terms.MAX_BYTES // 2)}
    negotiate.request(pair.lab.ports, pair.school.did, DATASET, policy=shorter)
    pair.pump()
    assert pair.lab.negotiations()[1].state is State.FINALIZED


def test_terms_too_large_are_not_published(pair: Link) -> None:
    raw = description(pair.folder, offer=nested(terms.MAX_CONDITIONS + 1))
    with pytest.raises(PolicyInvalid, match="are judged"):
        publish.publish(pair.school.ports, raw)


def test_terms_are_judged_before_the_store_is_locked(
    pair: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    store: Any = pair.school.ports.store
    write, locked, judged = store.write, [], []
    honest = policies_odrl.narrow

    @contextmanager
    def counted() -> Iterator[Any]:
        with write() as tx:
            locked.append(True)
            yield tx
            locked.pop()

    def narrow(*policies: Any) -> Any:
        judged.append(bool(locked))
        return honest(*policies)

    monkeypatch.setattr(policies_odrl, "narrow", narrow)
    store.write = counted
    ask(pair, policy=offer(epsilon="2.125"))
    assert judged == [False]
    assert states(pair) == both(State.FINALIZED)


TEXT = "ANY TEXT OF THE CONSUMER"


def _saying(**changes: Any) -> dict[str, Any]:
    return {**offer(epsilon="1"), **changes}


def _with_rule(**changes: Any) -> dict[str, Any]:
    wish = offer(epsilon="1")
    wish["permission"][0].update(changes)
    return wish


def _is(operand: str, operator: str, value: Any) -> dict[str, Any]:
    return {"leftOperand": operand, "operator": operator, "rightOperand": value}


FOREIGN: dict[str, dict[str, Any]] = {
    "prohibition": _saying(
        prohibition=[{"action": "use", "constraint": [_is("odrl:purpose", "eq", {"@value": TEXT})]}]
    ),
    "prohibition without text": _saying(
        prohibition=[
            {"action": "use", "constraint": [limit("odrl:dateTime", "gt", END, "dateTime")]}
        ]
    ),
    "text": offer(epsilon="1", extra=(_is("odrl:purpose", "neq", {"@value": TEXT}),)),
    "name": offer(epsilon="1", extra=(_is("odrl:purpose", "neq", {"@id": "urn:text:of-mine"}),)),
    "space": offer(
        epsilon="1", extra=(_is(f"{PREAU}membership", "eq", {"@id": "did:web:mine.example"}),)
    ),
    "nested": offer(
        epsilon="1",
        extra=(
            {
                "or": [
                    _is("odrl:purpose", "neq", {"@value": TEXT}),
                    limit("odrl:dateTime", "lteq", "2027-01-01T00:00:00Z", "dateTime"),
                ]
            },
        ),
    ),
    "target": _with_rule(target="urn:text:of-mine"),
    "assignee": _with_rule(assignee="urn:text:of-mine"),
    "duty": _with_rule(duty=[{"action": "odrl:compensate"}]),
}


@pytest.mark.parametrize("wish", FOREIGN.values(), ids=FOREIGN)
def test_words_of_the_consumer_are_refused(pair: Link, wish: dict[str, Any]) -> None:
    ask(pair, policy=wish)
    assert states(pair) == both(State.TERMINATED)
    assert pair.lab.only().code == "TERMS_REFUSED"
    assert pair.lab.only().reasons
    assert pair.school.agreements() == []
    (published,) = publish.offers(pair.school.ports, DATASET)
    assert TEXT.encode() not in published.policy


OWN: dict[str, tuple[dict[str, Any], ...]] = {
    "number": (limit(f"{PREAU}epsilon", "lteq", "01.250", "decimal"),),
    "moment": (limit("odrl:dateTime", "lteq", "2027-01-01T01:00:00+01:00", "dateTime"),),
    "day": (limit("odrl:dateTime", "lteq", "2027-01-01", "date"),),
    "known purpose": (_is("odrl:purpose", "neq", {"@id": MARKETING}),),
}


@pytest.mark.parametrize("extra", OWN.values(), ids=OWN)
def test_figures_and_known_names_are_written_anew(
    pair: Link, extra: tuple[dict[str, Any], ...]
) -> None:
    ask(pair, policy=offer(epsilon="1.5", extra=extra))
    assert states(pair) == both(State.FINALIZED)


def test_prohibitions_of_the_provider_stay(pair: Link) -> None:
    ban = {"action": "use", "constraint": [limit("odrl:dateTime", "gt", END, "dateTime")]}
    publish.publish(pair.school.ports, description(pair.folder, offer=offer(prohibition=[ban])))
    ask(pair, policy=offer(epsilon="1.5", prohibition=[ban]))
    assert states(pair) == both(State.FINALIZED)
    assert b'"prohibition"' in pair.lab.agreements()[0].document


def test_a_stranger_cannot_read_or_end_it(pair: Link) -> None:
    other = pair.add("other")
    ask(pair, policy=offer(epsilon="5"))
    before = pair.school.state_of_everything()
    theirs, ours = pair.school.only().pid, pair.lab.only().pid
    for message in (
        m.GetNegotiationMessage(theirs),
        m.ContractNegotiationTerminationMessage("urn:x", theirs, ours, "", ()),
        m.ContractNegotiationEventMessage("urn:x", theirs, ours, "ACCEPTED"),
        m.ContractRequestMessage("urn:x", ours, theirs, "urn:o", DATASET),
    ):
        with pytest.raises(NotFound):
            pair.school.receive(other, message)
    assert pair.school.state_of_everything() == before
    answer = pair.school.receive(pair.lab, m.GetNegotiationMessage(theirs))
    assert answer == {"provider_pid": theirs, "consumer_pid": ours, "state": "OFFERED"}


def test_the_offer_id_of_another_consumer_is_unknown(pair: Link) -> None:
    other = pair.add("other")
    ask(pair, policy=offer(epsilon="5"))  # leaves an offer made for the lab
    theirs = pair.lab.only().offer_id
    before = pair.school.state_of_everything()
    reasons = set()
    for offer_id in (theirs, "urn:none"):
        message = m.ContractRequestMessage("urn:x", "urn:c", "", offer_id, DATASET)
        with pytest.raises(OfferUnknown) as refusal:
            pair.school.receive(other, message)
        reasons.add(refusal.value.reason)
    assert len(reasons) == 1  # it does not say which of the two it was
    assert pair.school.state_of_everything() == before
    message = m.ContractRequestMessage("urn:x", "urn:c", "", theirs, DATASET)
    assert pair.school.receive(pair.lab, message)["state"] == "AGREED"


def test_an_offer_of_another_dataset_is_unknown(pair: Link) -> None:
    publish.publish(pair.school.ports, description(pair.folder, id="urn:example:second"))
    message = m.ContractRequestMessage(
        "urn:x", "urn:c", "", only_offer(pair.school), "urn:example:second"
    )
    with pytest.raises(OfferUnknown):
        pair.school.receive(pair.lab, message)


def test_a_message_id_names_one_content(pair: Link) -> None:
    first = m.ContractRequestMessage("urn:1", "urn:c", "", only_offer(pair.school), DATASET)
    answer = pair.school.receive(pair.lab, first)
    before = pair.school.state_of_everything()
    assert pair.school.receive(pair.lab, first) == answer
    for other in (
        replace(first, consumer_pid="urn:c2"),
        m.ContractNegotiationTerminationMessage("urn:1", answer["provider_pid"], "urn:c", "", ()),
    ):
        with pytest.raises(Malformed, match="other content"):
            pair.school.receive(pair.lab, other)
    assert pair.school.state_of_everything() == before


def test_another_peer_may_use_the_same_message_id(pair: Link) -> None:
    other = pair.add("other")
    first = m.ContractRequestMessage("urn:1", "urn:c", "", only_offer(pair.school), DATASET)
    one = pair.school.receive(pair.lab, first)
    two = pair.school.receive(other, first)
    assert one["provider_pid"] != two["provider_pid"]


def test_a_negotiation_is_opened_once(pair: Link) -> None:
    first = m.ContractRequestMessage("urn:1", "urn:c", "", only_offer(pair.school), DATASET)
    pair.school.receive(pair.lab, first)
    before = pair.school.state_of_everything()
    with pytest.raises(IllegalMessage, match="opened before"):
        pair.school.receive(pair.lab, replace(first, message_id="urn:2"))
    assert pair.school.state_of_everything() == before
    opening = m.ContractOfferMessage("urn:3", "urn:p", "", "urn:o", DATASET, canonical(offer()))
    pair.lab.receive(pair.school, opening)
    with pytest.raises(IllegalMessage, match="opened before"):
        pair.lab.receive(pair.school, replace(opening, message_id="urn:4"))
    assert len(pair.lab.negotiations()) == 1


def test_an_offer_that_cannot_be_upheld_is_not_accepted(pair: Link) -> None:
    strange = offer(extra=(limit("odrl:count", "lteq", "5", "integer"),))
    opening = m.ContractOfferMessage("urn:3", "urn:p", "", "urn:o", DATASET, canonical(strange))
    pair.lab.receive(pair.school, opening)
    before = pair.lab.state_of_everything()
    with pytest.raises(ConstraintUnknown):
        negotiate.accept(pair.lab.ports, pair.lab.only().pid)
    assert pair.lab.state_of_everything() == before


def test_an_offer_about_another_dataset_is_refused(pair: Link) -> None:
    pair.hold("ContractOfferMessage")
    negotiate.request(pair.lab.ports, pair.school.did, DATASET, policy=offer(epsilon="5"))
    pair.deliver()
    before = pair.lab.state_of_everything()
    message = m.ContractOfferMessage(
        "urn:1", pair.school.only().pid, pair.lab.only().pid, "urn:o", "urn:x", canonical(offer())
    )
    with pytest.raises(Malformed, match="another dataset"):
        pair.lab.receive(pair.school, message)
    assert pair.lab.state_of_everything() == before


def test_an_offer_that_cannot_be_read_is_refused(pair: Link) -> None:
    opening = m.ContractOfferMessage("urn:3", "urn:p", "", "urn:o", DATASET, b"{}")
    with pytest.raises(PreauError):
        pair.lab.receive(pair.school, opening)
    assert pair.lab.negotiations() == []


def test_an_opening_offer_waits_although_it_could_be_accepted(pair: Link) -> None:
    negotiate.offer(pair.school.ports, pair.lab.did, DATASET, only_offer(pair.school))
    pair.pump()
    assert [n.state for n in negotiate.negotiations(pair.lab.ports)] == [State.OFFERED]
    assert pair.lab.waiting() == []


def test_a_request_that_was_given_up_can_be_sent_again(pair: Link) -> None:
    found = negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    with pair.lab.ports.store.write() as tx:
        (message,) = tx.outbox.find()
        tx.outbox.put(replace(message, failed="PEER_UNREACHABLE: given up"))
    assert negotiate.reconcile(pair.lab.ports, found.pid) == found
    pair.pump()
    assert states(pair) == both(State.FINALIZED)


@pytest.mark.parametrize("role", [Role.PROVIDER, Role.CONSUMER])
def test_a_contract_that_is_missing_is_said(pair: Link, role: Role) -> None:
    last = "ContractAgreementVerificationMessage" if role is Role.PROVIDER else EVENT
    pair.hold(last)
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    pair.deliver()
    node = pair.school if role is Role.PROVIDER else pair.lab
    with node.ports.store.write() as tx:
        tx.agreements.remove(node.only().agreement_id)
    before = node.state_of_everything()
    message = (
        m.ContractAgreementVerificationMessage("urn:x", node.only().pid, pair.lab.only().pid, "a")
        if role is Role.PROVIDER
        else m.ContractNegotiationEventMessage(
            "urn:x", pair.school.only().pid, node.only().pid, "FINALIZED", "a"
        )
    )
    with pytest.raises(NotFound, match="agreement of this negotiation"):
        node.receive(pair.lab if role is Role.PROVIDER else pair.school, message)
    assert node.state_of_everything() == before
