"""The accountant in a process of its own, so that its library never loads into a node.

Rules: every wait is bounded; the same question is computed once; a process is kept for
`KEPT_SECONDS` after its answer, since its start takes more than most answers, and no longer, since
it fills a hundred megabytes. Standard library only. The mathematics is `accountant.py`, run by
`answering.py`; divergences are `divergence.py`, which needs no process.
"""

from __future__ import annotations

import contextlib
import json
import math
import subprocess
import tempfile
import threading
import weakref
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from federated.child import start
from federated.errors import PrivacyFault, WorkerFailed
from federated.privacy.divergence import divergence
from federated.privacy.event import Event, Events, to_mapping
from federated.privacy.question import Epsilon, Question, spelled

KEPT_SECONDS: Final = 60.0
_KEPT: Final = 512


class ProcessAccountant:
    """Computes costs, and noise for an ε, in other processes. May be used by many threads."""

    def __init__(self, *, seconds: float = 120.0, kept_seconds: float = KEPT_SECONDS) -> None:
        """Keep the bounds.

        Args:
            seconds: longest wait for one computation.
            kept_seconds: how long a process waits for the next question.
        """
        self._seconds = seconds
        self._known: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()
        self._idle = _Idle(kept_seconds)
        weakref.finalize(self, self._idle.clear)

    def costs(self, questions: Sequence[Question]) -> list[float]:
        """Return the answer to each question: divergences here, all ε in one process.

        Starting the process is what costs; a composition takes some hundredths of a second.

        Returns:
            One number each; infinity where the events have no finite cost.

        Raises:
            WorkerFailed: the computation did not end in time.
        """
        asked = [spelled(each) for each in questions if isinstance(each, Epsilon)]
        found = iter(self._epsilons(asked))
        return [
            next(found) if isinstance(each, Epsilon) else divergence(each.events, each.order)
            for each in questions
        ]

    def _epsilons(self, keys: Sequence[str]) -> list[float]:
        with self._lock:
            found = {key: self._known[key] for key in keys if key in self._known}
        missing = [key for key in dict.fromkeys(keys) if key and key not in found]
        if missing:
            new = dict(zip(missing, self._several(missing), strict=True))
            found |= new
            self._keep(new)
        return [found[key] if key else 0.0 for key in keys]

    def calibrate(
        self,
        *,
        epsilon: float,
        delta: float,
        sampling_rate: float,
        steps: int,
        beside: Sequence[Event] = (),
    ) -> float:
        """Return the smallest σ found with which `steps` steps cost at most `epsilon` at `delta`.

        What is released `beside` them is within that ε, too.

        Raises:
            PrivacyFault: the target is out of range, or no σ within bounds reaches it.
            WorkerFailed: the computation did not end in time.
        """
        _in_unit_interval(delta)
        question: dict[str, Any] = {"op": "calibrate", "epsilon": epsilon, "delta": delta}
        question |= {"sampling_rate": sampling_rate, "steps": steps}
        if beside:
            question["beside"] = to_mapping(Events(tuple(beside)))
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
            raise WorkerFailed("the accountant did not answer all questions")
        return [_value_or_infinity(answer) for answer in answers]

    def _keep(self, values: Mapping[str, float]) -> None:
        with self._lock:
            for key, value in values.items():
                self._known[key] = value
                if len(self._known) > _KEPT:
                    self._known.popitem(last=False)

    def _run(self, question: str) -> bytes:
        kept = self._idle.take()
        answer = self._ask(kept, question) if kept else b""
        if not answer:  # none was kept, or it was ended from outside
            with tempfile.TemporaryDirectory(prefix="preau-accountant-") as folder:
                answer = self._ask(_Process(Path(folder)), question)
        if not answer:
            raise WorkerFailed(
                "the accountant failed; check that the extra `federated` is installed"
            )
        return answer

    def _ask(self, process: _Process, question: str) -> bytes:
        answer = process.ask(question, self._seconds)
        if answer:
            self._idle.put(process)
        return answer


class _Process:
    """A process that answers questions; it ends with its input."""

    def __init__(self, folder: Path) -> None:
        """Start it in a folder, which may go once it has answered."""
        try:
            self._inner = start(
                "federated.privacy.answering",
                folder=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                session=False,
            )
        except OSError as exc:
            raise WorkerFailed(f"the accountant did not start: {exc.strerror}") from exc

    def ask(self, question: str, seconds: float) -> bytes:
        """Return the answer to a question; nothing when it has ended without one.

        Raises:
            WorkerFailed: it did not answer in time, and was ended.
        """
        guard = threading.Timer(seconds, self._inner.kill)
        guard.daemon = True
        guard.start()
        try:
            answer = self._answer(question.encode() + b"\n")
            late = not guard.is_alive()
        finally:
            guard.cancel()
        if not answer:
            self.end()
        if late:
            raise WorkerFailed("the accountant did not end in time")
        return answer

    def end(self) -> None:
        """End it."""
        self._inner.kill()
        for pipe in (self._inner.stdin, self._inner.stdout):
            with contextlib.suppress(OSError):  # a question that it did not read
                if pipe:
                    pipe.close()
        self._inner.wait()

    def _answer(self, line: bytes) -> bytes:
        asking, answering = self._inner.stdin, self._inner.stdout
        if asking is None or answering is None:
            return b""
        with contextlib.suppress(OSError):  # it is gone, and says nothing
            asking.write(line)
            asking.flush()
        return answering.readline()


class _Idle:
    """At most one process that waits for a question, and ends when none comes."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._process: _Process | None = None
        self._end: threading.Timer | None = None

    def take(self) -> _Process | None:
        """Return the process, which nobody else gets."""
        with self._lock:
            process, self._process = self._process, None
            if self._end is not None:
                self._end.cancel()
        return process

    def put(self, process: _Process) -> None:
        """Let a process wait, unless another does."""
        with self._lock:
            if self._process is None:
                self._process = process
                self._end = threading.Timer(self._seconds, self.clear)
                self._end.daemon = True
                self._end.start()
                return
        process.end()

    def clear(self) -> None:
        """End the process that waits."""
        process = self.take()
        if process is not None:
            process.end()


def _read(output: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(output)
    except ValueError as exc:
        raise WorkerFailed("the accountant did not answer with JSON") from exc
    if not isinstance(answer, dict):
        raise WorkerFailed("the accountant did not answer with an object")
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
