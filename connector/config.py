"""The node's settings: one TOML file, `preau.toml`, in the node's home.

Nothing is read from the environment. Every setting has a safe default; an exception from safety
is called `unsafe_…`, is listed by `preau doctor` and is written to the log at start. No setting
weakens identity.
"""

from __future__ import annotations

import ipaddress
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from connector.domain import provider as providers
from connector.domain import space as spaces
from connector.domain.provider import Provider
from connector.domain.space import MEMBERSHIP_SCOPE, Space
from connector.errors import ConfigurationInvalid

FILE_NAME = "preau.toml"
ROLE_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
_ADDRESS = re.compile(r"[^\s@,<>\"]+@[^\s@,<>\"]+")
LEAST_KEEP_DAYS = 31  # a peer sends the same message again for 30 days
_KINDS = {
    "str": "text in quotes",
    "int": "a whole number",
    "float": "a number",
    "tuple[str, ...]": 'a list such as `["a", "b"]`',
}
_LEAST = {
    "keep_days": LEAST_KEEP_DAYS,
    "worker_memory_bytes": 0,
    "jobs_memory_bytes": 0,
    "first_contacts_per_minute": 0,
    "dry_runs_per_peer": 0,
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of one node.

    Attributes:
        home: folder of the node; relative paths are resolved against it.
        did: own did:web identifier; its host and port are where HTTPS is reached from outside.
        name: legal name, shown to peers.
        kind: `participant` or `authority`.
        country: ISO 3166 code of the legal address.
        registration: legal registration number.
        grpc_listen: `host:port` that the gRPC server binds.
        grpc_endpoint: `host:port` at which peers reach it; DNS name, not an IP address.
        https_listen: `host:port` that the HTTPS server binds.
        dsp_path: path at which the HTTPS server speaks the Dataspace Protocol 2025-1 with peers of
            any make, such as `/dsp/2025-1`; empty: nowhere.
        flight_listen: `host:port` at which large extracts go out over Arrow Flight; empty: nowhere,
            and they go over gRPC. What serves runs only while it is used.
        flight_endpoint: `host:port` at which peers reach it; DNS name, not an IP address.
        proxies: addresses or networks of TCP proxies in front of this node. A connection from one
            must begin with a PROXY protocol header (version 1 or 2), and counts for the address
            that the header names.
        certificate_proxies: addresses, or networks, of HTTPS proxies in front of this node that
            pass on the certificate of their client in the header `Client-Cert` (RFC 9440), and drop
            that header of clients; of IPv6, networks of /64 or larger. Tokens may be bound to it.
        https_certificate: PEM chain of the HTTPS server.
        https_key: PEM key, mode 0600.
        web_roots: PEM file of extra roots for fetching peers' HTTPS; empty: the system's only.
        management_listen: `unix:PATH` or `host:port` on loopback.
        metrics_listen: `host:port` on loopback where Prometheus finds `/metrics`, without a token;
            empty: nowhere.
        console_listen: `unix:PATH`, or `host:port` on loopback, where the console is served; empty:
            nowhere.
        console_address: `https://` address by which browsers reach the console through the
            institution's proxy, which passes on `Host`; empty: the loopback address alone.
        console_theme: folder with the institution's style sheet `theme.css` and what it names;
            empty: none.
        console_contact: address, or page, to which one turns who cannot reach a part of the
            console; its statement on accessibility shows it. Empty: none is stated.
        console_oidc: table `[console_oidc]` of the institution's provider of OpenID Connect, by
            which persons log in to the console: `issuer`, `client_id`, the tables `roles` and
            `decides_as` of what its groups may do, and where they differ from the default
            `secret_file`, `claim`, `name_claim` and `scopes` (guide of the console). None: nobody
            logs in so.
        console_folders: folders, from the home on, beneath which accounts of the console may name
            data files; empty: none.
        database: SQLAlchemy URL; empty: SQLite file `node.sqlite` in home.
        signing_key: key URI, `file:PATH`.
        space: IRI of the space whose members are served; the DID of its authority.
        trusted_issuers: DIDs whose membership credentials are believed.
        scopes: scopes of DCP by which the credentials of that space's members are asked for.
        charter: id of the charter of this node that bears on what it offers in that space; empty:
            the one that no space names.
        spaces: tables `[spaces.NAME]` of further spaces, each with `id` and, where it differs from
            the default, `trusted_issuers` (the authority alone), `scopes` and `charter` (guide of
            joining a space).
        unsafe_allow_hosts: hosts that peers' addresses may name although they are not public.
        status_refresh_seconds: how often status lists are fetched anew.
        status_list_seconds: on an authority: how long a status list answers after it was made.
        leaf_seconds: life of a TLS leaf; replaced at half of it.
        max_message_bytes: largest gRPC message.
        max_streams: open streams in all.
        max_streams_per_peer: open streams of one peer.
        unary_threads: threads that answer unary calls.
        max_jobs: federated jobs whose workers run at the same time; others wait their turn.
        jobs_memory_bytes: what the workers of jobs, led or taken part in, may need together, by
            public numbers, 0.5 GiB each at least; a job that does not fit waits, and its log says
            so; one that needs more than this runs alone; 0: no limit.
        max_jobs_per_lead: jobs of one lead that this site has accepted and that have not ended;
            another one is decided when one of them has.
        site_wait_seconds: on a lead: how long a job whose quorum is there waits for sites that have
            not decided yet, whose workers are still starting, or that hung up in a round; they join
            at the next round.
        lead_silence_hours: how long a job that this site takes part in outlives a lead that asks no
            new round, at most until the job's deadline; after ten minutes it holds no worker.
        dsp_message_bytes: largest message of the Dataspace Protocol that is read.
        dsp_requests_per_minute: requests of one participant that are answered over HTTPS; the first
            minute's worth may come at once, and of one address four times as many.
        max_transfers_per_peer: transfers that one peer opened over HTTPS and that have not ended.
        max_negotiations_per_peer: negotiations with one peer that have not ended, counted apart by
            this node's role in them; above, the peer opens no more.
        member_bytes_per_minute: bytes that one member sends in a minute, each call counted as 4 KiB
            at least; the first minute's worth may come at once.
        member_openings_per_hour: negotiations, counter-offers and jobs that one member begins in an
            hour; each leaves entries in the audit log, which are never dropped.
        dry_runs_per_peer: narrower terms that are measured on the rows for one counterparty in 30
            days, where an offer has a report of risk; above, it gets no others.
        member_stored_bytes: what is stored for one member and dropped again later; above, it begins
            nothing new.
        extract_bytes: bytes of extracts that wait for their consumers, in all; above, no use of
            data is granted.
        extract_bytes_per_member: the same, of one consumer.
        keep_days: days that what has ended is kept: messages handled or given up, jobs refused,
            negotiations that came to no contract; more than the 30 days for which peers send again.
        first_contacts_per_minute: first contacts answered, per address; 0: none.
        recipes: SHA-256 (hex) of training recipes of other releases that new contracts accept,
            besides the one that this node runs; `preau agreement show` lists a contract's.
        engines: of training, that jobs of others may run here, of those installed, and that new
            contracts list: `exact`, `opacus`; a job that asks for another is refused.
        profiles: files, Turtle or JSON-LD, with the vocabularies of others in which terms are
            published, negotiated and decided; both parties need the same file. Read at start.
        notice_url: `https://` address to which the node posts that something waits for a decision
            of its persons, or that a duty is due soon or overdue, signed; a host that is not
            public stands in `unsafe_allow_hosts` too; empty: nowhere.
        mail_server: `host:port` of an SMTP server that takes the same notices as e-mail, over TLS
            unless it is on loopback; empty: none.
        mail_from: address that sends them.
        mail_to: addresses of the institution that get them.
        mail_user: name to log in with; empty: none.
        mail_password_file: file with the password of that user, mode 0600.
        reviewers: roles that look at outputs before they leave, where a contract asks for it, in
            this order; where it asks for more, `reviewer-1` and so on.
        duty_reminder_days: days before the deadline of a duty of ours at which the node reminds of
            it; at most half the time that there is for it.
        worker_memory_bytes: private memory (RLIMIT_DATA) of a worker process at most, of which the
            libraries take 0.2 GiB; half of it is for reading a file, half for the persons that a
            contract declares; a job that needs more fails with WORKER_FAILED; 0: none.
        snapshot_bytes: what the snapshots of all sources may take on the disk; above, none is
            taken.
        connections: tables `[connections.NAME]` with a `kind` and its options: databases and
            servers of files that descriptions of datasets name (guide of data files).
    """

    home: Path
    did: str
    name: str
    kind: str = "participant"
    country: str = "FR"
    registration: str = ""
    grpc_listen: str = "127.0.0.1:0"
    grpc_endpoint: str = ""
    https_listen: str = "127.0.0.1:0"
    dsp_path: str = ""
    flight_listen: str = ""
    flight_endpoint: str = ""
    proxies: tuple[str, ...] = ()
    certificate_proxies: tuple[str, ...] = ()
    https_certificate: str = "keys/https.pem"
    https_key: str = "keys/https.key"
    web_roots: str = ""
    management_listen: str = "unix:run/management.sock"
    metrics_listen: str = ""
    console_listen: str = ""
    console_address: str = ""
    console_theme: str = ""
    console_contact: str = ""
    console_oidc: Provider | None = None
    console_folders: tuple[str, ...] = ("data",)
    database: str = ""
    signing_key: str = "file:keys/signing.pem"
    space: str = ""
    trusted_issuers: tuple[str, ...] = ()
    scopes: tuple[str, ...] = (MEMBERSHIP_SCOPE,)
    charter: str = ""
    spaces: tuple[Space, ...] = ()
    unsafe_allow_hosts: tuple[str, ...] = ()
    status_refresh_seconds: float = 300.0
    status_list_seconds: float = 86_400.0
    leaf_seconds: float = 86_400.0
    max_message_bytes: int = 16 * 1024 * 1024
    max_streams: int = 64
    max_streams_per_peer: int = 8
    unary_threads: int = 16
    max_jobs: int = 8
    jobs_memory_bytes: int = 8 * 1024**3
    max_jobs_per_lead: int = 2
    site_wait_seconds: float = 15.0
    lead_silence_hours: int = 24
    dsp_message_bytes: int = 1024 * 1024
    dsp_requests_per_minute: int = 6000
    max_transfers_per_peer: int = 256
    max_negotiations_per_peer: int = 256
    member_bytes_per_minute: int = 64 * 1024 * 1024
    member_openings_per_hour: int = 2000
    dry_runs_per_peer: int = 10
    member_stored_bytes: int = 512 * 1024 * 1024
    extract_bytes: int = 64 * 1024**3
    extract_bytes_per_member: int = 16 * 1024**3
    keep_days: int = 45
    first_contacts_per_minute: int = 30
    recipes: tuple[str, ...] = ()
    engines: tuple[str, ...] = ("exact", "opacus")
    profiles: tuple[str, ...] = ()
    notice_url: str = ""
    mail_server: str = ""
    mail_from: str = ""
    mail_to: tuple[str, ...] = ()
    mail_user: str = ""
    mail_password_file: str = "keys/mail.password"  # noqa: S105 - where it is
    reviewers: tuple[str, ...] = ()
    duty_reminder_days: int = 7
    worker_memory_bytes: int = 8 * 1024**3
    snapshot_bytes: int = 64 * 1024**3
    connections: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Put the space that `space` states before those that have tables of their own."""
        first = Space(self.space, self.trusted_issuers, self.scopes, self.charter)
        further = tuple(each for each in self.spaces if each.name)
        object.__setattr__(self, "spaces", (first, *further))

    @property
    def believed(self) -> frozenset[str]:
        """DIDs of the issuers that are believed in any space; in which, each space says."""
        return frozenset(did for each in self.spaces for did in each.trusted_issuers)

    def space_called(self, text: str) -> Space | None:
        """Return the space that a DID or the name of a table means; None where there is none."""
        return next((each for each in self.spaces if each.called(text)), None)

    def path(self, name: str) -> Path:
        """Resolve a path of the settings against the home folder."""
        return self.home / name

    @property
    def database_url(self) -> str:
        """The database's URL, with the default filled in."""
        return self.database or f"sqlite:///{self.home / 'node.sqlite'}"


def load(home: Path) -> Settings:
    """Read `preau.toml` of a home folder.

    Raises:
        ConfigurationInvalid: the file is missing, not TOML, or has an unknown or ill-typed key.
    """
    file = home / FILE_NAME
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigurationInvalid(
            f"no `{FILE_NAME}` in `{home}`", hint="run `preau init` or pass `--home`"
        ) from exc
    except tomllib.TOMLDecodeError as exc:
        raise ConfigurationInvalid(
            f"`{file}` is not TOML: {exc}",
            hint="a line is `setting = value`, text in quotes; no setting stands there twice",
        ) from exc
    return from_mapping(home, raw)


def from_mapping(home: Path, raw: dict[str, Any]) -> Settings:
    """Build settings from a parsed mapping.

    Raises:
        ConfigurationInvalid: a key is unknown, missing or of another type.
    """
    known = {f.name: f for f in fields(Settings) if f.name != "home"}
    unknown = sorted(set(raw) - set(known))
    if unknown:
        near = get_close_matches(unknown[0], known, n=1)
        raise ConfigurationInvalid(
            f"unknown setting `{unknown[0]}` in `{FILE_NAME}`",
            hint=f"did you mean `{near[0]}`?" if near else "the manual lists all settings",
        )
    missing = [name for name in ("did", "name") if not raw.get(name)]
    if missing:
        raise ConfigurationInvalid(
            f"setting `{missing[0]}` is missing in `{FILE_NAME}`",
            hint="`preau init` writes a file that has it",
        )
    values = {name: _typed(name, str(known[name].type), value) for name, value in raw.items()}
    if not all(re.fullmatch("[0-9a-f]{64}", recipe) for recipe in values.get("recipes", ())):
        raise ConfigurationInvalid("setting `recipes` must list SHA-256 in hex")
    if not set(values.get("engines", ())) <= {"exact", "opacus"}:
        raise ConfigurationInvalid("setting `engines` must list `exact`, `opacus`, or none")
    notice_url = values.get("notice_url", "")
    if notice_url and not notice_url.startswith("https://"):
        raise ConfigurationInvalid("setting `notice_url` must begin with `https://`, or be empty")
    if not all(ROLE_NAME.fullmatch(role) for role in values.get("reviewers", ())):
        raise ConfigurationInvalid(
            "setting `reviewers` must list roles: small letters, digits and hyphens"
        )
    _check_served(values)
    _check_console(values)
    if values.get("mail_server"):
        _check_mail(values)
    for name in ("proxies", "certificate_proxies"):
        for proxy in values.get(name, ()):
            _network(name, proxy)
    made = Settings(home=home, **values)
    spaces.check(made.spaces, participant=made.kind == "participant")
    return made


def dump(settings: Settings) -> str:
    """Write settings as TOML text; defaults are written too, so that they can be seen."""
    lines = []
    for item in fields(Settings):
        if item.name in ("home", "connections", "spaces", "console_oidc"):
            continue
        lines.append(f"{item.name} = {_toml(getattr(settings, item.name))}")
    for name, options in settings.connections.items():
        lines += ["", f"[connections.{name}]"]
        lines += [f"{option} = {_toml(value)}" for option, value in options.items()]
    for space in settings.spaces[1:]:
        lines += ["", f"[spaces.{space.name}]"]
        lines += [f"{option} = {_toml(getattr(space, option))}" for option in spaces.OPTIONS]
    if settings.console_oidc is not None:
        lines += _dumped(settings.console_oidc)
    return "\n".join(lines) + "\n"


def _dumped(provider: Provider) -> list[str]:
    lines = ["", "[console_oidc]"]
    lines += [f"{name} = {_toml(value)}" for name, value in providers.options(provider).items()]
    for table in providers.TABLES:
        lines += ["", f"[console_oidc.{table}]"]
        groups = getattr(provider, table).items()
        lines += [f"{_toml(group)} = {_toml(value)}" for group, value in groups]
    return lines


def _check_served(values: Mapping[str, Any]) -> None:
    dsp_path = values.get("dsp_path", "")
    if dsp_path and (not _PATH.fullmatch(dsp_path) or "/." in dsp_path):
        raise ConfigurationInvalid(
            "setting `dsp_path` must be a path such as `/dsp/2025-1`, or be empty"
        )
    if bool(values.get("flight_listen")) != bool(values.get("flight_endpoint")):
        raise ConfigurationInvalid(
            "settings `flight_listen` and `flight_endpoint` must both be stated, or both be empty"
        )


def _check_console(values: Mapping[str, Any]) -> None:
    address = values.get("console_address", "")
    if address and not re.fullmatch(r"https://[a-z0-9.-]+(:[0-9]+)?/?", address):
        raise ConfigurationInvalid(
            "setting `console_address` must be `https://HOST` without a path, or be empty"
        )
    if values.get("console_listen", "").startswith("unix:") and not address:
        raise ConfigurationInvalid(
            "setting `console_address` must be stated where `console_listen` is a socket"
        )


def _check_mail(values: Mapping[str, Any]) -> None:
    _, colon, port = values["mail_server"].rpartition(":")
    if not colon or not port.isdecimal():
        raise ConfigurationInvalid("setting `mail_server` must be `host:port`, or be empty")
    addresses = (values.get("mail_from", ""), *values.get("mail_to", ()))
    if len(addresses) == 1 or not all(_ADDRESS.fullmatch(each) for each in addresses):
        raise ConfigurationInvalid(
            "settings `mail_from` and `mail_to` must be e-mail addresses where `mail_server` is set"
        )


def _network(name: str, text: str) -> None:
    try:
        ipaddress.ip_network(text)
    except ValueError as exc:
        raise ConfigurationInvalid(
            f"setting `{name}` names `{text}`, which is not an address"
        ) from exc


def _connections(raw: Any) -> dict[str, dict[str, str]]:
    """Return the options of each connection as text; what they mean is its kind's."""
    if not isinstance(raw, dict) or not all(isinstance(each, dict) for each in raw.values()):
        raise ConfigurationInvalid("setting `connections` must hold tables `[connections.NAME]`")
    if any(not isinstance(o, str | int) for each in raw.values() for o in each.values()):
        raise ConfigurationInvalid("options of `connections` must be text, numbers or true, false")
    return {
        name: {
            option: str(value).lower() if value is True or value is False else str(value)
            for option, value in options.items()
        }
        for name, options in raw.items()
    }


def _typed(name: str, kind: str, value: Any) -> Any:
    if name == "connections":
        return _connections(value)
    if name == "spaces":
        return spaces.read(value)
    if name == "console_oidc":
        return providers.read(value)
    ok = {
        "str": isinstance(value, str),
        "int": isinstance(value, int) and not isinstance(value, bool),
        "float": isinstance(value, int | float) and not isinstance(value, bool),
        "tuple[str, ...]": isinstance(value, list) and all(isinstance(v, str) for v in value),
    }.get(kind, False)
    if not ok:
        raise ConfigurationInvalid(f"setting `{name}` must be {_KINDS[kind]}")
    if kind in ("int", "float"):
        _check_number(name, value, _LEAST.get(name, 1))
    if kind == "float":
        return float(value)
    return tuple(value) if isinstance(value, list) else value


def _check_number(name: str, value: float, least: int) -> None:
    if not least <= value < math.inf:  # true for NaN, too
        raise ConfigurationInvalid(f"setting `{name}` must be {least} or more, and finite")


def _toml(value: Any) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return str(value)
