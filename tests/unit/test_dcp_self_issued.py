"""Self-issued ID tokens of other implementations, and each way in which one is refused."""

from __future__ import annotations

import hmac
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.domain import instant
from connector.errors import CertificateMismatch, PreauError, TokenInvalid, TokenMismatch
from connector.identity import certificate, jws
from connector.identity import document as documents
from connector.identity import token as call_token
from connector.identity.dcp import self_issued
from connector.identity.document import DidDocument
from connector.jsonld.canonical import b64url, canonical
from tests.support.contracts import CONSUMER, NOW, PROVIDER, stranger
from tests.support.each import over
from tests.support.keys import ForeignSigner, MemoryEcSigner, MemorySigner, forged

BEARER = stranger(CONSUMER)
KEY = BEARER.signer.key_id
AT = int(NOW.timestamp())
EC = MemoryEcSigner(CONSUMER, "ec")


def served(*signers: Any, **changes: Any) -> DidDocument:
    """A DID document as other implementations serve it: one method for each key."""
    methods = [
        {
            "id": each.key_id,
            "type": "JsonWebKey2020",
            "controller": CONSUMER,
            "publicKeyJwk": dict(each.public_jwk),
        }
        for each in signers
    ]
    ids = [each.key_id for each in signers]
    content = {
        "id": CONSUMER,
        "verificationMethod": methods,
        "authentication": ids,
        "capabilityInvocation": ids,
        **changes,
    }
    return documents.read(canonical(content), CONSUMER)


DOCUMENT = served(BEARER.signer)


def claims(**changes: Any) -> dict[str, Any]:
    stated = {
        "iss": CONSUMER,
        "sub": CONSUMER,
        "aud": PROVIDER,
        "jti": "e2a0",
        "iat": AT,
        "exp": AT + 300,
        **changes,
    }
    return {name: value for name, value in stated.items() if value is not None}


def header(**changes: Any) -> dict[str, Any]:
    return {"alg": "EdDSA", "kid": KEY, "typ": "JWT", **changes}


def checked(token: str, document: DidDocument = DOCUMENT, **changes: Any) -> self_issued.SelfIssued:
    values = {"audience": PROVIDER, "now": NOW, **changes}
    return self_issued.check(token, document, **values)


def refused(reason: str, token: str, document: DidDocument = DOCUMENT, **changes: Any) -> None:
    with pytest.raises(TokenInvalid, match=reason):
        checked(token, document, **changes)


def made(**changes: Any) -> str:
    return self_issued.make(BEARER.signer, CONSUMER, PROVIDER, "urn:uuid:1", NOW, **changes)


def test_round_trip() -> None:
    found = checked(made(access_token="opaque"))
    assert (found.issuer, found.jti, found.access_token) == (CONSUMER, "urn:uuid:1", "opaque")
    assert found.expires == NOW + self_issued.LIFE + instant.SKEW
    assert "opaque" not in repr(found)
    assert checked(made()).access_token == ""
    assert self_issued.unverified_issuer(made()) == CONSUMER


def test_headers_are_those_that_others_know() -> None:
    assert jws.unverified_header(made()) == {"alg": "EdDSA", "kid": KEY, "typ": "JWT"}
    token = self_issued.make(EC, CONSUMER, PROVIDER, "1", NOW)
    assert jws.unverified_header(token)["alg"] == "ES256"
    assert checked(token, served(EC)).issuer == CONSUMER


@over(
    "claim, head",
    [
        ({}, {}),
        ({}, {"alg": "Ed25519"}),
        ({}, {"typ": None}),
        ({}, {"typ": "jwt"}),
        ({}, {"kid": "#key-1"}),
        ({}, {"kid": None}),
        ({}, {"x5t": "ignored", "iss": "ignored"}),
        ({"aud": [PROVIDER]}, {}),
        ({"nbf": AT, "unknown": {"any": 1}}, {}),
        ({"iat": AT + 0.5, "exp": AT + 300.25}, {}),
        ({"iat": AT + 30, "exp": AT + 60}, {}),
        ({"nbf": AT + 30}, {}),
        ({"exp": AT + 1}, {}),
        ({"iat": AT - 320, "exp": AT - 29}, {}),
    ],
)
def test_tokens_of_others_that_are_taken(claim: dict[str, Any], head: dict[str, Any]) -> None:
    assert checked(forged(BEARER.signer, claims(**claim), header(**head))).issuer == CONSUMER


