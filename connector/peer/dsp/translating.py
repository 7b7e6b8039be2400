"""Policies of peers and ours, translated once where the same ones come and go again.

An offer is read and written in each negotiation about it, and a translation takes milliseconds.
What is remembered is bounded in number and size, since peers choose what is translated.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from connector.protocol.dsp.policies import Policies

MOST: Final = 256  # policies, of each way
LONGEST: Final = 16 * 1024  # characters of one


def remembered(how: Policies) -> Policies:
    """Return the same translations; a refusal is found anew each time."""

    @lru_cache(MOST)
    def written(policy: bytes, kind: str) -> str:
        return json.dumps(how.to_dsp(policy, kind=kind))

    @lru_cache(MOST)
    def read(body: str, kind: str, contexts: tuple[str, ...]) -> bytes:
        return how.from_dsp(json.loads(body), kind=kind, contexts=contexts)

    def to_dsp(policy: bytes, *, kind: str) -> dict[str, Any]:
        if len(policy) > LONGEST:
            return how.to_dsp(policy, kind=kind)
        return dict(json.loads(written(policy, kind)))

    def from_dsp(body: Mapping[str, Any], *, kind: str, contexts: Sequence[str]) -> bytes:
        text, named = json.dumps(body), tuple(contexts)
        if len(text) + sum(map(len, named)) > LONGEST:
            return how.from_dsp(body, kind=kind, contexts=contexts)
        return read(text, kind, named)

    return Policies(to_dsp, from_dsp)
