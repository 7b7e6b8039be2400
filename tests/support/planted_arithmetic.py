"""Arithmetic that is no longer exact: what libraries do by default, put in place of the product's.

Each plant is a function that takes pytest's `MonkeyPatch`. The results are right within rounding.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from federated.task.target import BINARY
from federated.training.exact import arithmetic, gradients, losses
from federated.training.exact.arithmetic import Floats, Scaled

Plant = Callable[[pytest.MonkeyPatch], None]


def _unscaled(values: Floats, bits: int = 0) -> Scaled:
    """Return values with all their digits, as a layer takes them by default."""
    del bits
    return Scaled(values, np.zeros(len(values), np.int64))


def _unscaled_with_one(values: np.ndarray) -> Scaled:
    ones = np.ones((*values.shape[:2], 1))
    return Scaled(np.concatenate([values, ones], axis=2), np.zeros(1, np.int64))


def _product(multiply: Callable[[Floats, Floats], Floats]) -> Plant:
    """Put a product of whole floats, (rows, in) and (in, out), in place of the exact one."""

    def product(values: Scaled, matrix: Scaled, *, back: bool = False) -> Floats:
        whole, layer = (s.digits * arithmetic.two(s.power)[:, None, None] for s in (values, matrix))
        persons, rows, width = whole.shape
        factor = layer[0, :, :-1] if back else layer[0].T
        return multiply(whole.reshape(persons * rows, width), factor).reshape(persons, rows, -1)

    def plant(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(arithmetic, "scaled", _unscaled)
        patch.setattr(gradients, "scaled", _unscaled)
        patch.setattr(gradients, "within_one", _unscaled_with_one)
        patch.setattr(arithmetic, "product", product)

    return plant


def _linear(dtype: str) -> Plant:
    def multiply(values: Floats, factor: Floats) -> Floats:
        from tests.support.torch_net import torch  # noqa: PLC0415 - loads torch

        one, two = (torch.tensor(each, dtype=getattr(torch, dtype)) for each in (values, factor))
        return np.asarray(torch.matmul(one, two).double().numpy())

    return _product(multiply)


def _by_place(values: Floats, factor: Floats) -> Floats:
    """Add up every other row from the other end, as kernels for blocks of rows do."""
    forward, backward = np.zeros((2, len(values), factor.shape[1]))
    for place in range(len(factor)):
        forward += values[:, place : place + 1] * factor[place]
        backward += values[:, ~place, None] * factor[~place]
    forward[1::2] = backward[1::2]
    return forward


BY_PLACE: Plant = _product(_by_place)


def _cross_entropy(dtype: str) -> Plant:
    """Put torch's backward of binary cross-entropy in place of the elementary derivative."""

    def derivative(_: object, logits: Floats, labels: np.ndarray) -> Floats:
        from tests.support.torch_net import torch  # noqa: PLC0415 - loads torch

        given = torch.tensor(logits, dtype=getattr(torch, dtype), requires_grad=True)
        target = torch.tensor(labels[:, :, None], dtype=getattr(torch, dtype))
        loss = torch.nn.functional.binary_cross_entropy_with_logits
        loss(given, target, reduction="sum").backward()
        assert given.grad is not None
        return np.asarray(given.grad.double().numpy())

    planted = {**losses._DERIVATIVES, BINARY: derivative}
    return lambda patch: patch.setattr(losses, "_DERIVATIVES", planted)


def _sigmoid(dtype: str) -> Plant:
    """Put torch's logistic function in place of ours."""

    def logistic(values: Floats) -> Floats:
        from tests.support.torch_net import torch  # noqa: PLC0415 - loads torch

        given = torch.tensor(values, dtype=getattr(torch, dtype))
        return np.asarray(torch.sigmoid(given).double().numpy())

    return lambda patch: patch.setattr(arithmetic, "logistic", logistic)


PLANTS: dict[str, Plant] = {
    "order by place": BY_PLACE,
    **{
        f"{name}, {dtype}": make(dtype)
        for name, make in (
            ("plain linear", _linear),
            ("plain cross-entropy", _cross_entropy),
            ("plain activation", _sigmoid),
        )
        for dtype in ("float32", "float64")
    },
}
