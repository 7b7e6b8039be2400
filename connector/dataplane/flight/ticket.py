"""What a Flight ticket says: which token, and which form of the extract is wanted. Pure.

Rules: the token alone asks for the rows of an Arrow extract, as any Flight client reads them; the
JSON object asks for the bytes of the file from an offset on, whatever its format.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from connector.errors import Malformed, PreauError
from federated.reading import Member

MAX_BYTES: Final = 8 * 1024
_MOST_OFFSET: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Asked:
    """What a ticket asks for.

    Attributes:
        token: as the provider gave it (`identity/pull_token.py`).
        offset: bytes of the file that are there already.
        rows: whether the rows are wanted, and not the file.
    """

    token: str
    offset: int = 0
    rows: bool = False


def write(token: str, offset: int) -> bytes:
    """Return the ticket of a file from an offset on.

    >>> read(write("a.b.c", 7))
    Asked(token='a.b.c', offset=7, rows=False)
    """
    return json.dumps({"token": token, "offset": offset}).encode("ascii")


def read(ticket: bytes) -> Asked:
    """Return what a ticket asks for.

    Raises:
        Malformed: it is too long, not ASCII, or an object of another form.

    >>> read(b"a.b.c")
    Asked(token='a.b.c', offset=0, rows=True)
    """
    if len(ticket) > MAX_BYTES or not ticket.isascii():
        raise Malformed("the ticket is not a token")
    if not ticket.startswith(b"{"):
        return Asked(ticket.decode("ascii"), rows=True)
    try:
        stated = json.loads(ticket)
    except ValueError as exc:
        raise Malformed("the ticket is not a token") from exc
    found = Member(stated, _refusal).fields("token", "offset")
    return Asked(found["token"].text(most=MAX_BYTES), found["offset"].integer(most=_MOST_OFFSET))


def _refusal(pointer: str, fault: str) -> PreauError:
    return Malformed(f"ticket {pointer or '/'}: {fault}")
