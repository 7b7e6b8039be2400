"""Agreements that arrive changed, signed anew by the provider that changed them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from connector.domain import instant
from connector.identity import agreement as agreements
from connector.identity import jws
from connector.jsonld.canonical import canonical, parse_object
from connector.protocol import messages as m
from connector.services.negotiation import negotiate
from tests.support.link import DATASET, Call, Link

Change = Callable[[dict[str, Any]], None]


def tamper(pair: Link, kind: str, change: Callable[[m.Body], m.Body]) -> None:
    """Let messages of a kind arrive changed, by either way, as a dishonest sender writes them."""
    honest = pair.handle

    def handle(call: Call) -> Any:
        if call.kind == kind:
            message = m.KINDS[kind][0].from_body(call.body)
            return honest(replace(call, body=change(message).to_body()))
        answer: Any = honest(call)
        if answer.get("next_kind") != kind:
            return answer
        said = m.ContractNegotiation.from_body(answer)
        message = m.KINDS[kind][0].from_body(parse_object(said.next))
        return replace(said, next=canonical(change(message).to_body())).to_body()

    pair.handle = handle  # type: ignore[method-assign] - the test stands between the two


def negotiated(pair: Link) -> str:
    """Ask for the dataset; return what the consumer calls the negotiation."""
    found = negotiate.request(pair.lab.ports, pair.school.did, DATASET)
    pair.deliver(rounds=8)
    return found.pid


def rewritten(pair: Link, change: Change) -> Callable[[m.Body], m.Body]:
    """Return what changes an agreement and signs it anew with the provider's key."""

    def apply(message: m.Body) -> m.Body:
        assert isinstance(message, m.ContractAgreementMessage)
        document = json.loads(message.agreement)
        change(document)
        data = canonical(document)
        signer = pair.school.member.signer
        signature = jws.sign_detached(signer, data, agreements.SIGNATURE_TYPE)
        return replace(message, agreement=data, provider_signature=signature)

    return apply


def concluded(at: datetime) -> Change:
    """Say that the agreement was concluded at a time."""

    def change(document: dict[str, Any]) -> None:
        policy = document["agreement"]
        (name,) = policy.keys() & {"timestamp", "dspace:timestamp"}
        policy[name] = document["timestamp"] = instant.text(at)

    return change
