"""A worker at the lead: it runs the strategy, and sees noised updates only.

    node → start {manifest, sites, round} + state: at first the public model of `start`, or empty
         ← ready {isolation}
         ← round {round, digest, sites, sizes} + messages, in order
         → replies {round, sites, sizes} + messages of the sites that answered
         ← state {round, answered, refused {site: reason}, scores {site: cells}} + npz
         → saved
         ← done {round} + npz

Rules: a round's state is with the node before the next round begins; from the same state the same
messages are made, byte for byte.
"""

from __future__ import annotations

from collections.abc import Sequence

from flwr.app import ArrayRecord

from federated.errors import RoundRefused
from federated.job import JobManifest
from federated.training import checkpoint, recipes
from federated.training.flower.grid import FrameGrid
from federated.training.flower.messages import LEAD_NODE, identify
from federated.training.flower.records import digest, pack, unpack_record
from federated.training.flower.strategy import DeclaredAverage
from federated.training.roles.dialogue import (
    MARGIN_SECONDS,
    START_SECONDS,
    expect,
    manifest_of,
    member,
)
from federated.training.roles.frames import Frames


def run(frames: Frames, isolation: str) -> None:
    """Run the strategy from the last completed round to the last one.

    Raises:
        FederatedError: the job cannot go on.
    """
    header, state = expect(frames, "start", START_SECONDS)
    manifest = manifest_of(header)
    done = member(header, "round", int)
    sites = [str(site) for site in member(header, "sites", list)]
    given = done > 0 or manifest.start is not None
    if not 0 <= done <= manifest.turns or given != bool(state):
        raise RoundRefused("the job has no such round to resume from")
    arrays = recipes.check(checkpoint.load(state), manifest) if state else recipes.initial(manifest)
    if not done and manifest.start is not None and digest(arrays) != manifest.start.digest:
        raise RoundRefused("the public model to start from is not the one that the manifest names")
    frames.send({"op": "ready", "isolation": isolation})
    final = _Rounds(frames, manifest, sites, done, arrays).run()
    frames.send({"op": "done", "round": manifest.turns}, checkpoint.save(final))


class _Rounds:
    """The rounds that are left of a job."""

    def __init__(
        self,
        frames: Frames,
        manifest: JobManifest,
        sites: Sequence[str],
        done: int,
        arrays: recipes.Arrays,
    ) -> None:
        self._frames = frames
        self._manifest = manifest
        self._done = done
        self._latest = arrays
        self._strategy = DeclaredAverage(manifest, sites, done)
        self._grid = FrameGrid(frames, manifest, sites)

    def run(self) -> recipes.Arrays:
        identify(self._manifest, LEAD_NODE)
        self._strategy.start(
            self._grid,
            pack(self._latest),
            num_rounds=self._manifest.turns - self._done,
            evaluate_fn=self._save,
        )
        return self._latest

    def _save(self, server_round: int, record: ArrayRecord) -> None:
        if server_round == 0:  # Flower also calls before its first round
            return
        self._latest = unpack_record(record, self._manifest)
        answered = list(self._strategy.answered)
        header = {"op": "state", "round": self._done + server_round, "answered": answered}
        state = checkpoint.save(self._latest)
        header |= {"refused": self._strategy.refused, "scores": self._strategy.scores}
        self._frames.send(header, state)
        expect(self._frames, "saved", MARGIN_SECONDS)
