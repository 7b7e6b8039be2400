"""Numbers, names and times that the conditions of a permission state; pure.

Rules: only what is required in every case counts, alternatives do not; the strictest of several
bounds counts; a number that cannot be read as what it must be, or neither computed with nor written
into a receipt, stops the compilation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from math import inf
from typing import Final

from connector.errors import PolicyInvalid
from policies_odrl import Connective, Constraint, LogicalConstraint, Operator
from policies_odrl.model import Condition
from policies_odrl.values import name, number, span

# Largest whole number that canonical JSON writes as it is (RFC 8785, section 3.2.2.3), and with it
# a receipt.
MAX_WHOLE: Final = 2**53 - 1


def required(items: tuple[Condition, ...]) -> tuple[Constraint, ...]:
    """Return the constraints that hold in every case."""
    return tuple(_atoms(items))


def bound(
    atoms: tuple[Constraint, ...],
    left: str,
    pick: Callable[[list[Decimal]], Decimal],
    default: Decimal | None = None,
) -> Decimal:
    """Return the number above zero that bounds an operand.

    Args:
        atoms: as `required` returns them.
        left: IRI of the operand.
        pick: `min` or `max`, which is strictest.
        default: without a bound; None where there must be one.

    Raises:
        PolicyInvalid: a bound is no number above zero, or there is none.
    """
    stated = [number(value) for item in atoms if item.left == left for value in item.right]
    found = [value for value in stated if value is not None and value > 0]
    if len(found) != len(stated):
        raise PolicyInvalid(f"`{left}` needs a number above zero")
    if found:
        return pick(found)
    if default is None:
        raise PolicyInvalid(f"the contract states no `{left}`")
    return default


def figure(value: Decimal, left: str) -> float:
    """Return a number as the ledger computes with it, where it must not become 0 or infinite.

    Raises:
        PolicyInvalid: it would.
    """
    found = float(value)
    if not 0 < found < inf:
        raise PolicyInvalid(f"`{left}` needs a number that can be computed with")
    return found


def whole(value: Decimal, left: str) -> int:
    """Return a whole number that a receipt can state.

    Raises:
        PolicyInvalid: it is none.
    """
    if value != int(value):
        raise PolicyInvalid(f"`{left}` needs a whole number")
    if value > MAX_WHOLE:
        raise PolicyInvalid(f"`{left}` needs a number of at most {MAX_WHOLE}")
    return int(value)


def names(
    atoms: tuple[Constraint, ...], left: str, operators: Collection[Operator]
) -> tuple[str, ...]:
    """Return the names that constraints on an operand state under these operators, each once."""
    found = [
        name(value)
        for item in atoms
        if item.left == left and item.operator in operators
        for value in item.right
    ]
    return tuple(dict.fromkeys(item for item in found if item is not None))


def end(atoms: tuple[Constraint, ...], left: str) -> datetime | None:
    """Return the earliest end that constraints on a time state, UTC, parts of a second cut off.

    Raises:
        PolicyInvalid: one is no date or time.
    """
    ends: list[datetime] = []
    for item in atoms:
        if item.left != left or item.operator not in {Operator.LT, Operator.LTEQ}:
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
