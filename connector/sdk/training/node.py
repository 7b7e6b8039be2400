"""A node as a data scientist works with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.management.views.contracts.agreements import AgreementView
from connector.sdk.calls import Listing
from connector.sdk.client import Client
from connector.sdk.training.job import Job


class Node(Client):
    """A node: all that a client can do, and training."""

    def contracts(self) -> Listing[AgreementView]:
        """Return the contracts under which this node may use others' data."""
        found = self.agreements()
        ours = [each for each in found if each.role == "consumer" and each.finalized]
        return Listing(ours, damaged=found.damaged)

    def train(
        self,
        request: Mapping[str, Any],
        *,
        wait: bool = True,
        progress: bool = True,
        seconds: float = 3600.0,
        **changes: Any,
    ) -> Job:
        """Submit a job and, unless `wait` is false, return once it has completed.

        Args:
            request: see `docs/reference/request.md`.
            wait: whether to wait for its end.
            progress: whether to show it meanwhile.
            seconds: longest wait.
            changes: members in place of the request's.

        Raises:
            PreauError: it was refused or failed, by its code.
        """
        job = self.attach(self.submit({**request, **changes}).id)
        if wait:
            job.wait(seconds=seconds, progress=progress)
        return job

    def attach(self, job: str) -> Job:
        """Return a job that was submitted before, by its id."""
        return Job(self, job)
