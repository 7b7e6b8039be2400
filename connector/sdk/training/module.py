"""A model's net as a module of torch: the only product code that imports torch, on request."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from federated.training import recipes

if TYPE_CHECKING:
    from federated.manifest import JobManifest
    from federated.training.exact.net import Net


class Module(nn.Module):  # type: ignore[misc]  # torch is not read by the type checker
    """The net of a manifest; its parameters have the names of the model file's arrays."""

    def __init__(self, net: Net) -> None:
        """Make the layers."""
        super().__init__()
        self.embeddings = nn.ModuleList(
            nn.Embedding(last - first, net.looked_up) for first, last in net.tables
        )
        self.layers = nn.ModuleList(
            nn.Linear(inputs, outputs) for inputs, outputs in pairwise(net.widths)
        )
        self._net = net

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the outputs (rows, outputs) for encoded inputs (rows, width)."""
        values, net = inputs, self._net
        if net.tables:
            found = [
                inputs[:, first:last] @ table.weight  # a category that is not listed sets no input
                for (first, last), table in zip(net.tables, self.embeddings, strict=True)
            ]
            values = torch.cat([inputs[:, torch.from_numpy(net.plain)], *found], dim=1)
        for number, layer in enumerate(self.layers, start=1):
            values = layer(values)
            if number < len(self.layers):
                values = torch.tanh(values) if net.activation == "tanh" else torch.relu(values)
        return values


def module_of(manifest: JobManifest, arrays: Mapping[str, Any]) -> Module:
    """Return the module of a model."""
    module = Module(recipes.net(manifest))
    module.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    module.eval()
    return module
