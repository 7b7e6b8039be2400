"""What contracts on one offer with one party have in common, so that it is read once.

Rule: two contracts differ in nothing but their name and time. Where both are plain, and neither
they nor what stands in for them is said again anywhere in the document, they cannot change how the
rest is read: JSON-LD joins nodes and values by equal names and values only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

TIME: Final = "dspace:timestamp"
NAMED: Final = "urn:uuid:00000000-0000-4000-8000-000000000000"
AT: Final = "2000-02-29T23:59:58Z"
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
NAME: Final = re.compile(r"urn:uuid:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


def template(document: Mapping[str, Any]) -> bytes | None:
    """Return a contract's policy without its name and time; None where it has to be read itself.

    Args:
        document: ODRL Agreement, compact JSON-LD.
    """
    name, time = document.get("@id"), document.get(TIME)
    found = NAME.fullmatch(name) if isinstance(name, str) else None
    if found is None or not isinstance(time, dict) or not plain(time.get("@value")):
        return None
    text = json.dumps({**document, "@id": NAMED, TIME: {**time, "@value": AT}})
    once = text.count(NAMED) == 1 and text.count(AT) == 1
    return text.encode() if once and found[1] not in text else None


def plain(time: object) -> bool:
    """Return whether a time is stated in the one form that is put aside."""
    if not isinstance(time, str) or not _TIME.fullmatch(time):
        return False
    try:
        datetime.fromisoformat(time)
    except ValueError:
        return False
    return True
