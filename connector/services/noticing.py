"""Tells the institution what waits for its persons, a decision or a duty: by web hook, by e-mail.

Rules: what is told is what waits, with whom and until when: no person, no term, no figure. What is
posted is signed with the node's key and goes through the guarded client of peers' addresses. A try
is written down before it is made, so that a restart or another replica does not repeat it at once.
What fails is tried `MOST_TRIES` times, then given up and logged; nothing waits for it. Whoever took
a notice does not get it again because another did not, unless the node starts meanwhile.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final, Generic, TypeVar

from connector.domain.contract.approval import Approval, Happening
from connector.domain.contract.duty import Duty
from connector.domain.contract.letter import letter
from connector.errors import PreauError, StoreUnavailable
from connector.identity import jws
from connector.jsonld.canonical import canonical
from connector.ports import Ports, Transaction

MOST_TRIES: Final = 6
FIRST_PAUSE: Final = timedelta(minutes=1)  # doubles

_log = logging.getLogger(__name__)

T = TypeVar("T", Approval, Duty)
Way = Callable[[Ports, "Kind[Any]", Any], None]


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """One kind of what waits, and where it is kept.

    Attributes:
        name: of the notice, and of its entries in the log.
        held: returns a value as it is now, locked; None where nothing is to be told of it any more.
        keep: writes it down.
        notice: what is told of it, but for type, happening and node.
        about: subject of its entries in the log, and what they state.
    """

    name: str
    held: Callable[[Transaction, T], T | None]
    keep: Callable[[Transaction, T], None]
    notice: Callable[[T], Mapping[str, Any]]
    about: Callable[[T], tuple[str, Mapping[str, Any]]]

    @property
    def typ(self) -> str:
        """Type of the signature."""
        return f"preau-{self.name}+jws"


def after(ports: Ports, found: T, happening: Happening) -> T:
    """Return a value whose happening is to be told; as it is where nobody wants to know."""
    if not _wanted(ports):
        return found
    return replace(found, notice=happening, tries=0, try_at=ports.clock.now())


def tell(ports: Ports, kind: Kind[T], found: T) -> None:
    """Tell what is due to be told of a value.

    Raises:
        StoreUnavailable: the database did not answer; what was tried is tried again later.
    """
    claimed: T | None = _claimed(ports, kind, found)
    if claimed is None:
        return
    codes = [_told(ports, kind, claimed, way) for way in _wanted(ports)]
    if not any(codes) or claimed.tries >= MOST_TRIES:
        ports.told.difference_update([(*_mark(kind, claimed), way) for way in _wanted(ports)])
        _settle(ports, kind, claimed, next(filter(None, codes), ""))


def _wanted(ports: Ports) -> tuple[Way, ...]:
    """Return the ways in which the institution is told."""
    return (*((_post,) if ports.settings.notice_url else ()), *((_mail,) if ports.mail else ()))


def _told(ports: Ports, kind: Kind[T], claimed: T, way: Way) -> str:
    """Tell in one way, once; return the code of why it could not be, or nothing."""
    mark = (*_mark(kind, claimed), way)
    if mark in ports.told:
        return ""
    try:
        way(ports, kind, claimed)
    except StoreUnavailable:
        raise
    except PreauError as exc:
        _log.warning("notice of %s `%s`: %s: %s", kind.name, claimed.id, exc.code, exc.reason)
        return exc.code
    ports.told.add(mark)
    return ""


def _mark(kind: Kind[Any], claimed: Any) -> tuple[object, ...]:
    return kind.name, claimed.id, claimed.notice


def _post(ports: Ports, kind: Kind[Any], claimed: Any) -> None:
    ports.web.post(ports.settings.notice_url, body(ports, kind, claimed))


def _mail(ports: Ports, kind: Kind[Any], claimed: Any) -> None:
    assert ports.mail is not None  # noqa: S101 - else it is not wanted
    ports.mail.send(*letter(notice_of(ports, kind, claimed)), ports.clock.now())


def notice_of(ports: Ports, kind: Kind[T], found: T) -> dict[str, Any]:
    """Return what is told of a value."""
    about = {"type": kind.name, "happening": found.notice.value, "node": ports.settings.did}
    return {**about, **kind.notice(found)}


def body(ports: Ports, kind: Kind[T], found: T) -> bytes:
    """Return what is posted: the notice, and a detached JWS over its RFC 8785 bytes.

    Raises:
        KeyUnusable: our key cannot sign.
    """
    notice = notice_of(ports, kind, found)
    signature = jws.sign_detached(ports.signer, canonical(notice), kind.typ)
    return canonical({"notice": notice, "signature": signature})


def _claimed(ports: Ports, kind: Kind[T], named: T) -> T | None:
    """Write down that a try begins; None where another replica was first, or nothing is due."""
    now = ports.clock.now()
    with ports.store.write() as tx:
        found = kind.held(tx, named)
        if found is None or found.try_at is None or found.try_at > now:
            return None
        if not _wanted(ports):
            return None
        wait = FIRST_PAUSE * 2**found.tries
        claimed = replace(found, tries=found.tries + 1, try_at=now + wait)
        kind.keep(tx, claimed)
        return claimed


def _settle(ports: Ports, kind: Kind[T], claimed: T, code: str) -> None:
    with ports.store.write() as tx:
        found = kind.held(tx, claimed)
        if found is None or (found.notice, found.tries) != (claimed.notice, claimed.tries):
            return  # something newer is to be told
        kind.keep(tx, replace(found, notice=Happening.NONE, try_at=None))
        subject, stated = kind.about(claimed)
        facts = {"code": code} if code else {}
        what = "untold" if code else "told"
        tx.audit.append(
            f"{kind.name}.{what}", subject, happening=claimed.notice.value, **stated, **facts
        )
