"""The accountant in a process of its own, so that its library never loads into a node.

Rules: every wait is bounded; the same question is computed once. Standard library only. The
mathematics is `accountant.py`, run by `oneshot.py`.
"""

from __future__ import annotations

import json
import math
import subprocess
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from federated.child import command, environment
from federated.errors import PrivacyFault, WorkerFailed
from federated.privacy.question import Question, spelled

_KEPT: Final = 512


class ProcessAccountant:
    """Computes costs, and noise for an ε, in one-shot processes. May be used by many threads."""

    def __init__(self, *, seconds: float = 120.0) -> None:
        """Keep the longest wait for one computation, in seconds."""
        self._seconds = seconds
        self._known: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def costs(self, questions: Sequence[Question]) -> list[float]:
        """Return the answer to each question, computed in one process.

        Starting the process is what costs; a composition takes some hundredths of a second.

        Returns:
            One number each; infinity where the events have no finite cost.

        Raises:
            WorkerFailed: the computation did not end in time.
        """
        keys = [spelled(question) for question in questions]
        with self._lock:
            found = {key: self._known[key] for key in keys if key in self._known}
        missing = [key for key in dict.fromkeys(keys) if key and key not in found]
        if missing:
            new = dict(zip(missing, self._several(missing), strict=True))
            found |= new
            self._keep(new)
        return [found[key] if key else 0.0 for key in keys]

    def calibrate(self, *, epsilon: float, delta: float, sampling_rate: float, steps: int) -> float:
        """Return the smallest σ found with which `steps` steps cost at most `epsilon` at `delta`.

        Raises:
            PrivacyFault: the target is out of range, or no σ within bounds reaches it.
            WorkerFailed: the computation did not end in time.
        """
        _in_unit_interval(delta)
        question = {"op": "calibrate", "epsilon": epsilon, "delta": delta}
        question |= {"sampling_rate": sampling_rate, "steps": steps}
        return self._answer(json.dumps(question, sort_keys=True))

    def _answer(self, key: str) -> float:
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        value = _value(_read(self._run(key)))
        self._keep({key: value})
        return value

    def _several(self, keys: Sequence[str]) -> list[float]:
        question = {"op": "several", "questions": [json.loads(key) for key in keys]}
        answers = _read(self._run(json.dumps(question))).get("answers")
        if not isinstance(answers, list) or len(answers) != len(keys):
            raise WorkerFailed("the accountant left questions without an answer")
        return [_value_or_infinity(answer) for answer in answers]

    def _keep(self, values: Mapping[str, float]) -> None:
        with self._lock:
            for key, value in values.items():
                self._known[key] = value
                if len(self._known) > _KEPT:
                    self._known.popitem(last=False)

    def _run(self, question: str) -> bytes:
        with tempfile.TemporaryDirectory(prefix="preau-accountant-") as folder:
            try:
                done = subprocess.run(  # noqa: S603  (our own module, our own arguments)
                    command("federated.privacy.oneshot"),
                    input=question.encode(),
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    cwd=folder,
                    env=environment(Path(folder)),
                    timeout=self._seconds,
                    check=False,
                )
            except subprocess.TimeoutExpired as exc:
                raise WorkerFailed("the accountant did not end in time") from exc
            except OSError as exc:
                raise WorkerFailed(f"the accountant did not start: {exc.strerror}") from exc
        if done.returncode != 0:
            raise WorkerFailed("the accountant failed; is the extra `federated` installed")
        return done.stdout


def _read(output: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(output)
    except ValueError as exc:
        raise WorkerFailed("the accountant answered no JSON") from exc
    if not isinstance(answer, dict):
        raise WorkerFailed("the accountant answered no object")
    return answer


def _value_or_infinity(answer: Mapping[str, Any]) -> float:
    try:
        return _value(answer)
    except PrivacyFault:
        return math.inf


def _value(answer: Mapping[str, Any]) -> float:
    if "reason" in answer:
        kind = PrivacyFault if answer.get("code") == PrivacyFault.code else WorkerFailed
        raise kind(str(answer["reason"]))
    return float(answer["value"])


def _in_unit_interval(delta: float) -> None:
    if not 0 < delta < 1:
        raise PrivacyFault("δ must be above 0 and below 1")
