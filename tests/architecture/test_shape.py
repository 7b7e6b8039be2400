"""Size of modules and functions, docstrings that open modules, exports of the libraries."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import federated
import policies_odrl
from connector import errors
from connector.store import migrations

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Module:
    """What is asked of a module; its tree, of thousands of nodes, is not kept."""

    path: Path
    lines: int
    silent: bool
    functions: list[tuple[str, int]]
    asynchronous: list[str]


def read(path: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    found = list(defined(tree))
    return Module(
        path.relative_to(ROOT),
        lines=len(text.splitlines()),
        silent=not ast.get_docstring(tree),
        functions=[
            (each.name, (each.end_lineno or each.lineno) - each.lineno + 1)
            for each in found
            if isinstance(each, ast.FunctionDef)
        ],
        asynchronous=[each.name for each in found if isinstance(each, ast.AsyncFunctionDef)],
    )


def defined(block: ast.AST) -> Iterator[ast.AST]:
    """Return all statements within one, of which functions are some."""
    for part in ("body", "orelse", "finalbody", "handlers", "cases"):
        within = getattr(block, part, ())
        for each in within if isinstance(within, list) else ():  # that of a lambda is none
            yield each
            yield from defined(each)


@pytest.fixture(scope="module")
def product() -> list[Module]:
    packages = ("connector", "policies_odrl", "federated")
    paths = (path for package in packages for path in sorted((ROOT / package).rglob("*.py")))
    return [read(path) for path in paths if "_pb2" not in path.name]


def test_modules_stay_under_600_lines(product: list[Module]) -> None:
    assert [f"{each.path} {each.lines}" for each in product if each.lines > 600] == []


def test_functions_stay_under_60_lines(product: list[Module]) -> None:
    long = [
        f"{each.path}:{name} {lines}"
        for each in product
        if "migrations" not in each.path.parts
        for name, lines in each.functions
        if lines > 60
    ]
    assert long == []


def test_every_module_says_what_it_is_for(product: list[Module]) -> None:
    assert [str(each.path) for each in product if each.silent] == []


def test_no_asynchronous_services(product: list[Module]) -> None:
    colour = [
        f"{each.path}:{name}"
        for each in product
        if not {"peer", "dataplane", "management", "console", "serving"} & set(each.path.parts)
        for name in each.asynchronous
    ]
    assert colour == []


def test_libraries_export_a_sorted_all() -> None:
    for library in (policies_odrl, federated):
        assert list(library.__all__) == sorted(library.__all__)
        assert all(hasattr(library, name) for name in library.__all__)
    assert len(policies_odrl.__all__) <= 60


def test_error_codes_are_unique_and_mapped() -> None:
    classes = errors.subclasses()
    assert len({cls.code for cls in classes}) == len(classes)
    for cls in classes:
        grpc_name, http = errors.status(cls.code)
        assert grpc_name.isupper()
        assert 400 <= http <= 599
    assert errors.status("SAID_BY_A_NEWER_PEER") == ("UNKNOWN", 500)
    assert isinstance(errors.from_code("TOKEN_REPLAYED", "x"), errors.TokenReplayed)


def test_the_revisions_of_the_schema_are_one_chain() -> None:
    """Two that were written at the same time have one number, until somebody moves the later."""
    files = sorted((ROOT / "connector/store/migrations/versions").glob("r[0-9]*.py"))
    numbers = [file.name[1:5] for file in files]
    assert numbers == [f"{number:04}" for number in range(1, int(migrations.HEAD) + 1)]
    for file, number in zip(files, numbers, strict=True):
        assert f'\nrevision = "{number}"\n' in file.read_text(encoding="utf-8")
