"""A node that does nothing has loaded nothing that only rows need."""

from __future__ import annotations

import subprocess
import sys


def test_wiring_loads_no_library_of_rows() -> None:
    code = (
        "import sys, connector.bootstrap.wiring, connector.sources.files;"
        "heavy = {'pyarrow', 'python_calamine', 'duckdb', 'sqlglot', 'opendp', 'numpy'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
