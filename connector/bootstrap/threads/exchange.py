"""The thread that deals with peers about this node's own history.

Rules: at the start each known peer is asked what it holds of the own log, several at once and for a
bounded time, before anything is spent; who did not answer is asked again until it does, and whoever
is heard after a call to it failed is asked anew, at most once in `AGAIN_SECONDS`. A new epoch is
announced to each, and who concluded a contract with this node is asked to cosign its log; who does
not answer gets it later. A changed tally is deposited with each once no other change follows, with
some at a time, within a minute: the lead of a job has it before the first round (`custody.py`), and
what all get competes with rounds. After a start, and of a contract that was taken back, all are
told at once. One turn deals with `MOST_PEERS`, those first that something waits for; the others
follow in the next. Who fails again and again has a turn ever less often, until it is heard. What
the parties of contracts are still to be told goes out between turns, a page at a time. The thread
sleeps until it is woken or the next try is due; no fault ends it.
"""

from __future__ import annotations

import logging
import math
import time
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial
from typing import Final

from connector.bootstrap.threads.background import Background
from connector.domain.participant import Participant
from connector.domain.privacy.tally import Tally, weighed
from connector.errors import InRecovery, PreauError
from connector.ports import Ports
from connector.services.continuity import custody, recovery
from connector.services.evidence import cosigning
from connector.services.evidence.own_log import weighty
from connector.services.negotiation import telling
from connector.services.readable import readable

MOST_PEERS: Final = 256
AT_ONCE: Final = 8
START_SECONDS: Final = 15.0  # for all peers together, before the node spends
PAUSE_SECONDS: Final = 60.0  # between tries; also what a lost wake-up costs
AGAIN_SECONDS: Final = 10.0
LONGEST_PAUSE: Final = 3600.0  # between two tries with a peer that does not answer
APART_SECONDS: Final = 5.0  # between deposits with some peers and with some others
QUIET_SECONDS: Final = 15.0  # without a change, before what is counted is deposited with all
_SETTLE_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 0.5

_log = logging.getLogger(__name__)


