"""Tells an address of the institution that something waits for a decision.

Rules: what is told is what waits, who asks and until when: no person, no term, no figure. It is
signed with the node's key and posted through the guarded client of peers' addresses. A try is
written down before it is made, so that a restart or another replica does not repeat it at once.
What fails is tried `MOST_TRIES` times, then given up and logged; nothing waits for it.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from typing import Final

from connector.domain import instant
from connector.domain.contract.approval import Approval, ApprovalState, Happening
from connector.errors import PreauError, StoreUnavailable
from connector.identity import jws
from connector.jsonld.canonical import canonical
from connector.ports import Ports

TYPE: Final = "preau-approval+jws"
MOST_TRIES: Final = 6
FIRST_PAUSE: Final = timedelta(minutes=1)  # doubles

_log = logging.getLogger(__name__)


def after(ports: Ports, found: Approval, happening: Happening) -> Approval:
    """Return an approval whose happening is to be told; as it is where nobody wants to know."""
    if not ports.settings.notice_url:
        return found
    return replace(found, notice=happening, tries=0, try_at=ports.clock.now())


def turn(ports: Ports) -> bool:
    """Tell one thing that is due, and return whether more is.

    An address that answers slowly delays other notices, and nothing else of this thread's.

    Raises:
        StoreUnavailable: the database did not answer; what was tried is tried again later.
    """
    now = ports.clock.now()
    with ports.store.read() as tx:
        pending = tx.approvals.page(limit=0, state=ApprovalState.PENDING).values
    due = [each.id for each in pending if each.try_at is not None and each.try_at <= now]
    if due:
        _tell(ports, due[0])
    return len(due) > 1


def body(ports: Ports, found: Approval) -> bytes:
    """Return what is posted: the notice, and a detached JWS over its RFC 8785 bytes.

    Raises:
        KeyUnusable: our key cannot sign.
    """
    notice = {
        "type": "approval",
        "happening": found.notice.value,
        "approval": found.id,
        "node": ports.settings.did,
        "peer": found.peer,
        "dataset": found.dataset_id,
        "roles": list(found.missing),
        "lapses": instant.text(found.lapses_at),
    }
    signature = jws.sign_detached(ports.signer, canonical(notice), TYPE)
    return canonical({"notice": notice, "signature": signature})


def _tell(ports: Ports, name: str) -> None:
    claimed = _claimed(ports, name)
    if claimed is None:
        return
    try:
        ports.web.post(ports.settings.notice_url, body(ports, claimed))
    except StoreUnavailable:
        raise
    except PreauError as exc:
        _log.warning("notice of approval `%s`: %s: %s", name, exc.code, exc.reason)
        if claimed.tries >= MOST_TRIES:
            _settle(ports, claimed, "approval.untold", exc.code)
    else:
        _settle(ports, claimed, "approval.told", "")


def _claimed(ports: Ports, name: str) -> Approval | None:
    """Write down that a try begins; None where another replica was first, or nothing is due."""
    now = ports.clock.now()
    with ports.store.write() as tx:
        found = tx.approvals.lock(name)
        if found is None or found.state is not ApprovalState.PENDING:
            return None
        if found.try_at is None or found.try_at > now or not ports.settings.notice_url:
            return None
        wait = FIRST_PAUSE * 2**found.tries
        claimed = replace(found, tries=found.tries + 1, try_at=now + wait)
        tx.approvals.put(claimed)
        return claimed


def _settle(ports: Ports, claimed: Approval, kind: str, code: str) -> None:
    with ports.store.write() as tx:
        found = tx.approvals.lock(claimed.id)
        if found is None or (found.notice, found.tries) != (claimed.notice, claimed.tries):
            return  # something newer is to be told
        tx.approvals.put(replace(found, notice=Happening.NONE, try_at=None))
        facts = {"code": code} if code else {}
        tx.audit.append(kind, claimed.id, happening=claimed.notice.value, **facts)
