"""Members of a space, as its authority keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Membership:
    """One admission.

    Attributes:
        did: member.
        name: legal name as admitted.
        role: role in the space (`member`, `provider`, `research` …).
        index: position in the Bitstring status list.
        credential: the membership credential, VC-JWT.
        issued_at: UTC.
        valid_until: UTC.
        revoked: why it was revoked; empty while it stands.
    """

    did: str
    name: str
    role: str
    index: int
    credential: str
    issued_at: datetime
    valid_until: datetime
    revoked: str = ""
