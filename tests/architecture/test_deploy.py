"""The files by which an institution runs a node fit it: commands, paths, figures, chapters."""

from __future__ import annotations

import re
import shlex
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from connector.bootstrap.wiring import STOP_SECONDS
from connector.cli.app import build
from connector.services.health import measure

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
RUNBOOK = (ROOT / "docs" / "guides" / "runbook.md").read_text(encoding="utf-8")


def unit() -> RawConfigParser:
    read = RawConfigParser(strict=True, delimiters=("=",), comment_prefixes=("#",))
    read.optionxform = str  # type: ignore[assignment,method-assign] - names as they are
    read.read(DEPLOY / "preau.service", encoding="utf-8")
    return read


def container() -> list[tuple[str, str]]:
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, " ".join(rest.split())) for word, _, rest in (x.partition(" ") for x in lines)]


def alerts() -> list[dict[str, Any]]:
    read = yaml.safe_load((DEPLOY / "alerts.yml").read_text(encoding="utf-8"))
    return [rule for group in read["groups"] for rule in group["rules"]]


def understood(words: list[str]) -> bool:
    """Whether the command takes these words, without running anything."""
    root = typer.main.get_command(build())
    context = root.make_context("preau", words[:1], resilient_parsing=False)
    command = root.get_command(context, words[0])  # type: ignore[attr-defined] - it is a group
    assert command is not None, words
    command.make_context(words[0], words[1:])
    return True


def test_the_unit_starts_a_command_that_exists() -> None:
    program, *words = shlex.split(unit()["Service"]["ExecStart"])
    assert program.endswith("/bin/preau")
    assert understood(words)


def test_the_unit_waits_as_long_as_the_node_may_take() -> None:
    service = unit()["Service"]
    assert service["Type"] == "notify"
    assert int(service["TimeoutStopSec"]) > STOP_SECONDS
    assert int(service["WatchdogSec"]) >= 30


def test_the_unit_lets_workers_shut_themselves_in() -> None:
    service = unit()["Service"]
    assert set(service["RestrictNamespaces"].split()) == {"user", "net"}
    assert {"@system-service", "@sandbox"} <= set(service["SystemCallFilter"].split())
    assert service["NoNewPrivileges"] == "yes"
    assert service["User"] not in ("", "root")


def test_the_image_is_built_from_what_it_copies_and_nothing_else() -> None:
    """Keys, homes and environments of the folder stay out of the build."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    copied = [
        name
        for word, rest in container()
        if word == "COPY" and not rest.startswith("--from")
        for name in rest.split()[:-1]
    ]
    assert rules[0] == "*"
    assert sorted(rule[1:] for rule in rules if rule.startswith("!")) == sorted(copied)


def test_commands_of_the_runbook_run_in_the_image() -> None:
    lines = RUNBOOK.replace("\\\n", " ").splitlines()
    told = [line for line in lines if line.startswith(("podman run", "podman exec"))]
    for line in told:
        _, _, words = f"{line} ".rpartition(" preau ")
        assert not words or understood(shlex.split(words)), line
    assert len(told) > 2


def test_the_image_copies_what_is_there_and_runs_as_nobody_special() -> None:
    steps = container()
    for word, rest in steps:
        if word == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), source
    (user,) = [rest for word, rest in steps if word == "USER"]
    uid, gid = user.split(":")
    assert int(uid) > 0
    (made,) = [rest for word, rest in steps if word == "RUN" and "useradd" in rest]
    accounts = [shlex.split(part) for part in made.split("&&")]
    assert ["groupadd", "--gid", gid, "preau"] in accounts
    assert any(part[:5] == ["useradd", "--uid", uid, "--gid", gid] for part in accounts)
    assert "--system" not in made  # else the system chooses another group than is asked for
    assert not [rest for word, rest in steps if word == "ADD" or "curl" in rest]


@pytest.mark.parametrize("step", ["CMD", "HEALTHCHECK"])
def test_the_image_runs_commands_that_exist(step: str) -> None:
    (found,) = [rest for word, rest in container() if word == step]
    words = re.findall(r'"([^"]+)"', found)
    assert understood([word for word in words if word != "preau"])


def test_each_alert_is_about_a_figure_that_there_is() -> None:
    for rule in alerts():
        named = set(re.findall(r"\bpreau_\w+", rule["expr"]))
        assert named <= set(measure.FIGURES), rule
        assert named or rule["expr"].startswith("up{"), rule


def test_each_alert_has_its_row_in_the_runbook_and_each_row_its_alert() -> None:
    rows = re.findall(r"^\| `(Preau\w+)` \|", RUNBOOK, re.MULTILINE)
    assert rows == [rule["alert"] for rule in alerts()]


def test_each_figure_is_in_the_runbook() -> None:
    assert set(re.findall(r"^\| `(preau_\w+)`", RUNBOOK, re.MULTILINE)) == set(measure.FIGURES)
