"""The step that holds what was made until persons of the provider have looked at it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

from federated.reading import Member

MOST: Final = 9  # as many roles as one approval may have


@dataclass(frozen=True, slots=True)
class Review:
    """Nothing of what the steps before have made leaves before so many reviewers accept it.

    Attributes:
        reviewers: of the provider, each another one.
    """

    kind: ClassVar[str] = "review"
    version: ClassVar[int] = 1
    reviewers: int

    def body(self) -> dict[str, Any]:
        """Return its members."""
        return {"reviewers": self.reviewers}

    @classmethod
    def read(cls, member: Member) -> Review:
        """Return the step that these members say."""
        return cls(member.fields("reviewers")["reviewers"].integer(least=1, most=MOST))
