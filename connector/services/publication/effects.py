"""What a new version of a dataset or of an offer means for contracts that run. Pure.

Rule: a contract keeps the terms that were signed, whatever is published later. What changes all the
same is said: the rows that jobs read, the columns that they may name, and the cap above all
contracts.
"""

from __future__ import annotations

from collections.abc import Sequence

from connector.domain.catalog.dataset import Dataset, Offer


def of_dataset(before: Dataset, after: Dataset) -> tuple[str, ...]:
    """Return what a new version of a dataset changes for jobs under its contracts, a line each."""
    lines = []
    if before.file.digest != after.file.digest:
        lines.append("jobs read the new file")
    gone = sorted({each.name for each in before.columns} - {each.name for each in after.columns})
    lines += [f"column `{name}` no longer exists: jobs that name it are refused" for name in gone]
    for what, old, new in (
        ("population", before.population, after.population),
        ("rows per person", before.rows_per_person, after.rows_per_person),
        ("person column", before.person_column, after.person_column),
    ):
        if old != new:
            lines.append(f"{what}: `{new}` from now on, contracts keep `{old}`")
    return (*lines, *_of_cap(before, after))


def of_offers(before: Sequence[Offer], after: Sequence[Offer]) -> tuple[str, ...]:
    """Return which offers are no longer made, or are made under other terms or decided otherwise.

    What already waits for a decision waits on for the roles that were asked.
    """
    made = {offer.id: offer for offer in after}
    lines = []
    for old in before:
        new = made.get(old.id)
        if new is None:
            lines.append(f"offer `{old.id}` is withdrawn; its contracts keep its terms")
        elif new.digest != old.digest:
            lines.append(f"offer `{old.id}` has other terms; its contracts keep the former ones")
        if new is not None and new.review != old.review:
            lines.append(f"offer `{old.id}`: {new.decision.value} from now on")
    return tuple(lines)


def _of_cap(before: Dataset, after: Dataset) -> list[str]:
    old, new = before.cap, after.cap
    if new is None or old == new:
        return []
    if old is None or new.epsilon < old.epsilon or new.delta < old.delta:
        figures = f"ε {new.epsilon:g} at δ {new.delta:g}"
        return [f"the cap is {figures}: jobs beyond it are refused, whatever contracts have left"]
    return [f"the cap rises to ε {new.epsilon:g} at δ {new.delta:g}; the parties are told"]
