"""Routes: the audit log and evidence from it."""

from typing import Annotated, Final

from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse, Response

from connector.management.here import Here
from connector.management.paging import Start, rows
from connector.management.render import records as render
from connector.management.views.audits import EventView
from connector.management.views.view import DamagedView
from connector.services.evidence import export, own_log

router: Final = APIRouter(tags=["audit"])


@router.get("/audit/events")
def events(
    here: Here,
    start: Start = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    subject: str = "",
) -> list[EventView | DamagedView]:
    """List events of the audit log, in order."""
    return rows(own_log.events(here.ports, start, limit, subject or None), render.event)


@router.get("/audit/evidence", response_class=Response)
def evidence(
    here: Here, agreement: Annotated[str, Query(description="id of the agreement")]
) -> Response:
    """Return the sealed evidence of a contract, to be kept as it is."""
    return Response(export.export(here.ports, agreement), media_type="application/json")


@router.get("/audit/checkpoint", response_class=PlainTextResponse)
def checkpoint(here: Here) -> str:
    """Return the signed head of the log (C2SP signed note)."""
    return own_log.checkpoint(here.ports).note
