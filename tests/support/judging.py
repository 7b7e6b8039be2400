"""The port `judging` in the test's own process; the same rows and steps are measured once."""

from __future__ import annotations

from functools import lru_cache

from connector.domain.privacy.findings import Findings
from connector.domain.transfer.task import Task
from connector.jsonld.canonical import canonical, parse_object
from connector.preparing.child import body
from federated.reading import Member


def judged(task: Task) -> Findings:
    """Return what the steps come to, by the real engine."""
    return Findings.read(Member(parse_object(_judged(canonical(body(task)))), _refused))


@lru_cache(maxsize=256)
def _judged(asked: bytes) -> bytes:
    from connector.preparing.carrying import judge  # noqa: PLC0415 - loads the engine

    return canonical(judge(dict(parse_object(asked))))


def _refused(pointer: str, fault: str) -> ValueError:
    return ValueError(f"{pointer}: {fault}")