@over(
    "reason, change",
    [
        ("differ", {"iss": PROVIDER}),
        ("differ", {"sub": PROVIDER}),
        (f"not issued by `{CONSUMER}`", {"iss": PROVIDER, "sub": PROVIDER}),
        ("/iss: must be a text", {"iss": None}),
        ("/sub: must be a text", {"sub": None}),
        ("another verifier", {"aud": CONSUMER}),
        ("another verifier", {"aud": None}),
        ("or for several", {"aud": [PROVIDER, CONSUMER]}),
        ("/jti: must be a text", {"jti": None}),
        ("/jti: must be a text", {"jti": 7}),
        ("/jti: must have 1 to 128", {"jti": ""}),
        ("/jti: must have 1 to 128", {"jti": "x" * 129}),
        ("/jti: has characters", {"jti": "a\nb"}),
        ("/iat: is missing", {"iat": None}),
        ("/exp: is missing", {"exp": None}),
        ("/exp: must be a number", {"exp": "2026"}),
        ("/exp: must be a number", {"exp": True}),
        ("/iat: must be above", {"iat": AT * 1000, "exp": AT * 1000 + 300}),
        ("/iat: must be above", {"iat": -1}),
        ("lifetime is not between 0 and 300", {"exp": AT + 301}),
        ("lifetime is not between 0 and 300", {"exp": AT}),
        ("expired at", {"iat": AT - 300, "exp": AT - 30}),
        ("not valid before", {"iat": AT + 31, "exp": AT + 60}),
        ("not valid before", {"nbf": AT + 31}),
        ("/nbf: must be a number", {"nbf": "2026"}),
        ("/vp: is allowed in a token of another kind only", {"vp": {}}),
        ("/vc: is allowed in a token of another kind only", {"vc": {}}),
        ("/@context: is allowed in a token of another kind only", {"@context": []}),
        ("/token: must be a text", {"token": 1}),
        ("/token: must have 1 to", {"token": ""}),
    ],
)
def test_claims_that_are_refused(reason: str, change: dict[str, Any]) -> None:
    refused(reason, forged(BEARER.signer, claims(**change), header()))


@over(
    "reason, change",
    [
        ("is not signed", {"alg": "none"}),
        ("is not signed", {"alg": "nOnE"}),
        ("algorithm is not the one of the key", {"alg": "HS256"}),
        ("algorithm is not the one of the key", {"alg": "ES256"}),
        ("algorithm is not the one of the key", {"alg": None}),
        ("algorithm is not the one of the key", {"alg": ["EdDSA"]}),
        ("a key of its own .`jwk`", {"jwk": dict(BEARER.signer.public_jwk)}),
        ("a key of its own .`jku`", {"jku": "https://evil.example/keys"}),
        ("a key of its own .`x5u`", {"x5u": "https://evil.example/chain"}),
        ("a key of its own .`x5c`", {"x5c": ["AA"]}),
        ("demands an extension that is not known here .`crit`", {"crit": ["exp"]}),
        ("demands an extension that is not known here .`b64`", {"b64": False}),
        ("another type .`typ`", {"typ": "vp+jwt"}),
        ("another type .`typ`", {"typ": call_token.TYPE}),
        ("another type .`typ`", {"typ": 1}),
        ("another type .`cty`", {"cty": "vc"}),
        ("`kid` is not a text", {"kid": 1}),
        ("a key of another DID", {"kid": f"{PROVIDER}#key-1"}),
        ("no such key", {"kid": f"{CONSUMER}#key-2"}),
        ("no such key", {"kid": CONSUMER}),
        ("a key of another DID", {"kid": "key-1"}),
    ],
)
def test_headers_that_are_refused(reason: str, change: dict[str, Any]) -> None:
    refused(reason, forged(BEARER.signer, claims(), header(**change)))


def test_a_token_without_signature() -> None:
    token = forged(BEARER.signer, claims(), header(alg="none"))
    refused("is not signed", token.rsplit(".", 1)[0] + ".")


def test_a_public_key_is_no_shared_secret() -> None:
    """The confusion of algorithms: a MAC under the public key, which everybody has."""
    start = forged(BEARER.signer, claims(), header(alg="HS256")).rsplit(".", 1)[0]
    secret = json.dumps(dict(BEARER.signer.public_jwk)).encode()
    mac = hmac.digest(secret, start.encode(), "sha256")
    refused("algorithm is not the one", f"{start}.{b64url(mac)}")


def test_signatures_of_others() -> None:
    other = MemorySigner(CONSUMER)
    refused("does not verify", forged(other, claims(), header()))
    assert checked(forged(other, claims(), header()), served(other)).jti == "e2a0"


@settings(max_examples=60)
@given(st.integers(0, len(made()) - 1), st.sampled_from("Ag.9_="))
def test_one_changed_character_breaks_a_token(place: int, sign: str) -> None:
    token = made()
    changed = token[:place] + sign + token[place + 1 :]
    if changed != token:
        refused("token", changed)


