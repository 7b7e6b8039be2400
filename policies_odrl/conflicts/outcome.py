"""Whether conditions can be met together: with values, not at all, or not to be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from policies_odrl import text
from policies_odrl.algebra.claims import Atom, Claims
from policies_odrl.algebra.domain import Fact
from policies_odrl.conflicts.verdict import Example
from policies_odrl.logic import Truth
from policies_odrl.values import name
from policies_odrl.vocabulary import Kind

MAX_SHOWN: Final = 3  # conditions that are named where nothing satisfies all


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known of several conditions together.

    Attributes:
        truth: True: they can hold together; False: it is proved that they cannot.
        facts: with True, left operand -> values that a request may state.
        why: with Undetermined, the fact that is lacking; with False, what excludes what.
        example: with True, a request that was evaluated; None where none was asked for.
    """

    truth: Truth
    facts: Mapping[str, tuple[Fact, ...]] = field(default_factory=dict)
    why: str = ""
    example: Example | None = None


def unknown(why: str) -> Outcome:
    """Return that something is lacking."""
    return Outcome(Truth.UNDETERMINED, why=why)


def all_met(outcomes: Sequence[Outcome], lacking: Sequence[str] = ()) -> Outcome:
    """Return whether what is asked of different operands can be met together."""
    never = next((item for item in outcomes if item.truth is Truth.FALSE), None)
    if never is not None:
        return never
    whys = [*lacking, *(item.why for item in outcomes if item.truth is Truth.UNDETERMINED)]
    if whys:
        return unknown("; ".join(dict.fromkeys(whys)))
    return Outcome(Truth.TRUE, {left: it for found in outcomes for left, it in found.facts.items()})


def settled(left: str, claims: Claims) -> Outcome:
    """Return whether what is asked of one operand can be met.

    Raises:
        Exhausted: the work would exceed the budget.
    """
    if claims.operand is None and not claims.opposed:
        return unknown(f"`{text.term(left)}` is not a known left operand")
    if claims.empty:
        return excluded(claims.atoms)
    values = next(claims.samples(), ())
    return Outcome(Truth.TRUE, {left: values}) if values else unknown(_lacking(left, claims))


def excluded(atoms: Sequence[Atom]) -> Outcome:
    """Return that nothing satisfies all of some constraints."""
    lines = list(dict.fromkeys(atom.text for atom in atoms))
    more = f" and {len(lines) - MAX_SHOWN} more" if len(lines) > MAX_SHOWN else ""
    return Outcome(Truth.FALSE, why=f"nothing satisfies {' and '.join(lines[:MAX_SHOWN])}{more}")


def _lacking(left: str, claims: Claims) -> str:
    """Return the first fact that would settle what is asked of one operand."""
    if claims.opaque:
        atom, why = claims.opaque[0]
        return f"{atom.text}: {why}"
    items = [atom.item for atom in claims.atoms]
    if len({item.status for item in items}) > 1:
        return f"{text.term(left)}: where each count starts"
    if len(claims.groups) > 1:
        units = sorted({text.term(item.unit) or "no unit" for item in items})
        return f"{text.term(left)}: how {' and '.join(units)} compare"
    lines = " and ".join(dict.fromkeys(atom.text for atom in claims.atoms))
    kind = claims.operand.kind if claims.operand else None
    if kind in {Kind.CONCEPT, Kind.PLACE, Kind.IDENTITY}:
        return f"{lines}: {_unasserted(claims)}"
    if kind is Kind.DURATION:
        return f"{lines}: how many days a month has"
    return f"{text.term(left)}: no value that can be written"


def _unasserted(claims: Claims) -> str:
    knowledge, operand = claims.reading.knowledge, claims.operand
    named = [name(value) or "" for atom in claims.atoms for value in atom.item.right]
    strange = next((item for item in named if not knowledge.knows(item)), None)
    if strange is not None and operand is not None and operand.kind is not Kind.IDENTITY:
        return f"what `{text.term(strange)}` means is not known"
    first, *others = dict.fromkeys(named)
    if others:
        one, other = text.term(first), text.term(others[0])
        return f"whether `{one}` and `{other}` have anything in common is not asserted"
    return "no name that certainly fits"
