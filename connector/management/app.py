"""The management application: the routes of some nouns, and their errors.

Rule: a gate (`gate.py`) stands before it and lets requests in. Leaves each noun's routes to its
file, and which nouns are asked to `nouns.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from connector.errors import Malformed
from connector.management.nouns import HEADS
from connector.management.reach import Reach
from connector.management.refusals import HANDLERS, answer


def create(reach: Reach, nouns: Iterable[str] = HEADS) -> FastAPI:
    """Return the application; a `Gate` has to stand before it.

    Args:
        reach: what the routes may reach.
        nouns: modules of `routes`, looked through in this order.
    """
    api = FastAPI(
        title="Préau management API",
        summary="Local API of one node; every request needs the bearer token of its home.",
        version="1",
        docs_url=None,
        redoc_url=None,
        responses={"default": {"description": "problem (RFC 9457)"}},
    )
    api.state.reach = reach
    for kind, handler in HANDLERS.items():
        api.add_exception_handler(kind, handler)
    api.add_exception_handler(RequestValidationError, _unreadable)
    for noun in nouns:
        api.include_router(import_module(f"connector.management.routes.{noun}").router)
    return api


def _unreadable(_request: Request, error: Exception) -> JSONResponse:
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    first = faults[0] if faults else {"loc": (), "msg": "not readable"}
    where = "/".join(str(part) for part in first["loc"])
    return answer(Malformed(f"`{where}`: {str(first['msg']).lower()}"))
