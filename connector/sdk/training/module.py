"""A model's net as a module of torch, on request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from federated.training import recipes
from federated.training.opacus import net

if TYPE_CHECKING:
    from federated.manifest import JobManifest


class Module(net.Module):
    """The net of a manifest; its parameters have the names of the model file's arrays."""

    def table(self, values: int, width: int) -> nn.Module:
        """Return the table of a category."""
        return nn.Embedding(values, width)

    def looked_up(self, table: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
        """Return what a table gives; a category that is not listed sets no input."""
        return inputs @ table.weight


def module_of(manifest: JobManifest, arrays: Mapping[str, Any]) -> Module:
    """Return the module of a model."""
    module = Module(recipes.net(manifest))
    module.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    module.eval()
    return module
