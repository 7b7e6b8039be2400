"""The port `preparing` without a process of its own: the real engine, in this one."""

from __future__ import annotations

import io

from connector.domain.transfer.held import Sink
from connector.domain.transfer.task import Made, Task
from connector.preparing.carrying import carry
from connector.preparing.child import body


def prepared(task: Task, out: Sink) -> Made:
    """Make an extract."""
    whole = io.BytesIO()
    made = carry(body(task), whole)
    out.write(whole.getvalue())
    return Made(made["rows"], made["suppressed"], tuple(made["released"]))
