"""The page of commands, the help and the table of exit codes say what the command does."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest
import typer

from connector.cli.app import build
from connector.cli.exits import MEANINGS, Exit, exit_of
from connector.errors import NodeUnreachable, PreauError, subclasses
from tests.support.command import invoked
from tests.support.each import over

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "commands.md"

ASKED_FOR = {
    *("init", "serve", "doctor", "catalog", "negotiate", "budget show"),
    *("authority init", "authority admit", "authority revoke", "authority members"),
    *("authority web-certificate", "dataset publish", "dataset list", "dataset show"),
    *("agreement list", "agreement show", "job submit", "job status", "job result", "job cancel"),
    *("audit log", "audit export", "audit verify", "audit card"),
    *("policy new", "policy check", "policy explain", "policy simulate", "policy compare"),
    *("policy counter", "policy lint"),
}


def generator() -> ModuleType:
    file = ROOT / "docs" / "generate_commands.py"
    spec = importlib.util.spec_from_file_location("generate_commands", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def leaves(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        within = click.Context(command)
        for name in command.list_commands(within):
            if (child := command.get_command(within, name)) is not None:
                yield from leaves(f"{path} {name}".strip(), child)
    else:
        yield path, command


COMMANDS = dict(leaves("", typer.main.get_command(build())))
NAMED = re.compile(r"`preau ([a-z][a-z-]*(?: [a-z][a-z-]*)?)\b(?! \d)")


def test_the_page_is_what_the_command_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == generator().render()


def test_every_command_that_was_asked_for_is_there() -> None:
    assert set(COMMANDS) >= ASKED_FOR


def test_every_command_has_a_heading_in_the_page() -> None:
    headings = set(re.findall(r"^## preau (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert headings == set(COMMANDS)


def test_every_command_that_a_text_names_is_one() -> None:
    whole = {name for name in COMMANDS if " " not in name}  # what follows is an argument
    begun = whole | {" ".join(name.split()[:words]) for name in COMMANDS for words in (1, 2)}
    texts = [*(ROOT / "connector").rglob("*.py"), *(ROOT / "docs").rglob("*.md")]
    named = {
        (words, file.name)
        for file in texts
        if "decisions" not in file.parts  # each is of its day
        for words in NAMED.findall(" ".join(file.read_text(encoding="utf-8").split()))
    }
    assert len(named) > 100
    assert [
        (words, file)
        for words, file in named
        if words not in begun and words.split()[0] not in whole
    ] == []


@over("name", sorted(COMMANDS))
def test_a_command_says_what_it_does_and_takes_json_and_home(name: str) -> None:
    command = COMMANDS[name]
    assert (command.help or "").split(".")[0].strip()
    options = {opt for param in command.params for opt in param.opts}
    assert "--json" in options
    # Evidence, policies and data are read from files; all other commands are about one node.
    by_file = name.startswith("policy ") or name in (
        *("audit verify", "audit card", "referral verify", "job simulate"),
        *("source convert", "job schema"),
    )
    assert ("--home" in options) is not by_file
    silent = [p.name for p in command.params if not getattr(p, "help", None)]
    assert silent == []


@over("name", sorted(COMMANDS))
def test_help_is_printed_without_a_node(name: str) -> None:
    result = invoked([*name.split(), "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_the_exit_codes_are_printed_by_help_and_page() -> None:
    shown = " ".join(invoked(["--help"]).stdout.split())
    page = PAGE.read_text(encoding="utf-8")
    for code in Exit:
        assert f"{code.value} {MEANINGS[code].replace('`', '')}" in shown
        assert f"| {code.value} | {MEANINGS[code]} |" in page


def test_each_exit_code_has_one_meaning() -> None:
    assert set(MEANINGS) == set(Exit)
    assert len(set(MEANINGS.values())) == len(MEANINGS)


def test_no_error_ends_with_zero() -> None:
    codes = {cls.code: exit_of(cls("x")) for cls in subclasses()}
    assert codes.pop(NodeUnreachable.code) is Exit.NO_NODE
    assert set(codes.values()) == {Exit.REFUSED}
    assert exit_of(PreauError("x")) is Exit.REFUSED


def test_the_version_is_printed() -> None:
    result = invoked(["--version"])
    assert re.fullmatch(r"preau \d+\.\d+\.\d+\n", result.stdout)


def test_nothing_heavy_is_loaded_for_help() -> None:
    code = (
        "import sys; from connector.cli.app import build; build();"
        "heavy = {'sqlalchemy', 'grpc', 'fastapi', 'httpx', 'pydantic', 'cryptography', 'torch'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_node_loads_no_watcher_of_files_and_hides_it_from_nobody() -> None:
    program = (
        "import sys; import connector.serving.server;"
        "print([name for name in sys.modules if name.startswith('watchfiles')],"
        " 'uvicorn' in sys.modules, 'watchfiles' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[] True False"


@pytest.mark.parametrize(("words", "loaded"), [(["catalog"], False), (["policy", "check"], True)])
def test_a_command_loads_the_policy_engine_only_when_it_is_about_policies(
    words: list[str], *, loaded: bool
) -> None:
    program = (
        "import sys, typer; from connector.cli.app import build; "
        f"typer.main.get_command(build())([*{words!r}, '--help'], standalone_mode=False); "
        "print('policies_odrl' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == str(loaded)


def test_a_command_loads_its_own_noun_only() -> None:
    program = (
        "import sys, typer; from connector.cli.app import build; "
        "typer.main.get_command(build())(['restore', '--help'], standalone_mode=False); "
        "print(sorted(name for name in sys.modules if name.startswith('connector.cli.operation.')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "['connector.cli.operation.backup']"


@pytest.mark.parametrize("words", [["polcy"], ["auditt", "verify"]])
def test_a_word_that_is_no_noun_is_answered_with_those_that_are_close(words: list[str]) -> None:
    result = invoked(words)
    assert result.exit_code == Exit.USAGE
    assert f"Did you mean '{'policy' if words == ['polcy'] else 'audit'}'" in result.stderr
