"""Routes: federated jobs, led or taken part in."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Query
from fastapi.responses import Response

from connector.domain.page import LONGEST
from connector.errors import NotFound
from connector.management.here import Here
from connector.management.paging import Paged, Start, rows
from connector.management.render import records as render
from connector.management.views.jobs import (
    Cancellation,
    CheckView,
    DraftOrder,
    DraftView,
    EvaluationView,
    JobLineView,
    JobView,
)
from connector.management.views.view import DamagedView
from connector.services.evidence import own_log
from connector.services.federation.lead import jobs as lead_jobs
from connector.services.federation.request import check as checking
from connector.services.federation.request import draft as drafting
from connector.services.federation.request.rehearsal import MOST_SECONDS
from connector.services.lookup import require

router: Final = APIRouter(tags=["jobs"])
Id = Annotated[str, Query(alias="id", description="id of the job")]


@router.get("/jobs")
def jobs(here: Here, paged: Paged) -> list[JobView | DamagedView]:
    """List all jobs, oldest first."""
    page = lead_jobs.jobs(here.ports, after=paged.after, limit=paged.limit)
    return paged.rows(page, render.job)


@router.post("/jobs")
def submit(here: Here, request: Annotated[dict[str, Any], Body()]) -> JobView:
    """Submit a job; returns once it is signed and stored, its sites decide next."""
    return render.job(lead_jobs.submit(here.ports, request))


@router.post("/jobs/check")
def check(
    here: Here,
    request: Annotated[dict[str, Any], Body()],
    rehearse: Annotated[bool, Query(description="also run it on made-up rows")] = True,  # noqa: FBT002
    seconds: Annotated[
        float, Query(gt=0, le=MOST_SECONDS, description="after which no further round begins")
    ] = checking.SECONDS,
) -> CheckView:
    """Say what can be known of a job before it is submitted; nothing is stored or spent."""
    found = checking.check(here.ports, request, rehearse=rehearse, seconds=seconds)
    return render.check(found, here.ports.settings.worker_memory_bytes)


@router.post("/jobs/draft")
def draft(here: Here, order: DraftOrder) -> DraftView:
    """Write a request from contracts and data dictionaries; nothing is stored or spent."""
    found = drafting.draft(here.ports, order.agreements, order.target, order.epsilon)
    return DraftView(request=found.request, remarks=list(found.remarks))


@router.get("/job")
def job(here: Here, identifier: Id) -> JobView:
    """Show a job: rounds, the sites that answered, ε spent per site."""
    return JobView.model_validate(lead_jobs.progress(here.ports, identifier))


@router.get("/job/log")
def log(
    here: Here,
    identifier: Id,
    start: Start = 0,
) -> list[JobLineView | DamagedView]:
    """Tell what happened to a job at this node, from the audit log, in order."""
    lead_jobs.status(here.ports, identifier)
    return rows(own_log.events(here.ports, start, LONGEST, identifier), render.job_line)


@router.get("/job/result", response_class=Response)
def result(here: Here, identifier: Id) -> Response:
    """Return the final model of a completed job, NumPy `.npz`."""
    content = lead_jobs.result(here.ports, identifier).read_bytes()
    return Response(content, media_type="application/octet-stream")


@router.get("/job/card", response_class=Response)
def card(here: Here, identifier: Id) -> Response:
    """Return the signed card of a completed job's model."""
    return Response(lead_jobs.card(here.ports, identifier), media_type="application/json")


@router.get("/job/receipts", response_class=Response)
def receipts(here: Here, identifier: Id) -> Response:
    """Return the receipts of a completed job: manifest, contracts and rounds, each signed."""
    return Response(lead_jobs.receipts(here.ports, identifier), media_type="application/json")


@router.get("/job/evaluation")
def evaluation(here: Here, identifier: Id) -> EvaluationView:
    """Tell how a job's models predict, from the noised histograms of its sites."""
    return EvaluationView.model_validate(lead_jobs.evaluated(here.ports, identifier))


@router.get("/job/manifest", response_class=Response)
def manifest(here: Here, identifier: Id) -> Response:
    """Return the manifest of a job, the exact bytes that its lead signed."""
    with here.ports.store.read() as tx:
        found = require(tx.jobs.get(identifier), "job", identifier)
    if not found.manifest:
        raise NotFound(f"the manifest of job `{identifier}` is not kept: it was never accepted")
    return Response(found.manifest, media_type="application/json")


@router.post("/job/cancel")
def cancel(here: Here, identifier: Id, why: Cancellation) -> JobView:
    """Stop a job that this node leads; what the sites have not spent is released."""
    return render.job(lead_jobs.cancel(here.ports, identifier, why.reason))
