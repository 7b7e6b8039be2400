"""What became of a background thread that met a fault nobody foresaw."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ThreadFault:
    """The last unforeseen fault of a thread; it holds no text of the exception.

    Attributes:
        at: UTC.
        kind: name of the exception's class.
        place: module, line and function.
        times: how often since the node started.
    """

    at: datetime
    kind: str
    place: str
    times: int
