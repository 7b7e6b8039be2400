"""The mechanism `train`: federated training next to the data, with differential privacy.

What comes out of training are sums over persons with noise, never a row (decision 0026), so that a
level of protection is upheld up to `Aggregated`. Membership is upheld only where having it is what
permits: of spaces other than its own a node does not know who is no member.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from connector.enforcement import figures
from connector.enforcement.audited import DEADLINES, DUTIES
from connector.enforcement.decide import UseFacts
from connector.enforcement.ground import Ground
from connector.enforcement.mechanism import (
    ANY_CONCEPT,
    ANY_TIME,
    AT_LEAST,
    EQ,
    Figures,
    Mechanism,
    Upheld,
)
from connector.enforcement.mechanisms import privacy, row_conditions, tables
from connector.enforcement.plan import Label, Plan, Step
from connector.enforcement.steps import registry as steps
from connector.enforcement.steps.minimise import Minimise, RowTest
from connector.enforcement.steps.training import TrainingStep
from connector.enforcement.steps.typed import Typed
from connector.enforcement.steps.where import Where
from connector.enforcement.terms import (
    AGGREGATED,
    DATE_TIME,
    DELTA,
    EPSILON,
    FEDERATED_TRAINING,
    MEMBERSHIP,
    PERSON,
    PROTECTION,
    PURPOSE,
    ROW_CONDITION,
    ROWS,
    SITES,
    UNIT,
)
from connector.errors import (
    ContractExpired,
    JobRefused,
    MembershipRequired,
    PurposeForbidden,
    StepUnknown,
    TooFewSites,
)
from policies_odrl import Constraint, Iri, Knowledge, Permission, Truth
from policies_odrl.algebra.domain import Fact
from policies_odrl.evaluation.operands import check

NAME: Final = "train"


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What a job states, and what the node knows, at one moment.

    Attributes:
        assignee: DID of the lead.
        target: IRI of the dataset.
        purpose: IRI.
        now: aware, UTC.
        memberships: IRIs of the spaces of which the lead is a member now, as verified.
        epsilon: ε that the job would spend at `delta`.
        delta: δ.
        rows_per_person: rows kept per unit of privacy.
        sites: sites of the job, or of the round.
        unit: IRI of the unit of privacy.
        conditions: those on rows that the plan's step upholds.
    """

    assignee: str
    target: str
    purpose: str
    now: datetime
    memberships: tuple[str, ...]
    epsilon: float
    delta: float
    rows_per_person: int
    sites: int
    unit: str = PERSON
    conditions: tuple[str, ...] = ()

    def use(self) -> UseFacts:
        """Return what the policy is asked.

        What the node knows itself wins over what a job says. Having no membership is a known fact
        too: a value that no space has, rather than no value.
        """
        return UseFacts(
            action=FEDERATED_TRAINING,
            assignee=self.assignee,
            target=self.target,
            now=self.now,
            stated={
                PURPOSE: (self.purpose,) if self.purpose else (),
                UNIT: (self.unit,),
                ROWS: (self.rows_per_person,),
                EPSILON: (self.epsilon,),
                DELTA: (self.delta,),
            },
            known={
                MEMBERSHIP: self.memberships or ("none",),
                SITES: (self.sites,),
                PROTECTION: (AGGREGATED,),
                **({ROW_CONDITION: self.conditions} if self.conditions else {}),
            },
        )


def steps_of(plan: Plan) -> tuple[Minimise | None, TrainingStep]:
    """Return what a signed plan says of training: which columns and rows, where it says, and how.

    Raises:
        StepUnknown: nothing, or nothing that this node can execute.
    """
    use = plan.use(NAME)
    if use is None:
        raise StepUnknown("the contract permits no federated training")
    return steps.trained(use.steps)


def rows_of(plan: Plan) -> tuple[RowTest, ...]:
    """Return which rows a signed plan lets take part.

    Raises:
        StepUnknown: as `steps_of`.
    """
    kept, _ = steps_of(plan)
    return kept.rows if kept else ()


def _figures(rule: Permission) -> Figures:
    step = _training(rule)
    return Figures(step.epsilon, step.delta, step.minimum_sites)


def _compile(rule: Permission, ground: Ground) -> tuple[Step, ...]:
    kept = _kept(figures.required(rule.constraints), ground)
    made: tuple[Typed, ...] = (Where("training"), *kept, _training(rule))
    return tuple(map(steps.signed, made))


def _kept(atoms: tuple[Constraint, ...], ground: Ground) -> tuple[Minimise, ...]:
    """Return the step by which only some rows take part; none where all do."""
    names = (each.name for each in ground.columns if not tables.identifies(each, ground))
    rows = row_conditions.tests(atoms, ground)
    return (Minimise(tuple(names), rows),) if rows else ()


def _training(rule: Permission) -> TrainingStep:
    atoms = figures.required(rule.constraints)
    privacy.check_unit(atoms)
    epsilon, delta = privacy.budget(rule)
    rows = figures.bound(atoms, ROWS, min, Decimal(0))
    sites = figures.bound(atoms, SITES, max, Decimal(1))
    return TrainingStep(
        epsilon=epsilon,
        delta=delta,
        unit=PERSON,
        rows_per_person=figures.whole(rows, ROWS),
        minimum_sites=figures.whole(sites, SITES),
    )


def _released(item: Constraint) -> bool:
    """Return whether what comes out of training is as protected as a constraint demands."""
    known: Fact = Iri(AGGREGATED)
    return check(item, (known,), Knowledge())[0] is Truth.TRUE


_UPHELD: Final[Mapping[str, Upheld]] = MappingProxyType(
    {
        PURPOSE: Upheld(Label.CHECKED, "purpose of the job manifest, at submission", ANY_CONCEPT),
        DATE_TIME: Upheld(
            Label.CHECKED, "clock of the site, at submission and before each round", ANY_TIME
        ),
        MEMBERSHIP: Upheld(
            Label.CHECKED,
            "membership credential and status list, at each call",
            EQ,
            permitting=True,
        ),
        SITES: Upheld(
            Label.CHECKED,
            "receipts of the other contracts, and sites that answered before each round",
            AT_LEAST,
        ),
        **row_conditions.upheld("minimising step"),
        **privacy.upheld("training step", "clipping per person"),
        PROTECTION: Upheld(
            Label.ENFORCED,
            "training step: only sums with noise leave the site",
            EQ | AT_LEAST,
            fits=_released,
        ),
    }
)

MECHANISM: Final = Mechanism(
    name=NAME,
    actions=frozenset({FEDERATED_TRAINING}),
    by="training step",
    upholds=_UPHELD,
    compile=_compile,
    codes=MappingProxyType(
        {
            MEMBERSHIP: MembershipRequired.code,
            DATE_TIME: ContractExpired.code,
            PURPOSE: PurposeForbidden.code,
            SITES: TooFewSites.code,
            **privacy.CODES,
        }
    ),
    refused=JobRefused.code,
    figures=_figures,
    duties=DUTIES,
    deadlines=DEADLINES,
    forbids=MappingProxyType({tables.REIDENTIFY: tables.FORBIDS[tables.REIDENTIFY]}),
)
