"""Routes: accounts of the institution's persons, for the console."""

from typing import Annotated, Final

from fastapi import APIRouter, Query

from connector.domain.account import Account
from connector.management.here import Here
from connector.management.paging import Paged
from connector.management.views.accounts import AccountChange, AccountView, NewAccount
from connector.management.views.view import DamagedView
from connector.services.access import accounts as services

router: Final = APIRouter(tags=["accounts"])
Name = Annotated[str, Query(description="of the account")]


@router.get("/accounts")
def accounts(here: Here, paged: Paged) -> list[AccountView | DamagedView]:
    """List the accounts, closed ones too, oldest first."""
    return paged.rows(services.page(here.ports, after=paged.after, limit=paged.limit), _view)


@router.post("/accounts")
def add(here: Here, new: NewAccount) -> AccountView:
    """Make an account."""
    return _view(services.add(here.ports, new.name, new.roles, new.reviews, new.password))


@router.post("/account")
def change(here: Here, name: Name, what: AccountChange) -> AccountView:
    """Change the roles or the password of an account, or close it; its sessions end."""
    if what.closed:
        return _view(services.close(here.ports, name))
    changes = {"roles": what.roles, "reviews": what.reviews}
    return _view(services.change(here.ports, name, **changes, password=what.password))


def _view(value: Account) -> AccountView:
    return AccountView(
        id=value.id,
        name=value.name,
        roles=list(value.roles),
        reviews=list(value.reviews),
        provided=value.subject != "",
        closed=value.closed,
        made_at=value.made_at,
        changed_at=value.changed_at,
    )
