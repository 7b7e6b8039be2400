"""Persons of this node decide on each use under a contract, where it was made so.

Rules: who asks is told to ask again, and nothing is charged, until all roles have accepted; a
decision is on what was asked, to the byte, and of a job on the recipe that would run; a use is
judged anew once it is decided. A contract keeps the review under which it was drawn up, whatever
its offer says later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from connector.domain import instant
from connector.domain.catalog.review import Review
from connector.domain.contract.approval import Approval, ApprovalState, Subject
from connector.domain.contract.negotiation import Agreement
from connector.domain.decision import Refusal
from connector.errors import ApprovalAwaited, ApprovalDiffers
from connector.jsonld.canonical import canonical, sha256_hex
from connector.ports import Ports, Transaction
from connector.services.approval import asking

AGAIN_SECONDS: Final = 10.0  # until who asks may ask again
_OTHER_RECIPE: Final = "the training recipe of this site is not the one that was decided on"
_ANEW: Final = "submit it under a new id, so that persons decide on it"
_UNDECIDED: Final = frozenset({ApprovalState.PENDING})
_NO: Final = frozenset({ApprovalState.REFUSED, ApprovalState.LAPSED, ApprovalState.VOID})


@dataclass(frozen=True, slots=True)
class Use:
    """What a consumer asks to do under a contract.

    Attributes:
        peer: DID of who asks.
        name: its own id of what it asks.
        asked: the exact bytes of what it asks.
        figures: what it would do and cost, one line for people.
        recipe: SHA-256 (hex) of the training recipe that would run here; empty but for jobs.
    """

    peer: str
    name: str
    asked: bytes = b""
    figures: str = ""
    recipe: str = ""

    @property
    def request(self) -> str:
        """SHA-256 (hex) of what it asks."""
        return sha256_hex(self.asked)

    @property
    def id(self) -> str:
        """Our id of the decision on it."""
        return f"urn:preau:use:{sha256_hex(canonical([self.peer, self.name]))[:32]}"


def check_waiting(ports: Ports, use: Use) -> None:
    """See that nobody is still to decide, before anything dear is done. Cheap.

    Raises:
        ApprovalAwaited: persons have yet to decide.
        ApprovalDiffers: something else was asked under that name before.
    """
    with ports.store.read() as tx:
        found = _found(tx, use)
    if found is not None and found.state in _UNDECIDED and runs(found, use.recipe):
        raise awaited(found)


def check(ports: Ports, agreement: Agreement, use: Use) -> Refusal | None:
    """Return why persons do not allow a use; None where they do, or nobody decides.

    Raises:
        ApprovalAwaited: persons have yet to decide; they are asked now, if they were not.
        ApprovalDiffers: something else was asked under that name before.
        TooManyRequests: as much waits for the consumer as may.
    """
    if agreement.review is None:
        return None
    with ports.store.write() as tx:
        found = _found(tx, use) or _ask(ports, tx, agreement, agreement.review, use)
    if not runs(found, use.recipe):
        return Refusal(ApprovalDiffers.code, (_OTHER_RECIPE,))
    if found.state in _UNDECIDED:
        raise awaited(found)
    return Refusal(found.code, (found.reason,)) if found.state in _NO else None


def runs(found: Approval, recipe: str) -> bool:
    """Whether a recipe is the one decided on; any is where none was stated (earlier releases)."""
    return found.recipe in ("", recipe)


def check_recipe(ports: Ports, use: Use) -> None:
    """See that what runs is what persons decided on, where they did.

    Raises:
        ApprovalDiffers: it is another recipe.
    """
    with ports.store.read() as tx:
        found = tx.approvals.get(use.id)
    if found is not None and not runs(found, use.recipe):
        raise ApprovalDiffers(_OTHER_RECIPE, hint=_ANEW)


def void(ports: Ports, tx: Transaction, peer: str, name: str, code: str) -> None:
    """Note that nothing is left to decide on: the use was refused or called off otherwise."""
    asking.moot(tx, Use(peer, name).id, ports.clock.now(), code)


def _found(tx: Transaction, use: Use) -> Approval | None:
    found = tx.approvals.get(use.id)
    if found is not None and found.request != use.request:
        raise ApprovalDiffers(
            f"`{use.name}` does not wait for a decision here, or was decided on already", hint=_ANEW
        )
    return found


def _ask(ports: Ports, tx: Transaction, agreement: Agreement, review: Review, use: Use) -> Approval:
    asking.check_room(ports, tx, use.peer, Subject.USE)
    about = {
        "id": use.id,
        "peer": use.peer,
        "dataset_id": agreement.dataset_id,
        "subject": Subject.USE,
        "agreement_id": agreement.id,
        "request": use.request,
        "figures": use.figures,
        "asked": use.asked,
        "recipe": use.recipe,
    }
    facts = {"agreement": agreement.id, "use": use.name, "digest": use.request}
    facts |= {"recipe": use.recipe} if use.recipe else {}
    return asking.begin(ports, tx, review, about, **facts)


def awaited(found: Approval) -> ApprovalAwaited:
    """Return what is told to who asks for what persons have yet to decide on."""
    until = instant.text(found.lapses_at)
    return ApprovalAwaited(
        f"waits for a person of the provider, until {until} at most", retry_after=AGAIN_SECONDS
    )
