"""How the file of a published dataset is read."""

from __future__ import annotations

from connector.domain.catalog.dataset import Dataset
from connector.domain.catalog.layout import JOBS_MISSING, Field, Layout


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
