"""The step that replaces identifiers by pseudonyms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

from connector.enforcement.steps.members import names
from federated.reading import Member

SCOPES: Final = ("contract", "project", "cohort", "period", "delivery")
_MOST_PARTS: Final = 100


@dataclass(frozen=True, slots=True)
class Scope:
    """Within what one identifier has one pseudonym; across scopes they cannot be linked.

    Attributes:
        kind: of `SCOPES`; in `delivery` each extract is a scope of its own.
        of: texts that make the scope, in an order of the kind's.
    """

    kind: str
    of: tuple[str, ...]

    def body(self) -> dict[str, Any]:
        """Return its members."""
        return {"kind": self.kind, "of": list(self.of)}

    @classmethod
    def read(cls, member: Member) -> Scope:
        """Return the scope that these members say."""
        part = member.fields("kind", "of")
        texts = part["of"].items(least=1, most=_MOST_PARTS)
        return cls(part["kind"].exactly(*SCOPES), tuple(each.text() for each in texts))


@dataclass(frozen=True, slots=True)
class Pseudonymise:
    """Values of these columns are replaced by 32 hex digits, keyed by the scope.

    Attributes:
        columns: direct identifiers among those that leave. One identifier in two columns is one
            pseudonym.
        scope: see `Scope`.
    """

    kind: ClassVar[str] = "pseudonymise"
    version: ClassVar[int] = 1
    columns: tuple[str, ...]
    scope: Scope

    def body(self) -> dict[str, Any]:
        """Return its members."""
        return {"columns": list(self.columns), "scope": self.scope.body()}

    @classmethod
    def read(cls, member: Member) -> Pseudonymise:
        """Return the step that these members say."""
        part = member.fields("columns", "scope")
        return cls(names(part["columns"], least=1), Scope.read(part["scope"]))
