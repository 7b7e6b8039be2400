"""The mechanism `evaluation`: a trained model is evaluated by exact counts, summed over sites.

Without noise, hence not differential privacy: only a permission of its own,
`preau:exactEvaluation`, lets a contract on training have it, and it names the sites. Counts leave
under masks as sums do (`sums.py`), and cost no ε: no ε says what they tell.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from connector.enforcement import figures
from connector.enforcement.decide import UseFacts
from connector.enforcement.ground import Ground
from connector.enforcement.mechanism import AT_LEAST, AT_MOST, EQ, Mechanism, Upheld
from connector.enforcement.mechanisms import query, sums, train
from connector.enforcement.plan import Label, Plan, Step
from connector.enforcement.steps import registry as steps
from connector.enforcement.steps.evaluating import ExactEvaluation
from connector.enforcement.steps.typed import Typed
from connector.enforcement.steps.where import EVALUATION, Where
from connector.enforcement.terms import (
    CELL_COUNT,
    COUNT,
    DATE_TIME,
    EXACT_EVALUATION,
    MEMBERSHIP,
    NAMED_SITES,
    PROTECTION,
    PURPOSE,
    SITES,
)
from federated.aggregation import LEAST_SITES
from policies_odrl import Permission
from policies_odrl.algebra.domain import Fact

NAME: Final = "evaluation"
NOT_PERMITTED: Final = (
    "the contract permits no evaluation without noise, which is not DP (`preau:exactEvaluation`)"
)
_ONE: Final = Decimal(1)  # model that is evaluated, unless the contract says how many


def step_of(plan: Plan) -> ExactEvaluation | None:
    """Return what a signed plan says of evaluations without noise; None where it has none.

    Raises:
        StepUnknown: it has a step that this node cannot execute.
    """
    use = plan.use(NAME)
    return steps.evaluated(use.steps) if use is not None else None


def use(job: train.JobFacts, step: ExactEvaluation, own: str, sites: Collection[str]) -> UseFacts:
    """Return what the policy is asked about an evaluation without noise.

    Args:
        job: what it states.
        step: of the signed plan.
        own: DID of the site.
        sites: DIDs of all sites of the job; which of them add to the sum is checked there.
    """
    asked = job.use()
    known: dict[str, tuple[Fact, ...]] = {
        SITES: (len(sites),),
        NAMED_SITES: tuple(each for each in sites if each != own),
        CELL_COUNT: (step.minimum,),
    }
    stated = {PURPOSE: asked.stated[PURPOSE]}
    return replace(asked, action=EXACT_EVALUATION, stated=stated, known={**asked.known, **known})


def _compile(rule: Permission, _: Ground) -> tuple[Step, ...]:
    atoms = figures.required(rule.constraints)
    least = figures.bound(atoms, SITES, max, Decimal(LEAST_SITES))
    minimum = figures.bound(atoms, CELL_COUNT, max, Decimal(query.MINIMUM))
    made: tuple[Typed, ...] = (
        Where(EVALUATION),
        ExactEvaluation(
            sites=sums.named_sites(atoms),
            minimum_sites=max(figures.whole(least, SITES), LEAST_SITES),
            minimum=figures.whole(minimum, CELL_COUNT),
            evaluations=figures.whole(figures.bound(atoms, COUNT, min, _ONE), COUNT),
        ),
    )
    return tuple(map(steps.signed, made))


MECHANISM: Final = Mechanism(
    name=NAME,
    actions=frozenset({EXACT_EVALUATION}),
    by="evaluation step",
    upholds=MappingProxyType(
        {
            **{left: train.MECHANISM.upholds[left] for left in (PURPOSE, DATE_TIME, MEMBERSHIP)},
            COUNT: Upheld(
                Label.ENFORCED, "evaluation step: models evaluated, counted before one is", AT_MOST
            ),
            CELL_COUNT: Upheld(
                Label.ENFORCED,
                "evaluation step: fewest persons held out of the site and of a class",
                AT_LEAST,
            ),
            PROTECTION: Upheld(
                Label.ENFORCED,
                "evaluation step: only sums leave",
                EQ | AT_LEAST,
                fits=query.only_cells,
            ),
            NAMED_SITES: Upheld(
                Label.ENFORCED, "evaluation step: masks with these sites, by their keys", sums.NAMES
            ),
            SITES: Upheld(
                Label.ENFORCED, "evaluation step: fewest sites of a sum, three at least", AT_LEAST
            ),
        }
    ),
    compile=_compile,
    codes=train.MECHANISM.codes,
    refused=train.MECHANISM.refused,
    duties=train.MECHANISM.duties,
    deadlines=train.MECHANISM.deadlines,
    forbids=train.MECHANISM.forbids,
)
