"""`preau authority`: who belongs to a space.

Leaves issuing credentials and the status list to the authority's node.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.cli import output
from connector.cli.node import node_of
from connector.cli.operation import init as participant
from connector.cli.options import DEFAULT_HOME, PAGE, After, Home, Json, Limit
from connector.cli.publishing import layer
from connector.cli.speaking import spoken
from connector.config import Settings

if TYPE_CHECKING:
    from connector.management.views.members import MemberView


def add_to(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="The authority of a space and its members.")
    group.command("init")(init)
    group.command("admit")(admit)
    group.command("readmit")(readmit)
    group.command("revoke")(revoke)
    group.command("members")(members)
    group.command("web-certificate")(web_certificate)
    group.add_typer(
        layer.group("Templates that no offer in the space may weaken."), name="template"
    )
    app.add_typer(group, name="authority")


def init(  # noqa: PLR0913, PLR0917 - one parameter for each option
    did: participant.Did,
    name: participant.Name,
    https_port: participant.HttpsPort = 0,
    listen: participant.Listen = "",
    https_certificate: participant.HttpsCertificate = None,
    https_key: participant.HttpsKey = None,
    database: participant.Database = "",
    allow_host: participant.AllowHost = None,
    country: participant.Country = "FR",
    registration: participant.Registration = "",
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Make the node of a space's authority.

    It serves its DID document, the memberships and their status list over HTTPS. It also gets a
    certificate authority for the members' HTTPS (keys/web-ca.pem), for spaces without public
    certificates; members name that file in --web-roots.
    """
    from connector.bootstrap import home as homes  # noqa: PLC0415 - start-up stays fast

    settings = Settings(
        home=home.absolute(),
        did=did,
        name=name,
        kind="authority",
        country=country,
        registration=registration,
        space=did,
        trusted_issuers=(did,),
        database=database,
        unsafe_allow_hosts=tuple(allow_host or ()),
    )
    settings = homes.with_addresses(settings, listen=listen, https_port=https_port, grpc_port=0)
    made = homes.create(settings, certificate=https_certificate, key=https_key)
    if json:
        output.json_value(made)
    else:
        participant.show(made)


def admit(
    did: Annotated[str, typer.Argument(help="DID of the member; its document is fetched now.")],
    name: Annotated[str, typer.Option(help="Legal name as admitted.")] = "",
    role: Annotated[str, typer.Option(help="Role in the space.")] = "member",
    days: Annotated[int, typer.Option(min=1, max=3650, help="Days that it is valid.")] = 365,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Admit a member: issue its membership credential, bound to the keys that it has now."""
    with node_of(home) as node:
        _print(node.admit(did, name=name, role=role, days=days), "admitted", json=json)


def readmit(
    did: Annotated[str, typer.Argument(help="DID of the member; its document is fetched now.")],
    reason: Annotated[str, typer.Option(help="Why, in one line, without personal data.")],
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Admit a member again that lost its signing key, under the keys that it has now.

    Make sure by another way that it is the member. The old membership is revoked for good; what
    the lost key signed before stays as it is.
    """
    with node_of(home) as node:
        _print(node.readmit(did, reason), "readmitted", json=json)


def revoke(
    did: Annotated[str, typer.Argument(help="DID of the member.")],
    reason: Annotated[str, typer.Option(help="Why, in one line, without personal data.")],
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Revoke a membership; peers know at their next look at the status list."""
    with node_of(home) as node:
        _print(node.revoke(did, reason), "revoked", json=json)


def members(
    limit: Limit = PAGE, after: After = "", home: Home = DEFAULT_HOME, json: Json = False
) -> None:
    """List the members."""
    with node_of(home) as node:
        found = node.members(limit=limit, after=after)
    output.more("members", found.next, found.damaged)
    if json:
        output.json_value(found)
        return
    output.table(
        ("member", "name", "role", "valid until", "revoked"),
        ((m.did, m.name, spoken(m.role), m.valid_until, m.revoked) for m in found),
        empty="no member yet; `preau authority admit DID` admits one",
    )


def web_certificate(
    host: Annotated[str, typer.Argument(help="DNS name of the member's HTTPS server.")],
    out: Annotated[Path, typer.Option(help="Folder to write https.pem and https.key to.")],
    days: Annotated[int, typer.Option(min=1, max=825, help="Days that it is valid.")] = 365,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Issue an HTTPS certificate from the space's own certificate authority.

    Give the member https.pem, https.key and the authority's keys/web-ca.pem; it passes them to
    `preau init` as --https-certificate, --https-key and --web-roots. Needs no running node.
    """
    from connector.bootstrap import home as homes  # noqa: PLC0415 - start-up stays fast

    made = homes.issue_web_certificate(home.absolute(), host, out.absolute(), days=days)
    if json:
        output.json_value(made)
        return
    output.line(f"certificate for {host} written to {made['certificate']}")
    output.line(f"its key, for the member only: {made['key']}")
    output.line(f"web roots for all members: {made['web_roots']}")


def _print(member: MemberView, done: str, *, json: bool) -> None:
    if json:
        output.json_value(member)
    else:
        output.line(
            f"{done} {member.did} ({member.name}), valid until {output.cell(member.valid_until)}"
        )
