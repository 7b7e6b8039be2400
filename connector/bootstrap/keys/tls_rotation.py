"""The node's TLS authorities on the disk, and which of them issues.

Rules: a new authority is listed in the DID document before it issues: until each peer has fetched
that document, or `OVERLAP` has passed. An old one is listed until no leaf of its can be alive, and
its files are removed then. All follows from the files and their dates, so that a crash at any step
leaves nothing to mend: a key without its certificate is none, and the next number is free.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from connector.config import Settings
from connector.errors import ConfigurationInvalid, KeyUnusable
from connector.identity import certificate
from connector.identity.document import MAX_AUTHORITIES
from connector.ports import Clock
from connector.store.files import keys

PREFIX: Final = "keys/tls-ca-"
OVERLAP: Final = timedelta(days=1)
DAYS: Final = 3650
ANNOUNCED: Final = "announced"
IN_USE: Final = "in use"
OLD: Final = "still trusted"
OVER: Final = "over"


@dataclass(frozen=True, slots=True)
class TlsAuthority:
    """A TLS authority of this node.

    Attributes:
        number: its place in the order of making.
        certificate: PEM.
        key: PEM.
        made_at: UTC.
    """

    number: int
    certificate: str
    key: str = field(repr=False)
    made_at: datetime


def make(settings: Settings, clock: Clock) -> TlsAuthority:
    """Make the next TLS authority; it is announced from now on, and issues later.

    Raises:
        KeyUnusable: a file cannot be written.
        ConfigurationInvalid: a document can list no more.
    """
    if len(list(settings.path("keys").glob("tls-ca-*.pem"))) >= MAX_AUTHORITIES:
        raise ConfigurationInvalid(
            f"there are {MAX_AUTHORITIES} TLS authorities already, the most that peers read",
            hint="start the node, and wait until it has removed those that are no longer needed",
        )
    taken = [_number(file) for file in settings.path("keys").glob("tls-ca-*")]
    number = max(taken, default=0) + 1
    cert, key = certificate.make_authority(settings.name, clock.now(), DAYS)
    # The key first: without its certificate it is none.
    keys.private_file(settings.path(f"{PREFIX}{number}.key"), key.encode(), replace=False)
    keys.public_file(settings.path(f"{PREFIX}{number}.pem"), cert.encode(), replace=False)
    return TlsAuthority(number, cert, key, certificate.begins(cert))


def read(settings: Settings) -> list[TlsAuthority]:
    """Return the TLS authorities that lie in `keys/`, oldest first.

    Raises:
        KeyUnusable: one lacks its key, or cannot be read.
    """
    found = []
    for file in sorted(settings.path("keys").glob("tls-ca-*.pem"), key=_number):
        try:
            cert = file.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as exc:
            raise KeyUnusable(f"`{file}` cannot be read") from exc
        key = keys.read_private_file(file.with_suffix(".key")).decode()
        found.append(TlsAuthority(_number(file), cert, key, certificate.begins(cert)))
    return found


def newest(settings: Settings) -> str:
    """Return the name of the newest authority's certificate, in the home, be it there or not."""
    numbers = [_number(file) for file in settings.path("keys").glob("tls-ca-*.pem")]
    return f"{PREFIX}{max(numbers, default=1)}.pem"


def standing(
    found: Sequence[TlsAuthority], now: datetime, leaf_life: timedelta, *, told: bool
) -> dict[int, str]:
    """Return how each authority stands, by its number.

    Args:
        found: oldest first.
        now: UTC.
        leaf_life: of the leaves that they issue.
        told: whether each peer has fetched the document that lists the newest.
    """
    if not found:
        return {}
    due = [each for each in found if each is found[0] or now - each.made_at >= OVERLAP]
    issuing = found[-1] if told else due[-1]
    # A leaf of the one before was issued at the latest when this one's overlap ended.
    over = now - issuing.made_at >= OVERLAP + leaf_life
    stands = {}
    for each in found:
        if each.number > issuing.number:
            stands[each.number] = ANNOUNCED
        elif each.number == issuing.number:
            stands[each.number] = IN_USE
        else:
            stands[each.number] = OVER if over else OLD
    return stands


def remove(settings: Settings, number: int) -> None:
    """Remove the files of an authority that is over; the certificate first, which ends it.

    Raises:
        KeyUnusable: a file cannot be removed.
    """
    try:
        for suffix in ("pem", "key"):
            settings.path(f"{PREFIX}{number}.{suffix}").unlink(missing_ok=True)
        keys.sync_folder(settings.path("keys"))
    except OSError as exc:
        raise KeyUnusable(f"`{PREFIX}{number}` cannot be removed: {exc.strerror}") from exc


def _number(file: Path) -> int:
    digits = file.stem.removeprefix("tls-ca-")
    return int(digits) if digits.isdecimal() else 0
