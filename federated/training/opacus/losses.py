"""The loss of each row in torch, whose derivative by the outputs is that of `exact/losses.py`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import torch
from torch.nn import functional

from federated.task import target as targets
from federated.training.exact.losses import BEND, Loss


def per_row(loss: Loss, outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the loss of each row, (persons, rows).

    Args:
        loss: which one.
        outputs: (persons, rows, outputs).
        labels: (persons, rows).
    """
    return _LOSSES[loss.kind](loss, outputs, labels)


def _binary(_: Loss, outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return functional.binary_cross_entropy_with_logits(outputs[..., 0], labels, reduction="none")


def _classes(_: Loss, outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    chances = functional.log_softmax(outputs, dim=-1)
    return -chances.gather(-1, labels.long()[..., None])[..., 0]


def _number(_: Loss, outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return functional.huber_loss(outputs[..., 0], labels, reduction="none", delta=BEND)


def _count(loss: Loss, outputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return Poisson's loss over the largest count, from which on it is linear."""
    value = outputs[..., 0]
    low = value.clamp(max=math.log(loss.most))
    return (low.exp() + loss.most * (value - low) - labels * value) / loss.most


Each = Callable[[Loss, torch.Tensor, torch.Tensor], torch.Tensor]
_LOSSES: Final[Mapping[str, Each]] = MappingProxyType(
    {
        targets.BINARY: _binary,
        targets.CLASSES: _classes,
        targets.NUMBER: _number,
        targets.COUNT: _count,
    }
)
