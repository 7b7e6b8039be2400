"""What a job request may hold: the one table of its members, their bounds and their meaning.

Reading (`form.faults`), the JSON Schema and the reference page (`schema.py`) are made of it. Bounds
and kinds are those of the manifest (`federated/job.py`, `federated/task/`), which is read again by
its own strict reader. A law in the tests holds the two together.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from connector.services.federation.request.form import (
    Choice,
    Either,
    Kinds,
    Many,
    Named,
    Parts,
    Real,
    Row,
    Text,
    Whole,
)
from federated import job
from federated.task import evaluation, model, optimiser, target
from federated.task.engine import ENGINES, EXACT
from federated.task.feature import INDICATOR, MAX_MAGNITUDE, REFUSE, VALUE
from federated.task.spelling import IGNORABLE, MAX_VALUES

MOST_DEADLINE: Final = 30_000_000.0  # seconds: almost a year
_MOST_FILE: Final = 8 * 1024**2  # characters of a file in Base64
_IRI: Final = Text("an IRI", r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_COLUMN: Final = Text("the name of a column")
_NUMBER: Final = Real(-MAX_MAGNITUDE, MAX_MAGNITUDE, closed="high")
_VALUES: Final = Many(Text("a value of the column"), 1, MAX_VALUES)
_SHARE: Final = Real(0, 1, closed="low")
_SPELLING: Final = Row(
    "spelling",
    Many(Choice(tuple(IGNORABLE)), 1, len(IGNORABLE)),
    "What is ignored when values are compared.",
    "nothing is ignored",
)
_SAID: Final = "what all data dictionaries say"
_MISSING: Final = Row(
    "missing",
    Either(
        (
            Choice((INDICATOR, REFUSE)),
            _NUMBER,
            Kinds(
                (),
                MappingProxyType(
                    {
                        INDICATOR: (),
                        VALUE: (
                            Row(
                                "value",
                                Either((_NUMBER, Text("a value of the list"))),
                                "It must lie within the range, or be one of the list.",
                            ),
                        ),
                        REFUSE: (),
                    }
                ),
                MappingProxyType(
                    {
                        INDICATOR: "One more input states whether the value is missing.",
                        VALUE: "A missing value counts as this one.",
                        REFUSE: "A row without a value takes no part.",
                    }
                ),
            ),
        )
    ),
    "How a row without a value, or with one that is not in the list, counts. A "
    f"number stands for `{VALUE}` with that number.",
    _SAID,
)
_HIDDEN: Final = Row(
    "hidden",
    Many(Whole(1, model.MAX_UNITS), 0, model.MAX_LAYERS),
    "Width of each hidden layer.",
)
_ACTIVATION: Final = Row("activation", Choice(model.ACTIVATIONS), "Activation of each hidden unit.")
MODEL: Final = Kinds(
    (),
    MappingProxyType(
        {
            "linear": (),
            "logistic": (),
            "softmax": (),
            "poisson": (),
            model.MLP: (_HIDDEN, _ACTIVATION),
            model.EMBEDDING: (
                _HIDDEN,
                _ACTIVATION,
                Row(
                    "width",
                    Whole(1, model.MAX_EMBEDDING),
                    "Width of the embedding: numbers learnt for each category.",
                ),
            ),
        }
    ),
    MappingProxyType(
        {
            "linear": "Linear regression; for a target `number`.",
            "logistic": "Logistic regression; for a target with two outcomes.",
            "softmax": "Multinomial logistic regression; for a target `classes`.",
            "poisson": "Poisson regression; for a target `count`.",
            model.MLP: "A dense network; for any target.",
            model.EMBEDDING: "Embeddings of the categories, then a dense network; for any target.",
        }
    ),
)
FEATURE: Final = Either(
    (
        _COLUMN,
        Kinds(
            (Row("column", _COLUMN, "Column of the datasets."),),
            MappingProxyType(
                {
                    "number": (
                        Row(
                            "low",
                            _NUMBER,
                            "Public lower bound; values below it count as the bound.",
                            _SAID,
                        ),
                        Row(
                            "high",
                            _NUMBER,
                            "Public upper bound, above `low`; values above it count as the bound.",
                            _SAID,
                        ),
                        _MISSING,
                    ),
                    "category": (
                        Row(
                            "values",
                            _VALUES,
                            "Public list of values; each becomes one input.",
                            _SAID,
                        ),
                        _MISSING,
                        _SPELLING,
                    ),
                }
            ),
            MappingProxyType(
                {
                    "number": "A number, scaled from its public range to [-1, 1].",
                    "category": "A text, of a public list.",
                }
            ),
            open=True,
        ),
    )
)
TARGET: Final = Kinds(
    (Row("column", _COLUMN, "Column that is predicted."),),
    MappingProxyType(
        {
            "binary": (),
            "category": (Row("positive", _VALUES, "Values that count as 1."), _SPELLING),
            "threshold": (
                Row("above", _NUMBER, "Threshold: a number strictly above it counts as 1."),
            ),
            "threshold-by-group": (
                Row("by", _COLUMN, "Column whose value picks the threshold."),
                Row(
                    "thresholds",
                    Named(_NUMBER, 1, MAX_VALUES),
                    "Threshold of each value of `by`; a row of any other value takes no part.",
                ),
                _SPELLING,
            ),
            "classes": (
                Row("values", Many(Text("a class"), 2, MAX_VALUES), "The classes, in order."),
                _SPELLING,
            ),
            "number": (
                Row("low", _NUMBER, "Public lower bound; numbers below it count as the bound."),
                Row(
                    "high",
                    _NUMBER,
                    "Public upper bound, above `low`; values above it count as the bound.",
                ),
            ),
            "count": (
                Row(
                    "most",
                    Whole(1, target.MAX_COUNT),
                    "Public upper bound; larger counts count as the bound.",
                ),
            ),
        }
    ),
    MappingProxyType(
        {
            "binary": "A column of 0 and 1.",
            "category": "Whether the column has one of some values.",
            "threshold": "Whether the number is above a public one.",
            "threshold-by-group": "Whether the number is above the public one of its group.",
            "classes": "Which of several values the column has.",
            "number": "The number itself, within a public range.",
            "count": "A whole number from 0 on.",
        }
    ),
    usual="threshold-by-group",
)
_SCHEDULE: Final = Row(
    "schedule",
    Choice(optimiser.SCHEDULES),
    "How the learning rate falls over the job's steps.",
    "`constant`",
)
OPTIMISER: Final = Kinds(
    (_SCHEDULE,),
    MappingProxyType(
        {
            optimiser.SGD: (
                Row("momentum", _SHARE, "Momentum: share of the last step that is kept.", "0"),
            ),
            optimiser.ADAM: (
                Row("beta1", _SHARE, "Decay of the mean of gradients.", "0.9"),
                Row("beta2", _SHARE, "Decay of the mean of their squares.", "0.999"),
                Row(
                    "stability",
                    Real(0, 1, closed="high"),
                    "Added to the root of the squares.",
                    "1e-8",
                ),
            ),
        }
    ),
    MappingProxyType(
        {
            optimiser.SGD: "Stochastic gradient descent.",
            optimiser.ADAM: "Adam; its moments are reset in each round.",
        }
    ),
    usual=optimiser.SGD,
)
PRIVACY: Final = Parts(
    (
        Row("epsilon", Real(0, 1000, closed="high"), "ε per person that the job may spend."),
        Row("delta", Real(0, 1, closed=""), "δ that belongs to this ε."),
        Row(
            "noiseMultiplier",
            Real(job.LEAST_NOISE, job.MOST_NOISE, closed="high"),
            "σ: standard deviation of the noise, divided by `clip`.",
            "the least that keeps ε",
        ),
        Row(
            "samplingRate",
            Real(0, 1, closed="high"),
            "q: sampling rate: the probability with which a step draws each person.",
        ),
        Row("steps", Whole(1, job.MAX_STEPS), "Steps of the whole job; a multiple of `rounds`."),
        Row(
            "clip",
            Real(job.LEAST_CLIP, job.MOST_CLIP, closed="high"),
            "Bound on the norm of one person's gradient (clipping).",
        ),
    )
)
REQUEST: Final = Parts(
    (
        Row("purpose", _IRI, "Purpose of the job, one that each contract permits."),
        Row(
            "agreements",
            Many(Text("the id of a contract"), 1, job.MAX_SITES),
            "Contracts under which the job runs, one for each site.",
        ),
        Row("model", MODEL, "What is trained."),
        Row("features", Many(FEATURE, 1, job.MAX_COLUMNS), "Inputs, in this order."),
        Row("target", TARGET, "What is predicted."),
        Row(
            "unit",
            Parts(
                (
                    Row("column", _COLUMN, "Column that names the person."),
                    Row("rows", Whole(1, job.MAX_ROWS), "Maximum number of rows of one person."),
                )
            ),
            "Unit of privacy: whom the guarantee protects, as the contracts state.",
        ),
        Row("privacy", PRIVACY, "The mechanism, and what it may cost."),
        Row(
            "learningRate",
            Real(0, 1e6, closed="high"),
            "Learning rate of a step, before the schedule.",
        ),
        Row(
            "rounds",
            Whole(1, job.MAX_ROUNDS),
            "Rounds; after each, the models of the sites are averaged.",
        ),
        Row(
            "engine",
            Choice(ENGINES),
            "What computes gradients at the sites: a closed form, or torch with Opacus. Each "
            "contract must list its recipe.",
            f"`{EXACT}`",
        ),
        Row(
            "optimiser",
            OPTIMISER,
            "How noised gradients move the weights.",
            "plain gradient descent",
        ),
        Row(
            "start",
            Parts(
                (
                    Row("source", Text(), "Where the model comes from, for people."),
                    Row("model", Text("a file in Base64", most=_MOST_FILE), "The model, `.npz`."),
                )
            ),
            "A public model that training begins from.",
            "a random model",
        ),
        Row(
            "evaluation",
            Parts(
                (
                    Row(
                        "every",
                        Whole(1, job.MAX_ROUNDS),
                        "After each so many rounds, and after the last, the model is evaluated.",
                        "only after the last",
                    ),
                    Row(
                        "bins",
                        Whole(2, evaluation.MOST_BINS),
                        "Number of equal parts of the range of scores; even.",
                        "20",
                    ),
                    Row(
                        "noiseMultiplier",
                        Either(
                            (
                                Real(evaluation.LEAST_NOISE, evaluation.MOST_NOISE, closed="high"),
                                Choice((evaluation.NONE,)),
                            )
                        ),
                        "Standard deviation of the noise of a cell at a site, in persons. It is "
                        f"charged within ε. `{evaluation.NONE}`: exact counts of the last model, "
                        "summed over three sites at least: not DP, no ε, and only where each "
                        "contract has `preau:exactEvaluation`.",
                        "10 for one evaluation, more for several and below ε 1",
                    ),
                )
            ),
            "Noised histograms of scores of persons whom the job does not train on: one in five, "
            "the same for all such jobs of a contract.",
            "no evaluation",
        ),
        Row(
            "quorum",
            Whole(1, job.MAX_SITES),
            "Quorum: minimum number of sites that must answer a round; at most the "
            "number of contracts.",
            "all sites",
        ),
        Row(
            "roundSeconds",
            Real(0, job.MAX_ROUND_SECONDS, closed="high"),
            "Maximum wait for the answers of a round.",
            "60",
        ),
        Row(
            "deadlineSeconds",
            Real(0, MOST_DEADLINE, closed="high"),
            "Time from the submission after which a job that has not ended fails.",
            "3600",
        ),
        Row(
            "version",
            Whole(job.FIRST_VERSION, job.VERSION),
            "Version of the manifest that is made of the request.",
            str(job.VERSION),
        ),
    )
)
