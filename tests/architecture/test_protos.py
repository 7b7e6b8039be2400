"""The committed gRPC code is what `make protos` makes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
GENERATED = ROOT / "connector/peer/v1"


def test_committed_code_is_generated_from_protos(tmp_path: Path) -> None:
    folder = ROOT / "protos/connector/peer/v1"
    sources = sorted(str(p.relative_to(ROOT)) for p in folder.glob("*.proto"))
    subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "grpc_tools.protoc", "-I", "protos"]
        + [f"--{kind}_out={tmp_path}" for kind in ("python", "pyi", "grpc_python")]
        + sources,
        cwd=ROOT,
        check=True,
        timeout=120,
    )
    fresh = {p.name: p.read_bytes() for p in (tmp_path / "connector/peer/v1").iterdir()}
    committed = {p.name: p.read_bytes() for p in GENERATED.glob("*_pb2*.py*") if p.suffix != ".pyc"}
    assert fresh == committed
    assert len(fresh) == 3 * len(sources)
