"""Proposes how a file is read and what its columns are, then reads it whole by that proposal.

Rules: what is proposed comes with its reason and whether a person must confirm it; numbers are of
the whole file, up to a bound that is said; nothing of a row leaves but numbers. Runs in the
confined child (`connector/sources/worker.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from connector.domain.catalog.dataset import ColumnClass
from connector.domain.catalog.layout import DATES, Field, Layout
from connector.sources.inspection import classes, datatypes
from connector.sources.inspection.classes import Seen
from connector.sources.inspection.datatypes import Guess
from connector.sources.inspection.sample import Sample
from connector.sources.inspection.words import Reason
from connector.sources.origins import Origin
from connector.sources.reading import Tally

MOST_ROWS: Final = 5_000_000
MOST_PERSONS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Counted:
    """What the whole file holds.

    Attributes:
        tally: rows, missing and unreadable values.
        whole: whether all rows were read.
        persons: how many rows each person has, by a number for the person.
        all_persons: whether there were not more than `MOST_PERSONS`.
    """

    tally: Tally
    whole: bool
    persons: Mapping[int, int]
    all_persons: bool


def inspect(origin: Origin) -> dict[str, Any]:
    """Return what is proposed for a file, a folder or a table, as JSON.

    Raises:
        DataFileMissing: it is not there.
        DataFileUnreadable: it is of no format that is read, or a line of it is no row.
        ColumnMissing: files of a folder have other columns than the first.
    """
    sample = origin.sample()
    present = {
        name: [each for each in values if each and each not in datatypes.ABSENT]
        for name, values in sample.values.items()
    }
    guesses = {name: _guess(sample, name, values) for name, values in present.items()}
    decimal, votes = _decimal(guesses)
    guesses = {name: _agreeing(each, decimal) for name, each in guesses.items()}
    found = {
        name: classes.class_of(Seen(name, values, guesses[name].datatype))
        for name, values in present.items()
    }
    person = _person(found)
    absent = sorted(
        {
            spelling
            for name, values in sample.values.items()
            for spelling in datatypes.absent_in(values, guesses[name].datatype)
        }
    )
    layout = Layout(
        format=sample.format,
        fields=tuple(_field(name, each, found[name][0]) for name, each in guesses.items()),
        folder=origin.folder,
        decimal=decimal,
        missing=tuple(absent),
        **sample.stated,
    )
    reasons = {**sample.reasons, **votes}
    reasons |= {"missing": Reason("missing", sure=False)} if absent else {}
    return _body(layout, guesses, found, reasons, person, count(origin, layout, person))


def count(origin: Origin, layout: Layout, person: str = "") -> Counted:
    """Read rows by a layout and count; of persons, no more than a number is kept.

    Raises:
        DataFileMissing: it is not there.
        DataFileUnreadable: a line of it is no row.
        ColumnMissing: it lacks a column.
    """
    tally, persons, all_persons = Tally(), Counter[int](), True
    for batch in origin.batches(layout, tally):
        if person and all_persons:
            found = batch.column(person).drop_null().value_counts()
            names, rows = (found.field(part).to_pylist() for part in ("values", "counts"))
            for name, number in zip(names, rows, strict=True):
                persons[hash(name)] += number
            all_persons = len(persons) <= MOST_PERSONS
        if tally.rows >= MOST_ROWS:
            return Counted(tally, whole=False, persons=persons, all_persons=all_persons)
    return Counted(tally, whole=True, persons=persons, all_persons=all_persons)


def _guess(sample: Sample, name: str, values: list[str]) -> Guess:
    kind = sample.natives.get(name)
    if kind is None:
        return datatypes.guess(values)
    return Guess(kind, Reason("file-type"), DATES[0] if kind == "date" else "")


def _decimal(guesses: Mapping[str, Guess]) -> tuple[str, dict[str, Reason]]:
    signs = Counter(each.decimal for each in guesses.values() if each.decimal)
    if not signs:
        return ".", {}
    sign = signs.most_common(1)[0][0]
    return sign, {"decimal": Reason("decimal", sure=len(signs) == 1, given=(sign,))}


def _agreeing(guess: Guess, decimal: str) -> Guess:
    if guess.decimal in ("", decimal):
        return guess
    return Guess("text", Reason("other-decimal", sure=False))


def _field(name: str, guess: Guess, kind: ColumnClass) -> Field:
    """Return the column of a layout; an identifier stays as it is spelled."""
    if kind is ColumnClass.DIRECT_IDENTIFIER:
        return Field(name, "text")
    return Field(name, guess.datatype, guess.date)


def _person(found: Mapping[str, tuple[ColumnClass, Reason]]) -> str:
    ranked = [(classes.rank(reason.code), name) for name, (_, reason) in found.items()]
    best = max((rank for rank, _ in ranked), default=0)
    return next((name for rank, name in ranked if rank == best), "") if best else ""


def _body(
    layout: Layout,
    guesses: Mapping[str, Guess],
    found: Mapping[str, tuple[ColumnClass, Reason]],
    reasons: Mapping[str, Reason],
    person: str,
    counted: Counted,
) -> dict[str, Any]:
    tally, persons = counted.tally, counted.persons
    notes = [Reason("person" if person else "no-person", sure=False)]
    notes.append(Reason("dictionary", sure=False))
    notes += [] if counted.all_persons else [Reason("many-persons")]
    notes += [] if counted.whole else [Reason("first-rows", given=(str(MOST_ROWS),))]
    columns = [
        {
            "name": field.name,
            "class": found[field.name][0].value,
            "datatype": field.datatype,
            "missing": tally.missing.get(field.name, 0),
            "unreadable": tally.unreadable.get(field.name, 0),
            "reasons": [guesses[field.name].reason.body(), found[field.name][1].body()],
        }
        for field in layout.fields
    ]
    return {
        "layout": layout.body(),
        "layout_reasons": {name: each.body() for name, each in reasons.items()},
        "columns": columns,
        "rows": tally.rows,
        "whole": counted.whole,
        "person_column": person,
        "persons": len(persons) if counted.all_persons else 0,
        "rows_per_person": max(persons.values(), default=0) if counted.all_persons else 0,
        "notes": [each.body() for each in notes],
    }
