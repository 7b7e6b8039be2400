"""A lead's worker that first tries its job on made-up rows, before any site is asked.

    node → rehearse {manifest, seconds, sites {did {column {number, range, values}}}}
                    + the public model to start from, or empty
         ← rehearsed {isolation, rounds, seconds, peak, refused {did: reason},
                      sites {did {persons, usable, labels, round_seconds, needs}}}
         then as `lead.py` says, where the node goes on with the job

It reads no file. What the figures mean for the job is left to the node.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from federated.job import parse
from federated.training.rehearsal import rehearse
from federated.training.roles import lead
from federated.training.roles.dialogue import START_SECONDS, expect, member
from federated.training.roles.frames import Frames
from federated.training.rows.synthetic import Described


def run(frames: Frames, isolation: str) -> None:
    """Try one job, then lead it.

    Raises:
        FederatedError: it cannot run, or the node asked something else.
    """
    header, start = expect(frames, "rehearse", START_SECONDS)
    found = rehearse(
        parse(member(header, "manifest", str).encode()),
        _described(member(header, "sites", dict)),
        seconds=member(header, "seconds", float),
        start=start,
    )
    said = {name: value for name, value in asdict(found).items() if name != "model"}
    frames.send({"op": "rehearsed", "isolation": isolation, **said})
    lead.run(frames, isolation)


def _described(sites: Mapping[str, Any]) -> dict[str, dict[str, Described]]:
    return {
        site: {
            name: Described(
                number=bool(said["number"]),
                range=tuple(said["range"]) if said["range"] else None,
                values=tuple(said["values"]),
            )
            for name, said in columns.items()
        }
        for site, columns in sites.items()
    }
