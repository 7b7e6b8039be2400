"""The dataset that a plan is compiled for, as its description states it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from connector.domain.catalog.dataset import Column


class Described(Protocol):
    """What describes a dataset: our own entry, or the facts of a peer's description."""

    @property
    def personal(self) -> bool:
        """Whether it holds personal data."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """In file order."""

    @property
    def person_column(self) -> str:
        """Column that identifies the person; may be empty."""

    @property
    def rows_per_person(self) -> int:
        """Most rows of one person."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What a mechanism may know of a dataset.

    Attributes:
        columns: in file order.
        person_column: column that identifies the person; empty where there is none.
        rows_per_person: most rows of one person, >= 1.
        personal: whether it holds personal data.
    """

    columns: tuple[Column, ...]
    person_column: str
    rows_per_person: int
    personal: bool = True

    @classmethod
    def of(cls, described: Described) -> Ground:
        """Return what a description states."""
        rows, personal = described.rows_per_person, described.personal
        return cls(described.columns, described.person_column, rows, personal)
