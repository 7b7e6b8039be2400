"""A consumer asks for a use of a contract, and takes in the answer.

Rules: a request is signed and kept before it is sent, so that it is the same when it is sent again;
an answer counts only with the provider's signed statement of the very bytes, made by the plan that
both signed. What only the consumer knows is stated as the contract demands it, unless the caller
says otherwise: whoever asks under a contract means to keep to it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from connector.domain.contract.negotiation import Agreement
from connector.domain.federation import identifier
from connector.domain.transfer.extract import Content
from connector.domain.transfer.requested import Requested
from connector.enforcement import figures
from connector.enforcement.asked import Asked, read_asked, spends
from connector.enforcement.mechanisms import tables
from connector.enforcement.plan import Use
from connector.enforcement.steps import registry as steps
from connector.enforcement.steps.generalise import YEARS
from connector.enforcement.steps.minimise import ANY_OF, AT_LEAST, AT_MOST, NONE_OF
from connector.enforcement.steps.request import TableRequest
from connector.enforcement.steps.spending import Spending
from connector.enforcement.steps.sum_request import SumRequest
from connector.errors import (
    AgreementUnknown,
    ApprovalAwaited,
    Malformed,
    SignatureInvalid,
    TableRefused,
    UseRefused,
    WorldFault,
)
from connector.identity import document as documents
from connector.identity import jws
from connector.identity.receipts import transfer_receipt
from connector.jsonld.canonical import sha256_hex
from connector.ports import Ports
from connector.protocol.use_messages import UseAnswer, UseRequest
from connector.services.duties import uses
from connector.services.membership import dealing
from connector.services.negotiation import agree, described, plans
from connector.services.use import referring
from connector.services.use.deciding import REQUEST_TYPE
from policies_odrl import Operator, Policy
from policies_odrl.values import name, number

CALL_SECONDS: Final = 30.0
_MOST_SHOWN: Final = 10
_DAY: Final = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_DEMANDS: Final = frozenset({Operator.EQ, Operator.IS_A, Operator.IS_ANY_OF, Operator.LTEQ})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the operator of the consumer's node wants.

    Attributes:
        action: IRI.
        columns: of rows; none for all that may leave.
        cells: a table; None for rows.
        sums: a sum over sites that is to be added to; None for rows and tables.
        format: of the file; empty for what the plan prefers.
        stated: operand, as an IRI or by its name alone -> values, in place of what the contract
            demands.
        request_id: `urn:uuid:…` to ask under, which the caller wrote down before; empty: a new one.
    """

    action: str
    columns: tuple[str, ...] = ()
    cells: TableRequest | None = None
    sums: SumRequest | None = None
    format: str = ""
    stated: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a provider answered.

    Attributes:
        agreement: contract under which it was asked.
        request_id: ours; the same may be sent again.
        state: `refused`, `waiting` (for a person), `preparing`, `ready`, `referred`, `failed` or
            `gone`.
        code: of a refusal or failure.
        reasons: of a refusal or failure.
        extract_id: the provider's id of what it prepares.
        content: of the file, as the provider signed it; None unless it is ready.
        data: of a small table; else empty.
        referral: to a third party, as the provider signed it; else empty.
        spent: by a table with noise that is ready; None of others.
        cells: the table that was asked for; None of rows.
    """

    agreement: str
    request_id: str
    state: str
    code: str = ""
    reasons: tuple[str, ...] = ()
    extract_id: str = ""
    content: Content | None = None
    data: bytes = b""
    referral: str = ""
    spent: Spending | None = None
    cells: TableRequest | None = None


def ask(ports: Ports, agreement_id: str, wanted: Wanted) -> Answered:
    """Ask for a use of a contract; the id of a request of ours asks for its answer again.

    Raises:
        AgreementUnknown: this node is no consumer of such a contract.
        UseRefused: the contract permits no such action.
        TableRefused: the table names a column that the dataset does not have.
        Malformed: the id to ask under is none.
        KeyUnusable: our key cannot sign.
        PeerUnreachable: the provider does not answer; `again` asks the same.
        PreauError: the provider refused the call.
    """
    with ports.store.read() as tx:
        known = tx.requests.get(ports.settings.did, wanted.request_id or agreement_id)
    if known is not None:
        return again(ports, known.request_id)
    if wanted.request_id and identifier.uuid_in(wanted.request_id) is None:
        raise Malformed("the id of the request is not a `urn:uuid:…`")
    agreement = _contract(ports, agreement_id)
    use = plans.plan_of(agreement).of(wanted.action)
    if use is None:
        raise UseRefused("the contract does not permit this action")
    policy = agree.policy_of(agreement, ports.mechanisms.profiles)
    own, now = ports.settings.did, ports.clock.now()
    asked = Asked(
        id=wanted.request_id or ports.ids.new(),
        agreement=agreement.id,
        provider=agreement.provider,
        consumer=own,
        action=wanted.action,
        columns=wanted.columns,
        cells=_spelled(ports, agreement, wanted.cells, use) if wanted.cells else None,
        sums=wanted.sums,
        format=wanted.format,
        stated={
            **demanded(policy, wanted.action),
            **{_operand(left): values for left, values in wanted.stated.items()},
        },
        at=now.replace(microsecond=0),
    )
    data = asked.data()
    kept = Requested(
        consumer=own,
        request_id=asked.id,
        id=asked.id,
        agreement_id=agreement.id,
        action=asked.action,
        request=data,
        signature=jws.sign_detached(ports.signer, data, REQUEST_TYPE),
        digest=sha256_hex(data),
        at=now,
    )
    with ports.store.write() as tx:
        tx.requests.put(kept)
        facts = {"agreement": agreement.id, "action": asked.action, "request": kept.digest}
        tx.audit.append("use.asked", asked.id, **facts)
    return _sent(ports, agreement, kept)


def again(ports: Ports, request_id: str) -> Answered:
    """Send a request of ours again, and return what has become of it.

    Raises:
        AgreementUnknown: no such request, or its contract is gone.
        PeerUnreachable: the provider does not answer.
        PreauError: the provider refused the call.
    """
    kept = _kept(ports, request_id)
    return _sent(ports, _contract(ports, kept.agreement_id), kept)


def requested(ports: Ports, request_id: str) -> Asked:
    """Return a request of ours; nobody is asked anything.

    Raises:
        AgreementUnknown: no such request.
    """
    return read_asked(_kept(ports, request_id).request)


def demanded(policy: Policy, action: str) -> dict[str, tuple[str, ...]]:
    """Return what a request must state, where the contract leaves no choice: operand -> values."""
    found: dict[str, tuple[str, ...]] = {}
    for rule in policy.permissions:
        if rule.action.id != action:
            continue
        for item in figures.required(rule.constraints):
            if item.left in tables.STATED and item.operator in _DEMANDS and item.right:
                found.setdefault(item.left, (name(item.right[0]) or "",))
    return found


def _operand(left: str) -> str:
    """Return the IRI of an operand that a request can state, also of its name: `purpose`."""
    named = {re.split("[/#]", each)[-1]: each for each in tables.STATED}
    return named.get(left.rpartition(":")[2], left)


def _spelled(ports: Ports, agreement: Agreement, cells: TableRequest, use: Use) -> TableRequest:
    """Return a table whose filters compare columns of numbers with numbers, and with listed values.

    Raises:
        Malformed: a column of numbers is compared with another text, or a column with a value that
            its dictionary does not list.
    """
    with ports.store.read() as tx:
        facts = described.facts_of(tx, agreement)
    plan = steps.table(use.steps)
    coarse = {each.column: each.how for each in plan.generalise}
    numbers = {
        each.name
        for each in facts.columns
        if each.datatype == "number" or coarse.get(each.name) in YEARS
    }
    filters = (
        replace(each, values=tuple(map(_number, each.values))) if each.column in numbers else each
        for each in cells.filters
    )
    found = replace(cells, filters=tuple(filters))
    _check_known(found, {each.name for each in facts.columns}, plan.minimise.columns)
    _check_ordered(found, numbers)
    listed: dict[str, Collection[str]] = {
        each.name: each.meaning.values
        for each in facts.columns
        if each.name not in plan.generalised
    }
    _check_listed(found, listed | dict(plan.noise.units if plan.noise else {}))
    return found


def _check_known(cells: TableRequest, known: Collection[str], allowed: Sequence[str]) -> None:
    """Check that a table names columns of the dataset; which are allowed the provider says.

    Raises:
        TableRefused: it names another.
    """
    named = (
        *cells.dimensions,
        *(each.column for each in cells.filters),
        *(each.column for each in cells.measures if each.column),
        *cells.bins,
        *cells.moments,
    )
    if missing := [each for each in named if each not in known]:
        raise TableRefused(
            f"the dataset has no column `{missing[0]}`",
            hint=f"the contract allows {', '.join(allowed[:_MOST_SHOWN])}"
            f"{' …' if len(allowed) > _MOST_SHOWN else ''}",
        )


def _check_ordered(cells: TableRequest, numbers: Collection[str]) -> None:
    """Check that filters with `<=` and `>=` are of what has an order.

    Raises:
        Malformed: one is of texts.
    """
    for each in cells.filters:
        if each.column in numbers or each.test not in (AT_LEAST, AT_MOST):
            continue
        if not re.fullmatch(_DAY, str(each.values[0])):
            raise Malformed(
                f"`{each.column}` holds texts, which have no order",
                hint="compare days only, such as `2026-11-24`",
            )


def _check_listed(cells: TableRequest, listed: Mapping[str, Collection[str]]) -> None:
    """Check that filters name values of the dictionary.

    Of a column that is made coarser any is asked, where its plan does not list the units.
    """
    for each in cells.filters:
        known = listed.get(each.column, ())
        if not known or each.test not in (ANY_OF, NONE_OF):
            continue
        texts = isinstance(each.values[0], str) if each.values else True
        values = set(known if texts else map(float, known))
        if missing := [value for value in each.values if value not in values]:
            raise Malformed(
                f"`{missing[0]}` is not a value of `{each.column}`",
                hint=f"its dictionary lists {', '.join(list(known)[:_MOST_SHOWN])}"
                f"{' …' if len(known) > _MOST_SHOWN else ''}",
            )


def _number(value: str | float) -> int | float:
    if not isinstance(value, str):
        return value
    found = number(value)
    if found is None:
        raise Malformed(f"`{value}` is not a number, but the column holds numbers")
    return int(found) if found == int(found) else float(found)


def _kept(ports: Ports, request_id: str) -> Requested:
    with ports.store.read() as tx:
        kept = tx.requests.get(ports.settings.did, request_id)
    if kept is None:
        raise AgreementUnknown(f"this node has made no request `{request_id}`")
    return kept


def _contract(ports: Ports, agreement_id: str) -> Agreement:
    own = ports.settings.did
    with ports.store.read() as tx:
        found = agree.agreement_for(ports, tx, agreement_id, own)
    if found.consumer != own:
        raise AgreementUnknown(f"this node is not the consumer of agreement `{agreement_id}`")
    return found


def _sent(ports: Ports, agreement: Agreement, kept: Requested) -> Answered:
    message = UseRequest(kept.request_id, agreement.id, kept.request, kept.signature)
    provider = dealing.known(ports, agreement.provider, agreement.id)
    kind = UseRequest.__name__
    try:
        body = ports.wire.call(provider, kind, message.to_body(), seconds=CALL_SECONDS)
    except ApprovalAwaited as exc:
        return Answered(
            agreement=agreement.id,
            request_id=kept.request_id,
            state="waiting",
            reasons=(exc.reason,),
            cells=read_asked(kept.request).cells,
        )
    found = UseAnswer.from_body(body)
    if found.request_id != kept.request_id:
        raise WorldFault(f"`{agreement.provider}` answered a different request")
    content = spent = None
    if found.state == "referred":
        _note_referral(ports, agreement, kept, found.statement)
    elif found.statement:
        holder = documents.read(provider.document, provider.did)
        said = transfer_receipt.read(found.statement, holder)
        content, spent = _checked(agreement, found, said), _spent(agreement, kept)
        if said.events != (spent.events if spent else ()):
            raise Malformed("the provider charged the table otherwise than the plan says")
        _note(ports, agreement, kept, found.extract_id, content)
    return Answered(
        agreement=agreement.id,
        request_id=kept.request_id,
        state=found.state,
        code=found.code,
        reasons=found.reasons,
        extract_id=found.extract_id,
        content=content,
        data=found.content,
        referral=found.statement if found.state == "referred" else "",
        spent=spent,
        cells=read_asked(kept.request).cells,
    )


def _spent(agreement: Agreement, kept: Requested) -> Spending | None:
    """Return what a request of ours spends by the signed plan; None without noise."""
    use = plans.plan_of(agreement).of(kept.action)
    return None if use is None else spends(read_asked(kept.request), steps.asked_for(use.steps))


def _checked(agreement: Agreement, found: UseAnswer, said: transfer_receipt.Statement) -> Content:
    """Return the content of an answer, which is what the provider signed, by the plan of both."""
    about = (said.agreement, said.extract, said.provider, said.consumer)
    expected = (agreement.id, found.extract_id, agreement.provider, agreement.consumer)
    if about != expected or said.content.plan_digest != plans.digest_of(agreement):
        raise Malformed("the provider's statement is about another use")
    whole = (len(found.content), sha256_hex(found.content))
    if found.content and whole != (said.content.bytes, said.content.digest):
        raise SignatureInvalid("the table is not the one that the provider signed")
    return said.content


def _note_referral(ports: Ports, agreement: Agreement, kept: Requested, token: str) -> None:
    """Write down once that we were referred, once the referral is what the contract says."""
    found = referring.checked(agreement, kept.action, token, ports.clock.now())
    with ports.store.write() as tx:
        if not tx.audit.entries(subject=kept.request_id, kind="use.answered", limit=1):
            uses.note(ports, tx, agreement.id, found.id, kept.action)
            facts = {"agreement": agreement.id, "party": found.party, "referral": found.id}
            tx.audit.append("use.answered", kept.request_id, **facts)


def _note(
    ports: Ports, agreement: Agreement, kept: Requested, use_id: str, content: Content
) -> None:
    """Write down once what was made for us, and that the contract was used."""
    with ports.store.write() as tx:
        if not tx.audit.entries(subject=kept.request_id, kind="use.answered", limit=1):
            uses.note(ports, tx, agreement.id, use_id, kept.action)
            tx.audit.append(
                "use.answered",
                kept.request_id,
                agreement=agreement.id,
                digest=content.digest,
                source=content.source,
                rows=content.rows,
            )
