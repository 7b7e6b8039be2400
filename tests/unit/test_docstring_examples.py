"""The examples in docstrings of the library run, and what commands use has one."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import policies_odrl

MODULES = sorted(
    found.name for found in pkgutil.walk_packages(policies_odrl.__path__, "policies_odrl.")
)
BEHIND_COMMANDS = (
    *("compare", "counter_offer", "explain", "fill", "from_sentences", "inspect", "lint"),
    *("simulate", "validate", "evaluate", "compile_policy", "conflict_between"),
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0


def test_there_are_examples() -> None:
    tried = [doctest.testmod(importlib.import_module(name)).attempted for name in MODULES]
    assert sum(tried) > 60


@pytest.mark.parametrize("name", BEHIND_COMMANDS)
def test_what_commands_use_shows_an_example(name: str) -> None:
    assert ">>> " in (getattr(policies_odrl, name).__doc__ or "")
