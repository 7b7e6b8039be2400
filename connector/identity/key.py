"""Public keys as JWK: which ones this node accepts, and their names.

Rules: Ed25519 (RFC 8037) and P-256 for nodes of this kind, P-384 and RSA too for those of others,
whose signatures are only verified; never a private key, nor one for another use; no Ed25519 point
of small order, under which one signature fits many messages and nothing could be held against its
owner; each point in its one spelling; no RSA modulus below 2048 bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import import_key
from joserfc.jwk import thumbprint as rfc7638

from connector.errors import Malformed
from connector.jsonld.canonical import unb64url

_MEMBERS: Final = {
    "OKP": ("kty", "crv", "x"),
    "EC": ("kty", "crv", "x", "y"),
    "RSA": ("kty", "n", "e"),
}
# The algorithms of a kind of key (RFC 7518 section 3.1); an RSA key may say which of them is its.
_ALGORITHMS: Final = {
    ("OKP", "Ed25519"): ("Ed25519",),
    ("EC", "P-256"): ("ES256",),
    ("EC", "P-384"): ("ES384",),
    ("RSA", None): ("RS256", "PS256", "RS384", "PS384", "RS512", "PS512"),
}
# What headers and keys call an algorithm; the first is what this node writes (RFC 9864, RFC 8037).
NAMES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        **{name: (name,) for names in _ALGORITHMS.values() for name in names},
        "Ed25519": ("Ed25519", "EdDSA"),
    }
)
# Of the fields; how many bytes a coordinate has.
_FIELDS: Final = {
    "Ed25519": (2**255 - 19, 32),
    "P-256": (2**256 - 2**224 + 2**192 + 2**96 - 1, 32),
    "P-384": (2**384 - 2**128 - 2**96 + 2**32 - 1, 48),
}
_RSA_BITS: Final = (2048, 4096)  # NIST SP 800-131A; above, a signature costs more than it proves
_EXPONENTS: Final = (3, 2**32)
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
    return _kind(jwk) in _ALGORITHMS


def algorithms(jwk: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the JOSE algorithms that a key may be used with.

    Raises:
        Malformed: not a key of a supported kind.
    """
    found = _ALGORITHMS.get(_kind(jwk))
    if found is None:
        raise Malformed("not an Ed25519, P-256, P-384 or RSA key")
    stated = jwk.get("alg")
    return tuple(name for name in found if stated is None or stated in NAMES[name])


def algorithm(jwk: Mapping[str, Any]) -> str:
    """Return the one JOSE algorithm of a key; of an RSA key that leaves it open, the first.

    Raises:
        Malformed: not a key of a supported kind, or of another algorithm than it says.
    """
    found = algorithms(jwk)
    if not found:
        raise Malformed("the key states a use that keys of its type do not have")
    return found[0]


def read(jwk: Any) -> dict[str, str]:
    """Return the public members of a JWK once it is a sound key.

    Raises:
        Malformed: not a public key of a supported kind, of small order, too short or too long, or
            of another algorithm than it says.
    """
    if not isinstance(jwk, dict) or not set(jwk).isdisjoint(_PRIVATE):
        raise Malformed("not a public key")
    algorithm(jwk)
    if jwk.get("use", "sig") != "sig":
        raise Malformed("the key states a use that keys of its type do not have")
    if "key_ops" in jwk and jwk["key_ops"] != ["verify"]:  # RFC 7517 section 4.3
        raise Malformed("the key may not be used to verify")
    names = _MEMBERS[jwk["kty"]]
    if not all(isinstance(jwk.get(name), str) for name in names):
        raise Malformed("the key lacks a member")
    public = {name: str(jwk[name]) for name in names}
    if public["kty"] != "RSA":
        _check_point(public)
        return public
    _check_modulus(public)
    return public | ({"alg": str(jwk["alg"])} if "alg" in jwk else {})


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """Return the SHA-256 thumbprint of a public key (RFC 7638), base64url.

    Raises:
        Malformed: not a key of a supported kind.
    """
    algorithm(jwk)
    try:
        return _thumbprint(tuple((name, jwk[name]) for name in _MEMBERS[jwk["kty"]]))
    except KeyError as exc:
        raise Malformed("the key lacks a member") from exc


@lru_cache(maxsize=512)
def _thumbprint(members: tuple[tuple[str, str], ...]) -> str:
    return rfc7638(dict(members))


def _kind(jwk: Mapping[str, Any]) -> tuple[str, str | None]:
    kind, curve = jwk.get("kty"), jwk.get("crv")
    return str(kind), None if curve is None else str(curve)


def _check_modulus(public: dict[str, str]) -> None:
    try:
        modulus, exponent = (unb64url(public[name]) for name in ("n", "e"))
    except ValueError as exc:
        raise Malformed("the key is not an RSA key") from exc
    least, most = _RSA_BITS
    if not least <= int.from_bytes(modulus).bit_length() <= most:
        raise Malformed(f"an RSA key must be of {least} to {most} bits")
    low, high = _EXPONENTS
    if not low <= int.from_bytes(exponent) < high or exponent[-1] % 2 == 0:
        raise Malformed("the exponent of the RSA key is even, too small or too large")
    # RFC 7518 section 6.3.1: no leading zeros, or one key would have several names
    if modulus[0] == 0 or exponent[0] == 0:
        raise Malformed("the key is not in its canonical encoding")


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
    prime, size = _FIELDS[public["crv"]]
    # RFC 8032 section 5.1.3, RFC 7518 section 6.2.1.2: a point has one spelling, or one key would
    # have several names
    if any(len(each) != size or int.from_bytes(each) >= prime for each in coordinates):
        raise Malformed("the key is not in its canonical encoding")
