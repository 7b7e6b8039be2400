"""An authority and two nodes as real processes, driven by nothing but `preau`.

Each command is a process of its own once; one that only leads to what is tested, or that was one
already, is typed in the test's process.
"""

from __future__ import annotations

import json
import os
import signal
import stat
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

from connector.identity import did as dids
from connector.sdk import Client
from tests.support import sites
from tests.support.command import Served, ok, preau, typed
from tests.support.command_space import Space, came, going, space, stranger
from tests.support.link import END, PREAU, PURPOSE, description, limit, offer
from tests.support.opening import open_offer, schools

pytestmark = pytest.mark.timeout(300)

step = partial(ok, run=typed)
CENTRE = "https://centre.example"


@pytest.fixture(scope="module")
def running() -> Iterator[Space]:
    with space("school", "lab") as found:
        yield found
        for each in found.served.values():  # some were started again
            each.stop()


@pytest.fixture(scope="module")
def dataset(running: Space) -> str:
    """A dataset published by the school; its id."""
    policy = offer(space=running.dids["authority"], sites="1")
    soon = limit("odrl:dateTime", "lteq", "2027-06-01T00:00:00Z", "dateTime")
    policy["permission"][0]["duty"] = [{"action": "odrl:inform", "constraint": [soon]}]
    file = running.folder / "description.json"
    described = description(running.folder / "data", offers=[policy])
    described.pop("offer", None)
    file.write_text(json.dumps(described), encoding="utf-8")
    # Other tests may have published the same persons before, in any order.
    publish = ("dataset", "publish", str(file), "--distinct", "made up for a test")
    return str(ok(*publish, home=running.nodes["school"])["id"])


@pytest.fixture(scope="module")
def agreement(running: Space, dataset: str) -> str:
    """A contract of the lab with the school; its id."""
    made = ok(
        *("negotiate", running.dids["school"], dataset, "--wait", "--seconds", "60"),
        home=running.nodes["lab"],
    )
    assert made["state"] == "FINALIZED"
    return str(made["agreement"])


def test_nodes_say_where_they_answer(running: Space) -> None:
    for name, node in running.served.items():
        assert node.ready["ready"] is True
        assert node.ready["pid"] == node.pid
        assert node.ready["did"] == running.dids[name]
        assert bool(node.ready["grpc"]) is (name != "authority")


def test_members_are_in_good_standing(running: Space) -> None:
    for home in running.nodes.values():
        assert ok("membership", home=home)["standing"] == "good"
    listed = ok("authority", "members", home=running.authority)
    assert {member["did"] for member in listed} == set(running.dids.values()) - {
        running.dids["authority"]
    }


def test_the_catalog_shows_what_was_published(running: Space, dataset: str) -> None:
    shown = ok("catalog", running.dids["school"], home=running.nodes["lab"])
    assert [entry["id"] for entry in shown["datasets"]] == [dataset]
    (only,) = shown["datasets"][0]["offers"]
    assert {line["label"] for line in only["coverage"]} <= {"checked", "enforced", "audited"}
    assert only["sentences"]["fr"] != only["sentences"]["en"]
    assert str(running.folder) not in json.dumps(shown)  # where the rows are is not said


def test_both_sides_keep_the_same_contract(running: Space, agreement: str) -> None:
    there = ok("agreement", "show", agreement, home=running.nodes["school"])
    here = step("agreement", "show", agreement, home=running.nodes["lab"])
    assert (there["role"], here["role"]) == ("provider", "consumer")
    for name in ("digest", "document", "provider_signature", "consumer_signature", "receipt"):
        assert there[name] == here[name]
    assert here["finalized"] is True
    text = typed("agreement", "show", agreement, "--lang", "fr", home=running.nodes["lab"])
    assert "vérifié" in text.out


def test_the_budget_counts_the_contract(running: Space, dataset: str, agreement: str) -> None:
    (shown,) = ok("budget", "show", dataset, home=running.nodes["school"])
    assert shown["promised"] == pytest.approx(3.0)
    assert [line["agreement"] for line in shown["agreements"]] == [agreement]
    assert shown["spent"] == 0


