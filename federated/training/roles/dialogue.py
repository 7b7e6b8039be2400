"""What both roles of a worker say to their node: frames with a name and members of a kind.

Rules: another frame than the one expected, or one without a member, ends the worker with a reason;
a job that was accepted for another training recipe is refused before anything is read. The frames
of each role stand in `site.py` and `lead.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from federated.errors import ManifestInvalid, WorkerFailed
from federated.job import JobManifest, parse
from federated.training import code_hash
from federated.training.roles.frames import Frames

START_SECONDS: Final = 600.0
MARGIN_SECONDS: Final = 120.0
T = TypeVar("T")


def expect(frames: Frames, op: str, seconds: float) -> tuple[dict[str, Any], bytes]:
    """Return the next frame, whose name must be `op`.

    Raises:
        WorkerFailed: another frame, none within `seconds`, or the node is gone.
    """
    header, payload = frames.receive(seconds)
    if header.get("op") != op:
        raise WorkerFailed(f"the node sent another frame than `{op}`")
    return header, payload


def member(header: Mapping[str, Any], name: str, kind: type[T]) -> T:
    """Return a member of a frame's header.

    Raises:
        WorkerFailed: it is missing, or of another kind.
    """
    value = header.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise WorkerFailed(f"the node sent a frame without `{name}`")
    return value


def manifest_of(header: Mapping[str, Any]) -> JobManifest:
    """Return the manifest of a `start` frame.

    A site may run a job by its own recipe instead of the manifest's, where the contract accepts
    both: the node judged that, and says by `recipe` which one it accepted.

    Raises:
        ManifestInvalid: it cannot be read, or another recipe was accepted than this code.
        WorkerFailed: the frame has none.
    """
    manifest = parse(member(header, "manifest", str).encode())
    if header.get("recipe", manifest.code) != code_hash(manifest.engine):
        raise ManifestInvalid("/code", "is another training recipe than the one installed here")
    return manifest
