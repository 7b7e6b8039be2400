"""Names of messages whose sender names none, as peers do that are no Préau nodes.

Rules: such a message is named by its content (`protocol/dsp/members.py`), and here by the message
before it too, since the same content may be meant twice: suspended, resumed, suspended again.
INVARIANT: only the last message of a process can come again; anything else is new, and the table
judges it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from connector.jsonld.canonical import b64url
from connector.ports import Transaction

BY_CONTENT: Final = "ni:///sha-256;"  # RFC 6920


def by_content(message_id: str) -> bool:
    """Return whether a message is named by its content."""
    return message_id.startswith(BY_CONTENT)


def named(tx: Transaction, peer: str, heard: str, message_id: str, digest: str) -> str:
    """Return the name under which the answer to a message is kept.

    Args:
        tx: the transaction.
        peer: DID of the sender.
        heard: name of the last such message that moved the process; empty before the first.
        message_id: as it was read.
        digest: SHA-256 of the message, hex.
    """
    if not heard or not by_content(message_id):
        return message_id
    known = tx.inbox.get(peer, heard)
    if known is not None and known.digest == digest:
        return heard
    return BY_CONTENT + b64url(sha256(f"{heard} {message_id}".encode()).digest())
