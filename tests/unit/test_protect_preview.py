"""`preau protect preview` shows what levels of protection come to, side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from connector.cli import findings, output
from connector.cli.speaking import speaking
from connector.management.views.publishing.risk import FindingsView, RiskView
from connector.services.publication import publish
from policies_odrl.model import ODRL
from tests.support.link import CONTEXT, DATASET, description, link
from tests.support.management import commanded

FOUND = FindingsView(
    action=ODRL + "read",
    risk=RiskView(k=0, l=1, t=0.6, unique=0.39, rare=1.0, linkable=0.0),
    withheld=None,
    epsilon=None,
    marginal={"school": 0.25, "lea": None},
    pairs=0.0,
)


def test_figures_are_said_in_words_with_a_bar_for_each_share() -> None:
    said = str(list(findings.rows(FOUND)))
    assert "fewer than 5 persons" in said
    assert "███████▊             39%" in said
    assert "information loss, `school`" in said
    assert "not released" in said
    assert findings.bar(0.0).strip() == "0%"
    assert findings.bar(1.0) == "█" * 20 + " 100%"


def test_they_are_said_in_french(capsys: pytest.CaptureFixture[str]) -> None:
    cells = FOUND.model_copy(update={"risk": None, "withheld": 0.5, "epsilon": 2.0})
    with speaking(["--lang", "fr"]):
        output.measured(FOUND)
        output.measured(cells)
    said = capsys.readouterr().out
    assert "moins de 5 personnes" in said
    assert "ne sort pas" in said
    assert "cases masquées" in said


def test_the_command_measures_a_file_or_what_is_published(tmp_path: Path) -> None:
    offer = {
        "@context": CONTEXT,
        "@id": "urn:example:offer",
        "@type": "Offer",
        "profile": "https://w3id.org/preau/odrl/v1",
        "assigner": "did:web:school.example",
        "permission": [{"action": "odrl:read"}],
    }
    rows = "".join(f"p{at},{at % 3},{400 + at % 7},F\n" for at in range(60))
    (tmp_path / "pupils.csv").write_text(f"pupil,grade,reading,sex\n{rows}", encoding="utf-8")
    plan = tmp_path / "offer.json"
    plan.write_text(json.dumps(offer), encoding="utf-8")
    file = tmp_path / "described.json"
    file.write_text(json.dumps(description(tmp_path, offer=offer)), encoding="utf-8")
    with link(tmp_path) as pair, commanded(pair.school.ports) as preau:
        for plans in (["--plan", str(plan)], []):  # a steward measures before anything is offered
            shown = preau("protect", "preview", str(file), *plans)
            assert "20 persons or more" in shown.output, shown.output
        assert preau("dataset", "show", DATASET).exit_code != 0
        publish.publish(pair.school.ports, description(tmp_path, offer=offer))
        for plans in (["--plan", str(plan)], []):
            shown = preau("protect", "preview", DATASET, *plans)
            assert shown.exit_code == 0, shown.output
            assert "20 persons or more" in shown.output
            found = json.loads(preau("protect", "preview", DATASET, *plans, "--json").output)
            (uses,) = found.values()
            assert uses[0]["risk"]["k"] == 20
