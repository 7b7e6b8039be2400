"""How the file of a published dataset is read: layout, hierarchies, and the task of a use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from connector.domain.catalog.dataset import Dataset
from connector.domain.catalog.layout import JOBS_MISSING, Field, Layout
from connector.domain.transfer.task import Task
from connector.enforcement.plan import Step, Use
from connector.enforcement.steps.generalise import Level
from connector.enforcement.steps.registry import table
from connector.errors import DataFileChanged
from connector.ports import Ports
from connector.services.privacy import suppression


def check_source(ports: Ports, dataset: Dataset) -> None:
    """Stop unless the file of a dataset is the published one.

    Raises:
        DataFileChanged: it is not.
    """
    if ports.sources.digest(Path(dataset.file.path)) != dataset.file.digest:
        raise DataFileChanged(f"the data file of `{dataset.id}` is not the published one")


def task_of(ports: Ports, dataset: Dataset, use: Use, **members: Any) -> Task:
    """Return the task that carries out the steps of a use on a dataset, without who objected.

    Args:
        ports: of this node.
        dataset: that is read.
        use: of a plan.
        members: of `Task`, where they are not those of a use that makes nothing.

    Raises:
        DataFault: a hierarchy is not there, or not the one that was kept.
        StepUnknown: the steps cannot be executed.
    """
    usual = {"columns": (), "cells": None, "format": "", "scope_key": b""}
    return Task(
        path=dataset.file.path,
        layout=layout_of(dataset),
        hierarchies=hierarchies_of(ports, use.steps),
        steps=tuple(each.as_json() for each in use.steps),
        person_column=dataset.person_column,
        person_format=dataset.person_format,
        snapshot=dataset.file.digest,
        suppressed=suppression.suppressed(ports, dataset.register_id),
        **{**usual, **members},
    )


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
