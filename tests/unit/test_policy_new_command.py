"""`preau policy new`: from a template and values to an offer, in files and on the screen."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from connector.cli.policy import new as command
from policies_odrl import template, templates
from policies_odrl.authoring import fill
from tests.support.command import invoked
from tests.support.each import over

RESEARCH = template("research")
TRAINING = template("federated-training")

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    def invoke(*arguments: str, **more: str) -> Result:
        return invoked(["policy", "new", *arguments], **more)

    return invoke


def pairs(values: dict[str, str]) -> list[str]:
    return [
        argument
        for name, text in values.items()
        for line in text.split("\n")
        for argument in ("--set", f"{name}={line}")
    ]


UPHELD = {
    "adaptive-content",
    *("consent", "federated-training", "ferpa-study", "monthly-counts", "open-data"),
    *("private-statistics", "public-task", "research", "school-resources"),
    *("short-lived-stream", "statistics"),
}


def test_the_list_names_every_template_and_what_is_upheld(run: Run) -> None:
    result = run("--list")
    assert result.exit_code == 0
    for item in templates():
        assert item.name in result.stdout
    assert result.stdout.count("in full") == len(UPHELD)
    assert "en entier" in run("--list", "--lang", "fr").stdout


def test_the_list_as_json_is_complete(run: Run) -> None:
    found = json.loads(run("--list", "--json").stdout)
    assert [item["name"] for item in found] == [item.name for item in templates()]
    upheld = {item["name"] for item in found if item["upheld"]}
    assert upheld == UPHELD
    assert all(item["notUpheld"] for item in found if not item["upheld"])
    research = found[[item.name for item in templates()].index("research")]
    names = [parameter["name"] for parameter in research["parameters"]]
    assert names == [item.name for item in RESEARCH.parameters]
    assert set(research["title"]) == {"fr", "en"}


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_a_template_is_shown_with_what_it_asks_for(run: Run, lang: str) -> None:
    shown = run("research", "--list", "--lang", lang).stdout
    assert RESEARCH.note[lang] in shown
    for item in RESEARCH.parameters:
        assert f"\n{item.name} (" in shown
        assert item.help[lang] in shown
    assert "dpv:AcademicResearch" in shown
    assert "≤ P10Y" in shown
    assert "\nepsilon (number, ≥ 0.01, ≤ 10" in run("federated-training", "--list").stdout
    assert ("facultatif" if lang == "fr" else "optional") in shown
    assert json.loads(run("research", "--list", "--json").stdout)["name"] == "research"


@over("item", templates(), [item.name for item in templates()])
def test_the_file_is_taken_by_check(run: Run, item: object, tmp_path: Path) -> None:
    assert isinstance(item, type(RESEARCH))
    out = tmp_path / f"{item.name}.json"
    result = run(item.name, *pairs(dict(item.example)), "--out", str(out))
    assert (result.exit_code, result.stdout) == (0, "")
    checked = invoked(["policy", "check", str(out), "--json"])
    assert checked.exit_code == 0
    assert json.loads(checked.stdout) == []
    assert command.policy_document(fill(item, item.example)) == json.loads(out.read_text())


def test_as_json_the_offer_comes_with_what_is_upheld(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "offer.json"
    arguments = [*pairs(dict(TRAINING.example)), "--json"]
    found = json.loads(run("federated-training", *arguments, "--out", str(out)).stdout)
    assert (found["template"], found["file"], found["upheld"]) == (TRAINING.name, str(out), True)
    assert found["policy"] == json.loads(out.read_text())
    assert json.loads(run("federated-training", *arguments).stdout)["file"] is None


def test_an_identifier_is_made_up_where_none_is_given(run: Run) -> None:
    values = pairs({k: v for k, v in TRAINING.example.items() if k != "id"})
    first, second = (json.loads(run("federated-training", *values).stdout) for _ in range(2))
    assert first["@id"].startswith("urn:uuid:")
    assert first["@id"] != second["@id"]


def test_values_come_from_a_file_and_options_win(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "values.json"
    values = {**TRAINING.example, "epsilon": 2.5, "sites": 4, "rows": ["7"]}
    file.write_text(json.dumps(values), "utf-8")
    made = run("federated-training", "--values", str(file), "--set", "sites=5")
    policy = command.read_object(file) | {"sites": "5", "epsilon": "2.5", "rows": "7"}
    expected = fill(TRAINING, {name: str(value) for name, value in policy.items()})
    assert json.loads(made.stdout) == command.policy_document(expected)


def test_at_a_terminal_what_is_missing_is_asked_for(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "at_terminal", lambda: True)
    result = run("federated-training", "--lang", "fr", input="did:web:s.example\n2030-06-30\n")
    assert result.exit_code == 0, result.stderr
    assert "Espace de données" in result.stderr
    assert json.loads(result.stdout)["permission"][0]["constraint"][1]["rightOperand"] == {
        "@id": "did:web:s.example"
    }
    asked = run("federated-training", "--json", input="did:web:s.example\n2030-06-30\n")
    assert asked.exit_code == 1
