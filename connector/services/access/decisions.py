"""Decisions of an account on what waits for persons of this node."""

from __future__ import annotations

from typing import Final

from connector.domain.account import Account
from connector.domain.contract.approval import Approval
from connector.errors import MessageTooLarge, NotPermitted
from connector.ports import Ports
from connector.services.approval import deciding, viewing
from connector.services.use import releasing

MOST_LOOKED_AT: Final = 16 * 1024 * 1024  # bytes


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


def look(ports: Ports, account: Account, approval_id: str, role: str) -> tuple[str, bytes]:
    """Return the format and the bytes of what would leave; that it was looked at is logged.

    Raises:
        NotPermitted: the account does not decide in that role.
        MessageTooLarge: it has more than `MOST_LOOKED_AT` bytes.
        PreauError: as `releasing.content`.
    """
    chosen = _checked(account, role)
    output = viewing.brief(ports, approval_id).output
    if output is not None and output.bytes > MOST_LOOKED_AT:
        hint = f"an operator writes it to a folder: `preau approve show {approval_id} --out FOLDER`"
        raise MessageTooLarge("this file is too large for a browser", hint=hint)
    content = b"".join(releasing.content(ports, approval_id, chosen, 0))
    return output.format if output else "", content


def _checked(account: Account, role: str) -> str:
    if role not in account.reviews:
        raise NotPermitted(
            f"this account does not decide in the role `{role[:64]}`",
            hint="ask an operator for the role: operators give accounts the roles in which "
            "they decide",
        )
    return role
