"""Questions of the algebra, as a test asks them, each a line over what constraints denote.

Every answer is sound in three values: Yes is proved, No comes with values that show it, and Unknown
says what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from policies_odrl import Constraint, Knowledge, Truth
from policies_odrl.algebra.claims import Atom, Claims
from policies_odrl.algebra.domain import Fact
from policies_odrl.algebra.extent import Reading
from policies_odrl.algebra.forms import normal
from policies_odrl.knowledge import NOTHING_MORE


@dataclass(frozen=True)
class Answer:
    """Yes, No with values that show it, or Unknown with what is missing."""

    truth: Truth
    witness: tuple[Fact, ...] = ()
    missing: str = ""

    @property
    def yes(self) -> bool:
        """Whether it is proved."""
        return self.truth is Truth.TRUE

    @property
    def no(self) -> bool:
        """Whether a witness shows that it is not so."""
        return self.truth is Truth.FALSE


def proved(having: Sequence[Constraint], wanted: Constraint, reading: Reading) -> bool:
    """Return whether it is proved that what satisfies some constraints satisfies another one."""
    claims = _claims(having, reading, wanted.left)
    return normal(wanted) in map(normal, having) or claims.implies(wanted)


def entails(having: Sequence[Constraint], wanted: Constraint, reading: Reading) -> Answer:
    """Return whether all values that satisfy some constraints satisfy another one."""
    yes = proved(having, wanted, reading)
    return _answer(_claims(having, reading, wanted.left, Atom(wanted, holds=False)), yes=yes)


def unsatisfiable(items: Sequence[Constraint], reading: Reading) -> Answer:
    """Return whether no values satisfy all of some constraints on one operand."""
    claims = _claims(items, reading, items[0].left)
    return _answer(claims, yes=claims.empty)


def never_blocked(
    permitting: Sequence[Constraint], prohibiting: Constraint, reading: Reading
) -> Answer:
    """Return whether all values that satisfy a permission make a prohibition's constraint False."""
    yes = _claims(permitting, reading, prohibiting.left).implies(prohibiting, holds=False)
    return _answer(_claims([*permitting, prohibiting], reading, prohibiting.left), yes=yes)


def _claims(items: Sequence[Constraint], reading: Reading, left: str, *more: Atom) -> Claims:
    atoms = [Atom(item) for item in items if item.left == left]
    return Claims(reading.knowledge.operand(left), [*atoms, *more], reading)


def _answer(claims: Claims, *, yes: bool) -> Answer:
    if yes:
        return Answer(Truth.TRUE)
    witness = next(claims.samples(), ())
    if witness:
        return Answer(Truth.FALSE, witness)
    why = next((why for _, why in claims.opaque), "no value that could be tried settles it")
    return Answer(Truth.UNDETERMINED, missing=why)


def same_constraint(left: Constraint, right: Constraint) -> bool:
    """Return whether two constraints say the same, whatever the spelling of their values."""
    return normal(left) == normal(right)


def implied(
    wanted: Constraint, having: Sequence[Constraint], knowledge: Knowledge | None = None
) -> bool:
    """Return whether some constraints are proved to entail another one."""
    return entails(having, wanted, Reading(knowledge or NOTHING_MORE)).yes


def contradictory(items: Sequence[Constraint], knowledge: Knowledge | None = None) -> bool:
    """Return whether constraints are proved to exclude one another."""
    return bool(items) and unsatisfiable(items, Reading(knowledge or NOTHING_MORE)).yes
