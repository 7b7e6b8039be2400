"""The kinds of model, and which targets each predicts.

Rules: a model is a dense net over the encoded inputs; `embedding` first looks each category up in a
table that is learnt. A kind that does not fit the target is refused. The arithmetic is
`federated/training/exact`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from federated.reading import Member
from federated.task import target as targets
from federated.task.feature import CategoryFeature, Feature

MAX_LAYERS: Final = 4
MAX_UNITS: Final = 512
MAX_EMBEDDING: Final = 64
MAX_WIDTH: Final = 4096  # of the encoded inputs, and of what the first dense layer takes
ACTIVATIONS: Final = ("tanh", "relu")
MLP: Final = "mlp"
EMBEDDING: Final = "embedding"
# Which losses each kind without hidden layers predicts; the others predict any.
_ONLY: Final[Mapping[str, str]] = MappingProxyType(
    {
        "linear": targets.NUMBER,
        "logistic": targets.BINARY,
        "softmax": targets.CLASSES,
        "poisson": targets.COUNT,
    }
)
KINDS: Final = (*_ONLY, MLP, EMBEDDING)


@dataclass(frozen=True, slots=True)
class Model:
    """A dense net with as many outputs as the target needs.

    Attributes:
        kind: of `KINDS`.
        hidden: width of each hidden layer; none for the kinds that are regressions.
        activation: `tanh` or `relu`, of hidden layers.
        width: of the table of each category, of kind `embedding`; 0 for others.
    """

    kind: str
    hidden: tuple[int, ...] = ()
    activation: str = "tanh"
    width: int = 0


def read(member: Member, version: int) -> Model:
    """Read the model of a manifest of a version.

    Raises:
        ManifestInvalid: with the pointer of the fault.
    """
    kind = member.child("kind").exactly(*(KINDS if version > 1 else (MLP,)))
    if kind in _ONLY:
        member.fields("kind")
        return Model(kind)
    part = member.fields("kind", "hidden", "activation", *(("width",) if kind == EMBEDDING else ()))
    return Model(
        kind=kind,
        hidden=tuple(
            item.integer(least=1, most=MAX_UNITS)
            for item in part["hidden"].items(least=0, most=MAX_LAYERS)
        ),
        activation=part["activation"].exactly(*ACTIVATIONS),
        width=part["width"].integer(least=1, most=MAX_EMBEDDING) if kind == EMBEDDING else 0,
    )


def render(model: Model) -> dict[str, Any]:
    """Return a model as JSON."""
    whole: dict[str, Any] = {"kind": model.kind}
    if model.kind not in _ONLY:
        whole |= {"hidden": list(model.hidden), "activation": model.activation}
    if model.kind == EMBEDDING:
        whole["width"] = model.width
    return whole


def fitting(target: targets.Target) -> tuple[str, ...]:
    """Return the kinds of model that predict a target."""
    return tuple(kind for kind in KINDS if _ONLY.get(kind, target.loss) == target.loss)


def dense_inputs(model: Model, features: Sequence[Feature]) -> int:
    """Return how many inputs the first dense layer takes."""
    if model.kind != EMBEDDING:
        return sum(feature.width for feature in features)
    return sum(
        model.width if isinstance(feature, CategoryFeature) else feature.width
        for feature in features
    )


def check(
    member: Member, model: Model, target: targets.Target, features: Sequence[Feature]
) -> None:
    """Check that a model fits its target and its features.

    Raises:
        ManifestInvalid: it does not; the fault says what does.
    """
    kinds = fitting(target)
    if model.kind not in kinds:
        member.child("kind").refuse(
            f"`{model.kind}` does not predict a target of kind `{target.kind}`: "
            f"must be {' or '.join(f'`{each}`' for each in kinds)}"
        )
    if model.kind != EMBEDDING:
        return
    if not any(isinstance(feature, CategoryFeature) for feature in features):
        member.child("kind").refuse("needs a feature of kind `category`")
    if dense_inputs(model, features) > MAX_WIDTH:
        member.child("width").refuse(f"makes more than {MAX_WIDTH} inputs")
