"""Requests of any form to a management API on loopback, as its own description says what it takes.

schemathesis draws requests that the description allows; of each one value is spoiled next, and
parameters that name something are given what is there, too.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from tests.support.binding_fuzz import spoiled

HANG_SECONDS: Final = 20.0
_ODD: Final = 500  # from here on a status speaks of a fault of the node
_MEMBERS: Final = {"type", "title", "status", "detail", "code", "hint"}
_NAMING: Final = ("id", "pid", "did", "dataset", "offer", "offer_id", "peer", "space", "agreement")


@dataclass(frozen=True, slots=True)
class Seen:
    """What one operation answered to one request.

    Attributes:
        operation: method and path.
        status: of HTTP; 0 where nothing came in time.
        fault: what is wrong with the answer; empty where nothing is.
    """

    operation: str
    status: int
    fault: str


def fuzz(
    address: str, token: str, known: Collection[str], *, examples: int, by: int = 0
) -> list[Seen]:
    """Ask each operation so many times in forms that are allowed, and as often in spoiled ones.

    Args:
        address: `http://HOST:PORT`.
        token: of the management API.
        known: ids of what is there.
        examples: requests of an operation and a kind.
        by: seed of what is drawn.
    """
    headers, names = {"Authorization": f"Bearer {token}"}, st.sampled_from(["", *known])
    described = requests.get(f"{address}/openapi.json", headers=headers, timeout=HANG_SECONDS)
    schema = schemathesis.openapi.from_dict(described.json())
    found: list[Seen] = []
    draw = Random(by)  # noqa: S311 - a test's choice
    with requests.Session() as session:
        session.headers.update(headers)
        for operation in (each.ok() for each in schema.get_all_operations()):

            @seed(by)
            @settings(
                max_examples=examples,
                database=None,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(operation.as_strategy(generation_mode=GenerationMode.POSITIVE), names)
            def ask(case: Any, name: str) -> None:
                found.append(_asked(session, address, case, name))
                spoilt = _spoilt(case, draw)
                if spoilt:
                    found.append(_asked(session, address, case, "", spoilt))

            ask()
    return found


def _spoilt(case: Any, draw: Random) -> dict[str, Any]:
    """Return what of a request is another when one of its values is; nothing if it has none."""
    if isinstance(case.body, dict) and case.body:
        # As bytes: what describes the API cannot judge every text that JSON can say.
        return {"json": None, "data": json.dumps(spoiled(case.body, draw)).encode()}
    if isinstance(case.query, dict) and case.query:
        odd = draw.choice(["", " ", "-1", "é" * 4096, "[]"])
        return {"params": {**case.query, draw.choice(sorted(case.query)): odd}}
    return {}


def _asked(
    session: requests.Session, address: str, case: Any, name: str, spoilt: Mapping[str, Any] = {}
) -> Seen:
    for part in (case.query, case.body) if name else ():
        if isinstance(part, dict):
            part.update({each: name for each in _NAMING if each in part})
    operation = f"{case.method.upper()} {case.path}"
    try:
        made = {**case.as_transport_kwargs(base_url=address), **spoilt, "timeout": HANG_SECONDS}
        if "data" in spoilt:
            made["headers"]["Content-Type"] = "application/json"
        answer = session.request(**made)
    except requests.Timeout:
        return Seen(operation, 0, "did not answer in time")
    return Seen(operation, answer.status_code, _fault(answer.status_code, answer.content))


def _fault(status: int, body: bytes) -> str:
    if status < 400:
        return ""
    try:
        problem = json.loads(body)
    except ValueError:
        return "a refusal is no JSON"
    if not set(problem) >= _MEMBERS:
        return f"a refusal lacks {sorted(_MEMBERS - set(problem))}"
    return f"{problem['code']}: {problem['detail']}" if status >= _ODD else ""
