"""Which rows a use reads: from the conditions that a policy states to tests of the minimising step.

A condition is one text: `COLUMN in A | B`, `COLUMN not in A | B`, `COLUMN from X`, `COLUMN to Y`;
ends count, and are numbers or days (ISO 8601). Rules: a row meets all of them, so that more are
stricter; what they name is in the public dictionary, so that a mistake is found before anyone
signs; no row is chosen by whom it is about. Only a provider states conditions (record 0128).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import chain
from typing import Final

from connector.domain.catalog.dataset import Column
from connector.enforcement import figures
from connector.enforcement.ground import Ground
from connector.enforcement.mechanism import Upheld
from connector.enforcement.mechanisms import tables
from connector.enforcement.plan import Label
from connector.enforcement.steps.members import Number
from connector.enforcement.steps.minimise import ANY_OF, AT_LEAST, AT_MOST, NONE_OF, RowTest
from connector.enforcement.terms import ROW_CONDITION
from connector.errors import PolicyInvalid
from policies_odrl import Constraint, Operator, Policy
from policies_odrl.row_conditions import FROM, IN, NOT_IN, TO, readings
from policies_odrl.values import name

_TESTS: Final[Mapping[str, str]] = {
    IN: ANY_OF,
    NOT_IN: NONE_OF,
    FROM: AT_LEAST,
    TO: AT_MOST,
}
TEXT: Final = "category"  # datatypes of a column
NUMBER: Final = "number"
_OPERATORS: Final = frozenset({Operator.IS_ALL_OF})
_HINT: Final = "write `COLUMN in A | B`, `COLUMN not in A | B`, `COLUMN from X` or `COLUMN to Y`"


def upheld(step: str) -> Mapping[str, Upheld]:
    """Return who upholds the operand.

    Args:
        step: name of the step that reads rows, for people.
    """
    by = f"{step}: only rows that meet every condition are used"
    return {ROW_CONDITION: Upheld(Label.ENFORCED, by, _OPERATORS, fits=_readable)}


def tests(atoms: tuple[Constraint, ...], ground: Ground) -> tuple[RowTest, ...]:
    """Return the tests of the rows that a permission lets be used, all of which a row passes.

    Args:
        atoms: what the policy requires.
        ground: the dataset.

    Raises:
        PolicyInvalid: a condition is none, or names a column or a value that the dictionary lacks.
    """
    columns = {each.name: each for each in ground.columns}
    found = [_test(text, columns) for text in _stated(atoms)]
    for each in found:
        if tables.identifies(columns[each.column], ground):
            raise PolicyInvalid(
                f"rows cannot be selected by `{each.column}`, which identifies persons"
            )
    return tuple(dict.fromkeys(found))


def met(policy: Policy, action: str, rows: Collection[RowTest]) -> Mapping[str, RowTest]:
    """Return the conditions on an action that tests of a signed step uphold, each with its test."""
    rules = (each.constraints for each in policy.permissions if each.action.id == action)
    atoms = figures.required(tuple(chain.from_iterable(rules)))
    types = {it.column: TEXT if isinstance(it.values[0], str) else NUMBER for it in rows}
    found = ((text, it) for text in _stated(atoms) for it in _reads(text, types) if it in rows)
    return dict(found)


def _readable(item: Constraint) -> bool:
    """Whether each value of a constraint has the form of a condition."""
    return all(readings(name(value) or "") for value in item.right)


def _stated(atoms: tuple[Constraint, ...]) -> tuple[str, ...]:
    return figures.names(atoms, ROW_CONDITION, _OPERATORS)


def _test(text: str, columns: Mapping[str, Column]) -> RowTest:
    found = list(_reads(text, {each.name: each.datatype for each in columns.values()}))
    if not found:
        named = (each.column for each in readings(text))
        known = next((each for each in named if each in columns), "")
        why = (
            f"its values are not valid for column `{known}`"
            if known
            else "the dataset has no such column"
        )
        raise PolicyInvalid(f"the row condition `{text}`: {why}", hint=_HINT)
    if len(found) > 1:  # one column is called as another is with a sign behind it
        raise PolicyInvalid(f"the row condition `{text}` is ambiguous: it matches two columns")
    column = columns[found[0].column]
    if unknown := [it for it in found[0].values if not _public(it, column, found[0].test)]:
        raise PolicyInvalid(
            f"the row condition `{text}`: the dictionary of `{column.name}` has no `{unknown[0]}`"
        )
    return found[0]


def _reads(text: str, types: Mapping[str, str]) -> Iterator[RowTest]:
    """Yield each test that a condition may state of columns.

    Args:
        text: the condition.
        types: datatype by column.
    """
    for each in readings(text):
        numbers = types.get(each.column) == NUMBER
        values = each.values(numbers=numbers) if each.column in types else ()
        if values:
            yield RowTest(each.column, _TESTS[each.test], tuple(map(_plain, values)))


def _plain(value: str | float) -> str | Number:
    """Return a value as steps have it: a whole number as one."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _public(value: str | Number, column: Column, test: str) -> bool:
    """Whether a value is one that the dictionary says there can be, where it says so."""
    meaning = column.meaning
    if not isinstance(value, str):
        low, high = meaning.range or (value, value)
        listed = [float(each) for each in meaning.values] if test in (ANY_OF, NONE_OF) else []
        return low <= value <= high and (not listed or value in listed)
    return not meaning.values or test in (AT_LEAST, AT_MOST) or value in meaning.values
