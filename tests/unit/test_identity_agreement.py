from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connector.errors import AgreementTampered
from connector.identity import agreement as agreements
from connector.identity import document as documents
from connector.identity import jws
from connector.identity.agreement import Party, Subject
from connector.identity.receipts import receipt
from connector.jsonld.canonical import canonical, sha256_hex
from connector.jsonld.kept import LARGEST
from federated.privacy.rule import Accounting, Rule
from policies_odrl.checking.semantics import FIRST, PRESENT
from tests.support.contracts import (
    AGREEMENT,
    AUTHORITY,
    CONSUMER,
    DATASET,
    DIGEST,
    NOW,
    PLAN,
    PROVIDER,
    agreement_bytes,
    contract,
    of_version,
    policy,
    stranger,
)
from tests.support.each import over
from tests.support.keys import MemorySigner

GIVER, TAKER = stranger(PROVIDER), stranger(CONSUMER)
CONTRACT = contract(GIVER, TAKER)
DATA = CONTRACT.data
READ = agreements.read(DATA)


def spoiled(change: Callable[[dict[str, Any]], Any]) -> bytes:
    content = json.loads(DATA)
    change(content)
    return canonical(content)


def test_round_trip() -> None:
    assert READ.id == AGREEMENT
    assert READ.dataset == Subject(DATASET, DIGEST, 4600, 4, "pupil")
    assert READ.provider == Party(PROVIDER, GIVER.document.digest, "urn:p", GIVER.signer.key_id)
    assert READ.consumer == Party(CONSUMER, TAKER.document.digest, "urn:c")
    assert READ.timestamp == NOW
    assert READ.digest == sha256_hex(DATA)
    assert READ.policy["permission"]
    assert READ.coverage[0]["label"] == "checked"


def test_a_large_agreement_is_not_kept_in_memory() -> None:
    large = spoiled(lambda content: content["agreement"].update({"dct:title": "x" * LARGEST}))
    assert agreements.read(DATA) is agreements.read(bytes(bytearray(DATA)))
    assert agreements.read(large) == agreements.read(large)
    assert agreements.read(large) is not agreements.read(large)


def test_equal_terms_have_equal_bytes() -> None:
    assert agreement_bytes(GIVER, TAKER) == DATA


@pytest.mark.parametrize(
    "value",
    [{"@id": DATASET}, {"@value": DATASET}],
)
def test_target_may_be_an_object(value: dict[str, str]) -> None:
    assert agreements.read(agreement_bytes(GIVER, TAKER, policy=policy(target=value)))


def test_open_statements_may_be_empty() -> None:
    data = agreement_bytes(GIVER, TAKER, dataset=Subject(DATASET, DIGEST, 0, 1, ""), coverage=[])
    assert agreements.read(data).coverage == ()


