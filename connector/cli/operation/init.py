"""`preau init`: make the home of a participant's node.

Rule: nothing that exists is overwritten. Leaves making keys and database to `bootstrap`.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from connector.cli import output
from connector.cli.options import DEFAULT_HOME, Home, Json
from connector.config import Settings
from connector.domain import space as spaces

Did = Annotated[
    str,
    typer.Option(
        help="Identifier of the node, did:web:HOST or did:web:HOST%3APORT; its DID document is "
        "served at that HTTPS address."
    ),
]
Name = Annotated[str, typer.Option(help="Legal name of the institution.")]
Listen = Annotated[
    str,
    typer.Option(
        help="Address to bind; by default 127.0.0.1 when the DID names localhost, else 0.0.0.0."
    ),
]
HttpsPort = Annotated[
    int, typer.Option(min=0, max=65535, help="HTTPS port to bind; 0: the DID's own port.")
]
WebRoots = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        help="PEM file of certificate authorities to trust for peers' HTTPS, besides the system's.",
    ),
]
HttpsCertificate = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        help="PEM certificate chain of the HTTPS server; without it the node makes one itself, "
        "which peers must then trust by --web-roots.",
    ),
]
HttpsKey = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="PEM key of --https-certificate."),
]
Database = Annotated[
    str, typer.Option(help="Database URL, such as postgresql+psycopg://…; empty: SQLite in home.")
]
AllowHost = Annotated[
    list[str] | None,
    typer.Option(
        help="Host that peers' addresses may name although it is not public, such as localhost. "
        "An exception from safety: listed by `preau doctor`. Repeatable."
    ),
]
Country = Annotated[str, typer.Option(help="ISO 3166 code of the legal address.")]
Registration = Annotated[str, typer.Option(help="Legal registration number.")]
OfSpace = Annotated[
    str,
    typer.Option(
        "--space",
        "--authority",
        help="DID of the space's authority; members it admitted are trusted.",
    ),
]
FurtherSpace = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=DID",
        help="A further space that the node joins: a name of your own, and the DID of its"
        " authority. Repeatable.",
    ),
]
FlightPort = Annotated[
    int, typer.Option(min=0, max=65535, help="Arrow Flight port, for large files; 0: none.")
]


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command("init")(init)


def init(  # noqa: PLR0913, PLR0917 - one parameter for each option
    did: Did,
    name: Name,
    space: OfSpace = "",
    further_space: FurtherSpace = None,
    grpc_port: Annotated[int, typer.Option(min=1, max=65535, help="gRPC port, for peers.")] = 50051,
    https_port: HttpsPort = 0,
    flight_port: FlightPort = 0,
    listen: Listen = "",
    web_roots: WebRoots = None,
    https_certificate: HttpsCertificate = None,
    https_key: HttpsKey = None,
    database: Database = "",
    allow_host: AllowHost = None,
    country: Country = "FR",
    registration: Registration = "",
    management_listen: Annotated[
        str,
        typer.Option(help="Where commands reach the node: unix:PATH, or 127.0.0.1:PORT."),
    ] = "unix:run/management.sock",
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Make a node: its home folder, keys, settings and database.

    For a try on one machine, say so: `--did did:web:localhost%3A8443 --allow-host localhost`.
    """
    from connector.bootstrap import home as homes  # noqa: PLC0415 - start-up stays fast

    settings = Settings(
        home=home.absolute(),
        did=did,
        name=name,
        country=country,
        registration=registration,
        space=space,
        trusted_issuers=(space,) if space else (),
        spaces=_further(further_space or ()),
        database=database,
        unsafe_allow_hosts=tuple(allow_host or ()),
        management_listen=management_listen,
    )
    settings = homes.with_addresses(
        settings, listen=listen, https_port=https_port, grpc_port=grpc_port, flight_port=flight_port
    )
    made = homes.create(
        replace(settings, web_roots=str(web_roots.absolute()) if web_roots else ""),
        certificate=https_certificate,
        key=https_key,
    )
    if json:
        output.json_value(made)
        return
    show(made)


def _further(stated: Iterable[str]) -> tuple[spaces.Space, ...]:
    tables = {name: {"id": did} for name, _, did in (each.partition("=") for each in stated)}
    return spaces.read(tables)


def show(made: dict[str, str]) -> None:
    """Print what was made and what to do next."""
    output.line(f"node made in {made['home']}")
    output.pairs((name, made.get(name)) for name in ("did", "grpc", "https", "space", "web_roots"))
    output.line("what to do next:")
    for step in _next(made):
        output.line(f"  {step}")


def _next(made: dict[str, str]) -> list[str]:
    home = made["home"]
    if made["kind"] == "authority":
        return [
            f"preau serve --home {home}",
            f"preau authority web-certificate HOST --out FOLDER --home {home}   (for each member)",
            f"preau authority admit DID --home {home}   (for each member)",
        ]
    steps = [f"preau serve --home {home}", f"preau doctor --home {home}"]
    if made.get("space"):
        for space in (made["space"], *made.get("further_spaces", "").split()):
            steps.insert(-1, f"ask {space} to admit {made['did']}")
    else:
        steps.insert(0, "set `space` and `trusted_issuers` in preau.toml to your authority's DID")
    return steps
