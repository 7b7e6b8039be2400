"""What `preau doctor` says of connections, and of files of hierarchies that contracts name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from connector.config import Settings
from connector.domain.catalog.connection import connections
from connector.domain.contract.negotiation import Role
from connector.domain.contract.notice import Standing
from connector.enforcement.plan import Plan
from connector.errors import PreauError
from connector.ports import Sources, Transaction
from connector.services.health.diagnose import FAIL, OK, Check
from connector.services.negotiation import plans
from connector.services.readable import streamed
from connector.store.files import keys

_MEND = "correct `[connections]` in preau.toml"


def checks(settings: Settings) -> list[Check]:
    """Look at each connection and its secret; nothing is connected to."""
    try:
        stated = connections(settings.connections)
    except PreauError as exc:
        return [Check("connections", FAIL, exc.reason, _MEND)]
    found = []
    for each in stated.values():
        name = f"connection {each.name}"
        reach = "reaches the network" if each.network else "stays on this machine"
        try:
            if secret := each.options.get("secret"):
                keys.read_private_file(settings.path(secret))
        except PreauError as exc:
            found.append(Check(name, FAIL, exc.reason, exc.hint or _MEND))
            continue
        found.append(Check(name, OK, f"{each.kind}, {each.place}; {reach}"))
    return found


def hierarchies(held: Sources, tx: Transaction) -> Iterator[Check]:
    """Look at the file of each hierarchy that a dataset or a running contract names."""
    named = set()
    for dataset in streamed(tx.datasets):
        stated = (each.meaning.hierarchy for each in dataset.columns)
        named |= {each.digest for each in stated if each is not None and each.digest}
    for agreement in streamed(tx.agreements, role=Role.PROVIDER):
        if agreement.standing is not Standing.ENDED:
            with suppress(PreauError):  # of which the check of contracts tells
                named |= _named(plans.plan_of(agreement))
    lost = list(filter(None, (_lost(held, each) for each in sorted(named))))
    if lost:
        mend = next(filter(None, (each.hint for each in lost)), "put the file back from a backup")
        yield Check("hierarchies", FAIL, "; ".join(each.reason for each in lost), mend)
    elif named:
        yield Check("hierarchies", OK, f"{len(named)} files, unchanged since they were stored")


def _named(plan: Plan) -> set[str]:
    hows = (step.body.get("how") for use in plan.uses for step in use.steps)
    return {how["digest"] for how in hows if isinstance(how, dict) and "digest" in how}


def _lost(held: Sources, digest: str) -> PreauError | None:
    try:
        held.kept(digest)
    except PreauError as exc:
        return exc
    return None
