"""Messages to peers that were not delivered: those that wait, and those given up."""

from __future__ import annotations

from connector.domain.delivery import OutgoingMessage
from connector.domain.page import PAGE, Page
from connector.ports import Ports


def undelivered(ports: Ports, *, after: str = "", limit: int = PAGE) -> Page[OutgoingMessage]:
    """Return a page of the messages that were not delivered, oldest first.

    Raises:
        Malformed: `after` is not a `Page.next`.
    """
    with ports.store.read() as tx:
        return tx.outbox.page(after=after, limit=limit, delivered_at=None)
