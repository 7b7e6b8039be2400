"""Keys made in memory, for tests: the port `Signer` without a file."""

from __future__ import annotations

from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

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
