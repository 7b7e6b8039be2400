"""The consumer signs only what it accepted, and the provider only what the consumer signed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.domain.contract.negotiation import UNVERIFIED, NegotiationState
from connector.errors import AgreementTampered, PolicyInvalid
from connector.identity import agreement as agreements
from connector.identity import jws
from connector.identity.receipts import receipt
from connector.jsonld.canonical import sha256_hex
from connector.protocol import messages as m
from connector.services.negotiation import negotiate
from connector.services.privacy import budget
from connector.services.publication import publish
from tests.support.contracts import make_older, stranger
from tests.support.each import over
from tests.support.link import (
    DATASET,
    PREAU,
    Call,
    Fault,
    Link,
    description,
    limit,
    link,
    offer,
)
from tests.support.tampering import Change, negotiated, rewritten, tamper

State = NegotiationState
LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
ABOUT = "http://purl.org/dc/terms/description"


@pytest.fixture(params=[False, True], ids=["called", "carried"])
def pair(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Link]:
    with link(tmp_path, carries=request.param) as pair:
        publish.publish(pair.school.ports, description(pair.folder))
        yield pair


def _constraints(document: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document["agreement"]["permission"][0]["constraint"]
    return found


def _cheaper(document: dict[str, Any]) -> None:
    for item in _constraints(document):
        if item["leftOperand"] == f"{PREAU}epsilon":
            item["rightOperand"]["@value"] = "1"


def _dearer(document: dict[str, Any]) -> None:
    _constraints(document).append(
        limit("odrl:dateTime", "lteq", "2027-01-01T00:00:00Z", "dateTime")
    )


def _prohibition(document: dict[str, Any]) -> None:
    document["agreement"]["prohibition"] = [{"action": f"{PREAU}federatedTraining"}]


def _strange_constraint(document: dict[str, Any]) -> None:
    _constraints(document).append(limit("odrl:count", "lteq", "5", "integer"))


def _unknown_term(document: dict[str, Any]) -> None:
    document["agreement"]["unheard"] = "of"


def _other_offer(document: dict[str, Any]) -> None:
    document["offer"]["id"] = "urn:example:other"


def _other_target(document: dict[str, Any]) -> None:
    document["agreement"]["target"] = document["dataset"]["id"] = "urn:example:other"


def _other_consumer(document: dict[str, Any]) -> None:
    document["agreement"]["assignee"] = document["consumer"]["did"] = "did:web:else.example"


def _other_provider(document: dict[str, Any]) -> None:
    document["agreement"]["assigner"] = document["provider"]["did"] = "did:web:else.example"


def _set(part: str, name: str, value: Any) -> Change:
    def change(document: dict[str, Any]) -> None:
        document[part][name] = value

    change.__name__ = f"{part}_{name}"
    return change


def _no_coverage(document: dict[str, Any]) -> None:
    document["coverage"] = document["coverage"][:-1]


def _other_label(document: dict[str, Any]) -> None:
    (line,) = [it for it in document["coverage"] if "epsilon" in it["constraint"]]
    assert line["label"] == "enforced"
    line["label"] = "audited"


def _unheard_label(document: dict[str, Any]) -> None:
    document["coverage"][-1]["label"] = "ignored"


def _other_constraint(document: dict[str, Any]) -> None:
    document["coverage"][-1]["constraint"] = "dateTime lteq never"


def _line_twice(document: dict[str, Any]) -> None:
    document["coverage"].append(dict(document["coverage"][-1]))


def _many_conditions(document: dict[str, Any]) -> None:
    _constraints(document).extend([dict(_constraints(document)[-1]) for _ in range(64)])


def _by_another_means(document: dict[str, Any]) -> None:
    document["coverage"][-1]["by"] = "the provider's own words of how"


def _lines_in_another_order(document: dict[str, Any]) -> None:
    document["coverage"].reverse()


def _small_print(document: dict[str, Any]) -> None:
    document["agreement"][ABOUT] = "also allows marketing"


def _small_print_of_a_rule(document: dict[str, Any]) -> None:
    document["agreement"]["permission"][0][LABEL] = "training, and marketing"


def _small_print_of_a_constraint(document: dict[str, Any]) -> None:
    _constraints(document)[0][LABEL] = "not in August"


def _other_rule_name(document: dict[str, Any]) -> None:
    document["agreement"]["permission"][0]["@id"] = "urn:example:marketing"


def _more_members(document: dict[str, Any]) -> None:
    document["annex"] = "small print"


def _other_rule(document: dict[str, Any]) -> None:
    document["accounting"] = {**document["accounting"], "rule": "renyi", "order": 9}


def _older_version(document: dict[str, Any]) -> None:
    make_older(document, 1)


def _no_plan(document: dict[str, Any]) -> None:
    make_older(document, 3)


def _no_layers(document: dict[str, Any]) -> None:
    make_older(document, 4)


def _layer_of_nobody(document: dict[str, Any]) -> None:
    digest = "ab" * 32
    document["layers"] = [
        {"layer": "authority", "id": "urn:x:template", "version": 1, "digest": digest}
    ]


def _line_of_a_charter(document: dict[str, Any]) -> None:
    document["coverage"][0]["layer"] = "charter"


def _line_of_the_authority(document: dict[str, Any]) -> None:
    document["coverage"][0]["layer"] = "authority"


def _dearer_plan(document: dict[str, Any]) -> None:
    document["plan"]["uses"][0]["steps"][1]["epsilon"] += 1


def _longer_plan(document: dict[str, Any]) -> None:
    document["plan"]["validUntil"] = None


def _step_less(document: dict[str, Any]) -> None:
    del document["plan"]["uses"][0]["steps"][0]


def _use_more(document: dict[str, Any]) -> None:
    document["plan"]["uses"] *= 2


def _version_that_is_true(document: dict[str, Any]) -> None:
    document["plan"]["uses"][0]["steps"][0]["version"] = True  # in Python equal to 1


def _no_accounting(document: dict[str, Any]) -> None:
    del document["accounting"]


def _nothing(_document: dict[str, Any]) -> None:
    pass


CHANGES: list[Change] = [
    _cheaper,
    _dearer,
    _prohibition,
    _strange_constraint,
    _unknown_term,
    _other_offer,
    _other_target,
    _other_consumer,
    _other_provider,
    _no_coverage,
    _other_label,
    _unheard_label,
    _other_constraint,
    _line_twice,
    _many_conditions,
    _other_rule,
    _older_version,
    _no_plan,
    _no_layers,
    _layer_of_nobody,
    _line_of_a_charter,
    _line_of_the_authority,
    _dearer_plan,
    _longer_plan,
    _step_less,
    _use_more,
    _version_that_is_true,
    _no_accounting,
    _by_another_means,
    _lines_in_another_order,
    _set("offer", "digest", "ab" * 32),
    _set("accounting", "adjacency", "replace-one"),
    _set("dataset", "population", 46000),
    _set("dataset", "rowsPerPerson", 1),
    _set("dataset", "personColumn", "grade"),
    _set("dataset", "descriptionDigest", "ab" * 32),
    _set("provider", "documentDigest", "ab" * 32),
    _set("provider", "pid", "urn:other"),
    _set("provider", "key", "did:web:school.example#key-2"),
    _set("consumer", "documentDigest", "ab" * 32),
    _set("consumer", "pid", "urn:other"),
]


def test_the_twin_of_all_below_is_signed(pair: Link) -> None:
    tamper(pair, "ContractAgreementMessage", rewritten(pair, _nothing))
    negotiated(pair)
    assert pair.lab.only().state is pair.school.only().state is State.FINALIZED
    assert pair.lab.ports.asking.cosigners == {pair.school.did}  # each asks the other to cosign
    assert pair.school.ports.asking.cosigners == {pair.lab.did}


@over("change", CHANGES)
def test_an_agreement_that_is_not_what_was_accepted(pair: Link, change: Change) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pair, "handle", pair.handle)  # the next change finds an honest link
        tamper(pair, "ContractAgreementMessage", rewritten(pair, change))
        pid = negotiated(pair)
    for node in (pair.lab, pair.school):
        (held,) = (each for each in node.negotiations() if pid in (each.pid, each.peer_pid))
        assert held.state is State.TERMINATED
        assert held.code == "AGREEMENT_TAMPERED"
    assert pair.lab.agreements() == []
    assert not any(agreement.finalized for agreement in pair.school.agreements())
    kinds = [entry.kind for entry in pair.lab.log()]
    assert kinds[-2:] == ["agreement.refused", "negotiation.terminated"]
    assert "negotiation.agreed" not in kinds
    with pair.school.ports.store.read() as tx:
        register = tx.registers.find()[0]
        assert budget.promised(tx, register, pair.clock.now()) == (0.0, 0.0)


@pytest.mark.parametrize(("semantics", "older"), [(1, "school"), (3, "lab")])
def test_parties_of_two_semantics_are_told_whose_node_must_upgrade(
    pair: Link, semantics: int, older: str
) -> None:
    def change(document: dict[str, Any]) -> None:
        document["semantics"] = semantics

    tamper(pair, "ContractAgreementMessage", rewritten(pair, change))
    negotiated(pair)
    assert pair.lab.agreements() == []
    (reason,) = pair.school.only().reasons
    assert reason.startswith(f"`{getattr(pair, older).did}` must upgrade: ")


SMALL_PRINT = [
    _small_print,
    _small_print_of_a_rule,
    _small_print_of_a_constraint,
    _other_rule_name,
]


@pytest.mark.parametrize("change", SMALL_PRINT, ids=lambda change: change.__name__.strip("_"))
def test_small_print_is_refused_for_what_it_is(pair: Link, change: Change) -> None:
    tamper(pair, "ContractAgreementMessage", rewritten(pair, change))
    negotiated(pair)
    assert pair.lab.agreements() == []
    assert pair.school.only().reasons == ("the agreement differs from the offer that was shown",)


def test_what_the_offer_says_beside_its_rules_is_signed_as_it_was_shown(pair: Link) -> None:
    """The twin of the small print above."""
    told = offer(**{ABOUT: "for research only"})
    told["permission"][0][LABEL] = "training"
    publish.publish(pair.school.ports, description(pair.folder, offer=told))
    negotiated(pair)
    assert pair.lab.only().state is pair.school.only().state is State.FINALIZED
    (agreement,) = pair.lab.agreements()
    assert b"for research only" in agreement.document
    assert json.loads(agreement.document)["offer"]["digest"] == sha256_hex(pair.lab.only().offered)


def test_a_catalog_that_shows_another_table_than_what_would_be_signed(pair: Link) -> None:
    honest = pair.handle

    def handle(call: Call) -> Any:
        answer: Any = honest(call)
        if call.kind == "DatasetRequestMessage":
            answer["offers"][0]["coverage"][0]["by"] = "trust"
        return answer

    pair.handle = handle  # type: ignore[method-assign] - as in `tamper`
    with pytest.raises(PolicyInvalid, match="upheld otherwise"):
        negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    assert pair.lab.negotiations() == []


@pytest.mark.parametrize("wish", [None, "5"], ids=["requested", "accepted"])
def test_a_tampered_agreement_changes_nothing_and_is_in_the_log(
    pair: Link, wish: str | None
) -> None:
    policy = None if wish is None else offer(epsilon=wish)
    pair.hold("ContractAgreementMessage")
    found = negotiate.request(pair.lab.ports, pair.school.did, DATASET, policy=policy)
    pair.deliver()
    if wish is not None:
        negotiate.accept(pair.lab.ports, found.pid)
        pair.deliver()
    assert pair.school.only().state is State.AGREED
    tampered = rewritten(pair, _cheaper)(pair.withheld(pair.school))
    before = pair.lab.state_of_everything()
    for _ in range(2):
        with pytest.raises(AgreementTampered):
            pair.lab.receive(pair.school, tampered)
    assert pair.lab.state_of_everything()[:-1] == before[:-1]  # all but the head of the log
    (entry,) = pair.lab.log("agreement.refused")
    assert b"AGREEMENT_TAMPERED" in entry.event
    pair.hold()
    pair.pump()  # the honest one is still signed
    assert pair.lab.only().state is pair.school.only().state is State.FINALIZED


def test_a_refused_agreement_ends_an_accepted_negotiation_at_both(pair: Link) -> None:
    found = negotiate.request(pair.lab.ports, pair.school.did, DATASET, policy=offer(epsilon="5"))
    pair.pump()
    tamper(pair, "ContractAgreementMessage", rewritten(pair, _cheaper))
    negotiate.accept(pair.lab.ports, found.pid)
    pair.pump()
    for node in (pair.lab, pair.school):
        assert node.only().state is State.TERMINATED
        assert node.only().code == "AGREEMENT_TAMPERED"
        assert node.waiting() == []


def refused_by_the_lab(pair: Link, change: Callable[[m.Body], m.Body]) -> None:
    """The agreement is no agreement at all, or not the provider's."""
    tamper(pair, "ContractAgreementMessage", change)
    negotiated(pair)
    assert pair.lab.agreements() == []
    assert pair.lab.only().state is State.TERMINATED
    assert pair.school.only().state is State.TERMINATED
    assert pair.school.only().code == "AGREEMENT_TAMPERED"


