"""The port `judging` in the test's own process; the same rows and steps are measured once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from connector.domain.privacy.findings import Findings
from connector.domain.transfer.task import Task
from connector.jsonld.canonical import canonical, parse_object, sha256_hex
from connector.preparing.child import body
from federated.reading import Member

_FOUND: dict[bytes, bytes] = {}  # each test has folders of its own, and most the same files


def judged(task: Task) -> Findings:
    """Return what the steps come to, by the real engine."""
    asked = body(task)
    name = canonical({**asked, **_read(asked)})
    if name not in _FOUND:
        from connector.preparing.carrying import judge  # noqa: PLC0415 - loads the engine

        _FOUND[name] = canonical(judge(asked))
    return Findings.read(Member(parse_object(_FOUND[name]), _refused))


def _read(asked: dict[str, Any]) -> dict[str, Any]:
    """Return what the files hold in place of where they are."""
    held = {digest: _digest(path) for digest, path in asked["hierarchies"].items()}
    return {"path": _digest(asked["path"]), "hierarchies": held, "files": []}


def _digest(path: str) -> str:
    file = Path(path)
    return sha256_hex(file.read_bytes()) if file.is_file() else "not there"


def _refused(pointer: str, fault: str) -> ValueError:
    return ValueError(f"{pointer}: {fault}")
