"""What `audited` means: which entries of the log tell afterwards that a line was upheld. Pure.

Rules: a duty is seen done by what its debtor signs, which the log of each party has; an act that is
forbidden is seen by whoever states that it happened. So a line says by which entries, and a query
finds them. Nothing found is nothing found: it proves no act, and no line says more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from connector.domain.contract.duty import DeedKind, Duty
from connector.enforcement.mechanism import AT_MOST, Upheld
from connector.enforcement.plan import CoverageLine, Label
from connector.enforcement.terms import DATE_TIME, ELAPSED_TIME, SINCE_RESULTS
from policies_odrl import Constraint, Operator
from policies_odrl.model import ODRL
from policies_odrl.values import name

DONE: Final = f"duty.{DeedKind.DONE}"
BREACHED: Final = f"duty.{DeedKind.BREACHED}"
_BY: Final = "log of both parties"
_BELOW: Final = frozenset({"duty", "odrl:consequence", "odrl:remedy"})

# A mechanism that lets its consumers be held to duties takes these tables.
_RECORDED: Final = Upheld(
    Label.AUDITED, f"signed statement of the debtor: `{DONE}` in the {_BY}, about this duty"
)
_RECEIPT: Final = Upheld(
    Label.AUDITED,
    f"signed receipt: `{DONE}` in the {_BY}, about this duty, held to what was delivered",
)
DUTIES: Final[Mapping[str, Upheld]] = MappingProxyType(
    {
        **{
            ODRL + action: _RECORDED
            for action in ("inform", "attribute", "obtainConsent", "compensate", "reviewPolicy")
        },
        ODRL + "delete": _RECEIPT,
    }
)

# What a provider owes to delete its own node does: a mechanism that leaves copies with it takes it.
OWN_DUTIES: Final[Mapping[str, Upheld]] = MappingProxyType(
    {
        ODRL + "delete": Upheld(
            Label.ENFORCED,
            "the provider's node: it destroys the keys of all copies made under the contract by "
            f"the deadline, and states so itself, signed (`{DONE}`)",
        )
    }
)


def _of_the_use(item: Constraint) -> bool:
    """Return whether an event is the use itself; those that a party dates have operands."""
    return [name(value) for value in item.right] == [ODRL + "policyUsage"]


_CLOCK: Final = "obligations clock of both parties; a use is refused once the deadline has passed"
CLOCKED: Final = frozenset({DATE_TIME, ELAPSED_TIME})  # what gives a duty a deadline
_UNTIL: Final = AT_MOST | {Operator.LT}
DEADLINES: Final[Mapping[str, Upheld]] = MappingProxyType(
    {
        DATE_TIME: Upheld(Label.CHECKED, _CLOCK, _UNTIL | {Operator.GT, Operator.GTEQ}),
        ELAPSED_TIME: Upheld(Label.CHECKED, f"{_CLOCK}, from each use", AT_MOST),
        ODRL + "event": Upheld(
            Label.CHECKED,
            "evaluation of each use, by what was stated before it",
            frozenset({Operator.LT, Operator.GT}),
            fits=_of_the_use,
        ),
        SINCE_RESULTS: Upheld(
            Label.CHECKED, f"{_CLOCK}, from the results as the provider dates them", AT_MOST
        ),
    }
)


class Found(StrEnum):
    """What the log shows of an audited line."""

    EVENTS = "found"
    NONE = "none found"
    NOT_YET = "not yet due"


@dataclass(frozen=True, slots=True)
class Query:
    """Entries of the log that tell of a line: of one kind, about one rule of one contract.

    Attributes:
        kind: of the entries.
        about: JSON pointer of the rule, which they state; empty: whatever they are about.
    """

    kind: str
    about: str

    def matches(self, kind: str, about: str) -> bool:
        """Return whether an entry is one of those."""
        return kind == self.kind and self.about in ("", about)


@dataclass(frozen=True, slots=True)
class Audited:
    """An audited line, and what the log shows of it.

    Attributes:
        line: as both parties signed it.
        query: what was looked for.
        found: what that gave.
        entries: indexes in the log.
    """

    line: CoverageLine
    query: Query
    found: Found
    entries: tuple[int, ...]


def query(line: CoverageLine) -> Query:
    """Return what is to be looked for to verify an audited line."""
    parts = line.path.split("/")
    rule = "/".join(parts[:3])
    if "prohibition" in parts[:2] and "odrl:remedy" not in parts:
        return Query(BREACHED, rule)
    ends = [at + 2 for at, part in enumerate(parts) if part in _BELOW]
    if ends or parts[1] == "obligation":
        return Query(DONE, "/".join(parts[: max([3, *ends])]))
    return Query("use.ready", "")


def audit(
    lines: Iterable[CoverageLine],
    duties: Mapping[str, Duty],
    entries: Iterable[tuple[int, str, str]],
) -> tuple[Audited, ...]:
    """Return what the log shows of each audited line, in the table's order.

    Args:
        lines: the table that both parties signed.
        duties: where they stand now, by JSON pointer.
        entries: of the contract: index, kind, and the rule that it is about (may be empty).
    """
    known = list(entries)
    found: list[Audited] = []
    for line in lines:
        if line.label is not Label.AUDITED:
            continue
        asked = query(line)
        at = tuple(index for index, kind, about in known if asked.matches(kind, about))
        duty = duties.get(asked.about)
        missed = duty is not None and duty.state == "violated"
        waits = asked.kind == DONE and not missed  # or nothing has brought it about
        none = Found.NOT_YET if waits else Found.NONE
        found.append(Audited(line, asked, Found.EVENTS if at else none, at))
    return tuple(found)
