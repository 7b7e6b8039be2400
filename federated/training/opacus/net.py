"""A net as a module of torch."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from federated.training.exact.net import Net


class Module(nn.Module):  # type: ignore[misc]  # torch is not read by the type checker
    """The layers of a net; a table of categories is a layer without a bias."""

    def __init__(self, net: Net) -> None:
        """Make the layers."""
        super().__init__()
        self.embeddings = nn.ModuleList(
            self.table(last - first, net.looked_up) for first, last in net.tables
        )
        self.layers = nn.ModuleList(
            nn.Linear(inputs, outputs) for inputs, outputs in pairwise(net.widths)
        )
        self._net = net
        self._plain = torch.from_numpy(net.plain)

    def table(self, values: int, width: int) -> nn.Module:
        """Return the table of a category."""
        return nn.Linear(values, width, bias=False)

    def looked_up(self, table: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
        """Return what a table gives; a category that is not listed sets no input."""
        return table(inputs)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the outputs (…, outputs) for encoded inputs (…, width)."""
        values, net = inputs, self._net
        if net.tables:
            found = [
                self.looked_up(table, inputs[..., first:last])
                for (first, last), table in zip(net.tables, self.embeddings, strict=True)
            ]
            values = torch.cat([inputs[..., self._plain], *found], dim=-1)
        for number, layer in enumerate(self.layers, start=1):
            values = layer(values)
            if number < len(self.layers):
                values = torch.tanh(values) if net.activation == "tanh" else torch.relu(values)
        return values
