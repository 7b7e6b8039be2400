"""The story of five persons at three institutions, each at a browser: from a file to evidence.

Nodes are processes, joined by gRPC and TLS. What the persons do, they do by clicking and typing in
pages; that the lab's operator has met the two schools stands at the beginning.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chromium import chromium

from connector.sdk import Client
from tests.support import sites
from tests.support.browsing import Person
from tests.support.command_space import Space, space
from tests.support.console import PASSWORD

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

PURPOSE = "https://w3id.org/dpv/sector/education#StudentPerformanceAssessment"
PUBLIC_TASK = "https://w3id.org/dpv/legal/eu/gdpr#A6-1-e"
NORTH, SOUTH = "urn:example:north", "urn:example:south"
# Node, role, roles of decisions, language.
CAST = {
    "steward": ("north", "steward", (), "en"),
    "dpo": ("north", "approver", ("dpo",), "fr"),
    "auditor": ("north", "auditor", (), "en"),
    "gestionnaire": ("south", "steward", (), "fr"),
    "scientist": ("lab", "scientist", (), "en"),
}


@dataclass(frozen=True)
class Story:
    """Where it is played, and by whom."""

    space: Space
    persons: dict[str, Person]
    folder: Path

    def __getitem__(self, name: str) -> Person:
        return self.persons[name]


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    """A space of three institutions; their persons are logged in."""
    with ExitStack() as stack:
        browser = stack.enter_context(chromium())
        settings = {"console_listen": "127.0.0.1:0"}
        found = stack.enter_context(space("north", "south", "lab", settings=settings))
        for name, (node, role, reviews, _) in CAST.items():
            with Client(found.nodes[node]) as client:
                client.add_account(name, [role], PASSWORD, decides_as=list(reviews))
        for district in sites.DISTRICTS:
            _write(found.nodes[district] / "data" / "pupils.csv", sites.pupils(district))
            with Client(found.nodes["lab"]) as client:
                client.meet(found.dids[district])
        yield Story(found, {name: _enter(browser, found, name) for name in CAST}, tmp_path)


def _write(file: Path, rows: list[dict[str, Any]]) -> None:
    file.parent.mkdir()
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _enter(browser: Any, found: Space, name: str) -> Person:
    node, _, _, language = CAST[name]
    return Person(browser, found.served[node].ready["console"], language, name)


def test_five_persons_bring_data_to_evidence_in_their_browsers(story: Story) -> None:
    publish(story["steward"], NORTH, "Pupils of the north", {"decision": "review contract"})
    publish(story["gestionnaire"], SOUTH, "Élèves du sud", {})
    negotiate(story["scientist"])
    decide(story["dpo"])
    story["scientist"].sees("finalized")
    take_as_offered(story["scientist"])
    train(story["scientist"], story.folder)
    verify(story["auditor"], story.space, story.folder)
    stop(story["steward"], story["scientist"])
    for name, person in story.persons.items():
        assert person.faults == [], name


def publish(steward: Person, identifier: str, title: str, decision: dict[str, str]) -> None:
    """Point at a file, confirm what it is, fill in a template, and look at what it comes to."""
    steward.opens("/publish")
    steward.follows("data/pupils.csv")
    described = {"id": identifier, "title": title, "retention": "P5Y", "territory": "FR"}
    described |= {"collection_purpose": PURPOSE, "legal_basis": PUBLIC_TASK}
    described |= {"epsilon": "8", "delta": "0,00002"}
    described |= {"column.2.lower": "0", "column.2.upper": "16"}  # hours
    described |= {"column.3.lower": "0", "column.3.upper": "20"}  # score
    described |= {"column.4.datatype": "category", "column.4.categories": "1; 2; 3"}
    described |= {"column.1.categories": "F; M", "column.5.categories": "no; yes"}
    described |= {"column.6.categories": "no; yes"}
    steward.sends("/publish/describe", described)
    steward.sends("/publish/terms", {"template": "federated-training"})
    terms = {"value.rows": "1", "value.sites": "2", "value.until": "2027-06-30", **decision}
    steward.sends("/publish/offer", terms | ({"roles": "dpo"} if decision else {}))
    assert "ε = 3" in steward.section("Offer 1")
    steward.sends("/publish")
    steward.page.wait_for_url("**/dataset?*")
    assert title in steward.section("Dataset")


def negotiate(scientist: Person) -> None:
    """Find the data, ask for more than is offered, and accept what the provider counters."""
    scientist.opens("/catalog")
    scientist.sends("/catalog", {"words": "of the north"})
    assert SOUTH not in scientist.section("Datasets of peers")
    scientist.follows(NORTH)
    assert "no; yes" in scientist.section("Data dictionary")
    scientist.page.get_by_label("spend at most ε = 3").fill("5")
    scientist.sends("/negotiation/ask")
    scientist.sees("Accept the terms")
    shown = scientist.section("What the terms on the table change of those asked for")
    (change,) = [line for line in shown.splitlines() if "ε" in line]
    assert change.index("ε = 5") < change.index("ε = 3")
    (turn,) = scientist.page.locator(".notice").all_inner_texts()  # and no reason for programs
    assert turn == "The provider waits for the answer of a scientist of this node."
    scientist.sends("/negotiation/accept")


def decide(dpo: Person) -> None:
    """Find what waits, weigh it, and accept it with a reason."""
    dpo.opens("/")
    dpo.follows(NORTH)
    assert "Node lab" in dpo.section("What is asked")
    assert "ε = 3" in dpo.section("Terms")
    assert "8" in dpo.section("Budget")
    dpo.sends("/approval/accept", {"reason": "analyse d'impact 2026-14"})
    assert "analyse d'impact 2026-14" in dpo.section("Accepted so far")


def take_as_offered(scientist: Person) -> None:
    """Ask for the other contract, which nobody has to decide on."""
    scientist.opens("/catalog")
    scientist.sends("/catalog")
    scientist.follows(SOUTH)
    scientist.sends("/negotiation/ask")
    scientist.sees("finalized")
    scientist.opens("/contracts")
    assert scientist.section("Contracts").count("running") == 2


def train(scientist: Person, folder: Path) -> None:
    """Ask for a job by form, mend what its check finds, watch it, and take the model away."""
    ask_for_a_job(scientist, {"/rounds": "3", "evaluation-every": "2"})
    assert "steps of training" in scientist.section("Findings")
    scientist.sends("/job/check", {"/rounds": "4"})
    assert "Submit" in scientist.page.locator("main").inner_text()
    scientist.sends("/job/submit")
    scientist.sees("Model card")
    assert "completed" in scientist.section("Job")
    assert scientist.images() > 1
    rounds = {
        line.split("\t")[0] for line in scientist.section("How the models predict").split("\n")
    }
    assert {"2", "4"} <= rounds
    model = scientist.saves(lambda: scientist.follows("model.npz"), folder / "model.npz")
    with np.load(io.BytesIO(model)) as found:
        assert np.isfinite(found["layers.0.weight"]).all()


def ask_for_a_job(scientist: Person, changed: dict[str, str]) -> None:
    """Choose both contracts and the column to predict, and check the job that is proposed."""
    scientist.opens("/jobs")
    scientist.sends("/job/request")
    second = scientist.page.locator("[name=contract-2] option").last.get_attribute("value")
    scientist.sends("/job/request", {"contract-2": str(second), "target": "passed"})
    scientist.sends("/job/check", changed)


def verify(auditor: Person, found: Space, folder: Path) -> None:
    """Read the contract's whole life, take its evidence, and judge it as a stranger's."""
    key = folder / "authority.json"
    with Client(found.authority) as client:
        key.write_bytes(client.document())  # on paper, by hand, or wherever it is trusted from
    auditor.opens("/contracts")
    auditor.follows(str(auditor.page.locator("main td a").first.inner_text()))
    auditor.follows("whole life")
    assert "analyse d'impact 2026-14" in auditor.section("The log, in order")
    auditor.page.go_back()
    file = folder / "evidence.json"
    bundle = json.loads(auditor.saves(lambda: auditor.sends("/evidence/export"), file))
    auditor.opens("/evidence")
    auditor.sends("/evidence/verify", {"bundle": str(file), "authority": str(key)})
    assert auditor.page.locator(".notice.done").inner_text() == "proven"
    assert auditor.section("Verdicts").count("proven") == len(
        ("contract", "membership", "revocation", "log", "layers")
    )
    bundle["receipt"] = bundle["receipt"][:-8] + "AAAAAAAA"
    file.write_text(json.dumps(bundle), encoding="utf-8")
    auditor.sends("/evidence/verify", {"bundle": str(file), "authority": str(key)})
    assert "invalid" in auditor.page.locator(".notice.wrong").inner_text()


def stop(steward: Person, scientist: Person) -> None:
    """End the contract while a second job trains under it."""
    steward.opens("/contracts")
    steward.follows(str(steward.page.locator("main td a").first.inner_text()))
    ask_for_a_job(scientist, {"/rounds": "100"})
    scientist.sends("/job/submit")
    for _ in range(300):  # it trains for seconds only, too short for a page that renews itself
        if "running" in scientist.section("Job"):
            break
        scientist.page.reload()
    steward.sends("/contract/take-back", {"act": "end", "reason": "the study is over"})
    assert "ended" in steward.section("Contract")
    scientist.sees("CONTRACT_ENDED")
    assert "failed" in scientist.section("Job")
