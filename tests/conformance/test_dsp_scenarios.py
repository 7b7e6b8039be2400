"""The 65 cases of the public conformance kit of the Dataspace Protocol, against one node over HTTP.

The node is that of `python -m tests.tck`, in this process; the kit's side is `support/dsp_kit.py`.
All cases are played at the same time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import pytest

from connector.protocol.dsp.members import CONTEXT
from tests.support.dsp_kit import Kit, Scenario
from tests.support.dsp_nodes import allowed
from tests.support.each import over
from tests.support.ports import free_port
from tests.tck.__main__ import main
from tests.tck.running import Running, running
from tests.tck.scripts import LEFT_OUT, SCRIPTS, ScriptsDiffer, cases, properties

LINES: Final[Mapping[str, str]] = json.loads(
    Path(__file__).with_name("cases").joinpath("dsp_scenarios.json").read_text("utf-8")
)
AT_ONCE: Final = 16
# Names that are no IRIs; some versions of the kit give such ones to offers.
GIVEN: Final = {"CN_01_03_OFFERID": "offerACN0103", "CN_C_01_01_OFFERID": "offerACNC0101"}
PAUSE: Final = 0.05  # before an act: some come too early, and are sent again


@dataclass(frozen=True)
class Played:
    kit: Kit
    node: Running
    results: Mapping[str, Future[None]]


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    kit = Kit()
    ports = {"dsp_port": free_port(), "hook_port": free_port()}
    with (
        kit.listening(),
        running(**ports, callback=kit.address, given=GIVEN, pause=PAUSE) as node,
        ThreadPoolExecutor(AT_ONCE) as pool,
    ):
        results = {
            name: pool.submit(Scenario(kit, node.cases[name], node.properties).play, line)
            for name, line in LINES.items()
        }
        yield Played(kit, node, results)


def test_each_case_of_the_kit_is_here() -> None:
    assert set(LINES) == set(SCRIPTS) - LEFT_OUT
    assert len(LINES) + 4 == 65  # that of the version document, and three of the catalog


@over("name", LINES)
def test_negotiations_and_transfers(played: Played, name: str) -> None:
    played.results[name].result()


def test_what_comes_too_early_is_sent_again(played: Played) -> None:
    case = played.node.cases["CN:01-01"]
    played.results[case.name].result()
    line = "+request ~offer ?offer <offer +termination =TERMINATED"
    Scenario(played.kit, case, played.node.properties).play(line)


class TestCatalog:
    @pytest.fixture
    def web(self, played: Played) -> Iterator[httpx.Client]:
        base = played.node.properties["dataspacetck.dsp.connector.http.url"]
        with httpx.Client(base_url=base, trust_env=False, timeout=30.0) as found:
            yield found

    def test_versions(self, played: Played) -> None:
        root = played.node.properties["dataspacetck.dsp.connector.http.base.url"]
        body = httpx.get(f"{root}/.well-known/dspace-version", trust_env=False).json()
        allowed(body)
        (version,) = body["protocolVersions"]
        assert (version["version"], version["binding"]) == ("2025-1", "HTTPS")
        assert (
            root + version["path"] == played.node.properties["dataspacetck.dsp.connector.http.url"]
        )

    def test_the_first_page_shows_the_dataset(self, web: httpx.Client) -> None:
        body = {"@context": [CONTEXT], "@type": "CatalogRequestMessage"}
        answer = web.post("/catalog/request", json=body)
        allowed(answer.json())
        assert "CAT0101" in {each["@id"] for each in answer.json()["dataset"]}

    def test_one_dataset(self, web: httpx.Client) -> None:
        answer = web.get("/catalog/datasets/CAT0102")
        allowed(answer.json())
        assert (answer.status_code, answer.json()["@id"]) == (200, "CAT0102")

    def test_an_unknown_dataset(self, web: httpx.Client) -> None:
        answer = web.get("/catalog/datasets/CAT0103")
        allowed(answer.json())
        assert (answer.status_code, answer.json()["@type"]) == (404, "CatalogError")


class TestCommand:
    """What `python -m tests.tck` does around the node that is tried above."""

    def test_nothing_beyond_loopback(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        file = tmp_path / "kit.properties"
        ports = ("--dsp-port", "1", "--hook-port", "1")
        said = ("--callback", "http://kit.example:8083", "--properties", str(file))
        monkeypatch.setattr("sys.argv", ["tck", *ports, *said])
        assert main() == 2
        assert "ADDRESS_FORBIDDEN" in capsys.readouterr().err
        assert not file.exists()

    def test_ids_that_a_file_names_are_used(self) -> None:
        given = {"CN_01_01_DATASETID": "one", "TP_C_01_05_AGREEMENTID": "ATPC0104"}
        given |= {"CN_01_02_DATASETID": "two"}  # of which the kit makes nothing
        found = cases(given)
        assert (found["CN:01-01"].about, found["CN:01-01"].offer) == ("one", "CD123:one:456")
        stated = dict(properties(found))
        assert stated["TP_C_01_05_AGREEMENTID"] == "ATPC0104"
        assert stated["CN_01_02_DATASETID"] == "ACN0102"

    def test_one_id_has_one_script(self) -> None:
        with pytest.raises(ScriptsDiffer):
            cases({"CN_01_01_DATASETID": "ACN0104"})
