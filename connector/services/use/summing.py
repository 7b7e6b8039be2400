"""A site's part in sums over sites: its key of a session, its masks, and what it keeps of a round.

Rules: a key is derived from the node's root key for one session of one consumer, and signed; the
keys of the others count only with the signature of each, by the document that this node has found
itself; a round is checked beside all that left, when it is granted and again when it is made; its
vector is made and masked in the confined process, and never seen here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from connector.domain.contract.negotiation import Agreement
from connector.domain.decision import Refusal
from connector.domain.transfer.requested import ReleasedTables
from connector.enforcement.steps.sum_request import KEY_TYPE, Joined, SumRequest, key_bytes
from connector.enforcement.steps.table import TableSteps
from connector.errors import SumRefused
from connector.identity import document as documents
from connector.identity import jws
from connector.identity.key import Relationship
from connector.jsonld.canonical import canonical, parse_object, sha256_hex
from connector.ports import Ports, Transaction
from connector.services.membership import onboard
from connector.services.use import keys
from federated.aggregation import Left, Side, agreed, public_key, side, why_not
from federated.errors import StatisticUnfit

_KEPT: Final = "sums of "  # before the dataset's IRI, where tables keep what left


def kept_under(dataset_id: str) -> str:
    """Return the name under which it is kept what left of sums of a dataset."""
    return f"{_KEPT}{dataset_id}"


def key_of(ports: Ports, agreement: Agreement, session: str) -> Joined:
    """Return this node's key of a session, signed.

    Raises:
        KeyUnusable: a key is lost, or cannot be used.
    """
    key, own, dataset = _key(ports, agreement, session), ports.settings.did, agreement.dataset_id
    said = key_bytes(session, agreement.consumer, own, dataset, key)
    return Joined(own, dataset, key, jws.sign_detached(ports.signer, said, KEY_TYPE))


def refusal(
    ports: Ports, agreement: Agreement, steps: TableSteps, asked: SumRequest | None, snapshot: str
) -> Refusal | None:
    """Return why a round is not added to, beside all that left; None where it may, or is none."""
    if asked is None or not asked.members:
        return None
    try:
        before(ports, agreement, steps, asked, snapshot)
    except SumRefused as exc:
        return Refusal(exc.code, (exc.reason,))
    return None


def before(
    ports: Ports, agreement: Agreement, steps: TableSteps, asked: SumRequest, snapshot: str
) -> list[ReleasedTables]:
    """Return what is kept of sums of the same data, beside which a round may be added to.

    Raises:
        SumRefused: it may not.
    """
    own = next(each for each in asked.members if each.site == ports.settings.did)
    if (own.dataset, own.key) != (agreement.dataset_id, _key(ports, agreement, asked.session)):
        raise SumRefused("the round does not have the key and the data with which this site joined")
    with ports.store.read() as tx:
        kept = _before(tx, agreement.dataset_id)
    points = steps.sum.points if steps.sum else 0
    fault = why_not(map(_read, kept), _left(steps, asked, snapshot), points)
    if fault:
        raise SumRefused(fault)
    return kept


def left_before(tx: Transaction, dataset_id: str) -> list[Left]:
    """Return what left of sums of a dataset."""
    return list(map(_read, _before(tx, dataset_id)))


def sides(ports: Ports, agreement: Agreement, asked: SumRequest) -> tuple[Side, ...]:
    """Return the masks of a round: one for each other site, once its key is verified.

    Raises:
        Untrusted: a site is not believed; the class says why.
        SignatureInvalid: a key is not the site's own.
        SumRefused: it is no key.
        PreauError: a site is new, and cannot be met.
    """
    secret, own = _secret(ports, agreement, asked.session), ports.settings.did
    context, found = bytes.fromhex(asked.context), list[Side]()
    for each in asked.members:
        if each.site == own:
            continue
        peer = onboard.known(ports, each.site)
        said = key_bytes(asked.session, agreement.consumer, each.site, each.dataset, each.key)
        holder = documents.read(peer.document, peer.did)
        jws.verify_detached(each.signature, said, holder, Relationship.ASSERTION, KEY_TYPE)
        try:
            shared = agreed(secret, bytes.fromhex(each.key))
        except StatisticUnfit as exc:
            raise SumRefused(exc.reason) from exc
        found.append(side(shared, own, each.site, context))
    return tuple(found)


def kept(steps: TableSteps, asked: SumRequest, snapshot: str) -> bytes:
    """Return what is to be kept of a round before it leaves."""
    left = _left(steps, asked, snapshot)
    return written(left)


def written(left: Left) -> bytes:
    """Return the bytes in which it is kept what left of a sum."""
    return canonical({**asdict(left), "members": sorted(map(list, left.members))})


def _before(tx: Transaction, dataset_id: str) -> list[ReleasedTables]:
    return list(tx.released.find(dataset_id=kept_under(dataset_id)))


def _left(steps: TableSteps, asked: SumRequest, snapshot: str) -> Left:
    ranges = steps.sum.body() if steps.sum else {}
    rows = [
        sorted(canonical(each.body()).decode() for each in steps.minimise.rows),
        ranges.get("ranges"),
        {name: sorted(values) for name, values in ranges.get("categories", {}).items()},
    ]
    return Left(
        context=asked.context,
        session=asked.session,
        members=frozenset((each.site, each.dataset) for each in asked.members),
        rows=sha256_hex(canonical(rows)),
        snapshot=snapshot,
        model=asked.model,
        point=asked.point,
    )


def _read(kept: ReleasedTables) -> Left:
    found: Mapping[str, Any] = parse_object(kept.body)
    members = frozenset((site, dataset) for site, dataset in found["members"])
    return Left(**{**found, "members": members})


def _key(ports: Ports, agreement: Agreement, session: str) -> str:
    return public_key(_secret(ports, agreement, session)).hex()


def _secret(ports: Ports, agreement: Agreement, session: str) -> bytes:
    return keys.session_key(ports, agreement.consumer, agreement.id, session)