def test_which_key_of_the_document() -> None:
    token = forged(BEARER.signer, claims(), header())
    two = served(BEARER.signer, EC)
    assert checked(token, two).issuer == CONSUMER
    unlisted = served(BEARER.signer, capabilityInvocation=[])
    refused("does not use its key for `capabilityInvocation`", token, unlisted)
    nameless = forged(BEARER.signer, claims(), header(kid=None))
    refused("names no key .`kid`., and .* has 2 verification methods", nameless, two)
    refused("does not use its key for `capabilityInvocation`", nameless, unlisted)


def test_one_method_of_an_unknown_kind_is_counted() -> None:
    """A document with one key that is known here and one that is not has two methods."""
    other = {
        "id": f"{CONSUMER}#other",
        "type": "JsonWebKey2020",
        "controller": CONSUMER,
        "publicKeyJwk": {"kty": "EC", "crv": "secp256k1"},
    }
    content = json.loads(DOCUMENT.data)
    content["verificationMethod"].append(other)
    both = documents.read(canonical(content), CONSUMER)
    nameless = forged(BEARER.signer, claims(), header(kid=None))
    assert checked(nameless).issuer == CONSUMER
    refused("has 2 verification methods", nameless, both)
    assert both.keys == DOCUMENT.keys


@pytest.mark.parametrize("name", ["ES384", "RS256", "PS256"])
def test_keys_that_only_others_have(name: str) -> None:
    signer, other = ForeignSigner(CONSUMER, name), ForeignSigner(CONSUMER, name)
    content = json.loads(served(signer).data)
    content["capabilityInvocation"] = ["#key-1"]
    document = documents.read(canonical(content), CONSUMER)
    token = forged(signer, claims(), header(alg=name))
    assert checked(token, document).issuer == CONSUMER
    refused("does not verify", forged(other, claims(), header(alg=name)), document)
    refused("not the one of the key", forged(signer, claims(), header(alg="ES256")), document)


def test_certificates() -> None:
    bound = made(leaf_pem=BEARER.leaf)
    assert checked(bound, leaf_pem=BEARER.leaf).issuer == CONSUMER
    assert checked(made(), leaf_pem=BEARER.leaf).issuer == CONSUMER
    for reason, leaf in (
        ("none was shown", ""),
        ("another certificate", stranger(CONSUMER).leaf),
    ):
        with pytest.raises(TokenMismatch, match=reason):
            checked(bound, leaf_pem=leaf)
    with pytest.raises(CertificateMismatch):
        checked(bound, leaf_pem="no certificate")
    thumb = certificate.thumbprint(BEARER.leaf)
    for cnf in (None, {}, {"jkt": "x"}, {"x5t#S256": thumb, "jkt": "x"}, "x"):
        token = forged(BEARER.signer, claims() | {"cnf": cnf}, header())
        with pytest.raises(TokenMismatch, match="not known here"):
            checked(token, leaf_pem=BEARER.leaf)


def test_nothing_is_believed_for_longer_than_five_minutes() -> None:
    """Some implementations state ten minutes; who takes such tokens believes them for five."""
    token = forged(BEARER.signer, claims(exp=AT + 600), header())
    longest = timedelta(minutes=10)
    refused("between 0 and 300", token)
    found = checked(token, longest=longest)
    assert found.expires == NOW + self_issued.LIFE + instant.SKEW
    checked(token, longest=longest, now=found.expires - timedelta(seconds=1))
    refused("expired at", token, longest=longest, now=found.expires)


@over("text", ["", "x", "a.b.c", "a.b.c.d.e", "x" * 20_000, "\ud800.b.c"])
def test_no_token_at_all(text: str) -> None:
    for ask in (checked, self_issued.unverified_issuer):
        with pytest.raises(TokenInvalid):
            ask(text)
    for other in ("e30.e30.", ".e30.AA", f"{text}.e30.AA"):
        refused("self-issued ID token", other)


def test_claims_that_are_no_object() -> None:
    for content in ([], "x", None, 7):
        refused("must be an object", forged(BEARER.signer, content, header()))


def test_an_issuer_that_is_no_text() -> None:
    assert self_issued.unverified_issuer(forged(BEARER.signer, {"iss": 1}, header())) == ""


def test_no_claim_stands_in_a_refusal() -> None:
    """What a stranger writes is not repeated in logs."""
    secret = "s3cret"
    for change in ({"aud": secret}, {"jti": secret * 40}, {"iss": secret}, {"token": [secret]}):
        with pytest.raises(PreauError) as caught:
            checked(forged(BEARER.signer, claims(**change), header()))
        assert secret not in caught.value.reason
