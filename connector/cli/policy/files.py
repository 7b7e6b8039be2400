"""Policies in files of the operator: JSON-LD or Turtle, told apart by content.

Rule: a fault names the file and is the operator's, not a peer's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from connector.cli.files import read_bytes
from connector.cli.policy.profile import known
from connector.cli.speaking import language
from connector.errors import PolicyInvalid
from policies_odrl import Knowledge, OdrlError, Policy, load
from policies_odrl.documents.dialects import translated
from policies_odrl.documents.sources import nodes_of


def nodes_at(path: Path) -> list[dict[str, Any]]:
    """Return the flattened nodes of a file.

    Raises:
        ConfigurationInvalid: it cannot be read.
        PolicyInvalid: it is neither JSON-LD under contexts of ours nor Turtle.
    """
    try:
        return translated(nodes_of(read_bytes(path)))
    except OdrlError as exc:
        raise PolicyInvalid(f"`{path}`: {exc.in_(language())}") from exc


def policy_at(path: Path, knowledge: Knowledge | None = None) -> Policy:
    """Return the one policy in a file.

    Args:
        path: the file.
        knowledge: terms beyond those of ODRL and of our profile; by default of profiles added.

    Raises:
        ConfigurationInvalid: it cannot be read.
        PolicyInvalid: it does not hold one policy of a profile that is known here.
    """
    try:
        return load(read_bytes(path), knowledge or known())
    except OdrlError as exc:
        raise PolicyInvalid(f"`{path}`: {exc.in_(language())}") from exc