@over(
    "change",
    [
        lambda c: c.update(extra=1),
        lambda c: c.pop("coverage"),
        lambda c: c.pop("offer"),
        lambda c: c.update(version=1),
        lambda c: c.update(version=2),
        lambda c: c.update(version=3),
        lambda c: c.update(version=4),
        lambda c: c.update(version=6),
        lambda c: c.pop("layers"),
        lambda c: c.update(layers=[{}]),
        lambda c: c["layers"][0].update(layer="offer"),
        lambda c: c["layers"][0].update(version=0),
        lambda c: c["layers"][0].update(digest="ab"),
        lambda c: c["layers"][0].update(extra="x"),
        lambda c: c["coverage"][0].update(layer="law"),
        lambda c: c["coverage"][0].pop("layer"),
        lambda c: c.pop("plan"),
        lambda c: c.update(plan=None),
        lambda c: c.update(plan={}),
        lambda c: c.update(plan=[1]),
        lambda c: c.update(plan={f"m{n}": 1 for n in range(17)}),
        lambda c: c.pop("semantics"),
        lambda c: c.update(semantics=0),
        lambda c: c.update(semantics="2"),
        lambda c: c.update(version=True),
        lambda c: c.update(accounting=None),
        lambda c: c.pop("recipes"),
        lambda c: c.update(accounting={}),
        lambda c: c["accounting"].update(rule="renyi"),
        lambda c: c["accounting"].update(rule="best"),
        lambda c: c["accounting"].update(adjacency="replace-one"),
        lambda c: c["accounting"].update(extra=1),
        lambda c: c.update(recipes={}),
        lambda c: c.update(recipes=[1]),
        lambda c: c.update(recipes=["AB" * 32]),
        lambda c: c.update(recipes=[DIGEST, DIGEST]),
        lambda c: c.update(recipes=["ef" * 32, "ab" * 32]),
        lambda c: c.update(recipes=[f"{n:064x}" for n in range(65)]),
        lambda c: c.update(type="Agreement"),
        lambda c: c.update(agreement=[]),
        lambda c: c.update(provider="x"),
        lambda c: c["provider"].update(extra=1),
        lambda c: c["provider"].pop("key"),
        lambda c: c["provider"].update(key=""),
        lambda c: c["provider"].update(did="did:web:else.example"),
        lambda c: c["consumer"].update(key="x"),
        lambda c: c["consumer"].update(did="did:web:else.example"),
        lambda c: c["consumer"].update(did=1),
        lambda c: c["consumer"].update(pid=""),
        lambda c: c["consumer"].update(documentDigest="ab"),
        lambda c: c["consumer"].update(documentDigest="AB" * 32),
        lambda c: c["offer"].update(digest="x" * 64),
        lambda c: c["offer"].update(id=""),
        lambda c: c["dataset"].update(id="urn:else"),
        lambda c: c["dataset"].update(descriptionDigest=""),
        lambda c: c["dataset"].update(population=-1),
        lambda c: c["dataset"].update(population=4600.5),
        lambda c: c["dataset"].update(population=True),
        lambda c: c["dataset"].update(population="4600"),
        lambda c: c["dataset"].update(rowsPerPerson=0),
        lambda c: c["dataset"].update(personColumn=None),
        lambda c: c.update(coverage={}),
        lambda c: c.update(coverage=["x"]),
        lambda c: c["coverage"][0].update(extra="x"),
        lambda c: c["coverage"][0].update(by=1),
        lambda c: c.update(timestamp="2026-11-24T15:00:01Z"),
        lambda c: c.update(timestamp="2026-11-24T16:00:00+01:00"),
        lambda c: c.update(timestamp=1),
        lambda c: c["agreement"].pop("@id"),
        lambda c: c["agreement"].update({"@type": "Offer"}),
        lambda c: c["agreement"].update(target="urn:else"),
        lambda c: c["agreement"].update(assigner=CONSUMER),
        lambda c: c["agreement"].update(assignee=PROVIDER),
        lambda c: c["agreement"].pop("timestamp"),
        lambda c: c["agreement"].update(timestamp="2026-11-24T15:00:01Z"),
        lambda c: c["agreement"].update(target={}),
    ],
)
def test_agreements_that_are_refused(change: Callable[[dict[str, Any]], Any]) -> None:
    with pytest.raises(AgreementTampered):
        agreements.read(spoiled(change))


def test_rule_and_recipes_are_read_back() -> None:
    recipes = ["ef" * 32, "ab" * 32, "ab" * 32]
    stated = agreement_bytes(GIVER, TAKER, accounting=Accounting(Rule.RENYI, 9), recipes=recipes)
    found = agreements.read(stated)
    assert (found.version, found.accounting) == (5, Accounting(Rule.RENYI, 9))
    assert found.recipes == ("ab" * 32, "ef" * 32)
    assert agreements.read(agreement_bytes(GIVER, TAKER, recipes=[])).recipes == ()


def test_an_agreement_of_version_1_stays_readable_and_verifies() -> None:
    data = of_version(DATA, 1)
    older = agreements.read(data)
    assert (older.version, older.accounting, older.recipes) == (1, None, ())
    assert older.semantics == FIRST
    agreements.verify_provider(older, agreements.sign(GIVER.signer, data), GIVER.document)
    for name, value in (("recipes", []), ("accounting", json.loads(DATA)["accounting"])):
        with pytest.raises(AgreementTampered):
            agreements.read(canonical({**json.loads(data), name: value}))


def test_an_agreement_of_version_3_states_no_plan() -> None:
    data = of_version(DATA, 3)
    older = agreements.read(data)
    assert (older.version, older.plan, agreements.read(DATA).plan) == (3, None, PLAN)
    agreements.verify_provider(older, agreements.sign(GIVER.signer, data), GIVER.document)
    with pytest.raises(AgreementTampered):
        agreements.read(canonical(json.loads(data) | {"accounting": None}))


def test_an_agreement_of_version_4_names_no_layers() -> None:
    data = of_version(DATA, 4)
    older = agreements.read(data)
    assert (older.version, older.layers, len(agreements.read(DATA).layers)) == (4, (), 1)
    assert "layer" not in older.coverage[0]
    agreements.verify_provider(older, agreements.sign(GIVER.signer, data), GIVER.document)
    stated = json.loads(DATA)
    for name in ("layers", "coverage"):
        with pytest.raises(AgreementTampered):
            agreements.read(canonical(json.loads(data) | {name: stated[name]}))


