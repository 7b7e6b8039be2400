"""Making the home folder of a node: settings, keys, certificates, database.

Rules: everything is checked before anything is written; nothing that exists is overwritten; the
home and the keys can be entered by their owner only. `preau.toml` is written last, so that a home
with it is whole.
"""

from __future__ import annotations

import ssl
from dataclasses import replace
from pathlib import Path
from typing import Final

from connector import config
from connector.bootstrap.keys import own, tls_rotation
from connector.bootstrap.system import SystemClock
from connector.config import Settings
from connector.domain import space as spaces
from connector.errors import ConfigurationInvalid, DidUnresolvable
from connector.identity import certificate as certificates
from connector.identity import did as dids
from connector.ports import Clock
from connector.serving.local import UNIX, is_loopback
from connector.serving.sockets import split
from connector.store import migrations
from connector.store.files import keys
from connector.store.files.charges import NOTHING, HomeCharges

WEB_CA: Final = "keys/web-ca"
_HTTPS_PORT: Final = 443
_CA_DAYS: Final = 3650
_WEB_DAYS: Final = 365
_FOLDERS: Final = ("", "keys", "run", "jobs")


def with_addresses(
    settings: Settings, *, listen: str, https_port: int, grpc_port: int, flight_port: int = 0
) -> Settings:
    """Fill in where the node listens and where peers reach it.

    Args:
        settings: with the DID.
        listen: address to bind; empty: 127.0.0.1 when the DID names localhost, else 0.0.0.0.
        https_port: 0 for the DID's own.
        grpc_port: 0 for none (an authority).
        flight_port: 0 for none.

    Raises:
        ConfigurationInvalid: the DID is not a did:web identifier.
    """
    try:
        parts = dids.parse(settings.did)
    except DidUnresolvable as exc:
        raise ConfigurationInvalid(
            exc.reason, hint="`did:web:node.example.org`, or `did:web:localhost%3A8443` for a try"
        ) from exc
    address = listen or ("127.0.0.1" if parts.host == "localhost" else "0.0.0.0")  # noqa: S104 - a server
    return replace(
        settings,
        https_listen=f"{address}:{https_port or parts.port or _HTTPS_PORT}",
        grpc_listen=f"{address}:{grpc_port}",
        grpc_endpoint=f"{parts.host}:{grpc_port}" if grpc_port else "",
        flight_listen=f"{address}:{flight_port}" if flight_port else "",
        flight_endpoint=f"{parts.host}:{flight_port}" if flight_port else "",
    )


def create(
    settings: Settings,
    *,
    certificate: Path | None = None,
    key: Path | None = None,
    clock: Clock | None = None,
) -> dict[str, str]:
    """Make the home of a node and return what was made, for people and scripts.

    Args:
        settings: complete; their `home` is the folder.
        certificate: PEM chain of the HTTPS server; without it one is issued.
        key: its PEM key.
        clock: wall time; the machine's by default.

    Raises:
        ConfigurationInvalid: a setting or file is wrong, or a node is there already.
        KeyUnusable: a key is there already, or cannot be written.
        StoreUnavailable: the database did not answer.
    """
    now = clock or SystemClock()
    settings = _rooted(settings)
    _check(settings)
    web = _given(certificate, key)
    for name in _FOLDERS:
        keys.private_folder(settings.home / name)
    migrations.upgrade(settings.database_url)
    HomeCharges(settings.home, settings.did).record(NOTHING)
    keys.create_signing_key(settings.path(settings.signing_key.removeprefix("file:")))
    if settings.kind == "participant":
        keys.secret(settings.path(own.PERSON_KEY), make=True)
    issuer = _authorities(settings, now)
    if web is None:
        web = certificates.issue_web(*issuer, dids.host(settings.did), now.now(), _WEB_DAYS)
    keys.public_file(settings.path(settings.https_certificate), web[0].encode(), replace=False)
    keys.private_file(settings.path(settings.https_key), web[1].encode(), replace=False)
    # The database's URL may hold a password, hence private.
    text = config.dump(settings).encode()
    keys.private_file(settings.home / config.FILE_NAME, text, replace=False)
    return _made(settings)


