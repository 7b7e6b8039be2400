"""A provider's decision about a use of its data that a consumer asks for.

Rules: a request is decided once: the same bytes get the same answer again, others under the same id
are refused. Nothing of the data is read before the contract, the steps of its plan and its policy
allow the use by the facts of this moment; what cannot be evaluated refuses. Acceptance, the extract
to be and the audit event are one transaction. Preparing it is `preparing.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from connector.domain.catalog.dataset import Dataset
from connector.domain.contract.negotiation import Agreement
from connector.domain.contract.use import UseRecord
from connector.domain.decision import Refusal
from connector.domain.participant import Participant
from connector.domain.transfer.extract import WAKEUP, Extract, ExtractState
from connector.domain.transfer.requested import Requested
from connector.enforcement import asked as asking
from connector.enforcement.asked import Asked
from connector.enforcement.decide import decide
from connector.enforcement.history import History
from connector.enforcement.mechanisms import tables
from connector.enforcement.plan import Use
from connector.enforcement.steps import registry as steps
from connector.enforcement.steps.refer import Refer
from connector.enforcement.steps.table import TableSteps
from connector.enforcement.terms import AGE, MEMBERSHIP
from connector.enforcement.wanted import described
from connector.errors import (
    AgreementUnknown,
    ApprovalAwaited,
    DataUnchecked,
    Malformed,
    PreauError,
    StepUnknown,
    TooManyRequests,
    Unlawful,
    UseRefused,
)
from connector.identity import document as documents
from connector.identity import jws
from connector.identity.key import Relationship
from connector.jsonld.canonical import sha256_hex
from connector.ports import Ports, Transaction
from connector.protocol.use_messages import UseRequest
from connector.services.approval import reviewing
from connector.services.continuity import counting, recovery
from connector.services.duties import keeping, uses
from connector.services.duties.uses import ATTEMPTS
from connector.services.evidence.own_log import COUNTED
from connector.services.evidence.witness import check_peer
from connector.services.membership import belonging
from connector.services.negotiation import agree, plans, terms
from connector.services.publication.verdicts import passed
from connector.services.use import attesting, referring, releasing, room, summing
from connector.services.use.answering import answer
from connector.services.use.charging import Charge, priced, reserve
from policies_odrl.algebra.domain import Fact

REQUEST_TYPE: Final = "preau-use+jws"
WAIT_SECONDS: Final = 5.0  # for what is prepared at once, so that nobody need ask again


@dataclass(frozen=True, slots=True)
class Case:
    """What a request is about.

    Attributes:
        asked: as its consumer signed it.
        agreement: the contract.
        dataset: what it is about.
        use: of the signed plan.
    """

    asked: Asked
    agreement: Agreement
    dataset: Dataset
    use: Use

    @property
    def steps(self) -> TableSteps | Refer:
        """The steps of the use, typed.

        Raises:
            StepUnknown: they are none that this node can execute.
        """
        return steps.asked_for(self.use.steps)


def receive_use(ports: Ports, caller: Participant, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Decide about a use, once, and return the decision with what has become of it.

    Raises:
        Malformed: the message cannot be read, or its id is known with other content.
        SignatureInvalid: the caller did not sign it.
        InRecovery: this node went back to an older state.
        PeerRolledBack: the consumer's log went back, and its operator has not answered for it.
        ApprovalAwaited: persons have yet to decide.
        TooManyRequests: other uses were counted each time, or too many wait for persons.
        QuotaReached: the node holds as many extracts as it may.
    """
    message = UseRequest.from_body(body)
    with ports.store.read() as tx:
        known = tx.requests.get(caller.did, message.request_id)
        if known is None:
            recovery.check_within(ports, tx)
            check_peer(tx, caller.did)
            room.check(ports, tx, caller.did)
    if known is None:
        known = decided(ports, message, _verified(ports, caller, message))
    if known.digest != sha256_hex(message.request):
        raise Malformed(f"request `{message.request_id}` came with other content before")
    with ports.done.expected(known.id) as ended:
        if _waits(ports, known):
            ended.wait(WAIT_SECONDS)
    releasing.check_waiting(ports, known.id)
    return answer(ports, known)


