"""The columns of a dataset with their data dictionary, as the management API answers them."""

from collections.abc import Iterable

from pydantic import BaseModel, Field

from connector.domain.catalog.dataset import Column
from connector.domain.catalog.hierarchy import Hierarchy


class CategoryView(BaseModel, frozen=True, extra="ignore"):
    """A value of a public list."""

    value: str
    labels: dict[str, str] = Field(default={}, description="language tag -> text")


class HierarchyView(BaseModel, frozen=True, extra="ignore"):
    """A hierarchy of codes that a steward declares."""

    name: str
    source: str = Field(description="who publishes it")
    date: str = Field(description="from when on it holds")
    digest: str = Field(description="SHA-256 of its file")
    codes: int = Field(description="how many there are")
    levels: dict[str, int] = Field(description="level -> units, the smallest level first")


class ColumnView(BaseModel, frozen=True, extra="ignore"):
    """A column as its provider describes it, with what its dictionary says; all of it is public."""

    name: str
    kind: str
    datatype: str
    description: str = ""
    labels: dict[str, str] = Field(default={}, description="language tag -> text")
    unit: str = Field(default="", description="UCUM code")
    lower: float | None = Field(default=None, description="least value that there can be")
    upper: float | None = Field(default=None, description="greatest value that there can be")
    categories: list[CategoryView] = Field(default=[], description="all values that there can be")
    missing: float | str | None = Field(
        default=None,
        description="number that stands for a missing value, or `indicator` or `refuse`: what "
        "training does without one; none: not stated",
    )
    spelling: list[str] = Field(default=[], description="ignored when values are compared")
    territory: str = Field(default="", description="whose codes the column holds")
    hierarchy: HierarchyView | None = Field(default=None, description="declared, of its codes")
    leaves_as: str = Field(
        default="", description="smallest level, or how coarse, the column leaves"
    )


def columns(values: Iterable[Column]) -> list[ColumnView]:
    """Return what columns are, and what their values mean."""
    return [
        ColumnView(
            name=each.name,
            kind=each.kind.value,
            datatype=each.datatype,
            description=each.description,
            labels=dict(each.meaning.labels),
            unit=each.meaning.unit,
            lower=each.meaning.lower,
            upper=each.meaning.upper,
            categories=[
                CategoryView(value=it.value, labels=dict(it.labels))
                for it in each.meaning.categories
            ],
            missing=each.meaning.for_none,
            spelling=list(each.meaning.spelling),
            territory=each.meaning.territory,
            hierarchy=_hierarchy(each.meaning.hierarchy) if each.meaning.hierarchy else None,
            leaves_as=each.meaning.leaves_as,
        )
        for each in values
    ]


def _hierarchy(value: Hierarchy) -> HierarchyView:
    return HierarchyView(
        name=value.name,
        source=value.source,
        date=value.date,
        digest=value.digest,
        codes=value.codes,
        levels={each.name: each.count for each in value.tiers},
    )
