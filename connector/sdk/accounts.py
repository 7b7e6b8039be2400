"""Calls about the accounts of the institution's persons."""

from __future__ import annotations

from collections.abc import Sequence

from connector.management.views.accounts import AccountView
from connector.sdk.calls import Calls, Listing


class AccountCalls(Calls):
    """Who may log in to the console."""

    def accounts(self, *, limit: int = 0, after: str = "") -> Listing[AccountView]:
        """Return the accounts, closed ones too, oldest first."""
        return self._list(AccountView, "/accounts", {}, limit, after)

    def add_account(
        self, name: str, roles: Sequence[str], password: str, *, decides_as: Sequence[str] = ()
    ) -> AccountView:
        """Make an account.

        Args:
            name: typed to log in.
            roles: such as `steward`; at least one.
            password: of 12 to 256 characters.
            decides_as: roles of decisions, as offers name them.
        """
        body = {"name": name, "roles": [*roles], "reviews": [*decides_as], "password": password}
        return self._post(AccountView, "/accounts", body)

    def change_account(
        self,
        name: str,
        *,
        roles: Sequence[str] | None = None,
        decides_as: Sequence[str] | None = None,
        password: str | None = None,
    ) -> AccountView:
        """Change an account; None: stays. Its sessions end."""
        body = {
            "roles": None if roles is None else [*roles],
            "reviews": None if decides_as is None else [*decides_as],
            "password": password,
        }
        return self._post(AccountView, "/account", body, {"name": name})

    def close_account(self, name: str) -> AccountView:
        """Let nobody log in to an account any more."""
        return self._post(AccountView, "/account", {"closed": True}, {"name": name})
