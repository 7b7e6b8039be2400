"""Which class stands behind which port of a node.

Rule: everything is made here and handed in; nothing is started (`node.py` does). NumPy and Flower
are never imported: workers are processes of their own.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Final

from starlette.routing import Route

from connector.bootstrap import claims, dataspace, profiles
from connector.bootstrap.backups import upgrading
from connector.bootstrap.claims import Dcp
from connector.bootstrap.computing import BoundedAccountant, TranslatedWorkers
from connector.bootstrap.dataspace import MakeCallers
from connector.bootstrap.keys.own import PERSON_KEY, PSEUDONYM_KEY, Identity
from connector.bootstrap.mechanisms import MECHANISMS
from connector.bootstrap.node import Node, Part
from connector.bootstrap.sources import sources_of
from connector.bootstrap.system import SystemClock, SystemPace, ThreadWakeups, UuidIdentifiers
from connector.bootstrap.threads.checks import Checks
from connector.bootstrap.threads.exchange import Exchange
from connector.bootstrap.threads.timed import Timed
from connector.config import Settings
from connector.dataplane.flight.fetching import FlightData
from connector.dataplane.flight.plane import Planes, Shown
from connector.dataplane.open_data import OpenData
from connector.dataplane.pull import Pull
from connector.domain.asking import Asking
from connector.domain.participant import Participant
from connector.domain.transfer.extract import FOLDER
from connector.domain.transfer.extract import WAKEUP as USES
from connector.peer.checkpoints import Checkpoints
from connector.peer.client import GrpcWire
from connector.peer.connections.relay import Relay
from connector.peer.credentials import Leaves
from connector.peer.face import Dsp, PeerFace
from connector.peer.healing import Healing
from connector.peer.web.client import GuardedWeb, hurried
from connector.peer.web.mail import SmtpMail
from connector.peer.wires import Wires
from connector.ports import Ports
from connector.preparing.child import ConfinedPreparing
from connector.services.approval import timing
from connector.services.approval.asking import APPROVALS
from connector.services.continuity import custody
from connector.services.duties import timing as duty_timing
from connector.services.duties.keeping import DUTIES
from connector.services.evidence import own_log
from connector.services.evidence.witness import Witness
from connector.services.federation.lead.hub import LeadHub
from connector.services.federation.lead.jobs import LeadRunner
from connector.services.federation.room import Room
from connector.services.federation.site.jobs import SiteRunner
from connector.services.guard import guarded
from connector.services.layers import keeping
from connector.services.membership import authority, onboard
from connector.services.messages.receive import HANDLERS
from connector.services.publication import catalog_pages
from connector.services.use import preparing
from connector.store import SqlStore
from connector.store.files import keys
from connector.store.files.charges import HomeCharges
from connector.store.files.extract_files import HomeFiles
from federated.training import available, code_hash
from federated.training.launch import ProcessAccountant, ProcessWorkers

STOP_SECONDS: Final = 45.0
# For what both sides fetch: ours, and theirs, which we wait for (`peer/web/https.py`).
INTRODUCTION_SECONDS: Final = 20.0

_log = logging.getLogger(__name__)


def build(settings: Settings, callers: MakeCallers | None = None) -> Node:
    """Wire a node; nothing is started or bound.

    Args:
        settings: of the node.
        callers: makes what judges callers of the Dataspace Protocol; None: DCP does.

    Raises:
        KeyUnusable: a key is missing, readable by others, or of another kind.
        ConfigurationInvalid: a setting is wrong.
        StoreUnavailable: the database did not answer.
        WorldFault: it has to be migrated, and a node runs in the home, or no copy could be written.
        AddressForbidden: the file of extra roots cannot be read.
    """
    identity = Identity(settings)
    upgrading.upgrade(settings)
    clock, ids = SystemClock(), UuidIdentifiers()
    store = SqlStore(settings.database_url, clock)
    leaves = Leaves(identity.tls_authority, settings.did, clock, settings.leaf_seconds)
    wire = GrpcWire(settings, clock, ids, identity.signer, leaves)
    wires = Wires(wire, healing := Healing())
    flight, web = FlightData(wire.pin), GuardedWeb.of(settings, keeps=True)
    workers = ProcessWorkers(memory=settings.worker_memory_bytes)
    ports = Ports(
        settings=settings,
        clock=clock,
        ids=ids,
        signer=identity.signer,
        store=store,
        web=web,
        wire=wires,
        mail=SmtpMail.of(settings),
        flight=flight if settings.kind == "participant" else None,
        accountant=BoundedAccountant(ProcessAccountant()),
        workers=TranslatedWorkers(workers),
        sources=sources_of(settings),
        extracts=HomeFiles(settings.home, FOLDER),
        wakeups=ThreadWakeups(),
        pace=SystemPace(),
        charges=HomeCharges(settings.home, settings.did),
        own_document=identity.document,
        own_membership=identity.membership,
        person_key=partial(keys.secret, settings.path(PERSON_KEY)),
        pseudonym_key=partial(keys.secret, settings.path(PSEUDONYM_KEY)),
        preparing=ConfinedPreparing(),
        judging=ConfinedPreparing().judge,
        mechanisms=replace(MECHANISMS, profiles=profiles.read(settings)),
        code_hash=code_hash(),
        engines=[each for each in available() if each in settings.engines],
        asking=Asking(over=threading.Event()),
    )
    hub, checkpoints = LeadHub(), _checkpoints(ports)
    healing.introduce_by(partial(_introduced, ports))
    dcp = claims.build(ports)
    face = _face(ports, hub, leaves, checkpoints, _speaking(ports, wires, callers, dcp))
    wire.exchange(checkpoints, face.grpc.shares if face.grpc else None)
    if face.flight is not None:
        flight.serve(Planes(ports, face.flight, partial(_shown, leaves)))
    ends = [healing.close, wire.close, web.close, store.close, flight.stop, workers.close]
    return Node(ports, identity, face, _runners(ports, hub, dcp), ends, store.close)


def _speaking(
    ports: Ports, wires: Wires, callers: MakeCallers | None, dcp: Dcp | None
) -> Dsp | None:
    """Let a node speak with peers of any make, if it is to; return what makes its routes."""
    if dcp is None:
        return None
    if ports.settings.kind != "participant":
        return lambda door, _shares: dcp.routes(ports, door)
    judging = callers(ports) if callers is not None else dcp.callers
    wires.over_https(dataspace.wire(ports, judging))
    return lambda door, shares: [
        *dataspace.routes(ports, judging, door, shares),
        *dcp.routes(ports, door),
    ]


def _runners(ports: Ports, hub: LeadHub, dcp: Dcp | None) -> list[Part]:
    """Return what runs beside the faces; an authority has no peers and no budget."""
    speaking = dcp.parts(ports) if dcp is not None else []
    if ports.settings.kind != "participant":
        ports.asking.over.set()
        return speaking
    room = Room(ports.settings)
    return [
        Checks(ports),
        Exchange(ports),
        Timed(ports, APPROVALS, timing.turn),
        Timed(ports, DUTIES, duty_timing.turn),
        Timed(ports, USES, preparing.turn),
        SiteRunner(ports, room),
        LeadRunner(ports, hub, room),
        *speaking,
    ]


@contextmanager
def stopped_by_signals(node: Node) -> Iterator[None]:
    """Stop the node at SIGTERM and SIGINT, and in any case at the end of the block.

    A stop that takes longer than it may ends the process: nothing is lost, since whatever matters
    was committed before it was answered.
    """

    def ask(_number: int, _frame: object) -> None:
        node.ask_to_stop()

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        guard = threading.Timer(STOP_SECONDS, _give_up)
        guard.daemon = True
        guard.start()
        node.stop()
        guard.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)


def _introduced(ports: Ports, did: str) -> Participant:
    """Meet a peer again; one that drips must not keep others from being met."""
    web = hurried(ports.web, INTRODUCTION_SECONDS)
    return onboard.meet(replace(ports, web=web), did)


def _checkpoints(ports: Ports) -> Checkpoints:
    return Checkpoints(
        own_log.SignedHead(ports).note,
        Witness(ports).see,
        again=partial(custody.ask_again, ports),
        guard=partial(guarded, ports, "witness"),
    )


def _face(
    ports: Ports, hub: LeadHub, leaves: Leaves, checkpoints: Checkpoints, dsp: Dsp | None
) -> PeerFace:
    """Return the peer face of the node's kind: an authority serves no gRPC, but a status list."""
    participant = ports.settings.kind == "participant"
    return PeerFace(
        ports,
        hub,
        handlers=HANDLERS,
        checkpoints=checkpoints,
        description=lambda: catalog_pages.own_description(ports),
        leaves=leaves if participant else None,
        status_list=None if participant else lambda: authority.status_list(ports),
        template=None if participant else partial(keeping.token, ports),
        data=partial(_data, ports) if participant else None,
        dsp=dsp,
    )


def _shown(leaves: Leaves) -> Shown:
    leaf = leaves.current()
    return Shown(leaf.certificate, leaf.key)


def _data(ports: Ports, door: Relay) -> list[Route]:
    """Return the routes of data: of contracts by token, and of what is open to anybody."""
    return [Pull(ports, door.proven).route(), *OpenData(ports, door.origin_of).routes()]


def _give_up() -> None:
    _log.error("the node did not stop in %.0f seconds and is ended", STOP_SECONDS)
    os._exit(1)