def test_evidence_is_verified_without_a_node(running: Space, agreement: str) -> None:
    file = running.folder / "evidence.json"
    key = running.folder / "authority.json"
    ok("audit", "export", agreement, "--out", str(file), home=running.nodes["lab"])
    bundle = json.loads(file.read_text(encoding="utf-8"))
    (document,) = bundle["authorities"].values()
    key.write_text(document if isinstance(document, str) else json.dumps(document))

    proven = preau("audit", "verify", str(file), "--authority", str(key), "--json")
    assert (proven.code, proven.value["outcome"]) == (0, "proven")
    assert proven.value["agreement"] == agreement
    alone = typed("audit", "verify", str(file), "--json")
    assert (alone.code, alone.value["outcome"]) == (4, "consistent")
    assert "unproven" in typed("audit", "verify", str(file)).out

    bundle["receipt"] = bundle["receipt"][:-8] + "AAAAAAAA"
    forged = running.folder / "forged.json"
    forged.write_text(json.dumps(bundle), encoding="utf-8")
    bad = typed("audit", "verify", str(forged), "--authority", str(key), "--json")
    assert (bad.code, bad.value["outcome"]) == (5, "invalid")

    again = typed("audit", "export", agreement, "--out", str(file), home=running.nodes["lab"])
    assert again.code == 1
    assert "not overwritten" in again.err


def test_the_log_tells_what_happened(running: Space, agreement: str) -> None:
    events = ok("audit", "log", "--limit", "1000", home=running.nodes["school"])
    assert [event["index"] for event in events] == list(range(len(events)))
    (negotiation,) = ok("negotiation", "list", home=running.nodes["school"])
    assert negotiation["agreement"] == agreement
    pid = negotiation["pid"]
    about = step("audit", "log", "--subject", pid, home=running.nodes["school"])
    assert about[-1]["kind"] == "negotiation.finalized"
    assert {event["subject"] for event in about} == {pid}


def test_doctor_finds_a_running_node_in_order(running: Space, agreement: str) -> None:
    found = preau("doctor", "--json", home=running.nodes["lab"])
    assert found.code == 0, found.out
    checks = {check["name"]: check for check in found.value["checks"]}
    for name in ("keys", "clock", "grpc port", "https port", "database", "membership", "peers"):
        assert checks[name]["verdict"] == "ok", checks[name]
    assert checks["unsafe settings"]["verdict"] == "warn"
    assert "localhost" in running.served["lab"].log()
    assert typed("doctor", "--json", home=running.authority).code == 0
    assert agreement


def test_private_files_of_a_running_node_are_private(running: Space) -> None:
    run = running.nodes["lab"] / "run"
    assert stat.S_IMODE(run.stat().st_mode) == 0o700
    for name in ("management.sock", "management.token", "node.json", "node.lock"):
        assert stat.S_IMODE((run / name).stat().st_mode) == 0o600


# --- bad input


def test_an_unknown_offer_is_refused_with_a_code(running: Space, dataset: str) -> None:
    done = preau(
        *("negotiate", running.dids["school"], dataset, "--offer", "urn:other", "--json"),
        home=running.nodes["lab"],
    )
    assert done.code == 1
    assert done.error["code"] == "OFFER_UNKNOWN"


def test_a_stranger_is_refused_with_a_code(running: Space) -> None:
    done = preau("catalog", "did:web:localhost%3A1", "--json", home=running.nodes["lab"])
    assert done.code == 1
    assert done.error["code"] == "PEER_UNREACHABLE"
    text = typed("catalog", "did:web:localhost%3A1", home=running.nodes["lab"])
    assert text.err.startswith("error PEER_UNREACHABLE: ")


def test_only_an_authority_admits(running: Space) -> None:
    done = preau("authority", "admit", running.dids["lab"], "--json", home=running.nodes["school"])
    assert (done.code, done.error["code"]) == (1, "CONFIGURATION_INVALID")


