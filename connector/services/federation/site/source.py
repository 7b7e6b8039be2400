"""What a site's receipts say of the rows that a job reads: a commitment, which its log opens."""

from __future__ import annotations

import secrets
from typing import Final

from connector.domain.transfer.extract import commitment
from connector.jsonld.canonical import parse_object
from connector.ports import Transaction

EVENT: Final = "job.source"
_MOST: Final = 1000


def committed(tx: Transaction, job_id: str, digest: str) -> str:
    """Return the commitment of a job to the rows that it reads, the same for all its rounds.

    Args:
        tx: writes the salt into the log, once for each snapshot.
        job_id: IRI.
        digest: SHA-256 of the rows, hex.
    """
    for entry in tx.audit.entries(subject=job_id, kind=EVENT, limit=_MOST):
        facts = parse_object(entry.event)["facts"]
        if facts["digest"] == digest:
            return commitment(digest, facts["salt"])
    salt = secrets.token_hex(32)
    tx.audit.append(EVENT, job_id, digest=digest, salt=salt)
    return commitment(digest, salt)
