from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from connector.domain import instant
from connector.errors import CertificateMismatch, TokenInvalid, TokenMismatch
from connector.identity import certificate, jws, token
from connector.identity import document as documents
from connector.jsonld.canonical import canonical
from tests.support.contracts import CONSUMER, NOW, PROVIDER, stranger
from tests.support.each import over

CALLER = stranger(CONSUMER)
LEAF = CALLER.leaf
METHOD = "/connector.peer.v1.NegotiationService/Request"
BODY = b"request"


def made(**changes: Any) -> str:
    values: dict[str, Any] = {
        "did": CALLER.did,
        "audience": PROVIDER,
        "method": METHOD,
        "body": BODY,
        "leaf_pem": LEAF,
        "jti": "urn:uuid:1",
        "now": NOW,
        **changes,
    }
    return token.make(CALLER.signer, *values.values())


def checked(text: str, **changes: Any) -> token.CallToken:
    values: dict[str, Any] = {
        "document": CALLER.document,
        "audience": PROVIDER,
        "method": METHOD,
        "body": BODY,
        "leaf_pem": LEAF,
        "now": NOW,
        **changes,
    }
    return token.check(text, **values)


def forged(**changes: Any) -> str:
    """A token with other claims, rightly signed by the caller."""
    claims = json.loads(jws.unverified_payload(made()))
    stated = {name: value for name, value in (claims | changes).items() if value is not None}
    return jws.sign_compact(CALLER.signer, canonical(stated), token.TYPE)


def test_round_trip() -> None:
    found = checked(made())
    assert (found.issuer, found.jti) == (CONSUMER, "urn:uuid:1")
    assert found.expires == NOW + token.LIFE + token.LEEWAY
    assert token.unverified_issuer(made()) == CONSUMER
    assert checked(made(body=b""), body=b"").jti == found.jti


def test_bindings() -> None:
    other = stranger(CONSUMER).leaf
    for change in (
        {"method": METHOD + "s"},
        {"body": b"other"},
        {"body": b""},
        {"leaf_pem": other},
    ):
        with pytest.raises(TokenMismatch):
            checked(made(), **change)
        checked(made(**change), **change)


def test_audience() -> None:
    with pytest.raises(TokenInvalid):
        checked(made(), audience="did:web:sud.example")
    with pytest.raises(TokenInvalid):
        checked(forged(aud=[PROVIDER]))


def test_another_caller() -> None:
    other = stranger(CONSUMER)
    with pytest.raises(TokenInvalid):
        checked(made(), document=other.document)
    with pytest.raises(TokenInvalid):
        checked(made(), document=stranger(PROVIDER).document)


@over(
    "change",
    [
        {"iss": "did:web:else.example"},
        {"sub": "did:web:else.example"},
        {"iss": None},
        {"sub": None},
        {"aud": None},
        {"jti": None},
        {"jti": ""},
        {"jti": 1},
        {"jti": "x" * 129},
        {"iat": None},
        {"exp": None},
        {"exp": "2026"},
        {"exp": True},
        {"iat": -1},
        {"exp": 1 << 40},
        {"exp": 1.5},
        {"nbf": int(NOW.timestamp()) + 31},
        {"nbf": 1 << 34},
        {"nbf": "2026"},
    ],
)
def test_claims_that_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(TokenInvalid):
        checked(forged(**change))


@pytest.mark.parametrize("seconds", [-3600, 0, 30])
def test_a_token_that_is_valid_already(seconds: int) -> None:
    assert checked(forged(nbf=int(NOW.timestamp()) + seconds)).issuer == CONSUMER


@pytest.mark.parametrize("change", [{"method": None}, {"body": None}, {"cnf": None}, {"cnf": {}}])
def test_unbound_tokens_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(TokenMismatch):
        checked(forged(**change))


def test_life_is_bounded() -> None:
    issued = int(NOW.timestamp())
    assert checked(forged(iat=issued, exp=issued + 60)).issuer == CONSUMER
    for exp in (issued + 61, issued, issued - 1):
        with pytest.raises(TokenInvalid):
            checked(forged(iat=issued, exp=exp))


def test_clocks_may_differ_by_half_a_minute() -> None:
    checked(made(), now=NOW - timedelta(seconds=30))
    checked(made(), now=NOW + timedelta(seconds=89))
    for seconds in (-31, 90, 3600):
        with pytest.raises(TokenInvalid):
            checked(made(), now=NOW + timedelta(seconds=seconds))


def test_use_is_remembered_for_as_long_as_the_token_passes() -> None:
    found = checked(made())
    checked(made(), now=found.expires - timedelta(seconds=1))
    with pytest.raises(TokenInvalid):
        checked(made(), now=found.expires)


def test_the_key_must_be_one_for_calls() -> None:
    content = json.loads(CALLER.data)
    content["capabilityInvocation"] = []
    narrowed = documents.read(canonical(content), CONSUMER)
    with pytest.raises(TokenInvalid):
        checked(made(), document=narrowed)


def test_a_token_of_another_type() -> None:
    claims = jws.unverified_payload(made())
    with pytest.raises(TokenInvalid):
        checked(jws.sign_compact(CALLER.signer, claims, "JWT"))


def test_a_payload_that_is_no_object() -> None:
    with pytest.raises(TokenInvalid):
        checked(jws.sign_compact(CALLER.signer, b"[]", token.TYPE))
    with pytest.raises(TokenInvalid):
        token.unverified_issuer(jws.sign_compact(CALLER.signer, b"[]", token.TYPE))


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "x" * 9000])
def test_no_token_at_all(text: str) -> None:
    with pytest.raises(TokenInvalid):
        checked(text)
    with pytest.raises(TokenInvalid):
        token.unverified_issuer(text)


def test_issuer_that_is_no_text() -> None:
    assert token.unverified_issuer(forged(iss=1)) == ""


def test_no_certificate() -> None:
    with pytest.raises(CertificateMismatch):
        checked(made(), leaf_pem="")
    assert certificate.thumbprint(LEAF) in jws.unverified_payload(made()).decode()


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_clock_that_is_wrong_is_refused_with_the_time_here(hours: int) -> None:
    here = NOW + timedelta(hours=hours)
    with pytest.raises(TokenInvalid, match=f"clock says {instant.text(here)}"):
        checked(made(), now=here)
