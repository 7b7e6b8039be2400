"""Operands of uses that were counted before, which a mechanism upholds that claims each use.

Rule: whoever takes these rows decides each use by the contract's history and claims it by
`services/duties/uses.py`; the values are the evaluation's own, from the uses that were counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from connector.enforcement.mechanism import AT_MOST, Upheld
from connector.enforcement.plan import Label
from policies_odrl import Operator
from policies_odrl.model import ODRL
from policies_odrl.vocabulary import PREAU

_MOST: Final = AT_MOST | {Operator.LT}
_BY: Final = "account of uses, counted before each is made"

COUNTS: Final[Mapping[str, Upheld]] = MappingProxyType(
    {
        ODRL + "count": Upheld(Label.CHECKED, _BY, _MOST),
        PREAU + "usesThisMonth": Upheld(Label.CHECKED, f"{_BY}, by calendar month (UTC)", _MOST),
        ODRL + "elapsedTime": Upheld(Label.CHECKED, f"{_BY}, since the first", _MOST),
        PREAU + "timeSinceResults": Upheld(
            Label.CHECKED,
            "day of the results, as the provider dates it",
            _MOST | {Operator.GT, Operator.GTEQ},
        ),
    }
)
