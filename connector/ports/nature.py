"""Time, identifiers, keys and events: what a service cannot work out from its arguments."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from threading import Event
from typing import Protocol


class Clock(Protocol):
    """Wall time."""

    def now(self) -> datetime:
        """Return the time, aware, UTC."""


class Pace(Protocol):
    """Time that passes, for waits that others can see."""

    def now(self) -> float:
        """Return seconds on a clock that never goes back."""

    def wait(self, stop: Event, seconds: float) -> bool:
        """Wait for `seconds`, or until `stop` is set; return whether it is."""


class Identifiers(Protocol):
    """Fresh identifiers."""

    def new(self) -> str:
        """Return a new `urn:uuid:…`, unguessable."""


class Signer(Protocol):
    """An Ed25519 key that never leaves its keeper (file, vault, HSM)."""

    @property
    def key_id(self) -> str:
        """DID URL of the verification method."""

    @property
    def public_jwk(self) -> Mapping[str, str]:
        """Public key as JWK (RFC 8037)."""

    def sign(self, payload: bytes) -> bytes:
        """Return the 64-byte Ed25519 signature (RFC 8032) of `payload`.

        Raises:
            KeyUnusable: the key cannot be used.
        """


class Memberships(Protocol):
    """The node's own membership credentials."""

    def __call__(self, space: str = "") -> str:
        """Return the one of a space, VC-JWT, or an empty string where there is none yet.

        Args:
            space: its IRI; empty: the first of this node's.
        """


class PersonKey(Protocol):
    """The key under which persons are compared. It is kept outside the database."""

    def __call__(self, *, make: bool) -> bytes:
        """Return its 32 bytes.

        Args:
            make: whether to make one when there is none.

        Raises:
            KeyUnusable: it is missing and may not be made, or cannot be used.
        """


class Wakeups(Protocol):
    """Named events by which threads of the node wake one another; no polling in the hot path."""

    def notify(self, name: str) -> None:
        """Wake whoever waits for `name`; remembered when nobody does."""

    def wait(self, name: str, seconds: float) -> bool:
        """Wait for `name`; return whether it came within `seconds`."""
