"""The step that says what leaves, and as what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

from connector.enforcement.steps.members import names
from federated.reading import Member

RAW: Final = "Raw"
MINIMISED: Final = "Minimised"
PSEUDONYMISED: Final = "Pseudonymised"
ANONYMISED: Final = "Anonymised"
AGGREGATED: Final = "Aggregated"
LEVELS: Final = (RAW, MINIMISED, PSEUDONYMISED, ANONYMISED, AGGREGATED)
FORMATS: Final = ("csv", "parquet", "jsonl", "arrow")


@dataclass(frozen=True, slots=True)
class Release:
    """What the steps before have made leaves, in one of these formats.

    Attributes:
        level: how much the data was altered, of `LEVELS`.
        formats: of `FORMATS`, what is preferred first.
    """

    kind: ClassVar[str] = "release"
    version: ClassVar[int] = 1
    level: str
    formats: tuple[str, ...]

    def body(self) -> dict[str, Any]:
        """Return its members."""
        return {"level": self.level, "formats": list(self.formats)}

    @classmethod
    def read(cls, member: Member) -> Release:
        """Return the step that these members say."""
        part = member.fields("level", "formats")
        for each in part["formats"].items(most=len(FORMATS)):
            each.exactly(*FORMATS)
        return cls(part["level"].exactly(*LEVELS), names(part["formats"], least=1))
