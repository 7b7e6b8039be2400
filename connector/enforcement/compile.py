"""An agreement to its plan, and a job against its agreement; pure.

Rules: a plan exists only for an agreement whose every part is covered; the strictest of several
bounds counts; a number that cannot be read as what it must be, or neither computed with nor written
into a receipt, stops the compilation. A decision is the policy's own evaluation, of which the first
failing part gives the refusal its code: what cannot be evaluated refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from math import inf
from types import MappingProxyType
from typing import Final

from connector.domain.decision import Refusal
from connector.enforcement.coverage import (
    DATE_TIME,
    DELTA,
    EPSILON,
    FEDERATED_TRAINING,
    MEMBERSHIP,
    PERSON,
    PROTECTION,
    PURPOSE,
    RELEASED,
    ROWS,
    SITES,
    UNIT,
    cover,
)
from connector.enforcement.plan import EnforcementPlan, TrainingStep
from connector.errors import (
    BudgetExceeded,
    ContractExpired,
    JobRefused,
    MembershipRequired,
    PolicyInvalid,
    PurposeForbidden,
    TooFewSites,
)
from policies_odrl import (
    Connective,
    Constraint,
    Facts,
    LogicalConstraint,
    Operator,
    Permission,
    Policy,
    PolicyKind,
    Request,
    Truth,
    evaluate,
)
from policies_odrl.algebra.domain import Fact
from policies_odrl.evaluation.decision import RuleResult
from policies_odrl.model import Condition
from policies_odrl.values import name, number, span

# Left operand -> code of the refusal when it fails; anything else is `JOB_REFUSED`. In this order:
# what tells the caller most comes first.
_CODES: Final = MappingProxyType(
    {
        MEMBERSHIP: MembershipRequired.code,
        DATE_TIME: ContractExpired.code,
        PURPOSE: PurposeForbidden.code,
        SITES: TooFewSites.code,
        EPSILON: BudgetExceeded.code,
        DELTA: BudgetExceeded.code,
    }
)
_ORDER: Final = tuple(_CODES)

# Largest whole number that canonical JSON writes as it is (RFC 8785, section 3.2.2.3), and with it
# a receipt.
MAX_WHOLE: Final = 2**53 - 1


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


def compile_agreement(policy: Policy) -> EnforcementPlan:
    """Return the plan that upholds an agreement.

    Raises:
        ConstraintUnknown: a part that this node can neither check, enforce nor audit.
        PolicyInvalid: not an agreement about one dataset between two parties, or without a budget.
    """
    coverage = cover(policy)
    target, assigner, assignee = policy.target, policy.assigner, policy.assignee
    if policy.kind is not PolicyKind.AGREEMENT or not (target and assigner and assignee):
        raise PolicyInvalid("an agreement names its target, its assigner and its assignee")
    rule = _only_permission(policy)
    atoms = list(_atoms(rule.constraints))
    return EnforcementPlan(
        target=target.id,
        provider=assigner.id,
        consumer=assignee.id,
        training=_training(atoms),
        purposes=_names(atoms, PURPOSE, {Operator.IS_A, Operator.IS_ANY_OF, Operator.EQ}),
        memberships=_names(atoms, MEMBERSHIP, {Operator.EQ}),
        valid_until=_valid_until(atoms),
        coverage=coverage,
    )


def budget(policy: Policy) -> tuple[float, float]:
    """Return (ε, δ) that a contract may spend, also of one that could not be contracted today.

    Raises:
        PolicyInvalid: it has no such figures.
    """
    return _budget(list(_atoms(_only_permission(policy).constraints)))


def decide(policy: Policy, facts: JobFacts) -> Refusal | None:
    """Return why an agreement does not allow a job now, or None when it does.

    The refusal has one line per part that fails, each with what is allowed and what was given.
    """
    request = Request(FEDERATED_TRAINING, facts.assignee, facts.target, _stated(facts))
    decision = evaluate(policy, request, Facts(now=facts.now, values=_known(facts)))
    if decision.granted:
        return None
    permissions = [item for item in decision.rules if isinstance(item.rule, Permission)]
    failures = _nearest(permissions)
    if not failures:
        return Refusal(JobRefused.code, decision.reasons)
    ordered = sorted(failures, key=lambda item: _rank(item[0]))
    code = _CODES.get(ordered[0][0], JobRefused.code)
    return Refusal(code, tuple(line for _, line in ordered))


def _only_permission(policy: Policy) -> Permission:
    if len(policy.permissions) != 1:
        raise PolicyInvalid("an agreement for federated training has one permission")
    return policy.permissions[0]


def _training(atoms: list[Constraint]) -> TrainingStep:
    units = _names(atoms, UNIT, {Operator.EQ})
    if units != (PERSON,):
        raise PolicyInvalid("the unit of privacy must be stated, and be the person")
    epsilon, delta = _budget(atoms)
    return TrainingStep(
        epsilon=epsilon,
        delta=delta,
        unit=PERSON,
        rows_per_person=_whole(_bound(atoms, ROWS, min, Decimal(0)), ROWS),
        minimum_sites=_whole(_bound(atoms, SITES, max, Decimal(1)), SITES),
    )


def _budget(atoms: list[Constraint]) -> tuple[float, float]:
    epsilon, delta = (_figure(_bound(atoms, left, min), left) for left in (EPSILON, DELTA))
    return epsilon, delta


def _bound(
    atoms: list[Constraint],
    left: str,
    pick: Callable[[list[Decimal]], Decimal],
    default: Decimal | None = None,
) -> Decimal:
    stated = [number(value) for item in atoms if item.left == left for value in item.right]
    found = [value for value in stated if value is not None and value > 0]
    if len(found) != len(stated):
        raise PolicyInvalid(f"`{left}` needs a number above zero")
    if found:
        return pick(found)
    if default is None:
        raise PolicyInvalid(f"the contract states no `{left}`")
    return default


def _figure(value: Decimal, left: str) -> float:
    """Return a number as the ledger computes with it, where it must not become 0 or infinite."""
    found = float(value)
    if not 0 < found < inf:
        raise PolicyInvalid(f"`{left}` needs a number that can be computed with")
    return found


def _whole(value: Decimal, left: str) -> int:
    if value != int(value):
        raise PolicyInvalid(f"`{left}` needs a whole number")
    if value > MAX_WHOLE:
        raise PolicyInvalid(f"`{left}` needs a number of at most {MAX_WHOLE}")
    return int(value)


def _names(atoms: list[Constraint], left: str, operators: set[Operator]) -> tuple[str, ...]:
    found = [
        name(value)
        for item in atoms
        if item.left == left and item.operator in operators
        for value in item.right
    ]
    return tuple(dict.fromkeys(item for item in found if item is not None))


def _valid_until(atoms: list[Constraint]) -> datetime | None:
    ends: list[datetime] = []
    for item in atoms:
        if item.left != DATE_TIME or item.operator not in {Operator.LT, Operator.LTEQ}:
            continue
        stretch = span(item.right[0]) if len(item.right) == 1 else None
        if stretch is None:
            raise PolicyInvalid("the end of the contract is not a date or time")
        ends.append(stretch.end if item.operator is Operator.LTEQ else stretch.start)
    # receipts state whole seconds: never later than the contract's end
    return min(ends).astimezone(UTC).replace(microsecond=0) if ends else None


def _atoms(items: tuple[Condition, ...]) -> Iterator[Constraint]:
    for item in items:
        if isinstance(item, Constraint):
            yield item
        elif isinstance(item, LogicalConstraint) and item.connective is Connective.AND:
            yield from _atoms(item.operands)


def _stated(facts: JobFacts) -> dict[str, tuple[Fact, ...]]:
    return {
        PURPOSE: (facts.purpose,) if facts.purpose else (),
        UNIT: (facts.unit,),
        ROWS: (facts.rows_per_person,),
        EPSILON: (facts.epsilon,),
        DELTA: (facts.delta,),
    }


def _known(facts: JobFacts) -> dict[str, tuple[Fact, ...]]:
    """Facts that the node establishes itself; they win over what a request says.

    Having no membership is a known fact too: a value that no space has, rather than no value.
    """
    return {
        MEMBERSHIP: facts.memberships or ("none",),
        SITES: (facts.sites,),
        PROTECTION: (RELEASED,),
    }


def _nearest(permissions: list[RuleResult]) -> list[tuple[str, str]]:
    if not permissions:
        return []
    found = [
        [(item.operand, item.line) for item in result.failures()]
        for result in permissions
        if result.applies is not Truth.TRUE
    ]
    return min(found, key=len, default=[])


def _rank(operand: str) -> int:
    return _ORDER.index(operand) if operand in _CODES else len(_ORDER)
