"""What the executor of steps knows of the data: types, the person, public ranges and categories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from connector.domain.catalog.layout import Field
from connector.errors import ColumnMissing


@dataclass(frozen=True, slots=True)
class Range:
    """Public limits of a measure.

    Attributes:
        low: least value.
        high: greatest value.
        unit: values are whole multiples of it, or are rounded to one, > 0.
    """

    low: float
    high: float
    unit: float = 1.0


@dataclass(frozen=True, slots=True)
class Ground:
    """The data that a plan is executed on.

    Attributes:
        fields: the columns of each batch, in this order, with the datatypes of `Field`.
        person: column that identifies the person; empty where the data name none.
        person_format: how it is spelled, see `federated.persons`.
        ranges: public limits, by measure.
        categories: public values, by dimension.
        hierarchies: name -> level -> code -> unit, beside those of `territory`.
    """

    fields: tuple[Field, ...]
    person: str = ""
    person_format: str = "text"
    ranges: Mapping[str, Range] = field(default_factory=dict)
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    hierarchies: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)

    def datatype(self, column: str) -> str:
        """Return the datatype of a column.

        Raises:
            ColumnMissing: the data do not have it.
        """
        for each in self.fields:
            if each.name == column:
                return each.datatype
        raise ColumnMissing(f"the data have no column `{column}`")
