"""Many random negotiations at once between two nodes over HTTPS, and what went over the wire.

Operators of both sides open, accept, counter and end at random; of what is sent some is lost, with
or without having come, and some comes twice. A negotiation must end where the table leads by the
messages that were taken.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from threading import Event
from typing import Any, Final

import pytest

from connector.domain.contract.negotiation import Negotiation, NegotiationState, Role
from connector.errors import PeerUnreachable, PreauError
from connector.peer.web.client import GuardedWeb
from connector.ports import Answer
from connector.protocol.negotiation import RECEIVING, TERMINAL
from connector.services.negotiation import negotiate
from policies_odrl import Policy
from tests.support.dsp_negotiations import wish_of
from tests.support.dsp_nodes import Speaking, judge
from tests.support.dsp_oracle import act_of
from tests.support.opening import SCHOOLS

State = NegotiationState
AT_ONCE: Final = 16
_LOOKS: Final = 2_000  # at most, each after a short pause
_PAUSE: Final = 0.03
_TAKEN: Final = range(200, 300)
_PIDS: Final = ("providerPid", "consumerPid")


@dataclass
class Crowd:
    """Two nodes and what they negotiate.

    Attributes:
        school: offers.
        lab: wants.
        shelf: offers of the school.
        rng: chooses.
        heard: bodies and statuses of messages, in the order in which they were sent.
    """

    school: Speaking
    lab: Speaking
    shelf: Sequence[Policy]
    rng: Random
    heard: list[tuple[dict[str, Any], list[int]]] = field(default_factory=list)
    _wishes: dict[str, Mapping[str, Any]] = field(default_factory=dict)  # by id of an offer

    def play(self, count: int) -> Counter[str]:
        """Negotiate so often; return how often each ended how.

        Raises:
            AssertionError: one does not end, or not as it must.
        """
        self._wishes = {each.id: wish_of(each, self.rng) for each in self.shelf}
        left, going = count, dict[str, Speaking]()
        with self._listening():
            for _ in range(_LOOKS):
                while left and len(going) < AT_ONCE:
                    left -= 1
                    going |= self._opened()
                for pid in [pid for pid, node in going.items() if self._over(pid, node)]:
                    del going[pid]
                if not (left or going):
                    break
                Event().wait(_PAUSE)
        assert not going, going
        for body, _ in self.heard:
            judge(body)
        return self._compared()

    def _opened(self) -> dict[str, Speaking]:
        offer = self.rng.choice(self.shelf)
        if self.rng.randrange(4) == 0:
            opened = negotiate.offer(self.school.ports, self.lab.did, SCHOOLS, offer.id)
            return {opened.pid: self.school}
        about = (self.lab.ports, self.school.did, SCHOOLS, offer.id)
        try:
            wish = self._wishes[offer.id] if self.rng.randrange(2) else None
            return {negotiate.request(*about, wish, https=True).pid: self.lab}
        except PreauError:  # our own node does not ask for what it would not understand
            return {negotiate.request(*about, https=True).pid: self.lab}

    def _over(self, pid: str, node: Speaking) -> bool:
        """Return whether both sides of a negotiation are over; else let an operator act."""
        mine = node.negotiation(pid)
        other = self.school if node is self.lab else self.lab
        theirs = other.negotiation(mine.peer_pid) if mine.peer_pid else None
        if all(each is None or each.state in TERMINAL for each in (mine, theirs)):
            return mine.state in TERMINAL
        self._acted(*((node, mine) if self.rng.randrange(2) or theirs is None else (other, theirs)))
        return False

    def _acted(self, node: Speaking, found: Negotiation) -> None:
        choice = self.rng.randrange(12)
        try:
            if choice == 0:
                negotiate.terminate(node.ports, found.pid, "assez «é» ✓")
            elif found.role is Role.CONSUMER and found.state is State.OFFERED:
                if choice < 6:
                    negotiate.accept(node.ports, found.pid)
                elif choice < 8:
                    wish = self._wishes[self.rng.choice(self.shelf).id]
                    negotiate.counter(node.ports, found.pid, wish)
        except PreauError:  # the table, or the terms, have the last word
            return

    # -- what went over the wire ----------------------------------------------------------------

    @contextmanager
    def _listening(self) -> Iterator[None]:
        asked = GuardedWeb.ask

        def ask(web: GuardedWeb, url: str, body: bytes | None = None, **more: Any) -> Answer:
            fault = self.rng.randrange(40) if body else 40
            said = json.loads(body) if body else {}
            if fault == 0:
                raise PeerUnreachable("lost on the way")
            statuses: list[int] = []
            if str(said.get("@type", "")).startswith("Contract"):
                self.heard.append((said, statuses))
            answer = asked(web, url, body, **more)
            statuses.append(answer.status)
            if fault == 1:
                raise PeerUnreachable("answer lost on the way")
            if fault == 2:
                again = asked(web, url, body, **more)
                assert again.status in (answer.status, 429)
            return answer

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(GuardedWeb, "ask", ask)
            yield

    def _compared(self) -> Counter[str]:
        """Compare what both sides hold with where their messages lead."""
        taken: dict[str, None] = {}  # each once, however often it came
        for body, statuses in self.heard:
            if statuses and statuses[0] in _TAKEN:
                taken[json.dumps(body)] = None
        said: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for text in taken:
            body = json.loads(text)
            for pid in {body.get(name) for name in _PIDS}:
                said[pid].append(body)
        ends = Counter[str]()
        for mine in self._held():
            consumer = mine.pid if mine.role is Role.CONSUMER else mine.peer_pid
            provider = mine.peer_pid if mine.role is Role.CONSUMER else mine.pid
            opened = [it for it in said[consumer] + said[provider] if "callbackAddress" in it]
            both = [it for it in said[consumer] if it.get("providerPid") == provider]
            state = _led(opened[:1] + [it for it in both if it not in opened], mine)
            expected = State.FINALIZED if state is State.FINALIZED else State.TERMINATED
            assert mine.state is expected, (mine, state)
            ends[f"{mine.role} {mine.state}"] += 1
        return ends

    def _held(self) -> Iterator[Negotiation]:
        heard = {body.get(name) for body, _ in self.heard for name in _PIDS}
        for node in (self.school, self.lab):
            with node.ports.store.read() as tx:
                yield from (it for it in tx.negotiations.find() if it.pid in heard)


def _led(bodies: list[dict[str, Any]], about: Negotiation) -> State | None:
    """Return where messages lead, each taken once."""
    state: State | None = None
    for body in bodies:
        act = act_of(body["@type"], body.get("eventType", ""))
        steps = {by: RECEIVING[it] for it in RECEIVING if it[:2] == (state, act) for by in [it[2]]}
        assert steps, (about.pid, state, [(it["@type"], it.get("eventType")) for it in bodies])
        (state,) = set(steps.values())
    return state
