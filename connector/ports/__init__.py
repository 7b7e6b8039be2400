"""What services need of the world, as protocols. `bootstrap/` alone knows what stands behind.

Services are plain functions whose first argument is `Ports`. A port translates foreign exceptions
into the tree of `connector/errors/`, once.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass, field

from connector.config import Settings
from connector.domain.asking import Asking
from connector.domain.calls import Calls
from connector.domain.delivery import Courier, Reply, Turn
from connector.domain.holdings import Held
from connector.domain.privacy.findings import Findings
from connector.domain.thread import ThreadFault
from connector.domain.transfer.held import Sink
from connector.domain.transfer.task import Done, Made, Task
from connector.enforcement.mechanism import Mechanisms
from connector.ports.files import Charges, HeldFiles, Sources
from connector.ports.nature import (
    Clock,
    Identifiers,
    Memberships,
    Pace,
    PersonKey,
    Signer,
    Wakeups,
)
from connector.ports.peers import Answer, Flight, Mail, PeerWire, SiteStream, Web
from connector.ports.records import (
    Among,
    Approvals,
    AuditLog,
    Duties,
    Holdings,
    Not,
    Notices,
    Promises,
    Repository,
    Shelf,
    Store,
    Transaction,
    UsedTokens,
    Uses,
)
from connector.ports.work import Accountant, Worker, Workers
from federated.task.engine import EXACT

__all__ = [
    "Accountant",
    "Among",
    "Answer",
    "Approvals",
    "AuditLog",
    "Charges",
    "Clock",
    "Duties",
    "Flight",
    "HeldFiles",
    "Holdings",
    "Identifiers",
    "Mail",
    "Memberships",
    "Not",
    "Notices",
    "Pace",
    "PeerWire",
    "PersonKey",
    "Ports",
    "Promises",
    "Repository",
    "Shelf",
    "Signer",
    "SiteStream",
    "Sources",
    "Store",
    "Transaction",
    "UsedTokens",
    "Uses",
    "Wakeups",
    "Web",
    "Worker",
    "Workers",
]


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything a service may use.

    Attributes:
        own_document: returns the node's own DID document, exact bytes served now.
        own_membership: returns the node's own membership credential of a space, see `Memberships`.
        person_key: returns the key of the persons' digests.
        pseudonym_key: returns the key from which those of scopes of pseudonyms are derived.
        preparing: carries out a use of a table, and writes its file (`connector/preparing`).
        judging: measures what a use of a table comes to, and makes nothing.
        mechanisms: the ways in which this node lets data be used.
        code_hash: SHA-256 (hex) of the sources of the training recipes that the node would run;
            empty: none.
        engines: that it runs for jobs of others, see `federated/task/engine.py`.
        faults: by thread, its last fault that nobody foresaw (`services/guard.py`).
        asking: what peers were asked of the own log since the node started.
        calls: how many calls of peers were answered, and how.
        held: how much is stored for each member.
        reply: what the answer to the call that is handled takes along; None: nothing.
        turn: what the delivery under way goes on with; None: the dispatcher sends all.
        courier: who sends what opens a negotiation.
        mail: sends notices as e-mail; None: nobody wants them so.
        flight: data over Arrow Flight; None: this node has none.
        told: notices under way of which one address has heard (`services/noticing.py`).
    """

    settings: Settings
    clock: Clock
    ids: Identifiers
    signer: Signer
    store: Store
    web: Web
    wire: PeerWire
    accountant: Accountant
    workers: Workers
    sources: Sources
    extracts: HeldFiles
    wakeups: Wakeups
    pace: Pace
    charges: Charges
    own_document: Callable[[], bytes]
    own_membership: Memberships
    person_key: PersonKey
    pseudonym_key: PersonKey
    preparing: Callable[[Task, Sink], Made]
    judging: Callable[[Task], Findings]
    mechanisms: Mechanisms
    code_hash: str = ""
    engines: Sequence[str] = (EXACT,)
    faults: MutableMapping[str, ThreadFault] = field(default_factory=dict, compare=False)
    asking: Asking = field(default_factory=Asking, compare=False)
    calls: Calls = field(default_factory=Calls, compare=False)
    held: Held = field(default_factory=Held, compare=False)
    reply: Reply | None = None
    turn: Turn | None = None
    courier: Courier = field(default_factory=Courier, compare=False)
    mail: Mail | None = None
    flight: Flight | None = None
    told: set[tuple[object, ...]] = field(default_factory=set, compare=False)
    done: Done = field(default_factory=Done, compare=False)
