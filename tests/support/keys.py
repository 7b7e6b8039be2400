"""Keys made in memory, for tests: the port `Signer` without a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

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


def forged(signer: Signer, claims: Any, header: Mapping[str, Any]) -> str:
    """Return a JWS with whatever header and claims, rightly signed; a None is left out."""
    stated = {name: each for name, each in header.items() if each is not None}
    start = ".".join(b64url(json.dumps(part).encode()) for part in (stated, claims))
    return f"{start}.{b64url(signer.sign(start.encode()))}"
