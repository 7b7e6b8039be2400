"""Which nouns answer which paths; their routes are loaded with the first request for one.

An idle node holds none of them, nor FastAPI and pydantic: 20 MB, and a third of a start. What
supervisors ask again and again is answered without them (`observation.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from threading import Lock
from types import MappingProxyType
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from connector.errors import WorldFault
from connector.management import observation
from connector.management.reach import Reach
from connector.management.refusals import answer

_log = logging.getLogger(__name__)
DESCRIPTION: Final = "openapi.json"
# Module of routes -> first parts of its paths, in the order of the description.
HEADS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "contracts.negotiations": ("negotiations", "negotiation", "offers"),
        "node": ("node", "document", "membership", "memberships", "authority-key", "peers"),
        "publishing.datasets": ("datasets", "dataset"),
        "publishing.offers": ("offer",),
        "contracts.catalogs": ("catalog",),
        "contracts.agreements": ("agreements", "agreement"),
        "jobs": ("jobs", "job"),
        "publishing.budgets": ("registers", "budget"),
        "audits": ("audit",),
        "members": ("members", "revocations"),
        "contracts.approvals": ("approvals", "approval"),
        "contracts.duties": ("duties", "duty", "audit"),
        "contracts.uses": ("uses", "use", "agreement", "referral"),
        "contracts.transfers": ("transfers", "transfer"),
        "recoveries": ("recovery",),
        "publishing.persons": ("persons",),
        "publishing.layers": ("layers", "layer"),
        "accounts": ("accounts", "account"),
        "observe": ("health", "ready", "metrics"),
    }
)


def nouns_of(path: str) -> tuple[str, ...]:
    """Return the nouns that may answer a path; all of them describe the API."""
    head = path.removeprefix("/").partition("/")[0]
    return tuple(noun for noun, heads in HEADS.items() if head in (*heads, DESCRIPTION))


class Nouns:
    """The management API as an ASGI application; a `Gate` has to stand before it."""

    def __init__(self, reach: Reach) -> None:
        """Load nothing.

        Args:
            reach: what the routes may reach.
        """
        self._reach = reach
        self._observed = observation.create(reach)
        self._loaded: dict[tuple[str, ...], ASGIApp] = {}
        self._loading = Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by the routes of the path's nouns."""
        path = str(scope["path"])
        if scope["method"] == "GET" and path in observation.ANSWERS:
            found: ASGIApp = self._observed
        else:
            nouns = nouns_of(path)
            known = nouns in self._loaded
            found = self._loaded[nouns] if known else await run_in_threadpool(self._load, nouns)
        await found(scope, receive, send)

    def _load(self, nouns: tuple[str, ...]) -> ASGIApp:
        with self._loading:
            if nouns not in self._loaded:
                try:
                    from connector.management import app  # noqa: PLC0415 - see above

                    self._loaded[nouns] = app.create(self._reach, nouns)
                except ImportError:
                    _log.exception("routes of %s cannot be loaded", ", ".join(nouns))
                    hint = "its files were changed while it ran: restart the node"
                    return answer(WorldFault("the node cannot load what answers this", hint=hint))
            return self._loaded[nouns]