def decided(ports: Ports, message: UseRequest, asked: Asked) -> Requested:
    """Decide about a new request, by all uses that are counted by then, and keep the decision.

    Args:
        ports: of this node.
        message: the request, of whom its sender is known to be.
        asked: the same, read.

    Raises:
        ApprovalAwaited: persons have yet to decide.
        TooManyRequests: other uses were counted each time, or too many wait for persons.
    """
    for _ in range(ATTEMPTS):
        history: History | None = None
        found: Refusal | Charge | None
        try:
            case = case_of(ports, asked)
            history = keeping.history_of(ports, case.agreement)
            found = _refusal(ports, case, history)
            spent = asking.spends(asked, case.steps) if found is None else None
            if spent is not None:
                found = priced(ports, case.agreement, case.dataset, spent)
        except (ApprovalAwaited, TooManyRequests):  # nothing is decided
            raise
        except (Unlawful, DataUnchecked) as exc:
            found = Refusal(exc.code, (exc.reason,))
        kept = _kept(ports, message, asked, found, history)
        if kept is not None:
            return kept
    raise TooManyRequests("other uses of the contract were counted meanwhile", hint="try again")


def _waits(ports: Ports, known: Requested) -> bool:
    with ports.store.read() as tx:
        extract = tx.extracts.get(known.id)
    return extract is not None and extract.state is ExtractState.PREPARING


def case_of(ports: Ports, asked: Asked) -> Case:
    """Return what a request is about.

    Raises:
        AgreementUnknown: no contract of this consumer's with us, or its dataset is gone.
        Unlawful: the contract has ended or is suspended, or permits no such use.
        StepUnknown: its plan has steps that this node cannot execute.
        DataUnchecked: the data file did not pass its check.
    """
    with ports.store.read() as tx:
        found = agree.agreement_for(ports, tx, asked.agreement, asked.consumer)
        dataset = tx.datasets.get(found.dataset_id)
        sound = dataset is not None and passed(tx, dataset)
    if found.provider != ports.settings.did or dataset is None:
        raise AgreementUnknown("the request names no agreement of this consumer's with us")
    if not sound:
        raise DataUnchecked(f"the data of `{dataset.id}` did not pass their check")
    use = plans.plan_of(found).of(asked.action)
    if use is None:
        raise UseRefused("the contract does not permit this action")
    return Case(asked, found, dataset, use)


def _verified(ports: Ports, caller: Participant, message: UseRequest) -> Asked:
    """Read a request, once the caller's signature over its exact bytes is verified."""
    holder = documents.read(caller.document, caller.did)
    jws.verify_detached(
        message.signature, message.request, holder, Relationship.ASSERTION, REQUEST_TYPE
    )
    asked = asking.read_asked(message.request)
    stated = (asked.id, asked.agreement, asked.consumer, asked.provider)
    if stated != (message.request_id, message.agreement_id, caller.did, ports.settings.did):
        raise Malformed("the request was signed for another message")
    return asked


def _refusal(ports: Ports, case: Case, history: History | None) -> Refusal | None:
    """Return why a use is not allowed now, or None.

    The caller has judged the consumer's membership of this node's space.
    """
    mechanism = ports.mechanisms.of(case.use.action)
    if mechanism is None or mechanism.name != case.use.mechanism:
        raise StepUnknown(f"this node has no mechanism `{case.use.mechanism}` for the action")
    found = asking.beyond(case.asked, case.steps)
    if found is not None:
        return found
    if isinstance(case.steps, TableSteps):
        digest, sums = case.dataset.file.digest, case.asked.sums
        found = summing.refusal(ports, case.agreement, case.steps, sums, digest)
    if found is not None:
        return found
    releasing.check_room(ports, case.asked.consumer, case.steps)
    profiles = ports.mechanisms.profiles
    policy = agree.policy_of(case.agreement, profiles)
    changed = terms.other_version(policy, agree.coverage_of(case.agreement), ports.mechanisms)
    if changed:
        reason = f"profile `{changed}` is here in another version than was signed"
        return Refusal(UseRefused.code, (reason,))
    with ports.store.read() as tx:
        nothing_left = counting.forfeited(tx, case.agreement.id)
    if nothing_left is not None:
        return nothing_left
    known = _established(ports, case.agreement)
    facts = asking.use_facts(case.asked, case.steps, policy, known, ports.clock.now())
    refusal = decide(policy, replace(facts, history=history), mechanism, profiles)
    return refusal or reviewing.check(ports, case.agreement, _reviewed(case))


def _reviewed(case: Case) -> reviewing.Use:
    """Return what persons decide on, where they do."""
    asked = case.asked
    figures = terms.one_line(described(asked, case.steps))
    return reviewing.Use(asked.consumer, asked.id, asked.data(), figures)


def _established(ports: Ports, agreement: Agreement) -> Mapping[str, tuple[Fact, ...]]:
    """Return what this node knows: nothing is a fact too, of which no value fits."""
    with ports.store.read() as tx:
        attested = attesting.attested(tx, agreement.id)
    space = belonging.named(ports.settings, agreement.space)
    stated: dict[str, tuple[Fact, ...]] = {
        left: attested.get(left) or ("none",) for left in tables.ATTESTED if left != AGE
    }
    if ages := attested.get(AGE):
        stated[AGE] = tuple(map(int, ages))
    return {MEMBERSHIP: space.memberships or ("none",), **stated}


