"""Did all sites of a round read one model? Pure: verified receipts in, what is wrong with them out.

Rules: every site that is said to have answered has a receipt, and at least a quorum has; all are of
one job and one round; all name one manifest and one digest of the arrays. A difference in one of
these two is no accident: both texts were signed, and the lead sent both. What a site that missed
rounds must see is `site/following.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from connector.errors import RoundRefused
from connector.identity.receipts.round_receipt import RoundReceipt


def check_complete(
    number: int, receipts: Sequence[RoundReceipt], answered: Collection[str], quorum: int
) -> None:
    """Check that the receipts of a round are there, one for each site.

    Args:
        number: of the round.
        receipts: of its sites, verified; ours among them where our update entered.
        answered: sites that the lead says have answered.
        quorum: fewest sites of a round.

    Raises:
        RoundRefused: one is missing, there twice, or of another job or round.
    """
    sites = [receipt.site for receipt in receipts]
    if len(set(sites)) != len(sites):
        raise RoundRefused(f"the receipts of round {number} name a site twice")
    missing = sorted(set(answered) - set(sites))
    if missing:
        raise RoundRefused(f"the receipt of `{missing[0]}` for round {number} is missing")
    if len(sites) < quorum:
        raise RoundRefused(f"round {number} has {len(sites)} receipts, the quorum is {quorum}")
    for receipt in receipts:
        if (receipt.job, receipt.round) != (receipts[0].job, number):
            raise RoundRefused(f"the receipt of `{receipt.site}` is not of round {number}")


def contradiction(own: RoundReceipt, others: Sequence[RoundReceipt]) -> RoundReceipt | None:
    """Return the first receipt that names another model or manifest than ours, or None."""
    same = (own.manifest, own.digest)
    return next((each for each in others if (each.manifest, each.digest) != same), None)
