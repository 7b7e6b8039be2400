"""Questions to the accountant: `python -m federated.privacy.answering`, a line of JSON each.

Question: `{"op":"epsilon","ledger":…,"delta":…}` or
`{"op":"calibrate","epsilon":…,"delta":…,"sampling_rate":…,"steps":…,"beside":…}`, where a
ledger, like what is beside the steps, is a list of events (`event.py`). Answer: `{"value":…}` or
`{"code":…,"reason":…}`; to `{"op":"several","questions":[…]}` it is `{"answers":[…]}`. Rules: what
is not understood is answered with a reason, never with a number; the process ends with its input,
or by itself when a question takes `MOST_SECONDS`, and takes no more than `MOST_MEMORY` bytes.
"""

from __future__ import annotations

import json
import math
import resource
import signal
import sys
from collections.abc import Mapping
from typing import Any, Final

from federated.errors import FederatedError, PrivacyFault
from federated.privacy.accountant import epsilon
from federated.privacy.calibration import calibrate
from federated.privacy.event import from_mapping

MOST_SECONDS: Final = 600
MOST_MEMORY: Final = 4 * 1024**3
_MOST_INPUT: Final = 4 * 1024 * 1024


def answer(question: bytes) -> dict[str, Any]:
    """Return the answer to a question; a refusal is an answer."""
    try:
        read = json.loads(question)
        if isinstance(read, dict) and read.get("op") == "several":
            return {"answers": [answer(json.dumps(item).encode()) for item in read["questions"]]}
        value = _compute(read)
    except FederatedError as exc:
        return {"code": exc.code, "reason": exc.reason}
    except MemoryError:
        return {"code": PrivacyFault.code, "reason": "these events need more memory than allowed"}
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        return {"code": PrivacyFault.code, "reason": f"no such question: {type(exc).__name__}"}
    if not math.isfinite(value):
        return {"code": PrivacyFault.code, "reason": "these events have no finite ε at that δ"}
    return {"value": value}


def main() -> None:
    """Answer the questions on standard input."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, hard))
    while question := sys.stdin.buffer.readline(_MOST_INPUT):
        signal.alarm(MOST_SECONDS)
        sys.stdout.write(json.dumps(answer(question)) + "\n")
        sys.stdout.flush()
        signal.alarm(0)
        if not question.endswith(b"\n"):  # what is left of it is no question
            return


def _compute(question: Mapping[str, Any]) -> float:
    if question["op"] == "epsilon":
        return epsilon(from_mapping(question["ledger"]).items, question["delta"])
    if question["op"] == "calibrate":
        return calibrate(
            target=question["epsilon"],
            delta=question["delta"],
            sampling_rate=question["sampling_rate"],
            steps=question["steps"],
            beside=from_mapping(question["beside"]).items if "beside" in question else (),
        )
    raise PrivacyFault("the accountant knows `epsilon` and `calibrate`")


if __name__ == "__main__":
    main()