def test_the_same_persons_under_another_id_must_be_answered(running: Space, dataset: str) -> None:
    home, second = running.nodes["school"], "urn:example:second"
    file = running.folder / "second.json"
    described = description(running.folder / "data", id=second)
    file.write_text(json.dumps(described), encoding="utf-8")
    publish = ("dataset", "publish", str(file))
    done = typed(*publish, "--json", home=home)
    assert (done.code, done.error["code"]) == (1, "PERSONS_OVERLAP")
    shown = step(*publish, "--distinct", "made up for a test", home=home)
    assert shown["check"]["verdict"] == "passed"
    assert list(shown["check"]["distinct"].values()) == ["made up for a test"]
    assert ok("dataset", "check", dataset, home=home)["check"]["persons"] == 2
    kinds = [entry["kind"] for entry in step("audit", "log", "--limit", "1000", home=home)]
    assert kinds.count("persons.distinct") == 1
    first = step("dataset", "show", dataset, home=home)["register_id"]
    assert shown["register_id"] != first
    assert ok("dataset", "merge", second, first, home=home)["register_id"] == first
    checks = step("doctor", "--offline", home=home)["checks"]
    found = {check["name"]: check["verdict"] for check in checks}
    assert (found["datasets"], found["key of persons"]) == ("ok", "ok")


def test_an_incomplete_description_is_refused_and_logged(running: Space) -> None:
    file = running.folder / "incomplete.json"
    file.write_text(json.dumps({"id": "urn:x", "title": "x"}), encoding="utf-8")
    home = running.nodes["school"]
    done = preau("dataset", "publish", str(file), "--json", home=home)
    assert (done.code, done.error["code"]) == (1, "DESCRIPTION_INCOMPLETE")
    last = step("audit", "log", "--limit", "1000", home=home)[-1]
    assert (last["kind"], last["event"]["facts"]["code"]) == (
        "command.refused",
        "DESCRIPTION_INCOMPLETE",
    )
    assert [d["id"] for d in ok("dataset", "list", home=home)].count("urn:x") == 0


def test_a_second_node_in_one_home_is_refused(running: Space) -> None:
    done = preau("serve", "--json", home=running.nodes["lab"])
    assert done.code == 1
    assert "already" in done.error["reason"]
    assert step("membership", home=running.nodes["lab"])["standing"] == "good"


# --- tables under a contract


@pytest.fixture(scope="module")
def counted(running: Space) -> str:
    """A contract of the lab with the school on rows and tables of its marks; its id."""
    folder = running.folder / "marks"
    folder.mkdir()
    rows = "".join(f"m{at},R{at % 3},{400 + at % 7}\n" for at in range(60))
    (folder / "marks.csv").write_text(f"pupil,region,reading\n{rows}", encoding="utf-8")
    rules = [
        {"action": action, "constraint": [research(), until_the_end()]}
        for action in ("odrl:read", "odrl:aggregate")
    ]
    rules[0]["constraint"].append(limit("odrl:count", "lteq", "2", "integer"))
    policy = {**offer(space=running.dids["authority"]), "@id": "urn:o:marks", "permission": rules}
    described = description(
        folder,
        id="urn:example:marks",
        file={"path": str(folder / "marks.csv"), "format": "csv"},
        offers=[
            policy,
            sites.pseudonymous(running.dids["authority"], [research(), until_the_end()]),
            centre(),
        ],
    )
    described.pop("offer", None)
    described["columns"][1] = {
        "name": "region",
        "class": "quasi-identifier",
        "datatype": "category",
    }
    file = folder / "description.json"
    file.write_text(json.dumps(described), encoding="utf-8")
    step("dataset", "publish", str(file), home=running.nodes["school"])
    made = step(
        *("negotiate", running.dids["school"], "urn:example:marks", "--offer", "urn:o:marks"),
        *("--wait", "--seconds", "60"),
        home=running.nodes["lab"],
    )
    return str(made["agreement"])


def centre() -> dict[str, Any]:
    """An offer of work at a centre that is no node."""
    party = {"@id": CENTRE}
    there = {"leftOperand": PREAU + "thirdParty", "operator": "eq", "rightOperand": party}
    rule = {"action": PREAU + "accessElsewhere", "constraint": [research(), there]}
    return {**offer(space=""), "@id": "urn:o:centre", "permission": [rule]}


def research() -> dict[str, Any]:
    right = {"@id": PURPOSE}
    return {"leftOperand": "odrl:purpose", "operator": "isA", "rightOperand": right}


def until_the_end() -> dict[str, Any]:
    return limit("odrl:dateTime", "lteq", END, "dateTime")


