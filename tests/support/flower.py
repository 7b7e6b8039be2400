"""Messages between a lead and its sites, made without processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from flwr.app import ConfigRecord, Message, RecordDict
from flwr.supercore.task_identity import TaskIdentity

from federated.job import JobManifest
from federated.training.engine import Engine
from federated.training.flower.client import Site, make_app
from federated.training.flower.messages import LEAD_NODE, identify, node_of, seal
from federated.training.flower.records import ARRAYS, ROUND, SETTINGS, pack
from federated.training.recipes import initial
from federated.training.rows.entries import Persons
from tests.support.training_rig import SITES, ForeseenNoise, manifest

JOB = manifest()


@contextmanager
def as_lead() -> Iterator[None]:
    """Be the lead, and leave Flower's process-wide identity as it was."""
    before = (TaskIdentity._run_id, TaskIdentity._node_id, TaskIdentity._task_id)
    identify(JOB, LEAD_NODE)
    yield
    TaskIdentity._run_id, TaskIdentity._node_id, TaskIdentity._task_id = before


def request_to(
    site: str = SITES[0],
    number: int = 1,
    *,
    job: JobManifest = JOB,
    content: RecordDict | None = None,
    kind: str = "train",
    group: str | None = None,
) -> Message:
    if content is None:
        content = RecordDict({ARRAYS: pack(initial(job)), SETTINGS: ConfigRecord({ROUND: number})})
    message = Message(content, node_of(job, site), kind, group_id=group or str(number))
    return seal(message, job)


def persons_of(count: int = 3) -> Persons:
    draw = np.random.default_rng(3)
    return Persons(
        inputs=draw.uniform(-1, 1, (count, 2, 3)).astype(np.float32),
        labels=draw.integers(0, 2, (count, 2)).astype(np.float32),
        mask=np.ones((count, 2), dtype=np.float32),
    )


def site_of(persons: Persons | None = None, site: str = SITES[0], job: JobManifest = JOB) -> Site:
    engine = Engine(job, 100, persons or persons_of(), ForeseenNoise(seed=5))
    return Site(make_app(engine, job), job, site)


def answer_of(site: Site, request: bytes, number: int = 1) -> bytes:
    site.check(number, request)
    return site.answer(number)


def constant(value: float, *, site: str, number: int = 1) -> Message:
    arrays = {name: np.full_like(array, value) for name, array in initial(JOB).items()}
    reply = Message(RecordDict({ARRAYS: pack(arrays)}), reply_to=request_to(site, number))
    return seal(reply, JOB)
