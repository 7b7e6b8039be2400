"""The examples of the guides are what the product takes: they are published and asked for."""

from __future__ import annotations

import json
import re
import tomllib
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from connector.errors import DescriptionIncomplete
from connector.services.federation.lead.features import completed
from connector.services.federation.lead.request import refusal
from connector.services.federation.request.form import faults
from connector.services.federation.request.members import REQUEST
from connector.services.publication import publish
from connector.sources.files import FileSources
from federated.job import parse
from federated.reading import Member
from tests.support.census import CensusWorkers
from tests.support.command import invoked
from tests.support.doubles import ports_for_tests

ROOT = Path(__file__).parents[2]
GUIDES = ROOT / "docs/guides"


def block(page: str, language: str, number: int = 0) -> str:
    text = (GUIDES / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}(?: title=.*?)?\n(.*?)```", text, flags=re.DOTALL)[number]


@pytest.fixture
def description(tmp_path: Path) -> dict[str, Any]:
    file = tmp_path / "star.csv"
    file.write_text("id,gr,read\n1,K,431\n2,1,520\n", encoding="utf-8")
    told: dict[str, Any] = tomllib.loads(block("operator.md", "toml", 1))
    told["file"]["path"] = str(file)
    told["offer"] = json.loads(block("policy-author.md", "json"))
    return told


def test_the_operators_description_and_the_authors_offer_are_published(
    tmp_path: Path, description: dict[str, Any]
) -> None:
    ports = ports_for_tests(tmp_path, sources=FileSources(), workers=CensusWorkers())
    dataset = publish.publish(ports, description)
    assert dataset.id == description["id"]
    assert len(publish.offers(ports, dataset.id)) == 1


@pytest.mark.parametrize(
    ("page", "file"), [("policy-author.md", "offer.json"), ("data-scientist.md", "request.json")]
)
def test_the_files_of_the_examples_are_those_of_the_guides(page: str, file: str) -> None:
    kept = (ROOT / "examples/node" / file).read_text(encoding="utf-8")
    assert json.loads(kept) == json.loads(block(page, "json"))


def test_without_one_statement_it_is_not(tmp_path: Path, description: dict[str, Any]) -> None:
    del description["legal_basis"]
    ports = ports_for_tests(tmp_path, sources=FileSources(), workers=CensusWorkers())
    with pytest.raises(DescriptionIncomplete, match="legal_basis"):
        publish.publish(ports, description)


@pytest.mark.parametrize(
    "page", [ROOT / "docs/index.md", GUIDES / "auditor.md", ROOT / "README.md"]
)
def test_who_looks_for_the_audit_of_the_engine_finds_it(page: Path) -> None:
    links = re.findall(r"\]\(([\w./-]+\.md)\)", page.read_text(encoding="utf-8"))
    assert ROOT / "docs/audit.md" in [(page.parent / link).resolve() for link in links]


def test_the_index_leads_to_every_page() -> None:
    docs = ROOT / "docs"
    links = re.findall(r"\]\(([\w./-]+\.md)\)", (docs / "index.md").read_text(encoding="utf-8"))
    pages = {*docs.glob("*.md"), *GUIDES.glob("*.md")} - {docs / "index.md"}
    assert {docs / link for link in links} >= pages


def test_the_scientists_request_has_the_members_of_a_request() -> None:
    request = json.loads(block("data-scientist.md", "json"))
    manifest = {
        "version": 2,
        "job": "urn:uuid:1",
        "lead": "did:web:lab.example",
        "contracts": [
            {
                "site": f"did:web:{site}.example",
                "agreement": f"urn:uuid:{site}",
                "digest": "0" * 64,
                "receipt": "e30.e30.e30",
                "dataset": f"urn:{site}",
                "population": 1000,
            }
            for site in ("a", "b", "c")
        ],
        "privacy": request["privacy"] | {"noiseMultiplier": 4.0},
        "deadline": "2030-01-01T00:00:00Z",
        "code": "0" * 64,
    }
    left = ("purpose", "model", "target", "unit", "learningRate", "rounds", "optimiser")
    more = {name: request[name] for name in (*left, "quorum", "roundSeconds")}
    stated = Member(request["features"], refusal)
    more["features"] = completed(stated, lambda: pytest.fail("a dictionary was asked"))
    parsed = parse(json.dumps(manifest | more).encode())
    assert parsed.rounds == request["rounds"]
    assert list(faults(request, REQUEST)) == []


def commands(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL)
    lines = [line.partition("#")[0].strip(" &") for part in blocks for line in part.splitlines()]
    return [line for line in lines if line.startswith("preau ")]


PAGES = [ROOT / "README.md", ROOT / "docs/quick-start.md", *sorted(GUIDES.glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_of_the_pages_exist_with_their_options(page: Path) -> None:
    told = commands(page)
    assert told or page.name in {"policy-author.md", "operator.md", "library.md"}
    for line in told:
        words = line.split()[1:]
        nouns = list(takewhile(re.compile(r"[a-z][a-z-]*").fullmatch, words[:3]))
        options = [word for word in words if word.startswith("--")]
        run = invoked([*nouns, "--help"], env={"COLUMNS": "400"})
        if run.exit_code:
            run = invoked([nouns[0], "--help"], env={"COLUMNS": "400"})
        assert run.exit_code == 0, line
        for option in options:
            assert option in run.output or option == "--lang", line  # of the whole command
