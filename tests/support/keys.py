"""Keys made in memory, for tests: the port `Signer` without a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    SECP384R1,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from connector.identity.jws import Signer
from connector.jsonld.canonical import b64url


class MemorySigner:
    """An Ed25519 key of a DID; a fresh one each time unless 32 bytes of `seed` are given."""

    def __init__(self, did: str, fragment: str = "key-1", seed: bytes | None = None) -> None:
        self.did = did
        self._key_id = f"{did}#{fragment}"
        self._key = (
            Ed25519PrivateKey.generate()
            if seed is None
            else Ed25519PrivateKey.from_private_bytes(seed)
        )

    @property
    def key_id(self) -> str:
        return self._key_id

    @property
    def public_jwk(self) -> Mapping[str, str]:
        raw = self._key.public_key().public_bytes_raw()
        return {"kty": "OKP", "crv": "Ed25519", "alg": "Ed25519", "x": b64url(raw)}

    def sign(self, payload: bytes) -> bytes:
        return self._key.sign(payload)


class MemoryEcSigner:
    """A fresh P-256 key of a DID, as many other implementations have one."""

    def __init__(self, did: str, fragment: str = "key-1") -> None:
        self.did, self.key_id = did, f"{did}#{fragment}"
        self._key = generate_private_key(SECP256R1())

    @property
    def public_jwk(self) -> Mapping[str, str]:
        found = self._key.public_key().public_numbers()
        x, y = (b64url(each.to_bytes(32, "big")) for each in (found.x, found.y))
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y}

    def sign(self, payload: bytes) -> bytes:
        pair = decode_dss_signature(self._key.sign(payload, ECDSA(SHA256())))
        return b"".join(each.to_bytes(32, "big") for each in pair)


class ForeignSigner:
    """A fresh key such as only other implementations have: `ES384`, `RS256` or `PS256`."""

    def __init__(self, did: str, name: str, fragment: str = "key-1") -> None:
        self.did, self.key_id, self.name = did, f"{did}#{fragment}", name
        self._elliptic = generate_private_key(SECP384R1()) if name == "ES384" else None
        self._key = None if self._elliptic else rsa.generate_private_key(65537, 2048)

    @property
    def public_jwk(self) -> Mapping[str, str]:
        if self._elliptic is not None:
            point = self._elliptic.public_key().public_numbers()
            x, y = (b64url(each.to_bytes(48, "big")) for each in (point.x, point.y))
            return {"kty": "EC", "crv": "P-384", "x": x, "y": y}
        assert self._key is not None
        found = self._key.public_key().public_numbers()
        return {"kty": "RSA", "n": b64url(found.n.to_bytes(256, "big")), "e": "AQAB"}

    def sign(self, payload: bytes) -> bytes:
        if self._elliptic is not None:
            pair = decode_dss_signature(self._elliptic.sign(payload, ECDSA(SHA384())))
            return b"".join(each.to_bytes(48, "big") for each in pair)
        assert self._key is not None
        pss = padding.PSS(padding.MGF1(SHA256()), padding.PSS.DIGEST_LENGTH)
        scheme = pss if self.name == "PS256" else padding.PKCS1v15()
        return self._key.sign(payload, scheme, SHA256())


def forged(signer: Signer, claims: Any, header: Mapping[str, Any]) -> str:
    """Return a JWS with whatever header and claims, rightly signed; a None is left out."""
    stated = {name: each for name, each in header.items() if each is not None}
    start = ".".join(b64url(json.dumps(part).encode()) for part in (stated, claims))
    return f"{start}.{b64url(signer.sign(start.encode()))}"
