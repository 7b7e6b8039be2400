r"""Clipped gradients of persons, as integers on a public grid, and their sum.

The model is a `net.Net`, the loss of a row one of `losses.py`. With a the inputs of a layer (and a
1 for the bias), δ the derivative by its outputs, C the clip::

    g_i = Σ_{rows r of i} δ_r ⊗ a_r          one person's gradient, all layers together
    v_i = trunc(min(1, C / ‖g_i‖₂) g_i / Γ)  integers, ‖v_i‖₂ ≤ C / Γ
    Σ_i v_i                                  exact, in any order

Truncation towards zero never lengthens a vector. The norm is exact before its square root, since
the squares of all parameters add up to less than 2**53. A table of categories is a layer without a
bias, whose inputs are zeros but for one 1: what it gives is one of its columns, exactly, and so is
its gradient an outer product like the others. Rules: those of the package; `clip` is the only place
that bounds a person.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from federated.training.exact import arithmetic
from federated.training.exact.arithmetic import (
    EXACT,
    Floats,
    Integers,
    Scaled,
    exponent,
    scaled,
    two,
)
from federated.training.exact.net import Net
from federated.training.rows.encode import Persons

_CELLS: Final = 1 << 17  # floats of an array of several persons: 1 MiB, which a cache holds
_DOWN: Final = 1 - 2.0**-50  # keeps a factor below its bound, however its products are rounded


@dataclass(frozen=True, slots=True)
class Trace:
    """What persons say to each layer, from the first to the last.

    Attributes:
        values: inputs of the layer and a 1, (persons, rows, in + 1); of a table, its inputs.
        deltas: derivative of the loss by the layer's outputs, (persons, rows, out).
        digits: `values`, scaled.
    """

    values: list[Floats]
    deltas: list[Floats]
    digits: list[Scaled]


class Gradients:
    """Sums of the clipped gradients of persons under one model."""

    def __init__(
        self,
        net: Net,
        rows: int,
        *,
        radius: float,
        unit: float,
        cells: int = _CELLS,
    ) -> None:
        """Keep the model and the grid.

        Args:
            net: the model.
            rows: of each person, at most 1,000.
            radius: C / Γ, what a person's vector is at most long, in units; at most 2**26.
            unit: Γ, what one unit is worth.
            cells: floats of an array of several persons; no sum depends on it.
        """
        self._net = net
        self._plain = net.plain
        self._tanh = net.activation == "tanh"
        self._radius = radius
        self._unit = unit
        self._bits = (EXACT - net.parameters.bit_length()) // 2
        self._few = max(1, cells // net.parameters)
        self._chunk = max(1, cells // (rows * net.units))

    def total(self, weights: Sequence[Floats], persons: Persons, batch: Integers) -> list[Integers]:
        """Return the sum of the clipped vectors of a batch, an integer matrix a layer.

        Args:
            weights: of each table and layer, see `Net.shapes`.
            persons: encoded rows.
            batch: indices of persons.
        """
        matrices = [arithmetic.weights(matrix) for matrix in weights]
        sums = [np.zeros(matrix.size, np.int64) for matrix in weights]
        for start in range(0, len(batch), self._chunk):
            trace = self.trace(matrices, persons, batch[start : start + self._chunk])
            for part in self.vectors(trace):
                for layer, vectors in enumerate(part):
                    sums[layer] += (np.ones(len(vectors)) @ vectors).astype(np.int64)
        return [total.reshape(matrix.shape) for total, matrix in zip(sums, weights, strict=True)]

    def outputs(self, weights: Sequence[Floats], persons: Persons) -> Floats:
        """Return the outputs for each row, (persons, rows, outputs), whoever else is there.

        Args:
            weights: of each table and layer, see `Net.shapes`.
            persons: encoded rows, of at least one person.
        """
        matrices = [arithmetic.weights(matrix) for matrix in weights]
        starts = range(0, len(persons), self._chunk)
        batches = (np.arange(start, min(start + self._chunk, len(persons))) for start in starts)
        return np.concatenate([self._forward(matrices, persons, each)[2] for each in batches])

    def trace(self, matrices: Sequence[Scaled], persons: Persons, batch: Integers) -> Trace:
        """Return what the persons of a batch say to each layer.

        Args:
            matrices: weights of each table and layer, scaled.
            persons: encoded rows.
            batch: indices of persons.
        """
        values, digits, outputs = self._forward(matrices, persons, batch)
        tables = len(self._net.tables)
        layers, dense = matrices[tables:], values[tables:]
        slope = self._net.loss.derivative(outputs, persons.labels[batch])
        deltas = [slope * persons.mask[batch][:, :, None]]
        for matrix, below in zip(layers[:0:-1], dense[:0:-1], strict=True):
            delta = arithmetic.product(scaled(deltas[-1]), matrix, back=True)
            deltas.append(self._times_slope(delta, below[:, :, :-1]))
        looked_up = self._by_tables(deltas[-1], layers[0])
        return Trace(values, [*looked_up, *deltas[::-1]], digits)

    def _forward(
        self, matrices: Sequence[Scaled], persons: Persons, batch: Integers
    ) -> tuple[list[Floats], list[Scaled], Floats]:
        """Return the inputs of each table and layer, the same scaled, and the outputs."""
        inputs = persons.inputs[batch]
        picked = [inputs[:, :, a:b].astype(np.float64) for a, b in self._net.tables]
        said = [scaled(each) for each in picked]
        tables, layers = matrices[: len(picked)], matrices[len(picked) :]
        if picked:
            found = (arithmetic.product(*pair) for pair in zip(said, tables, strict=True))
            inputs = np.concatenate([inputs[:, :, self._plain], *found], axis=2)
        values, digits = [_with_one(inputs)], []
        for number, matrix in enumerate(layers, start=1):
            digits.append(scaled(values[-1]))
            outputs = arithmetic.product(digits[-1], matrix)
            if number < len(layers):
                values.append(_with_one(self._activation(outputs)))
        return [*picked, *values], [*said, *digits], outputs

    def _by_tables(self, delta: Floats, layer: Scaled) -> list[Floats]:
        """Return the derivative by what each table gives."""
        if not self._net.tables:
            return []
        back = arithmetic.product(scaled(delta), layer, back=True)
        starts = range(len(self._plain), back.shape[2], self._net.looked_up)
        return [back[:, :, start : start + self._net.looked_up] for start in starts]

    def vectors(self, trace: Trace) -> Iterator[list[Floats]]:
        """Return each person's clipped vector, some persons after others.

        A person's gradient is first written with as many binary digits as keep the sum of its
        squares exact, below a bound of its largest entry.

        Yields:
            (persons, parameters of the layer), for each layer.
        """
        said = [scaled(delta) for delta in trace.deltas]
        pairs = list(zip(said, trace.digits, strict=True))
        # Integers: no entry of Σ_r δ_r ⊗ a_r passes Σ_r max|δ_r| max|a_r|.
        bounds = [(delta.largest * values.largest).sum(1) for delta, values in pairs]
        powers = [delta.power + values.power for delta, values in pairs]
        top = np.max([p + exponent(b) for p, b in zip(powers, bounds, strict=True)], axis=0)
        scales = [two(power + self._bits - top)[:, None, None] for power in powers]
        units = two(top - self._bits) / self._unit
        for start in range(0, len(units), self._few):
            few = slice(start, start + self._few)
            gradients = [
                _outer(delta.digits[few] * scale[few], values.digits[few])
                for (delta, values), scale in zip(pairs, scales, strict=True)
            ]
            yield clip([np.rint(g, out=g) for g in gradients], units[few], self._radius)

    def _activation(self, outputs: Floats) -> Floats:
        return arithmetic.tanh(outputs) if self._tanh else np.maximum(outputs, 0.0)

    def _times_slope(self, delta: Floats, values: Floats) -> Floats:
        delta *= 1.0 - values * values if self._tanh else values > 0.0
        return delta


def clip(gradients: Sequence[Floats], scale: Floats, radius: float) -> list[Floats]:
    """Return vectors of integers no longer than `radius`, all parts of a person together.

    Args:
        gradients: (persons, parameters) of each layer, integers; overwritten.
        scale: (persons,), units that one digit of a person is worth.
        radius: most length of a person's vector.
    """
    squares = np.zeros(len(scale))
    for part in gradients:
        squares += np.einsum("pi,pi->p", part, part)  # exact: all of it stays below 2**53
    norm = np.sqrt(np.maximum(squares, 1.0))  # a person without rows: zero times anything
    factor = np.minimum(scale, radius / norm) * _DOWN
    for part in gradients:
        np.multiply(part, factor[:, None], out=part)
        np.trunc(part, out=part)
    return list(gradients)


def _with_one(values: NDArray[np.floating]) -> Floats:
    result = np.ones((*values.shape[:2], values.shape[2] + 1))
    result[:, :, :-1] = values
    return result


def _outer(delta: Floats, values: Floats) -> Floats:
    """Return Σ_rows δ ⊗ a of each person, (persons, out * in): below 2**52 with 1,000 rows."""
    outer: Floats
    if delta.shape[1] == 1:  # three times as fast as a product over one row
        outer = np.einsum("pi,pj->pij", delta[:, 0], values[:, 0])
    else:
        outer = np.matmul(delta.transpose(0, 2, 1), values)
    return outer.reshape(len(delta), -1)
