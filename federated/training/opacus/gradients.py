r"""Clipped gradients of persons by torch and Opacus, as integers on a public grid, and their sum.

A library's products depend on a row's place in the batch and on how many rows there are, so that
the gradients of a batch are no mechanism (decision record 0036). Here each person is a batch alone,
in the same buffer, shape and thread, so that torch is asked the same question whoever else is
there. What Opacus finds is then rounded to digits of the person's own largest entry, clipped, cut
to integers and added up by `exact/`. Rules: those of `federated/training/engines.py`; a person
whose gradient is not finite says nothing; no randomness of torch or Opacus is used.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import numpy as np
import torch

from federated.training.exact import gradients as exact
from federated.training.exact import selftest
from federated.training.exact.arithmetic import EXACT, Floats, Integers, Scaled, exponent, two
from federated.training.exact.net import Net
from federated.training.opacus.hooks import GradSampleModule
from federated.training.opacus.losses import per_row
from federated.training.opacus.net import Module
from federated.training.rows.entries import Entries

CPU, CUDA = "cpu", "cuda"
_CELLS: Final = 1 << 17  # floats of the vectors of several persons: 1 MiB


class PersonGradients:
    """Sums of the clipped gradients of persons under one model; each person is a batch alone."""

    def __init__(
        self,
        net: Net,
        *,
        clip: float,
        cells: int = _CELLS,
        device: str = CPU,
    ) -> None:
        """Make the module.

        Args:
            net: the model.
            clip: C, what a person's gradient is at most long.
            cells: floats of the vectors of several persons; no sum depends on it.
            device: of torch, see `device`.
        """
        self._net = net
        self._unit = clip / exact.RADIUS
        self._bits = (EXACT - net.parameters.bit_length()) // 2
        self._few = max(1, cells // net.parameters)
        self._module = GradSampleModule(Module(net).double().to(device), loss_reduction="sum")
        self._parameters = list(self._module.parameters())

    def total(self, weights: Sequence[Floats], persons: Entries, batch: Integers) -> list[Integers]:
        """Return the sum of the clipped vectors of a batch, an integer matrix a layer.

        Args:
            weights: of each table and layer, see `Net.shapes`.
            persons: encoded rows.
            batch: indices of persons.
        """
        sums = [np.zeros(matrix.size, np.int64) for matrix in weights]
        for part in self.vectors(weights, persons, batch):
            for layer, vectors in enumerate(part):
                sums[layer] += vectors.astype(np.int64).sum(axis=0)
        return [total.reshape(matrix.shape) for total, matrix in zip(sums, weights, strict=True)]

    def vectors(
        self, weights: Sequence[Floats], persons: Entries, batch: Integers
    ) -> Iterator[list[Floats]]:
        """Return each person's clipped vector, some persons after others.

        Yields:
            (persons, parameters of the layer), for each layer.
        """
        with _one_thread():
            self._load(weights)
            for start in range(0, len(batch), self._few):
                yield self._clipped(self.gradients(persons, batch[start : start + self._few]))

    def _load(self, weights: Sequence[Floats]) -> None:
        matrices = [torch.from_numpy(matrix) for matrix in weights]
        tables = len(self._net.tables)
        with torch.no_grad():
            for table, matrix in zip(self._module.embeddings, matrices[:tables], strict=True):
                table.weight.copy_(matrix)
            for layer, matrix in zip(self._module.layers, matrices[tables:], strict=True):
                layer.weight.copy_(matrix[:, :-1])
                layer.bias.copy_(matrix[:, -1])

    def gradients(self, persons: Entries, few: Integers) -> list[Floats]:
        """Return some persons' gradients, (persons, parameters of the layer) for each layer."""
        rows = tuple(persons.take(few))
        each = zip(*(torch.from_numpy(part.astype(np.float64)) for part in rows), strict=True)
        where = self._parameters[0].device
        alone = [
            torch.zeros(1, *part.shape[1:], dtype=torch.float64, device=where) for part in rows
        ]
        found = [np.empty((len(few), a * b)) for a, b in self._net.shapes()]
        for place, own in enumerate(each):
            with torch.no_grad():
                for buffer, values in zip(alone, own, strict=True):
                    buffer[0] = values
            for part, gradient in zip(found, self._backward(*alone), strict=True):
                part[place] = gradient[0].ravel()
        return found

    def _clipped(self, gradients: Sequence[Floats]) -> list[Floats]:
        """Return the clipped vectors of gradients, which are overwritten.

        A gradient is first written with as many binary digits as keep the sum of its squares exact,
        below a bound of its largest entry.
        """
        largest = np.max([np.abs(part).max(axis=1) for part in gradients], axis=0)
        finite = np.isfinite(largest)
        top = exponent(np.where(finite, largest, 0.0))
        scale = two(self._bits - top)[:, None]
        for part in gradients:
            part[~finite] = 0.0
            np.rint(np.multiply(part, scale, out=part), out=part)
        # As of one row whose input is 1: the gradient is what it says.
        one = Scaled(np.ones((1, 1, 1)), np.zeros(1, np.int64))
        said = [Scaled(part[:, None], top - self._bits) for part in gradients]
        cut = exact.clip(said, [one] * len(said), self._unit, exact.RADIUS)
        return [each[:, 0] for each in cut]

    def _backward(
        self, inputs: torch.Tensor, labels: torch.Tensor, mask: torch.Tensor
    ) -> Iterator[Floats]:
        """Yield what Opacus finds for each person, (persons, out, in) layer by layer."""
        for parameter in self._parameters:
            parameter.grad_sample = None
        inputs.grad = None
        inputs.requires_grad_()  # its hooks see derivatives on their way to the inputs
        losses = per_row(self._net.loss, self._module(inputs), labels) * mask
        losses.sum().backward(inputs=[inputs])
        for table in self._module.embeddings:
            yield table.weight.grad_sample.cpu().numpy()
        for layer in self._module.layers:
            weight, bias = layer.weight.grad_sample, layer.bias.grad_sample
            yield torch.cat([weight, bias[:, :, None]], dim=2).cpu().numpy()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch compute in one thread: how work is divided must not follow the machine's load."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.enable_grad():
            yield
    finally:
        torch.set_num_threads(before)


@functools.cache
def device() -> str:
    """Return `cuda` where there is one that passes the self-test, else `cpu`.

    A node's worker finds none: its sandbox closes the devices.
    """
    if not torch.cuda.is_available():
        return CPU
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # else sums may come in any order
    torch.use_deterministic_algorithms(True)  # noqa: FBT003 - an operation without one raises
    try:
        return CUDA if selftest.steady(_on_cuda) else CPU
    except RuntimeError:  # of the driver, or of an operation
        return CPU


def _on_cuda(net: Net, *, clip: float) -> PersonGradients:
    return PersonGradients(net, clip=clip, device=CUDA)
