"""Faults of requests as problems (RFC 9457); a refused command is noted in the audit log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from connector.errors import NotFound, PreauError, StoreUnavailable, status
from connector.management.gate import PROBLEM_JSON, problem
from connector.management.reach import reach_of

_log = logging.getLogger(__name__)


def answer(error: PreauError) -> JSONResponse:
    """Return an error as an answer."""
    return JSONResponse(problem(error), status(error.code)[1], media_type=PROBLEM_JSON)


def _refused(request: Request, error: Exception) -> JSONResponse:
    fault = error if isinstance(error, PreauError) else PreauError("the node failed")
    if request.method == "GET":
        _log.info("refused GET %s: %s", request.url.path, fault.code)
    else:
        _record(request, fault)
    return answer(fault)


def _record(request: Request, fault: PreauError) -> None:
    """Write a refused command into the audit log; its text may name files, hence only the code."""
    ports = reach_of(request).ports
    try:
        with ports.store.write() as tx:
            command = f"{request.method} {request.url.path}"
            tx.audit.append("command.refused", ports.settings.did, code=fault.code, command=command)
    except StoreUnavailable:
        _log.warning("a refused command could not be recorded: %s", fault.code)


def _no_route(_request: Request, error: Exception) -> JSONResponse:
    known = isinstance(error, HTTPException)
    number = error.status_code if known and isinstance(error, HTTPException) else 500
    fault = NotFound("the management API has no such route or method")
    return JSONResponse({**problem(fault), "status": number}, number, media_type=PROBLEM_JSON)


def _fault(_request: Request, _error: Exception) -> JSONResponse:
    hint = "the node's log says more; please report it"
    return answer(PreauError("the node failed in a way that was not foreseen", hint=hint))


HANDLERS: Final[Mapping[Any, Callable[[Request, Exception], JSONResponse]]] = MappingProxyType(
    {PreauError: _refused, HTTPException: _no_route, Exception: _fault}
)
