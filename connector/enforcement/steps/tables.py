"""Steps of what leaves as a table: where → minimise → pseudonymise → aggregate, noise → release."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

from federated.reading import Member

RUNS: Final = ("training", "delivery", "query", "referral", "open")
SCOPES: Final = ("delivery", "period", "contract", "project", "cohort")
MEASURES: Final = ("count", "sum", "mean")
_MOST_COLUMNS: Final = 4096
_MOST_NAMES: Final = 256


@dataclass(frozen=True, slots=True)
class Where:
    """Where the processing runs.

    Attributes:
        runs: `training` and `query`: next to the data; `delivery` and `open`: at who receives;
            `referral`: at a third party, to which the request is directed.
    """

    kind: ClassVar[str] = "where"
    version: ClassVar[int] = 1
    runs: str

    def body(self) -> dict[str, Any]:
        """Return its members."""
        return {"runs": self.runs}

    @classmethod
    def read(cls, member: Member) -> Where:
        """Return the step that these members say."""
        return cls(member.fields("runs")["runs"].exactly(*RUNS))


@dataclass(frozen=True, slots=True)
class Minimise:
    """Only these columns go on.

    Attributes:
        columns: in the order of the dataset's description, each once.
    """

    kind: ClassVar[str] = "minimise"
    version: ClassVar[int] = 1
    columns: tuple[str, ...]

    def body(self) -> dict[str, Any]:
        """Return its members."""
        return {"columns": list(self.columns)}

    @classmethod
    def read(cls, member: Member) -> Minimise:
        """Return the step that these members say."""
        return cls(_names(member.fields("columns")["columns"], least=1, most=_MOST_COLUMNS))


@dataclass(frozen=True, slots=True)
class Pseudonymise:
    """The value of a column becomes a pseudonym, keyed by a scope.

    Attributes:
        column: the one that identifies the person.
        scope: within which one person keeps one pseudonym: `delivery`, `period` (a school year of
            the contract), `contract`, `project` (contracts of the consumer for the same purposes)
            or `cohort` (contracts of the consumer on the same register of persons).
        purposes: IRIs, sorted; those that tell a project apart, else empty.
    """

    kind: ClassVar[str] = "pseudonymise"
    version: ClassVar[int] = 1
    column: str
    scope: str
    purposes: tuple[str, ...]

    def body(self) -> dict[str, Any]:
        """Return its members."""
        return {"column": self.column, "scope": self.scope, "purposes": list(self.purposes)}

    @classmethod
    def read(cls, member: Member) -> Pseudonymise:
        """Return the step that these members say."""
        part = member.fields("column", "scope", "purposes")
        return cls(
            column=part["column"].text(),
            scope=part["scope"].exactly(*SCOPES),
            purposes=_names(part["purposes"], least=0, most=_MOST_NAMES),
        )


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Only declared aggregates leave: measures by dimensions, filtered; no cell of few persons.

    Attributes:
        dimensions: columns that a table may be broken down or filtered by.
        measures: number columns that may be summed or averaged; persons may always be counted.
        minimum: fewest persons that a released cell describes, >= 1.
        person_column: whose distinct values are the persons; empty where rows are counted.
        rows_per_person: most rows of one person that are used, >= 1.
    """

    kind: ClassVar[str] = "aggregate"
    version: ClassVar[int] = 1
    dimensions: tuple[str, ...]
    measures: tuple[str, ...]
    minimum: int
    person_column: str
    rows_per_person: int

    def body(self) -> dict[str, Any]:
        """Return its members."""
        return {
            "dimensions": list(self.dimensions),
            "measures": list(self.measures),
            "minimum": self.minimum,
            "personColumn": self.person_column,
            "rowsPerPerson": self.rows_per_person,
        }

    @classmethod
    def read(cls, member: Member) -> Aggregate:
        """Return the step that these members say."""
        part = member.fields("dimensions", "measures", "minimum", "personColumn", "rowsPerPerson")
        return cls(
            dimensions=_names(part["dimensions"], least=0, most=_MOST_COLUMNS),
            measures=_names(part["measures"], least=0, most=_MOST_COLUMNS),
            minimum=part["minimum"].integer(least=1),
            person_column=part["personColumn"].content(),
            rows_per_person=part["rowsPerPerson"].integer(least=1),
        )


@dataclass(frozen=True, slots=True)
class Noise:
    """What is aggregated leaves with noise, charged to the contract and the register.

    Attributes:
        epsilon: ε that all uses of the contract may spend per unit of privacy.
        delta: δ at which that ε is stated.
        unit: IRI of the unit of privacy.
    """

    kind: ClassVar[str] = "noise"
    version: ClassVar[int] = 1
    epsilon: float
    delta: float
    unit: str

    def body(self) -> dict[str, Any]:
        """Return its members."""
        return {"epsilon": self.epsilon, "delta": self.delta, "unit": self.unit}

    @classmethod
    def read(cls, member: Member) -> Noise:
        """Return the step that these members say."""
        part = member.fields("epsilon", "delta", "unit")
        return cls(
            epsilon=part["epsilon"].number(above=0),
            delta=part["delta"].number(above=0),
            unit=part["unit"].text(),
        )


@dataclass(frozen=True, slots=True)
class Release:
    """What leaves the node, and in which form.

    Attributes:
        level: IRI of the level of protection (`preau:protectionLevel`) that it has.
        formats: media types in which it may be asked for, sorted.
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
        formats = _names(part["formats"], least=1, most=_MOST_NAMES)
        return cls(level=part["level"].text(), formats=formats)


def _names(member: Member, *, least: int, most: int) -> tuple[str, ...]:
    found = [each.text() for each in member.items(least=least, most=most)]
    if len(set(found)) < len(found):
        member.refuse("must name each once")
    return tuple(found)
