"""Plays the scripts: what the node would answer to the kit is held back until its script says so.

The product takes each message in, judges it and works out its answer. Of a process with a script
that answer waits here, and the process stays in the state that the kit's message brought it to.
Then the script's acts follow, after a pause, since the kit looks at the state first.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final
from unittest.mock import patch

from connector.domain.contract.negotiation import Negotiation, Role
from connector.domain.participant import Participant
from connector.domain.transfer.extract import Extract, ExtractState
from connector.domain.transfer.transfer import Transfer
from connector.errors import IllegalMessage, PreauError
from connector.jsonld import opaque
from connector.ports import Ports, Transaction
from connector.protocol import messages as m
from connector.protocol.transfer import Act
from connector.protocol.transfer_messages import TransferCompletionMessage
from connector.services.messages import receive
from connector.services.negotiation import negotiate
from connector.services.negotiation import steps as negotiations
from connector.services.transfer import acts as wishes
from connector.services.transfer import consumer_side, starting
from connector.services.transfer import steps as transfers
from connector.services.use import derived
from tests.tck.scripts import NEGOTIATIONS, SCRIPTS, TRANSFERS, Case, Step

PAUSE: Final = 0.3  # seconds before each act; the kit asks for a state within 0.1
_THREADS: Final = 32
_LOOKS: Final = 200  # at a process of ours, until the kit has acknowledged it
_LOOK_SECONDS: Final = 0.05
_HELD: Final = (
    m.ContractAgreementMessage,
    m.ContractAgreementVerificationMessage,
    m.ContractNegotiationEventMessage,
)
_NOTHING: Final = "00" * 32
_WISHES: Final = {
    "suspend": wishes.Wish.SUSPEND,
    "resume": wishes.Wish.RESUME,
    "terminate": wishes.Wish.END,
}

_log = logging.getLogger(__name__)
Process = Negotiation | Transfer


class Player:
    """Goes through the script of each process of one node."""

    def __init__(self, cases: Iterable[Case], pause: float = PAUSE) -> None:
        """Prepare.

        Args:
            cases: with their scripts.
            pause: before each act, seconds.
        """
        self._scripts = {each.key: each for each in cases if each.name in SCRIPTS}
        self._pause = pause
        self._lock = threading.Lock()
        self._left: dict[str, list[Step]] = {}  # by our pid
        self._answers: dict[str, Callable[[Ports, Transaction], object]] = {}
        self._taking = threading.local()
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="script")

    def close(self) -> None:
        """Stop between two acts."""
        self._stopping.set()
        self._pool.shutdown()

    def replacing(self) -> Sequence[Any]:
        """Return what replaces callables of services, to be entered while the node runs."""
        send, ask = negotiations.send, derived.ask

        def hold_back(  # as `steps.send`
            ports: Ports,
            tx: Transaction,
            negotiation: Negotiation,
            message: Any,
            facts: Mapping[str, Any] | None = None,
            **changes: Any,
        ) -> Negotiation:
            holds = getattr(self._taking, "now", False) and isinstance(message, _HELD)
            if not holds or not self._script(negotiation):
                return send(ports, tx, negotiation, message, facts, **changes)

            def answer(ports: Ports, tx: Transaction) -> Negotiation:
                found = negotiations.own(tx, negotiation.pid)
                return send(ports, tx, found, message, facts, **changes)

            self._answers[negotiation.pid] = answer
            tx.negotiations.put(negotiation)
            return negotiation

        def prepare(ports: Ports, caller: Participant, agreement_id: str, pid: str) -> Any:
            if (TRANSFERS, Role.PROVIDER, opaque.outward(agreement_id)) not in self._scripts:
                return ask(ports, caller, agreement_id, pid)
            return _held_extract(ports, caller, agreement_id, pid)

        return (
            patch.object(negotiations, "send", hold_back),
            patch.object(derived, "ask", prepare),
        )

    def received(self, ports: Ports, caller: Participant, value: Any) -> Any:
        """Take in a message of the kit, as the product does; then let its script go on."""
        self._taking.now = True
        try:
            answer = receive.received(ports, caller, value)
        finally:
            self._taking.now = False
        found = _process(ports, answer.provider_pid, answer.consumer_pid)
        self._reached(ports, found, answer.state)
        return answer

    def begun(self, ports: Ports, pid: str) -> None:
        """Let the script of a process of ours go on once the kit has acknowledged it."""
        self._pool.submit(self._acknowledged, ports, pid)

    def _acknowledged(self, ports: Ports, pid: str) -> None:
        for _ in range(_LOOKS):
            found = _process(ports, pid)
            if found.peer_pid:
                self._reached(ports, found, "REQUESTED")
                return
            if self._stopping.wait(_LOOK_SECONDS):
                return

    def _script(self, process: Process) -> Case | None:
        if isinstance(process, Transfer):
            about = opaque.outward(process.agreement_id)
            return self._scripts.get((TRANSFERS, process.role, about))
        return self._scripts.get((NEGOTIATIONS, process.role, process.dataset_id))

    def _reached(self, ports: Ports, process: Process, state: str) -> None:
        case = self._script(process)
        if case is None:
            return
        with self._lock:
            left = self._left.setdefault(process.pid, list(case.steps))
            if not left or left[0][0] != state:
                return
            _, acts = left.pop(0)
        self._pool.submit(self._play, ports, process.pid, acts, case)

    def _play(self, ports: Ports, pid: str, acts: tuple[str, ...], case: Case) -> None:
        for act in acts:
            if self._stopping.wait(self._pause):
                return
            try:
                if case.kind == TRANSFERS:
                    _transfer(ports, pid, act)
                else:
                    self._negotiate(ports, pid, act)
            except PreauError as exc:
                _log.error("%s: `%s` is refused: %s: %s", case.name, act, exc.code, exc.reason)
                return
            except Exception:  # noqa: BLE001 - whatever it is, the case shows it
                _log.exception("%s: `%s` fails", case.name, act)
                return

    def _negotiate(self, ports: Ports, pid: str, act: str) -> None:
        if act == "terminate":
            negotiate.terminate(ports, pid, "as the script says")
            return
        if act == "counter":
            negotiate.counter(ports, pid, negotiate.negotiation(ports, pid).offered)
            return
        with ports.store.write() as tx:
            if act == "answer":
                answer = self._answers.pop(pid, None)
                if answer is None:
                    raise IllegalMessage("the node would answer nothing")
                answer(ports, tx)
                return
            found = negotiations.own(tx, pid)
            assert act == "offer", act
            offer = tx.offers.get(found.offer_id)
            assert offer is not None
            message = m.ContractOfferMessage(
                message_id=ports.ids.new(),
                **negotiations.pids(found),
                offer_id=offer.id,
                dataset=found.dataset_id,
                policy=offer.policy,
                reasons=(),
            )
            said = {"policy": offer.policy, "policy_by": Role.PROVIDER}
            negotiations.send(ports, tx, found, message, **said)


def _transfer(ports: Ports, pid: str, act: str) -> None:
    if act in _WISHES:
        wishes.give(ports, pid, _WISHES[act], "as the script says")
        return
    with ports.store.write() as tx:
        found = transfers.own(tx, pid)
        if act == "start":
            extract = tx.extracts.get(found.extract_id)
            assert extract is not None
            ready = replace(extract, state=ExtractState.READY)
            tx.extracts.put(ready)
            starting.start(ports, tx, found, ready)
            return
        assert act == "complete", act
        # The product leaves that to the consumer, and completes what was fetched from somewhere.
        if found.role is Role.PROVIDER or not found.data_address:
            done = transfers.move(ports, tx, found, Act.COMPLETION, found.role)
            names_ = transfers.pids(done)
            message = TransferCompletionMessage(ports.ids.new(), **names_, statement="")
            transfers.send(ports, tx, done, message)
            return
    consumer_side.received(ports, pid, _NOTHING, 0)


def ended(ports: Ports, agreement_id: str) -> None:
    """End here what an earlier run left under an agreement: a node asks for one at a time."""
    with ports.store.write() as tx:
        going = tx.transfers.find(agreement_id=agreement_id, role=Role.CONSUMER)
        transfers.end_all(ports, tx, going, "", "another run begins")


def _held_extract(ports: Ports, caller: Participant, agreement_id: str, pid: str) -> Extract:
    """Return what a transfer of the kit asks for, as if persons had yet to look at it."""
    held = Extract(
        id=ports.ids.new(),
        agreement_id=agreement_id,
        consumer=caller.did,
        request_id=pid,
        plan_digest=_NOTHING,
        snapshot_digest=_NOTHING,
        salt=_NOTHING,
        digest=_NOTHING,
        format="csv",
        state=ExtractState.HELD,
        made_at=ports.clock.now(),
    )
    with ports.store.write() as tx:
        tx.extracts.put(held)
    return held


def _process(ports: Ports, *pids: str) -> Process:
    with ports.store.read() as tx:
        for pid in filter(None, pids):
            found = tx.negotiations.get(pid) or tx.transfers.get(pid)
            if found is not None:
                return found
    raise AssertionError("what was answered about is nowhere")
