"""ODRL policies as bytes: reading and canonical writing, both without loss.

What the terms mean is `policies_odrl`; here is only the JSON-LD border.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import policies_odrl
from connector.errors import PolicyInvalid
from connector.jsonld.canonical import canonical
from connector.jsonld.nodes import nodes
from policies_odrl import OdrlError, Policy


def read_policy(data: bytes | str | Mapping[str, Any]) -> Policy:
    """Read a policy from JSON-LD.

    Raises:
        Malformed: not JSON-LD under pinned contexts, or a part of it would be lost.
        MessageTooLarge: larger than is read.
        PolicyInvalid: not ODRL of a profile that this node knows.
    """
    if isinstance(data, Mapping):
        return _read(data)
    return _read_text(data.encode() if isinstance(data, str) else data)


def policy_document(policy: Policy) -> dict[str, Any]:
    """Return the policy as compact JSON-LD, after checking that reading it gives it back.

    Raises:
        PolicyInvalid: something of the policy would be lost on the wire.
    """
    try:
        document = policies_odrl.write(policy)
    except OdrlError as exc:
        raise PolicyInvalid(str(exc)) from exc
    if _read(document) != policy:
        raise PolicyInvalid("the policy cannot be written without loss")
    return document


def policy_bytes(policy: Policy) -> bytes:
    """Return the canonical bytes (RFC 8785) of a policy.

    Raises:
        PolicyInvalid: something of the policy would be lost on the wire.
    """
    return canonical(policy_document(policy))


@lru_cache(maxsize=128)
def _read_text(data: bytes) -> Policy:
    return _read(data)


def _read(data: bytes | Mapping[str, Any]) -> Policy:
    try:
        return policies_odrl.read(nodes(data))
    except OdrlError as exc:
        raise PolicyInvalid(str(exc)) from exc
