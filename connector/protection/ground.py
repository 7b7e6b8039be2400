"""What the executor of steps knows of the data: types and the person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from connector.domain.catalog.hierarchy import Units
from connector.domain.catalog.layout import Field
from connector.errors import ColumnMissing


@dataclass(frozen=True, slots=True)
class Ground:
    """The data that a plan is executed on.

    Attributes:
        fields: the columns of each batch, in this order, with the datatypes of `Field`.
        person: column that identifies the person; empty where the data name none.
        person_format: how it is spelled, see `federated.persons`.
        hierarchies: declared ones, by the digest of their file, beside those of `territory`.
    """

    fields: tuple[Field, ...]
    person: str = ""
    person_format: str = "text"
    hierarchies: Mapping[str, Units] = field(default_factory=dict)

    def datatype(self, column: str) -> str:
        """Return the datatype of a column.

        Raises:
            ColumnMissing: the data do not have it.
        """
        for each in self.fields:
            if each.name == column:
                return each.datatype
        raise ColumnMissing(f"the data have no column `{column}`")
