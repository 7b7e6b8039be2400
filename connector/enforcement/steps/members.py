"""How members that several steps have are read."""

from __future__ import annotations

from typing import Final

from federated.reading import MAX_INTEGER, Member

Number = int | float
MOST_COLUMNS: Final = 1000
MOST_VALUES: Final = 1000


def names(member: Member, *, least: int = 0) -> tuple[str, ...]:
    """Return names of columns, each once, in their order.

    Raises:
        StepUnknown: no list of names, a name twice, or too few or too many.
    """
    found = tuple(each.text() for each in member.items(least=least, most=MOST_COLUMNS))
    if len(set(found)) != len(found):
        member.refuse("names a column twice")
    return found


def number(member: Member) -> Number:
    """Return a finite number, an integer where it is written as one.

    Raises:
        StepUnknown: it is none.
    """
    if isinstance(member.value, int) and not isinstance(member.value, bool):
        return member.integer(least=-MAX_INTEGER)
    return member.number()
