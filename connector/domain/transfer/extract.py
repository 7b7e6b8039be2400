"""An extract: a finished file of protected rows that waits for its consumer. Pure.

Rules: it is served only while it is `READY`, and was `HELD` before where its plan says so. What
it says of its content is fixed from then on.
Who prepares it writes the whole file first and calls it ready last.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

FOLDER: Final = "extracts"  # of the node's home
WAKEUP: Final = "uses"  # wakes the thread that prepares and destroys them
KEPT: Final = timedelta(days=7)  # by the provider, for a consumer that fetches it
_COMMITS: Final = b"preau source commitment 1\0"


class ExtractState(StrEnum):
    """What became of it."""

    PREPARING = "preparing"
    HELD = "held"  # until persons have looked at it
    READY = "ready"
    GONE = "gone"  # its key was destroyed, the file deleted
    FAILED = "failed"  # nothing is there, see the code


ON_DISK: Final = (ExtractState.HELD, ExtractState.READY)  # states in which there is a file


@dataclass(frozen=True, slots=True)
class Content:
    """What both sides say of the same bytes; receipts are compared by it.

    Attributes:
        format: `arrow`, `parquet`, `csv` or `jsonl`.
        rows: in the file.
        bytes: of the file.
        suppressed: rows or cells that the plan withheld.
        digest: SHA-256 of the file, hex.
        plan_digest: SHA-256 of the plan that was executed, hex.
        source: commitment to the source as it was read, hex; see `commitment`.
    """

    format: str
    rows: int
    bytes: int
    suppressed: int
    digest: str
    plan_digest: str
    source: str


def commitment(digest: str, salt: str) -> str:
    """Return what is told of a source to whoever must not guess its content.

    The digest alone would let a consumer test guesses at a small file. Whoever is given digest and
    salt finds that the commitment is to them, and nobody finds another digest for it.

    Args:
        digest: SHA-256 of the source, hex.
        salt: random, 32 bytes, hex.
    """
    return hashlib.sha256(_COMMITS + bytes.fromhex(salt) + bytes.fromhex(digest)).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """A file of protected rows in the provider's home, or one in the making.

    Attributes:
        id: `urn:uuid:…`.
        agreement_id: IRI of the contract whose plan is executed.
        consumer: DID of who may have it.
        request_id: the consumer's own id of the use that it asked for.
        plan_digest: SHA-256 of the plan, hex.
        snapshot_digest: SHA-256 of the source as it was read, hex; empty before. No peer gets it.
        salt: of the commitment to it, hex; empty before.
        digest: SHA-256 of the file, hex; empty before it is ready.
        rows: in the file.
        bytes: of the file.
        suppressed: rows or cells that the plan withheld.
        format: `arrow`, `parquet`, `csv` or `jsonl`.
        path: of the file, below the home's folder `extracts`; empty while there is none.
        sealed_key: of the file, hex, wrapped by a key of the home; empty once it is destroyed.
        state: see `ExtractState`.
        code: stable code of a failure; empty otherwise.
        made_at: when it was asked for, then when it was ready, UTC.
        due_at: when it is to be deleted, UTC; None where no duty says so.
    """

    id: str
    agreement_id: str
    consumer: str
    request_id: str
    plan_digest: str
    snapshot_digest: str = ""
    salt: str = field(default="", repr=False)
    digest: str = ""
    rows: int = 0
    bytes: int = 0
    suppressed: int = 0
    format: str
    path: str = ""
    sealed_key: str = field(default="", repr=False)
    state: ExtractState = ExtractState.PREPARING
    code: str = ""
    made_at: datetime
    due_at: datetime | None = None

    @property
    def content(self) -> Content:
        """What a receipt says of it."""
        return Content(
            self.format,
            self.rows,
            self.bytes,
            self.suppressed,
            self.digest,
            self.plan_digest,
            commitment(self.snapshot_digest, self.salt),
        )
