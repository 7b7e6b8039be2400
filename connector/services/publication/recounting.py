"""Taking the persons of all published files anew, after the key of their digests was lost for good.

Rules: only while the key is lost, with a reason, logged. What was compared under the lost key is
dropped with the operator's answers, so that each overlap is asked again; no job runs on a dataset
until its file was checked anew. Persons of files that were replaced since cannot be taken again: a
register that has spent counts as not wholly known from then on (`checking.py`).
"""

from __future__ import annotations

from connector.errors import KeyUnusable, Unlawful
from connector.ports import Ports
from connector.services.negotiation.notices import check_reason
from connector.services.publication import checking


def recount(ports: Ports, reason: str) -> list[str]:
    """Drop what the lost key compared; return the ids of the datasets to be checked, oldest first.

    Raises:
        Malformed: the reason is not one line.
        Unlawful: the key is the one that the persons on record were taken with.
        KeyUnusable: no key can be made: a file that is none stands in its place.
    """
    check_reason(reason)
    with ports.store.write() as tx:
        seen = tuple(tx.persons.find())
        try:
            checking.key_of(ports, seen)
        except KeyUnusable:
            pass
        else:
            raise Unlawful(
                "the key of the persons' digests is not lost",
                hint="`preau doctor` says what prevents publishing",
            )
        ports.person_key(make=True)
        for persons in seen:
            tx.persons.remove(persons.register_id)
        for census in tx.censuses.find():
            tx.censuses.remove(census.dataset_id)
        spent = [
            each.id
            for each in tx.registers.find()
            if each.charges or tx.reservations.find(register_id=each.id)
        ]
        tx.audit.append(checking.RECOUNTED, ports.settings.did, registers=spent, reason=reason)
    return checking.waiting(ports)
