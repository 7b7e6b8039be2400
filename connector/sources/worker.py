"""The confined process that parses a file: `python -m connector.sources.worker`.

Standard input is a socket for request and answer, a line of JSON each; rows go to standard output.
Rules: network, files, calls and rights are given up before a byte of the file is read; what reaches
the network fetches a file or is the client of a database, and parses no file; it ends when who
asked does; a failure is a code and a reason, without a value of a row.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from connector.domain.catalog.layout import Layout
from connector.errors import DataFileUnreadable, Malformed, PreauError
from federated.confinement.confine import confine, end_with, tier_of_rights
from federated.confinement.landlock import SEALED, seal
from federated.confinement.seccomp import FILTERED, close_calls
from federated.reading import Member

_PACKAGE: Final = Path(__file__).parents[1]


def main() -> None:
    """Answer one request."""
    serve(_answer)


def serve(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Answer the request that waits on standard input, confined.

    Args:
        answer: makes the answer; what it loads is loaded in the confined process.
    """
    end = socket.socket(fileno=0)
    with end.makefile("rb") as lines:
        request = json.loads(lines.readline())
    network, files = request.get("network", False), [*map(Path, _files(request)), _PACKAGE]
    isolation = confine(request["memory"], network=network)
    isolation += f"+{SEALED}" if seal(Path.cwd(), files, network=network) else ""
    isolation += tier_of_rights(Path.cwd())
    isolation += f"+{FILTERED}" if close_calls(network=network) else ""
    end_with(end.fileno())
    try:
        made = {**answer(request), "isolation": isolation}
    except PreauError as exc:
        made = {"code": exc.code, "reason": exc.reason}
    except MemoryError:
        spent = f"the file needs more than {request['memory'] >> 20} MiB to be read"
        made = {"code": DataFileUnreadable.code, "reason": spent}
    end.sendall(json.dumps(made).encode() + b"\n")


def _files(request: dict[str, Any]) -> list[str]:
    return [*([request["path"]] if "path" in request else []), *request.get("files", [])]


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    # Only now, confined: what parses is loaded.
    if request["act"] == "fetch":
        from connector.sources.remote.fetching import fetch  # noqa: PLC0415 - see above

        with os.fdopen(1, "wb", closefd=False) as out:
            return fetch(request, out)
    from connector.sources.origins import origin_of  # noqa: PLC0415 - same

    origin = origin_of(request)
    if request["act"] == "inspect":
        from connector.sources.inspection.inspect import inspect  # noqa: PLC0415 - same

        return inspect(origin)
    from connector.sources.writing import write  # noqa: PLC0415 - same

    layout = Layout.read(Member(request["layout"], _refusal))
    with os.fdopen(1, "wb", closefd=False) as out:
        tally = write(origin, layout, request["form"], out)
    return {"rows": tally.rows, "malformed": tally.malformed, **tally.counts(layout)}


def _refusal(pointer: str, fault: str) -> PreauError:
    return Malformed(f"layout {pointer or '/'}: {fault}")


if __name__ == "__main__":
    main()
