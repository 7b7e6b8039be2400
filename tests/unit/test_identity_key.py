from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from connector.errors import Malformed
from connector.identity import key as keys
from connector.jsonld.canonical import b64url, unb64url
from tests.support.each import over
from tests.support.keys import ForeignSigner, MemorySigner

RSA = dict(ForeignSigner("did:web:nord.example", "RS256").public_jwk)
P384 = dict(ForeignSigner("did:web:nord.example", "ES384").public_jwk)
P = 2**255 - 19
D = -121665 * pow(121666, P - 2, P) % P


def ed25519() -> dict[str, Any]:
    return dict(MemorySigner("did:web:nord.example").public_jwk)


def p256() -> dict[str, Any]:
    point = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    x, y = (b64url(number.to_bytes(32, "big")) for number in (point.x, point.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y}


def test_public_members_are_kept() -> None:
    jwk = ed25519()
    assert keys.read({**jwk, "kid": "a", "use": "sig"}) == {
        name: jwk[name] for name in ("kty", "crv", "x")
    }
    assert keys.read({**p256(), "x5c": ["…"]}).keys() == {"kty", "crv", "x", "y"}


def test_algorithm_follows_from_the_key() -> None:
    assert keys.algorithm(ed25519()) == "Ed25519"
    assert keys.algorithm(p256()) == "ES256"
    assert keys.supported(p256())


@over(
    "change",
    [
        {"d": "secret"},
        {"kty": "oct", "k": "secret"},
        {"kty": "RSA"},
        {"kty": ["OKP"]},
        {"crv": "Ed448"},
        {"crv": "X25519"},
        {"crv": None},
        {"x": None},
        {"x": 1},
        {"x": "AA"},
        {"x": "A" * 43 + "="},
        {"x": "!" * 43},
        {"alg": "ES256"},
        {"alg": "HS256"},
        {"use": "enc"},
        {"key_ops": ["sign"]},
        {"key_ops": ["verify", "sign"]},
        {"key_ops": ["verify", "verify"]},
        {"key_ops": []},
        {"key_ops": "verify"},
    ],
)
def test_other_keys_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        keys.read({**ed25519(), **change})


def test_a_key_that_says_it_verifies() -> None:
    plain = ed25519()
    for name in ("Ed25519", "EdDSA"):  # RFC 9864, RFC 8037
        stated = {"key_ops": ["verify"], "use": "sig", "alg": name}
        assert keys.read({**plain, **stated}) == keys.read(plain)


def test_keys_of_others_and_their_algorithms() -> None:
    assert keys.algorithms(P384) == ("ES384",)
    assert keys.read({**P384, "alg": "ES384"}) == P384
    assert keys.read(RSA) == RSA
    assert {"RS256", "PS256"} < set(keys.algorithms(RSA))
    stated = {**RSA, "alg": "PS256"}
    assert (keys.read(stated), keys.algorithms(stated)) == (stated, ("PS256",))
    for change in (
        {"alg": "ES256"},
        {"alg": "HS256"},
        {"n": b64url(b"\0" + unb64url(RSA["n"]))},
        {"n": b64url(unb64url(RSA["n"])[:128])},
        {"n": b64url(unb64url(RSA["n"]) * 3)},
        {"n": ""},
        {"e": "AQ"},
        {"e": "BA"},
        {"d": "AQAB"},
    ):
        with pytest.raises(Malformed):
            keys.read({**RSA, **change})
    with pytest.raises(Malformed):
        keys.read({**P384, "y": P384["x"]})


@over("sign", [0, 0x80])
@over("y", range(2, 19))
def test_a_point_in_another_spelling_is_refused(y: int, sign: int) -> None:
    """y and y + p are one point; the second fits into 255 bits for y below 19 only."""
    spelled = bytearray((2**255 - 19 + y).to_bytes(32, "little"))
    spelled[31] |= sign
    with pytest.raises(Malformed):
        keys.read({**ed25519(), "x": b64url(bytes(spelled))})


@pytest.mark.parametrize("name", ["x", "y"])
def test_a_coordinate_in_another_spelling_is_refused(name: str) -> None:
    jwk = p256()
    assert keys.read(jwk) == {each: jwk[each] for each in ("kty", "crv", "x", "y")}
    with pytest.raises(Malformed, match="encoding"):
        keys.read({**jwk, name: b64url(b"\0" + unb64url(jwk[name]))})
    with pytest.raises(Malformed):
        keys.read({**jwk, name: f"{jwk[name]}="})


def test_a_coordinate_past_the_field_is_refused() -> None:
    """x = 5 is on P-256, and 5 + p fits into 256 bits."""
    prime = 2**256 - 2**224 + 2**192 + 2**96 - 1
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    y = b64url(pow(5**3 - 3 * 5 + b, (prime + 1) // 4, prime).to_bytes(32))
    jwk = {"kty": "EC", "crv": "P-256", "x": b64url((5).to_bytes(32)), "y": y}
    assert keys.read(jwk) == jwk
    with pytest.raises(Malformed, match="encoding"):
        keys.read({**jwk, "x": b64url((5 + prime).to_bytes(32))})


@pytest.mark.parametrize("value", [None, "key", [], {}])
def test_no_key_at_all(value: object) -> None:
    with pytest.raises(Malformed):
        keys.read(value)


def test_a_point_off_the_curve_is_refused() -> None:
    jwk = p256()
    with pytest.raises(Malformed):
        keys.read({**jwk, "y": jwk["x"]})


def double(point: tuple[int, int]) -> tuple[int, int]:
    """Twisted Edwards doubling, affine (RFC 8032 section 5.1.4)."""
    x, y = point
    product = D * x * x * y * y
    return (
        2 * x * y * pow(1 + product, P - 2, P) % P,
        (y * y + x * x) * pow(1 - product, P - 2, P) % P,
    )


def decoded(data: bytes) -> tuple[int, int]:
    y = int.from_bytes(data, "little") & (1 << 255) - 1
    u, v = y * y - 1, D * y * y + 1
    x = pow(u * pow(v, P - 2, P) % P, (P + 3) // 8, P)
    if (v * x * x - u) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert (v * x * x - u) % P == 0, "not on the curve"
    return x, y % P


def test_the_listed_points_are_of_small_order() -> None:
    for data in keys._SMALL_ORDER:
        assert double(double(double(decoded(data)))) == (0, 1)
    assert double(double(double(decoded(_raw(ed25519()))))) != (0, 1)


def _raw(jwk: dict[str, Any]) -> bytes:
    return keys.unb64url(jwk["x"])


@pytest.mark.parametrize("sign", [0, 0x80])
def test_points_of_small_order_are_refused(sign: int) -> None:
    for data in keys._SMALL_ORDER:
        x = b64url(data[:-1] + bytes([data[-1] | sign]))
        with pytest.raises(Malformed):
            keys.read({"kty": "OKP", "crv": "Ed25519", "x": x})


def test_thumbprint_is_that_of_rfc_8037() -> None:
    """RFC 8037, appendix A.3."""
    jwk = {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "kid": "left out",
    }
    assert keys.thumbprint(jwk) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_thumbprint_of_nothing() -> None:
    with pytest.raises(Malformed):
        keys.thumbprint({"kty": "RSA"})