def test_an_agreement_may_name_its_space() -> None:
    data = agreement_bytes(GIVER, TAKER, space=AUTHORITY)
    found = agreements.read(data)
    assert (found.space, agreements.read(DATA).space) == (AUTHORITY, "")
    agreements.verify_provider(found, agreements.sign(GIVER.signer, data), GIVER.document)
    for value in ("", None, [AUTHORITY]):
        with pytest.raises(AgreementTampered):
            agreements.read(canonical(json.loads(data) | {"space": value}))
    with pytest.raises(AgreementTampered):
        agreements.read(canonical(json.loads(of_version(DATA, 4)) | {"space": AUTHORITY}))


def test_a_contract_that_spends_no_privacy_accounts_for_none() -> None:
    assert agreements.read(agreement_bytes(GIVER, TAKER, accounting=None)).accounting is None


def test_an_agreement_of_version_2_is_of_the_first_semantics() -> None:
    data = of_version(DATA, 2)
    older = agreements.read(data)
    assert (older.version, older.semantics, agreements.read(DATA).semantics) == (2, FIRST, PRESENT)
    assert older.accounting == agreements.read(DATA).accounting
    agreements.verify_provider(older, agreements.sign(GIVER.signer, data), GIVER.document)
    with pytest.raises(AgreementTampered):
        agreements.read(canonical({**json.loads(data), "semantics": PRESENT}))


def test_nobody_contracts_with_oneself() -> None:
    with pytest.raises(AgreementTampered):
        agreement_bytes(GIVER, GIVER)