def _kept(
    ports: Ports,
    message: UseRequest,
    asked: Asked,
    found: Refusal | Charge | None,
    history: History | None,
) -> Requested | None:
    """Keep a decision, and return the one that counts: another may have come before.

    Args:
        ports: of this node.
        message: the request.
        asked: the same, read.
        found: why it is refused, or what it is charged; None: it is granted, and costs nothing.
        history: by which it was decided; None where nobody keeps account of uses.

    Returns:
        None where other uses were counted or charged since it was decided: it is decided anew.
    """
    now = ports.clock.now()
    new = Requested(
        consumer=asked.consumer,
        request_id=message.request_id,
        id=ports.ids.new(),
        agreement_id=asked.agreement,
        action=asked.action,
        request=message.request,
        signature=message.signature,
        digest=sha256_hex(message.request),
        at=now,
    )
    with ports.store.write() as tx:
        known = tx.requests.lock(new.consumer, new.request_id)
        if known is not None:
            return known
        recovery.check_within(ports, tx)
        charge = found if isinstance(found, Charge) else None
        refusal = found if isinstance(found, Refusal) else None
        refusal = refusal or lapsed(ports, tx, asked.agreement, asked.consumer)
        if refusal is not None:
            reasons = tuple(terms.one_line(each) for each in refusal.reasons)
            new = replace(new, request=b"", signature="", code=refusal.code, reasons=reasons)
            reviewing.void(ports, tx, new.consumer, new.request_id, new.code)
            tx.audit.append("use.refused", new.agreement_id, **_facts(new), code=new.code)
        elif not (_claimed(ports, tx, new, history) and _charged(ports, tx, new, charge)):
            return None
        else:
            _grant(ports, tx, new, asked, history)
        tx.requests.put(new)
    return new


def _claimed(ports: Ports, tx: Transaction, new: Requested, history: History | None) -> bool:
    """Count a use, unless others were counted since it was decided; return whether."""
    if history is None:
        return True
    use = UseRecord(new.id, new.agreement_id, new.action, new.at, None)
    return uses.claim(ports, tx, _agreement(tx, new), use, len(history.uses))


def _charged(ports: Ports, tx: Transaction, new: Requested, charge: Charge | None) -> bool:
    """Set aside what a use costs, unless others were charged since; return whether."""
    if charge is None or reserve(ports, tx, charge, new.id):
        return True
    if tx.uses.get(new.id) is not None:
        uses.release(ports, tx, _agreement(tx, new), new.id)
    return False


def _grant(
    ports: Ports, tx: Transaction, new: Requested, asked: Asked, history: History | None
) -> None:
    """Let a use be made that is counted and charged."""
    agreement = _agreement(tx, new)
    if history is not None:
        tx.audit.append(COUNTED, agreement.id, use=new.id, before=len(history.uses))
        tx.after_commit(partial(recovery.note, ports))
    tx.audit.append("use.accepted", agreement.id, **_facts(new))
    step = referring.step_of(agreement, new.action)
    if step is not None:
        referring.note(tx, new, agreement, step)
        uses.end(tx, new.id, new.at)
        return
    tx.extracts.put(_extract(agreement, new, asked))
    tx.after_commit(partial(ports.wakeups.notify, WAKEUP))


def _agreement(tx: Transaction, new: Requested) -> Agreement:
    agreement = tx.agreements.get(new.agreement_id)
    assert agreement is not None  # noqa: S101 - `lapsed` has looked
    return agreement


def lapsed(ports: Ports, tx: Transaction, agreement_id: str, consumer: str) -> Refusal | None:
    """Return why a contract does not stand now, whatever it was when it was read; or None."""
    try:
        agree.agreement_for(ports, tx, agreement_id, consumer)
    except PreauError as exc:
        return Refusal(exc.code, (exc.reason,))
    return None


def _extract(agreement: Agreement, new: Requested, asked: Asked) -> Extract:
    use = plans.plan_of(agreement).of(new.action)
    assert use is not None  # noqa: S101 - the case was made from it
    return Extract(
        id=new.id,
        agreement_id=new.agreement_id,
        consumer=new.consumer,
        request_id=new.request_id,
        plan_digest=plans.digest_of(agreement),
        format=asked.format or steps.table(use.steps).release.formats[0],
        made_at=new.at,
    )


def _facts(new: Requested) -> dict[str, Any]:
    return {
        "use": new.id,
        "consumer": new.consumer,
        "action": new.action,
        "request": new.digest,
    }
