"""What a consumer asks for, in one line for the persons who decide on it. Pure."""

from __future__ import annotations

from connector.enforcement.asked import Asked
from connector.enforcement.steps.refer import Refer
from connector.enforcement.steps.table import TableSteps
from connector.enforcement.terms import PURPOSE


def described(asked: Asked, steps: TableSteps | Refer) -> str:
    """Return what is asked for within the steps of its use, and for which purpose."""
    purpose = ", ".join(asked.stated.get(PURPOSE, ())) or "no stated purpose"
    if isinstance(steps, Refer):
        return f"a referral to {steps.party}, for {purpose}"
    level, cells = steps.release.level, asked.cells
    if asked.sums is not None:
        columns, sites = ", ".join(asked.sums.columns), len(asked.sums.members)
        if not sites:
            return f"sums to be joined of {columns}, under masks, as {level}, for {purpose}"
        return f"sums over {sites} sites of {columns}, under masks, as {level}, for {purpose}"
    if cells is None:
        count = len(asked.columns or steps.minimise.columns)
        return f"rows of {count} columns, as {level}, for {purpose}"
    by = ", ".join(cells.dimensions) or "nothing"
    figures = ", ".join(each.name for each in cells.measures)
    if not cells.epsilon:
        return f"a table by {by} of {figures}, as {level}, for {purpose}"
    spent = f"{cells.epsilon:g} at δ {cells.delta:g}"
    return f"a table by {by} of {figures}, for ε {spent}, as {level}, for {purpose}"
