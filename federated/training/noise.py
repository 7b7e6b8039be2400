"""Randomness that privacy rests on: normal noise and Poisson samples of persons.

Rules: every bit comes from ChaCha20 (RFC 8439) under a key that the operating system gave, never
from the generator of numpy or torch; nothing here can be seeded; a fork draws another stream than
its parent. Tests bring their own double of the port.

Floating-point normals do not have all values, and which ones they have can betray the sum that
they were added to (Mironov 2012). As Holohan and Braghin (2021) propose, each normal is the sum of
four, divided by 2: to tell which values are possible, one would have to search through the pairs
of four draws instead of one. Draws are float64: whoever adds them rounds to float32 after the
sum, which is post-processing.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Final, Protocol

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from numpy.typing import NDArray

_SUMMED: Final = 4
_STREAM_BYTES: Final = 1 << 36  # far below the 2**38 bytes after which a ChaCha20 counter wraps


class NoiseSource(Protocol):
    """Where an engine takes its randomness from."""

    def gaussian(self, shape: Sequence[int], std: float) -> NDArray[np.float64]:
        """Return independent draws from N(0, std²).

        Args:
            shape: of the array.
            std: standard deviation, >= 0.
        """
        ...

    def poisson_sample(self, size: int, rate: float) -> NDArray[np.int64]:
        """Return the indices below `size` that were drawn, each independently with chance `rate`.

        Args:
            size: how many there are.
            rate: q in [0, 1].
        """
        ...

    def uniform(self, size: int) -> NDArray[np.float64]:
        """Return `size` independent draws from [0, 1), multiples of 2**-53."""
        ...


class SystemNoise:
    """The one source of product code: ChaCha20 keyed by `os.urandom`."""

    def __init__(self) -> None:
        self._rekey()

    def gaussian(self, shape: Sequence[int], std: float) -> NDArray[np.float64]:
        """Return independent draws from N(0, std²); see the module for how."""
        size = int(np.prod(shape, dtype=np.int64))
        pairs = -(-size // 2)
        total = np.zeros(2 * pairs)
        for _ in range(_SUMMED):
            total += self._normals(pairs)
        # Four standard normals have variance 4: half their sum is standard again.
        draws: NDArray[np.float64] = total[:size] * (std / math.sqrt(_SUMMED))
        return draws.reshape(tuple(shape))

    def poisson_sample(self, size: int, rate: float) -> NDArray[np.int64]:
        """Return the indices below `size` that were drawn, in order."""
        return np.flatnonzero(self.uniform(size) < rate).astype(np.int64)

    def uniform(self, size: int) -> NDArray[np.float64]:
        """Return `size` independent draws from [0, 1), multiples of 2**-53."""
        words = np.frombuffer(self._bytes(8 * size), dtype="<u8")
        return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def _normals(self, pairs: int) -> NDArray[np.float64]:
        """Return 2 * `pairs` standard normals (Box and Muller 1958)."""
        # 1 - u lies in (0, 1], so that the logarithm is finite.
        radius = np.sqrt(-2.0 * np.log(1.0 - self.uniform(pairs)))
        angle = 2.0 * np.pi * self.uniform(pairs)
        return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)])

    def _bytes(self, size: int) -> bytes:
        if self._owner != os.getpid() or self._drawn + size > _STREAM_BYTES:
            self._rekey()
        self._drawn += size
        return self._stream.update(bytes(size))

    def _rekey(self) -> None:
        # The first four bytes of the 16 are the block counter, the rest the nonce: from zero.
        cipher = Cipher(ChaCha20(os.urandom(32), bytes(4) + os.urandom(12)), mode=None)
        self._stream: CipherContext = cipher.encryptor()
        self._owner = os.getpid()
        self._drawn = 0
