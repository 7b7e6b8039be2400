r"""How far a site's arrays can lie from those that it was sent, by the public numbers alone.

One round takes off  Σ_r c_r (g_r + z_r) / (q N)  under `sgd`, each step cut off at the bound of
weights; c_r ≥ 0 follows from rate, schedule and momentum (`optimiser.gains`; c_r = η for plain
descent). g_r is a sum of at most B clipped vectors, so that |g_r| ≤ B C in length and in each
coordinate; z_r is noise whose coordinates are sub-Gaussian with variance σ² C², independent from
step to step. Cutting off moves a weight towards where it came from, so that it lies no further than
the largest sum over the last steps, in which no g_r counts more than c_r. With a chance of all but
`CHANCE` an honest site hence stays within

    |w' - w|_i ≤ C / (q N) · ( B Σ c_r + √(Σ c_r²) σ √(2 ln(2 d T / δ)) )
    ‖w' - w‖  ≤ C / (q N) · ( B Σ c_r + √(Σ c_r²) σ √(d + 2 √(d L) + 2 L) ),   L = ln(1 / δ)

for d coordinates; the second where no weight can have been cut off. B is the most persons that
Poisson sampling draws. Under `adam` a coordinate moves by no more than `optimiser.most_of_adam`,
whatever its gradients, and d of them by √d times that. What lies beyond is no update of this
mechanism: a site that sends it would move the average further than all of its persons could.

Sources: Bernstein's inequality for B; Hsu, Kakade and Zhang 2012 for the norm of sub-Gaussian
vectors; Canonne, Kamath and Steinke 2020, that the discrete Gaussian is sub-Gaussian.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from federated.manifest import JobManifest
from federated.task.optimiser import ADAM
from federated.training.optimiser import gains, most_of_adam
from federated.training.recipes import MOST_WEIGHT, Arrays, shapes

CHANCE: Final = 1e-12  # that an honest update is refused
_PARTS: Final = 3  # bounds that share it: drawn persons, coordinates, norm
_SUMS: Final = 1 + 1e-9  # float64 on the way through an optimiser
_ROUNDING: Final = 2.0**-22  # of a weight, on its way to float32 and in float64 sums


@dataclass(frozen=True, slots=True)
class Reach:
    """Bounds of one round at one site.

    Attributes:
        coordinate: most that one weight moves.
        norm: most that all weights move together, Euclidean, where none was cut off.
    """

    coordinate: float
    norm: float


def reach(manifest: JobManifest, population: int, number: int = 1) -> Reach:
    """Return how far a round moves the weights at a site of a declared population.

    Args:
        manifest: of the job.
        population: of the site's contract.
        number: the round, from 1 on.
    """
    privacy, steps = manifest.privacy, manifest.steps_per_round
    size = sum(math.prod(shape) for shape in shapes(manifest).values())
    if manifest.optimiser.kind == ADAM:
        most = most_of_adam(manifest, number) * _SUMS
        return Reach(most, math.sqrt(size) * most)
    share, gain = CHANCE / _PARTS, gains(manifest, number)
    drawn = float(gain.sum()) * most_drawn(population, privacy.sampling_rate, share / steps)
    deviation = float(np.linalg.norm(gain)) * privacy.noise_multiplier
    tail = math.sqrt(2 * math.log(2 * size * steps / share))
    surprise = -math.log(share)
    length = math.sqrt(size + 2 * math.sqrt(size * surprise) + 2 * surprise)
    scale = privacy.clip / (privacy.sampling_rate * population)
    return Reach(scale * (drawn + deviation * tail), scale * (drawn + deviation * length))


def is_within(sent: Arrays, found: Arrays, bound: Reach) -> bool:
    """Tell whether arrays can be those of an honest site that was sent `sent`."""
    before = _joined(sent)
    after = _joined(found)
    moved = np.abs(after - before)
    slack = _ROUNDING * (1 + np.maximum(np.abs(before), np.abs(after)))
    if np.any(moved > bound.coordinate + slack):
        return False
    cut_off = np.any(np.abs(before) + bound.coordinate >= MOST_WEIGHT)
    length = float(np.linalg.norm(np.maximum(moved - slack, 0.0)))
    return bool(cut_off) or length <= bound.norm


def most_drawn(population: int, rate: float, chance: float) -> float:
    """Return a number of persons that a Poisson sample exceeds with at most this chance."""
    surprise = -math.log(chance)
    variance = population * rate * (1 - rate)
    above = surprise / 3 + math.sqrt(surprise**2 / 9 + 2 * variance * surprise)
    return min(float(population), population * rate + above)


def _joined(arrays: Arrays) -> np.ndarray:
    return np.concatenate([array.astype(np.float64).ravel() for array in arrays.values()])
