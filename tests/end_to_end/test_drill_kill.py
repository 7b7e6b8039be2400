"""Nodes that die at the worst instants: real processes, real SIGKILL, one federation for all tests.

The authority is stopped before anything is negotiated and stays down throughout.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from space import Node

from connector.cli.exits import Exit
from connector.errors import JobRefused, NotFound
from connector.sdk import Client
from tests.support import notebook
from tests.support.command import ok, short_folder, typed
from tests.support.drill import (
    Federation,
    Size,
    completed,
    entered,
    federation,
    kill,
    listed,
    restart,
    rounds_answered,
    wait_for,
)
from tests.support.drill_faults import contract_faults, faults
from tests.support.soak import Blow, Case, carry
from tests.support.soak_faults import case_faults

pytestmark = pytest.mark.timeout(300)

SIZE = Size(pupils=200, rounds=4, steps=30, round_seconds=60, deadline_seconds=150)
PATIENCE = 120.0
ROOT = Path(__file__).parents[2]
LONG = 100  # rounds of a job that is cancelled before


@pytest.fixture(scope="module")
def running() -> Iterator[Federation]:
    with short_folder() as folder, federation(folder, SIZE) as fed:
        yield fed


@pytest.fixture
def fed(running: Federation) -> Federation:
    running.start_stopped()
    return running


def test_with_the_authority_down_contracts_and_the_job_of_the_notebook_go_on(
    fed: Federation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert fed.space.authority.process is None
    assert fed.contract("nord")
    monkeypatch.chdir(tmp_path)
    Path("lab").symlink_to(fed.lab.home)
    Path("own.csv").symlink_to(fed.space.folder.parent / "star-sud.csv")
    names = notebook.run(ROOT / "examples/notebook/first-job.ipynb")
    job = names["job"].id
    assert fed.ended(job, fed.lab, PATIENCE).state == "COMPLETED"
    assert faults(fed, [job]) == []

    (line,) = names["compare"]([names["job"]], "own.csv")
    assert line["auc"] == names["job"].evaluate("own.csv")["auc"]
    assert (line["state"], line["sites"], line["rounds"]) == ("COMPLETED", 3, 4)
    Path("lead.json").write_bytes(names["node"].document())
    known: list[str] = []
    for name, site in fed.sites.items():
        with site.client() as client:
            Path(f"{name}.json").write_bytes(client.document())
            with pytest.raises(NotFound):  # the model is the lead's, whom the contracts name
                client.result(job)
        known += ["--site", f"{name}.json"]
    words = ("audit", "card", "first-job/model.npz", "--lead", "lead.json")
    card = ok(*words, *known, run=typed)
    assert (card["job"], card["verdict"]["verdict"]) == (job, "proven")
    spent = [each["spent"]["epsilon"] for each in card["sites"]]
    assert all(0 < each <= names["request"]["privacy"]["epsilon"] for each in spent)
    assert typed(*words).code == Exit.UNPROVEN  # the sites by the lead's word alone
    ok("job", "save", job, "--out", "again", home=fed.lab.home, run=typed)
    saved = {file.name: file.read_bytes() for file in Path("first-job").iterdir()}
    assert {file.name: file.read_bytes() for file in Path("again").iterdir()} == saved
    arrays = load_file("again/model.safetensors")
    with np.load("again/model.npz") as model:
        assert {name: array.tolist() for name, array in arrays.items()} == {
            name: model[name].tolist() for name in model.files
        }
    ok("job", "result", job, "--out", "model.npz", home=fed.lab.home, run=typed)
    for name in ("model.npz", "model.card.json"):
        assert Path(name).read_bytes() == saved[name]
    names["node"].close()


def test_a_job_is_drafted_checked_and_tried_before_anything_is_spent(
    fed: Federation, tmp_path: Path
) -> None:
    file, home = tmp_path / "request.json", fed.lab.home
    named = [word for each in fed.agreements.values() for word in ("--agreements", each)]
    words = ("job", "init", *named, "--target", "gr", "--out", str(file))
    assert "noise enters each weight" in ok(*words, home=home, run=typed)["remarks"][0]
    made = json.loads(file.read_text(encoding="utf-8"))
    short = {**made, "rounds": 2, "privacy": {**made["privacy"], "steps": 4}}
    file.write_text(json.dumps(short), encoding="utf-8")
    found = ok("job", "check", str(file), home=home, run=typed)
    sites = {node.did for node in fed.sites.values()}
    assert {each["site"] for each in found["costs"]} == sites
    assert all(0 < each["after"] < each["left"] for each in found["costs"])
    tried = found["rehearsal"]
    assert {each["site"]: each["usable"] for each in tried["parts"]} == dict.fromkeys(sites, 200)
    assert (found["accepted"], tried["rounds"]) == (True, found["rounds"])

    target = fed.request()["target"]
    lower = {key.lower(): limit for key, limit in target["thresholds"].items()}
    request = fed.request(target={**target, "thresholds": lower})
    file.write_text(json.dumps(request), encoding="utf-8")
    done = typed("job", "check", str(file), home=home)
    assert done.code == Exit.INVALID
    assert "`k` is not a value of `gr` in the dictionary, did you mean `K`" in done.out
    with fed.lab.client() as lab, pytest.raises(JobRefused, match="did you mean `K`"):
        lab.submit(request)


def test_a_job_by_opacus_runs_between_nodes_and_says_so(fed: Federation) -> None:
    two = [fed.agreements[name] for name in ("nord", "sud")]
    request = fed.request(agreements=two, quorum=2, engine="opacus", rounds=2)
    request["privacy"] |= {"steps": 4, "samplingRate": 0.1}
    with fed.lab.client() as lab:
        job = lab.submit(request).id
        assert fed.ended(job, fed.lab, PATIENCE).state == "COMPLETED"
        card = json.loads(lab.card(job))["card"]
    assert card["engine"] == "opacus"
    assert {"opacus", "torch"} <= set(card["sites"][0]["ran"][0]["versions"])
    assert faults(fed, [job]) == []


def test_a_provider_killed_once_it_has_signed_concludes_the_contract(fed: Federation) -> None:
    site = fed.sites["centre"]
    opened = fed.open("centre")
    assert wait_for(site, lambda client: _at_least_signed(client, opened.pid), 30)
    restart(site)
    assert contract_faults(fed.lab, site) == []
    with fed.lab.client() as lab:
        assert lab.negotiation(opened.pid).state == "FINALIZED"


def test_a_consumer_killed_at_once_after_its_request_leaves_nothing_half_made(
    fed: Federation,
) -> None:
    fed.open("sud")
    restart(fed.lab)
    assert contract_faults(fed.lab, fed.sites["sud"]) == []


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(Case(1, 3, (Blow(1, 0.1, "nord"), Blow(2, 0.1, "lab"))), id="nodes"),
        pytest.param(
            Case(2, 2, (Blow(1, 0.1, "sud", worker=True), Blow(2, 0.1, "lab", worker=True))),
            id="workers of two jobs",
        ),
    ],
)
def test_jobs_outlive_what_is_killed_and_spend_each_round_once(fed: Federation, case: Case) -> None:
    """What `make soak` does to a hundred jobs."""
    jobs, _ = carry(fed, case)
    assert case_faults(fed, jobs) == []
    assert {fed.ended(job, fed.lab, 1).state for job in jobs} == {"COMPLETED"}
    assert faults(fed, []) == []


def test_a_job_goes_on_with_whoever_is_there_and_who_returns_joins_until_it_is_cancelled(
    fed: Federation,
) -> None:
    """One site is dead before the job, another is killed in it; each joins once it is back."""
    late, dies = fed.sites["sud"], fed.sites["nord"]
    for site in (dies, fed.sites["centre"]):
        with site.client() as client:
            client.meet(late.did)  # a site trains with nobody whom it never met
    kill(late)
    impatient(fed.lab)
    request = fed.request(quorum=2, rounds=LONG, deadlineSeconds=600)
    request["privacy"]["steps"] = LONG * SIZE.steps
    with fed.lab.client() as lab:
        job = lab.submit(request).id
    assert wait_for(fed.lab, completed(job, 1), PATIENCE)
    late.start()
    assert wait_for(fed.lab, entered(job, late, 1), PATIENCE)
    before = rounds_answered(dies, job)
    kill(dies)
    with fed.lab.client() as lab:
        missed = listed(lab, job).round + 2  # the next round is the last that it can have answered
    assert wait_for(fed.lab, completed(job, missed), PATIENCE)
    dies.start()
    assert wait_for(fed.lab, entered(job, dies, missed + 1), PATIENCE)
    with fed.lab.client() as lab:
        assert lab.cancel(job).state == "CANCELLED"
        told = [line.text for line in lab.follow(job, seconds=0)]
    assert {fed.ended(job, node, PATIENCE).state for node in fed.sites.values()} == {"CANCELLED"}
    assert any(line.startswith(f"`{late.did}` has not decided: PEER_UNREACHABLE") for line in told)
    assert any(line.startswith(f"`{dies.did}` is back") for line in told)
    after = rounds_answered(dies, job)
    assert missed not in after
    assert before == after[: len(before)]
    assert faults(fed, [job]) == []


def impatient(lead: Node) -> None:
    """Let a lead wait for a second where it would wait for a quarter of a minute."""
    lead.stop()
    file = lead.home / "preau.toml"
    stated = "site_wait_seconds = "
    text = file.read_text(encoding="utf-8")
    assert f"{stated}15.0" in text
    file.write_text(text.replace(f"{stated}15.0", f"{stated}1.0"), encoding="utf-8")
    lead.start()


def _at_least_signed(client: Client, consumer_pid: str) -> bool:
    states = {"AGREED", "VERIFIED", "FINALIZED"}
    return any(n.peer_pid == consumer_pid and n.state in states for n in client.negotiations())
