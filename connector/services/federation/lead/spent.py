"""What the rounds of a job cost a person at a site, by the accountant, as its lead can know."""

from __future__ import annotations

from collections.abc import Iterable

from connector.errors import PreauError
from connector.ports import Ports
from federated.job import JobManifest
from federated.privacy.question import Epsilon


def epsilons(ports: Ports, manifest: JobManifest, counts: Iterable[int]) -> dict[int, float]:
    """Return ε at the manifest's δ after each number of rounds; none where it is not known now.

    All are asked at once, since the accountant remembers its answers: a live view starts one
    process for the whole job. The site's own ledger is what counts.
    """
    asked = sorted({number for number in counts if number > 0})
    events, delta = manifest.events, manifest.privacy.delta
    questions = [Epsilon(events.of(min(number, manifest.rounds)), delta) for number in asked]
    try:
        found = ports.accountant.costs(questions) if questions else []
    except PreauError:  # a view says that it does not know, rather than failing
        found = []
    return {0: 0.0, **dict(zip(asked, found, strict=False))}
