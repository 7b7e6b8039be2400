"""A dataset as the own catalog shows it to one consumer."""

from __future__ import annotations

from dataclasses import dataclass

from connector.domain.catalog.dataset import Offer


@dataclass(frozen=True, slots=True)
class Entry:
    """A dataset with an offer for a consumer.

    Attributes:
        id: IRI.
        description: its self-description, VC-JWT.
        offers: those that the consumer may use, oldest first; at least one.
    """

    id: str
    description: str
    offers: tuple[Offer, ...]
