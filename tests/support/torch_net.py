"""The manifest's model in torch: an oracle for what the product computes by other means.

Tests import this where they use it: torch takes seconds to load, also for who only collects tests.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from federated.job import JobManifest
from federated.training.recipes import Arrays, widths

torch.set_num_threads(1)  # others do not wait for the cores that it would take


class DenseNet(nn.Module):
    """The manifest's model; parameters are named as in `recipes.shapes`."""

    def __init__(self, manifest: JobManifest, arrays: Arrays | None = None) -> None:
        super().__init__()
        sizes = widths(manifest)
        self.layers = nn.ModuleList(
            nn.Linear(inputs, outputs) for inputs, outputs in pairwise(sizes)
        )
        self.activation = nn.Tanh() if manifest.model.activation == "tanh" else nn.ReLU()
        if arrays is not None:
            self.load_state_dict({name: torch.tensor(array) for name, array in arrays.items()})

    def forward(self, inputs: Tensor) -> Tensor:
        """Return one logit a row: (…, width) to (…)."""
        values = inputs
        for layer in self.layers[:-1]:
            values = self.activation(layer(values))
        logits: Tensor = self.layers[-1](values)
        return logits.squeeze(-1)
