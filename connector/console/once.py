"""Forms that are sent twice, by a second click or a browser that tries again: done once.

Rules: a form is the same where each byte of it is, its word included, which is another on each page
that is shown; it then has the answer that it had, or is about to have. What led nowhere may be sent
again. What is remembered is bounded.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from copy import copy
from hashlib import sha256
from typing import Final, TypeAlias

from starlette.responses import RedirectResponse, Response, StreamingResponse

from connector.console.visit import Visit

MOST: Final = 1024  # forms
Make: TypeAlias = Callable[[], Coroutine[None, None, Response]]


class Once:
    """The forms that were sent lately; used by one event loop."""

    def __init__(self) -> None:
        """Begin with none."""
        self._sent: OrderedDict[bytes, asyncio.Future[Response]] = OrderedDict()

    async def answer(self, visit: Visit, make: Make) -> Response:
        """Return the answer to a form, made once for all that are the same.

        Args:
            visit: that brings it.
            make: does what it asks for, and answers.
        """
        key = _key(visit)
        before = self._sent.get(key)
        if before is None:
            before = self._sent[key] = asyncio.ensure_future(make())
            before.add_done_callback(lambda made: self._done(key, made))
            if len(self._sent) > MOST:
                self._sent.popitem(last=False)
            return _own(await asyncio.shield(before))
        answer = await asyncio.shield(before)
        # A stream is read once.
        return await make() if isinstance(answer, StreamingResponse) else _own(answer)

    def _done(self, key: bytes, made: asyncio.Future[Response]) -> None:
        """Remember what led to a page that shows what became of it."""
        failed = made.cancelled() or made.exception() is not None
        if (failed or not isinstance(made.result(), RedirectResponse)) and (
            self._sent.get(key) is made
        ):
            del self._sent[key]


def _own(answer: Response) -> Response:
    """Return an answer for one browser: what sends it writes into its headers."""
    made = copy(answer)
    made.raw_headers = list(answer.raw_headers)
    vars(made).pop("_headers", None)  # a view of the others'
    return made


def _key(visit: Visit) -> bytes:
    """Return a digest of all that a form brings."""
    files = {name: sha256(content).hexdigest() for name, content in visit.files.items()}
    return sha256(repr((visit.path, visit.language, visit.form, files)).encode()).digest()
