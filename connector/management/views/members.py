"""What the management API answers of members of the space."""

from datetime import datetime

from pydantic import ConfigDict, Field

from connector.management.views.view import View


class MemberView(View):
    """A member of the space, as its authority keeps it."""

    did: str
    name: str
    role: str
    index: int
    issued_at: datetime
    valid_until: datetime
    revoked: str


class Admission(View):
    """A member to admit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    did: str
    name: str = ""
    role: str = "member"
    days: int = Field(default=365, ge=1, le=3650)


class Revocation(View):
    """A member to revoke."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    did: str
    reason: str = Field(min_length=1, max_length=200)
