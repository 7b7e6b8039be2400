"""What mechanisms that read rows have alike: what they uphold, see done, do and forbid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from connector.enforcement.audited import DEADLINES, DUTIES, OWN_DUTIES
from connector.enforcement.ground import Ground
from connector.enforcement.mechanism import Mechanism, Upheld
from connector.enforcement.mechanisms import row_conditions, tables
from connector.enforcement.plan import Step
from connector.errors import UseRefused
from policies_odrl import Permission


def mechanism(
    name: str,
    actions: frozenset[str],
    by: str,
    upholds: Mapping[str, Upheld],
    compiled: Callable[[Permission, Ground], tuple[Step, ...]],
    *,
    without: str = "",
) -> Mechanism:
    """Return a mechanism that reads rows.

    Args:
        name: as a plan states it.
        actions: IRIs of the actions that it carries out.
        by: what carries them out, for people.
        upholds: what it upholds of its own.
        compiled: a permission, and the dataset that it is about -> steps, in order.
        without: left operand that it does not uphold, although the others do; empty: none.
    """
    alike = {**tables.CHECKED, **row_conditions.upheld("minimising step")}
    alike.pop(without, None)
    return Mechanism(
        name=name,
        actions=actions,
        by=by,
        upholds=MappingProxyType({**alike, **upholds}),
        compile=compiled,
        codes=tables.CODES,
        refused=UseRefused.code,
        duties=DUTIES,
        own_duties=OWN_DUTIES,
        deadlines=DEADLINES,
        forbids=tables.FORBIDS,
    )
