"""The command: runs a node for the conformance kit until it is stopped."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from connector.errors import PreauError
from tests.dcp_tck import properties
from tests.tck.running import running
from tests.tck.scripts import ScriptsDiffer


def main() -> int:
    """Run until SIGTERM or SIGINT; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.tck", description=__doc__)
    parser.add_argument("--dsp-port", type=int, required=True, help="of the protocol, on loopback")
    parser.add_argument("--hook-port", type=int, required=True, help="of the hooks, on loopback")
    parser.add_argument("--callback", required=True, help="address of the kit, on loopback")
    parser.add_argument(
        "--properties",
        type=Path,
        required=True,
        help="the kit's configuration, written once the node listens; ids that it names are used",
    )
    said = parser.parse_args()
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    file = said.properties
    given = properties.read(file.read_text("utf-8")) if file.exists() else {}
    try:
        with running(
            dsp_port=said.dsp_port, hook_port=said.hook_port, callback=said.callback, given=given
        ) as node:
            properties.write(file, {**given, **node.properties})
            while not asked.wait(1.0):
                pass
    except PreauError as exc:
        return _refused(f"{exc.code}: {exc.reason}")
    except ScriptsDiffer as exc:
        return _refused(str(exc))
    return 0


def _refused(line: str) -> int:
    sys.stderr.write(f"not started: {line}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
