"""What all answers of the management API are: models that the SDK shares.

Rules: a view shows what an operator may see on the own node; it never holds a key, a token or a
row of data. Times are UTC. Leaves filling them to `render/`.
"""

from pydantic import BaseModel, ConfigDict, Field


class View(BaseModel):
    """A value that is answered; unknown fields of a newer node are kept out, not refused."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class StoredView(View):
    """A stored value, which is shown whatever it holds."""

    fault: str = Field(default="", description="why a part cannot be read; empty: all is shown")


class DamagedView(View):
    """A row that cannot be read, in the list that it belongs to."""

    row: str = Field(description="its key; where that cannot be read, its table and number")
    fault: str = Field(description="what of it cannot be read")


class Withdrawal(View):
    """Why a dataset or an offer is taken back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: str = Field(min_length=1, max_length=300)
