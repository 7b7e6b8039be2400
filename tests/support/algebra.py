"""Questions of the algebra, as a test asks them."""

from __future__ import annotations

from collections.abc import Sequence

from policies_odrl import Constraint, Knowledge
from policies_odrl.algebra.extent import Reading
from policies_odrl.algebra.questions import entails, unsatisfiable


def implied(
    wanted: Constraint, having: Sequence[Constraint], knowledge: Knowledge | None = None
) -> bool:
    """Return whether some constraints are proved to entail another one."""
    return entails(having, wanted, Reading(knowledge or Knowledge())).yes


def contradictory(items: Sequence[Constraint], knowledge: Knowledge | None = None) -> bool:
    """Return whether constraints are proved to exclude one another."""
    return bool(items) and unsatisfiable(items, Reading(knowledge or Knowledge())).yes
