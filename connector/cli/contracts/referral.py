"""`preau referral`: uses that a third party carries out, on a provider's signed referral.

Rule: `verify` needs no node and no network.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli import output
from connector.cli.contracts.query import stated
from connector.cli.files import check_new, read_bytes, write_new
from connector.cli.node import node_of
from connector.cli.options import DEFAULT_HOME, Home, Json
from connector.errors import Malformed, UseRefused, from_code

if TYPE_CHECKING:
    from connector.management.views.contracts.uses import ReferralView

File = Annotated[Path, typer.Argument(help="The referral.")]
Holder = Annotated[str, typer.Option(help="DID of whoever presents it, as you have verified.")]


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Uses that a third party carries out.")
    group.command("get")(get)
    group.command("present")(present)
    group.command("verify")(verify)
    group.command("accept")(accept)
    app.add_typer(group, name="referral")


def get(
    agreement: Annotated[
        str, typer.Argument(help="Id of the contract, or of a request that was made before.")
    ],
    out: Annotated[Path, typer.Option(help="File that the referral goes into.")],
    state: Annotated[
        list[str] | None,
        typer.Option(
            "--state", help="What only you can state, `OPERAND=VALUE`, as for `preau query`."
        ),
    ] = None,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Ask the provider for a referral to the third party that the contract names.

    It is valid for an hour, for one use, and only for your node.
    """
    check_new(out)
    with node_of(home) as node:
        found = node.refer(agreement, stated(state or []))
    if found.code:
        raise from_code(found.code, "; ".join(found.reasons))
    if not found.referral:
        raise UseRefused(
            "; ".join(found.reasons) or f"the referral is {found.state}",
            hint=f"`preau referral get {found.request}` asks for it again",
        )
    write_new(out, found.referral.encode())
    if json:
        output.json_value(found)
        return
    output.line(f"written to {out}")


def present(file: File, home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Present a referral of your node's to the third party, where that is a node."""
    with node_of(home) as node:
        found = node.present_referral(_token(file))
    _print(found, json=json)


def verify(
    file: File,
    document: Annotated[Path, typer.Option(help="DID document of the provider, a file.")],
    party: Annotated[
        str, typer.Option(help="DID or https origin of the third party that receives it.")
    ],
    holder: Holder,
    json: Json = False,
) -> None:
    """Verify a referral without a node; whether it was used before is not known by that."""
    from connector.sdk import verify_referral  # noqa: PLC0415 - as `node_of`

    data = read_bytes(document)
    _print(verify_referral(_token(file), data, party=party, holder=holder), json=json)


def accept(file: File, holder: Holder, home: Home = DEFAULT_HOME, json: Json = False) -> None:
    """Receive a referral to this node, once, that its holder handed to you."""
    with node_of(home) as node:
        found = node.accept_referral(_token(file), holder)
    _print(found, json=json)


def _token(file: Path) -> str:
    try:
        return read_bytes(file).decode("ascii").strip()
    except UnicodeDecodeError as exc:
        raise Malformed(f"`{file}` is not a referral") from exc


def _print(found: ReferralView, *, json: bool) -> None:
    if json:
        output.json_value(found)
        return
    output.pairs(
        (
            ("referral", found.id),
            ("provider", found.provider),
            ("holder", found.holder),
            ("third party", found.party),
            ("agreement", found.agreement),
            ("dataset", found.dataset),
            ("action", found.action),
            ("plan", found.plan),
            ("valid until", found.until),
            *((left, ", ".join(values)) for left, values in found.stated.items()),
        )
    )
