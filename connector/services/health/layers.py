"""What `preau doctor` says of layers: offers that were made under other ones than are in force.

Rules: as in `diagnose.py`. Such an offer is contracted no more until it is published anew; what
was signed on it runs on.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import chain
from typing import Final

from connector.config import Settings
from connector.domain.space import Space
from connector.errors import PreauError
from connector.jsonld.profiles import Profiles
from connector.ports import Transaction
from connector.services.health.diagnose import FAIL, OK, WARN, Check
from connector.services.layers import force
from connector.services.membership import belonging
from connector.services.readable import readable

MOST_SHOWN: Final = 20  # offers
_NAME: Final = "layers"
_ANEW: Final = "publish the dataset again: `preau dataset publish FILE`"
_KNOW: Final = (
    "make sure that the authority's HTTPS server answers; a running node asks again by itself"
)


def offers(
    settings: Settings,
    tx: Transaction,
    memberships: Callable[[str], str],
    profiles: Profiles,
    now: datetime,
) -> list[Check]:
    """Judge the published offers by the templates and the charter in force in their space.

    Args:
        settings: of the node.
        tx: the transaction.
        memberships: returns its own of a space; empty where it has none yet.
        profiles: those of the node.
        now: UTC.
    """
    found = (
        _of_space(settings, tx, each, memberships(each.id), profiles, now)
        for each in settings.spaces
    )
    return list(chain.from_iterable(found))


def _of_space(
    settings: Settings,
    tx: Transaction,
    space: Space,
    membership: str,
    profiles: Profiles,
    now: datetime,
) -> list[Check]:
    name = _NAME if space == settings.spaces[0] else f"{_NAME} of {space.name}"
    try:
        found = force.of_space(settings, tx, space, membership, now)
        present = {
            personal: force.bearing(found, profiles, personal=personal)
            for personal in (True, False)
        }
    except PreauError as exc:
        return [Check(name, FAIL, f"not known: {exc.code}: {exc.reason}", _KNOW)]
    personal = {each.id: each.personal for each in readable(tx.datasets)}
    here = belonging.spellings(settings, space)
    standing = [
        each for each in readable(tx.offers, withdrawn=False, derived_from="") if each.space in here
    ]
    faults = {
        each.id: force.changed(each.layers, present[personal.get(each.dataset_id, True)])
        for each in standing
    }
    checks = [
        Check(name, WARN, f"offer `{offer}` {fault}; nobody can conclude a contract on it", _ANEW)
        for offer, fault in faults.items()
        if fault
    ]
    if len(checks) > MOST_SHOWN:
        more = f"{len(checks) - MOST_SHOWN} more offers like these"
        checks[MOST_SHOWN:] = [Check(name, WARN, more, _ANEW)]
    listed = ", ".join(str(each.name) for each in found) or "none"
    return checks or [Check(name, OK, f"in force: {listed}; {len(standing)} offers uphold them")]
