"""A site's part in an evaluation without noise: its key, whom it counts with, and what it keeps.

Rules: a site signs its key of a job in its receipt of the last round that trains; the sites of the
sum are those whose receipts of that round the lead shows, each verified, with a key; all sites of a
sum are shown the very same, whose digest is in every mask. What a dataset added to before binds it
(`federated/aggregation/sets.py`); an evaluation is counted in the transaction that lets it leave.
Cells are made and masked in the confined worker, and never seen here. ε is not charged: no ε says
what exact counts tell.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from connector.domain.catalog.dataset import Dataset
from connector.domain.contract.negotiation import Agreement
from connector.domain.decision import Refusal
from connector.domain.federation.frames import Round
from connector.domain.transfer.requested import ReleasedTables
from connector.enforcement.mechanisms import evaluation, train
from connector.enforcement.steps.evaluating import ExactEvaluation
from connector.errors import JobRefused, RoundRefused, SumRefused
from connector.identity.receipts import round_receipt
from connector.jsonld.canonical import canonical, sha256_hex
from connector.ports import Ports, Transaction
from connector.services.negotiation.plans import plan_of
from connector.services.privacy.suppression import suppressed
from connector.services.use import keys, summing
from federated.aggregation import Left, Side, agreed, public_key, side, why_not
from federated.errors import StatisticUnfit
from federated.job import JobManifest, render
from federated.persons import Suppressed
from federated.task.feature import REFUSE

_JOB: Final = "job "  # before the job's id: no session of other sums has its key


@dataclass(frozen=True, slots=True)
class Held:
    """The persons whom a site evaluates on.

    Attributes:
        manifest: of the job.
        agreement: the site's contract.
        dataset: of it.
        source: SHA-256 (hex) of the file that is read.
        suppressed: persons whose rows are as if they were not there.
    """

    manifest: JobManifest
    agreement: Agreement
    dataset: Dataset
    source: str
    suppressed: Suppressed

    @property
    def step(self) -> ExactEvaluation:
        """What the contract says.

        Raises:
            JobRefused: it permits none.
        """
        return step_of(self.agreement)

    @property
    def rows(self) -> str:
        """Digest of all that decides whose rows are counted."""
        stated, refuse = render(self.manifest), {"kind": REFUSE}
        of = {
            "tests": [each.body() for each in train.rows_of(plan_of(self.agreement))],
            "file": self.source,
            "suppressed": sha256_hex(b"".join(sorted(self.suppressed.digests))),
            "unit": stated["unit"],
            "target": stated["target"],
            "needed": [each for each in stated["features"] if each.get("missing") == refuse],
        }
        return sha256_hex(canonical(of))

    def left(self, members: Collection[tuple[str, str]], context: str, digest: str) -> Left:
        """Return what is kept of a sum over some sites and their datasets."""
        return Left(
            context=context,
            session=self.manifest.job,
            members=frozenset(members),
            rows=self.rows,
            snapshot="",
            model="",
            point=digest,
            held=self.agreement.id,
        )


@dataclass(frozen=True, slots=True)
class Added:
    """A sum that a site adds to.

    Attributes:
        held: whom it counts.
        left: what is kept of it.
        sides: masks, one for each other site.
    """

    held: Held
    left: Left
    sides: tuple[Side, ...]


def step_of(agreement: Agreement) -> ExactEvaluation:
    """Return what a contract says of evaluations without noise.

    Raises:
        JobRefused: it permits none.
    """
    found = evaluation.step_of(plan_of(agreement))
    if found is None:
        raise JobRefused(evaluation.NOT_PERMITTED)
    return found


def held_of(ports: Ports, manifest: JobManifest, agreement: Agreement, dataset: Dataset) -> Held:
    """Return the persons whom a site evaluates on, as they are now."""
    left_out = suppressed(ports, dataset.register_id)
    return Held(manifest, agreement, dataset, dataset.file.digest, left_out)


def refusal(ports: Ports, held: Held) -> Refusal | None:
    """Return why a job would be evaluated by no sum, beside all that left; None where it may."""
    if not held.manifest.exact:
        return None
    named = {(each.site, each.dataset) for each in held.manifest.contracts}
    with ports.store.read() as tx:
        kept = _kept(tx, held)
    bound = {each.members for each in kept if each.members <= named}
    fault = _fault(kept, held, held.left(next(iter(bound), frozenset(named)), "", ""))
    return Refusal(SumRefused.code, (fault,)) if fault else None


def key(ports: Ports, held: Held) -> str:
    """Return this site's public key of a job, hex; empty where it may be evaluated by no sum.

    Raises:
        KeyUnusable: the root key is lost, or cannot be used.
    """
    return "" if refusal(ports, held) is not None else _public(ports, held)


def added(ports: Ports, held: Held, frame: Round, digest: str) -> Added | None:
    """Return the sum that a round adds to; None where this site adds to none.

    Args:
        ports: of this site.
        held: whom it counts.
        frame: the round, whose receipts are verified.
        digest: of the model that is evaluated, SHA-256 in hex.

    Raises:
        RoundRefused: the receipts name no sum that a site may add to.
        KeyUnusable: the root key is lost, or cannot be used.
    """
    own, step = ports.settings.did, held.step
    found = _members(held.manifest, frame)
    if own not in found:
        return None
    if found[own] != _public(ports, held):
        raise RoundRefused("our receipt of the round before states another key than ours")
    if len(set(found.values())) != len(found):
        raise RoundRefused("two sites of a sum have the same key")
    if strangers := sorted(set(found) - {own, *step.sites}):
        raise RoundRefused(f"the contract does not name `{strangers[0]}` for an exact evaluation")
    if len(found) < step.minimum_sites:
        return None
    stated: dict[str, Any] = {
        "version": 1,
        "job": held.manifest.job,
        "manifest": sha256_hex(canonical(render(held.manifest))),
        "round": frame.number,
        "digest": digest,
        "keys": found,
    }
    context = sha256_hex(canonical(stated))
    members = [(it.site, it.dataset) for it in held.manifest.contracts if it.site in found]
    left = held.left(members, context, digest)
    with ports.store.read() as tx:
        if _fault(_kept(tx, held), held, left):
            return None
    secret, salt = _secret(ports, held), bytes.fromhex(context)
    try:
        sides = tuple(
            side(agreed(secret, bytes.fromhex(public)), own, site, salt)
            for site, public in sorted(found.items())
            if site != own
        )
    except StatisticUnfit as exc:
        raise RoundRefused(exc.reason) from exc
    return Added(held, left, sides)


def keep(ports: Ports, tx: Transaction, job_id: str, this: Added) -> None:
    """Count a sum in the transaction that lets it leave.

    Args:
        ports: of this site.
        tx: that stores the answer.
        job_id: as this site keeps the job.
        this: the sum.

    Raises:
        SumRefused: it may not leave any more, beside what left meanwhile.
    """
    held, left = this.held, this.left
    tx.registers.lock(held.dataset.register_id)  # sums of a population, one by one
    if fault := _fault(_kept(tx, held), held, left):
        raise SumRefused(fault)
    kept = ReleasedTables(
        use_id=f"{_JOB}{job_id}",
        dataset_id=summing.kept_under(held.dataset.id),
        body=summing.written(left),
        at=ports.clock.now(),
    )
    tx.released.put(kept)
    sites = sorted(site for site, _ in left.members)
    tx.audit.append("job.counted", job_id, sites=sites, model=left.point, sum=left.context)


def _members(manifest: JobManifest, frame: Round) -> dict[str, str]:
    """Return the key of each site of a sum: of those that answered the round before, with one."""
    found: dict[str, str] = {}
    for token in frame.receipts:
        receipt = round_receipt.unverified(token)  # verified, see `following.py`
        if receipt.round != manifest.rounds or receipt.site not in frame.answered:
            continue
        if found.get(receipt.site, receipt.key) != receipt.key:
            raise RoundRefused(f"two receipts of `{receipt.site}` state two keys")
        found[receipt.site] = receipt.key
    return {site: stated for site, stated in found.items() if stated}


def _fault(kept: Sequence[Left], held: Held, new: Left) -> str:
    return why_not(kept, new, held.step.evaluations)


def _kept(tx: Transaction, held: Held) -> list[Left]:
    return summing.left_before(tx, held.dataset.id)


def _public(ports: Ports, held: Held) -> str:
    return public_key(_secret(ports, held)).hex()


def _secret(ports: Ports, held: Held) -> bytes:
    session = f"{_JOB}{held.manifest.job}"
    return keys.session_key(ports, held.agreement.consumer, held.agreement.id, session)
