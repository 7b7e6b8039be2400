"""The live view of a job: rounds, the sites that answered, ε spent per site.

Drawing only; the job comes from the node. Where the output is no terminal, a line is printed per
change instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from connector.cli import output
from connector.cli.speaking import spoken
from connector.sdk.training.progress import summary

if TYPE_CHECKING:
    from connector.management.views.jobs import JobView, SiteView

HEADINGS = ("site", "decision", "last round", "rounds", "ε spent", "sent to it", "received", "why")
_BAR_WIDTH = 40
_PER_SECOND = 8


def show(changes: Iterable[JobView]) -> JobView | None:
    """Draw each change and return the last."""
    console = output.console()
    last = None
    if not console.is_terminal:
        for last in changes:
            output.line(summary(last))
        return last
    with Live(console=console, refresh_per_second=_PER_SECOND, transient=True) as live:
        for last in changes:
            live.update(draw(last))
    return last


def draw(job: JobView) -> Group:
    """Return what is shown of a job."""
    head = Text(spoken(f"{job.state}  round {job.round} of {job.rounds}"))
    bar = ProgressBar(total=max(job.rounds, 1), completed=job.round, width=_BAR_WIDTH)
    table = Table(box=None, pad_edge=False)
    for heading in HEADINGS:  # where it is narrow an id takes several lines, and is never shortened
        table.add_column(spoken(heading), overflow="fold")
    for cells in rows(job):
        table.add_row(*(Text(output.clean(cell)) for cell in cells))
    return Group(head, bar, table)


def rows(job: JobView) -> list[tuple[str, ...]]:
    """Return one row of texts for each site."""
    return [_row(site, answered=site.site in job.answered) for site in job.sites]


def _row(site: SiteView, *, answered: bool) -> tuple[str, ...]:
    mark = "✓ " if answered else ""
    return (
        site.site,
        spoken(site.decision),
        f"{mark}{site.last_round}",
        str(site.rounds),
        output.cell(site.epsilon),
        _size(site.bytes_sent),
        _size(site.bytes_received),
        f"{site.code}: {site.reason}" if site.code else "",
    )


def _size(count: int) -> str:
    if count < 10_000:  # noqa: PLR2004 - readable either way
        return f"{count} B"
    return f"{count / 1000:.0f} kB"
