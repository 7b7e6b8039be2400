"""Commands that speak to a node: what they print, as text and as JSON, and how they end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from connector.cli import output
from connector.cli.contracts import negotiate as negotiate_commands
from connector.cli.exits import exit_of
from connector.domain.contract.negotiation import Negotiation, NegotiationState, Role
from connector.domain.log.audit import Head
from connector.domain.membership import Membership
from connector.domain.privacy.budget import Reservation, ReservationState
from connector.domain.privacy.register import Register
from connector.domain.privacy.tally import Limit, Tally
from connector.errors import InRecovery, NodeUnreachable, PreauError, Unlawful
from connector.management.views.contracts.negotiations import NegotiationView
from connector.ports import Ports
from connector.sdk import Client
from connector.sdk import client as sdk_client
from connector.sdk.transport import find
from federated.privacy.event import Events, sampled_gaussian
from federated.privacy.process import ProcessAccountant
from federated.privacy.rule import Accounting, Rule
from tests.support import stored
from tests.support.command import invoked
from tests.support.doubles import NOON, ports_for_tests, settings_for_tests
from tests.support.each import over
from tests.support.management import TOKEN, commanded

DID = "did:web:node.example"


def negotiation(**changes: Any) -> Negotiation:
    ids = {"peer_pid": "urn:uuid:2", "dataset_id": "urn:pupils", "offer_id": "urn:offer"}
    return stored.negotiation("urn:uuid:1", **ids | changes)


@pytest.fixture
def ports(tmp_path: Path) -> Ports:
    return ports_for_tests(tmp_path, accountant=ProcessAccountant())


@pytest.fixture
def home(ports: Ports) -> Iterator[Path]:
    """A home whose node answers commands, over the ports of the test."""
    with commanded(ports):
        yield ports.settings.home


def preau(home: Path, *words: str) -> Result:
    return invoked([*words, "--home", str(home)], env={"COLUMNS": "200"})


@over(
    ("words", "says"),
    [
        (("peer", "list"), "no peer was met yet"),
        (("dataset", "list"), "nothing is published"),
        (("agreement", "list"), "no contract yet"),
        (("negotiation", "list"), "no negotiation yet"),
        (("job", "status"), "no job yet"),
        (("budget", "show"), "no register has a cap"),
        (("register", "list"), "no register is declared"),
        (("person", "list"), "no register has a list"),
        (("audit", "log"), "no event"),
        (("catalog",), "no dataset is offered"),
    ],
)
def test_an_empty_node_says_what_to_do(home: Path, words: tuple[str, ...], says: str) -> None:
    text = preau(home, *words)
    assert (text.exit_code, text.stderr) == (0, "")
    assert says in text.stdout
    as_json = preau(home, *words, "--json")
    assert (as_json.exit_code, json.loads(as_json.stdout)) == (0, [])


def test_persons_who_objected_are_counted_and_never_named(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "objected.txt"
    file.write_text("\ufeffAmélie\n\n0042\n", encoding="utf-8")
    preau(home, "register", "declare", "urn:pupils", "--epsilon", "3", "--delta", "1e-5")
    shown = preau(home, "person", "suppress", "urn:pupils", "--from", str(file))
    assert (shown.exit_code, "Amélie" in shown.stdout) == (0, False)
    after = {"register_id": "urn:pupils", "persons": 1, "known": 0}
    restored = preau(home, "person", "restore", "urn:pupils", "42", "--json")
    assert json.loads(restored.stdout) == [after]
    assert json.loads(preau(home, "person", "list", "--json").stdout) == [after]
    (tmp_path / "latin.txt").write_bytes(b"Am\xe9lie")
    latin = ("--from", str(tmp_path / "latin.txt"))
    for named in ((), ("42", "--from", str(file)), latin, ("--from", str(tmp_path))):
        refused = preau(home, "person", "suppress", "urn:pupils", *named)
        assert (refused.exit_code, "CONFIGURATION_INVALID" in refused.stderr) == (1, True)


def test_the_membership_is_shown(home: Path) -> None:
    assert "none" in preau(home, "membership").stdout
    assert json.loads(preau(home, "membership", "--json").stdout)["did"] == DID


def test_a_node_that_went_back_is_shown_and_confirmed(home: Path, ports: Ports) -> None:
    assert "there is nothing to recover" in preau(home, "recovery", "show").stdout
    nothing = preau(home, "recovery", "confirm")
    assert (nothing.exit_code, "UNLAWFUL" in nothing.stderr) == (exit_of(Unlawful("")), True)
    limit = Limit("urn:lost", "urn:register", "did:web:lab.example", 3.0, 1e-5, None)
    job = Reservation(
        job_id="urn:job",
        agreement_id=limit.id,
        dataset_id="urn:d",
        register_id=limit.register_id,
        events=Events((sampled_gaussian(1.0, 0.5, 1),)),
        rounds=2,
        committed_rounds=1,
        epsilon=1.5,
        delta=1e-6,
        state=ReservationState.OPEN,
        created_at=NOON,
    )
    register = Register(limit.register_id, None, Accounting(Rule.SUMS), 1, NOON)
    registers = {register.id: register}
    before = Head(0, 9, bytes(32))
    ports.charges.record(Tally(before, registers, {limit.id: limit}, {job.job_id: job}))
    shown = preau(home, "recovery", "show").stdout
    for words in ("had 9", "urn:job", "contract urn:lost", "did:web:lab.example"):
        assert words in shown
    refused = preau(home, "recovery", "confirm")
    assert (refused.exit_code, "RECOVERY" in refused.stderr) == (exit_of(InRecovery("")), True)
    assert "--charge-in-full" in refused.stderr
    assert "preau peer meet did:web:lab.example" in shown
    done = preau(home, "recovery", "confirm", "--charge-in-full")
    told = (
        *("charged: job urn:job under urn:lost, ε 1.5", "counts as fully spent: contract urn:lost"),
        *(
            "lost: contract urn:lost; did:web:lab.example must negotiate it again",
            "epoch 1 of the log",
        ),
        *("it replaces a state of 9 entries", "a peer that answers later"),
    )
    assert [words for words in told if words not in done.stdout] == []
    after = json.loads(preau(home, "recovery", "show", "--json").stdout)
    assert (after["faults"], [each["number"] for each in after["epochs"]]) == ([], [1])
    assert "recovery.charged" in preau(home, "audit", "log", "--subject", "urn:job").stdout
    assert "preau audit log --subject urn:job" in preau(home, "job", "status", "urn:job").stderr
    assert "hint" not in preau(home, "job", "status", "urn:never").stderr
    with ports.store.read() as tx:
        charged = tx.reservations.get("urn:job")
        assert charged is not None
        assert (charged.state, charged.committed_rounds) == (ReservationState.CLOSED, 2)
        assert {each.id for each in tx.forfeits.find()} == {"urn:lost"}


def test_a_negotiation_is_shown(home: Path, ports: Ports) -> None:
    with ports.store.write() as tx:
        tx.negotiations.put(negotiation())
    shown = preau(home, "negotiation", "list").stdout
    assert "urn:uuid:1" in shown
    assert "REQUESTED" in shown
    one = json.loads(preau(home, "negotiation", "show", "urn:uuid:1", "--json").stdout)
    assert one["state"] == "REQUESTED"
    assert "did:web:school.example" in preau(home, "negotiation", "show", "urn:uuid:1").stdout


def test_members_are_listed_by_an_authority(tmp_path: Path) -> None:
    settings = settings_for_tests(tmp_path, DID, kind="authority")
    ports = ports_for_tests(tmp_path, settings=settings)
    member = Membership(DID, "A", "member", 0, "jwt", NOON, NOON + timedelta(days=1))
    with ports.store.write() as tx:
        tx.members.put(member)
    with commanded(ports):
        assert DID in preau(tmp_path, "authority", "members").stdout
        done = preau(tmp_path, "authority", "revoke", DID, "--reason", "left", "--json")
        assert json.loads(done.stdout)["revoked"] == "left"
        unknown = preau(tmp_path, "authority", "revoke", "did:web:b.example", "--reason", "left")
    assert unknown.exit_code == 1
    assert unknown.stderr.startswith("error NOT_FOUND: ")


# --- errors


@over(
    ("words", "code"),
    [
        (("dataset", "show", "urn:x"), "NOT_FOUND"),
        (("agreement", "show", "urn:x"), "NOT_FOUND"),
        (("negotiation", "show", "urn:x"), "NOT_FOUND"),
        (("negotiation", "accept", "urn:x"), "NOT_FOUND"),
        (("negotiation", "terminate", "urn:x"), "NOT_FOUND"),
        (("negotiation", "reconcile", "urn:x"), "NOT_FOUND"),
        (("job", "status", "urn:x"), "NOT_FOUND"),
        (("job", "cancel", "urn:x"), "NOT_FOUND"),
        (("job", "result", "urn:x"), "NOT_FOUND"),
        (("audit", "export", "urn:x"), "AGREEMENT_UNKNOWN"),
        (("authority", "members"), "NOT_FOUND"),
        (("authority", "admit", "did:web:a.example"), "CONFIGURATION_INVALID"),
    ],
)
def test_a_refusal_is_one_line_with_its_code(home: Path, words: tuple[str, ...], code: str) -> None:
    text = preau(home, *words)
    assert (text.exit_code, text.stdout) == (1, "")
    assert text.stderr.splitlines()[0].startswith(f"error {code}: ")
    as_json = preau(home, *words, "--json")
    assert as_json.exit_code == 1
    assert json.loads(as_json.stderr)["code"] == code
    assert set(json.loads(as_json.stderr)) == {"code", "reason", "hint"}


def test_a_register_is_declared_once_and_listed(home: Path) -> None:
    words = ("register", "declare", "urn:pupils", "--epsilon", "3", "--delta", "0.00001")
    declared = preau(home, *words, "--rule", "renyi", "--json")
    assert declared.exit_code == 0
    found = json.loads(declared.stdout)
    assert (found["rule"], found["order"], found["charges"]) == ("renyi", 10, 0)
    listed = preau(home, "register", "list").stdout
    assert ("renyi" in listed, "merged into" in listed) == (True, True)
    other = preau(home, *words)
    assert other.exit_code != 0
    assert "REGISTER_FIXED" in other.stderr


def test_a_plan_says_what_each_rule_would_make_of_jobs(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text(json.dumps({"epsilon": 3, "delta": 1e-5, "jobs": []}))
    found = json.loads(preau(home, "budget", "plan", str(file), "--json").stdout)
    assert [(each["rule"], each["admitted"]) for each in found] == [("sums", []), ("renyi", [])]
    assert "renyi" in preau(home, "budget", "plan", str(file)).stdout
    good = {"noiseMultiplier": 4.0, "delta": 1e-6, "samplingRate": 0.2, "steps": 10}
    asked = {"epsilon": 1, "delta": 1e-6, "samplingRate": 0.2}
    for steps, says in (("1", "an integer"), (-1, "1 or more")):
        jobs = [good, asked | {"steps": steps}]
        file.write_text(json.dumps({"epsilon": 3, "delta": 1e-5, "jobs": jobs}))
        refused = preau(home, "budget", "plan", str(file))
        assert f"`{file}`: job 2: request /privacy/steps: must be {says}\n" in refused.stderr
    file.write_text(json.dumps({"epsilon": 3, "jobs": []}))
    assert "CONFIGURATION_INVALID" in preau(home, "budget", "plan", str(file)).stderr
    budget = ("budget", "plan", "--epsilon", "1", "--delta", "1e-6")
    evaluated = ("--noise", "9", "--evaluation", "30,5")
    assert "rounds that fit" in preau(home, *budget, *evaluated).stdout
    asked = (*budget, "--table", "0.2,1e-8")
    said = preau(home, *asked, "--json")
    assert said.exit_code == 0, said.stderr
    rooms = json.loads(said.stdout)
    assert (rooms[0]["rule"], rooms[0]["most"]) == ("sums", 5)
    assert "tables that fit" in preau(home, *asked).stdout
    for wrong in (("--agreement", "urn:none"), ("--noise", "2"), ("--table", "much")):
        assert preau(home, *asked, *wrong).exit_code != 0
    assert "NOISE,EVERY" in preau(home, *budget, "--noise", "9", "--evaluation", "a").stderr


@over(
    "words",
    [
        *(("peer", "list"), ("dataset", "list"), ("catalog",), ("negotiation", "list")),
        *(("agreement", "list"), ("job", "status"), ("budget", "show"), ("audit", "log")),
        *(("membership",), ("authority", "members")),
    ],
)
def test_without_a_node_the_code_is_three(tmp_path: Path, words: tuple[str, ...]) -> None:
    home = tmp_path / "-".join(words)
    text = preau(home, *words)
    assert text.exit_code == 3
    lines = text.stderr.splitlines()
    assert lines[0].startswith("error NODE_UNREACHABLE: ")
    assert lines[1] == "hint: pass `--home`, or make a node with `preau init`"
    home.mkdir()
    (home / "preau.toml").touch()
    lines = preau(home, *words).stderr.splitlines()
    assert lines[1] == "hint: start it with `preau serve`, or pass `--home`"


def test_a_node_that_was_killed_is_not_running(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "node.json").write_text('{"management": "unix:/nowhere/at/all"}')
    (tmp_path / "run" / "management.token").write_text(TOKEN)
    assert preau(tmp_path, "peer", "list").exit_code == 3


@pytest.mark.parametrize("record", ["", "[]", "{}", "nonsense", '{"management": 1}'])
def test_what_is_no_record_of_a_node_is_no_node(tmp_path: Path, record: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "node.json").write_text(record)
    with pytest.raises(NodeUnreachable):
        Client(tmp_path).node()


def test_a_token_of_another_start_is_refused(home: Path) -> None:
    (home / "run" / "management.token").write_text("of another start")
    done = preau(home, "peer", "list")
    assert done.exit_code == 1
    assert done.stderr.startswith("error UNAUTHENTICATED: ")


def test_home_may_be_given_by_the_environment(home: Path) -> None:
    done = invoked(["membership", "--json"], env={"PREAU_HOME": str(home)})
    assert json.loads(done.stdout)["did"] == DID


@pytest.mark.parametrize(
    ("content", "says"), [("[1]", "JSON object"), ("{", "not JSON"), ("\xff", "not JSON")]
)
def test_a_file_that_is_none_is_named(home: Path, content: str, says: str) -> None:
    file = home / "description.json"
    file.write_text(content, encoding="latin-1")
    done = preau(home, "dataset", "publish", str(file))
    assert done.exit_code == 1
    assert done.stderr.startswith("error CONFIGURATION_INVALID: ")
    assert says in done.stderr


def test_what_cannot_be_written_is_not_asked_for(home: Path, tmp_path: Path) -> None:
    there, nowhere = tmp_path / "there.json", tmp_path / "none" / "x.json"
    there.touch()
    for words in (("audit", "export", "urn:a"), ("job", "result", "urn:j")):
        for out, says in ((there, "exists"), (nowhere, "no folder")):
            done = preau(home, *words, "--out", str(out))
            assert (done.exit_code, "error WORLD_FAULT" in done.stderr) == (1, True)
            assert says in done.stderr
        assert "WORLD_FAULT" not in preau(home, *words, "--out", str(tmp_path / "new")).stderr


@over(
    ("words", "says"),
    [
        (("dataset", "check"), "Missing argument"),
        (("dataset", "publish", "none.json"), "none.json"),
        (("audit", "log", "--limit", "0"), "--limit"),
        (("no-such-command",), "no-such-command"),
        (("dataset", "check", "urn:x", "--no-such-option"), "--no-such-option"),
        (("dataset", "check", "urn:x", "--distinct", ""), "the reason is empty"),
        (("dataset", "publish", __file__, "--distinct", " "), "the reason is empty"),
    ],
)
def test_an_error_of_usage_is_an_object_too(home: Path, words: tuple[str, ...], says: str) -> None:
    done = preau(home, *words, "--json")
    assert (done.exit_code, done.stdout) == (2, "")
    error = json.loads(done.stderr)
    assert set(error) == {"code", "reason", "hint"}
    assert says in error["reason"]
    assert "--help" in error["hint"]
    text = preau(home, *words)
    assert (text.exit_code, "Usage:" in text.stderr) == (2, True)


def test_a_toml_description_is_read(home: Path) -> None:
    file = home / "description.toml"
    file.write_text('id = "urn:x"\ntitle = "x"\n')
    done = preau(home, "dataset", "publish", str(file))
    assert done.stderr.startswith("error DESCRIPTION_INCOMPLETE: dataset `urn:x`")
    file.write_text("id = ")
    assert "not TOML" in preau(home, "dataset", "publish", str(file)).stderr


def test_a_missing_file_is_a_usage_error(home: Path) -> None:
    assert preau(home, "dataset", "publish", str(home / "none.json")).exit_code == 2
    assert preau(home, "job", "submit", str(home / "none.json")).exit_code == 2


REQUEST = json.loads(
    (Path(__file__).parents[2] / "examples/node/request.json").read_text(encoding="utf-8")
)


def test_a_request_names_agreements_also_by_option(home: Path) -> None:
    file = home / "request.json"
    file.write_text(json.dumps({**REQUEST, "agreements": ["urn:a"]}))
    done = preau(home, "job", "submit", str(file), "--agreement", "urn:b", "--json")
    assert json.loads(done.stderr)["code"] == "AGREEMENT_UNKNOWN"


def test_a_request_may_name_the_file_of_the_model_that_it_starts_from(home: Path) -> None:
    file = home / "request.json"
    start = {"source": "https://models.example/m", "file": "public.npz"}
    file.write_text(json.dumps({**REQUEST, "agreements": ["urn:a"], "start": start}))
    lacking = json.loads(preau(home, "job", "submit", str(file), "--json").stderr)
    assert lacking["code"] == "CONFIGURATION_INVALID"
    assert f"`start/file`: cannot read `{home / 'public.npz'}`" in lacking["reason"]
    (home / "public.npz").write_bytes(b"PK")
    done = preau(home, "job", "submit", str(file), "--json")
    assert json.loads(done.stderr)["code"] == "AGREEMENT_UNKNOWN"


# --- how a wait ends


def view(**changes: Any) -> NegotiationView:
    values: dict[str, Any] = {
        "pid": "urn:uuid:1",
        "role": "consumer",
        "peer": "did:web:a.example",
        "peer_pid": "",
        "state": "FINALIZED",
        "dataset": "urn:d",
        "offer": "urn:o",
        "policy": {},
        "policy_by": "consumer",
        "agreement": "urn:a",
        "code": "",
        "reasons": [],
        "created_at": NOON,
        "updated_at": NOON,
    }
    return NegotiationView(**{**values, **changes})


def test_a_finalized_negotiation_ends_well() -> None:
    negotiate_commands._conclude(view())


def test_a_terminated_negotiation_ends_with_its_code() -> None:
    with pytest.raises(PreauError) as caught:
        negotiate_commands._conclude(
            view(state="TERMINATED", code="CAP_EXCEEDED", reasons=["the cap is reached"])
        )
    assert (caught.value.code, caught.value.reason) == ("CAP_EXCEEDED", "the cap is reached")


def test_a_negotiation_still_under_way_ends_with_seven(
    home: Path, ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ports.store.write() as tx:
        tx.negotiations.put(negotiation())

    def request(client: Client, *_args: Any, **_more: Any) -> NegotiationView:
        return client.negotiation("urn:uuid:1")

    monkeypatch.setattr(Client, "negotiate", request)
    words = ("negotiate", "did:web:a.example", "urn:d")
    assert preau(home, *words).exit_code == 0
    assert preau(home, *words, "--wait", "--seconds", "0.3").exit_code == 7


def test_an_offer_that_waits_for_us_is_not_waited_for(
    home: Path, ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = negotiation(state=NegotiationState.OFFERED, policy_by=Role.PROVIDER)
    with ports.store.write() as tx:
        tx.negotiations.put(offered)

    def sleep(_seconds: float) -> None:
        with ports.store.write() as tx:
            tx.negotiations.put(replace(offered, state=NegotiationState.FINALIZED))

    monkeypatch.setattr(sdk_client.time, "sleep", sleep)
    with Client(home) as node:
        assert node.await_negotiation("urn:uuid:1").state == "OFFERED"
        with ports.store.write() as tx:  # of a provider, it waits for the peer
            tx.negotiations.put(replace(offered, role=Role.PROVIDER))
        assert node.await_negotiation("urn:uuid:1").state == "FINALIZED"


# --- what is printed


def test_control_characters_of_peers_are_not_printed() -> None:
    assert output.clean("a\x1b[2Jb\u202ec\nd") == "a�[2Jb�c\nd"


@over(
    ("value", "shown"),
    [
        (None, ""),
        (True, "yes"),
        (False, "no"),
        (0.123456, "0.1235"),
        (NOON, "2026-11-24T12:00:00Z"),
        (["a", 1], "a, 1"),
    ],
)
def test_cells_are_readable(value: object, shown: str) -> None:
    assert output.cell(value) == shown


# --- the SDK by itself


def test_the_client_takes_an_address_in_place_of_a_home(home: Path) -> None:
    found = find(home)
    with Client(url=found.url, token=found.token) as node:
        assert node.node().did == DID
        assert "/node" in node.openapi()["paths"]
        assert node.checkpoint().startswith(DID)
        assert [event.index for event in node.events()] == []


def test_the_client_with_a_wrong_token_is_refused(home: Path) -> None:
    with (
        Client(url=find(home).url, token="wrong") as node,
        pytest.raises(PreauError, match="no valid management token"),
    ):
        node.node()


def test_an_answer_that_is_none_is_said(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Client(home) as node:
        monkeypatch.setattr(node._wire, "call", lambda *_args, **_more: b'{"did": 1}')
        with pytest.raises(PreauError, match="cannot be read"):
            node.node()
