r"""The losses of a row: their derivatives by the model's outputs, elementwise and in a fixed order.

With z the outputs and y the label::

    binary    -log p(y),  p = logistic(z)            δ = p - y              |δ| ≤ 1
    classes   -log p_y,   p = softmax(z)             δ_j = p_j - [j = y]    ‖δ‖₂ ≤ √2
    number    Huber's loss of z - y, bend at 2       δ = z - y, within ±2   y in [-1, 1]
    count     (λ - y log λ) / m, λ = exp(z) ≤ m      δ = (λ - y) / m        |δ| ≤ 1

Every derivative is bounded whatever the weights: a residual of a number is cut off at the width of
its range, a rate at the largest count, m. A person's bound does not rest on that, but on the clip.

Rules: those of the package. A sum over classes is added up in their order, row by row, by
elementwise additions: a library's sum along an axis may go another way in another shape.

Sources: Huber 1964; Nelder and Wedderburn 1972 for the Poisson rate as exp of a linear predictor.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from federated.task import target as targets
from federated.task.target import Target
from federated.training.exact import arithmetic
from federated.training.exact.arithmetic import Floats

BEND: Final = 2.0  # of Huber's loss: the width of [-1, 1]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Loss:
    """Which loss, and its public numbers.

    Attributes:
        kind: `binary`, `classes`, `number` or `count`.
        outputs: of the model: 1, or as many as there are classes.
        most: largest count; 0 for other kinds.
    """

    kind: str = targets.BINARY
    outputs: int = 1
    most: int = 0

    @classmethod
    def of(cls, target: Target) -> Loss:
        """Return the loss of a target."""
        most = target.most if isinstance(target, targets.Count) else 0
        return cls(target.loss, target.outputs, most)

    def derivative(self, outputs: Floats, labels: NDArray[np.floating]) -> Floats:
        """Return the derivative of each row's loss by the model's outputs.

        Args:
            outputs: (persons, rows, outputs).
            labels: (persons, rows), as `is_label` allows.
        """
        return _DERIVATIVES[self.kind](self, outputs, labels.astype(np.float64))

    def is_label(self, labels: NDArray[np.floating]) -> Flags:
        """Tell which values are labels; NaN is none."""
        if self.kind == targets.NUMBER:
            near: Flags = np.abs(labels) <= 1
            return near
        most = {targets.BINARY: 1, targets.CLASSES: self.outputs - 1}.get(self.kind, self.most)
        found: Flags = (labels >= 0) & (labels <= most) & (labels == np.rint(labels))
        return found


def _binary(_: Loss, outputs: Floats, labels: Floats) -> Floats:
    """Return logistic(z) - y = s logistic(s z) with s = 1 - 2 y, which cancels nothing."""
    sign = (1.0 - 2.0 * labels)[:, :, None]
    return sign * arithmetic.logistic(sign * outputs)


def _classes(loss: Loss, outputs: Floats, labels: Floats) -> Floats:
    chances = softmax(outputs)
    for place in range(loss.outputs):
        chances[:, :, place] -= labels == place
    return chances


def _number(_: Loss, outputs: Floats, labels: Floats) -> Floats:
    return np.clip(outputs - labels[:, :, None], -BEND, BEND)


def _count(loss: Loss, outputs: Floats, labels: Floats) -> Floats:
    return (rates(outputs, loss.most) - labels[:, :, None]) / loss.most


BINARY: Final = Loss()


def softmax(outputs: Floats) -> Floats:
    """Return the chances of classes, over the last axis."""
    chances = arithmetic.exp(outputs - outputs.max(axis=-1, keepdims=True))
    total = chances[..., 0].copy()
    for place in range(1, outputs.shape[-1]):
        total += chances[..., place]
    chances /= total[..., None]
    return chances


def rates(outputs: Floats, most: int) -> Floats:
    """Return exp of the outputs, at most `most`."""
    return np.minimum(arithmetic.exp(np.minimum(outputs, math.log(most))), float(most))


_DERIVATIVES: Final[Mapping[str, Callable[[Loss, Floats, Floats], Floats]]] = MappingProxyType(
    {
        targets.BINARY: _binary,
        targets.CLASSES: _classes,
        targets.NUMBER: _number,
        targets.COUNT: _count,
    }
)
