"""What the management API answers of the audit log."""

from datetime import datetime
from typing import Any

from connector.management.views.view import StoredView


class EventView(StoredView):
    """An event of the audit log."""

    index: int
    kind: str
    at: datetime
    subject: str
    event: dict[str, Any]
