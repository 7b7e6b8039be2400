"""Measures what offers come to before they are published: of a dataset, or of a description alone.

Rule: nothing is kept; a snapshot that had to be taken is removed as those of no dataset are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from connector.domain.catalog.dataset import Dataset
from connector.errors import PreauError
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
    return preview(ports, *_placed(ports, description))


def preview_each(
    ports: Ports, description: Mapping[str, Any]
) -> list[tuple[JudgedUse, ...] | PreauError]:
    """Return what each offer of a description would come to, or why it cannot be said.

    Raises:
        PreauError: as `preview_described`, of what is no matter of one offer.
    """
    placed, policies = _placed(ports, description)
    return [_judged(ports, placed, each) for each in policies]


def _judged(ports: Ports, dataset: Dataset, policy: Policy) -> tuple[JudgedUse, ...] | PreauError:
    try:
        return preview(ports, dataset, [policy])[0]
    except PreauError as exc:
        return exc


def _placed(ports: Ports, description: Mapping[str, Any]) -> tuple[Dataset, list[Policy]]:
    """Return the dataset of a description, in its register, and the policies of its offers."""
    draft = describing.read(description, ports.settings.home, ports.clock.now())
    taken = snapshots.taken(ports, hierarchies.kept(ports, draft.dataset))
    with ports.store.read() as tx:
        placed = replace(taken, register_id=registers.chosen(tx, taken))
    profiles = ports.mechanisms.profiles
    return placed, [read_policy(each.policy, profiles) for each in draft.offers]
