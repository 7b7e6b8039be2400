"""The import contracts hold, and each one notices a planted fault."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# contract -> (file, line planted there)
PLANTED = {
    "connector: layers point down": ("connector/domain/planted.py", "import connector.services"),
    "the connector hosts the libraries": ("federated/planted.py", "import connector.errors"),
    "policies_odrl: standard library only": ("policies_odrl/planted.py", "import cryptography"),
    "policies_odrl: layers point down": (
        "policies_odrl/reading/planted.py",
        "import policies_odrl.comparison.compare",
    ),
    "SQLAlchemy only in the store": (
        "connector/services/planted.py",
        "import sqlalchemy",
    ),
    "grpc and protobuf only in peer": ("connector/services/planted.py", "import grpc"),
    "httpx only in peer": ("connector/services/planted.py", "import httpx"),
    "flwr only in federated.training": ("federated/privacy/planted.py", "import flwr"),
    "torch and opacus only in the engine of that name": (
        "federated/training/planted.py",
        "import torch",
    ),
    "federated.training is reached from bootstrap and SDK only": (
        "connector/services/planted.py",
        "import federated.training.roles.frames",
    ),
    "federated.privacy and aggregation: pure but for the accountant": (
        "federated/privacy/event.py",
        "import numpy",
    ),
    "federated.confinement: standard library only": (
        "federated/confinement/planted.py",
        "import pyarrow",
    ),
    "dataplane knows nothing of policies": (
        "connector/dataplane/planted.py",
        "import policies_odrl",
    ),
    "protection knows nothing of policies": (
        "connector/protection/planted.py",
        "import policies_odrl",
    ),
    "Arrow and what parses files only where rows are": (
        "connector/services/planted.py",
        "import pyarrow",
    ),
}


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; from importlinter.cli import lint_imports_command as c; sys.exit(c())"
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


def test_contracts_hold() -> None:
    run = lint(ROOT)
    assert run.returncode == 0, run.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planted")
    for name in ("connector", "policies_odrl", "federated"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name, line in PLANTED.values():
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write(f"\n{line}  # planted\n")
    return folder


def test_each_contract_notices_its_planted_fault(copy: Path) -> None:
    run = lint(copy)
    assert run.returncode == 1
    for contract in PLANTED:
        broken = [line for line in run.stdout.splitlines() if line.startswith(contract)]
        assert broken, contract
        assert "BROKEN" in run.stdout.split(contract, 1)[1].splitlines()[0] or any(
            "BROKEN" in line for line in broken
        ), contract


def test_a_folder_without_a_layer_is_noticed(copy: Path) -> None:
    (copy / "connector/elsewhere").mkdir()
    (copy / "connector/elsewhere/__init__.py").write_text('"""No layer."""\n', encoding="utf-8")
    assert lint(copy).returncode == 1
    (copy / "connector/elsewhere/__init__.py").unlink()
    (copy / "connector/elsewhere").rmdir()
