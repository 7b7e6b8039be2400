"""On whose account a call goes, before anything of it is believed: for limits only.

Rules: a certificate counts for a member once `authenticate.py` has found it to be that member's;
before that its calls count for the address that they come from, so that nobody uses up the share of
another. The first such call of a connection proves the connection (`peer/connections/relay.py`).
What a call may do is judged anew for each, by the gate.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from typing import Final

from connector.peer.calls.authenticate import Gate, Shown, shown
from connector.peer.connections import relay
from connector.peer.limits.turns import Threads
from connector.peer.status import Context

LEAVES: Final = 4096  # certificates that are remembered


@dataclass(slots=True)
class Visit:
    """A call that came in.

    Attributes:
        call: what it shows.
        owner: on whose account it goes: a DID, or an address.
        did: DID that its certificate was found to be of; empty at first.
        caller: its connection; None when it came by another way than the relay.
    """

    call: Shown
    owner: str
    did: str
    caller: relay.Caller | None


class Reception:
    """Receives the calls of one server; on the event loop's thread only."""

    def __init__(self, gate: Gate, door: relay.Relay, turns: Threads) -> None:
        self._gate = gate
        self._door = door
        self._turns = turns
        self._leaves: OrderedDict[bytes, str] = OrderedDict()

    def visit(self, context: Context) -> Visit:
        """Say on whose account a call goes."""
        call = shown(context)
        port = context.peer().rpartition(":")[2]
        caller = self._door.caller(int(port)) if port.isdecimal() else None
        visit = Visit(call, caller.origin if caller else "", "", caller)
        known = self._leaves.get(call.leaf)
        if known is not None:
            self._recognised(visit, known)
        return visit

    async def identify(self, visit: Visit) -> None:
        """Find out whose a certificate is that was not seen before.

        Raises:
            UnknownPeer: it names no admitted participant.
            CertificateMismatch: it is not that participant's.
            TooManyRequests: too many calls from its address wait.
        """
        if visit.did:
            return
        identify = partial(self._gate.identify, visit.call)
        participant = await self._turns.run(visit.owner, identify)
        self._leaves[visit.call.leaf] = participant.did
        while len(self._leaves) > LEAVES:
            self._leaves.popitem(last=False)
        self._recognised(visit, participant.did)

    def _recognised(self, visit: Visit, did: str) -> None:
        visit.owner = visit.did = did
        if visit.caller is not None:
            self._door.prove(visit.caller, did)
