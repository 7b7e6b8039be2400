"""The port `preparing` without a process of its own: the real engine, in this one."""

from __future__ import annotations

from typing import BinaryIO

from connector.domain.transfer.task import Made, Task
from connector.preparing.carrying import carry
from connector.preparing.child import body


def prepared(task: Task, out: BinaryIO) -> Made:
    """Make an extract."""
    made = carry(body(task), out)
    return Made(made["rows"], made["suppressed"], tuple(made["released"]))
