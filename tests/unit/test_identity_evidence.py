"""What a bundle proves, and what a forger can try.

The auditor holds one thing: the authority's key. Each forgery below is as good as the forger can
make it: every signature that is in its power is right.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from connector.domain.layer import LayerKind
from connector.errors import EvidenceInvalid
from connector.identity import agreement as agreements
from connector.identity import bundle as bundles
from connector.identity import document as documents
from connector.identity import evidence, jws, layer, succession
from connector.identity.bundle import Evidence, LayerEvidence, PartyEvidence
from connector.identity.evidence import Outcome
from connector.identity.key import Relationship
from connector.identity.receipts import receipt
from connector.jsonld.canonical import canonical
from tests.support.contracts import (
    AUTHORITY,
    CONSUMER,
    NOW,
    PROVIDER,
    TEMPLATE,
    Member,
    Space,
    agreement_bytes,
    contract,
    stranger,
)
from tests.support.each import over
from tests.support.evidence import Log, evidence_of, exported, log_of, party, sealed
from tests.support.keys import MemorySigner
from tests.support.verdicts import (
    BUNDLE,
    CONTRACT,
    EVIDENCE,
    GIVER,
    KEY,
    SPACE,
    TAKER,
    changed,
    invalid,
    judged,
    unproven,
)


def test_a_true_bundle_is_proven() -> None:
    verdict = judged()
    assert verdict.outcome is Outcome.PROVEN, verdict.reason
    assert (verdict.provider, verdict.consumer) == (PROVIDER, CONSUMER)
    assert verdict.concluded_at == NOW
    assert verdict.reason == ""
    names = ["contract", "membership", "revocation", "log", "layers"]
    assert [part.name for part in verdict.parts] == names
    assert [len(part.checks) for part in verdict.parts] == [3, 2, 2, 5, 1]
    assert len(verdict.limits) == 4


def test_the_authority_may_be_given_as_document() -> None:
    assert judged(BUNDLE, SPACE.data).outcome is Outcome.PROVEN
    assert judged(BUNDLE, Space().data, SPACE.data).outcome is Outcome.PROVEN


def test_the_authority_may_have_another_key_since() -> None:
    """Its document in the bundle leads from the auditor's key to the newer one, or does not."""
    old, space = MemorySigner(AUTHORITY), Space()
    giver, taker = space.admit(stranger(PROVIDER)), space.admit(stranger(CONSUMER))
    newer, made = MemorySigner(AUTHORITY, "key-2"), contract(giver, taker)
    for signed_by, outcome in ((space.signer, Outcome.PROVEN), (old, Outcome.INVALID)):
        later = replace_signer(space, newer)
        giver, taker = later.admit(stranger(PROVIDER)), later.admit(stranger(CONSUMER))
        made = contract(giver, taker)
        record = succession.make(signed_by, AUTHORITY, newer.key_id, newer.public_jwk, NOW)
        known = documents.OtherKey(
            space.signer.key_id, space.signer.public_jwk, frozenset({Relationship.ASSERTION})
        )
        later.data = documents.build(newer, AUTHORITY, others=(known,), succession=record)
        data = sealed(evidence_of(made, later), giver)
        assert judged(data, canonical(dict(space.signer.public_jwk))).outcome is outcome
        assert judged(data, space.data).outcome is outcome
        assert judged(data, later.data).outcome is Outcome.PROVEN


def replace_signer(space: Space, signer: MemorySigner) -> Space:
    """Return the space once its authority signs with another key."""
    later = Space(did=space.did)
    later.signer = signer
    return later


def test_the_consumer_may_export_too() -> None:
    log = log_of(CONTRACT)
    data = sealed(
        replace(EVIDENCE, **exported(log, TAKER, GIVER)),
        TAKER,
    )
    assert judged(data).outcome is Outcome.PROVEN


def test_without_the_authority_it_is_only_consistent() -> None:
    verdict = evidence.verify(BUNDLE)
    assert verdict.outcome is Outcome.CONSISTENT
    stand = {part.name: part.standing.value for part in verdict.parts}
    assert stand.pop("contract") == stand.pop("log") == "proven"
    assert set(stand.values()) == {"unproven"}
    assert "the authority's key was not given" in verdict.reason
    assert evidence.verify(changed(authorities={})).outcome is Outcome.CONSISTENT


@over(
    "key",
    [b"", b"{}", b"[]", b'{"kty":"RSA"}', b'{"id":"did:web:else.example"}', KEY[:-1]],
    ["empty", "no key", "a list", "another kind", "another document", "cut short"],
)
def test_an_authority_s_key_that_cannot_be_read(key: bytes) -> None:
    with pytest.raises(EvidenceInvalid):
        evidence.verify(BUNDLE, [key])


