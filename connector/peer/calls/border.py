"""The border of a server: what its methods share, and how a call ends that fails.

Rules: every refusal is an answer with a code and is recorded; an unforeseen failure is logged and
answered without a word of its text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from connector.errors import PreauError
from connector.peer.calls.authenticate import Gate
from connector.peer.calls.reception import Reception, Visit
from connector.peer.calls.refusals import Refusals
from connector.peer.limits.arrivals import Arrivals
from connector.peer.limits.counted import Counted
from connector.peer.limits.turns import Threads
from connector.peer.status import Context, refuse, released, understood, unforeseen
from connector.ports import Ports

T = TypeVar("T")


def _recorder() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="peer-refusals")


@dataclass(frozen=True, slots=True)
class Border:
    """What the methods of one server share; they differ in what they do with a call.

    Attributes:
        turns: threads for work that is no stream's.
        refusals: where what is refused is recorded, on a thread of its own.
    """

    ports: Ports
    gate: Gate
    reception: Reception
    turns: Threads
    arrivals: Arrivals
    refusals: Refusals
    _thread: ThreadPoolExecutor = field(default_factory=_recorder)

    async def across(self, work: Awaitable[T], visit: Visit, method: str, context: Context) -> T:
        """Return what a call comes to; a failure ends it as the caller may understand it."""
        try:
            found = await work
        except PreauError as exc:
            failure = released(exc)
        except Exception:  # noqa: BLE001 - the outermost border: whatever it is, no text leaves
            failure = unforeseen(method)
        else:
            self.ports.calls.add(method)
            return found
        self.ports.calls.add(method, failure.code)
        await asyncio.shield(self.record(visit, method, failure))
        return await refuse(context, understood(failure, visit.call.generation))

    async def stream(
        self,
        serve: Callable[[Visit, Context], Awaitable[None]],
        counted: Counted,
        method: str,
        context: Context,
    ) -> None:
        """Serve one stream, which is counted for its caller before anything of it is read."""
        visit = self.reception.visit(context)

        async def served() -> None:
            await self.reception.identify(visit)
            with counted.some(visit.did):
                await serve(visit, context)

        await self.across(served(), visit, method, context)

    def record(self, visit: Visit, method: str, failure: PreauError) -> asyncio.Future[None]:
        """Begin to record a refusal."""
        work = partial(self.refusals.record, visit.did, method, failure)
        return asyncio.get_running_loop().run_in_executor(self._thread, work)

    def stop(self) -> None:
        """Record no more."""
        self._thread.shutdown(wait=False)
