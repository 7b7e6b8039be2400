"""What it would take to uphold a part that no mechanism of a node upholds, for people. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from policies_odrl.model import ODRL
from policies_odrl.vocabulary import PREAU

_BUBBLE: Final = "a bubble, where programs run that see the data and let nothing out unreviewed"
_ANONYMITY: Final = "a search for groups of persons who look alike (k-anonymity)"
_WHOLE: Final = "a result that leaves as a whole, so that persons can look at it first"
# Action, operand or level -> the mechanism that is missing.
MECHANISMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        ODRL + "execute": _BUBBLE,
        PREAU + "isolationTier": _BUBBLE,
        PREAU + "algorithmHash": _BUBBLE,
        PREAU + "Synthetic": "a synthesis of data",
        PREAU + "kAnonymity": _ANONYMITY,
        PREAU + "lDiversity": _ANONYMITY,
        PREAU + "tCloseness": _ANONYMITY,
        PREAU + "requestedBy": "portability: the rows of one person, at that person's request",
        PREAU + "outputReviewers": _WHOLE,
    }
)


def missing(*terms: str) -> str:
    """Return what is missing for the first of some terms that is known to; empty for none."""
    found = next((MECHANISMS[each] for each in terms if each in MECHANISMS), "")
    return f"; it takes {found}, which this node does not have" if found else ""
