"""What a worker found in a dataset's file before it was published, and which persons it is about.

None of it leaves the node: counts of rows and persons are for the operator's own eyes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

DIGEST_BYTES = 8


@dataclass(frozen=True, slots=True)
class ColumnCount:
    """Values of a column that are not as described.

    Attributes:
        column: its name.
        values: how many.
        of: how many there are in all; 0 where that is not said.
    """

    column: str
    values: int
    of: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """What the file holds.

    Attributes:
        rows: all of them.
        persons: distinct ones; 0 for data of no person.
        over: persons with more rows than the description states.
        malformed: rows with a fault of any kind.
        nameless: rows that name no person.
        encoding: rows that are no UTF-8 text.
        fields: rows with another number of fields than the header.
        quotes: rows with a quote that is not closed on their line.
        unreadable: by number column, values that are neither a number nor missing.
        outside: by column, values that its dictionary does not let be.
    """

    rows: int
    persons: int
    over: int
    malformed: int
    nameless: int
    encoding: int
    fields: int
    quotes: int
    unreadable: tuple[ColumnCount, ...] = ()
    outside: tuple[ColumnCount, ...] = ()


@dataclass(frozen=True, slots=True)
class Overlap:
    """Persons that a dataset shares with another register than its own.

    Attributes:
        register_id: the other register.
        persons: how many.
        same_file: whether a dataset of that register has the very same file.
        uncounted: whether not all persons of that register could be counted.
        reason: why they are different persons, as the operator stated; empty: not answered.
    """

    register_id: str
    persons: int
    same_file: bool
    uncounted: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Census:
    """The check of a dataset's file.

    Attributes:
        dataset_id: the dataset.
        file: SHA-256 (hex) of the file.
        counts: what it holds; None when it could not be read.
        code: why it may not be used; empty when nothing but overlaps stands against it.
        reason: the same in words, for the operator.
        overlaps: with other registers.
        at: UTC.
    """

    dataset_id: str
    file: str
    counts: Counts | None
    code: str
    reason: str
    overlaps: tuple[Overlap, ...]
    at: datetime

    @property
    def open_overlaps(self) -> tuple[Overlap, ...]:
        """Those that nobody has answered."""
        return tuple(each for each in self.overlaps if not each.reason)


@dataclass(frozen=True, slots=True)
class RegisterPersons:
    """The persons of every file that was ever published into a register.

    Attributes:
        register_id: the register.
        key: names the key of the digests.
        digests: `DIGEST_BYTES` each, keyed, sorted, each person once.
    """

    register_id: str
    key: str
    digests: bytes

    @property
    def persons(self) -> int:
        """How many."""
        return len(self.digests) // DIGEST_BYTES

    @property
    def parts(self) -> frozenset[bytes]:
        """The digests, one by one."""
        places = range(0, len(self.digests), DIGEST_BYTES)
        return frozenset(self.digests[at : at + DIGEST_BYTES] for at in places)


@dataclass(frozen=True, slots=True)
class SuppressedPersons(RegisterPersons):
    """Persons of a register who objected or withdrew: none of their rows is used."""
