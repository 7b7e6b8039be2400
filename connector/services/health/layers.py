"""What `preau doctor` says of layers: offers that were made under other ones than are in force.

Rules: as in `diagnose.py`. Such an offer is contracted no more until it is published anew; what
was signed on it runs on.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from connector.config import Settings
from connector.errors import PreauError
from connector.jsonld.profiles import Profiles
from connector.ports import Transaction
from connector.services.health.diagnose import FAIL, OK, WARN, Check
from connector.services.layers import force
from connector.services.readable import readable

MOST_SHOWN: Final = 20  # offers
_NAME: Final = "layers"
_ANEW: Final = "publish the dataset anew: `preau dataset publish FILE`"
_KNOW: Final = "the authority's HTTPS server must answer; a running node asks again by itself"


def offers(
    settings: Settings, tx: Transaction, membership: str, profiles: Profiles, now: datetime
) -> list[Check]:
    """Judge the published offers by the templates and the charter in force.

    Args:
        settings: of the node.
        tx: the transaction.
        membership: its own; empty where it has none yet.
        profiles: those of the node.
        now: UTC.
    """
    try:
        found = force.of_node(settings, tx, membership, now)
        present = {
            personal: force.bearing(found, profiles, personal=personal)
            for personal in (True, False)
        }
    except PreauError as exc:
        return [Check(_NAME, FAIL, f"not known: {exc.code}: {exc.reason}", _KNOW)]
    personal = {each.id: each.personal for each in readable(tx.datasets)}
    standing = readable(tx.offers, withdrawn=False, derived_from="")
    faults = {
        each.id: force.changed(each.layers, present[personal.get(each.dataset_id, True)])
        for each in standing
    }
    checks = [
        Check(_NAME, WARN, f"offer `{name}` {fault}; nobody can contract it", _ANEW)
        for name, fault in faults.items()
        if fault
    ]
    if len(checks) > MOST_SHOWN:
        more = f"{len(checks) - MOST_SHOWN} more offers like these"
        checks[MOST_SHOWN:] = [Check(_NAME, WARN, more, _ANEW)]
    named = ", ".join(str(each.name) for each in found) or "none"
    return checks or [Check(_NAME, OK, f"in force: {named}; {len(standing)} offers uphold them")]
