"""The root of all failures: code, reason, hint, and when to try again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class PreauError(Exception):
    """A fault of the node itself; root of the tree.

    Try again later; the node's operator finds the cause in its log.

    Attributes:
        code: stable, upper snake case.
        reason: one line for people.
        hint: what to do about it; may be empty.
        retry_after: seconds after which the same may be tried again; 0 where that is not known.
        where: name of each member at fault -> what is wrong with it; empty where none is meant.
    """

    code: ClassVar[str] = "INTERNAL"

    def __init__(
        self,
        reason: str,
        *,
        hint: str = "",
        retry_after: float = 0.0,
        where: str | Mapping[str, str] = "",
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint
        self.retry_after = retry_after
        self.where = ({where: reason} if where else {}) if isinstance(where, str) else where
