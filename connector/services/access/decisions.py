"""Decisions of an account on what waits for persons of this node."""

from __future__ import annotations

from connector.domain.account import Account
from connector.domain.contract.approval import Approval
from connector.errors import NotPermitted
from connector.ports import Ports
from connector.services.approval import deciding


def accept(ports: Ports, account: Account, approval_id: str, role: str, reason: str) -> Approval:
    """Accept in a role that the account has; see `deciding.accept`.

    Raises:
        NotPermitted: it does not decide in that role.
        PreauError: as `deciding.accept`.
    """
    return deciding.accept(ports, approval_id, _checked(account, role), reason, account.id)


def refuse(ports: Ports, account: Account, approval_id: str, role: str, reason: str) -> Approval:
    """Refuse in a role that the account has; see `deciding.refuse`.

    Raises:
        NotPermitted: it does not decide in that role.
        PreauError: as `deciding.refuse`.
    """
    return deciding.refuse(ports, approval_id, reason, _checked(account, role))


def _checked(account: Account, role: str) -> str:
    if role not in account.reviews:
        raise NotPermitted(
            f"this account does not decide in the role `{role[:64]}`",
            hint="an operator gives accounts the roles in which they decide",
        )
    return role
