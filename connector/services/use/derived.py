"""The use that a transfer of the Dataspace Protocol asks for: it names a contract, and no more.

Rules: it is the delivery of rows that the contract permits, with all that its steps let through.
Whoever asks under a contract states what the contract demands of a request: a purpose, a legal
basis, a retention, where it names one. Where it leaves a choice, or permits several deliveries, the
consumer needs a request of its own, and is refused. What is asked is decided as any request is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from connector.domain.contract.negotiation import Agreement
from connector.domain.participant import Participant
from connector.domain.transfer.requested import Requested
from connector.enforcement import figures
from connector.enforcement.asked import Asked
from connector.enforcement.mechanisms import deliver, tables
from connector.enforcement.plan import Use
from connector.enforcement.steps import registry as steps
from connector.enforcement.terms import USE
from connector.errors import StepUnknown, UseRefused, from_code
from connector.jsonld.canonical import sha256_hex
from connector.jsonld.profiles import Profiles
from connector.ports import Ports
from connector.protocol.use_messages import UseRequest
from connector.services.continuity import recovery
from connector.services.evidence.witness import check_peer
from connector.services.negotiation import agree, plans
from connector.services.use import deciding, room
from policies_odrl import Constraint, Literal, Operator, Policy
from policies_odrl.values import name

_REQUEST: Final = "urn:preau:transfer:"
_NAMES: Final = frozenset(
    {Operator.EQ, Operator.IS_A, Operator.IS_ANY_OF, Operator.IS_PART_OF, Operator.LTEQ}
)
_HINT: Final = "request a use first: a Préau node does so by `preau get`"


def ask(ports: Ports, caller: Participant, agreement_id: str, consumer_pid: str) -> Requested:
    """Decide about the use that a transfer asks for, once, and return the decision.

    Args:
        ports: of this node.
        caller: the consumer.
        agreement_id: the contract.
        consumer_pid: the consumer's id of the transfer.

    Raises:
        Unlawful: it is refused, or the contract needs a request of its own; the class says why.
        PreauError: as `deciding.receive_use`.
    """
    now, request_id = ports.clock.now(), _REQUEST + sha256_hex(consumer_pid.encode())
    with ports.store.read() as tx:
        known = tx.requests.get(caller.did, request_id)
        if known is None:
            recovery.check_within(ports, tx)
            check_peer(tx, caller.did)
            room.check(ports, tx, caller.did)
        agreement = agree.agreement_for(ports, tx, agreement_id, caller.did)
    if known is None:
        asked = derived(agreement, request_id, now, ports.mechanisms.profiles)
        message = UseRequest(request_id, agreement_id, asked.data(), "")
        known = deciding.decided(ports, message, asked)
    if known.code:
        raise from_code(known.code, "; ".join(known.reasons))
    return known


def derived(agreement: Agreement, request_id: str, now: datetime, profiles: Profiles) -> Asked:
    """Return what a transfer under a contract asks for.

    Raises:
        UseRefused: the contract needs a request of its own; the reason says why.
        AgreementTampered: its document cannot be read.
    """
    if agreement.review is not None:
        raise UseRefused("persons decide on each use of this contract", hint=_HINT)
    use = _use(agreement)
    policy = agree.policy_of(agreement, profiles)
    return Asked(
        id=request_id,
        agreement=agreement.id,
        provider=agreement.provider,
        consumer=agreement.consumer,
        action=use.action,
        stated=_stated(policy, use.action),
        at=now,
    )


def _use(agreement: Agreement) -> Use:
    """Return the one delivery of rows that a contract permits; `odrl:use` where it does that."""
    found = [each for each in plans.plan_of(agreement).uses if _delivers(each)]
    whole = [each for each in found if each.action == USE] or found
    if not whole:
        raise UseRefused(
            "the contract does not let rows leave by a transfer without a request", hint=_HINT
        )
    if any(each.steps != whole[0].steps for each in whole):
        raise UseRefused("the contract permits several deliveries", hint=_HINT)
    return whole[0]


def _delivers(use: Use) -> bool:
    if use.mechanism != deliver.NAME:
        return False
    try:
        steps.table(use.steps)
    except StepUnknown:
        return False
    return True


def _stated(policy: Policy, action: str) -> Mapping[str, tuple[str, ...]]:
    rules = [each for each in policy.permissions if each.action.id == action]
    atoms = [it for each in rules for it in figures.required(each.constraints)]
    demanded = [item for item in atoms if item.left in tables.STATED]
    return {item.left or "": (_value(item),) for item in demanded}


def _value(item: Constraint) -> str:
    """Return the one value that a constraint demands of a request.

    Raises:
        UseRefused: it leaves a choice.
    """
    if item.operator in _NAMES and len(item.right) == 1:
        value = item.right[0]
        found = value.lexical if isinstance(value, Literal) else name(value)
        if found:
            return found
    raise UseRefused(
        f"the contract allows several values of `{item.left}`, and a transfer cannot choose one",
        hint=_HINT,
    )
