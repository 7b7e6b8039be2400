"""`preau console account`: who may log in to the console, and what for.

Rule: a password is typed at the terminal, or read from the input; never from the command's words,
which others on the machine can see.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli import output
from connector.cli.node import node_of
from connector.cli.options import DEFAULT_HOME, PAGE, After, Home, Json, Limit
from connector.cli.speaking import spoken
from connector.domain.account import AccountRole

if TYPE_CHECKING:
    from connector.management.views.accounts import AccountView

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the account.")]
Role = Annotated[
    list[AccountRole] | None,
    typer.Option("--role", help="What the account is there for; repeatable."),
]
Review = Annotated[
    list[str] | None,
    typer.Option("--decides-as", metavar="ROLE", help="Role of decisions; repeatable."),
]


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="The console, and who may log in to it.")
    account = typer.Typer(no_args_is_help=True, help="Accounts of the institution's persons.")
    account.command("list")(list_)
    account.command("add")(add)
    account.command("change")(change)
    account.command("password")(password)
    account.command("close")(close)
    group.add_typer(account, name="account")
    app.add_typer(group, name="console")


def list_(
    limit: Limit = PAGE, after: After = "", home: Home = DEFAULT_HOME, json: Json = False
) -> None:
    """List the accounts."""
    with node_of(home) as node:
        found = node.accounts(limit=limit, after=after)
    output.more("accounts", found.next, found.damaged)
    if json:
        output.json_value(found)
        return
    output.table(
        ("account name", "roles", "decides as", "by the provider", "closed", "made"),
        (
            (
                *(it.name, [spoken(role) for role in it.roles], it.reviews),
                *(it.provided, it.closed, it.made_at),
            )
            for it in found
        ),
        empty="no account yet; `preau console account add` makes one",
    )


def add(
    name: Name,
    role: Role = None,
    decides_as: Review = None,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Make an account; its password is asked for, or read from the input."""
    roles = [each.value for each in role or (AccountRole.OPERATOR,)]
    typed = _password()
    with node_of(home) as node:
        found = node.add_account(name, roles, typed, decides_as=decides_as or [])
    _print(found, json=json)


def change(
    name: Name,
    role: Role = None,
    decides_as: Review = None,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Give an account other roles; what is not stated stays. Its sessions end."""
    roles = [each.value for each in role] if role else None
    with node_of(home) as node:
        found = node.change_account(name, roles=roles, decides_as=decides_as)
    _print(found, json=json)


def password(name: Name, home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Give an account another password, asked for or read from the input. Its sessions end."""
    typed = _password()
    with node_of(home) as node:
        found = node.change_account(name, password=typed)
    _print(found, json=json)


def close(name: Name, home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Close an account: nobody can log in to it any more; the audit log still names it."""
    with node_of(home) as node:
        found = node.close_account(name)
    _print(found, json=json)


def _password() -> str:
    if sys.stdin.isatty():
        typed: str = typer.prompt("password", hide_input=True, confirmation_prompt=True, err=True)
        return typed
    return sys.stdin.readline().rstrip("\r\n")


def _print(found: AccountView, *, json: bool) -> None:
    if json:
        output.json_value(found)
        return
    output.pairs(
        (
            ("account name", found.name),
            ("id", found.id),
            ("roles", found.roles),
            ("decides as", found.reviews),
            ("closed", found.closed),
        )
    )