def test_a_table_is_made_where_the_data_are(running: Space, counted: str) -> None:
    lab, school = running.nodes["lab"], running.nodes["school"]
    made = ok(
        *("query", counted, "--by", "region", "--measure", "persons", "--measure", "mean:reading"),
        *("--where", "reading>=400"),
        home=lab,
    )
    assert [(row["region"], row["persons"]) for row in made["rows"]] == [
        ("R0", 20),
        ("R1", 20),
        ("R2", 20),
    ]
    (entry,) = [
        e for e in step("audit", "log", "--limit", "1000", home=school) if e["kind"] == "use.ready"
    ]
    assert entry["subject"] == counted
    assert entry["event"]["facts"]["digest"] == made["content"]["digest"]
    for words, code in (
        (("--by", "pupil"), "TABLE_REFUSED"),
        (("--by", "region", "--where", "reading>=401"), "TABLE_REFUSED"),  # of few, by difference
        (
            ("--state", "http://www.w3.org/ns/odrl/2/purpose=https://w3id.org/dpv#Marketing"),
            "PURPOSE_FORBIDDEN",
        ),
    ):
        refused = typed("query", counted, *words, "--json", home=lab)
        assert (refused.code, refused.error["code"]) == (1, code), refused.out


def test_pseudonyms_stay_within_a_contract_and_are_shared_with_no_other(
    running: Space, counted: str
) -> None:
    """Three deliveries of the same pupils, two of them under one contract."""
    assert counted
    lab, found, contracts = running.nodes["lab"], [], []
    for number, deliveries in enumerate((2, 1)):
        made = step(
            *("negotiate", running.dids["school"], "urn:example:marks"),
            *("--offer", "urn:o:pseudonyms", "--wait", "--seconds", "60"),
            home=lab,
        )
        contracts.append(made["agreement"])
        for at in range(deliveries):
            out = running.folder / f"pseudonyms-{number}-{at}"
            step("get", made["agreement"], "--out", str(out), "--format", "csv", home=lab)
            (file,) = out.glob("*.csv")
            rows = [line.split(",") for line in file.read_text().splitlines()[1:]]
            assert [reading for _, reading in rows] == [str(400 + at % 7) for at in range(60)]
            found.append([pseudonym.strip('"') for pseudonym, _ in rows])
    first, again, other = found
    assert first == again
    assert len({*first, *other}) == 120
    assert not {*first, *other} & {f"m{at}" for at in range(60)}

    asked, out = running.folder / "asked.txt", running.folder / "translated.csv"
    asked.write_text("\n".join([*first[1:], "0" * 32, ""]))
    words = ("protect", "translate", *contracts, str(asked), "--out", str(out))
    made = step(*words, home=running.nodes["school"])
    assert made == {"asked": 60, "translated": 59}
    pairs = [",".join(each) for each in zip(first[1:], other[1:], strict=True)]
    assert out.read_text().splitlines() == ["from,to", *pairs]
    out.unlink()
    refused = typed(*words, home=lab)
    assert "NOT_FOUND: this node is not the provider" in refused.err
    assert not out.exists()


def test_a_job_trains_on_the_rows_that_the_contract_chooses(running: Space) -> None:
    """The rows that it leaves out, three in four, say the reverse."""
    lab, school = running.nodes["lab"], running.nodes["school"]
    file = sites.turned(running.folder / "turned", running.dids["authority"])
    step("dataset", "publish", str(file), home=school)
    made = step(
        *("negotiate", running.dids["school"], "urn:example:turned", "--offer", "urn:o:turned"),
        *("--wait", "--seconds", "60"),
        home=lab,
    )
    request = running.folder / "turned.request.json"
    request.write_text(json.dumps(sites.of_hours(made["agreement"], PURPOSE)), encoding="utf-8")
    job = step("job", "submit", str(request), "--watch", "--seconds", "120", home=lab)
    assert job["state"] == "COMPLETED", job["reason"]
    model = running.folder / "turned.npz"
    step("job", "result", job["id"], "--out", str(model), home=lab)
    with np.load(model) as found:
        ((weight,),) = found["layers.0.weight"]
    assert weight > 0  # 0.5, of which noise is a tenth; of all rows it is -1.1


