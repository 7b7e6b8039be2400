"""What a number of a privacy contract means, in round figures.

Sources: for ε, the ratio e^ε of two probabilities in the definition of differential privacy
(C. Dwork and A. Roth, The Algorithmic Foundations of Differential Privacy, 2.3.1); for δ, the
probability with which that bound may fail (ibid.).
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from policies_odrl.vocabulary import PREAU

_DIGITS: Final = 2
_LARGEST: Final = Decimal(30)
_SMALLEST: Final = Decimal(10) ** -18


def meaning(left: str, value: Decimal | None) -> str:
    """Return what the value of a left operand comes to, or an empty string.

    >>> from decimal import Decimal
    >>> meaning("https://w3id.org/preau/odrl/v1#epsilon", Decimal(3))
    '20'
    """
    if value is None:
        return ""
    if left == PREAU + "epsilon" and 0 <= value <= _LARGEST:
        return _round(value.exp())
    if left == PREAU + "delta" and _SMALLEST <= value <= 1:
        return _round(1 / value)
    return ""


def _round(value: Decimal) -> str:
    if value < 10:  # noqa: PLR2004 - one place after the point is enough below ten
        return f"{value.quantize(Decimal('0.1'), ROUND_HALF_EVEN):f}"
    exponent = value.adjusted() - _DIGITS + 1
    return f"{value.quantize(Decimal(1).scaleb(exponent), ROUND_HALF_EVEN).to_integral_value():f}"
