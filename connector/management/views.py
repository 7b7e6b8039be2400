"""What the management API answers, as models that the SDK shares.

Rules: a view shows what an operator may see on the own node; it never holds a key, a token or a
row of data. Times are UTC. Leaves filling them to `render.py`.
"""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from connector.management.column_views import ColumnView
from connector.management.risk_views import FindingsView


class View(BaseModel):
    """A value that is answered; unknown fields of a newer node are kept out, not refused."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class StoredView(View):
    """A stored value, which is shown whatever it holds."""

    fault: str = Field(default="", description="why a part cannot be read; empty: all is shown")


class DamagedView(View):
    """A row that cannot be read, in the list that it belongs to."""

    row: str = Field(description="its key; where that cannot be read, its table and number")
    fault: str = Field(description="what of it cannot be read")


class ThreadFaultView(View):
    """The last fault of a background thread that nobody foresaw; the thread went on."""

    thread: str
    at: datetime
    kind: str = Field(description="name of the exception's class")
    place: str = Field(description="module, line and function")
    times: int = Field(description="how often since the node started")


class NodeView(View):
    """The running node."""

    did: str
    name: str
    kind: str = Field(description="participant or authority")
    space: str
    version: str
    pid: int
    started_at: datetime
    grpc: str = Field(description="host:port that is bound; empty for an authority")
    https: str = Field(description="host:port that is bound")
    recipe: str = Field(
        default="", description="SHA-256 of its training recipe; empty when it has none"
    )
    unsafe: list[str] = Field(description="settings that are exceptions from safety")
    faults: list[ThreadFaultView] = Field(
        default_factory=list, description="background threads that met an unforeseen fault"
    )


class CoverageView(View):
    """One line of the table that both parties see before anyone signs."""

    path: str = Field(description="JSON pointer of the constraint")
    constraint: str
    label: str = Field(description="checked, enforced or audited")
    by: str = Field(description="plan step or duty that upholds it")
    layer: str = Field(
        default="",
        description="who states it: authority, charter, offer or negotiated; empty: not said",
    )


class LayerNameView(View):
    """A template of an authority or a provider's charter, by the digest of its document."""

    layer: str = Field(description="authority or charter")
    id: str
    version: int
    digest: str = Field(description="SHA-256, hex")


class OfferView(StoredView):
    """An offer."""

    id: str
    policy: dict[str, Any]
    coverage: list[CoverageView] = []
    audience: str = ""
    withdrawn: bool = False
    decision: str = Field(
        default="", description="what a person of the provider decides on; empty: not said"
    )
    licence: str = Field(
        default="", description="of what anybody may read without a contract; empty: not open"
    )
    roles: list[str] = Field(default=[], description="of an own offer: who must accept")
    remind_hours: int = Field(default=0, description="of an own offer: until a reminder")
    lapse_hours: int = Field(default=0, description="of an own offer: until it is too late")
    effects: list[str] = Field(
        default=[], description="what the change means for contracts that run"
    )
    findings: list[FindingsView] = Field(
        default=[], description="what its uses came to on the rows, where that is known or shown"
    )
    sentences: dict[str, list[str]] = Field(
        default={}, description="the policy in plain words, by language (`en`, `fr`)"
    )
    layers: list[LayerNameView] = Field(
        default=[], description="templates and charter that it was merged with"
    )


class CheckView(View):
    """What a worker found in a dataset's file; for its own operator only."""

    verdict: str = Field(description="`passed`, or the code of why no job runs on it")
    reasons: list[str] = []
    mend: str = Field(default="", description="what to do about it")
    rows: int | None = Field(default=None, description="all rows; empty where none could be read")
    malformed: int | None = Field(default=None, description="rows that are not as described")
    persons: int | None = Field(default=None, description="distinct persons")
    over: int | None = Field(
        default=None, description="persons with more rows than stated, of which the first count"
    )
    unreadable: dict[str, int] = Field(
        default={}, description="values that are neither a number nor missing, by number column"
    )
    outside: dict[str, int] = Field(
        default={}, description="values that its dictionary does not let be, by column"
    )
    register_persons: int | None = Field(
        default=None, description="persons who were ever in the dataset's register"
    )
    distinct: dict[str, str] = Field(
        default={}, description="why persons of other registers are others, by register"
    )
    checked_at: datetime | None = None


class DatasetView(StoredView):
    """A dataset of this node; the file's path is shown to its own operator only."""

    id: str
    title: str
    description: str
    personal: bool
    columns: list[ColumnView]
    person_column: str
    rows_per_person: int
    population: int
    collection_purpose: str
    legal_basis: str
    retention: str
    territory: str
    cap_epsilon: float | None
    cap_delta: float | None
    file: str = Field(description="where the rows come from")
    snapshot: str = Field(
        default="", description="SHA-256 of the snapshot that uses read; empty: the file itself"
    )
    snapshot_at: str = Field(default="", description="when the snapshot was taken, UTC")
    source: str = Field(
        default="", description="what became of the source since; empty: not looked at"
    )
    published_at: datetime
    offers: list[OfferView] = []
    register_id: str = Field(default="", description="register that holds the cap")
    person_format: str = "text"
    malformed_share: float = 0.05
    check: CheckView | None = None
    effects: list[str] = Field(
        default=[],
        description="what layers add to its offers, and what it means for contracts that run",
    )