# --- forged whole


def test_forged_whole_under_another_authority_of_the_same_name() -> None:
    forger = Space()
    giver, taker = forger.admit(stranger(PROVIDER)), forger.admit(stranger(CONSUMER))
    data = sealed(evidence_of(contract(giver, taker), forger), giver)
    assert evidence.verify(data).outcome is Outcome.CONSISTENT
    assert judged(data, canonical(dict(forger.signer.public_jwk))).outcome is Outcome.PROVEN
    invalid(data)
    invalid(data, SPACE.data)


def test_forged_keys_for_true_members() -> None:
    """Credentials are public: the forger shows the true ones beside documents of its own."""
    giver, taker = stranger(PROVIDER), stranger(CONSUMER)
    giver = replace(giver, membership=GIVER.membership)
    taker = replace(taker, membership=TAKER.membership)
    invalid(sealed(evidence_of(contract(giver, taker), SPACE), giver))


@pytest.mark.parametrize("forged", ["provider", "consumer"])
def test_forged_counterpart(forged: str) -> None:
    """One true party invents the other's consent."""
    giver, taker = GIVER, TAKER
    if forged == "provider":
        giver = replace(stranger(PROVIDER), membership=GIVER.membership)
    else:
        taker = replace(stranger(CONSUMER), membership=TAKER.membership)
    exporter = taker if forged == "provider" else giver
    made = contract(giver, taker)
    data = sealed(
        replace(
            evidence_of(made, SPACE),
            **exported(log_of(made), exporter, taker if exporter is giver else giver),
        ),
        exporter,
    )
    invalid(data)


def test_a_key_put_beside_the_true_one() -> None:
    """A document with the member's true key and the forger's own."""
    thief = MemorySigner(CONSUMER, "key-2")
    both = json.loads(TAKER.data)
    beside = json.loads(documents.build(thief, CONSUMER))
    both["verificationMethod"] += beside["verificationMethod"]
    both["assertionMethod"] += beside["assertionMethod"]
    taker = Member(CONSUMER, thief, TAKER.authority, canonical(both), TAKER.membership)
    invalid(sealed(evidence_of(contract(GIVER, taker), SPACE), GIVER))


def test_a_member_in_another_s_name() -> None:
    """A true member signs for another: its credential names another subject."""
    third = SPACE.admit(stranger("did:web:sud.example"))
    made = contract(GIVER, third)
    data = replace(
        evidence_of(made, SPACE),
        consumer=PartyEvidence(third.did, third.data, TAKER.membership),
    )
    invalid(sealed(data, GIVER))
    assert judged(sealed(evidence_of(made, SPACE), GIVER)).outcome is Outcome.PROVEN


# --- parts exchanged


@over(
    "change",
    [
        {"provider": party(stranger(PROVIDER))},
        {"consumer": party(stranger(CONSUMER))},
        {"provider": party(TAKER)},
        {"consumer": PartyEvidence(CONSUMER, b"{}", TAKER.membership)},
        {"provider_signature": CONTRACT.consumer_signature},
        {"consumer_signature": CONTRACT.provider_signature},
        {"consumer_signature": ""},
        {"receipt": ""},
        {"receipt": contract(GIVER, TAKER, offer_digest="cd" * 32).receipt},
        {"agreement": agreement_bytes(GIVER, TAKER, offer_digest="cd" * 32)},
        {"agreement": b"{}"},
        {"peer_checkpoint": Log().note(GIVER)},
        {"peer_checkpoint": "x"},
    ],
)
def test_parts_of_another_contract(change: dict[str, Any]) -> None:
    invalid(changed(**change))


def test_documents_of_another_time() -> None:
    """A newer document of the same keys: the agreement fixes the one that was agreed on."""
    newer = documents.build(GIVER.signer, PROVIDER)
    invalid(changed(provider=PartyEvidence(PROVIDER, newer, GIVER.membership)))


def test_exported_by_a_third() -> None:
    third = SPACE.admit(stranger("did:web:sud.example"))
    log = log_of(CONTRACT)
    data = replace(EVIDENCE, exporter=party(third), checkpoint=log.note(third))
    invalid(sealed(data, third))


# --- one part fails, and the others are still judged


