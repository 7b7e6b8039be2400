"""Measures what offers come to before they are published: of a dataset, or of a description alone.

Rule: nothing is kept; a snapshot that had to be taken is removed as those of no dataset are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from connector.domain.catalog.dataset import Dataset
from connector.identity.statements.risk_report import JudgedUse
from connector.jsonld.policy import read_policy
from connector.ports import Ports
from connector.services.privacy import registers
from connector.services.publication import describing, hierarchies, judging, snapshots
from policies_odrl import Policy


def preview(
    ports: Ports, dataset: Dataset, policies: Iterable[Policy]
) -> list[tuple[JudgedUse, ...]]:
    """Return what the uses of each policy would come to on a dataset now.

    Raises:
        PreauError: a policy cannot be planned for the dataset, or the file cannot be judged.
    """
    asked = list(policies)
    for each in asked:
        judging.uses_of(ports, dataset, each)  # says why it cannot be planned
    found = judging.judge(ports, dataset, asked)
    return [judging.found(ports, dataset, each, found) for each in asked]


def preview_described(ports: Ports, description: Mapping[str, Any]) -> list[tuple[JudgedUse, ...]]:
    """Return what the offers of a description file would come to, each in its order.

    Raises:
        DescriptionIncomplete: the reason lists all that is missing or wrong.
        PreauError: as `preview`, or the source cannot be read.
    """
    draft = describing.read(description, ports.settings.home, ports.clock.now())
    taken = snapshots.taken(ports, hierarchies.kept(ports, draft.dataset))
    with ports.store.read() as tx:
        placed = replace(taken, register_id=registers.chosen(tx, taken))
    profiles = ports.mechanisms.profiles
    return preview(ports, placed, (read_policy(each.policy, profiles) for each in draft.offers))