class CatalogDatasetView(View):
    """A dataset in a peer's catalog, its description verified."""

    id: str
    description: dict[str, Any] = Field(description="credential subject of the description")
    columns: list[ColumnView] = []
    offers: list[OfferView]


class CatalogView(View):
    """A page of a peer's catalog."""

    participant: str
    name: str
    datasets: list[CatalogDatasetView]
    next: str = Field(default="", description="names the page after it; empty on the last")


class PeerView(View):
    """A peer that this node has met."""

    did: str
    name: str
    grpc: str
    admitted_at: datetime
    refreshed_at: datetime
    standing: str = Field(description="`good`, or the code of why it is not served")
    reason: str = ""


class ChangeView(View):
    """What an offer changes of what was asked for, found by comparing the two on this node."""

    kind: str = Field(
        description="narrowed, raised, added, removed, dropped, or what is added; unknown where the"
        " two texts cannot be compared"
    )
    path: str = Field(description="JSON pointer into the terms asked for")
    operand: str = Field(description="what it is about")
    line: str = Field(description="in the terms of the policies")
    sentences: dict[str, str] = Field(description="in plain words, by language")


class NegotiationView(StoredView):
    """A contract negotiation, our side."""

    pid: str
    role: str
    peer: str
    peer_pid: str
    state: str
    dataset: str
    offer: str
    policy: dict[str, Any]
    policy_by: str
    agreement: str
    code: str
    reasons: list[str] = Field(description="as given by whoever answered or ended it")
    changes: list[ChangeView] = Field(
        default=[], description="how the provider's terms differ from those asked for"
    )
    awaits: bool = Field(default=False, description="a person of the provider has yet to decide")
    created_at: datetime
    updated_at: datetime


class AgreementView(StoredView):
    """A contract."""

    id: str
    role: str
    provider: str
    consumer: str
    dataset: str
    digest: str = Field(description="SHA-256 of the document, hex")
    population: int
    valid_until: datetime | None
    finalized: bool
    concluded_at: datetime
    standing: str = Field(default="running", description="running, suspended or ended by a party")


class NoticeView(View):
    """What a party signed about a contract after it was concluded."""

    by: str
    act: str = Field(description="ended, suspended, resumed, or noted: the other party is told")
    reason: str
    at: datetime


class AgreementDetailView(AgreementView):
    """A contract with all that proves it."""

    document: dict[str, Any]
    rule: str = Field(description="how jobs add up: `sums` or `renyi`")
    order: int = Field(description="Rényi order; 0 under sums")
    adjacency: str = Field(description="what neighbours differ by")
    recipes: list[str] = Field(
        description="SHA-256 of the training recipes that are accepted; none in a contract of "
        "version 1, which accepts the site's own"
    )
    plan: dict[str, Any] = Field(
        default={}, description="what runs under the contract: uses and their steps, as signed"
    )
    coverage: list[CoverageView]
    findings: list[FindingsView] = Field(
        default=[], description="what its uses came to on the rows before it was signed"
    )
    layers: list[LayerNameView] = Field(
        default=[], description="templates and charter that its terms uphold, as signed"
    )
    sentences: dict[str, list[str]] = Field(
        default={}, description="the contract in plain words, by language (`en`, `fr`)"
    )
    provider_signature: str
    consumer_signature: str
    receipt: str
    notices: list[NoticeView] = []
    lost_keys: list[str] = Field(
        default=[], description="parties that lost the key by which they signed, and have another"
    )


class SiteView(View):
    """A site of a job, as the lead sees it; ε is what the job spent there so far."""

    site: str
    agreement: str
    decision: str
    code: str
    reason: str
    last_round: int
    bytes_sent: int
    bytes_received: int
    epsilon: float | None = None


class ReleaseView(View):
    """Releases of one mechanism, as the ledger counts them."""

    kind: str
    parameters: dict[str, float]
    count: int
    adjacency: str


class RoundReceiptView(View):
    """What a site signed of a round."""

    site: str
    round: int
    digest: str = Field(description="SHA-256 of the model that the site was sent")
    recipe: str = Field(description="SHA-256 of the training recipe that ran")
    versions: dict[str, str] = Field(description="of the libraries that it ran on")
    adjacency: str = Field(description="which data sets are neighbours")
    released: list[ReleaseView] = Field(
        default=[], description="what the round was charged as; empty in one of an earlier release"
    )


