"""The composition root: the only place that knows which class stands behind which port.

`build` wires a node from its settings (`wiring.py`), `Node` starts and stops it (`node.py`),
`home.py` makes a home, `probe.py` collects what `preau doctor` judges. Nothing happens at import,
and what a command does not need is not loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connector.config import Settings

if TYPE_CHECKING:
    from connector.bootstrap.node import Node

__all__ = ["build"]


def build(settings: Settings) -> Node:
    """Wire a node; nothing is started or bound.

    Raises:
        KeyUnusable: a key is missing, readable by others, or of another kind.
        ConfigurationInvalid: a setting is wrong.
        StoreUnavailable: the database did not answer.
        AddressForbidden: the file of extra roots cannot be read.
    """
    from connector.bootstrap import wiring  # noqa: PLC0415 - loads every part of a node

    return wiring.build(settings)
