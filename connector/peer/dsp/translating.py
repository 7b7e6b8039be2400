"""Policies of peers and ours, translated once where the same ones come and go again.

An offer is read and written in each negotiation about it, and a translation takes milliseconds. An
agreement on it is another only by its id and its time, which a translation leaves as they are: they
are put aside, and back again, where each is found once before and after, by the rule of
`jsonld/template.py`. What is remembered is bounded in number and size, since peers choose what is
translated.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final

from connector.errors import PreauError
from connector.jsonld.template import AT, NAME, NAMED, TIME, plain
from connector.protocol.dsp.policies import Policies

MOST: Final = 256  # policies, of each way
LONGEST: Final = 16 * 1024  # characters of one
_STATED: Final = "timestamp"  # as peers write `TIME`


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
        text = policy.decode()
        alike, aside = _put_aside(text, json.loads(text))
        with suppress(PreauError):  # found anew below, in its own words
            found = _put_back(written(alike.encode(), kind), aside)
            if found:
                return dict(json.loads(found))
        return dict(json.loads(written(policy, kind)))

    def from_dsp(body: Mapping[str, Any], *, kind: str, contexts: Sequence[str]) -> bytes:
        text, named = json.dumps(body), tuple(contexts)
        if len(text) + sum(map(len, named)) > LONGEST:
            return how.from_dsp(body, kind=kind, contexts=contexts)
        alike, aside = _put_aside(text, body)
        with suppress(PreauError):  # found anew below, in its own words
            found = _put_back(read(alike, kind, named).decode(), aside)
            if found:
                return found.encode()
        return read(text, kind, named)

    return Policies(to_dsp, from_dsp)


def _put_aside(text: str, policy: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Return the JSON of a policy without what is its own, and that by what stands for it."""
    aside: dict[str, str] = {}
    name, time = policy.get("@id"), policy.get(_STATED, policy.get(TIME))
    time = time.get("@value") if isinstance(time, Mapping) else time
    found = NAME.fullmatch(name) if isinstance(name, str) else None
    if found is not None and text.count(found[1]) == 1 and NAMED not in text:
        aside[NAMED] = found[0]
    if isinstance(time, str) and plain(time) and text.count(time) == 1 and AT not in text:
        aside[AT] = time
    for stand_in, stated in aside.items():
        text = text.replace(stated, stand_in)
    return text, aside


def _put_back(text: str, aside: Mapping[str, str]) -> str:
    """Return the JSON with what was put aside; empty where its place is not to be found."""
    if any(text.count(stand_in) != 1 for stand_in in aside):
        return ""
    for stand_in, stated in aside.items():
        text = text.replace(stand_in, stated)
    return text
