"""What the management API answers of own datasets."""

from datetime import datetime

from pydantic import Field

from connector.management.views.publishing.columns import ColumnView
from connector.management.views.publishing.offers import OfferView
from connector.management.views.view import StoredView, View


class CheckView(View):
    """What a worker found in a dataset's file; for its own operator only."""

    verdict: str = Field(description="`passed`, or the code of why no job runs on it")
    reasons: list[str] = Field(default=[])
    mend: str = Field(default="", description="what to do about it")
    rows: int | None = Field(default=None, description="all rows; empty where none could be read")
    malformed: int | None = Field(default=None, description="rows that are not as described")
    persons: int | None = Field(default=None, description="distinct persons")
    over: int | None = Field(
        default=None, description="persons with more rows than stated, of which the first count"
    )
    unreadable: dict[str, int] = Field(
        default={}, description="values that are neither a number nor missing, by number column"
    )
    outside: dict[str, int] = Field(
        default={}, description="values that its dictionary does not let be, by column"
    )
    register_persons: int | None = Field(
        default=None, description="persons who were ever in the dataset's register"
    )
    distinct: dict[str, str] = Field(
        default={}, description="why persons of other registers are others, by register"
    )
    checked_at: datetime | None = None


class DatasetView(StoredView):
    """A dataset of this node; the file's path is shown to its own operator only."""

    id: str
    title: str
    description: str
    personal: bool
    columns: list[ColumnView]
    person_column: str
    rows_per_person: int
    population: int
    collection_purpose: str
    legal_basis: str
    retention: str
    territory: str
    cap_epsilon: float | None
    cap_delta: float | None
    file: str = Field(description="where the rows come from")
    snapshot: str = Field(
        default="", description="SHA-256 of the snapshot that uses read; empty: the file itself"
    )
    snapshot_at: str = Field(default="", description="when the snapshot was taken, UTC")
    source: str = Field(
        default="", description="what became of the source since; empty: not looked at"
    )
    published_at: datetime
    offers: list[OfferView] = Field(default=[])
    register_id: str = Field(default="", description="register that holds the cap")
    person_format: str = "text"
    malformed_share: float = 0.05
    check: CheckView | None = None
    effects: list[str] = Field(
        default=[],
        description="what layers add to its offers, and what it means for contracts that run",
    )
