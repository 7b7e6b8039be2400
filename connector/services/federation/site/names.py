"""What a site calls a lead's job: its id here, and its folder.

Rule: a job is known by its lead and its id together, so that no lead takes an id from another.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from connector.domain.federation import identifier
from connector.domain.federation.job import JobSide
from connector.errors import WorkerFailed
from connector.jsonld.canonical import canonical, sha256_hex
from connector.ports import Ports, Transaction

WAKEUP: Final = "job"  # wakes whoever runs the jobs of a site
_KEPT: Final = re.compile(r"urn:preau:job:([0-9a-f]{64})")


def kept_as(tx: Transaction, lead: str, job_id: str) -> str:
    """Return the id under which a site keeps a lead's job: mostly the lead's own.

    A job is known by its lead and its id together. Where another lead came with the id first, or a
    charge is all that is known of it, the job is kept under one that follows from both. So no lead
    takes an id from another.
    """
    own = f"urn:preau:job:{sha256_hex(canonical([lead, job_id]))}"
    held = tx.jobs.get(job_id)
    if held is None:
        free = tx.jobs.get(own) is None and tx.reservations.get(job_id) is None
    else:
        free = held.side is JobSide.SITE and held.peer == lead
    return job_id if free else own


def job_named(folder: str) -> str:
    """Return the id of the job that a folder is named after; empty when it is no job's."""
    ids = (f"urn:uuid:{folder}", f"urn:preau:job:{folder}")
    return next((each for each in ids if _folder_name(each)), "")


def job_folder(ports: Ports, job_id: str) -> Path:
    """Return the folder of a job's worker and result, made when missing (0700).

    Raises:
        WorkerFailed: the id is not one that names a folder, or the folder cannot be made.
    """
    name = _folder_name(job_id)
    if name is None:
        raise WorkerFailed(f"the job's id is not of the form `{identifier.FORM}`")
    folder = ports.settings.path("jobs") / name
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        raise WorkerFailed(f"cannot make the folder of job `{job_id}`") from exc
    return folder


def _folder_name(job_id: str) -> str | None:
    kept = _KEPT.fullmatch(job_id)
    return kept[1] if kept else identifier.uuid_in(job_id)
