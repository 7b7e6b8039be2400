"""Unary calls: raw bytes in, checks, handler, answer or refusal out.

Rules: a call holds no thread while its request is awaited (`peer/limits/arrivals.py`); the bytes
are kept as they came until the token's body hash was checked; of each caller only so many calls are
open, and each has a share (`peer/limits/shares.py`); threads go to callers in fair turns
(`peer/limits/turns.py`). How a call ends that fails is `border.py`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any, Final

from connector.domain.delivery import Reply
from connector.domain.participant import Participant
from connector.errors import Malformed, MessageTooLarge, TooManyRequests
from connector.peer import routes
from connector.peer.calls.border import Border
from connector.peer.calls.reception import Visit
from connector.peer.calls.use import Use
from connector.peer.checkpoints import Checkpoints
from connector.peer.limits.counted import Counted
from connector.peer.limits.shares import Shares
from connector.peer.routes import STATED, Metadata, Route
from connector.peer.status import Context, unforeseen
from connector.ports import Ports
from connector.services import correlation

Handler = Callable[[Ports, Participant, Mapping[str, Any]], Mapping[str, Any]]
Behaviour = Callable[[Any, Context], Awaitable[bytes]]

# Calls that may be open, with those whose request is awaited; what is beyond is refused at once.
OPEN: Final = 1024
OPEN_PER_CALLER: Final = 32
# The largest message of a kind is a sealed tally, of 4 MiB; only streams carry models.
MOST_BYTES: Final = 8 * 1024 * 1024


class Unary:
    """Behaviour of the unary methods.

    Attributes:
        shares: of members; what they send with answers to our calls counts too.
    """

    def __init__(
        self,
        border: Border,
        handlers: Mapping[str, Handler],
        checkpoints: Checkpoints,
    ) -> None:
        self._ports = border.ports
        self._border = border
        self.shares = Shares(border.ports)
        self._handlers = handlers
        self._checkpoints = checkpoints
        self._open = Counted(OPEN, OPEN_PER_CALLER, _too_many_calls)

    def behaviour(self, route: Route) -> Behaviour:
        """Return what gRPC runs for a method."""

        async def behave(_requests: object, context: Context) -> bytes:
            return await self._answer(route, context)

        return behave

    async def _answer(self, route: Route, context: Context) -> bytes:
        visit, counted = self._border.reception.visit(context), ExitStack()
        # Until the answer has left: who does not read it has it on its own account.
        context.add_done_callback(partial(_over, counted))  # type: ignore[arg-type]  # stubs: exact
        work = self._answered(route, visit, context, counted)
        answer, carried = await self._border.across(work, visit, route.method, context)
        context.set_trailing_metadata(carried)
        return answer

    async def _answered(
        self, route: Route, visit: Visit, context: Context, counted: ExitStack
    ) -> tuple[bytes, Metadata]:
        counted.enter_context(self._open.some(visit.owner))
        data = await self._request(route, visit, context)
        counted.enter_context(self._border.arrivals.held(visit.owner, data))
        self.shares.take(visit.owner, route.kind, len(data))
        work = partial(self._handled, route, visit, data)
        answer, carried = await self._border.turns.run(visit.owner, work)
        counted.enter_context(self._border.arrivals.held(visit.owner, answer))
        return answer, carried

    async def _request(self, route: Route, visit: Visit, context: Context) -> bytes:
        """Return the exact bytes of the request once they are there, and it is known whose."""
        limit = min(self._ports.settings.max_message_bytes, MOST_BYTES)
        try:
            await self._border.reception.identify(visit)
            data = await self._border.arrivals.read(visit.owner, context)
        except asyncio.CancelledError:  # nobody is there to be answered; the log says so
            broken = Malformed("the request was interrupted, or is far too large")
            self._border.record(visit, route.method, broken)
            raise
        if not isinstance(data, bytes):
            raise Malformed("the call carries no message")
        if len(data) > limit:
            raise MessageTooLarge(f"the message has {len(data)} bytes, over the limit of {limit}")
        return data

    def _handled(self, route: Route, visit: Visit, data: bytes) -> tuple[bytes, Metadata]:
        call = visit.call
        caller, token = self._border.gate.authorise(call, route.method, data)
        self._checkpoints.received(caller.did, call.checkpoint)
        use = Use(self._ports.store, token)
        reply = Reply(caller.did) if call.carries else None
        ports = replace(self._ports, store=use, reply=reply)
        try:
            body = routes.to_body(routes.read(route.request, data))
            with correlation.about(*correlation.ids_of(body)):
                answer = self._handlers[route.kind](ports, caller, body)
        finally:  # also where the call was refused
            use.settle()
        try:
            written = routes.from_body(route.answer, answer).SerializeToString()
        except Malformed as exc:  # our own answer, so our own fault
            raise unforeseen(route.method) from exc
        note = self._checkpoints.own()
        return written, (*STATED, *(((routes.CHECKPOINT_KEY, note),) if note else ()))


def _over(counted: ExitStack, _context: Context) -> None:
    counted.close()


def _too_many_calls() -> TooManyRequests:
    return TooManyRequests(
        "too many calls of this peer run at once", hint="try again", retry_after=1.0
    )
