"""How coarse days and numbers leave, as stewards write it."""

from __future__ import annotations

from connector.domain.catalog.coarseness import Bands, Ends, of_numbers
from tests.support.each import over


@over(
    ("text", "found"),
    [
        ("width 5", Bands(5, 0)),
        ("width 0.5 from -2", Bands(0.5, -2)),
        ("from 0 to 20", Ends(0, 20)),
        ("from 6", Ends(6, None)),
        ("to 18.5", Ends(None, 18.5)),
        *((text, None) for text in ("", "width 0", "from", "from 3 to 3", "to20", "5", "year")),
    ],
)
def test_numbers_leave_in_bands_or_within_ends(text: str, found: Bands | Ends | None) -> None:
    assert of_numbers(text) == found
