"""What the lead of a federated job asks for, as frozen values.

Rules: the manifest states everything that the mathematics of privacy needs (population, sampling
rate, steps, noise, clip), so that nothing has to be taken from private rows. What is learnt, and
how, is `federated/task/`; `federated/job.py` reads and writes the JSON and knows the bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from federated.privacy.event import WITH_ONCE, Events, sampled_gaussian
from federated.task.engine import EXACT
from federated.task.evaluation import Evaluation
from federated.task.feature import Feature
from federated.task.model import Model
from federated.task.optimiser import PLAIN, Optimiser
from federated.task.target import Target


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
class Start:
    """A public model that training begins from. Its arrays travel as the message of round 1.

    They are input as any model of a round is, which a lead chooses: no privacy rests on them.

    Attributes:
        digest: SHA-256 (hex) of the arrays, see `federated.training.flower.records.digest`.
        source: where the model comes from, in one line; for people.
    """

    digest: str
    source: str


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


def released(
    noise: float, rate: float, steps: int, rounds: int, evaluation: Evaluation | None = None
) -> Events:
    """Return what a job releases at a site: in each round of training, and all evaluations.

    The evaluations are counted with the first round, before any of them. One without noise is not
    counted: no ε is of it.

    Args:
        noise: σ of training.
        rate: q.
        steps: of one round.
        rounds: that train.
        evaluation: how models are evaluated; None: they are not.

    Raises:
        EventUnknown: a number is out of range.
    """
    each = (sampled_gaussian(noise, rate, steps),)
    if evaluation is None or evaluation.exact:
        return Events(each)
    return Events(each, WITH_ONCE, evaluation.released(evaluation.times(rounds)))


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
        learning_rate: of a site's steps, before the optimiser's schedule; > 0.
        rounds: each has `steps_per_round` steps.
        quorum: fewest sites whose update makes a round valid.
        round_seconds: longest wait for a round's updates.
        deadline: UTC; after it the job fails.
        code: SHA-256 (hex) of the training recipe's sources, see `federated.training.code_hash`.
        optimiser: how noised gradients move the weights.
        start: the public model that training begins from; None: drawn from the job's identifier.
        evaluation: how models are evaluated at the sites; None: they are not.
        engine: what computes persons' gradients, see `federated/task/engine.py`.
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
    optimiser: Optimiser = PLAIN
    start: Start | None = None
    evaluation: Evaluation | None = None
    engine: str = EXACT

    @property
    def steps_per_round(self) -> int:
        """Optimiser steps of one round."""
        return self.privacy.steps // self.rounds

    @property
    def turns(self) -> int:
        """Rounds that are asked: after those that train, one that evaluates the last model."""
        return self.rounds + (self.evaluation is not None)

    def evaluates(self, number: int) -> bool:
        """Tell whether a round evaluates the model that it is sent, that of the round before."""
        if self.evaluation is None or number < 2:  # noqa: PLR2004 - nothing was trained before
            return False
        return number == self.turns or (number - 1) % self.evaluation.every == 0

    @property
    def events(self) -> Events:
        """What the job releases at a site, see `released`."""
        noise, rate = self.privacy.noise_multiplier, self.privacy.sampling_rate
        return released(noise, rate, self.steps_per_round, self.rounds, self.evaluation)

    def released(self, number: int) -> Events:
        """Return what one round releases at a site."""
        trained = self.events.items if number <= self.rounds else ()
        if self.evaluation is None or not self.evaluates(number):
            return Events(trained)
        return Events((*trained, *self.evaluation.released(1)))

    @property
    def exact(self) -> bool:
        """Whether the last model is evaluated without noise, by sums over sites."""
        return self.evaluation is not None and self.evaluation.exact

    @property
    def sites(self) -> tuple[str, ...]:
        """DIDs of the sites, in the manifest's order."""
        return tuple(contract.site for contract in self.contracts)

    @property
    def width(self) -> int:
        """Inputs of the model after encoding."""
        return sum(feature.width for feature in self.features)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the job reads, each once."""
        used = [self.unit.column, *self.target.columns]
        return tuple(dict.fromkeys([*used, *(feature.column for feature in self.features)]))

    def seconds_left(self) -> float:
        """Return the seconds until the deadline, by the wall clock; none once it has passed."""
        return max((self.deadline - datetime.now(UTC)).total_seconds(), 0.0)

    def contract(self, site: str) -> SiteContract | None:
        """Return the contract of a site, or None when it takes no part."""
        return next((item for item in self.contracts if item.site == site), None)
