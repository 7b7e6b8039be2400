"""Hierarchies that a description declares: their files are kept, and what they say is described.

Rule: a file is read once, when the dataset is published; the description has its digest and levels,
and every later use reads the copy of that digest.
"""

from __future__ import annotations

from dataclasses import replace

from connector.domain.catalog import dictionary, hierarchy
from connector.domain.catalog.dataset import Column, Dataset
from connector.errors import DescriptionIncomplete
from connector.ports import Ports


def kept(ports: Ports, dataset: Dataset) -> Dataset:
    """Return a dataset whose hierarchies are kept, each with what its file says.

    Raises:
        DataFault: a file is not there, or is no hierarchy.
        StoreUnavailable: a copy cannot be written.
        DescriptionIncomplete: a column says of its hierarchy what the file does not.
    """
    return replace(dataset, columns=tuple(_kept(ports, each) for each in dataset.columns))


def _kept(ports: Ports, column: Column) -> Column:
    meaning = column.meaning
    declared = meaning.hierarchy
    if declared is None or declared.digest:
        return column
    digest, units = ports.sources.keep(ports.settings.home / declared.path)
    codes, tiers = hierarchy.described(units)
    found = replace(declared, digest=digest, codes=codes, tiers=tiers, path="")
    meaning = replace(meaning, hierarchy=found)
    faults = dictionary.faults(meaning, column.datatype)
    known = next(iter(units.values()))
    if unknown := [each for each in meaning.values if each not in known]:
        faults.append(f"lists `{unknown[0]}`, which is not a code of its hierarchy")
    if faults:
        raise DescriptionIncomplete(f"column `{column.name}` {'; '.join(faults)}")
    return replace(column, meaning=meaning)
