"""The shape of a net: tables of categories, where there are any, dense layers, and a loss."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from federated.training.exact.losses import BINARY, Loss

Places = tuple[int, int]  # of the inputs of a category: the first, and the one behind the last


@dataclass(frozen=True, slots=True)
class Net:
    """A net; its parameters are a matrix (out, in) a table, then (out, in + 1) a dense layer.

    Attributes:
        widths: of the dense layers, from what the first one takes to the outputs.
        activation: `tanh` or `relu`, of hidden layers.
        loss: of a row.
        tables: the inputs that each table looks up, in order, at most one of them 1, the others 0.
        looked_up: width of what a table gives; 0 without tables.
        inputs: encoded inputs; without tables those of the first layer.
    """

    widths: tuple[int, ...]
    activation: str = "tanh"
    loss: Loss = BINARY
    tables: tuple[Places, ...] = ()
    looked_up: int = 0
    inputs: int = 0

    def shapes(self) -> Iterator[tuple[int, int]]:
        """Yield the shape of each matrix, tables first; a dense layer's bias is its last column."""
        for first, last in self.tables:
            yield self.looked_up, last - first
        for inputs, outputs in pairwise(self.widths):
            yield outputs, inputs + 1

    @property
    def parameters(self) -> int:
        """Entries of all matrices."""
        return sum(outputs * inputs for outputs, inputs in self.shapes())

    @property
    def encoded(self) -> int:
        """Inputs of a row, as it is encoded."""
        return self.inputs or self.widths[0]

    @property
    def units(self) -> int:
        """Floats that a row takes on its way through the net."""
        return sum(self.widths) + (self.inputs if self.tables else 0)

    @property
    def plain(self) -> NDArray[np.int64]:
        """Inputs that no table looks up, in order: the first ones that the first layer takes."""
        looked_up = [np.arange(first, last) for first, last in self.tables]
        return np.setdiff1d(np.arange(self.inputs), np.concatenate(looked_up or [np.arange(0)]))
