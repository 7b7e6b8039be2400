"""A request for a use of a contract, as its provider decided it. Pure.

Rules: it is decided once; the same request gets the same answer again. What became of an accepted
one is its extract, which has the same id.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """A request and its decision.

    Attributes:
        consumer: DID of who asked.
        request_id: the consumer's own id of it.
        id: ours, `urn:uuid:…`.
        agreement_id: IRI of the contract; empty where it was not known.
        action: IRI; empty where the request could not be read.
        request: exact bytes that the consumer signed.
        signature: compact JWS, detached.
        digest: SHA-256 of the request, hex.
        code: of a refusal; empty where it was accepted.
        reasons: of a refusal.
        at: when it was decided, UTC.
    """

    consumer: str
    request_id: str
    id: str
    agreement_id: str
    action: str
    request: bytes
    signature: str
    digest: str
    code: str = ""
    reasons: tuple[str, ...] = ()
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedTables:
    """What is kept of a table that left, so that later ones can be compared with it.

    Attributes:
        use_id: of the use that made it.
        dataset_id: what it is of.
        body: canonical JSON, see `connector/protection/cells/released.py`.
        at: when it left, UTC.
    """

    use_id: str
    dataset_id: str
    body: bytes
    at: datetime
