from __future__ import annotations

import base64
import json
from types import MappingProxyType
from typing import Any

import pytest
from joserfc import jws as joserfc_jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OctKey, OKPKey

from connector.errors import Malformed, SignatureInvalid
from connector.identity import document as documents
from connector.identity import jws
from connector.identity.evidence.authorities import NamedKey
from connector.identity.key import Relationship
from connector.jsonld.canonical import b64url, canonical
from tests.support.each import over
from tests.support.keys import MemorySigner

DID = "did:web:nord.example"
SIGNER = MemorySigner(DID)
OTHER = MemorySigner(DID)
DOCUMENT = documents.read(documents.build(SIGNER, DID), DID)
ASSERTION = Relationship.ASSERTION
TYPE = "preau-test+jws"
PAYLOAD = b'{"a":1}'


def token(header: Any, payload: bytes = PAYLOAD, signer: MemorySigner = SIGNER) -> str:
    """A JWS whose header is ours to spoil, rightly signed."""
    head = header if isinstance(header, bytes) else canonical(header)
    signed = f"{b64url(head)}.{b64url(payload)}"
    return f"{signed}.{b64url(signer.sign(signed.encode()))}"


def header(**changes: Any) -> dict[str, Any]:
    stated = {"alg": "Ed25519", "kid": SIGNER.key_id, "typ": TYPE, **changes}
    return {name: value for name, value in stated.items() if value is not None}


def test_round_trip() -> None:
    made = jws.sign_compact(SIGNER, PAYLOAD, TYPE, {"cty": "vc"})
    assert jws.verify_compact(made, DOCUMENT, ASSERTION, TYPE, "vc") == PAYLOAD
    assert jws.verify_compact(token(header()), DOCUMENT, ASSERTION, TYPE) == PAYLOAD
    assert jws.key_id(made) == SIGNER.key_id


def test_another_library_reading_of_the_same_token() -> None:
    """What we write is a JWS for joserfc's own Ed25519, too."""
    made = jws.sign_compact(SIGNER, PAYLOAD, TYPE)
    public = OKPKey.import_key(dict(SIGNER.public_jwk))
    assert joserfc_jws.deserialize_compact(made, public, algorithms=["Ed25519"]).payload == PAYLOAD


@over(
    "change",
    [
        {"alg": "none"},
        {"alg": "EdDSA"},
        {"alg": "HS256"},
        {"alg": "ES256"},
        {"alg": None},
        {"kid": None},
        {"kid": 1},
        {"kid": ["x"]},
        {"kid": "#key-1"},
        {"kid": DID + "#key-2"},
        {"kid": "did:web:else.example#key-1"},
        {"typ": None},
        {"typ": "JWT"},
        {"typ": TYPE.upper()},
        {"typ": "application/" + TYPE},
        {"typ": [TYPE]},
        {"crit": ["exp"], "exp": 1},
        {"crit": []},
        {"b64": False},
        {"jwk": dict(OTHER.public_jwk)},
        {"jku": "https://else.example/keys"},
        {"x5c": []},
        {"x": 1},
        {"cty": 1},
    ],
)
def test_headers_that_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(SignatureInvalid):
        jws.verify_compact(token(header(**change)), DOCUMENT, ASSERTION, TYPE)


def test_content_type_is_demanded() -> None:
    with pytest.raises(SignatureInvalid):
        jws.verify_compact(token(header()), DOCUMENT, ASSERTION, TYPE, "vc")


def test_duplicate_header_member() -> None:
    raw = canonical(header())[:-1] + b',"typ":"' + TYPE.encode() + b'"}'
    assert json.loads(raw)["typ"] == TYPE
    with pytest.raises(SignatureInvalid):
        jws.verify_compact(token(raw), DOCUMENT, ASSERTION, TYPE)


@over("raw", [b"[]", b"1", b"{", b"\xff", b""])
def test_headers_that_are_no_object(raw: bytes) -> None:
    with pytest.raises(SignatureInvalid):
        jws.verify_compact(token(raw), DOCUMENT, ASSERTION, TYPE)


def test_another_key() -> None:
    with pytest.raises(SignatureInvalid):
        jws.verify_compact(token(header(), signer=OTHER), DOCUMENT, ASSERTION, TYPE)


def test_each_flipped_character_is_refused() -> None:
    good = token(header())
    assert jws.verify_compact(good, DOCUMENT, ASSERTION, TYPE) == PAYLOAD
    for place, char in enumerate(good):
        bad = good[:place] + ("A" if char != "A" else "B") + good[place + 1 :]
        with pytest.raises(SignatureInvalid):
            jws.verify_compact(bad, DOCUMENT, ASSERTION, TYPE)


@over(
    "spoil",
    [
        lambda text: text + "=",
        lambda text: text + "A",
        lambda text: text[:-1],
        lambda text: text[:-1] + ("x" if text[-1] in "AQgw" else "A"),
        lambda text: " " + text,
        lambda text: text + "\n",
        lambda text: text + ".x",
        lambda text: text.replace(".", "..", 1),
        lambda text: text.rsplit(".", 1)[0],
        lambda text: text.rsplit(".", 1)[0] + ".",
        lambda text: text.rsplit(".", 1)[0] + "." + "A" * 86,
        lambda text: text.rsplit(".", 1)[0] + "." + "A" * 88,
        lambda _: "",
        lambda _: "é..x",
        lambda _: "a.b",
    ],
)
def test_other_spellings_are_refused(spoil: Any) -> None:
    with pytest.raises(SignatureInvalid):
        jws.verify_compact(spoil(token(header())), DOCUMENT, ASSERTION, TYPE)


