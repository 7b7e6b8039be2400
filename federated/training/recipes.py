"""The model of a manifest: names and shapes of its arrays, where it starts, what it predicts.

Rules: everything follows from the manifest, so that lead and sites agree without telling one
another; numpy only, so that who merely averages or scores needs no torch. Training is left to
`engine.py`, which builds the same net in torch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from federated.errors import RoundRefused
from federated.manifest import JobManifest, Model

Floats = NDArray[np.float32]
Arrays = dict[str, Floats]
MOST_WEIGHT: Final = 1e6


def shapes(manifest: JobManifest) -> dict[str, tuple[int, ...]]:
    """Return the shape of each array, in order: `layers.<i>.weight` (out, in) and `….bias`."""
    result: dict[str, tuple[int, ...]] = {}
    for index, (inputs, outputs) in enumerate(pairwise(widths(manifest))):
        result[f"layers.{index}.weight"] = (outputs, inputs)
        result[f"layers.{index}.bias"] = (outputs,)
    return result


def widths(manifest: JobManifest) -> tuple[int, ...]:
    """Return the width of each layer from the inputs to the one output."""
    return (manifest.width, *manifest.model.hidden, 1)


def initial(manifest: JobManifest) -> Arrays:
    """Return the arrays that a job starts from, the same at each call.

    Weights and biases are uniform in ±1/√inputs, drawn from a generator seeded by the job's
    identifier. This is public randomness: it protects nobody and need not.
    """
    seed = hashlib.sha256(manifest.job.encode()).digest()
    draw = np.random.default_rng(np.frombuffer(seed, dtype=np.uint32))
    limits = np.repeat([1 / np.sqrt(inputs) for inputs in widths(manifest)[:-1]], 2)
    return {
        name: draw.uniform(-limit, limit, shape).astype(np.float32)
        for (name, shape), limit in zip(shapes(manifest).items(), limits, strict=True)
    }


def check(arrays: Mapping[str, NDArray[np.generic]], manifest: JobManifest) -> Arrays:
    """Return the arrays when they are a model of this manifest.

    Bounds matter at a site: with unbounded weights a gradient can become infinite, and what is
    not finite cannot be clipped.

    Raises:
        RoundRefused: other names, shapes or types, or a weight that is not finite or too large.
    """
    expected = shapes(manifest)
    if list(arrays) != list(expected):
        raise RoundRefused("the arrays are not those of the manifest's model")
    checked: Arrays = {}
    for name, shape in expected.items():
        array = arrays[name]
        if array.dtype != np.float32 or array.shape != shape:
            raise RoundRefused(f"the array `{name}` has another shape or type than it must")
        checked[name] = array.astype(np.float32)
        if not np.all(np.abs(checked[name]) <= MOST_WEIGHT):  # false for NaN, too
            raise RoundRefused(f"the array `{name}` holds a weight out of bounds")
    return checked


def probabilities(arrays: Arrays, model: Model, inputs: Floats) -> NDArray[np.float64]:
    """Return the chance of a positive label for each row.

    Args:
        arrays: checked.
        model: of the manifest.
        inputs: (rows, width), encoded.
    """
    values = inputs.astype(np.float64)
    layers = len(arrays) // 2
    for index in range(layers):
        values = values @ arrays[f"layers.{index}.weight"].T + arrays[f"layers.{index}.bias"]
        if index < layers - 1:
            values = np.tanh(values) if model.activation == "tanh" else np.maximum(values, 0)
    chance: NDArray[np.float64] = 0.5 * (1 + np.tanh(values[:, 0] / 2))  # sigmoid, no overflow
    return chance
