"""Delivers what the outbox holds: at least once, in order of each subject, never lost.

Rules: a message waits in the database until the peer has answered it, so that a crash loses
nothing; the oldest message of a subject goes first; a peer that does not answer delays only its
own messages. What may pass by itself (`errors.PASSING`) is tried again with growing pauses, and not
before the peer says that it helps; it is given up only when it was tried `MAX_ATTEMPTS` times and
`MAX_AGE` has passed, so that a clock that jumps ends nothing, and silence no negotiation before its
deadline. Another refusal by the peer is final. What carries its sender's last signature
is tried for `outcomes.SIGNED_AGE`, and also while the peer does not believe us. What either means
for a negotiation is `services/negotiation/outcomes.py`.

Nothing is polled in the hot path: the dispatcher sleeps until it is woken, or until the next
message falls due. What is written when an answer is taken goes out at once, by the thread that has
the subject's turn: the dispatcher leaves it until that ends, and is woken if it did not go.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from connector.domain.contract.negotiation import STALE
from connector.domain.delivery import OUTBOX, OutgoingMessage, Turn
from connector.domain.participant import Participant
from connector.errors import (
    PASSING,
    AgreementUnknown,
    NotFound,
    PeerUnreachable,
    PreauError,
    StoreUnavailable,
    Untrusted,
    WorldFault,
)
from connector.jsonld.canonical import parse_object
from connector.ports import Ports, Transaction
from connector.protocol.messages import AgreementDeed, AgreementNotice, ContractNegotiation
from connector.protocol.transfer_messages import TransferProcess
from connector.services import correlation
from connector.services.guard import guarded
from connector.services.membership import introducing
from connector.services.messages import sending
from connector.services.negotiation import outcomes, receiving
from connector.services.transfer import steps as transfers

MAX_ATTEMPTS: Final = 60
MAX_AGE: Final = STALE
FIRST_PAUSE: Final = 0.2  # seconds
LONGEST_PAUSE: Final = 300.0  # seconds
LONGEST_HINT: Final = 3600.0  # seconds that a peer may ask us to wait
CALL_SECONDS: Final = 10.0
THREADS: Final = 32
PER_PEER: Final = 8  # calls to one peer at once; one while it does not answer
TO_SILENT: Final = THREADS // 2  # calls at once to all peers together that do not answer
BATCH: Final = 512
LONGEST_SLEEP: Final = 5.0  # seconds without being woken
_STATEMENTS: Final = frozenset({AgreementNotice.__name__, AgreementDeed.__name__})

_log = logging.getLogger(__name__)


def deliver_due(ports: Ports) -> int:
    """Try every message that is due, one after another; return how many were delivered."""
    with ports.store.read() as tx:
        due = tx.due_messages(ports.clock.now(), BATCH)
    return sum(deliver(ports, message) for message in due)


def run(ports: Ports, stop: threading.Event) -> None:
    """Deliver until `stop` is set; wake `outbox` after setting it, to be heard at once."""
    with ThreadPoolExecutor(THREADS, thread_name_prefix="deliver") as pool:
        dispatcher = Dispatcher(ports, pool)

        def turn() -> None:
            seconds = dispatcher.dispatch()
            if not stop.is_set():
                ports.wakeups.wait(OUTBOX, seconds)

        ports.courier.take = dispatcher.take
        while not stop.is_set():
            guarded(ports, OUTBOX, turn, stop.wait)
        dispatcher.close()


def set_right(ports: Ports) -> None:
    """Let go what waits longer than it may: it was postponed by a clock that was ahead."""
    now = ports.clock.now()
    latest = now + timedelta(seconds=LONGEST_HINT)
    with ports.store.write() as tx:
        for message in tx.outbox.page(limit=0, delivered_at=None, failed="").values:
            if message.due_at > latest:
                tx.outbox.put(replace(message, due_at=now))
                sending.wake(ports, tx)


def deliver(ports: Ports, message: OutgoingMessage, *, fresh: bool = False) -> bool:
    """Send one message and write down what became of it; return whether the peer has it.

    Args:
        ports: of this node.
        message: as it was read.
        fresh: whether that was just now, and it cannot have been delivered since.

    Raises:
        StoreUnavailable: the outcome could not be written; the message goes out again.
    """
    with ports.store.read() as tx:
        waiting = message if fresh else tx.outbox.get(message.id)
        peer = tx.participants.get(message.peer)
    if waiting is None or waiting.delivered_at is not None or waiting.failed:
        return waiting is not None and not waiting.failed
    try:
        with correlation.about(waiting.subject):
            _exchange(ports, peer, waiting)
    except StoreUnavailable:
        raise
    except PreauError as error:
        _not_delivered(ports, waiting, error)
        return False
    return True


def pause(message: OutgoingMessage) -> timedelta:
    """Return how long to wait after an attempt: doubling, bounded, spread between messages.

    The spread is taken from the message's id and attempt; it need not be unguessable.
    """
    full = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(message.attempts, 20))
    seed = hashlib.sha256(f"{message.id}:{message.attempts}".encode()).digest()
    return timedelta(seconds=full * (0.5 + seed[0] / 512))


class Dispatcher:
    """Hands due messages to threads: one at a time of a subject, few at a time of a peer.

    Peers that do not answer hold a thread for the whole time of a call; half of them stay free.
    """

    def __init__(self, ports: Ports, pool: ThreadPoolExecutor) -> None:
        self._ports = ports
        self._pool = pool
        self._lock = threading.Lock()
        self._under_way: dict[str, OutgoingMessage] = {}  # by subject
        self._calls: Counter[str] = Counter()
        self._silent: set[str] = set()
        self._ended: set[str] = set()  # messages whose delivery ended since the outbox was read
        self._left = False  # whether something that is due waits for a delivery to end
        self._closing = False

    def dispatch(self) -> float:
        """Start what is due, and return in how many seconds to look again."""
        now = self._ports.clock.now()
        with self._lock:
            self._ended.clear()
            self._left = False
        try:
            with self._ports.store.read() as tx:
                soon = tx.due_messages(now + timedelta(seconds=LONGEST_SLEEP), BATCH)
        except StoreUnavailable as error:
            _log.warning("outbox cannot be read: %s", error.reason)
            return 1.0
        if len(soon) == BATCH:  # there may be more
            with self._lock:
                self._left = True
        for message in soon:
            if message.due_at <= now:
                self._start(message)
        return _until_next(soon, now)

    def take(self, message: OutgoingMessage) -> bool:
        """Start a message that is due and that nothing goes before; return whether that was done.

        One that has to wait is found in the outbox, at the latest once the node starts again; it
        does not overtake what waits there for a place. As it may have been found, sent and ended
        before it comes here, it is read again.
        """
        try:
            waits = self._closing or self._left
            return not waits and self._start(message, fresh=False)
        except RuntimeError:  # the pool takes no more
            return False

    def _start(self, message: OutgoingMessage, *, fresh: bool = True) -> bool:
        """Deliver a message that is due by a thread, unless it has to wait.

        Raises:
            RuntimeError: there is no thread; what was taken for the message is free again.
        """
        if not self._claim(message):
            return False
        at_once = fresh and len(self._under_way) <= THREADS
        try:
            task = self._pool.submit(self._deliver, message, fresh=at_once)
        except RuntimeError:
            self._leave(message)
            raise
        task.add_done_callback(partial(self._done, message.subject))
        return True

    def close(self) -> None:
        """Let deliveries under way end with what they send now."""
        with self._lock:
            self._closing = True

    def _deliver(self, message: OutgoingMessage, *, fresh: bool) -> bool:
        """Deliver a message, and what follows from its answer; return whether the peer has both."""
        turn = Turn(message.subject)
        delivered = deliver(replace(self._ports, turn=turn), message, fresh=fresh)
        if not delivered or turn.following is None or not self._goes_on(message, turn.following):
            return delivered
        return deliver(self._ports, turn.following, fresh=True)

    def _goes_on(self, message: OutgoingMessage, following: OutgoingMessage) -> bool:
        """Keep the places of a delivery for what follows, unless others wait for a thread."""
        with self._lock:
            claimed = self._under_way.get(message.subject) is message
            if self._closing or not claimed or len(self._under_way) > THREADS:
                self._left = True
                return False
            self._under_way[message.subject] = following
            self._ended.add(message.id)
            self._silent.discard(message.peer)
            return True

    def _claim(self, message: OutgoingMessage) -> bool:
        """Take a message, or leave it until a delivery ends."""
        with self._lock:
            under_way = self._under_way.get(message.subject)
            if message.id in self._ended or (under_way and under_way.id == message.id):
                return False
            if self._busy(message):
                self._left = True
                return False
            self._under_way[message.subject] = message
            self._calls[message.peer] += 1
            return True

    def _leave(self, message: OutgoingMessage) -> None:
        """Leave a message that was taken; a pool without a thread may run it all the same."""
        with self._lock:
            del self._under_way[message.subject]
            self._calls[message.peer] -= 1
            self._left = True

    def _busy(self, message: OutgoingMessage) -> bool:
        silent = message.peer in self._silent
        limit = 1 if silent else PER_PEER
        if message.subject in self._under_way or self._calls[message.peer] >= limit:
            return True
        return silent and sum(self._calls[peer] for peer in self._silent) >= TO_SILENT

    def _done(self, subject: str, task: Future[bool]) -> None:
        if task.cancelled():
            return
        message = self._under_way[subject]
        error = task.exception()
        if error is not None:
            with correlation.about(subject):
                _log.error("message `%s` could not be handled", message.kind, exc_info=error)
            self._rest(message)
        delivered = error is None and task.result()
        with self._lock:
            del self._under_way[subject]
            self._ended.add(message.id)
            self._calls[message.peer] -= 1
            if delivered:
                self._silent.discard(message.peer)
            elif error is None:
                self._silent.add(message.peer)
            again = self._left or not delivered
        if again:
            self._ports.wakeups.notify(OUTBOX)

    def _rest(self, message: OutgoingMessage) -> None:
        """After a fault of our own: let the message wait, so that it starves no other."""
        try:
            _not_delivered(self._ports, message, PreauError("a fault of this node"))
        except PreauError as error:
            _log.warning("outbox cannot be written: %s", error.reason)


def _until_next(soon: list[OutgoingMessage], now: datetime) -> float:
    """Return seconds until the next message falls due; those due now are claimed or in flight."""
    later = [(m.due_at - now).total_seconds() for m in soon if m.due_at > now]
    return min([LONGEST_SLEEP, *later])


def _exchange(ports: Ports, peer: Participant | None, message: OutgoingMessage) -> None:
    """Send one message, and note its delivery where what came with the answer is taken in.

    What came and is refused changes nothing. Then the message is sent once more without asking for
    more than an answer, so that the peer sends the rest by a call of its own, and is told why.
    """
    negotiating = message.kind in outcomes.KINDS
    answer = _call(ports, peer, message, carries=negotiating)
    if negotiating and (answer.get("next_kind") or answer.get("next")):
        if _took(ports, message, answer):
            return
        answer = _call(ports, peer, message)
    with ports.store.write() as tx:
        if negotiating and answer:  # over HTTPS a peer may take a message without a word
            outcomes.acknowledged(tx, message, ContractNegotiation.from_body(answer))
        elif message.address and message.kind in transfers.SENT and answer:
            transfers.acknowledged(tx, message, TransferProcess.from_body(answer))
        _delivered(ports, tx, message)


def _took(ports: Ports, message: OutgoingMessage, answer: Mapping[str, Any]) -> bool:
    """Take in what came with an answer; return whether it was, and the delivery noted."""
    try:
        said = ContractNegotiation.from_body(answer)
        receiving.receive_carried(ports, message, said, partial(_delivered, ports, message=message))
    except StoreUnavailable:
        raise
    except PreauError as error:
        _log.info("what came with the answer to `%s` is not taken: %s", message.kind, error.code)
        return False
    return True


def _call(
    ports: Ports, peer: Participant | None, message: OutgoingMessage, *, carries: bool = False
) -> Mapping[str, Any]:
    if peer is None:
        raise PeerUnreachable("the peer was never met")
    if message.kind == introducing.KIND:
        introducing.introduce(ports.web, ports.settings.did, peer)
        return {}
    body, seconds, address = parse_object(message.body), CALL_SECONDS, message.address
    if address:
        return ports.wire.call(peer, message.kind, body, seconds=seconds, address=address)
    return ports.wire.call(peer, message.kind, body, seconds=seconds, carries=carries)


def _delivered(ports: Ports, tx: Transaction, message: OutgoingMessage) -> None:
    now = ports.clock.now()
    tx.outbox.put(replace(message, attempts=message.attempts + 1, delivered_at=now))
    if sending.waits(tx, message.subject):
        sending.wake(ports, tx)  # its next message is due now
        if ports.turn is not None:
            ports.turn.behind = True


def _not_delivered(ports: Ports, message: OutgoingMessage, error: PreauError) -> None:
    tried = replace(message, attempts=message.attempts + 1)
    signed = outcomes.signed(message)
    passing = isinstance(error, PASSING) or type(error) is PreauError or _early(message, error)
    age = ports.clock.now() - message.created_at
    if not passing and not (signed and isinstance(error, Untrusted)):
        _give_up(ports, tried, error.code, error.reason)
    elif tried.attempts >= MAX_ATTEMPTS and age >= (outcomes.SIGNED_AGE if signed else MAX_AGE):
        code = PeerUnreachable.code if isinstance(error, WorldFault) else error.code
        _give_up(ports, tried, code, f"given up after {tried.attempts} attempts: {error.reason}")
    else:
        _postpone(ports, tried, error)


def _early(message: OutgoingMessage, error: PreauError) -> bool:
    """Return whether a message came before the peer was ready for it.

    A statement may come before the contract's last signature was taken. Over HTTPS a process is
    not there before the peer has noted it, nor is what takes its messages.
    """
    if message.address:
        return isinstance(error, NotFound)
    return message.kind in _STATEMENTS and isinstance(error, AgreementUnknown)


def _postpone(ports: Ports, message: OutgoingMessage, error: PreauError) -> None:
    """Try later; what else is due for a silent peer waits as long, without a try of its own."""
    wait = max(pause(message), timedelta(seconds=min(error.retry_after, LONGEST_HINT)))
    due, silent = ports.clock.now() + wait, isinstance(error, PeerUnreachable)
    if message.attempts.bit_count() == 1:  # the 1st, 2nd, 4th …: a line that does not repeat
        said = (message.kind, message.peer, message.attempts, error.code, error.reason)
        _log.warning("`%s` to `%s` waits after %d attempts: %s: %s", *said)
    with ports.store.write() as tx:
        for other in _waiting(tx, message.peer) if silent else ():
            if other.due_at < due:
                tx.outbox.put(replace(other, due_at=due))
        tx.outbox.put(replace(message, due_at=due))


def _waiting(tx: Transaction, peer: str) -> tuple[OutgoingMessage, ...]:
    return tx.outbox.page(limit=0, peer=peer, delivered_at=None, failed="").values


def _give_up(ports: Ports, message: OutgoingMessage, code: str, reason: str) -> None:
    with ports.store.write() as tx:
        tx.outbox.put(replace(message, failed=f"{code}: {reason}"))
        tx.audit.append(
            "delivery.failed", message.subject, peer=message.peer, message=message.kind, code=code
        )
        if message.kind in outcomes.KINDS:
            outcomes.given_up(ports, tx, message, code, reason)
        elif message.kind in transfers.SENT:
            transfers.given_up(ports, tx, message, code, reason)
