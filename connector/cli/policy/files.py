"""Policies in files of the operator: JSON-LD or Turtle, told apart by content.

Rules: a file whose text begins with `{`, or with `[` and a JSON value, is JSON-LD; all else is
Turtle, whatever its name ends in. A fault names the file and is the operator's, not a peer's.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import policies_odrl
from connector.cli.files import read_bytes
from connector.errors import Malformed, PolicyInvalid
from connector.jsonld.nodes import nodes
from connector.jsonld.turtle import turtle_nodes
from policies_odrl import Knowledge, OdrlError, Policy

_MARK: Final = b"\xef\xbb\xbf"  # byte order mark, which some editors write first
_JSON: Final = re.compile(rb"\s*(?:\{|\[\s*[\[{\"])")


def is_json(data: bytes) -> bool:
    """Return whether the text of a file, without byte order mark, is JSON rather than Turtle."""
    return _JSON.match(data) is not None


def nodes_at(path: Path) -> list[dict[str, Any]]:
    """Return the flattened nodes of a file.

    Raises:
        ConfigurationInvalid: it cannot be read.
        PolicyInvalid: it is neither JSON-LD under contexts of ours nor Turtle.
    """
    data = read_bytes(path).removeprefix(_MARK)
    try:
        return nodes(data) if is_json(data) else turtle_nodes(data)
    except Malformed as exc:
        raise PolicyInvalid(f"`{path}`: {exc.reason}", hint=exc.hint) from exc


def policy_at(path: Path, knowledge: Knowledge | None = None) -> Policy:
    """Return the one policy in a file.

    Args:
        path: the file.
        knowledge: terms beyond those of ODRL and of our profile.

    Raises:
        ConfigurationInvalid: it cannot be read.
        PolicyInvalid: it does not hold one policy of a profile that is known here.
    """
    found = nodes_at(path)
    try:
        return policies_odrl.read(found, knowledge or Knowledge())
    except OdrlError as exc:
        raise PolicyInvalid(f"`{path}`: {exc}") from exc


def policies_at(path: Path, knowledge: Knowledge | None = None) -> tuple[Policy, ...]:
    """Return all policies in a file, one or more, in the order of the nodes.

    Args:
        path: the file.
        knowledge: terms beyond those of ODRL and of our profile.

    Raises:
        ConfigurationInvalid: it cannot be read.
        PolicyInvalid: it holds none, or one that is not of a profile known here.
    """
    found = nodes_at(path)
    try:
        return policies_odrl.read_all(found, knowledge or Knowledge())
    except OdrlError as exc:
        raise PolicyInvalid(f"`{path}`: {exc}") from exc