def test_a_referral_is_verified_without_a_node(running: Space, counted: str) -> None:
    assert counted
    lab, school = running.nodes["lab"], running.nodes["school"]
    made = step(
        *("negotiate", running.dids["school"], "urn:example:marks", "--offer", "urn:o:centre"),
        *("--wait", "--seconds", "60"),
        home=lab,
    )
    token, document = running.folder / "referral.jwt", running.folder / "school.json"
    step("referral", "get", made["agreement"], "--out", str(token), home=lab)
    with Client(school) as node:
        document.write_bytes(node.document())
    at = ("referral", "verify", str(token), "--document", str(document), "--party", CENTRE)
    good = preau(*at, "--holder", running.dids["lab"], "--json")
    assert good.value["agreement"] == made["agreement"], good.err
    other = typed(*at, "--holder", running.dids["school"], "--json")
    assert (other.code, other.error["code"]) == (1, "TOKEN_MISMATCH")
    nowhere = typed("referral", "present", str(token), "--json", home=lab)
    assert (nowhere.code, nowhere.error["code"]) == (1, "USE_REFUSED")


def test_open_data_are_fetched_without_a_contract(
    running: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(running.authority / "keys" / "web-ca.pem"))
    folder = running.folder / "open"
    folder.mkdir()
    described = schools(folder, open_offer())
    file = folder / "description.json"
    file.write_text(json.dumps(described), encoding="utf-8")
    step("dataset", "publish", str(file), home=running.nodes["school"])
    did = running.dids["school"]
    address = f"{dids.origin(did)}/open/{described['id']}"
    done = typed("get", "--open", address, "--out", str(folder / "got"), "--format", "csv")
    assert done.code == 0, done.err
    assert "licence.example" in done.out
    (got,) = (folder / "got").glob("*.csv")
    assert got.read_text().count("\n") == (folder / "schools.csv").read_text().count("\n")
    again = typed("get", "--open", address, "--out", str(folder / "got"), "--json")
    assert again.value["about"]["cc:attributionName"] == "Ministry"
    gone = typed("get", "--open", f"{address}x", "--json")
    assert (gone.code, gone.error["code"]) == (1, "NOT_FOUND")


def test_a_template_of_the_authority_binds_every_offer(running: Space) -> None:
    """It narrows what the school publishes, both sign it, and nobody asks for more."""
    authority, school, lab = running.authority, running.nodes["school"], running.nodes["lab"]
    about, wish = "urn:example:layered", running.folder / "wish.json"
    policy = offer(space=running.dids["authority"], sites="1")
    wish.write_text(json.dumps(policy), encoding="utf-8")
    template = running.folder / "template.json"
    rule = {"action": f"{PREAU}federatedTraining"}
    rule["constraint"] = [limit(f"{PREAU}epsilon", "lteq", "2", "decimal")]
    stated = {name: policy[name] for name in ("@context", "profile")}
    stated |= {"@id": "urn:example:template", "@type": "Set", "permission": [rule]}
    template.write_text(json.dumps(stated), encoding="utf-8")
    ok("authority", "template", "publish", str(template), "--personal", home=authority)

    file = running.folder / "layered.json"
    described = description(running.folder / "data", id=about, offers=[policy])
    described.pop("offer", None)
    file.write_text(json.dumps(described), encoding="utf-8")
    publish = ("dataset", "publish", str(file), "--distinct", "made up for a test")
    (made,) = step(*publish, home=school)["offers"]
    shown = ok("offer", "show", made["id"], home=school)
    layer = {line["constraint"]: line["layer"] for line in shown["coverage"]}
    assert (layer["epsilon lteq 2"], layer["minimumSites gteq 1"]) == ("authority", "offer")

    ask = ("negotiate", running.dids["school"], about)
    agreed = ok(*ask, "--wait", "--seconds", "60", home=lab)
    assert agreed["state"] == "FINALIZED"
    text = typed("agreement", "show", agreed["agreement"], "--lang", "fr", home=lab).out
    assert "autorité urn:example:template version 1" in text
    refused = typed(*ask, "--policy", str(wish), "--json", home=lab)
    assert (refused.code, refused.error["code"]) == (1, "LAYER_UNMET")
    assert "template `urn:example:template` version 1" in refused.error["reason"]
    gone = ("urn:example:template", "--reason", "a test")
    assert step("authority", "template", "withdraw", *gone, home=authority)["in_force"] is False


