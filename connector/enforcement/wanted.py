"""What a consumer asks for, in one line for the persons who decide on it. Pure."""

from __future__ import annotations

from connector.enforcement.asked import Asked
from connector.enforcement.steps.refer import Refer
from connector.enforcement.steps.table import TableSteps
from connector.enforcement.terms import PURPOSE


def described(asked: Asked, steps: TableSteps | Refer) -> str:
    """Return what is asked for within the steps of its use, and for which purpose."""
    purpose = ", ".join(asked.stated.get(PURPOSE, ())) or "no stated purpose"
    return f"{_wanted(asked, steps)}, for {purpose}"


def _wanted(asked: Asked, steps: TableSteps | Refer) -> str:
    if isinstance(steps, Refer):
        return f"a referral to {steps.party}"
    cells = asked.cells
    if asked.sums is not None:
        step = f"over {len(asked.sums.members)} sites" if asked.sums.members else "to be joined"
        figures = f"sums {step} of {', '.join(asked.sums.columns)}, under masks"
    elif cells is None:
        figures = f"rows of {len(asked.columns or steps.minimise.columns)} columns"
    else:
        figures = f"a table by {', '.join(cells.dimensions) or 'nothing'}"
        figures += f" of {', '.join(each.name for each in cells.measures)}"
        figures += f", for ε {cells.epsilon:g} at δ {cells.delta:g}" if cells.epsilon else ""
    return f"{figures}, as {steps.release.level}"
