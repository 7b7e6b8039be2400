"""Statistics over several sites, from tables of cells of each of them, or sums over all.

Pure: NumPy and Arrow, no site, no budget and no connector. The mathematics of each kind stands in
its module; what the sites may answer is decided and charged by them.
"""

from __future__ import annotations

from federated.statistics.answer import Answer
from federated.statistics.kinds import KINDS, Asked, combine, request
from federated.statistics.result import Result, check_file, write
from federated.statistics.sums import Terms, regress

__all__ = [
    "KINDS",
    "Answer",
    "Asked",
    "Result",
    "Terms",
    "check_file",
    "combine",
    "regress",
    "request",
    "write",
]
