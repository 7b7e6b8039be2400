"""How mechanisms that read tables uphold a review of outputs: by a step before the release."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from connector.enforcement import figures
from connector.enforcement.mechanism import AT_LEAST, Upheld
from connector.enforcement.plan import Label
from connector.enforcement.steps.review import MOST, Review
from connector.enforcement.terms import REVIEWERS
from policies_odrl import Constraint
from policies_odrl.values import number


def _countable(item: Constraint) -> bool:
    """Return whether a constraint asks for as many reviewers as one output may have."""
    asked = [number(each) for each in item.right]
    return len(asked) == 1 and asked[0] in range(1, MOST + 1)


UPHELD: Final = Upheld(
    Label.ENFORCED,
    "review step: nothing leaves before so many reviewers of the provider accept the very file",
    AT_LEAST,
    fits=_countable,
)


def steps(atoms: Iterable[Constraint]) -> tuple[Review, ...]:
    """Return the step after which something leaves only as reviewed; none where nobody reviews."""
    asked = figures.whole(figures.bound(tuple(atoms), REVIEWERS, max, Decimal(0)), REVIEWERS)
    return (Review(asked),) if asked else ()
