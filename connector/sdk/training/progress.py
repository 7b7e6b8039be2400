"""The progress of a job: one line that is written over in terminals and notebooks."""

from __future__ import annotations

import html
import importlib
import sys
from collections.abc import Callable, Iterable

from connector.management.views.jobs import JobView

_CLEAR = "\r\x1b[2K"


def summary(job: JobView) -> str:
    """Return a job in one line."""
    names = ", ".join(job.answered) or "none"
    return f"{job.state} round {job.round}/{job.rounds}; answered last: {names}"


def followed(changes: Iterable[JobView], *, shown: bool) -> JobView | None:
    """Show each change and return the last; where nobody can watch, only the end is written."""
    show, last = _display() if shown else _silent, None
    for last in changes:
        show(last, over=False)
    if last is not None:
        show(last, over=True)
    return last


def _display() -> Callable[..., None]:
    notebook = _notebook()
    if notebook is not None:
        return notebook
    terminal = sys.stderr.isatty()

    def show(job: JobView, *, over: bool) -> None:
        if terminal:
            sys.stderr.write(_CLEAR + summary(job) + ("\n" if over else ""))
            sys.stderr.flush()
        elif over:
            sys.stderr.write(f"{summary(job)}\n")

    return show


def _silent(job: JobView, *, over: bool) -> None:
    del job, over


def _notebook() -> Callable[..., None] | None:
    """Return what shows in the notebook that runs this, if one does."""
    shell = sys.modules.get("IPython") and sys.modules["IPython"].get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return None
    drawing = importlib.import_module("IPython.display")
    handle = drawing.display({"text/plain": ""}, display_id=True, raw=True)

    def show(job: JobView, *, over: bool) -> None:
        del over
        bar = f'<progress max="{max(job.rounds, 1)}" value="{job.round}"></progress>'
        line = summary(job)  # for what draws no HTML
        handle.update({"text/plain": line, "text/html": f"{bar} {html.escape(line)}"}, raw=True)

    return show