def issue_web_certificate(
    home: Path, host: str, out: Path, *, days: int, clock: Clock | None = None
) -> dict[str, str]:
    """Issue an HTTPS certificate for a member, from the authority's web CA.

    Args:
        home: of the authority.
        host: DNS name.
        out: folder that gets `https.pem` and `https.key`.
        days: life.
        clock: wall time; the machine's by default.

    Raises:
        ConfigurationInvalid: not an authority's home, or not a DNS name.
        KeyUnusable: the CA's key cannot be used, or the files are there already.
    """
    settings = config.load(home)
    if settings.kind != "authority":
        raise ConfigurationInvalid(f"`{home}` is not the home of an authority")
    try:
        dids.from_host(host)
    except DidUnresolvable as exc:
        raise ConfigurationInvalid(f"`{host}` is not a DNS name") from exc
    authority = settings.path(f"{WEB_CA}.pem")
    signing = keys.read_private_file(settings.path(f"{WEB_CA}.key"))
    now = (clock or SystemClock()).now()
    chain, key = certificates.issue_web(authority.read_bytes(), signing, host, now, days)
    keys.private_folder(out)
    keys.public_file(out / "https.pem", chain.encode(), replace=False)
    keys.private_file(out / "https.key", key.encode(), replace=False)
    return {
        "host": host,
        "certificate": str(out / "https.pem"),
        "key": str(out / "https.key"),
        "web_roots": str(authority),
    }


def _rooted(settings: Settings) -> Settings:
    if settings.kind == "authority" and not settings.web_roots:
        return replace(settings, web_roots=f"{WEB_CA}.pem")
    return settings


def _check(settings: Settings) -> None:
    if (settings.home / config.FILE_NAME).exists():
        raise ConfigurationInvalid(
            f"`{settings.home}` holds a node already", hint="nothing was changed; pass `--home`"
        )
    if not settings.name.strip():
        raise ConfigurationInvalid("the legal name is empty", hint="pass `--name`")
    spaces.check(settings.spaces, participant=settings.kind == "participant")
    for did in sorted(settings.believed):
        try:
            dids.parse(did)
        except DidUnresolvable as exc:
            raise ConfigurationInvalid(
                exc.reason, hint="`--authority` (or `--space`) takes a DID"
            ) from exc
    listen = settings.management_listen
    if not listen.startswith(UNIX) and not is_loopback(split(listen)[0]):
        raise ConfigurationInvalid("`management_listen` may only name loopback")


def _given(certificate: Path | None, key: Path | None) -> tuple[str, str] | None:
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise ConfigurationInvalid("`--https-certificate` and `--https-key` must be given together")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
        return certificate.read_text(encoding="ascii"), key.read_text(encoding="ascii")
    except (OSError, ValueError) as exc:  # ssl.SSLError is an OSError
        raise ConfigurationInvalid(
            f"`{certificate}` and `{key}` are not a PEM certificate and its key"
        ) from exc


def _authorities(settings: Settings, clock: Clock) -> tuple[str, str]:
    """Make the node's CA: for its TLS leaves, or for the HTTPS of an authority's members."""
    if settings.kind == "authority":
        return _authority(settings, WEB_CA, f"{settings.name} web", clock)
    return _authority(settings, f"{tls_rotation.PREFIX}1", settings.name, clock)


def _authority(settings: Settings, name: str, label: str, clock: Clock) -> tuple[str, str]:
    certificate, key = certificates.make_authority(label, clock.now(), _CA_DAYS)
    keys.private_file(settings.path(f"{name}.key"), key.encode(), replace=False)
    keys.public_file(settings.path(f"{name}.pem"), certificate.encode(), replace=False)
    return certificate, key


def _made(settings: Settings) -> dict[str, str]:
    made = {
        "home": str(settings.home),
        "kind": settings.kind,
        "did": settings.did,
        "grpc": settings.grpc_endpoint,
        "https": settings.https_listen,
        "space": settings.space,
        "further_spaces": " ".join(each.id for each in settings.spaces[1:]),
        "web_roots": str(settings.path(settings.web_roots)) if settings.web_roots else "",
        "settings": str(settings.home / config.FILE_NAME),
    }
    return {name: value for name, value in made.items() if value}
