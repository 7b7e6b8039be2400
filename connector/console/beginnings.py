"""Logins at the institution's provider that were begun here, each in one browser.

Rules: what tells a login from others is made of its cookie by a key of this process, so that
nothing is kept of who only begins, and no crowd pushes others out. A login ends where its own
browser comes back with its state, within ten minutes, once.

Source: RFC 9700, sections 2.1, 4.4 (mix-up) and 4.7 (CSRF); OpenID Connect Core 1.0, section
15.5.2.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from connector.errors import LoginRefused
from connector.identity.oidc.login import Secrets
from connector.jsonld.canonical import b64url, unb64url

COOKIE: Final = "__Host-preau-login"
LONGEST: Final = timedelta(minutes=10)
MOST: Final = 4096  # ended ones that are remembered
_BYTES: Final = 32
_LONGEST_PATH: Final = 1000  # characters


@dataclass(frozen=True, slots=True)
class Begun:
    """A login that was begun.

    Attributes:
        cookie: of its browser.
        to: where it leads.
        secrets: that the provider gives back.
    """

    cookie: str = field(repr=False)
    to: str
    secrets: Secrets


class Beginnings:
    """The logins that one process began; thread-safe."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        """Begin with none.

        Args:
            now: the time, UTC.
        """
        self._now, self._key = now, secrets.token_bytes(_BYTES)
        self._lock = threading.Lock()
        self._ended: OrderedDict[str, None] = OrderedDict()

    def begin(self, to: str) -> Begun:
        """Begin one.

        Args:
            to: where it leads.
        """
        path = to[:_LONGEST_PATH]
        at = int(self._now().timestamp())
        cookie = f"{at}.{secrets.token_urlsafe(_BYTES)}.{b64url(path.encode())}"
        return Begun(cookie, path, self._secrets(cookie))

    def end(self, cookie: str, state: str) -> Begun:
        """End the one of a browser.

        Args:
            cookie: of the browser.
            state: that it brings back.

        Raises:
            LoginRefused: none was begun in this browser, too long ago, or it has ended.
        """
        own = self._secrets(cookie)
        if not cookie or not hmac.compare_digest(own.state.encode(), state.encode()):
            raise LoginRefused("this login was not begun in this browser", hint=_AGAIN)
        at, _, path = cookie.split(".")  # of our own making, since its state is
        if self._now().timestamp() - int(at) > LONGEST.total_seconds():
            raise LoginRefused("this login was begun too long ago", hint=_AGAIN)
        with self._lock:
            if own.state in self._ended:
                raise LoginRefused("this login has ended", hint=_AGAIN)
            self._ended[own.state] = None
            if len(self._ended) > MOST:
                self._ended.popitem(last=False)
        return Begun(cookie, unb64url(path).decode(), own)

    def _secrets(self, cookie: str) -> Secrets:
        """Return what tells a login from others; nobody else can make it of its cookie."""
        made = (
            b64url(hmac.digest(self._key, f"{what} {cookie}".encode(), "sha256"))
            for what in ("state", "nonce", "verifier")
        )
        return Secrets(*made)


_AGAIN: Final = "log in again, in one window"