def test_unused_bits_of_base64_are_refused() -> None:
    """86 characters hold 516 bits, of which 4 must be zero; the decoder would drop them."""
    good = token(header())
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet[alphabet.index(good[-1]) + 1]
    assert base64.urlsafe_b64decode(good.split(".")[2] + "==") == base64.urlsafe_b64decode(
        good.split(".")[2][:-1] + last + "=="
    )
    with pytest.raises(SignatureInvalid):
        jws.verify_compact(good[:-1] + last, DOCUMENT, ASSERTION, TYPE)


def test_sizes_are_bounded() -> None:
    with pytest.raises(SignatureInvalid):
        jws.verify_compact(token(header(cty="x" * 1100)), DOCUMENT, ASSERTION, TYPE)
    with pytest.raises(SignatureInvalid):
        jws.verify_compact(
            token(header(), payload=b"x" * (jws.MAX_PAYLOAD_BYTES + 3)), DOCUMENT, ASSERTION, TYPE
        )
    with pytest.raises(SignatureInvalid):
        jws.verify_compact(token(header(), payload=b""), DOCUMENT, ASSERTION, TYPE)


def test_a_public_key_is_no_shared_secret() -> None:
    """The classic confusion: HMAC keyed with the public key."""
    key = OctKey.import_key(SIGNER.public_jwk["x"])
    forged = joserfc_jws.serialize_compact(header(alg="HS256"), PAYLOAD, key, ["HS256"])
    with pytest.raises(SignatureInvalid):
        jws.verify_compact(forged, DOCUMENT, ASSERTION, TYPE)


def test_the_use_must_be_allowed() -> None:
    content = json.loads(documents.build(SIGNER, DID))
    content["capabilityInvocation"] = []
    narrowed = documents.read(canonical(content), DID)
    assert jws.verify_compact(token(header()), narrowed, ASSERTION, TYPE) == PAYLOAD
    with pytest.raises(SignatureInvalid):
        jws.verify_compact(token(header()), narrowed, Relationship.INVOCATION, TYPE)


def test_p256_keys_verify_es256_only() -> None:
    key = ECKey.generate_key("P-256")
    kid = DID + "#p256"
    public = {name: str(value) for name, value in key.as_dict(private=False).items()}
    holder = NamedKey(DID, MappingProxyType({kid: public}))
    good = joserfc_jws.serialize_compact(header(alg="ES256", kid=kid), PAYLOAD, key, ["ES256"])
    assert jws.verify_compact(good, holder, ASSERTION, TYPE) == PAYLOAD
    with pytest.raises(SignatureInvalid):
        jws.verify_compact(token(header(kid=kid)), holder, ASSERTION, TYPE)
    with pytest.raises(SignatureInvalid):
        jws.verify_compact(good, holder, Relationship.INVOCATION, TYPE)


def test_detached_round_trip() -> None:
    made = jws.sign_detached(SIGNER, PAYLOAD, TYPE)
    assert made.split(".")[1] == ""
    jws.verify_detached(made, PAYLOAD, DOCUMENT, ASSERTION, TYPE)


@pytest.mark.parametrize("payload", [b'{"a":2}', PAYLOAD + b" ", b"", b"x" * 5_000_000])
def test_detached_over_other_bytes(payload: bytes) -> None:
    made = jws.sign_detached(SIGNER, PAYLOAD, TYPE)
    with pytest.raises(SignatureInvalid):
        jws.verify_detached(made, payload, DOCUMENT, ASSERTION, TYPE)


def test_detached_must_be_detached() -> None:
    attached = token(header())
    with pytest.raises(SignatureInvalid):
        jws.verify_detached(attached, PAYLOAD, DOCUMENT, ASSERTION, TYPE)
    with pytest.raises(SignatureInvalid):
        jws.verify_compact(jws.sign_detached(SIGNER, PAYLOAD, TYPE), DOCUMENT, ASSERTION, TYPE)
    with pytest.raises(SignatureInvalid):
        jws.verify_detached("x", PAYLOAD, DOCUMENT, ASSERTION, TYPE)


def test_detached_of_another_type() -> None:
    made = jws.sign_detached(SIGNER, PAYLOAD, "other+jws")
    with pytest.raises(SignatureInvalid):
        jws.verify_detached(made, PAYLOAD, DOCUMENT, ASSERTION, TYPE)


def test_key_id_of_a_token_without_one() -> None:
    assert jws.key_id(token(header(kid=None))) == ""
    with pytest.raises(Malformed):
        jws.key_id("x")


def test_what_signs_verifies_nothing() -> None:
    made = jws.sign_compact(SIGNER, PAYLOAD, TYPE)
    key = OKPKey.import_key(dict(SIGNER.public_jwk))
    with pytest.raises(JoseError):
        joserfc_jws.deserialize_compact(made, key, registry=jws._SigningRegistry(SIGNER))
