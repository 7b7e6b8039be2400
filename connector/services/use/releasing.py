"""What was made leaves, or is held until persons of this node have looked at it.

Rules: a plan with a review step holds each extract; nothing of it leaves before as many roles have
accepted the very bytes, by their digest. Acceptance and release are one transaction, as refusal and
the destruction of the key are. What was charged stays charged, and a table that was held counts
among those that left: persons of this node saw it, and others are judged beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any, Final

from connector.domain.catalog.review import LAPSE_HOURS, REMIND_HOURS, Decision, Review
from connector.domain.contract.approval import Approval, ApprovalState, Subject
from connector.domain.transfer.extract import KEPT, Extract, ExtractState
from connector.enforcement.asked import read_asked
from connector.enforcement.steps import registry as steps
from connector.enforcement.steps.refer import Refer
from connector.enforcement.steps.table import TableSteps
from connector.enforcement.wanted import described
from connector.errors import ApprovalClosed, ExtractUnavailable, NotFound
from connector.ports import Ports, Transaction
from connector.services.approval import asking, reviewing
from connector.services.duties import uses
from connector.services.lookup import require
from connector.services.negotiation import agree, plans, terms
from connector.services.transfer import starting

_EXTRACT: Final = "urn:uuid:"
_OUTPUT: Final = "urn:preau:output:"
_CHUNK: Final = 1 << 20  # bytes
_DEFAULT: Final = Review(Decision.USE, (), REMIND_HOURS, LAPSE_HOURS)


def note(ports: Ports, tx: Transaction, made: Extract) -> None:
    """Note that an extract is ready, or let persons look at it."""
    if made.state is ExtractState.HELD:
        _ask(ports, tx, made)
    else:
        tx.audit.append("use.ready", made.agreement_id, **_facts(made))
        starting.settle(ports, tx, made)


def check_room(ports: Ports, consumer: str, of_use: TableSteps | Refer) -> None:
    """See that one more output of a consumer may wait for persons, where its use has one reviewed.

    Raises:
        TooManyRequests: as many wait as may.
    """
    if isinstance(of_use, TableSteps) and of_use.review is not None:
        with ports.store.read() as tx:
            asking.check_room(ports, tx, consumer, Subject.OUTPUT)


def check_waiting(ports: Ports, extract_id: str) -> None:
    """See that an extract does not wait for persons.

    Raises:
        ApprovalAwaited: it does.
    """
    with ports.store.read() as tx:
        extract = tx.extracts.get(extract_id)
        held = extract is not None and extract.state is ExtractState.HELD
        found = tx.approvals.get(_name(extract_id)) if held else None
    if found is not None:
        raise reviewing.awaited(found)


def reasons(tx: Transaction, extract: Extract) -> tuple[str, ...]:
    """Return why persons did not let an extract leave; none where they did not decide on it."""
    found = tx.approvals.get(_name(extract.id))
    return (found.reason,) if found is not None and found.code == extract.code else ()


def content(ports: Ports, approval_id: str, role: str, offset: int) -> Iterator[bytes]:
    """Return the bytes that would leave, from an offset on; whoever looks is logged by role.

    Raises:
        NotFound: no output of that id.
        ApprovalClosed: it was decided, has lapsed, or has ended.
        RoleForbidden: the role does not decide.
    """
    with ports.store.write() as tx:
        found, extract = _held(tx, approval_id)
        chosen = found.check_role(role) if role else ""
        if offset == 0:
            facts = {"digest": extract.digest, "role": chosen}
            tx.audit.append("approval.viewed", found.id, peer=found.peer, **facts)
    return _chunks(ports, extract, offset)


def extract_of(tx: Transaction, found: Approval) -> Extract | None:
    """Return the extract that an approval is about; None for others, or once it is forgotten."""
    if found.subject is not Subject.OUTPUT:
        return None
    return tx.extracts.get(found.id.replace(_OUTPUT, _EXTRACT))


def release(ports: Ports, tx: Transaction, found: Approval) -> None:
    """Let an extract leave that all have accepted.

    Raises:
        ApprovalClosed: it is not there any more, or is not what they looked at.
        Unlawful: its contract does not stand now; nothing is decided.
    """
    _, extract = _held(tx, found.id)
    now = ports.clock.now()
    agree.agreement_for(ports, tx, extract.agreement_id, extract.consumer)
    left = replace(extract, state=ExtractState.READY, due_at=now + KEPT)
    tx.extracts.put(left)
    tx.audit.append("use.ready", left.agreement_id, **_facts(left), approval=found.id)
    starting.settle(ports, tx, left)


def withhold(ports: Ports, tx: Transaction, closed: Approval) -> None:
    """Destroy the key of an extract that persons refused, or did not decide on in time."""
    extract = extract_of(tx, closed)
    if extract is None or extract.state is not ExtractState.HELD:
        return
    gone = replace(extract, state=ExtractState.FAILED, code=closed.code, path="", sealed_key="")
    tx.extracts.put(gone)
    facts = {"use": gone.id, "digest": gone.digest, "cause": closed.code}
    tx.audit.append("use.gone", gone.agreement_id, **facts)
    starting.settle(ports, tx, gone)
    _take_back(ports, tx, gone)
    tx.after_commit(partial(ports.extracts.remove, extract.path))


def void(ports: Ports, tx: Transaction, extract: Extract) -> None:
    """Note that nothing is left to decide on: an extract that was held is gone."""
    asking.moot(tx, _name(extract.id), ports.clock.now(), ExtractUnavailable.code)
    _take_back(ports, tx, extract)


def _take_back(ports: Ports, tx: Transaction, extract: Extract) -> None:
    """Take back the use of which nothing came; what it was charged stays charged."""
    agreement = tx.agreements.get(extract.agreement_id)
    if agreement is not None and tx.uses.get(extract.id) is not None:
        uses.release(ports, tx, agreement, extract.id)


def _ask(ports: Ports, tx: Transaction, made: Extract) -> None:
    agreement = require(tx.agreements.get(made.agreement_id), "agreement", made.agreement_id)
    known = require(tx.requests.get(made.consumer, made.request_id), "request", made.request_id)
    asked = read_asked(known.request)
    use = plans.plan_of(agreement).of(asked.action)
    assert use is not None  # noqa: S101 - it was made by it
    step = steps.table(use.steps)
    assert step.review is not None  # noqa: S101 - it is held because of it
    review = replace(agreement.review or _DEFAULT, roles=_roles(ports, step.review.reviewers))
    figures = f"{described(asked, step)}: {made.rows} rows, {made.bytes} bytes, {made.format}"
    about = {
        "id": _name(made.id),
        "peer": made.consumer,
        "dataset_id": agreement.dataset_id,
        "subject": Subject.OUTPUT,
        "agreement_id": agreement.id,
        "request": made.digest,
        "figures": terms.one_line(f"{figures}; withheld: {made.suppressed}"),
    }
    tx.audit.append("use.held", made.agreement_id, **_facts(made))
    facts = {"agreement": agreement.id, "use": made.id, "digest": made.digest}
    asking.begin(ports, tx, review, about, **facts)


def _roles(ports: Ports, number: int) -> tuple[str, ...]:
    """Return who reviews: those whom the settings name first, then some without a name."""
    unnamed = (f"reviewer-{each}" for each in range(1, number + 1))
    return tuple(islice(dict.fromkeys((*ports.settings.reviewers, *unnamed)), number))


def _held(tx: Transaction, approval_id: str) -> tuple[Approval, Extract]:
    found = require(tx.approvals.get(approval_id), "approval", approval_id)
    if found.subject is not Subject.OUTPUT:
        raise NotFound(f"approval `{approval_id}` concerns a {found.subject.value}, not an output")
    extract = tx.extracts.lock(found.id.replace(_OUTPUT, _EXTRACT))
    there = extract is not None and extract.state is ExtractState.HELD
    if extract is None or not there or extract.digest != found.request:
        state = "void" if found.state is ApprovalState.PENDING else found.state.value
        raise ApprovalClosed(f"approval `{found.id}` is {state}: there is no output to review")
    return found, extract


def _chunks(ports: Ports, extract: Extract, offset: int) -> Iterator[bytes]:
    for at in range(offset, extract.bytes, _CHUNK):
        yield ports.extracts.read(extract, at, min(_CHUNK, extract.bytes - at)).tobytes()


def _name(extract_id: str) -> str:
    return extract_id.replace(_EXTRACT, _OUTPUT)


def _facts(made: Extract) -> dict[str, Any]:
    return {
        "use": made.id,
        "consumer": made.consumer,
        "plan": made.plan_digest,
        "snapshot": made.snapshot_digest,
        "salt": made.salt,
        "digest": made.digest,
        "rows": made.rows,
        "bytes": made.bytes,
    }
