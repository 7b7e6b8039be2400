"""What a site must see of the rounds before, so that it may answer the next one.

Rules: a site answers a round only when receipts show that a quorum of sites read one model in the
round before, and when the last round that it signed itself was compared with the others' receipts
of it. So a lead that gives a site a model of its own is found before the site answers again,
however many rounds lie between. A site that missed rounds, or accepts late, may answer the next
one: who has no receipt of the round before is shown the others'. A receipt of our own of a round
that is not known here says that we forgot it: the job is counted in full. What the receipts of one
round have in common is `views.py`; a contradiction is logged with both texts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from connector.domain.federation.frames import Finish
from connector.domain.federation.job import Job, RoundRecord
from connector.errors import JobCancelled, PeerFault, RoundRefused, SplitView
from connector.identity.receipts import round_receipt
from connector.identity.receipts.round_receipt import RoundReceipt
from connector.ports import Ports, Transaction
from connector.services.federation import views
from connector.services.federation.receipts import documents_of, verified
from connector.services.federation.site.rounds import Ending, Shown, ending_of, one_line, remember
from connector.services.privacy import budget
from federated.job import JobManifest, JobState

# Of the round before, and of two of which one may be the last that we signed (`lead/sites.py`).
MOST_SHOWN: Final = 3


class Unshown(Exception):
    """The lead shows no receipts of the last round that we signed: it does not know which it is.

    Attributes:
        number: of that round.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"no receipts of round {number}")
        self.number = number


@dataclass(frozen=True, slots=True)
class _Group:
    """The receipts of one round that are shown: other sites', by their text, and whether ours."""

    number: int
    others: dict[str, RoundReceipt] = field(default_factory=dict)
    ours: bool = False


def check_before(
    ports: Ports,
    job: Job,
    manifest: JobManifest,
    before: int,
    tokens: Sequence[str],
    answered: Collection[str] = (),
) -> Shown | None:
    """Check the rounds before, as the receipts show them.

    Args:
        ports: of the site.
        job: ours; its `round` is the last that we signed.
        manifest: the job's.
        before: the round that is over; 0 before the first.
        tokens: receipts, as the lead handed them on.
        answered: sites that the lead says have answered it.

    Returns:
        What was shown of the last round that we signed, to be remembered; None when there is none,
        or when it was compared before.

    Raises:
        Unshown: no receipt of the last round that we signed is among them.
        RoundRefused: another receipt is missing, or one does not verify.
        SplitView: two sites were given different models or manifests; both receipts are logged.
    """
    if before == 0:
        return None
    with ports.store.read() as tx:
        last = _signed(tx, job.id, before) or _signed(tx, job.id, job.round)
    groups = _grouped(ports, job, manifest, tokens, before, last)
    shown = groups[before]
    if last is not None and last.round == before:
        entered = not answered or ports.settings.did in answered
        return _compared(ports, job, manifest, last, replace(shown, ours=entered), answered)
    _check_others(ports, job, manifest, shown, answered)
    if last is None or last.answered:
        return None
    if not groups[last.round].others:
        raise Unshown(last.round)
    return _compared(ports, job, manifest, last, groups[last.round], ())


def finished(ports: Ports, job: Job, manifest: JobManifest, frame: Finish) -> Ending:
    """Return what the lead's last frame means for our side of the job.

    Raises:
        StoreUnavailable: nothing can be written now.
    """
    if frame.outcome != "completed":
        return ending_of(frame)
    return concluded(ports, job, manifest, frame.receipts)


def concluded(ports: Ports, job: Job, manifest: JobManifest, tokens: Sequence[str]) -> Ending:
    """Return how a job ends at a site whose lead says that all its rounds are done.

    Raises:
        StoreUnavailable: nothing can be written now.
    """
    try:
        shown = check_before(ports, job, manifest, manifest.turns, tokens)
    except Unshown as exc:
        reason = f"the receipts of round {exc.number}, which we signed, were not shown"
        return Ending(JobState.FAILED, RoundRefused.code, reason)
    except PeerFault as exc:
        return Ending(JobState.FAILED, exc.code, one_line(exc.reason))
    if not job.round:
        reason = "the job was over before we answered a round"
        return Ending(JobState.CANCELLED, JobCancelled.code, reason)
    with ports.store.write() as tx:
        remember(tx, job.id, shown)
    return Ending(JobState.COMPLETED)