def test_each_part_is_judged_though_another_fails() -> None:
    data = changed(
        consumer_signature=CONTRACT.provider_signature,
        status_lists={SPACE.status_url: (SPACE.status_list(1),)},
        cosigned="",
    )
    verdict = judged(data)
    assert verdict.outcome is Outcome.INVALID
    assert [(it.name, it.standing.value, it.at_fault) for it in verdict.parts] == [
        ("contract", "failed", CONSUMER),
        ("membership", "proven", ""),
        ("revocation", "failed", CONSUMER),
        ("log", "unproven", ""),
        ("layers", "proven", ""),
    ]
    said = f"signed by the provider `{PROVIDER}`, under its document here"
    assert verdict.part("contract").checks == (said,)


# --- an older bundle


def test_a_bundle_of_version_1_is_read_and_says_that_nobody_cosigned() -> None:
    content = json.loads(BUNDLE)
    for name in ("seal", "cosigned", "cosignedProof", "peerDocument", "layers", "said"):
        del content[name]
    content["version"] = 1
    content["statusLists"] = {url: found[0] for url, found in content["statusLists"].items()}
    seal = jws.sign_detached(GIVER.signer, canonical(content), bundles.SEAL_TYPE)
    assert "has not cosigned" in unproven(canonical({**content, "seal": seal}), "log")


def test_a_bundle_of_version_2_is_proven_without_its_templates() -> None:
    content = {name: part for name, part in json.loads(BUNDLE).items() if name != "seal"}
    older = {**content, "version": 2}
    del older["layers"], older["said"]
    seal = jws.sign_detached(GIVER.signer, canonical(older), bundles.SEAL_TYPE)
    verdict = judged(canonical({**older, "seal": seal}))
    assert (verdict.outcome, len(verdict.parts)) == (Outcome.PROVEN, 4)


# --- templates and charter


def test_a_template_that_nobody_shows_or_signed_is_unproven() -> None:
    (name,) = EVIDENCE.layers or {}
    assert "lacks template `urn:template` version 1" in unproven(changed(layers={}), "layers")
    by_another = LayerEvidence(TEMPLATE, layer.sign(TAKER.signer, TEMPLATE))
    for shown in (LayerEvidence(TEMPLATE, ""), by_another):
        found = unproven(changed(layers={name: shown}), "layers")
        assert "not signed by any authority's key" in found


def test_another_template_in_place_of_the_one_that_was_signed() -> None:
    (name,) = EVIDENCE.layers or {}
    weaker = TEMPLATE.replace(b'"personal":false', b'"personal":true')
    shown = LayerEvidence(weaker, layer.sign(SPACE.signer, weaker))
    data = changed(layers={name: shown})
    assert "is another one" in invalid(data, part="layers", by=PROVIDER)


def test_a_charter_is_the_providers_own_or_named_by_its_digest() -> None:
    def charter(issuer: str) -> bytes:
        fields = {"kind": LayerKind.CHARTER, "identifier": "urn:charter", "version": 1}
        terms = {"@type": "Set", "@id": "urn:charter"}
        return layer.build(terms, issuer=issuer, personal=False, published=NOW, **fields)  # type: ignore[arg-type]

    for issuer, outcome in ((PROVIDER, Outcome.PROVEN), (CONSUMER, Outcome.INVALID)):
        data = charter(issuer)
        name = layer.read(data).name
        made = contract(GIVER, TAKER, layers=(name,))
        shown = evidence_of(made, SPACE)
        assert judged(sealed(shown, GIVER, layers={})).outcome is Outcome.PROVEN
        found = judged(sealed(shown, GIVER, layers={name.digest: LayerEvidence(data, "")}))
        assert found.outcome is outcome


def test_a_contract_without_layers_needs_none() -> None:
    shown = evidence_of(contract(GIVER, TAKER, layers=()), SPACE)
    verdict = judged(sealed(shown, GIVER, layers={}))
    assert verdict.outcome is Outcome.PROVEN
    assert verdict.part("layers").finding == "the contract names none"


# --- the seal and the form


def test_nothing_can_be_taken_out_after_the_seal() -> None:
    content = json.loads(BUNDLE)
    for name in ("entries", "statusLists", "authorities", "peerCheckpoint"):
        spoiled = {**content, name: type(content[name])()}
        reason = invalid(canonical(spoiled))
        assert "signature" in reason
    spoiled = {**content, "entries": content["entries"][:1]}
    assert "signature" in invalid(canonical(spoiled))


def test_a_seal_by_another() -> None:
    invalid(sealed(EVIDENCE, TAKER))
    content = json.loads(BUNDLE)
    other = jws.sign_detached(GIVER.signer, bundles.read(BUNDLE).sealed, "other+jws")
    invalid(canonical({**content, "seal": other}))


