"""How the file of a published dataset is read, and with which hierarchies."""

from __future__ import annotations

from pathlib import Path

from connector.domain.catalog.dataset import Dataset
from connector.domain.catalog.layout import JOBS_MISSING, Field, Layout
from connector.enforcement.plan import Step
from connector.enforcement.steps.generalise import Level
from connector.enforcement.steps.registry import table
from connector.errors import DataFileChanged
from connector.ports import Ports


def check_source(ports: Ports, dataset: Dataset) -> None:
    """Stop unless the file of a dataset is the published one.

    Raises:
        DataFileChanged: it is not.
    """
    if ports.sources.digest(Path(dataset.file.path)) != dataset.file.digest:
        raise DataFileChanged(f"the data file of `{dataset.id}` is not the published one")


def layout_of(dataset: Dataset) -> Layout:
    """Return how a published file is read: only such files are published (`describing.py`)."""
    csv = dataset.file.format == "csv"
    types = {"number": "number", "category": "text"}
    return Layout(
        format=dataset.file.format,
        fields=tuple(Field(each.name, types[each.datatype]) for each in dataset.columns),
        missing=JOBS_MISSING,
        encoding="utf-8" if csv else "",
        separator="," if csv else "",
        quote='"' if csv else "",
    )


def hierarchies_of(ports: Ports, steps: tuple[Step, ...]) -> dict[str, str]:
    """Return where the files of the declared hierarchies are that steps name, by digest.

    Raises:
        DataFault: one is not there, or not the one that was kept.
        StepUnknown: the steps cannot be executed.
    """
    hows = (each.how for each in table(steps).generalise)
    named = {each.digest for each in hows if isinstance(each, Level) and each.digest}
    return {digest: str(ports.sources.kept(digest)) for digest in sorted(named)}
