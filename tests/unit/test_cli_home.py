"""`preau init` and `preau authority init`: a whole home, private, never overwritten."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from click.testing import Result
from cryptography import x509

from connector import config
from connector.bootstrap.keys import own
from connector.errors import KeyUnusable
from connector.identity import document
from connector.store import migrations
from tests.support.command import invoked
from tests.support.each import over

DID = "did:web:localhost%3A8443"


def preau(*words: str) -> Result:
    return invoked(list(words))


def init(home: Path, *more: str) -> Result:
    return preau("init", "--home", str(home), "--did", DID, "--name", "École d'essai", *more)


def authority(home: Path, *more: str) -> Result:
    words = ("--home", str(home), "--did", "did:web:localhost%3A9443", "--name", "Ministère")
    return preau("authority", "init", *words, *more)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def hosts(certificate: Path) -> list[str]:
    read = x509.load_pem_x509_certificate(certificate.read_bytes())
    names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.DNSName)


def test_a_home_is_whole_and_private(tmp_path: Path) -> None:
    home = tmp_path / "node"
    assert init(home).exit_code == 0
    assert mode(home) == 0o700
    assert mode(home / "keys") == 0o700
    for name in ("signing.pem", "tls-ca-1.key", "https.key"):
        assert mode(home / "keys" / name) == 0o600
    assert mode(home / "preau.toml") == 0o600
    assert migrations.schema(config.load(home).database_url) is migrations.Schema.CURRENT
    assert hosts(home / "keys" / "https.pem") == ["localhost"]
    identity = own.Identity(config.load(home))
    read = document.read(identity.document(), DID)
    assert read.services["PreauPeer"] == "grpcs://localhost:50051"
    assert read.services["PreauFirstContact"] == "https://localhost:8443/first-contact"
    assert len(read.tls_authorities) == 1
    assert identity.membership() == ""


def test_settings_say_what_was_asked(tmp_path: Path) -> None:
    home = tmp_path / "node"
    roots = tmp_path / "roots.pem"
    roots.write_text("pem")
    more = ("--space", "did:web:space.example", "--grpc-port", "7001", "--https-port", "7002")
    more += ("--allow-host", "localhost", "--allow-host", "db", "--web-roots", str(roots))
    more += ("--country", "BE", "--registration", "0123", "--listen", "127.0.0.9")
    more += ("--flight-port", "7003")
    assert init(home, *more).exit_code == 0
    settings = config.load(home)
    assert settings.space == "did:web:space.example"
    assert settings.trusted_issuers == ("did:web:space.example",)
    assert settings.grpc_listen == "127.0.0.9:7001"
    assert settings.https_listen == "127.0.0.9:7002"
    assert settings.grpc_endpoint == "localhost:7001"
    assert (settings.flight_listen, settings.flight_endpoint) == (
        "127.0.0.9:7003",
        "localhost:7003",
    )
    assert own.services(settings)["PreauFlight"] == "grpc+tls://localhost:7003"
    assert settings.unsafe_allow_hosts == ("localhost", "db")
    assert settings.web_roots == str(roots)
    assert (settings.country, settings.registration) == ("BE", "0123")


def test_a_node_of_several_spaces(tmp_path: Path) -> None:
    home, two = tmp_path / "node", "did:web:two.example"
    more = ("--space", "did:web:space.example", "--further-space", f"health={two}")
    shown = init(home, *more).stdout
    settings = config.load(home)
    assert [each.id for each in settings.spaces] == ["did:web:space.example", two]
    assert settings.space_called("health") == settings.spaces[1]
    assert own.membership_file(settings.spaces[1]) == "keys/membership-health.jwt"
    for space in settings.spaces:
        assert f"ask {space.id} to admit {settings.did}" in shown
    for wrong in ("health", "Health=did:web:two.example", "health=did:web:space.example"):
        refused = init(tmp_path / "other", *more[:2], "--further-space", wrong)
        assert "CONFIGURATION_INVALID" in refused.stderr
        assert not (tmp_path / "other").exists()


def test_loopback_is_bound_only_where_the_did_says_so(tmp_path: Path) -> None:
    words = ("--did", "did:web:node.example.org", "--name", "A")
    assert preau("init", "--home", str(tmp_path / "a"), *words).exit_code == 0
    settings = config.load(tmp_path / "a")
    assert settings.https_listen == "0.0.0.0:443"
    assert settings.unsafe_allow_hosts == ()
    assert init(tmp_path / "b").exit_code == 0
    assert config.load(tmp_path / "b").https_listen == "127.0.0.1:8443"


def test_what_to_do_next_is_printed(tmp_path: Path) -> None:
    shown = init(tmp_path / "node", "--space", "did:web:space.example").stdout
    assert f"preau serve --home {tmp_path / 'node'}" in shown
    assert "ask did:web:space.example to admit" in shown
    assert "trusted_issuers" in init(tmp_path / "other").stdout


def test_json_is_one_object(tmp_path: Path) -> None:
    made = json.loads(init(tmp_path / "node", "--json").stdout)
    assert made["did"] == DID
    assert made["settings"] == str(tmp_path / "node" / "preau.toml")


def test_an_authority_gets_a_web_ca_and_no_peer_port(tmp_path: Path) -> None:
    home = tmp_path / "authority"
    assert authority(home).exit_code == 0
    settings = config.load(home)
    assert settings.kind == "authority"
    assert settings.space == settings.did
    assert settings.web_roots == "keys/web-ca.pem"
    assert not (home / "keys" / "tls-ca-1.pem").exists()
    read = document.read(own.Identity(settings).document(), settings.did)
    assert dict(read.services) == {
        "PreauMemberships": "https://localhost:9443/memberships",
        "IssuerService": "https://localhost:9443/dcp",
    }


def test_a_web_certificate_is_what_init_takes(tmp_path: Path) -> None:
    authority(tmp_path / "authority")
    out = tmp_path / "for-member"
    issued = preau(
        "authority", "web-certificate", "node.example.org", "--out", str(out),
        "--home", str(tmp_path / "authority"), "--json",
    )  # fmt: skip
    made = json.loads(issued.stdout)
    assert hosts(out / "https.pem") == ["node.example.org"]
    assert mode(out / "https.key") == 0o600
    more = ("--https-certificate", made["certificate"], "--https-key", made["key"])
    assert init(tmp_path / "node", *more, "--web-roots", made["web_roots"]).exit_code == 0
    assert hosts(tmp_path / "node" / "keys" / "https.pem") == ["node.example.org"]


# --- bad input: one line with a code, nothing changed


def refused(result: Result, code: str, says: str) -> None:
    assert result.exit_code == 1
    first = result.stderr.splitlines()[0]
    assert first.startswith(f"error {code}: ")
    assert says in first


def test_a_home_that_is_there_is_not_touched(tmp_path: Path) -> None:
    init(tmp_path / "node")
    before = {p: p.read_bytes() for p in (tmp_path / "node").rglob("*") if p.is_file()}
    refused(init(tmp_path / "node"), "CONFIGURATION_INVALID", "holds a node already")
    refused(authority(tmp_path / "node"), "CONFIGURATION_INVALID", "holds a node already")
    assert {p: p.read_bytes() for p in (tmp_path / "node").rglob("*") if p.is_file()} == before


def test_a_key_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    keys = tmp_path / "node" / "keys"
    keys.mkdir(parents=True)
    (keys / "signing.pem").write_text("mine")
    refused(init(tmp_path / "node"), KeyUnusable.code, "not overwritten")
    assert (keys / "signing.pem").read_text() == "mine"
    assert not (tmp_path / "node" / "preau.toml").exists()


@pytest.mark.parametrize(
    "did", ["localhost", "did:web:127.0.0.1", "did:key:z6Mk", "did:web:LOCALHOST", "did:web:a%3A0"]
)
def test_a_did_that_is_none_makes_nothing(tmp_path: Path, did: str) -> None:
    home = tmp_path / "node"
    result = preau("init", "--home", str(home), "--did", did, "--name", "A")
    refused(result, "CONFIGURATION_INVALID", did)
    assert not home.exists()


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--space", "the ministry"), "did:web"),
        (("--authority", "foo"), "did:web"),
        (("--management-listen", "0.0.0.0:9000"), "loopback"),
        (("--management-listen", "nowhere"), "host:port"),
        (("--database", "mysql://db/x"), "database"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, more: tuple[str, ...], says: str) -> None:
    result = init(tmp_path / "node", *more)
    refused(result, "CONFIGURATION_INVALID", says)
    assert more[0] in ("--space", "--authority") or "--space" not in result.stderr
    assert more[0] != "--authority" or "hint: `--authority`" in result.stderr
    assert not (tmp_path / "node" / "preau.toml").exists()


def test_an_empty_name_is_refused(tmp_path: Path) -> None:
    result = preau("init", "--home", str(tmp_path / "n"), "--did", DID, "--name", " ")
    refused(result, "CONFIGURATION_INVALID", "name")


def test_certificate_and_key_belong_together(tmp_path: Path) -> None:
    authority(tmp_path / "authority")
    keys = tmp_path / "authority" / "keys"
    only = init(tmp_path / "a", "--https-certificate", str(keys / "https.pem"))
    refused(only, "CONFIGURATION_INVALID", "must be given together")
    more = ("--https-certificate", str(keys / "https.pem"), "--https-key", str(keys / "web-ca.key"))
    refused(init(tmp_path / "b", *more), "CONFIGURATION_INVALID", "not a PEM certificate")
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("host", ["127.0.0.1", "no host", "NODE.example", "a..b"])
def test_a_web_certificate_needs_a_dns_name(tmp_path: Path, host: str) -> None:
    authority(tmp_path / "authority")
    words = ("--out", str(tmp_path / "out"), "--home", str(tmp_path / "authority"))
    refused(
        preau("authority", "web-certificate", host, *words), "CONFIGURATION_INVALID", "DNS name"
    )
    assert not (tmp_path / "out").exists()


def test_only_an_authority_issues_web_certificates(tmp_path: Path) -> None:
    init(tmp_path / "node")
    words = ("--out", str(tmp_path / "out"), "--home", str(tmp_path / "node"))
    result = preau("authority", "web-certificate", "a.example", *words)
    refused(result, "CONFIGURATION_INVALID", "not the home of an authority")


def test_an_error_as_json_is_one_object(tmp_path: Path) -> None:
    init(tmp_path / "node")
    result = init(tmp_path / "node", "--json")
    assert result.exit_code == 1
    assert result.stdout == ""
    error = json.loads(result.stderr)
    assert set(error) == {"code", "reason", "hint"}
    assert error["code"] == "CONFIGURATION_INVALID"


@over(
    "words",
    [
        ("--no-such-option", "--json"),
        ("--no-such-option", "job", "status", "--json"),
        ("no-such-command", "--json"),
        ("job", "no-such-command", "--json"),
        ("job", "cancel", "--json"),
    ],
)
def test_an_error_of_usage_is_an_object_wherever_it_is_met(words: tuple[str, ...]) -> None:
    result = preau(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert json.loads(result.stderr)["code"] == "CONFIGURATION_INVALID"


def test_usage_errors_end_with_two(tmp_path: Path) -> None:
    assert preau("init", "--home", str(tmp_path)).exit_code == 2
    assert preau("init", "--no-such-option").exit_code == 2
    assert preau("no-such-command").exit_code == 2
    assert init(tmp_path / "n", "--grpc-port", "70000").exit_code == 2
