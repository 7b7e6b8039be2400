"""A node that does nothing has loaded nothing that only rows, or only commands, need."""

from __future__ import annotations

import subprocess
import sys


def test_wiring_loads_no_library_of_rows_or_commands() -> None:
    code = (
        "import sys, connector.bootstrap.wiring, connector.sources.files;"
        "heavy = {'pyarrow', 'python_calamine', 'duckdb', 'sqlglot', 'opendp', 'numpy'}"
        "| {'fastapi', 'pydantic', 'alembic', 'prometheus_client', 'xml'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_console_without_a_provider_loads_nothing_of_openid_connect() -> None:
    code = (
        "import sys, connector.bootstrap.node, connector.bootstrap.diagnosis.probe;"
        "import connector.console.app;"
        "print('authlib' in sys.modules, 'connector.identity.oidc.token' in sys.modules);"
        "import connector.bootstrap.logins;"
        "print('authlib' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False", "True"]
