"""Questions about constraints on one left operand, each a line over what they denote.

Every answer is sound in three values: Yes is proved, No comes with values that show it, and Unknown
says what is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from policies_odrl.algebra.budget import Exhausted
from policies_odrl.algebra.claims import Atom, Claims, denote, domain_of
from policies_odrl.algebra.domain import Fact
from policies_odrl.algebra.extent import Reading
from policies_odrl.logic import Truth
from policies_odrl.model import Constraint


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question.

    Attributes:
        truth: Yes, No or Unknown.
        witness: with No, values of the operand that show it.
        missing: with Unknown, what would settle it.
    """

    truth: Truth
    witness: tuple[Fact, ...] = ()
    missing: str = ""

    def __bool__(self) -> bool:
        raise TypeError("an answer has three values: compare its `truth`")

    @property
    def yes(self) -> bool:
        """Whether it is proved."""
        return self.truth is Truth.TRUE

    @property
    def no(self) -> bool:
        """Whether a witness shows that it is not so."""
        return self.truth is Truth.FALSE


YES = Answer(Truth.TRUE)


def entails(having: Sequence[Constraint], wanted: Constraint, reading: Reading) -> Answer:
    """Return whether all values that satisfy some constraints satisfy another one.

    For prohibitions read it the other way round: a ban is the wider one where it may be True of
    more (`possible`).

    >>> from policies_odrl.model import ODRL, XSD, Literal, Operator
    >>> def width(operator, value):
    ...     right = (Literal(value, XSD + "decimal"),)
    ...     return Constraint(ODRL + "resolution", Operator(operator), right)
    >>> entails([width("lt", "5")], width("neq", "5"), Reading()).yes
    True
    >>> entails([width("lteq", "6")], width("lteq", "5"), Reading()).witness
    (Decimal('6'),)
    """
    try:
        claims = _claims(having, reading, wanted.left)
        if claims.states(wanted) or claims.implies(wanted):
            return YES
        against = _claims(having, reading, wanted.left, Atom(wanted, holds=False))
        return _shown(against)
    except Exhausted as exc:
        return Answer(Truth.UNDETERMINED, missing=str(exc))


def unsatisfiable(items: Sequence[Constraint], reading: Reading) -> Answer:
    """Return whether no values satisfy all of some constraints on one operand."""
    try:
        claims = _claims(items, reading, items[0].left)
        return YES if claims.empty else _shown(claims)
    except Exhausted as exc:
        return Answer(Truth.UNDETERMINED, missing=str(exc))


def never_both(mine: Constraint, other: Constraint, reading: Reading) -> Answer:
    """Return whether no values satisfy both of two constraints on one operand."""
    return unsatisfiable([mine, other], reading)


def never_blocked(
    permitting: Sequence[Constraint], prohibiting: Constraint, reading: Reading
) -> Answer:
    """Return whether all values that satisfy a permission make a prohibition's constraint False.

    A prohibition holds unless it is False, so that what nobody can tell blocks.
    """
    try:
        if _claims(permitting, reading, prohibiting.left).implies(prohibiting, holds=False):
            return YES
        return _shown(_claims([*permitting, prohibiting], reading, prohibiting.left))
    except Exhausted as exc:
        return Answer(Truth.UNDETERMINED, missing=str(exc))


def always(item: Constraint, reading: Reading) -> bool:
    """Return whether every value that the operand can have satisfies a constraint."""
    operand = reading.knowledge.operand(item.left)
    domain = domain_of(operand, reading) if operand else None
    if domain is None:
        return False
    extent = denote(item, domain)
    return not extent.opaque and all(
        domain.universe(extent.axis).within(found) for found in extent.sets
    )


def sample(items: Sequence[Constraint], reading: Reading) -> tuple[Fact, ...]:
    """Return values that satisfy all of some constraints on one operand; empty: none was found."""
    try:
        return next(_claims(items, reading, items[0].left).samples(), ())
    except Exhausted:
        return ()


def _claims(items: Sequence[Constraint], reading: Reading, left: str, *more: Atom) -> Claims:
    atoms = [Atom(item) for item in items if item.left == left]
    return Claims(reading.knowledge.operand(left), [*atoms, *more], reading)


def _shown(claims: Claims) -> Answer:
    """Return No with a witness of what would have to be impossible, or what is missing."""
    witness = next(claims.samples(), ())
    if witness:
        return Answer(Truth.FALSE, witness)
    why = next((why for _, why in claims.opaque), "")
    if not why and len(claims.groups) > 1:
        why = "how the units compare, or where each count starts"
    return Answer(Truth.UNDETERMINED, missing=why or "no value that could be tried settles it")
