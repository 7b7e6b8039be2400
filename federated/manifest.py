"""What the lead of a federated job asks for, as frozen values.

Rules: the manifest states everything that the mathematics of privacy needs (population, sampling
rate, steps, noise, clip), so that nothing has to be taken from private rows; ranges, categories
and thresholds are public constants. `federated/job.py` reads and writes its JSON and knows the
bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from federated.privacy.event import Events, sampled_gaussian


@dataclass(frozen=True, slots=True)
class SiteContract:
    """The contract under which one site takes part.

    Attributes:
        site: DID of the data holder.
        agreement: IRI of the agreement.
        digest: SHA-256 (hex) of the agreement's bytes.
        receipt: the provider's compact JWS over the contract's terms.
        dataset: IRI of the dataset.
        population: persons, as declared in the contract; never counted from rows.
    """

    site: str
    agreement: str
    digest: str
    receipt: str
    dataset: str
    population: int


@dataclass(frozen=True, slots=True)
class Model:
    """A dense net with one output.

    Attributes:
        kind: `mlp`.
        hidden: width of each hidden layer; none makes a logistic regression.
        activation: `tanh` or `relu`.
    """

    kind: str
    hidden: tuple[int, ...]
    activation: str


@dataclass(frozen=True, slots=True)
class NumberFeature:
    """A numeric column, clipped to a public range.

    Attributes:
        column: its name.
        low: becomes -1.
        high: becomes +1; above `low`.
        missing: what a missing value counts as, within them; None: their middle.
    """

    column: str
    low: float
    high: float
    missing: float | None = None


@dataclass(frozen=True, slots=True)
class CategoryFeature:
    """A categorical column with its public list of values.

    Attributes:
        column: its name.
        values: one input each, in this order; any other value sets none of them.
    """

    column: str
    values: tuple[str, ...]


Feature = NumberFeature | CategoryFeature


@dataclass(frozen=True, slots=True)
class Target:
    """What is predicted: whether `column` lies strictly above a public threshold.

    Attributes:
        column: numeric column.
        by: column whose value picks the threshold.
        thresholds: (value of `by`, threshold), by value; a row of any other value has no label.
    """

    column: str
    by: str
    thresholds: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """Whom the guarantee protects.

    Attributes:
        column: column that identifies the person.
        rows: most rows of one person that take part.
    """

    column: str
    rows: int


@dataclass(frozen=True, slots=True)
class Privacy:
    """The mechanism of the whole job at one site, and what it is promised to cost.

    Attributes:
        epsilon: ε per person that the job may spend.
        delta: δ of that ε.
        noise_multiplier: σ, standard deviation of the noise over `clip`.
        sampling_rate: q in (0, 1] of Poisson sampling of persons.
        steps: optimiser steps of the whole job.
        clip: bound on the norm of one person's gradient, summed over that person's rows.
    """

    epsilon: float
    delta: float
    noise_multiplier: float
    sampling_rate: float
    steps: int
    clip: float


@dataclass(frozen=True, slots=True)
class JobManifest:
    """What the lead asks for, in full.

    Attributes:
        version: of this format.
        job: IRI, chosen by the lead.
        lead: DID.
        purpose: IRI of the purpose.
        contracts: one per site; no site twice.
        model: what is trained.
        features: inputs, in this order.
        target: what is predicted.
        unit: whom the guarantee protects.
        privacy: mechanism and cost.
        learning_rate: of a site's steps; > 0.
        rounds: each has `steps_per_round` steps.
        quorum: fewest sites whose update makes a round valid.
        round_seconds: longest wait for a round's updates.
        deadline: UTC; after it the job fails.
        code: SHA-256 (hex) of the training recipe's sources, see `federated.training.code_hash`.
    """

    version: int
    job: str
    lead: str
    purpose: str
    contracts: tuple[SiteContract, ...]
    model: Model
    features: tuple[Feature, ...]
    target: Target
    unit: Unit
    privacy: Privacy
    learning_rate: float
    rounds: int
    quorum: int
    round_seconds: float
    deadline: datetime
    code: str

    @property
    def steps_per_round(self) -> int:
        """Optimiser steps of one round."""
        return self.privacy.steps // self.rounds

    @property
    def round_events(self) -> Events:
        """What one round releases at a site."""
        noise, rate = self.privacy.noise_multiplier, self.privacy.sampling_rate
        return Events((sampled_gaussian(noise, rate, self.steps_per_round),))

    @property
    def sites(self) -> tuple[str, ...]:
        """DIDs of the sites, in the manifest's order."""
        return tuple(contract.site for contract in self.contracts)

    @property
    def width(self) -> int:
        """Inputs of the model after encoding."""
        return sum(_width(feature) for feature in self.features)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the job reads, each once."""
        used = [self.unit.column, self.target.column, self.target.by]
        return tuple(dict.fromkeys([*used, *(feature.column for feature in self.features)]))

    def seconds_left(self) -> float:
        """Return the seconds until the deadline, by the wall clock; none once it has passed."""
        return max((self.deadline - datetime.now(UTC)).total_seconds(), 0.0)

    def contract(self, site: str) -> SiteContract | None:
        """Return the contract of a site, or None when it takes no part."""
        return next((item for item in self.contracts if item.site == site), None)


def _width(feature: Feature) -> int:
    return len(feature.values) if isinstance(feature, CategoryFeature) else 1
