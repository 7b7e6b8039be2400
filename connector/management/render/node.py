"""The node and its peers as views."""

from __future__ import annotations

from dataclasses import asdict

from connector.domain.participant import Participant
from connector.domain.thread import ThreadFault
from connector.management.reach import About
from connector.management.views.node import NodeView, PeerView, ThreadFaultView
from connector.ports import Ports
from connector.services.health import diagnose
from federated.task.engine import recipe


def node(ports: Ports, about: About) -> NodeView:
    """Return the running node."""
    settings = ports.settings
    return NodeView(
        did=settings.did,
        name=settings.name,
        kind=settings.kind,
        space=settings.space,
        recipe=ports.code_hash,
        recipes={each: recipe(ports.code_hash, each) for each in ports.engines},
        unsafe=diagnose.unsafe(settings),
        faults=[_thread_fault(*each) for each in sorted(ports.faults.items())],
        **asdict(about),
    )


def _thread_fault(thread: str, value: ThreadFault) -> ThreadFaultView:
    return ThreadFaultView(
        thread=thread, at=value.at, kind=value.kind, place=value.place, times=value.times
    )


def peer(value: Participant, code: str = "", reason: str = "") -> PeerView:
    """Return a peer; `code` and `reason` say why it is not in good standing."""
    return PeerView(
        did=value.did,
        name=value.name,
        grpc=value.grpc_endpoint,
        admitted_at=value.admitted_at,
        refreshed_at=value.refreshed_at,
        standing=code or "good",
        reason=reason,
        space=value.space,
    )
