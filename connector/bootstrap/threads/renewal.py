"""The thread that keeps documents, memberships and status lists fresh, and drops what is stale.

Rules: a failure leaves what was known and is tried again; the own membership is fetched with short
pauses until there is one, and again when it is near its end; peers are told of each new document
and membership; nothing waits for this thread, and
no fault ends it. What is fetched and believed is `services/membership/onboard.py`'s.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from connector.bootstrap.keys.own import Identity
from connector.bootstrap.system import Steadiness
from connector.bootstrap.threads.background import Background
from connector.domain.space import Space
from connector.errors import PreauError
from connector.peer.web.client import hurried
from connector.ports import Ports
from connector.services.membership import introducing, onboard
from connector.services.messages import deliver
from connector.services.negotiation import negotiate
from connector.services.storage import pruning

FIRST_PAUSE: Final = 1.0  # seconds, while there is no membership; doubles
LONGEST_PAUSE: Final = 30.0
LOOK_SECONDS: Final = 30.0  # for keys that were put into the home
# For all that is fetched at once: peers that drip must not put off the next look at the lists.
REFRESH_SECONDS: Final = 60.0
BEFORE_END: Final = timedelta(days=7)
# Expired tokens are remembered a little longer, for clocks that are set back.
CLOCK_ROOM: Final = timedelta(hours=1)

_log = logging.getLogger(__name__)


class Renewal(Background):
    """Refreshes in one thread until stopped."""

    def __init__(self, ports: Ports, identity: Identity) -> None:
        super().__init__(ports, "renewal")
        self._identity = identity
        self._pause = FIRST_PAUSE
        self._refresh_at = time.monotonic()
        self._member, self._awaited = False, False
        self._steadiness = Steadiness(ports.clock, ports.pace)

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._member, self._awaited = False, False
            # Two steps, so that a fault of one keeps the other from nothing.
            self._guarded(self._look)
            self._guarded(self._refresh_when_due)
            left = max(self._refresh_at - time.monotonic(), 0.0)
            self._stopping.wait(min(left, self._pause if self._waits() else LOOK_SECONDS))
            self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def _waits(self) -> bool:
        return self._awaited or not self._member

    def _look(self) -> None:
        self._member = self._membership()
        introduces = self._member and self._ports.settings.kind == "participant"
        told = (
            introduces
            and not introducing.announce(self._ports)
            and not introducing.untold(self._ports)
        )
        self._identity.follow(told=told)
        self._identity.retire()
        if introduces:
            introducing.announce(self._ports)

    def _refresh_when_due(self) -> None:
        if time.monotonic() >= self._refresh_at:
            self._refresh_at = time.monotonic() + self._ports.settings.status_refresh_seconds
            self._refresh()
            if self._identity.awaits_membership():
                for space in self._ports.settings.spaces:
                    self._fetch(space)

    def _membership(self) -> bool:
        """Fetch the own memberships that are due; return whether there is one to rely on."""
        settings = self._ports.settings
        if settings.kind != "participant" or not settings.space:
            return True
        now = self._ports.clock.now()
        stand = [
            self._ends(each) - now > BEFORE_END or self._fetch(each) for each in settings.spaces
        ]
        self._awaited = not all(stand)
        return any(stand)

    def _fetch(self, space: Space) -> bool:
        """Fetch the own membership of a space; return whether there is one to rely on."""
        try:
            facts = onboard.fetch_own_membership(self._ports, self._identity.keep_membership, space)
        except PreauError as exc:
            _log.info("no membership of %s yet: %s: %s", space.id, exc.code, exc.reason)
            return False
        _log.info("member of %s until %s", facts.space, facts.valid_until.isoformat())
        return True

    def _ends(self, space: Space) -> datetime:
        """Return until when the kept membership counts; now when there is none that does."""
        try:
            return onboard.judge_own(self._ports, space).valid_until
        except PreauError:
            return self._ports.clock.now()

    def _refresh(self) -> None:
        try:
            web = hurried(self._ports.web, REFRESH_SECONDS)
            fallen = onboard.refresh(replace(self._ports, web=web))
            pruning.count(self._ports)
            self._tidy()
        except PreauError as exc:
            _log.warning("refreshing failed: %s: %s", exc.code, exc.reason)
            return
        for did in fallen:
            _log.warning("peer %s is not in good standing", did)

    def _tidy(self) -> None:
        """End negotiations that nobody goes on with, mend what stands still, drop what is over."""
        deliver.set_right(self._ports)
        negotiate.settle(self._ports)
        if not self._steadiness.steady():
            return
        with self._ports.store.write() as tx:
            tx.tokens.forget(self._ports.clock.now() - CLOCK_ROOM)
        ended = negotiate.expire(self._ports)
        if ended:
            _log.info("%d negotiations ended, since nothing happened in them", ended)
        dropped = pruning.prune(self._ports, self._stopping.wait)
        if dropped:
            _log.info("%d rows dropped of what has ended", dropped)
