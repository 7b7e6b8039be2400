"""Size of modules and functions, docstrings that open modules, exports of the libraries."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import federated
import policies_odrl
from connector import errors
from connector.store import migrations

ROOT = Path(__file__).parents[2]
PRODUCT = [
    path
    for package in ("connector", "policies_odrl", "federated")
    for path in sorted((ROOT / package).rglob("*.py"))
    if "_pb2" not in path.name
]


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def test_modules_stay_under_600_lines() -> None:
    sizes = {p: len(p.read_text(encoding="utf-8").splitlines()) for p in PRODUCT}
    assert {str(p): n for p, n in sizes.items() if n > 600} == {}


def test_functions_stay_under_60_lines() -> None:
    long = []
    for path in PRODUCT:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef) and "migrations" not in path.parts:
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > 60:
                    long.append(f"{path.relative_to(ROOT)}:{node.name} {length}")
    assert long == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [str(path) for path in PRODUCT if not ast.get_docstring(parsed(path))]
    assert silent == []


def test_no_asynchronous_services() -> None:
    colour = [
        str(path)
        for path in PRODUCT
        if not {"peer", "dataplane", "management"} & set(path.parts)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.AsyncFunctionDef)
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
