"""The management application: routes, their errors, and the gate before them.

Rule: a gate (`gate.py`) stands before it and lets requests in. Leaves each noun's routes to its
file.
"""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from connector.errors import Malformed, NotFound, PreauError, StoreUnavailable, status
from connector.management.gate import PROBLEM_JSON, problem
from connector.management.reach import Reach, reach_of
from connector.management.routes import (
    agreements,
    approvals,
    audits,
    budgets,
    catalogs,
    datasets,
    duties,
    jobs,
    layers,
    members,
    negotiations,
    node,
    observe,
    offers,
    persons,
    recoveries,
    transfers,
    uses,
)

_log = logging.getLogger(__name__)
_ROUTERS = (  # looked through in this order
    *(negotiations, node, datasets, offers, catalogs, agreements, jobs, budgets, audits, members),
    *(approvals, duties, uses, transfers, recoveries, persons, layers, observe),
)


def create(reach: Reach) -> FastAPI:
    """Return the application; a `Gate` has to stand before it.

    Args:
        reach: what the routes may reach.
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
    for routes in _ROUTERS:
        api.include_router(routes.router)
    api.add_exception_handler(PreauError, _refused)
    api.add_exception_handler(RequestValidationError, _unreadable)
    api.add_exception_handler(HTTPException, _no_route)
    api.add_exception_handler(Exception, _fault)
    return api


def _answer(error: PreauError) -> JSONResponse:
    return JSONResponse(problem(error), status(error.code)[1], media_type=PROBLEM_JSON)


def _refused(request: Request, error: Exception) -> JSONResponse:
    fault = error if isinstance(error, PreauError) else PreauError("the node failed")
    if request.method == "GET":
        _log.info("refused GET %s: %s", request.url.path, fault.code)
    else:
        _record(request, fault)
    return _answer(fault)


def _record(request: Request, fault: PreauError) -> None:
    """Write a refused command into the audit log; its text may name files, hence only the code."""
    ports = reach_of(request).ports
    try:
        with ports.store.write() as tx:
            command = f"{request.method} {request.url.path}"
            tx.audit.append("command.refused", ports.settings.did, code=fault.code, command=command)
    except StoreUnavailable:
        _log.warning("a refused command could not be recorded: %s", fault.code)


def _unreadable(_request: Request, error: Exception) -> JSONResponse:
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    first = faults[0] if faults else {"loc": (), "msg": "not readable"}
    where = "/".join(str(part) for part in first["loc"])
    return _answer(Malformed(f"`{where}`: {str(first['msg']).lower()}"))


def _no_route(_request: Request, error: Exception) -> JSONResponse:
    known = isinstance(error, HTTPException)
    number = error.status_code if known and isinstance(error, HTTPException) else 500
    fault = NotFound("the management API has no such route or method")
    return JSONResponse({**problem(fault), "status": number}, number, media_type=PROBLEM_JSON)


def _fault(_request: Request, _error: Exception) -> JSONResponse:
    hint = "the node's log says more; please report it"
    return _answer(PreauError("the node failed in a way that was not foreseen", hint=hint))
