"""Who is logged in: sessions, in the memory of this process.

Rules: a session has a name of 256 bits that only its cookie knows; it is new at each login, ends
half an hour after its last page and eight hours after its first, at logout, with the process, and
when its account is changed or closed, also between the password and the first page. An account has
few at once, so that nobody's logins push others out. Each has a word of its own that every form
must bring back; it is written otherwise on each page, so that the length of a compressed one tells
nothing of it.

Source: OWASP ASVS 5.0, V7 (sessions) and V3.5 (requests of other sites); Gluck, Harris, Prado,
"BREACH", 2013, section 3.4 (masking secrets).
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from connector.domain.account import Account

IDLE: Final = timedelta(minutes=30)
LONGEST: Final = timedelta(hours=8)
MOST: Final = 4096  # at once; the one unused longest makes room
MOST_OF_ONE: Final = 16  # of an account, likewise
COOKIE: Final = "__Host-preau"
_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is logged in.

    Attributes:
        account: as it was then.
        word: that forms bring back, masked.
        begun_at: UTC.
        seen_at: of the last page, UTC.
    """

    account: Account
    word: bytes = field(repr=False)
    begun_at: datetime
    seen_at: datetime

    def masked(self) -> str:
        """Return the word as a page holds it, another each time: a mask, and the word under it."""
        mask = secrets.token_bytes(_BYTES)
        return (mask + _under(mask, self.word)).hex()

    def brings(self, word: str) -> bool:
        """Say whether a form is of this session."""
        try:
            brought = bytes.fromhex(word)
        except ValueError:
            return False
        mask, held = brought[:_BYTES], brought[_BYTES:]
        return len(held) == _BYTES and hmac.compare_digest(_under(mask, held), self.word)


class Sessions:
    """The sessions of a process; thread-safe."""

    def __init__(
        self, standing: Callable[[str], Account | None], now: Callable[[], datetime]
    ) -> None:
        """Begin with none.

        Args:
            standing: returns an account as it is now, by its name; None where it is closed.
            now: the time, UTC.
        """
        self._standing, self._now = standing, now
        self._lock = threading.Lock()
        self._open: dict[bytes, Session] = {}

    def begin(self, account: Account) -> str:
        """Let somebody in; return the name of the session, for the cookie."""
        name, now = secrets.token_urlsafe(_BYTES), self._now()
        made = Session(account, secrets.token_bytes(_BYTES), now, now)
        with self._lock:
            self._make_room(account.id, MOST_OF_ONE)
            self._make_room("", MOST)
            self._open[_key(name)] = made
        return name

    def find(self, name: str, *, used: bool = True) -> Session | None:
        """Return a session that goes on; None where there is none.

        Args:
            name: of the cookie.
            used: whether somebody asks for a page, which lets it go on longer.
        """
        now, key = self._now(), _key(name)
        with self._lock:
            found = self._open.get(key)
        if found is None:
            return None
        known = self._standing(found.account.name)
        old = now - found.seen_at > IDLE or now - found.begun_at > LONGEST
        if old or known is None or known.changed_at != found.account.changed_at:
            self.end(name)
            return None
        if not used:
            return found
        seen = replace(found, seen_at=now)
        with self._lock:
            if key in self._open:
                self._open[key] = seen
        return seen

    def _make_room(self, account: str, most: int) -> None:
        """End the session unused longest, of an account or of all, where there are so many."""
        known = [key for key, each in self._open.items() if account in ("", each.account.id)]
        if len(known) >= most:
            del self._open[min(known, key=lambda key: self._open[key].seen_at)]

    def end(self, name: str) -> None:
        """Let a session go on no longer."""
        with self._lock:
            self._open.pop(_key(name), None)


def _under(mask: bytes, word: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(mask, word, strict=True))


def _key(name: str) -> bytes:
    """Return what is kept of a name: who reads memory does not read cookies."""
    return sha256(name.encode()).digest()
