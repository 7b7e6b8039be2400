"""Deny is a value: what a check answers when it does not allow.

Rule: a refusal carries a stable code of `connector/errors/` and one line for people.
"""

from __future__ import annotations

from dataclasses import dataclass

from connector.errors import PreauError, from_code


@dataclass(frozen=True, slots=True)
class Refusal:
    """A named refusal.

    Attributes:
        code: stable code of `connector/errors/`.
        reasons: one line each, most important first; never empty.
    """

    code: str
    reasons: tuple[str, ...]

    def as_error(self) -> PreauError:
        """Return the exception of this code, for a caller that must stop."""
        return from_code(self.code, "; ".join(self.reasons))
