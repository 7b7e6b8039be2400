r"""Sums over sites of which nobody sees one site's own: fixed-point vectors under pairwise masks.

Pure: no site, no contract, no randomness. Bonawitz et al. 2017 (CCS), section 4, without their
recovery of dropouts: a site that is missing ends the round.

1. A site's vector is whole numbers of 2⁻⁶⁴ in the ring of 2¹²⁸ (`ring.py`).
2. Each pair of sites shares a secret, X25519 of their keys of the session, and for each round a key
   of it: HKDF-SHA256 of their names, salted with the digest of all that the round is about.
   ChaCha20 under that key is their mask, which one of them adds and the other subtracts
   (`masks.py`). One key masks one vector, ever.
3. The sum of all masked vectors is the sum of the vectors. Any fewer are uniform in the ring.

What sums of different sets, rows and points would tell together is refused by `sets.py`.
"""

from __future__ import annotations

from federated.aggregation.masks import KEY_BYTES, Side, agreed, masked, public_key, side
from federated.aggregation.ring import (
    BYTES,
    MOST_AMOUNT,
    MOST_SITES,
    counted,
    decoded,
    encoded,
    narrowed,
    spelled,
    total,
    unspelled,
)
from federated.aggregation.sets import LEAST_SITES, Left, triangle, why_not

__all__ = [
    "BYTES",
    "KEY_BYTES",
    "LEAST_SITES",
    "MOST_AMOUNT",
    "MOST_SITES",
    "Left",
    "Side",
    "agreed",
    "counted",
    "decoded",
    "encoded",
    "masked",
    "narrowed",
    "public_key",
    "side",
    "spelled",
    "total",
    "triangle",
    "unspelled",
    "why_not",
]
