"""Keys that two sites agree on, and what they mask with them.

Rules: a key is of one pair, by their names, and of one context, which names session, sites, their
keys and all that the vector is of; whoever shows two sites different contexts gets noise. Whose a
public key is the caller verifies before: an unverified one is whoever's who relays it. The names
are in the key, so that a site that gives another's key for its own does not cancel that one's mask.
Sources: RFC 7748 (X25519), RFC 5869 (HKDF), RFC 8439 (ChaCha20).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from federated.aggregation.ring import BYTES, MODULUS
from federated.errors import StatisticUnfit

KEY_BYTES: Final = 32
_INFO: Final = b"preau pairwise mask 1\n"
_NONCE: Final = bytes(16)  # a key is used once


@dataclass(frozen=True, slots=True)
class Side:
    """A mask as one of its two sites applies it.

    Attributes:
        key: 32 bytes, of the pair and the round.
        adds: whether this site adds the mask; the other subtracts it.
    """

    key: bytes
    adds: bool


def public_key(secret: bytes) -> bytes:
    """Return the public key of 32 secret bytes."""
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def agreed(secret: bytes, public: bytes) -> bytes:
    """Return what a pair of sites share in a session.

    Args:
        secret: own, 32 bytes.
        public: the other's key, verified.

    Raises:
        StatisticUnfit: the key is none, or fixes what is shared whatever ours is.
    """
    own = X25519PrivateKey.from_private_bytes(secret)
    try:
        return own.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as exc:
        raise StatisticUnfit("a site's key is not an X25519 key") from exc


def side(shared: bytes, own: str, other: str, context: bytes) -> Side:
    """Return the mask of a pair of sites in a round.

    Args:
        shared: as `agreed` returns it.
        own: name of this site.
        other: name of the other one.
        context: digest of all that the round is about.
    """
    pair = "\n".join(sorted((own, other))).encode()
    key = HKDF(SHA256(), KEY_BYTES, salt=context, info=_INFO + pair).derive(shared)
    return Side(key, adds=own < other)


def masked(vector: Sequence[int], sides: Iterable[Side]) -> list[int]:
    """Return a vector under the masks of a site; each key is for this vector alone."""
    found = list(vector)
    for side in sides:
        stream = Cipher(ChaCha20(side.key, _NONCE), mode=None).encryptor()
        drawn = stream.update(bytes(BYTES * len(found)))
        for at in range(len(found)):
            mask = int.from_bytes(drawn[BYTES * at : BYTES * (at + 1)], "little")
            found[at] = (found[at] + (mask if side.adds else -mask)) % MODULUS
    return found
