"""DID documents of who calls and of who issued: kept, and fetched when they are not at hand.

Rules: an issuer that some space trusts is believed under the document that is kept of it, whose
keys later ones must follow from (`membership/fetching.py`); of all others nothing is fetched here.
What a caller serves is kept for a short time, in memory, and looked at again, not too often, where
something does not fit it: its keys may be new.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Final, TypeVar

from connector.config import Settings
from connector.errors import (
    DidUnresolvable,
    PreauError,
    TooManyRequests,
    Untrusted,
    UntrustedIssuer,
)
from connector.identity import did as dids
from connector.identity import document as documents
from connector.identity.document import DidDocument
from connector.ports import Ports, Transaction
from connector.services.membership import fetching

KEPT_FOR: Final = timedelta(minutes=10)
AGAIN_AFTER: Final = timedelta(seconds=30)  # a caller cannot have one fetched more often
KNOWN_FOR: Final = timedelta(hours=2)  # of participants, whose documents are fetched every hour
MOST: Final = 1024
AT_ONCE: Final = 6  # documents of callers that are fetched at the same time
PLACE_SECONDS: Final = 1.0
T = TypeVar("T")


class Documents:
    """DID documents that were fetched lately; thread-safe."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[datetime, DidDocument]] = OrderedDict()
        self._tried: OrderedDict[str, datetime] = OrderedDict()
        self._places = threading.BoundedSemaphore(AT_ONCE)

    def of(self, did: str) -> DidDocument:
        """Return the document of a participant.

        Raises:
            DidUnresolvable: no did:web, it cannot be had, or it is not sound.
            AddressForbidden: its host is not one that this node fetches from.
            TooManyRequests: too many are fetched just now.
        """
        dids.parse(did)
        now = self._ports.clock.now()
        with self._lock:
            kept = self._kept.get(did)
        if kept is not None and abs(now - kept[0]) < KEPT_FOR:
            return kept[1]
        with self._ports.store.read() as tx:
            known = tx.participants.get(did)
        if known is not None and abs(now - known.refreshed_at) < KNOWN_FOR:
            found = documents.read(known.document, did)
            with self._lock:
                _keep(self._kept, did, (known.refreshed_at, found))
            return found
        if not self._places.acquire(timeout=PLACE_SECONDS):  # strangers must not hold all threads
            raise TooManyRequests("too many documents are fetched", retry_after=10.0)
        try:
            return self._fetch(did, now)
        finally:
            self._places.release()

    def at_hand(self, did: str) -> bool:
        """Return whether the document of a participant need not be fetched."""
        with self._lock:
            kept = self._kept.get(did)
        return kept is not None and abs(self._ports.clock.now() - kept[0]) < KEPT_FOR

    def again(self, did: str) -> DidDocument | None:
        """Fetch a document anew; return None where that was done, or tried, just now."""
        now = self._ports.clock.now()
        with self._lock:
            tried = self._tried.get(did)
        if tried is not None and abs(now - tried) < AGAIN_AFTER:
            return None
        try:
            return self._fetch(did, now)
        except PreauError:
            return None

    def issuer(self, did: str) -> DidDocument:
        """Return the document of an issuer that a space trusts.

        Raises:
            UntrustedIssuer: none does, or its document does not follow from the one that is kept.
            DidUnresolvable: it cannot be had.
        """
        with self._ports.store.read() as tx:
            known = kept_issuer(tx, self._ports.settings, did)
        if known is not None:
            return known
        try:
            return fetching.refresh_issuer(self._ports, did)
        except Untrusted:
            raise
        except PreauError as exc:
            raise _unresolved(did, exc) from exc

    def _fetch(self, did: str, now: datetime) -> DidDocument:
        with self._lock:
            _keep(self._tried, did, now)
        try:
            found = fetching.fetch_document(self._ports, did)
        except Untrusted:
            raise
        except PreauError as exc:
            raise _unresolved(did, exc) from exc
        with self._lock:
            _keep(self._kept, did, (now, found))
        return found


def kept_issuer(tx: Transaction, settings: Settings, did: str) -> DidDocument | None:
    """Return the document that is kept of an issuer that a space trusts; None where none is.

    Raises:
        UntrustedIssuer: no space trusts it.
    """
    if did not in settings.believed:
        raise UntrustedIssuer(f"`{did[:200]}` is not a trusted issuer")
    known = tx.issuers.get(did)
    return documents.read(known.document, did) if known is not None else None


def _unresolved(did: str, exc: PreauError) -> DidUnresolvable:
    return DidUnresolvable(
        f"the DID document of `{did}` cannot be obtained: {exc.reason}", retry_after=exc.retry_after
    )


def _keep(kept: OrderedDict[str, T], key: str, value: T) -> None:
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > MOST:
        kept.popitem(last=False)
