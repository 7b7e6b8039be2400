"""An agreement to what it counts, and to its plan; pure.

Rules: a plan exists only for an agreement whose every part is covered; each permission becomes one
use, by the mechanism that carries out its action; no two permit the same action, so that the use of
a request is never in doubt. What a contract counts and how long it runs
follows from its policy alone; its steps follow from the policy and the dataset's description.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain

from connector.enforcement import figures
from connector.enforcement.coverage import cover
from connector.enforcement.ground import Ground
from connector.enforcement.mechanism import EQ, Figures, Mechanism, Mechanisms
from connector.enforcement.plan import CoverageLine, Plan, Use
from connector.enforcement.terms import DATE_TIME, MEMBERSHIP
from connector.errors import PolicyInvalid
from policies_odrl import Permission, Policy, PolicyKind


@dataclass(frozen=True, slots=True)
class Outline:
    """What a policy asks of a node, whatever the dataset.

    Attributes:
        figures: what the contract counts.
        memberships: IRIs of the spaces of which the consumer must be a member.
        valid_until: end of the contract, UTC, parts of a second cut off; None without an end. The
            last instant itself is allowed where the contract says `lteq` of an instant; `decide` is
            what counts.
        coverage: one line per action and constraint.
    """

    figures: Figures
    memberships: tuple[str, ...]
    valid_until: datetime | None
    coverage: tuple[CoverageLine, ...]


def outline(policy: Policy, mechanisms: Mechanisms) -> Outline:
    """Return what an agreement asks of a node.

    Raises:
        ConstraintUnknown: a part that this node can neither check, enforce nor audit.
        PolicyInvalid: not an agreement about one dataset between two parties, or a figure is
            missing or cannot be read.
    """
    coverage = cover(policy, mechanisms)
    if policy.kind is not PolicyKind.AGREEMENT or not (
        policy.target and policy.assigner and policy.assignee
    ):
        raise PolicyInvalid("an agreement names its target, its assigner and its assignee")
    pairs = _permitted(policy, mechanisms)
    atoms = tuple(chain.from_iterable(figures.required(rule.constraints) for rule, _ in pairs))
    return Outline(
        figures=_total([mechanism.figures(rule) for rule, mechanism in pairs]),
        memberships=figures.names(atoms, MEMBERSHIP, EQ),
        valid_until=figures.end(atoms, DATE_TIME),
        coverage=coverage,
    )


def compile_agreement(policy: Policy, mechanisms: Mechanisms, ground: Ground) -> Plan:
    """Return the plan that upholds an agreement about a dataset.

    Raises:
        ConstraintUnknown: as `outline`.
        PolicyInvalid: as `outline`, or the dataset has not what the policy speaks of.
    """
    found = outline(policy, mechanisms)
    return Plan(
        valid_until=found.valid_until,
        uses=tuple(
            Use(rule.action.id, mechanism.name, mechanism.compile(rule, ground))
            for rule, mechanism in _permitted(policy, mechanisms)
        ),
    )


def _permitted(policy: Policy, mechanisms: Mechanisms) -> list[tuple[Permission, Mechanism]]:
    """Return each permission, of whom on what, and what carries it out."""
    rules = (
        replace(each, assignee=policy.assignee_of(each), target=policy.target_of(each))
        for each in policy.permissions
    )
    found = [(rule, mechanisms.of(rule.action.id)) for rule in rules]
    known = [(rule, mechanism) for rule, mechanism in found if mechanism is not None]
    actions = {rule.action.id for rule, _ in known}
    if not known or len(actions) < len(found):
        raise PolicyInvalid("an agreement has one permission for each action")
    return known


def _total(parts: list[Figures]) -> Figures:
    if sum(each.epsilon > 0 for each in parts) > 1:  # each use would spend the sum of both
        raise PolicyInvalid("two permissions state a privacy budget: make two contracts of them")
    return Figures(
        epsilon=sum(each.epsilon for each in parts),
        delta=sum(each.delta for each in parts),
        minimum_sites=max(each.minimum_sites for each in parts),
    )
