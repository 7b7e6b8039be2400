"""What the management API answers of accounts of the institution's persons."""

from datetime import datetime

from pydantic import ConfigDict, Field

from connector.domain.account import MOST_PASSWORD
from connector.management.views.view import View


class AccountView(View):
    """An account; its password is never shown."""

    id: str = Field(description="pseudonym, in the audit log")
    name: str
    roles: list[str]
    reviews: list[str] = Field(description="roles of approvals in which it decides")
    provided: bool = Field(description="the institution's provider says who it is")
    closed: bool
    made_at: datetime
    changed_at: datetime


class NewAccount(View):
    """An account to make."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    roles: list[str]
    reviews: list[str] = Field(default=[])
    password: str = Field(max_length=MOST_PASSWORD, repr=False)


class AccountChange(View):
    """What changes of an account; null: stays."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    roles: list[str] | None = None
    reviews: list[str] | None = None
    password: str | None = Field(default=None, max_length=MOST_PASSWORD, repr=False)
    closed: bool = Field(default=False, description="true: nobody logs in with it any more")