class JobView(StoredView):
    """A federated job."""

    id: str
    side: str
    lead: str
    agreement: str
    state: str
    round: int
    rounds: int
    code: str
    reason: str
    result: str = Field(description="path of the final model on the lead's machine")
    created_at: datetime
    updated_at: datetime
    epsilon: float | None = Field(default=None, description="ε of the whole job at its δ")
    delta: float | None = None
    sites: list[SiteView] = []
    answered: list[str] = Field(default=[], description="sites that answered the last round")
    receipts: list[RoundReceiptView] = Field(
        default=[], description="of the last round, signed by its sites"
    )


class EventView(StoredView):
    """An event of the audit log."""

    index: int
    kind: str
    at: datetime
    subject: str
    event: dict[str, Any]


class MemberView(View):
    """A member of the space, as its authority keeps it."""

    did: str
    name: str
    role: str
    index: int
    issued_at: datetime
    valid_until: datetime
    revoked: str


class MembershipView(View):
    """The node's own membership of the space."""

    did: str
    space: str
    standing: str = Field(description="`good`, `none`, or the code of why it is not believed")
    reason: str = ""
    role: str = ""
    issuer: str = ""
    valid_until: datetime | None = None


class NegotiationRequest(View):
    """What to ask a peer for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    peer: str
    dataset: str
    offer: str = ""
    policy: dict[str, Any] | None = Field(
        default=None, description="terms asked for, JSON-LD; as offered when left out"
    )


class NegotiationAnswer(View):
    """What to do with the terms that are on the table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    act: str = Field(pattern="^(accept|counter|terminate|reconcile)$")
    policy: dict[str, Any] | None = None
    reason: str = ""


class NoticeRequest(View):
    """What to do with a contract, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    act: str = Field(pattern="^(end|suspend|resume)$")
    reason: str = Field(min_length=1, max_length=300, description="the other party is told")


class Withdrawal(View):
    """Why a dataset or an offer is taken back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: str = Field(min_length=1, max_length=300)


class Replacement(Withdrawal):
    """The terms that take the place of an offer's."""

    policy: dict[str, Any] = Field(
        description="ODRL offer, JSON-LD; or an object that holds it and says who decides"
    )


class OfferToPeer(View):
    """An offer that the provider makes of its own accord."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    peer: str
    dataset: str
    offer: str


class Introduction(View):
    """A peer to meet."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    did: str


class AuthorityKey(View):
    """A key of the space's authority, as its operator stated it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str = Field(min_length=43, max_length=43, description="RFC 7638 thumbprint")


class Admission(View):
    """A member to admit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    did: str
    name: str = ""
    role: str = "member"
    days: int = Field(default=365, ge=1, le=3650)


class Revocation(View):
    """A member to revoke."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    did: str
    reason: str = Field(min_length=1, max_length=200)


class Cancellation(View):
    """Why a job or negotiation ends."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: str = Field(default="cancelled by the operator", max_length=200)


class OwedJobView(View):
    """A job that the database forgot, or that was open."""

    job: str
    agreement: str
    epsilon: float = Field(description="ε of the whole job")


class OwedContractView(View):
    """A contract that counts in full, or is gone."""

    agreement: str
    consumer: str
    epsilon: float


class MergeView(View):
    """Two registers that were merged, which the database has apart."""

    merged: str = Field(description="register that is left without anything")
    into: str


class EpochView(View):
    """A time at which the node went on from an older state: its log continues under a number."""

    number: int
    at: datetime
    abandoned: int = Field(description="entries of the newest head that counts no more")


class RecoveryView(StoredView):
    """Whether the node went back, and what confirming would charge."""

    faults: list[str] = Field(description="how the database falls short; empty: it does not")
    jobs: list[OwedJobView]
    contracts: list[OwedContractView]
    uncounted: list[str] = Field(description="contracts of which nobody can tell all uses")
    registers: list[str] = Field(description="registers that would count in full")
    merges: list[MergeView] = Field(description="registers that would be merged again")
    silent: list[str] = Field(description="counterparties for whose silence contracts do")
    unasked: list[str] = Field(description="peers that have not answered since the start")
    gone: list[OwedContractView] = Field(
        description="contracts of which only jobs are known, to be negotiated anew"
    )
    taken_back: list[str] = Field(
        description="contracts that this node had ended or suspended, and does again"
    )
    epochs: list[EpochView]


class ConfirmedView(View):
    """What a confirmation charged."""

    jobs: list[OwedJobView]
    contracts: list[OwedContractView] = Field(description="contracts that count in full")
    registers: list[str] = Field(description="registers that count in full")
    merges: list[MergeView] = Field(description="registers that were merged again")
    unasked: list[str] = Field(description="peers that had not answered, and may hold more")
    gone: list[OwedContractView] = Field(
        description="contracts of which only jobs are known, to be negotiated anew"
    )
    taken_back: list[str] = Field(
        description="contracts that this node had ended or suspended, and does again"
    )
    epoch: EpochView


class Confirmation(BaseModel):
    """How the operator confirms."""

    model_config = ConfigDict(extra="forbid")
    charge_in_full: bool = Field(default=False, description="count in full what nobody can tell")