def _signed(tx: Transaction, job_id: str, number: int) -> RoundRecord | None:
    record = tx.rounds.get(job_id, number) if number else None
    return record if record is not None and record.receipts else None


def _grouped(
    ports: Ports,
    job: Job,
    manifest: JobManifest,
    tokens: Sequence[str],
    before: int,
    last: RoundRecord | None,
) -> dict[int, _Group]:
    """Return the receipts of the round before and of our last one, verified.

    Those of other rounds say nothing here: the lead may not know which round was our last.

    Raises:
        RoundRefused: one does not verify, or is of a round of ours that we do not know.
    """
    if len(tokens) > MOST_SHOWN * len(manifest.sites):
        raise RoundRefused(f"round {before} comes with more receipts than the job has sites")
    groups = {before: _Group(before)}
    if last is not None:
        groups.setdefault(last.round, _Group(last.round))
    known = documents_of(ports, manifest)
    for token in tokens:
        if last is not None and token == last.receipts[0]:
            groups[last.round] = replace(groups[last.round], ours=True)
            continue
        receipt = verified(ports, manifest, token, known=known, anew=True)
        older = receipt.round < job.round and receipt.round not in groups
        if receipt.site == ports.settings.did and not older:
            _count_forgotten(ports, job, receipt)
            raise RoundRefused(f"this node has made no such receipt of round {receipt.round}")
        if receipt.round in groups:
            groups[receipt.round].others[token] = receipt
    return groups


def _check_others(
    ports: Ports, job: Job, manifest: JobManifest, shown: _Group, answered: Collection[str]
) -> None:
    """Check that the others read one model in a round that we did not sign.

    Raises:
        RoundRefused: receipts are missing.
        SplitView: they did not.
    """
    found = sorted(shown.others.items(), key=lambda item: item[1].site)
    views.check_complete(shown.number, [each for _, each in found], answered, manifest.quorum)
    token, first = found[0]
    ours = replace(first, manifest=job.manifest_digest)
    _check_one(ports, job, token, ours, dict(found))


def _compared(
    ports: Ports,
    job: Job,
    manifest: JobManifest,
    last: RoundRecord,
    shown: _Group,
    answered: Collection[str],
) -> Shown:
    """Check that the others read the model that we read in a round that we signed.

    Raises:
        RoundRefused: receipts are missing.
        SplitView: they did not.
    """
    token = last.receipts[0]
    own = round_receipt.unverified(token)
    found = dict(sorted(shown.others.items(), key=lambda item: item[1].site))
    counted = [*([own] if shown.ours else []), *found.values()]
    views.check_complete(last.round, counted, answered, manifest.quorum)
    _check_one(ports, job, token, own, found)
    return Shown(last.round, (token, *found), tuple(each.site for each in counted))


def _check_one(
    ports: Ports, job: Job, token: str, one: RoundReceipt, others: dict[str, RoundReceipt]
) -> None:
    """Check that receipts name one model and manifest; log a contradiction.

    Raises:
        SplitView: they do not.
    """
    against = views.contradiction(one, list(others.values()))
    if against is None:
        return
    other = next(each for each, receipt in others.items() if receipt is against)
    with ports.store.write() as tx:
        tx.audit.append("job.view.split", job.id, round=one.round, ours=token, other=other)
    whom = "us" if one.site == ports.settings.did else f"`{one.site}`"
    raise SplitView(
        f"the lead sent {whom} another model of round {one.round} than `{against.site}`"
    )


def _count_forgotten(ports: Ports, job: Job, receipt: RoundReceipt) -> None:
    """Count a job in full whose lead shows our own receipt of a round that we do not know.

    Home and database went back together by less than peers are told of; nobody else can say how
    many rounds ran.
    """
    if receipt.round <= job.round:
        return
    with ports.store.write() as tx:
        budget.exhaust(tx, job.id)
        tx.audit.append("job.rounds.forgotten", job.id, known=job.round)
