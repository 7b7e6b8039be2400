"""The mechanism `deliver`: rows, as far protected as the contract says.

Rules: without a level, rows are `Minimised`: direct identifiers are left out unless the policy
lists them. From `Pseudonymised` on each direct identifier that leaves is a pseudonym. `Anonymised`
is only what is about no person: no step here makes persons anonymous.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from connector.domain.catalog.dataset import Column
from connector.enforcement import figures
from connector.enforcement.ground import Ground
from connector.enforcement.mechanism import AT_LEAST, EQ, Upheld
from connector.enforcement.mechanisms import outputs, row_conditions, rows, tables, territories
from connector.enforcement.plan import Label, Step
from connector.enforcement.steps import registry as steps
from connector.enforcement.steps.minimise import AT_LEAST as AT_LEAST_OF
from connector.enforcement.steps.minimise import Minimise, RowTest
from connector.enforcement.steps.pseudonymise import Pseudonymise, Scope
from connector.enforcement.steps.release import (
    ANONYMISED,
    LEVELS,
    MINIMISED,
    PSEUDONYMISED,
    RAW,
    Release,
)
from connector.enforcement.steps.typed import Typed
from connector.enforcement.steps.where import DELIVERED, Where
from connector.enforcement.terms import (
    CELL_COUNT,
    DERIVE,
    DISTRIBUTE,
    FILE_FORMAT,
    PROTECTION,
    PURPOSE,
    READ,
    REPRODUCE,
    REVIEWERS,
    SCOPE,
    USE,
)
from connector.errors import ConstraintUnknown, PolicyInvalid
from policies_odrl import Constraint, Operator, Permission
from policies_odrl.values import name
from policies_odrl.vocabulary import PREAU

NAME: Final = "deliver"
PERSONS: Final = "{person}"  # UCUM section 2.4, §12: what is counted stands in curly braces
FORMATS: Final[Mapping[str, str]] = MappingProxyType(  # what is preferred first
    {
        "arrow": "application/vnd.apache.arrow.stream",
        "parquet": "application/vnd.apache.parquet",
        "csv": "text/csv",
        "jsonl": "application/jsonl",
    }
)
_CLAIMED: Final = frozenset({Operator.EQ, Operator.IS_A, Operator.IS_ANY_OF})
SCOPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        PREAU + "PerContract": "contract",
        PREAU + "PerProject": "project",
        PREAU + "PerCohort": "cohort",
        PREAU + "PerPeriod": "period",
        PREAU + "PerDelivery": "delivery",
    }
)


def _compile(rule: Permission, ground: Ground) -> tuple[Step, ...]:
    atoms = figures.required(rule.constraints)
    level = _level(atoms, ground)
    columns = _columns(atoms, ground, level)
    direct = tuple(each.name for each in columns if tables.identifies(each, ground))
    rows = (*_cells(atoms, ground), *row_conditions.tests(atoms, ground))
    kept = Minimise(tuple(each.name for each in columns), rows)
    made: list[Typed] = [Where(DELIVERED), kept]
    if level == PSEUDONYMISED:
        if not direct:
            raise PolicyInvalid("no column is left to be pseudonymised: list the person column")
        made.append(Pseudonymise(direct, _scope(rule, atoms)))
    made += territories.coarser(atoms, columns, ground)
    made += (*outputs.steps(atoms), Release(level, _formats(atoms)))
    return tuple(map(steps.signed, made))


def _cells(atoms: tuple[Constraint, ...], ground: Ground) -> tuple[RowTest, ...]:
    """Return which rows may leave of data that are cells: those over enough persons.

    Raises:
        PolicyInvalid: rows are about one person each, or no column counts persons.
    """
    if not any(item.left == CELL_COUNT for item in atoms):
        return ()
    if ground.personal:
        raise PolicyInvalid(
            "a minimum of persons per cell is for cells, but each row here is about one person",
            hint="permit `odrl:aggregate`, or publish the table as data of its own",
        )
    counts = [each.name for each in ground.columns if each.meaning.unit == PERSONS]
    if not counts:
        raise PolicyInvalid(
            "no column states how many persons a row is about",
            hint=f"state the unit `{PERSONS}` of the column that counts them",
        )
    least = figures.whole(figures.bound(atoms, CELL_COUNT, max), CELL_COUNT)
    return tuple(RowTest(each, AT_LEAST_OF, (least,)) for each in counts)


def _columns(atoms: tuple[Constraint, ...], ground: Ground, level: str) -> tuple[Column, ...]:
    columns, listed = tables.allowed(atoms, ground)
    if listed or level == RAW:
        return columns
    kept = {ground.person_column} if level == PSEUDONYMISED else set()
    left = tuple(it for it in columns if it.name in kept or not tables.identifies(it, ground))
    if not left:
        raise PolicyInvalid("no column is left: all identify persons, and the policy lists none")
    return left


def _level(atoms: tuple[Constraint, ...], ground: Ground) -> str:
    """Return the least protected level that the policy allows, `Minimised` unless it says `Raw`.

    Raises:
        ConstraintUnknown: no step here makes it.
        PolicyInvalid: it demands two at once.
    """
    stated = [(item.operator, _term(item)) for item in atoms if item.left == PROTECTION]
    exact = {level for operator, level in stated if operator is Operator.EQ}
    least = [level for operator, level in stated if operator is Operator.GTEQ]
    if any(item.left == SCOPE for item in atoms):
        least.append(PSEUDONYMISED)
    if not exact:
        least.append(MINIMISED if ground.personal else ANONYMISED)
    level = max((*exact, *least), key=LEVELS.index)
    if exact and exact != {level}:
        raise PolicyInvalid("the policy demands several levels of protection at once")
    if level == ANONYMISED and ground.personal:
        raise ConstraintUnknown(
            "the level `Anonymised` can be upheld only for data about no person: "
            "no step of this node makes persons anonymous"
        )
    return level


def _scope(rule: Permission, atoms: tuple[Constraint, ...]) -> Scope:
    """Return the scope of the pseudonyms; the contract's, where the policy states none.

    A project is the consumer's, for these purposes, and a cohort the consumer's, of the register
    that the dataset is about; all other scopes are completed by the id of the agreement in which
    the plan stands.
    """
    stated = figures.names(atoms, SCOPE, EQ)
    kinds = {SCOPES[each] for each in stated} or {"contract"}
    if len(kinds) > 1:
        raise PolicyInvalid("the policy demands several scopes of pseudonyms at once")
    kind = kinds.pop()
    purposes = [] if kind == "cohort" else sorted(figures.names(atoms, PURPOSE, _CLAIMED))
    consumer = rule.assignee.id if rule.assignee else ""
    return Scope(kind, tuple(filter(None, (consumer, *purposes))) or (kind,))


def _formats(atoms: tuple[Constraint, ...]) -> tuple[str, ...]:
    known = set(FORMATS)
    for item in atoms:
        if item.left == FILE_FORMAT:
            known &= _known_formats(item)
    if not known:
        raise PolicyInvalid("the policy leaves no file format")
    return tuple(each for each in FORMATS if each in known)


def _known_formats(item: Constraint) -> set[str]:
    stated = {name(value) for value in item.right}
    return {short for short, media in FORMATS.items() if media in stated}


def _term(item: Constraint) -> str:
    return (name(item.right[0]) or "").removeprefix(PREAU)


def _rows(item: Constraint) -> bool:
    """Return whether rows can have the level that a constraint demands."""
    return len(item.right) == 1 and _term(item) in (RAW, MINIMISED, PSEUDONYMISED, ANONYMISED)


def _known_scope(item: Constraint) -> bool:
    return all(name(value) in SCOPES for value in item.right)


MECHANISM: Final = rows.mechanism(
    NAME,
    frozenset({USE, READ, REPRODUCE, DERIVE, DISTRIBUTE}),
    "minimising and releasing steps",
    {
        PROTECTION: Upheld(
            Label.ENFORCED,
            "pseudonymising and releasing steps: no row below this level leaves",
            EQ | AT_LEAST,
            fits=_rows,
        ),
        CELL_COUNT: Upheld(
            Label.ENFORCED, "minimising step: no row over fewer persons leaves", AT_LEAST
        ),
        REVIEWERS: outputs.UPHELD,
        SCOPE: Upheld(
            Label.ENFORCED,
            "pseudonymising step: a key of its own for each scope",
            EQ,
            fits=_known_scope,
        ),
        FILE_FORMAT: Upheld(
            Label.ENFORCED,
            "releasing step: formats of files",
            tables.ONE_OF,
            fits=lambda item: bool(_known_formats(item)),
        ),
    },
    _compile,
)
