"""The examples in docstrings of the library run; the guide shows what commands use."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import policies_odrl
from tests.support.each import over

MODULES = sorted(
    found.name for found in pkgutil.walk_packages(policies_odrl.__path__, "policies_odrl.")
)


@over("name", MODULES)
def test_examples_run(name: str) -> None:
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0
