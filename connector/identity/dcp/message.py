"""What all messages of DCP 1.0 have: their context and their type.

Rule: unknown members are passed over; the context may name others beside DCP's.
"""

from __future__ import annotations

from typing import Any, Final

from connector.identity.reading import Kind
from federated.reading import Member

CONTEXT: Final = "https://w3id.org/dspace-dcp/v1.0/dcp.jsonld"
MOST_CONTEXTS: Final = 16


def opened(kind: Kind, data: bytes) -> Member:
    """Return a message of a kind, whose name is its type; its own members are not read yet.

    Raises:
        PreauError: the kind's error: no JSON, another type, or a context that does not name DCP.
    """
    root = kind.opened(data)
    part = root.fields("@context", "type", others=True)
    contexts = part["@context"].items(least=1, most=MOST_CONTEXTS)
    if CONTEXT not in [each.text() for each in contexts]:
        part["@context"].refuse(f"must name `{CONTEXT}`")
    part["type"].exactly(kind.name)
    return root


def written(kind: Kind, **members: Any) -> dict[str, Any]:
    """Return a message as JSON."""
    return {"@context": [CONTEXT], "type": kind.name, **members}
