"""The mechanisms that a node has: adding one is a module, its executor, and a line here."""

from __future__ import annotations

from typing import Final

from connector.enforcement.mechanism import Mechanisms
from connector.enforcement.mechanisms import deliver, evaluation, opening, query, refer, sums, train

MECHANISMS: Final = Mechanisms(
    (
        *(train.MECHANISM, evaluation.MECHANISM, query.MECHANISM, sums.MECHANISM),
        *(deliver.MECHANISM, refer.MECHANISM),
    ),
    anybody=(opening.MECHANISM,),
)
