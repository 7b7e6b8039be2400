"""Pages that are watched: a browser with scripts is told when what a page shows has changed.

Rules: an event says that something changed, never what; the page itself is asked for again, and
judged again. A stream ends by itself, with its session, and when the node stops; there are so many
at a time, and of one account. Watching is no use of a session: it lets none go on longer.

Source: HTML Living Standard, section 9.2 (server-sent events).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from connector.console.shares import Shares
from connector.errors import PreauError

SECONDS: Final = 2.0  # between two looks
TURNS: Final = 150  # looks of a stream, after which the browser asks anew
MOST: Final = 32  # streams at a time
OF_ONE: Final = 4  # account; a browser opens six connections to a server, and needs some for pages
_ENOUGH: Final = 204  # by which a browser asks no more

_log = logging.getLogger(__name__)


class Watching:
    """The streams of a console; used by one event loop."""

    def __init__(self, seconds: float = SECONDS) -> None:
        """Begin with none.

        Args:
            seconds: between two looks.
        """
        self._seconds, self._shares = seconds, Shares(MOST, OF_ONE)

    def answer(self, account: str, stamp: Callable[[], str], seen: str) -> Response:
        """Return the answer to a browser that watches a page.

        Args:
            account: who watches.
            stamp: of what the page shows now; empty once nobody may see it any more.
            seen: what the browser shows.
        """
        if not self._shares.free(account):
            return Response(status_code=_ENOUGH)
        return StreamingResponse(self._told(account, stamp, seen), media_type="text/event-stream")

    async def _told(
        self, account: str, stamp: Callable[[], str], seen: str
    ) -> AsyncIterator[bytes]:
        with self._shares.held(account):
            for _ in range(TURNS):
                try:
                    now = await run_in_threadpool(stamp)
                except PreauError as exc:
                    _log.info("a page is watched no longer: %s", exc.code)
                    return
                if not now:
                    return
                yield b":\n\n" if now == seen else b"event: changed\ndata:\n\n"
                seen = now
                await asyncio.sleep(self._seconds)
