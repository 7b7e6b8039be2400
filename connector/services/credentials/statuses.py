"""Status lists of credentials that peers present: fetched, kept, and looked at again.

Rules (Bitstring Status List 1.0): a newer list is looked for when the kept one asks for it (`ttl`),
or after the node's own time; while none can be had, the kept one answers until its own end, and
never longer than `LONGEST`; after that nothing is known and the answer is no. A list never goes
back to an older one, and one for revocation alone takes none back, which is for good.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache, partial
from typing import Final, NamedTuple

from connector.config import Settings
from connector.domain.credentials import PublishedCopy
from connector.errors import PreauError, StatusRetrievalFailed, StatusVerificationFailed
from connector.identity import document as documents
from connector.identity.credential import Credential
from connector.identity.dcp import credential as credentials
from connector.identity.dcp import status_list
from connector.identity.dcp.status_entry import Purpose
from connector.identity.dcp.status_list import PublishedList
from connector.identity.document import DidDocument
from connector.ports import Ports, Transaction
from connector.services.credentials.resolving import Documents, kept_issuer

LONGEST: Final = timedelta(hours=24)
LIST_BYTES: Final = 1 << 20
TRY_AGAIN: Final = timedelta(seconds=30)  # after a list could not be fetched
_LOCKS: Final = 16
_TRIED: Final = 1024


_log = logging.getLogger(__name__)


class Kept(NamedTuple):
    """A list that is kept, and whether a newer one should be looked for."""

    found: PublishedList
    due: bool


class Statuses:
    """Lists by address; thread-safe."""

    def __init__(self, ports: Ports, issuers: Documents) -> None:
        self._ports = ports
        self._issuers = issuers
        self._locks = tuple(threading.Lock() for _ in range(_LOCKS))
        self._failed: OrderedDict[str, datetime] = OrderedDict()

    def list_of(self, url: str) -> PublishedList:
        """Return the list at an address, of a trusted issuer.

        Raises:
            StatusRetrievalFailed: there is none at hand that still answers, and none could be had.
            StatusVerificationFailed: it is not a trusted issuer's, does not verify, or is older
                than the kept one.
            CredentialInvalid: as `dcp/status_list.py`.
        """
        kept = self._kept(url)
        if kept is not None and not kept.due:
            return kept.found
        with self._locks[hash(url) % _LOCKS]:
            kept = self._kept(url)
            if kept is not None and not kept.due:
                return kept.found
            return self._renewed(url, kept)

    def refresh(self) -> None:
        """Look for newer lists where that is due, and drop those that answer no longer."""
        settings, now = self._ports.settings, self._ports.clock.now()
        with self._ports.store.read() as tx:
            copies = tx.published_copies.page(limit=0).values
            of = partial(kept_issuer, tx, settings)
            kept = {each.url: kept_list(tx, settings, each.url, now, of) for each in copies}
        for copy in copies:
            found = kept[copy.url]
            if found is not None and not found.due:
                continue
            try:
                self.list_of(copy.url)
            except PreauError as exc:
                _log.info("status list `%s`: %s: %s", copy.url, exc.code, exc.reason)
                if found is None:
                    with self._ports.store.write() as tx:
                        tx.published_copies.remove(copy.url)

    def _kept(self, url: str) -> Kept | None:
        settings, now = self._ports.settings, self._ports.clock.now()
        with self._ports.store.read() as tx:
            return kept_list(tx, settings, url, now, partial(kept_issuer, tx, settings))

    def _renewed(self, url: str, kept: Kept | None) -> PublishedList:
        now = self._ports.clock.now()
        failed = self._failed.get(url)
        if kept is not None and failed is not None and abs(now - failed) < TRY_AGAIN:
            return kept.found
        try:
            return self._fetched(url, kept.found if kept else None)
        except PreauError as exc:
            self._failed[url] = now
            if len(self._failed) > _TRIED:
                self._failed.popitem(last=False)
            if kept is None or not isinstance(exc, StatusRetrievalFailed):
                raise
            return kept.found

    def _fetched(self, url: str, before: PublishedList | None) -> PublishedList:
        token = ""

        def verify(text: str) -> Credential:
            nonlocal token
            token = text
            return self._verified(text)

        found = status_list.fetched(
            url, lambda address: self._ports.web.get(address, limit=LIST_BYTES), verify
        )
        if before is not None:
            _check_follows(found, before)
        with self._ports.store.write() as tx:
            tx.published_copies.put(PublishedCopy(url, token, self._ports.clock.now()))
        self._failed.pop(url, None)
        return found

    def _verified(self, token: str) -> Credential:
        issuer = self._issuers.issuer(credentials.unverified(token).credential.issuer)
        return credentials.verify(token, issuer).credential


def kept_list(
    tx: Transaction,
    settings: Settings,
    url: str,
    now: datetime,
    issuers: Callable[[str], DidDocument | None],
) -> Kept | None:
    """Return the list that is kept of an address; None where there is none that still answers."""
    copy = tx.published_copies.get(url)
    if copy is None:
        return None
    try:
        issuer = issuers(issuer_of(copy))
    except PreauError:
        return None  # it is trusted no longer
    own = timedelta(seconds=settings.status_refresh_seconds)
    return answering(copy, issuer, own, now) if issuer is not None else None


def answering(
    copy: PublishedCopy, issuer: DidDocument, longest: timedelta, now: datetime
) -> Kept | None:
    """Return a list as it was fetched, if it still answers.

    Args:
        copy: as it is kept.
        issuer: document of its issuer.
        longest: after which a newer one should be looked for.
        now: UTC.
    """
    try:
        found = _of(copy.token, copy.url, issuer.data, issuer.did)
    except PreauError:
        return None  # its issuer has other keys now
    if not copy.fetched_at <= now < found.keep_until(copy.fetched_at, LONGEST):
        return None
    return Kept(found, now >= found.refresh_at(copy.fetched_at, longest))


def issuer_of(copy: PublishedCopy) -> str:
    """Return whose list a copy is, by its own word.

    Raises:
        CredentialInvalid: it cannot be read.
    """
    return _issuer_of(copy.token)


@lru_cache(maxsize=64)
def _issuer_of(token: str) -> str:
    return credentials.unverified(token).credential.issuer


@lru_cache(maxsize=64)
def _of(token: str, url: str, issuer_document: bytes, issuer: str) -> PublishedList:
    """Return a list that verifies: of the same bytes, always the same answer."""
    document = documents.read(issuer_document, issuer)
    return status_list.read(credentials.verify(token, document).credential, url)


def _check_follows(found: PublishedList, before: PublishedList) -> None:
    begins = found.valid_from, before.valid_from
    if begins[0] is not None and begins[1] is not None and begins[0] < begins[1]:
        raise StatusVerificationFailed("the status list is older than the one known")
    if found.purposes != {Purpose.REVOCATION} or before.purposes != found.purposes:
        return
    length = len(before.bits)
    here = int.from_bytes(found.bits[:length].ljust(length, b"\0"))
    if int.from_bytes(before.bits) & ~here:
        raise StatusVerificationFailed(
            "the status list drops earlier revocations",
            hint="ask its issuer to revoke again those that it had revoked",
        )