def test_an_agreement_with_more_members(pair: Link) -> None:
    refused_by_the_lab(pair, rewritten(pair, _more_members))


def test_an_agreement_in_another_spelling(pair: Link) -> None:
    refused_by_the_lab(pair, lambda it: replace(it, agreement=it.agreement + b" "))


def test_a_signature_of_another(pair: Link) -> None:
    signer = stranger(pair.school.did).signer  # same DID and key id, another key

    def change(message: Any) -> Any:
        return replace(message, provider_signature=agreements.sign(signer, message.agreement))

    refused_by_the_lab(pair, change)


def test_a_signature_for_another_purpose(pair: Link) -> None:
    signer = pair.school.member.signer

    def change(message: Any) -> Any:
        made = jws.sign_detached(signer, message.agreement, "preau-manifest+jws")
        return replace(message, provider_signature=made)

    refused_by_the_lab(pair, change)


def test_a_consumers_signature_that_does_not_verify(pair: Link) -> None:
    signer = stranger(pair.lab.did).signer

    def change(message: Any) -> Any:
        (agreement,) = pair.school.agreements()
        return replace(message, consumer_signature=agreements.sign(signer, agreement.document))

    tamper(pair, "ContractAgreementVerificationMessage", change)
    negotiated(pair)
    assert pair.school.only().state is State.AGREED
    assert not pair.school.agreements()[0].finalized
    assert pair.school.agreements()[0].consumer_signature == ""
    assert pair.lab.only().state is State.VERIFIED  # it signed last: only the school may end it
    pair.clock.advance(UNVERIFIED.total_seconds() + 1)
    assert negotiate.expire(pair.school.ports) == 1
    assert negotiate.reconcile(pair.lab.ports, pair.lab.only().pid).state is State.TERMINATED