@over(
    "data", [b"", b"[]", b"{", b"\xff", DATA + b" ", DATA.replace(b":", b": ", 1), b"x" * 2_000_000]
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(AgreementTampered):
        agreements.read(data)
    with pytest.raises(AgreementTampered):
        agreements.sign(GIVER.signer, data)


def test_both_signatures() -> None:
    agreements.verify_provider(READ, CONTRACT.provider_signature, GIVER.document)
    agreements.verify_consumer(READ, CONTRACT.consumer_signature, TAKER.document)


def test_signatures_are_not_exchangeable() -> None:
    with pytest.raises(AgreementTampered):
        agreements.verify_provider(READ, CONTRACT.consumer_signature, GIVER.document)
    with pytest.raises(AgreementTampered):
        agreements.verify_consumer(READ, CONTRACT.provider_signature, TAKER.document)
    with pytest.raises(AgreementTampered):
        agreements.verify_provider(READ, CONTRACT.consumer_signature, TAKER.document)


def test_signature_over_other_terms() -> None:
    other = agreements.read(agreement_bytes(GIVER, TAKER, offer_digest="cd" * 32))
    with pytest.raises(AgreementTampered):
        agreements.verify_provider(other, CONTRACT.provider_signature, GIVER.document)
    with pytest.raises(AgreementTampered):
        agreements.verify_consumer(other, CONTRACT.consumer_signature, TAKER.document)


def test_another_document_of_the_same_did() -> None:
    """The agreement fixes the document: neither new keys nor new CAs pass for the old ones."""
    newer = documents.build(GIVER.signer, PROVIDER)
    with pytest.raises(AgreementTampered):
        agreements.verify_provider(
            READ, CONTRACT.provider_signature, documents.read(newer, PROVIDER)
        )
    forged = stranger(PROVIDER)
    with pytest.raises(AgreementTampered):
        agreements.verify_provider(READ, agreements.sign(forged.signer, DATA), forged.document)


def test_the_provider_signs_with_the_key_that_it_named() -> None:
    second = MemorySigner(PROVIDER, "key-2")
    both = json.loads(GIVER.data)
    beside = json.loads(documents.build(second, PROVIDER))
    both["verificationMethod"] += beside["verificationMethod"]
    both["assertionMethod"] += beside["assertionMethod"]
    giver = replace(GIVER, data=canonical(both))
    read = agreements.read(agreement_bytes(giver, TAKER))
    with pytest.raises(AgreementTampered):
        agreements.verify_provider(read, agreements.sign(second, read.data), giver.document)
    agreements.verify_provider(read, agreements.sign(giver.signer, read.data), giver.document)


@pytest.mark.parametrize("signature", ["", "x", "a..b"])
def test_no_signature_at_all(signature: str) -> None:
    with pytest.raises(AgreementTampered):
        agreements.verify_consumer(READ, signature, TAKER.document)


def test_a_signature_of_another_kind() -> None:
    other = jws.sign_detached(TAKER.signer, DATA, "preau-manifest+jws")
    with pytest.raises(AgreementTampered):
        agreements.verify_consumer(READ, other, TAKER.document)


def test_receipt_round_trip() -> None:
    found = receipt.read_receipt(CONTRACT.receipt, GIVER.document)
    assert (found.agreement, found.digest) == (AGREEMENT, READ.digest)
    assert (found.provider, found.consumer) == (PROVIDER, CONSUMER)
    assert (found.dataset, found.population, found.minimum_sites) == (DATASET, 4600, 3)
    assert found.valid_until == NOW + timedelta(days=200)
    assert found.timestamp == NOW
    assert receipt.unverified_provider(CONTRACT.receipt) == PROVIDER
    receipt.check_receipt(found, READ, CONTRACT.provider_signature, CONTRACT.consumer_signature)


def test_receipt_of_a_contract_without_end() -> None:
    token = receipt.make_receipt(
        GIVER.signer, READ, "a", "b", minimum_sites=0, valid_until=None, now=NOW
    )
    assert receipt.read_receipt(token, GIVER.document).valid_until is None


def test_a_receipt_states_the_accounting_of_its_agreement() -> None:
    found = receipt.read_receipt(CONTRACT.receipt, GIVER.document)
    assert found.accounting == READ.accounting == Accounting(Rule.SUMS)
    other = replace(found, accounting=Accounting(Rule.RENYI, 9))
    for wrong in (other, replace(found, accounting=None)):
        with pytest.raises(AgreementTampered):
            receipt.check_receipt(
                wrong, READ, CONTRACT.provider_signature, CONTRACT.consumer_signature
            )


def test_the_receipt_of_an_older_contract_states_none() -> None:
    older = agreements.read(of_version(DATA, 1))
    token = receipt.make_receipt(
        GIVER.signer, older, "a", "b", minimum_sites=3, valid_until=None, now=NOW
    )
    found = receipt.read_receipt(token, GIVER.document)
    assert found.accounting is None
    receipt.check_receipt(found, older, "a", "b")


def test_receipt_of_another_contract() -> None:
    found = receipt.read_receipt(CONTRACT.receipt, GIVER.document)
    other = agreements.read(agreement_bytes(GIVER, TAKER, offer_digest="cd" * 32))
    signed, accepted = CONTRACT.provider_signature, CONTRACT.consumer_signature
    for parts in (
        (other, signed, accepted),
        (READ, accepted, signed),
        (READ, signed, ""),
        (READ, "", accepted),
    ):
        with pytest.raises(AgreementTampered):
            receipt.check_receipt(found, *parts)


def test_receipt_of_another_s_hand() -> None:
    with pytest.raises(AgreementTampered):
        receipt.read_receipt(CONTRACT.receipt, TAKER.document)
    with pytest.raises(AgreementTampered):
        receipt.read_receipt(CONTRACT.receipt, stranger(PROVIDER).document)
    by_consumer = receipt.make_receipt(
        TAKER.signer, READ, "a", "b", minimum_sites=3, valid_until=None, now=NOW
    )
    with pytest.raises(AgreementTampered):
        receipt.read_receipt(by_consumer, TAKER.document)


def restated(**changes: Any) -> str:
    content = json.loads(jws.unverified_payload(CONTRACT.receipt))
    stated = {name: value for name, value in (content | changes).items() if value is not None}
    return jws.sign_compact(GIVER.signer, canonical(stated), receipt.TYPE)


@over(
    "change",
    [
        {"extra": 1},
        {"digest": None},
        {"digest": ""},
        {"agreement": 1},
        {"population": -1},
        {"population": True},
        {"minimumSites": 2.5},
        {"minimumSites": "3"},
        {"validUntil": None},
        {"validUntil": "soon"},
        {"validUntil": 1},
        {"timestamp": ""},
    ],
)
def test_receipts_that_are_refused(change: dict[str, Any]) -> None:
    assert receipt.read_receipt(restated(), GIVER.document)
    with pytest.raises(AgreementTampered):
        receipt.read_receipt(restated(**change), GIVER.document)
    with pytest.raises(AgreementTampered):
        receipt.unverified_provider(restated(**change))


def test_a_receipt_of_a_contract_with_oneself() -> None:
    assert receipt.read_receipt(restated(consumer=CONSUMER), GIVER.document)
    with pytest.raises(AgreementTampered, match="with itself"):
        receipt.read_receipt(restated(consumer=PROVIDER), GIVER.document)


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "x" * 20_000])
def test_no_receipt_at_all(token: str) -> None:
    with pytest.raises(AgreementTampered):
        receipt.read_receipt(token, GIVER.document)
    with pytest.raises(AgreementTampered):
        receipt.unverified_provider(token)
