"""Writes a job request from contracts and data dictionaries, for a person to go on from.

Rules: everything is public or was signed: purpose, unit and budget are the contracts', ranges and
lists the dictionaries'; what cannot be proposed is left out and named. What is a choice has its
reason beside it. Nothing is stored and nothing is spent.

At a small ε the model proposed is the regression of the target: noise enters each weight alike, so
that many weights drown before few do. Where ε and persons are few, steps are shorter, too. Records
0121 and 0144 have the measurements.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from math import ceil
from typing import Any, Final

from connector.domain.catalog.dataset import Column, ColumnClass
from connector.domain.contract.negotiation import Agreement
from connector.enforcement import figures
from connector.enforcement.mechanisms import evaluation, train
from connector.enforcement.terms import FEDERATED_TRAINING, PURPOSE
from connector.errors import BudgetExceeded, ColumnMissing, JobRefused, Malformed
from connector.identity import agreement as documents
from connector.identity.descriptions.dataset_facts import DatasetFacts
from connector.ports import Ports
from connector.services.federation.lead import features
from connector.services.federation.lead.request import located, refusal, usable
from connector.services.federation.request import estimate
from connector.services.federation.request.form import nearest
from connector.services.negotiation import agree
from connector.services.negotiation.described import facts_of
from connector.services.negotiation.plans import plan_of
from federated.reading import Member
from federated.task.evaluation import NONE
from federated.task.feature import INDICATOR
from policies_odrl import Operator

SMALL: Final = 1.0  # ε up to which a regression is proposed
_UNITS: Final = 16  # of the dense net that is proposed above
_RATE, _STEPS, _ROUNDS, _CLIP = 0.2, 200, 20, 2.0
_PERSONS: Final = 10_000  # times ε, from which on steps of full length are proposed
_NAMING: Final = (Operator.EQ, Operator.IS_A, Operator.IS_ANY_OF)
_ANY_PURPOSE: Final = "https://w3id.org/dpv#ResearchAndDevelopment"
_LINEAR: Final = {"category": "logistic", "binary": "logistic", "classes": "softmax"}


@dataclass(frozen=True, slots=True)
class Draft:
    """A request that was written.

    Attributes:
        request: as a submission takes it.
        remarks: what was chosen and why, and what was left out; one line each.
    """

    request: dict[str, Any]
    remarks: tuple[str, ...]


def draft(
    ports: Ports, agreements: Sequence[str], target: str, epsilon: float | None = None
) -> Draft:
    """Return a request that trains on a target under contracts.

    Args:
        ports: of the lead.
        agreements: ids of the contracts, one for each site.
        target: column that is predicted.
        epsilon: of the job; None: 1, or what is left where that is less.

    Raises:
        Malformed: no contract is named.
        AgreementUnknown: a contract is not one that we may use.
        DescriptionTampered: the description of a dataset is not kept, or does not verify.
        ColumnMissing: a dictionary has no such target.
        JobRefused: no target can be made of the column, or nothing is left to learn from.
        BudgetExceeded: a contract has less left than is asked, or nothing.
        ContractExpired: the time of one is over.
        WorkerFailed: the accountant did not answer.
    """
    if not agreements:
        raise Malformed("a request needs a contract", hint="name them with `--agreement`")
    with ports.store.read() as tx:
        signed = [usable(tx, name) for name in dict.fromkeys(agreements)]
        for each in signed:
            agree.agreement_for(ports, tx, each.id, ports.settings.did)
        described = [facts_of(tx, each) for each in signed]
    aim = _target(described, target)
    spent, remarks = _privacy(ports, signed, epsilon)
    how, short = settings(**spent, populations=[each.population for each in signed])
    if aim["kind"] == "number" and "low" not in aim:
        remarks.append(f"no dictionary states a range of `{target}`: state `low` and `high`")
    inputs, left_out = _features(described, target)
    model, why = _model(aim, inputs, spent["epsilon"])
    rows = min(documents.read(each.document).dataset.rows_per_person for each in signed)
    least = max(train.steps_of(plan_of(each))[1].minimum_sites for each in signed)
    request = {
        "purpose": _purpose(signed),
        "agreements": [each.id for each in signed],
        "model": model,
        "features": inputs,
        "target": aim,
        "unit": {"column": described[0].person_column, "rows": rows},
        **how,
        "quorum": min(len(signed), max(least, ceil(2 * len(signed) / 3))),
    }
    return Draft(request, (why, *remarks, *short, *_exact(signed), *left_out))


def _exact(signed: Sequence[Agreement]) -> list[str]:
    """Return what is to be said of evaluations without noise, where all contracts permit them."""
    steps = [evaluation.step_of(plan_of(each)) for each in signed]
    if any(step is None or step.minimum_sites > len(signed) for step in steps):
        return []
    how = f'`"evaluation": {{"noiseMultiplier": "{NONE}"}}`'
    return [f"the contracts permit an evaluation without noise, which is not DP: {how}"]


def settings(
    epsilon: float, delta: float, populations: Sequence[int]
) -> tuple[dict[str, Any], list[str]]:
    """Return how a request that is proposed trains, and what is to be said of it.

    Args:
        epsilon: of the job.
        delta: of the job.
        populations: persons of each site, as declared.
    """
    rate = _RATE if min(populations) * _RATE >= 1 else 1.0
    privacy = {"epsilon": epsilon, "delta": delta, "samplingRate": rate, "steps": _STEPS}
    persons = sum(populations)
    few = epsilon * persons < _PERSONS
    how = {
        "privacy": {**privacy, "clip": _CLIP},
        "optimiser": {"kind": "sgd", "momentum": 0.5, "schedule": "linear"},
        "learningRate": 0.5 if few else 1.0,
        "rounds": _ROUNDS,
    }
    short = (
        f"`learningRate` 0.5, half of the usual: ε {epsilon:g} on {persons:,} persons "
        "is little, and with shorter steps noise moves the model less"
    )
    return how, [short] if few else []


def _purpose(signed: Sequence[Agreement]) -> str:
    """Return a purpose that all contracts name; any where none names one."""
    named = [_purposes(each) for each in signed]
    common = [each for each in named[0] if all(each in others for others in named)]
    return [*common, *(each for some in named for each in some), _ANY_PURPOSE][0]


def _purposes(agreement: Agreement) -> tuple[str, ...]:
    rules = agree.policy_of(agreement).permissions
    training = [rule for rule in rules if rule.action.id == FEDERATED_TRAINING]
    atoms = [each for rule in training for each in figures.required(rule.constraints)]
    return figures.names(tuple(atoms), PURPOSE, _NAMING)


def _privacy(
    ports: Ports, signed: Sequence[Agreement], epsilon: float | None
) -> tuple[dict[str, float], list[str]]:
    """Return what the job spends, and what is to be said of it."""
    left = {each.id: estimate.left(ports, each) for each in signed}
    scarce = min(left, key=lambda name: left[name])
    if left[scarce] <= 0:
        raise BudgetExceeded(
            f"nothing is left of the contract `{scarce}`", hint="ask its provider for another one"
        )
    asked = min(SMALL, _down(left[scarce])) if epsilon is None else epsilon
    if asked > left[scarce]:
        few = f"the contract `{scarce}` has ε {left[scarce]:.3g} left, but {asked:g} is asked for"
        raise BudgetExceeded(few, hint="leave `--epsilon` out, to take what is left")
    step = min((train.steps_of(plan_of(each))[1] for each in signed), key=lambda it: it.delta)
    delta = _down(step.delta * min(1.0, asked / step.epsilon))
    remark = f"ε {asked:g} of {left[scarce]:.3g} left of `{scarce}`, and that share of its δ"
    return {"epsilon": asked, "delta": delta}, [remark]


def _target(described: Sequence[DatasetFacts], name: str) -> dict[str, Any]:
    columns = [_column(facts, name) for facts in described]
    first = columns[0]
    alike = all(
        (each.datatype, each.meaning.values, each.meaning.range)
        == (first.datatype, first.meaning.values, first.meaning.range)
        for each in columns
    )
    values, public = first.meaning.values, first.meaning.range
    if not alike:
        raise JobRefused(f"the dictionaries do not agree on `{name}`: state its `target`")
    coded = set(values) == {"0", "1"}
    if coded and first.datatype == "number":
        return {"kind": "binary", "column": name}
    if len(values) == 2:  # noqa: PLR2004 - two outcomes
        return {"kind": "category", "column": name, "positive": ["1" if coded else values[1]]}
    if first.datatype == "category" and values:
        return {"kind": "classes", "column": name, "values": list(values)}
    if first.datatype == "number":
        ends = {"low": public[0], "high": public[1]} if public else {}
        return {"kind": "number", "column": name, **ends}
    raise JobRefused(f"the dictionaries list no values of `{name}`: state its `target`")


def _column(facts: DatasetFacts, name: str) -> Column:
    known = {column.name: column for column in facts.columns}
    if name not in known:
        others = [each for each in known if each != facts.person_column]
        near = nearest(name, others) or f"; columns are {', '.join(others)}"
        raise ColumnMissing(f"`{name}` is not a column of `{facts.id}`{near}")
    if name == facts.person_column or known[name].kind is ColumnClass.DIRECT_IDENTIFIER:
        raise JobRefused(f"the column `{name}` identifies a person")
    return known[name]


def _features(described: Sequence[DatasetFacts], target: str) -> tuple[list[Any], list[str]]:
    """Return the columns that can be inputs, complete, and why others are none."""
    found, left_out = [], []
    for name in _common(described):
        if name in (target, described[0].person_column):
            continue
        try:
            found.append(_feature(described, name))
        except Malformed as exc:
            left_out.append(f"`{name}` is left out: {located(exc)[1]}")
    if not found:
        raise JobRefused("no column has a public range or list in all dictionaries")
    return found, left_out


def _feature(described: Sequence[DatasetFacts], name: str) -> Any:
    try:
        (feature,) = features.completed(Member([name], refusal), lambda: described)
    except Malformed:  # where the dictionary says nothing of missing values, an input does
        stated = [{"column": name, "missing": INDICATOR}]
        (feature,) = features.completed(Member(stated, refusal), lambda: described)
    return feature


def _common(described: Sequence[DatasetFacts]) -> Iterator[str]:
    """Yield the names that all datasets have, of columns that identify nobody, in file order."""
    for column in described[0].columns:
        others = [{each.name: each for each in facts.columns} for facts in described]
        held = [each[column.name] for each in others if column.name in each]
        direct = any(each.kind is ColumnClass.DIRECT_IDENTIFIER for each in held)
        if len(held) == len(described) and not direct:
            yield column.name


def _model(aim: dict[str, Any], inputs: Sequence[Any], epsilon: float) -> tuple[Any, str]:
    """Return a model for a target, and why it."""
    width = sum(_inputs(each) for each in inputs)
    outputs = len(aim["values"]) if aim["kind"] == "classes" else 1
    linear = (width + 1) * outputs
    dense = (width + 1) * _UNITS + (_UNITS + 1) * outputs
    kind = _LINEAR.get(aim["kind"], "linear")
    if epsilon <= SMALL:
        why = (
            f"model `{kind}` of {linear} weights: at ε {epsilon:g} noise enters each weight, and a "
            f"net of {_UNITS} units would have {dense}"
        )
        return {"kind": kind}, why
    why = (
        f"a net of {dense} weights; `{kind}` has {linear}, and does better at an ε up to {SMALL:g}"
    )
    return {"kind": "mlp", "hidden": [_UNITS], "activation": "tanh"}, why


def _inputs(feature: Any) -> int:
    more = int(feature["missing"]["kind"] == INDICATOR)
    return (len(feature["values"]) if feature["kind"] == "category" else 1) + more


def _down(value: float) -> float:
    """Return a positive number cut off after its second digit."""
    exact = Decimal(repr(value))
    return float(exact.quantize(Decimal(1).scaleb(exact.adjusted() - 1), rounding=ROUND_DOWN))