class Exchange(Background):
    """Asks, announces and deposits until stopped."""

    def __init__(self, ports: Ports) -> None:
        super().__init__(ports, "exchange", recovery.EXCHANGE)
        self._told: dict[str, int] = {}
        self._deposited: dict[str, Tally] = {}
        self._asked: dict[str, float] = {}
        self._failed: dict[str, tuple[int, float]] = {}  # how often, rests until when
        self._counted: Tally | None = None  # when it was last looked at
        # When that changed last, and first since it was deposited.
        self._changed = (-math.inf, -math.inf)
        self._given: set[str] = set()  # who gets it in this turn
        self._more = False  # whether others get it in the next
        self._first = 0  # place of the peer with whom the next turn begins

    def _work(self) -> None:
        while not self._stopping.is_set():
            if not self._guarded(self._turn):
                continue  # nobody was asked, so nothing is spent yet
            self._ports.asking.over.set()
            self._guarded(partial(telling.turn, self._ports))
            self._ports.wakeups.wait(recovery.EXCHANGE, self._pause())
            self._stopping.wait(_SETTLE_SECONDS)

    def _turn(self) -> None:
        with self._ports.store.read() as tx:
            known = readable(tx.participants, blocked="")
            peers = self._of_turn([each for each in known if each.grpc_endpoint])
            tally = recovery.tally_of(self._ports, tx)
            due = bool(tally.jobs or tally.taken_back) or weighty(tx) > 0
        settled = self._settled(weighed(tally))
        content = settled if due else None
        self._given = self._next(peers, content)
        until = time.monotonic() + START_SECONDS
        pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="exchange")
        try:
            waiting = {pool.submit(partial(self._deal, peer, content)) for peer in peers}
            while waiting and time.monotonic() < until and not self._stopping.is_set():
                waiting = wait(waiting, _LOOK_SECONDS).not_done
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _next(self, peers: list[Participant], content: Tally | None) -> set[str]:
        """Return the peers that are given what is counted in this turn: some at a time."""
        if content is None:
            return set()
        forgetful = self._ports.asking.forgetful & {each.did for each in peers}
        without = [each.did for each in peers if self._deposited.get(each.did) != content]
        at_once = self._changed[1] == -math.inf
        some = len(peers) if at_once else math.ceil(len(peers) * APART_SECONDS / PAUSE_SECONDS)
        self._more = len(without) > some
        return {*without[:some], *forgetful}

    def _settled(self, content: Tally) -> Tally | None:
        """Return what is to be deposited by now; None while changes may follow."""
        if content != self._counted:
            now, first = time.monotonic(), self._changed[1]
            held, self._counted = self._counted, content
            if held is None or held.taken_back != content.taken_back:
                self._changed = (-math.inf, -math.inf)
            else:
                self._changed = (now, first if self._rests() > 0 else now)
        return content if self._rests() <= 0 else None

    def _rests(self) -> float:
        """Return the seconds until what is counted is deposited."""
        last, first = self._changed
        return min(last + QUIET_SECONDS, first + PAUSE_SECONDS) - time.monotonic()

    def _pause(self) -> float:
        left = self._rests()
        if left <= 0:
            return APART_SECONDS if self._more else PAUSE_SECONDS
        return min(left, PAUSE_SECONDS)

    def _of_turn(self, known: list[Participant]) -> list[Participant]:
        asking = self._ports.asking
        pressing = asking.cosigners | asking.again | asking.forgetful
        now, heard = time.monotonic(), asking.again | asking.forgetful
        known = [
            peer
            for peer in known
            if peer.did in heard or self._failed.get(peer.did, (0, now))[1] <= now
        ]
        at = self._first % max(len(known), 1)
        self._first = at + MOST_PEERS
        inturn = sorted([*known[at:], *known[:at]], key=lambda peer: peer.did not in pressing)
        return inturn[:MOST_PEERS]

    def _deal(self, peer: Participant, content: Tally | None) -> None:
        """Do with one peer what is due; what fails is tried again at the next turn."""
        try:
            if peer.did in self._ports.asking.forgetful:
                self._ports.asking.forgetful.discard(peer.did)
                self._told.pop(peer.did, None)
                self._deposited.pop(peer.did, None)
            self._ask(peer)
            self._announce(peer)
            self._deposit(peer, content)
            self._cosign(peer)
            self._failed.pop(peer.did, None)
        except InRecovery:
            return  # the log says so once, and every refusal does
        except PreauError as exc:
            times = self._failed.get(peer.did, (0, 0.0))[0] + 1
            rest = min(PAUSE_SECONDS * (2 ** min(times - 1, 10) - 1), LONGEST_PAUSE)
            self._failed[peer.did] = (times, time.monotonic() + rest)
            _log.info("`%s` was not asked of this node's log: %s", peer.did, exc.code)

    def _ask(self, peer: Participant) -> None:
        """Ask a peer that has not answered yet, or that is back."""
        asking, now = self._ports.asking, time.monotonic()
        rested = now - self._asked.get(peer.did, -AGAIN_SECONDS) >= AGAIN_SECONDS
        back = rested and peer.did in asking.again
        if back or peer.did not in asking.answered:
            self._asked[peer.did] = now
            asking.again.discard(peer.did)
            custody.ask(self._ports, peer)

    def _announce(self, peer: Participant) -> None:
        with self._ports.store.read() as tx:
            epochs = tx.epochs.find(origin=self._ports.settings.did)
        newest = max((epoch.number for epoch in epochs), default=0)
        if newest > self._told.get(peer.did, 0):
            custody.announce(self._ports, peer)
            self._told[peer.did] = newest

    def _deposit(self, peer: Participant, content: Tally | None) -> None:
        """Deposit a tally that has changed, once there is anything to lose with it."""
        if content and peer.did in self._given:
            custody.deposit(self._ports, peer)
            self._deposited[peer.did] = content

    def _cosign(self, peer: Participant) -> None:
        """Let a peer cosign the log after a contract with it; it is asked again until it does."""
        asking = self._ports.asking
        if peer.did not in asking.cosigners:
            return
        asking.cosigners.discard(peer.did)  # first: a contract may be concluded meanwhile
        try:
            cosigning.ask(self._ports, peer)
        except PreauError:
            asking.cosigners.add(peer.did)
            raise
