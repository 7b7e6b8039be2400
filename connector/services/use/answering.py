"""What a provider answers about a request that it has decided: its state, and what was made.

Rule: a table that is small comes with the answer, with the provider's signed statement of it; what
is larger is fetched by a transfer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from connector.domain.transfer.extract import Extract, ExtractState
from connector.domain.transfer.requested import Requested
from connector.enforcement.mechanisms import query, sums
from connector.enforcement.terms import ACCESS_ELSEWHERE
from connector.errors import RiskDrifted, SumRefused, TableRefused
from connector.identity.receipts import transfer_receipt
from connector.identity.receipts.transfer_receipt import Statement
from connector.ports import Ports
from connector.protocol.use_messages import MOST_CONTENT, UseAnswer
from connector.services.use import referring, releasing

_NOT_MADE: Final = "what was asked for could not be prepared"
# What a code comes to, where the consumer may know it: nothing of the rows.
_WHY: Final[Mapping[str, str]] = {
    TableRefused.code: "the table, alone or together with earlier ones, would reveal something "
    "about too few persons",
    SumRefused.code: "the sums would reveal something about too few persons: too many terms for "
    "the number of persons, a value or a pair of values that few have, "
    "coefficients at which few persons determine the sums, or an earlier sum "
    "over other sites",
    RiskDrifted.code: "the risk to persons, or the loss of information, would be larger than the "
    "contract's risk report says",
}


def answer(ports: Ports, known: Requested) -> Mapping[str, Any]:
    """Return the body of the answer to a request that was decided.

    Raises:
        KeyUnusable: our key cannot sign.
    """
    if known.code:
        refused = UseAnswer(known.request_id, "refused", known.code, known.reasons)
        return refused.to_body()
    with ports.store.read() as tx:
        extract = tx.extracts.get(known.id)
    if known.action == ACCESS_ELSEWHERE:
        token = referring.granted(ports, known)
        made = UseAnswer(known.request_id, "referred" if token else "gone", statement=token)
        return made.to_body()
    state = ExtractState.GONE if extract is None else extract.state
    if state is ExtractState.HELD:  # only by now: the next question hears who has to decide
        state = ExtractState.PREPARING
    if extract is None or state is not ExtractState.READY:
        code = extract.code if extract and state is ExtractState.FAILED else ""
        with ports.store.read() as tx:
            said = releasing.reasons(tx, extract) if extract and code else ()
        reasons = said or ((_WHY.get(code, _NOT_MADE),) if code else ())
        made = UseAnswer(known.request_id, state.value, code, reasons, known.id)
        return made.to_body()
    return UseAnswer(
        known.request_id,
        state.value,
        extract_id=extract.id,
        statement=_statement(ports, extract),
        content=_content(ports, known, extract),
    ).to_body()


def _statement(ports: Ports, extract: Extract) -> str:
    own = ports.settings.did
    with ports.store.read() as tx:
        charged = tx.reservations.get(extract.id)
    said = Statement(
        party=own,
        agreement=extract.agreement_id,
        extract=extract.id,
        provider=own,
        consumer=extract.consumer,
        content=extract.content,
        at=extract.made_at,
        events=charged.events.items if charged else (),
    )
    return transfer_receipt.make(ports.signer, said)


def _content(ports: Ports, known: Requested, extract: Extract) -> bytes:
    if known.action not in query.ACTIONS | sums.ACTIONS or extract.bytes > MOST_CONTENT:
        return b""
    return ports.extracts.read(extract, 0, extract.bytes).tobytes()
