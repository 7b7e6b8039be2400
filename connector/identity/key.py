"""Public keys as JWK: which ones this node accepts, and their names.

Rules: Ed25519 (RFC 8037) and P-256 only; never a private key, nor one for another use; no Ed25519
point of small order, under which one signature fits many messages and nothing could be held against
its owner; each point in its one spelling.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import import_key
from joserfc.jwk import thumbprint as rfc7638

from connector.errors import Malformed
from connector.jsonld.canonical import unb64url

_MEMBERS: Final = {"OKP": ("kty", "crv", "x"), "EC": ("kty", "crv", "x", "y")}
_ALGORITHMS: Final = {("OKP", "Ed25519"): "Ed25519", ("EC", "P-256"): "ES256"}
_BYTES: Final = 32  # of a coordinate
_PRIMES: Final = {"OKP": 2**255 - 19, "EC": 2**256 - 2**224 + 2**192 + 2**96 - 1}  # of the fields
_PRIVATE: Final = frozenset({"d", "k", "p", "q", "dp", "dq", "qi", "oth"})
# Encodings of the points whose order divides 8, sign bit cleared (RFC 8032 section 5.1.2); the
# last two are spellings past the field's prime.
_SMALL_ORDER: Final = frozenset(
    bytes.fromhex(text)
    for text in (
        "00" * 32,
        "01" + "00" * 31,
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    )
)


class Relationship(StrEnum):
    """What a DID document may allow a key (DID Core, section 5.3)."""

    ASSERTION = "assertionMethod"
    AUTHENTICATION = "authentication"
    INVOCATION = "capabilityInvocation"


def supported(jwk: Mapping[str, Any]) -> bool:
    """Return whether a JWK is of a kind that this node verifies with."""
    return (str(jwk.get("kty")), str(jwk.get("crv"))) in _ALGORITHMS


def algorithm(jwk: Mapping[str, Any]) -> str:
    """Return the one JOSE algorithm of a key.

    Raises:
        Malformed: not a key of a supported kind.
    """
    try:
        return _ALGORITHMS[jwk["kty"], jwk["crv"]]
    except (KeyError, TypeError) as exc:
        raise Malformed("not an Ed25519 or P-256 key") from exc


def read(jwk: Any) -> dict[str, str]:
    """Return the public members of a JWK once it is a sound key.

    Raises:
        Malformed: not a public Ed25519 or P-256 key, of small order, or of another algorithm
            than it says.
    """
    if not isinstance(jwk, dict) or not set(jwk).isdisjoint(_PRIVATE):
        raise Malformed("not a public key")
    expected = algorithm(jwk)
    if jwk.get("alg", expected) != expected or jwk.get("use", "sig") != "sig":
        raise Malformed("the key says another use than its kind has")
    if "key_ops" in jwk and jwk["key_ops"] != ["verify"]:  # RFC 7517 section 4.3
        raise Malformed("the key is for other operations than to verify")
    names = _MEMBERS[jwk["kty"]]
    if not all(isinstance(jwk.get(name), str) for name in names):
        raise Malformed("the key lacks a member")
    public = {name: str(jwk[name]) for name in names}
    _check_point(public)
    return public


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """Return the SHA-256 thumbprint of a public key (RFC 7638), base64url.

    Raises:
        Malformed: not an Ed25519 or P-256 key.
    """
    algorithm(jwk)
    return rfc7638({name: jwk[name] for name in _MEMBERS[jwk["kty"]]})


def _check_point(public: dict[str, str]) -> None:
    try:
        coordinates = [unb64url(public[name]) for name in ("x", "y") if name in public]
        import_key(dict(public))
    except (JoseError, ValueError) as exc:
        raise Malformed("the key is not a point of its curve") from exc
    if public["kty"] == "OKP":
        (point,) = coordinates
        unsigned = point[:-1] + bytes([point[-1] & 0x7F])
        if unsigned in _SMALL_ORDER:
            raise Malformed("the key is of small order")
        coordinates = [unsigned[::-1]]
    prime = _PRIMES[public["kty"]]
    # RFC 8032 section 5.1.3, RFC 7518 section 6.2.1.2: a point has one spelling, or one key would
    # have several names
    if any(len(each) != _BYTES or int.from_bytes(each) >= prime for each in coordinates):
        raise Malformed("the key is not in its canonical spelling")
