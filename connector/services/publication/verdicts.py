"""Decides what a census of a dataset's file means: for publication, and for each job after it.

Rules: more persons than the declared population, too many malformed rows, or a quote left open
refuse. Persons of another register refuse until the operator has said that they are others: else a
second register would give the same persons a fresh cap. A job asks only for the verdict on record,
so that no outcome of it depends on a row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from connector.domain.catalog.dataset import Dataset
from connector.domain.privacy.census import Census, Counts, Overlap
from connector.errors import (
    DataFault,
    DataFileChanged,
    DataFileMissing,
    DataFileUnreadable,
    DataUnchecked,
    DescriptionIncomplete,
    PersonsExceeded,
    PersonsOverlap,
    RowsMalformed,
)
from connector.ports import Not, Transaction


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is on record of a dataset's file.

    Attributes:
        code: why no job runs on it; empty when it passed.
        reasons: the same in words, for the operator.
        census: what was found; None when nothing is on record.
    """

    code: str
    reasons: tuple[str, ...]
    census: Census | None


def verdict(dataset: Dataset, censuses: Iterable[Census]) -> Verdict:
    """Return what is on record of a dataset's file.

    Args:
        dataset: as published now.
        censuses: see `on_record`.
    """
    found = None
    against = []
    for census in censuses:
        if census.dataset_id == dataset.id and census.file == dataset.file.digest:
            found = census
            against += [overlap_line(each) for each in census.open_overlaps]
        elif any(each.register_id == dataset.register_id for each in census.open_overlaps):
            against.append(f"dataset `{census.dataset_id}` may hold persons of this register")
    if found is None:
        return Verdict(DataUnchecked.code, ("the file was not checked yet",), None)
    if found.code:
        return Verdict(found.code, (found.reason,), found)
    return Verdict(PersonsOverlap.code if against else "", tuple(against), found)


def on_record(tx: Transaction, *datasets: Dataset) -> list[Census]:
    """Return all that verdicts on datasets rest on: their censuses, and those with overlaps."""
    own = (tx.censuses.get(each.id) for each in datasets)
    found = [*filter(None, own), *tx.censuses.find(overlaps=Not(()))]
    return list({each.dataset_id: each for each in found}.values())


def passed(tx: Transaction, dataset: Dataset) -> bool:
    """Whether jobs may run on a dataset's file, from what is on record alone."""
    return not verdict(dataset, on_record(tx, dataset)).code


def mend(dataset_id: str, code: str) -> str:
    """Return what the operator can do about a verdict; empty when the file passed."""
    check = f"`preau dataset check {dataset_id}`"
    if not code:
        return ""
    if code == DataUnchecked.code:
        return f"a running node checks it by itself; or run {check}"
    if code == PersonsOverlap.code:
        return (
            f"if they are different persons, run `preau dataset check {dataset_id} "
            f"--distinct REASON`; if they are the same, `preau dataset merge {dataset_id} "
            "REGISTER`"
        )
    if code in OF_THE_FILE:
        anew = f"`preau dataset refresh {dataset_id}`"
        return f"put back the file as it was and run {check}, or use it as it is now: {anew}"
    return "correct the file or its description, and publish it again"


_FEW: Final = 100  # persons, below which a file may be a first delivery or an example
_FAR: Final = 10  # times as many persons as there are
OF_THE_FILE: Final = {each.code for each in (DataFileMissing, DataFileChanged, DataFileUnreadable)}


def judge(dataset: Dataset, counts: Counts) -> DataFault | None:
    """Return why a file with these counts may not be used as described, or None."""
    if counts.quotes:
        return RowsMalformed(
            f"{counts.quotes} rows have a quote that is not closed on their line, so that "
            "their end is unknown",
            hint="write the file without line breaks in its values",
        )
    if counts.malformed > dataset.malformed_share * counts.rows:
        return RowsMalformed(
            f"{counts.malformed} of {counts.rows} rows are malformed ({_faults(counts)}); "
            f"the share may be at most {dataset.malformed_share:.4g}",
            hint="correct the file, or state a larger `malformed_share`: malformed rows take "
            "no part in a job",
        )
    if dataset.personal and counts.persons > dataset.population:
        return PersonsExceeded(
            f"the file has {counts.persons} persons, the declared population is "
            f"{dataset.population}",
            hint="declare a rounded number that is not below the true one",
        )
    return None


def refuse(dataset: Dataset, census: Census) -> None:
    """Stop when a census does not allow publication.

    Raises:
        RowsMalformed: as `judge`, there is no row at all, or most of a column is no number.
        PersonsExceeded: as `judge`.
        DescriptionIncomplete: the declared population is far above the persons of the file, or
            too many values of a column are none that its dictionary lets be.
        PersonsOverlap: persons of another register, and nobody has said that they are others.
    """
    # What follows `judge` refuses here only: a job must not end because of one person's row.
    counts = census.counts
    fault = None
    if counts:
        fault = (
            _useless(counts)
            or judge(dataset, counts)
            or _far(dataset, counts)
            or _outside(dataset, counts)
        )
    if fault is not None:
        raise fault
    if census.open_overlaps:
        first = census.open_overlaps[0].register_id
        raise PersonsOverlap(
            "; ".join(overlap_line(each) for each in census.open_overlaps),
            hint=f'state `register = "{first}"` if they are the same persons, or pass '
            "`--distinct REASON` if they are different ones",
            where={"distinct": "say why, if they are different persons"},
        )


def _useless(counts: Counts) -> DataFault | None:
    """Return why nothing can be learnt from a file, whatever share of it may be malformed."""
    if not counts.rows:
        return RowsMalformed("the file holds no row", hint="publish it once it holds data")
    for each in counts.unreadable:
        if 2 * each.values > counts.rows:
            return RowsMalformed(
                f"{each.values} of {counts.rows} rows have no readable value in `{each.column}`",
                hint="`preau source inspect FILE` proposes the `layout` that says how its values "
                "are written",
            )
    return None


def _far(dataset: Dataset, counts: Counts) -> DataFault | None:
    """Return why the population cannot be that of a file; one of few persons is not judged."""
    declared, found = dataset.population, counts.persons
    if not dataset.personal or found < _FEW or declared <= _FAR * found:
        return None
    return DescriptionIncomplete(
        f"`population` is {declared}, far more than the {found} persons of the file",
        hint="declare the number of persons of this file, rounded up to two significant digits",
    )


def _outside(dataset: Dataset, counts: Counts) -> DataFault | None:
    """Return which column has more values outside its dictionary than may be malformed."""
    for each in counts.outside:
        if each.values > dataset.malformed_share * each.of:
            return DescriptionIncomplete(
                f"{each.values} of {each.of} values of `{each.column}` are outside its range, "
                "list, hierarchy or territory",
                hint="correct the file, or correct the dictionary from the codebook. The "
                "dictionary is public: never copy a range or a value from rows, as that "
                "could reveal something about a person",
            )
    return None


def overlap_line(overlap: Overlap) -> str:
    """Return an overlap in words, for the operator."""
    where = f"register `{overlap.register_id}`"
    if overlap.same_file:
        return f"the same file is published in {where}"
    if overlap.persons:
        return f"{overlap.persons} persons are also in {where}"
    return f"the persons of {where} could not be counted"


def _faults(counts: Counts) -> str:
    parts = {
        "name no person": counts.nameless,
        "have another number of fields": counts.fields,
        "are not UTF-8": counts.encoding,
        **{f"have no readable value in `{each.column}`": each.values for each in counts.unreadable},
    }
    return ", ".join(f"{number} {what}" for what, number in parts.items() if number)
