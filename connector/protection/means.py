"""What an execution needs beside steps and rows, and what is known when it is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from connector.protection.cells.released import Released
from connector.protection.engine import MEMORY
from federated.persons import Suppressed


@dataclass(frozen=True, slots=True)
class Means:
    """What steps need beside the rows; none of it is part of a plan.

    Attributes:
        root: the node's key of pseudonyms; empty where no step makes any.
        nonce: of this delivery.
        suppressed: persons whose rows are not used; None without.
        memory: most that the engine takes.
        spill: private folder for what is more; None: more is refused.
    """

    root: bytes = field(default=b"", repr=False)
    nonce: bytes = field(default=b"", repr=False)
    suppressed: Suppressed | None = None
    memory: str = MEMORY
    spill: Path | None = None


@dataclass(slots=True)
class Outcome:
    """What was done; kept up to date while rows pass.

    Attributes:
        rows_in: rows that were read, those of persons who objected too: for nobody outside.
        rows_out: rows that left.
        persons: distinct persons in them, once all have left, or those whom cells were made of;
            0 where the data name none, and where cells have noise.
        withheld: cells that did not leave.
        released: what is to be kept of a table, before it leaves; nothing of one with noise.
    """

    rows_in: int = 0
    rows_out: int = 0
    persons: int = 0
    withheld: int = 0
    released: tuple[Released, ...] = ()