# --- life and death; last: of the lab's node nothing runs after these


def test_a_use_is_counted_once_and_whole_whoever_is_killed(running: Space, counted: str) -> None:
    """The provider dies between the count and the release, then the lab before its receipt."""
    lab, school, out = running.nodes["lab"], running.nodes["school"], running.folder / "got"
    words = ("get", counted, "--out", str(out), "--format", "csv", "--seconds", "60")
    with going(*words, home=lab):
        counts = "SELECT count(*) FROM use_record WHERE agreement_id = ? AND action LIKE '%/read'"
        assert came(school / "node.sqlite", counts, counted)
        running.served["school"].kill()
    running.served["school"] = Served(school)
    with going(*words, home=lab) as command:
        fetched = "SELECT count(*) FROM transfer WHERE agreement_id = ?"
        assert came(lab / "node.sqlite", fetched, counted)
        running.served["lab"].kill()
        running.served["lab"] = Served(lab)
        command.wait(120)
    if not list(out.glob("*.csv")):  # else the command went on by itself
        assert ok(*words, home=lab)["transfer"]["state"] == "COMPLETED"
    (got,) = out.glob("*.csv")
    assert got.read_text().count("\n") == 61
    log = step("audit", "log", "--limit", "1000", home=school)
    accepted = [each for each in log if each["kind"] == "use.accepted"]
    facts = [each["event"]["facts"] for each in accepted if each["subject"] == counted]
    assert sum(each["action"].endswith("/read") for each in facts) == 1
    until = time.monotonic() + 60
    while not all(
        each["receipt"] and each["peer_receipt"]
        for home in (lab, school)
        for each in step("transfer", "list", home=home)
    ):
        assert time.monotonic() < until
        time.sleep(0.2)
    assert ok(*words, home=lab)["transfer"]["state"] == "COMPLETED"  # the second use, and the last
    third = typed(*words, "--json", home=lab)
    assert (third.code, third.error["code"]) == (1, "USE_REFUSED")


def test_a_killed_node_starts_again_where_it_was(running: Space, agreement: str) -> None:
    """What it has stated of a duty, and told nobody, is told then."""
    assert agreement
    home, school = running.nodes["lab"], running.served["school"].pid
    (owed,) = step("duty", "list", home=home)
    os.kill(school, signal.SIGSTOP)  # it cannot be told of what is stated now
    try:
        stated = step("duty", "done", owed["id"], "--note", "letter of today", home=home)
        assert stated["state"] == "fulfilled"
        before = step("audit", "log", home=home)
        running.served["lab"].kill()
    finally:
        os.kill(school, signal.SIGCONT)
    (waiting,) = step("duty", "list", home=running.nodes["school"])
    assert waiting["state"] == "due"
    gone = preau("catalog", "--json", home=home)
    assert (gone.code, gone.error["code"]) == (3, "NODE_UNREACHABLE")
    assert typed("doctor", "--offline", home=home).code == 0
    again = Served(home)
    try:
        assert step("audit", "log", home=home)[: len(before)] == before
        until = time.monotonic() + 60
        while step("duty", "list", home=running.nodes["school"]):
            assert time.monotonic() < until
            time.sleep(0.2)
    finally:
        assert again.stop(signal.SIGINT) == 0
    assert not (home / "run" / "node.json").exists()
    assert not (home / "run" / "management.sock").exists()
    assert typed("job", "status", home=home).code == 3


def test_a_node_without_a_membership_is_not_served(running: Space) -> None:
    home, authority = running.nodes["school"], running.authority
    with stranger(running) as (own, did):
        refused = preau("peer", "meet", did, "--json", home=home)
        assert (refused.code, refused.error["code"]) == (1, "MEMBERSHIP_REQUIRED")
        none = step("membership", home=own)
        assert none["standing"] == "none"

        step("authority", "admit", did, home=authority)
        step("membership", "--refresh", home=own)
        assert step("peer", "meet", did, home=home)["standing"] == "good"

        ok("authority", "revoke", did, "--reason", "left", home=authority)
        (listed,) = [m for m in step("authority", "members", home=authority) if m["revoked"]]
        assert listed["did"] == did
