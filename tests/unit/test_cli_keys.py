"""`preau keys`: listed, rotated, taken along and put back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from connector import config
from connector.bootstrap.keys import own
from connector.bootstrap.system import SystemClock
from connector.domain.delivery import OutgoingMessage
from connector.jsonld.canonical import canonical
from connector.services.membership import introducing
from connector.store import SqlStore
from tests.support.command import invoked
from tests.support.contracts import NOW, Space, stranger
from tests.support.link import participant

WORDS = ("--did", "did:web:localhost%3A8443", "--name", "A school", "--grpc-port", "50051")


def preau(*words: str) -> Result:
    return invoked(list(words))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "a"
    space = ("--authority", "did:web:authority.example")
    assert preau("init", "--home", str(made), *WORDS, *space).exit_code == 0
    return made


def keys(home: Path, *words: str) -> Any:
    done = preau("keys", *words, "--home", str(home), "--json")
    return json.loads(done.stdout if done.exit_code == 0 else done.stderr)


def test_each_key_is_listed_with_what_it_is_for(home: Path) -> None:
    found = {each["name"]: each for each in keys(home, "list")}
    assert {each["use"] for each in found.values()} == {"signing", "tls-ca", "https"}
    assert found["keys/tls-ca-1.pem"]["standing"] == "in use"
    settings = config.load(home)
    store = SqlStore(settings.database_url, SystemClock())
    with store.write() as tx:
        tx.participants.put(participant(Space().admit(stranger("did:web:peer.example"))))
    keys(home, "rotate", "tls-ca")
    found = {each["name"]: each for each in keys(home, "list")}
    assert found["keys/tls-ca-1.pem"]["standing"] == "in use"
    assert found["keys/tls-ca-2.pem"]["standing"] == "announced"
    assert "announced" in preau("keys", "list", "--home", str(home)).stdout
    identity = own.Identity(settings)
    served = introducing.served(identity.document(), identity.memberships())
    told = OutgoingMessage(
        id="introduction:did:web:peer.example",
        peer="did:web:peer.example",
        kind=introducing.KIND,
        body=canonical({"serves": served}),
        subject="introduction",
        created_at=NOW,
        due_at=NOW,
        delivered_at=NOW,
    )
    with store.write() as tx:
        tx.outbox.put(told)
    store.close()
    found = {each["name"]: each for each in keys(home, "list")}
    assert found["keys/tls-ca-2.pem"]["standing"] == "in use"
    assert found["keys/tls-ca-1.pem"]["standing"] == "still trusted"


def test_what_was_taken_along_is_put_back(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "export.json"
    names = keys(home, "export", str(file))["names"]
    assert {"signing.pem", "tls-ca-1.pem", "tls-ca-1.key", "https.key", "persons.key"} <= set(names)
    assert file.stat().st_mode & 0o777 == 0o600
    before = {name: (home / "keys" / name).read_bytes() for name in names}
    modes = {name: (home / "keys" / name).stat().st_mode for name in names}
    assert keys(home, "import", str(file))["put"] == []
    for name in names:
        (home / "keys" / name).unlink()
    assert keys(home, "import", str(file))["put"] == sorted(names)
    assert {name: (home / "keys" / name).read_bytes() for name in names} == before
    assert {name: (home / "keys" / name).stat().st_mode for name in names} == modes


def test_no_export_without_the_keys_that_make_the_node(home: Path, tmp_path: Path) -> None:
    (home / "keys" / "signing.pem").unlink()
    assert keys(home, "export", str(tmp_path / "export.json"))["code"] == "KEY_UNUSABLE"
    assert not (tmp_path / "export.json").exists()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"did": "did:web:other.example"}, "BACKUP_INVALID"),
        ({"version": 2}, "BACKUP_INVALID"),
        ({"files": {"../preau.toml": ""}}, "BACKUP_INVALID"),
        ({"files": {"signing.pem": "?"}}, "BACKUP_INVALID"),
        ({"files": {"signing.pem": "YW5vdGhlcg=="}}, "KEY_UNUSABLE"),
    ],
)
def test_what_is_no_export_of_this_node_changes_nothing(
    home: Path, tmp_path: Path, change: dict[str, Any], code: str
) -> None:
    file = tmp_path / "export.json"
    keys(home, "export", str(file))
    (home / "keys" / "persons.key").unlink()
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    assert keys(home, "import", str(file))["code"] == code
    assert not (home / "keys" / "persons.key").exists()


def test_an_export_that_others_may_read_is_refused(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "export.json"
    keys(home, "export", str(file))
    file.chmod(0o644)
    assert keys(home, "import", str(file))["code"] == "KEY_UNUSABLE"


def test_the_next_signing_key_is_named_by_the_old_one(home: Path) -> None:
    made = keys(home, "rotate", "signing")
    assert (made["name"], made["standing"]) == ("keys/signing-2.pem", "announced")
    found = {each["name"]: each for each in keys(home, "list") if each["use"] == "signing"}
    assert found["keys/signing.pem"]["standing"] == "in use"
    assert found["keys/signing-2.pem"] == {**made, "until": None}


def test_a_lost_signing_key_is_replaced_by_one_that_stands_alone(home: Path) -> None:
    (home / "keys" / "signing.pem").unlink()
    assert keys(home, "rotate", "signing")["code"] == "KEY_UNUSABLE"
    made = keys(home, "rotate", "signing", "--lost")
    assert made["standing"] == "in use"
    (found,) = [each for each in keys(home, "list") if each["use"] == "signing"]
    assert found["id"] == made["id"]


def test_evidence_is_not_checked_by_a_pin_that_is_not_there(home: Path, tmp_path: Path) -> None:
    """With a pin: `tests/end_to_end/test_key_rotation.py`."""
    file = tmp_path / "evidence.json"
    file.write_text("{}")
    done = preau("audit", "verify", str(file), "--pinned-by", str(home), "--json")
    assert json.loads(done.stderr)["code"] == "NOT_FOUND"
    done = preau("audit", "verify", str(file), "--pinned-by", str(tmp_path), "--json")
    assert json.loads(done.stderr)["code"] == "CONFIGURATION_INVALID"


def test_only_a_signing_key_can_be_lost(home: Path) -> None:
    assert keys(home, "rotate", "tls-ca", "--lost")["code"] == "CONFIGURATION_INVALID"
