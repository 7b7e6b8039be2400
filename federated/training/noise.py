"""Randomness that privacy rests on: discrete Gaussian noise and Poisson samples of persons.

Rules: every bit comes from ChaCha20 (RFC 8439) under a key that the operating system gave, never
from the generator of a library; nothing here can be seeded; a fork draws another stream than its
parent. Tests bring their own double of the port.

Noise is integers, drawn exactly, since floating-point normals do not have all values, and which
ones they have can betray the sum that they were added to (Mironov 2012). Its deviation is one
public number for every job: the grid of the sums is chosen to fit, see `engine.py`.
"""

from __future__ import annotations

import os
from typing import Final, Protocol

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import ChaCha20
from numpy.typing import NDArray

from federated.training.exact.gaussian import discrete_gaussian

BITS: Final = 22
DEVIATION: Final = 1 << BITS
_WORDS: Final = 1 << 16  # of a sample that are held at once
_AT_ONCE: Final = 1 << 14  # draws made together: a single one costs as much as some hundred
_STREAM_BYTES: Final = 1 << 36  # far below the 2**38 bytes after which a ChaCha20 counter wraps


class NoiseSource(Protocol):
    """Where an engine takes its randomness from."""

    def gaussian(self, size: int) -> NDArray[np.int64]:
        """Return independent draws from the discrete Gaussian N_Z(0, DEVIATION²)."""
        ...

    def poisson_sample(self, size: int, rate: float) -> NDArray[np.int64]:
        """Return the indices below `size` that were drawn, each independently with chance `rate`.

        Args:
            size: how many there are.
            rate: q in [0, 1].
        """
        ...


class SystemNoise:
    """The one source of product code: ChaCha20 keyed by `os.urandom`."""

    def __init__(self) -> None:
        self._ready = np.empty(0, np.int64)
        self._rekey()

    def gaussian(self, size: int) -> NDArray[np.int64]:
        """Return independent draws from the discrete Gaussian N_Z(0, DEVIATION²)."""
        self._follow_fork()
        parts = [self._ready]
        while sum(map(len, parts)) < size:
            parts.append(discrete_gaussian(self.words, BITS, _AT_ONCE))
        drawn = np.concatenate(parts)
        self._ready = drawn[size:]
        return drawn[:size]

    def poisson_sample(self, size: int, rate: float) -> NDArray[np.int64]:
        """Return the indices below `size` that were drawn, in order.

        The chance is `rate` rounded down to a multiple of 2**-64, never more.
        """
        if rate >= 1:
            return np.arange(size)
        below, parts = np.uint64(int(rate * 2.0**64)), [np.empty(0, np.int64)]
        for start in range(0, size, _WORDS):
            words = self.words(min(_WORDS, size - start))
            parts.append(start + np.flatnonzero(words < below))
        return np.concatenate(parts)

    def words(self, size: int) -> NDArray[np.uint64]:
        """Return `size` independent uniform words of 64 bits."""
        self._follow_fork()
        if self._drawn + 8 * size > _STREAM_BYTES:
            self._rekey()
        self._drawn += 8 * size
        return np.frombuffer(self._stream.update(bytes(8 * size)), dtype="<u8")

    def _follow_fork(self) -> None:
        if self._owner != os.getpid():
            self._rekey()

    def _rekey(self) -> None:
        # The first four bytes of the 16 are the block counter, the rest the nonce: from zero.
        cipher = Cipher(ChaCha20(os.urandom(32), bytes(4) + os.urandom(12)), mode=None)
        self._stream: CipherContext = cipher.encryptor()
        self._owner = os.getpid()
        self._drawn = 0
        self._ready = np.empty(0, np.int64)  # what was drawn before a fork is the parent's
