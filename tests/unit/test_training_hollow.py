"""A site's worker loads hollow modules in place of what it never uses."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import sys
from federated.training.hollow import hollow_out
hollow_out("site")
import federated.training.roles.site
import httpx
try:
    httpx.Client(timeout=1)
except TypeError:
    print(*sorted(name for name, module in sys.modules.items() if not hasattr(module, "__file__")
                  and name.partition(".")[0] not in sys.stdlib_module_names))
"""


def test_what_a_site_never_uses_is_hollow_and_fails_when_it_is_used() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=100, check=True
    )
    hollow = done.stdout.split()
    assert {"flwr.server", "flwr.serverapp", "grpc", "httpx", "rich.console"} <= set(hollow)
