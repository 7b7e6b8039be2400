"""What was measured of a use, as the management API answers it."""

from pydantic import BaseModel, Field

from connector.domain.privacy.findings import Findings

_SHARE = "share of persons, rounded up"


class RiskView(BaseModel, frozen=True, extra="ignore"):
    """How far persons stand out in rows."""

    k: int = Field(description="fewest persons with the same quasi-identifiers; 0: fewer than 5")
    l: int | None = Field(description="fewest values of a sensitive column among them")  # noqa: E741
    t: float | None = Field(description="greatest distance of such values from those of all rows")
    unique: float = Field(description=f"alone with their quasi-identifiers; {_SHARE}")
    rare: float = Field(description=f"with fewer than four others; {_SHARE}")
    linkable: float = Field(description=f"whom two sources tell for one; {_SHARE}")


class FindingsView(BaseModel, frozen=True, extra="ignore"):
    """What a use comes to on the rows."""

    action: str = Field(description="IRI of the action")
    risk: RiskView | None = Field(description="of rows about persons")
    withheld: float | None = Field(description="share of cells that do not leave")
    epsilon: float | None = Field(description="that all tables may spend")
    marginal: dict[str, float | None] = Field(
        description="column to how far what leaves is from its values, 0 to 1; null: it does not "
        "leave"
    )
    pairs: float | None = Field(description="the same for pairs of columns, on average")


def findings(action: str, value: Findings) -> FindingsView:
    """Return the view of what was found for a use."""
    return FindingsView.model_validate({"action": action, **value.body()})