def _receipt(pair: Link, **changes: Any) -> str:
    (agreement,) = pair.school.agreements()
    values: dict[str, Any] = {
        "minimum_sites": 3,
        "valid_until": agreement.valid_until,
        "now": pair.clock.now(),
        **changes,
    }
    signer = values.pop("signer", pair.school.member.signer)
    signatures = (agreement.provider_signature, values.pop("other", agreement.consumer_signature))
    document = agreements.read(agreement.document)
    return receipt.make_receipt(signer, document, *signatures, **values)


@pytest.mark.parametrize(
    "changes",
    [
        {"minimum_sites": 2},
        {"valid_until": None},
        {"other": "a..b"},
        {"signer": stranger("did:web:school.example").signer},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_receipt_that_is_not_this_contracts(pair: Link, changes: dict[str, Any]) -> None:
    def change(message: Any) -> Any:
        return replace(message, receipt=_receipt(pair, **changes))

    tamper(pair, "ContractNegotiationEventMessage", change)
    negotiated(pair)
    assert pair.lab.only().state is State.VERIFIED
    assert not pair.lab.agreements()[0].finalized
    assert pair.lab.agreements()[0].receipt == ""


def test_the_twin_of_the_receipts_above(pair: Link) -> None:
    tamper(
        pair,
        "ContractNegotiationEventMessage",
        lambda message: replace(message, receipt=_receipt(pair)),
    )
    negotiated(pair)
    assert pair.lab.only().state is State.FINALIZED


def test_an_agreement_of_another_negotiation_is_not_signed(pair: Link) -> None:
    negotiated(pair)
    pair.hold("ContractAgreementMessage")
    negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    pair.deliver()
    (old,), second = pair.lab.agreements(), pair.school.negotiations()[1]
    message = m.ContractAgreementMessage(
        "urn:again", second.pid, second.peer_pid, old.document, old.provider_signature
    )
    with pytest.raises(AgreementTampered):
        pair.lab.receive(pair.school, message)
    assert [n.state for n in pair.lab.negotiations()] == [State.FINALIZED, State.REQUESTED]
    assert len(pair.lab.agreements()) == 1


def test_a_signature_is_checked_against_the_document_as_of_agreement(pair: Link) -> None:
    pair.hold("ContractAgreementVerificationMessage")
    negotiated(pair)
    (agreement,) = pair.school.agreements()
    assert sha256_hex(agreement.consumer_document) == pair.lab.member.document.digest
    pair.fault = lambda _call: Fault.NONE
    pair.pump()
    assert pair.school.only().state is State.FINALIZED


def test_a_provider_that_renewed_its_document_is_looked_up(pair: Link) -> None:
    old = pair.school.member.data
    pair.school.renew()
    negotiated(pair)
    assert pair.lab.only().state is pair.school.only().state is State.FINALIZED
    (agreement,) = pair.lab.agreements()
    assert agreement.provider_document == pair.school.member.data != old


def test_a_renewed_document_that_cannot_be_fetched_is_not_believed(pair: Link) -> None:
    pair.school.renew()
    pair.web_down = True
    negotiated(pair)
    assert pair.lab.only().state is pair.school.only().state is State.TERMINATED
    assert pair.lab.only().code == "AGREEMENT_TAMPERED"


def test_a_consumer_that_renewed_its_document_ends_what_names_the_old_one(pair: Link) -> None:
    pair.lab.renew()
    negotiated(pair)
    assert pair.lab.only().state is pair.school.only().state is State.TERMINATED
    assert pair.lab.agreements() == []