def test_each_flipped_byte_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every 31st byte, for the time it takes; the property test takes any.

    A signature whose bytes, payload and key are those of another bundle is verified once.
    """
    known: dict[object, bytes] = {}
    verify = jws._verify

    def once(token: str, jwk: Mapping[str, str], payload: bytes | None) -> bytes:
        question = (token, tuple(sorted(jwk.items())), payload)
        if question not in known:
            known[question] = verify(token, jwk, payload)
        return known[question]

    monkeypatch.setattr(jws, "_verify", once)
    for place in range(0, len(BUNDLE), 31):
        spoiled = bytearray(BUNDLE)
        spoiled[place] ^= 1
        assert judged(bytes(spoiled)).outcome is Outcome.INVALID, place


@over(
    "change",
    [
        lambda c: c.pop("seal"),
        lambda c: c.update(seal=1),
        lambda c: c.update(extra=1),
        lambda c: c.pop("receipt"),
        lambda c: c.update(type="x"),
        lambda c: c.update(version=5),
        lambda c: c.update(version=3),
        lambda c: c.update(said=[{}]),
        lambda c: c.update(version=2),
        lambda c: c.pop("layers"),
        lambda c: c.update(layers=[]),
        lambda c: c.update(layers={"x": "y"}),
        lambda c: c.update(layers={str(n): {"document": "", "token": ""} for n in range(33)}),
        lambda c: c.update(version=True),
        lambda c: c.update(version=1),
        lambda c: c.pop("cosigned"),
        lambda c: c.update(cosigned=1),
        lambda c: c.update(cosignedProof=["AA"] * 65),
        lambda c: c.update(statusLists={"x": ["y"] * 9}),
        lambda c: c.update(statusLists={"x": [1]}),
        lambda c: c.update(agreement=1),
        lambda c: c.update(provider=[]),
        lambda c: c["provider"].update(extra=1),
        lambda c: c["provider"].update(did=1),
        lambda c: c.update(entries={}),
        lambda c: c.update(entries=["x"]),
        lambda c: c.update(entries=[{}] * 10_001),
        lambda c: c["entries"][0].update(extra=1),
        lambda c: c["entries"][0].update(index="2"),
        lambda c: c["entries"][0].update(index=True),
        lambda c: c["entries"][0].update(proof="x"),
        lambda c: c["entries"][0].update(proof=["="]),
        lambda c: c["entries"][0].update(proof=[1]),
        lambda c: c["entries"][0].update(proof=["AA"] * 65),
        lambda c: c["entries"][0].update(event=1),
        lambda c: c.update(authorities=[]),
        lambda c: c.update(statusLists={"x": 1}),
    ],
)
def test_bundles_that_cannot_be_read(change: Callable[[dict[str, Any]], Any]) -> None:
    content = json.loads(BUNDLE)
    change(content)
    data = canonical(content)
    invalid(data)
    with pytest.raises(EvidenceInvalid):
        bundles.read(data)


@over("data", [b"", b"[]", b"{", b"\xff", BUNDLE + b"x", b"x" * 4_000_000])
def test_no_bundle_at_all(data: bytes) -> None:
    verdict = judged(data)
    assert verdict.outcome is Outcome.INVALID
    assert (verdict.agreement, verdict.concluded_at) == ("", None)


def test_spelling_of_the_file_does_not_matter_but_its_content_does() -> None:
    pretty = json.dumps(json.loads(BUNDLE), indent=2).encode()
    assert judged(pretty).outcome is Outcome.PROVEN
    twice = BUNDLE[:-1] + b',"receipt":"x"}'
    invalid(twice)


def test_round_trip() -> None:
    read = bundles.read(BUNDLE)
    assert read.evidence == EVIDENCE
    assert isinstance(read.evidence, Evidence)


def test_size_is_bounded() -> None:
    with pytest.raises(EvidenceInvalid):
        changed(peer_checkpoint="x" * bundles.MAX_BYTES)
    with pytest.raises(EvidenceInvalid):
        changed(entries=(EVIDENCE.entries[0],) * (bundles.MAX_ENTRIES + 1))


def test_a_receipt_needs_both_signatures() -> None:
    half = receipt.make_receipt(
        GIVER.signer,
        agreements.read(CONTRACT.data),
        CONTRACT.provider_signature,
        "",
        minimum_sites=3,
        valid_until=None,
        now=NOW,
    )
    invalid(changed(receipt=half))
