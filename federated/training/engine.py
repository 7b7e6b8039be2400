"""DP-SGD at one site, with Opacus: what is clipped, sampled and protected is the person.

One Opacus sample is one person with all rows. Per step::

    S ~ Poisson(q) over persons
    g = Σ_{i in S} clip_C( ∇ Σ_{rows r of i} loss_r ) + N(0, (σ C)² I)
    w ← w - η g / (q N)

N is the population that the contract declares, so that neither the number of steps nor a scale
follows the rows at hand. Rules: sampling and noise come from a `NoiseSource`, never from torch's
generator; noise is added in float64 and rounded once; a person whose gradient is not finite adds
nothing, since what is not finite cannot be clipped; each step computes a batch of the same public
size, filled up with empty persons, so that its time and memory follow no row. Nothing but the
arrays leaves.

Source: Abadi et al. 2016, algorithm 1; McMahan et al. 2018 for the person as the unit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import torch
from opacus.grad_sample import GradSampleModule
from opacus.optimizers import DPOptimizer
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from federated.manifest import JobManifest
from federated.training.encode import Floats, Persons
from federated.training.noise import NoiseSource
from federated.training.recipes import Arrays, shapes, widths

_MOST_FLOATS: Final = 16 * 1024 * 1024  # of per-person gradients held at once: 64 MiB
_MOST_PERSONS: Final = 2048  # computed at once
_DEVIATIONS: Final = 6.5  # a Poisson sample lies further above its mean with a chance below 1e-9


@dataclass(frozen=True, slots=True)
class Mechanism:
    """The public numbers of one step.

    Attributes:
        learning_rate: η.
        noise_multiplier: σ.
        sampling_rate: q.
        clip: C.
        population: N, persons as declared in the contract.
    """

    learning_rate: float
    noise_multiplier: float
    sampling_rate: float
    clip: float
    population: int

    @property
    def expected_batch(self) -> float:
        """Return q N, what a step divides by."""
        return self.sampling_rate * self.population

    @property
    def batch_size(self) -> int:
        """Entries that every step computes, drawn persons and empty ones together."""
        spread = math.sqrt(self.expected_batch * (1 - self.sampling_rate))
        return math.ceil(self.expected_batch + _DEVIATIONS * spread)


class DenseNet(nn.Module):
    """The manifest's model; parameters are named as in `recipes.shapes`."""

    def __init__(self, manifest: JobManifest) -> None:
        super().__init__()
        sizes = widths(manifest)
        self.layers = nn.ModuleList(
            nn.Linear(inputs, outputs) for inputs, outputs in pairwise(sizes)
        )
        self.activation = nn.Tanh() if manifest.model.activation == "tanh" else nn.ReLU()

    def forward(self, inputs: Tensor) -> Tensor:
        """Return one logit a row: (…, width) to (…)."""
        values = inputs
        for layer in self.layers[:-1]:
            values = self.activation(layer(values))
        logits: Tensor = self.layers[-1](values)
        return logits.squeeze(-1)


class PersonOptimizer(DPOptimizer):  # type: ignore[misc]  # Opacus ships no types
    """Opacus's optimizer, with noise from a `NoiseSource` and without what is not finite."""

    def __init__(self, net: nn.Module, mechanism: Mechanism, source: NoiseSource) -> None:
        super().__init__(
            torch.optim.SGD(net.parameters(), lr=mechanism.learning_rate),
            noise_multiplier=mechanism.noise_multiplier,
            max_grad_norm=mechanism.clip,
            # With loss_reduction="sum" Opacus would divide neither gradient nor noise.
            expected_batch_size=mechanism.expected_batch,
            loss_reduction="mean",
        )
        self._source = source

    def clip_and_accumulate(self) -> None:
        """Clip each person's gradient and add them up; one that is not finite counts as zero."""
        finite = torch.stack([g.isfinite().flatten(1).all(1) for g in self.grad_samples]).all(0)
        for parameter in self.params:
            parameter.grad_sample[~finite] = 0.0
        super().clip_and_accumulate()

    def add_noise(self) -> None:
        """Add the noise in float64; rounding the sum to float32 is post-processing."""
        for parameter in self.params:
            noise = self._source.gaussian(
                parameter.shape, self.noise_multiplier * self.max_grad_norm
            )
            noised = parameter.summed_grad.double() + torch.from_numpy(noise)
            parameter.grad = noised.to(parameter.dtype)


class Engine:
    """Trains one site's model, a round at a time. Holds the private rows; gives arrays only."""

    def __init__(
        self, manifest: JobManifest, population: int, persons: Persons, source: NoiseSource
    ) -> None:
        """Prepare the net.

        Args:
            manifest: of the job.
            population: N of this site's contract.
            persons: encoded rows.
            source: of sampling and noise.
        """
        privacy = manifest.privacy
        self._mechanism = Mechanism(
            learning_rate=manifest.learning_rate,
            noise_multiplier=privacy.noise_multiplier,
            sampling_rate=privacy.sampling_rate,
            clip=privacy.clip,
            population=population,
        )
        self._steps = manifest.steps_per_round
        self._names = tuple(shapes(manifest))
        self._persons = len(persons)
        self._inputs, self._labels, self._mask = map(
            _with_empty, (persons.inputs, persons.labels, persons.mask)
        )
        self._net = DenseNet(manifest)
        self._wrapped = GradSampleModule(self._net, loss_reduction="sum")
        self._optimizer = PersonOptimizer(self._net, self._mechanism, source)
        self._source = source
        floats = sum(parameter.numel() for parameter in self._net.parameters())
        self._chunk = max(1, min(_MOST_PERSONS, _MOST_FLOATS // floats))

    def run(self, arrays: Arrays) -> Arrays:
        """Return the arrays after one round of steps, noised.

        Args:
            arrays: checked by `recipes.check`.
        """
        self._load(arrays)
        for _ in range(self._steps):
            drawn = self._source.poisson_sample(self._persons, self._mechanism.sampling_rate)
            self._step(torch.from_numpy(drawn))
        state = self._net.state_dict()
        return {name: state[name].numpy().copy() for name in self._names}

    def warm(self) -> None:
        """Compute one step on nobody, so that the first round is as fast as the others."""
        self._step(torch.empty(0, dtype=torch.int64))

    def _load(self, arrays: Arrays) -> None:
        self._net.load_state_dict({name: torch.tensor(arrays[name]) for name in self._names})

    def _step(self, drawn: Tensor) -> None:
        missing = max(0, self._mechanism.batch_size - len(drawn))
        empty = torch.full((missing,), self._persons, dtype=torch.int64)
        chunks = torch.split(torch.cat([drawn, empty]), self._chunk)
        for number, chunk in enumerate(chunks, start=1):
            self._optimizer.zero_grad(set_to_none=True)
            self._loss(chunk).backward()  # type: ignore[no-untyped-call]  # torch does not say
            self._optimizer.signal_skip_step(number < len(chunks))
            self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)

    def _loss(self, chunk: Tensor) -> Tensor:
        # Opacus's backward hooks want inputs that need a gradient; nobody reads it.
        logits = self._wrapped(self._inputs[chunk].requires_grad_())
        rows = binary_cross_entropy_with_logits(logits, self._labels[chunk], reduction="none")
        # Summed over a person's rows: the gradient of one entry is that person's whole gradient.
        return (rows * self._mask[chunk]).sum()


def _with_empty(values: Floats) -> Tensor:
    """Return the entries with one of zeros behind them: a person without rows."""
    return torch.from_numpy(np.concatenate([values, np.zeros((1, *values.shape[1:]), np.float32)]))
