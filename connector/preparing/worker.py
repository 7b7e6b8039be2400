"""The confined process that carries out a use: `python -m connector.preparing.worker`.

Rules: as `connector/sources/worker.py`, which confines it: the file that is made goes to standard
output, and means nothing before the answer has come.
"""

from __future__ import annotations

import os
from typing import Any

from connector.sources.worker import serve


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    # Only now, confined: what parses and computes is loaded.
    from connector.preparing.carrying import carry, judge, translate  # noqa: PLC0415 - see above

    if request["classes"]:
        return judge(request)
    with os.fdopen(1, "wb", closefd=False) as out:
        return (translate if request["translated"] else carry)(request, out)


if __name__ == "__main__":
    serve(_answer)
