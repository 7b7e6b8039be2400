"""Collects the facts that `preau doctor` judges, from the home, the database and the network.

Rules: nothing is changed; each look is bounded and none stops the others: what cannot be found out
is itself a fact. Works with and without the node running. Judging is `services/health/diagnose.py`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from connector.bootstrap.computing import BoundedAccountant
from connector.bootstrap.diagnosis import (
    kept_keys,
    liveness,
    provider,
    reputation,
    sources,
    vocabularies,
)
from connector.bootstrap.keys import own, tls_rotation
from connector.bootstrap.sources import sources_of
from connector.bootstrap.system import SystemClock
from connector.config import Settings
from connector.domain.catalog.dataset import Dataset
from connector.domain.catalog.source import Source
from connector.domain.contract.approval import ApprovalState
from connector.domain.contract.duty import OPEN
from connector.domain.contract.negotiation import NegotiationState, Role
from connector.domain.participant import Participant
from connector.domain.privacy.census import Census
from connector.domain.space import Space
from connector.enforcement.mechanism import Mechanisms
from connector.errors import (
    CertificateMismatch,
    ConfigurationInvalid,
    DataFileChanged,
    PreauError,
    RowDamaged,
    StoreUnavailable,
)
from connector.identity import certificate
from connector.identity import document as documents
from connector.peer.web.client import tls_context
from connector.ports import Accountant, Among, Transaction
from connector.services.continuity import recovery
from connector.services.evidence import own_log
from connector.services.health import contracts as contract_checks
from connector.services.health import counts as count_checks
from connector.services.health import data as data_checks
from connector.services.health import diagnose
from connector.services.health import layers as layer_checks
from connector.services.health import peers as peer_checks
from connector.services.health.approvals import approvals
from connector.services.health.deliveries import deliveries
from connector.services.health.diagnose import Check, ListFact
from connector.services.health.duties import duties
from connector.services.health.transfers import transfers
from connector.services.membership import fetching, judging
from connector.services.membership.fetching import Evidence
from connector.services.privacy import promises, standing
from connector.services.publication import snapshots
from connector.services.publication.verdicts import Verdict, verdict
from connector.services.readable import readable, streamed
from connector.sources.files import FileSources
from connector.sources.snapshots import HomeSources
from connector.store import SqlStore, migrations
from connector.store.database import integrity
from connector.store.files.charges import HomeCharges
from connector.store.migrations import Schema
from federated.child import environment
from federated.privacy.process import ProcessAccountant

_LOOK_SECONDS: Final = 3.0
_ROWS_SECONDS: Final = 20.0  # for a look at every row
_WORKER_SECONDS: Final = 20.0
_READ_BYTES: Final = 1 << 31  # of data files, to see whether they changed; then only their place
_JUMP: Final = 0.5  # seconds that wall and monotonic clock may differ within one look
_DISTRIBUTIONS: Final = ("preau", "grpcio", "protobuf", "cryptography", "flwr", "numpy")
_EXTRA: Final = ("flwr", "dp_accounting", "numpy", "pyarrow")


def examine(settings: Settings, *, ask_peers: bool = True) -> list[Check]:
    """Look at everything and return the judged findings, in the order of `preau doctor`."""
    began = (time.time(), time.monotonic())
    checks = [
        *_keys(settings),
        *_roots(settings),
        *vocabularies.checks(settings),
        *sources.checks(settings),
        *liveness.checks(settings),
        *provider.checks(settings, ask=ask_peers),
        *stored(settings, BoundedAccountant(ProcessAccountant()), ask_peers=ask_peers),
        diagnose.isolation(_tier(), _missing()),
        *diagnose.unsafe_settings(settings),
        *_versions(),
        diagnose.disk(shutil.disk_usage(settings.home).free),
    ]
    skews = reputation.skews(settings, settings.believed) if ask_peers else {}
    elapsed = (time.time() - began[0], time.monotonic() - began[1])
    steady = abs(elapsed[0] - elapsed[1]) < _JUMP
    checks.insert(1, diagnose.clock(skews, monotonic=steady, now=SystemClock().now()))
    return checks


def _keys(settings: Settings) -> list[Check]:
    if not settings.signing_key.startswith("file:"):
        fault = "`signing_key` must be a URI of `file:`"
        return [diagnose.setting("keys", fault, "correct `signing_key` in preau.toml")]
    files = [kept_keys.key_file(settings, name) for name in own.key_files(settings)]
    checks = [diagnose.keys(files, _mismatch(settings))]
    now = SystemClock().now()
    found = [("HTTPS certificate", settings.https_certificate, diagnose.RENEWED)]
    if settings.kind == "participant":
        mend = "`preau keys rotate tls-ca`"
        found.append(("TLS authority", tls_rotation.newest(settings), mend))
    for label, name, mend in found:
        expires, fault = _expiry(settings.path(name))
        if expires and name == settings.https_certificate and files[1].mode is not None:
            expires, fault = (None, said) if (said := _pair(settings)) else (expires, "")
        checks.append(diagnose.certificate(label, expires, now, fault, mend))
    return checks


def _pair(settings: Settings) -> str:
    """Return why the HTTPS certificate and its key do not serve; empty when they do."""
    paths = settings.path(settings.https_certificate), settings.path(settings.https_key)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*paths, password="")
    except (OSError, ssl.SSLError, ValueError):
        return f"`{settings.https_key}` cannot be read, or is not the key of the certificate"
    return ""


def _roots(settings: Settings) -> list[Check]:
    """Look at the roots by which others' HTTPS is believed, where the settings name some."""
    if not settings.web_roots:
        return []
    try:
        tls_context(settings.path(settings.web_roots))
    except PreauError as exc:
        return [diagnose.setting("web roots", exc.reason, exc.hint)]
    return [Check("web roots", diagnose.OK, f"`{settings.web_roots}` can be read")]


def _mismatch(settings: Settings) -> str:
    """Say why our own signing key is not the one of the document that we would serve."""
    try:
        identity = own.Identity(settings)
        read = documents.read(identity.document(), settings.did)
    except PreauError as exc:
        return exc.reason
    return "" if identity.signer.key_id in read.assertion else "the document lists another key"


def _expiry(path: Path) -> tuple[datetime | None, str]:
    try:
        return certificate.expires(path.read_bytes()), ""
    except OSError as exc:
        return None, f"`{path.name}` cannot be read: {exc.strerror}"
    except CertificateMismatch as exc:
        return None, exc.reason


def stored(settings: Settings, accountant: Accountant, *, ask_peers: bool) -> list[Check]:
    """Look at what is in the database: itself, membership, status lists, peers."""
    if not settings.database and not (settings.home / "node.sqlite").exists():
        missing = "`node.sqlite` is missing"
        return [diagnose.database(missing, entries=0, lost=True)]
    mechanisms = vocabularies.mechanisms(settings)
    try:
        schema = migrations.schema(settings.database_url)
        if schema is not Schema.CURRENT:
            return [diagnose.schema(newer=schema is Schema.NEWER)]
        pages = integrity.fault(settings.database_url)
        if pages:
            return [diagnose.database(f"damaged: {pages}", entries=0, lost=True)]
        with _opened(settings) as store, store.read() as tx:
            entries = tx.audit.head()[0]
            found = readable(tx.participants)
            papers = readable(tx.status_lists)
            known = fetching.evidence(tx)
            short = _recovery(settings, tx)
            broken = tx.audit.check()
            logs = readable(tx.peer_logs)
            back = {log.origin: log.reason for log in logs if log.contradiction}
            unproven = {log.origin: log.refusal for log in logs if log.unproven}
            lists = [ListFact(s.url, s.fetched_at, s.valid_until) for s in papers]
            over = tx.negotiations.keys(state=NegotiationState.TERMINATED)
            contracts = contract_checks.contracts(
                streamed(tx.agreements), SystemClock().now(), mechanisms.profiles
            )
            waits = _waits(settings, tx)
            waiting = readable(tx.outbox, delivered_at=None)
            sent = deliveries(waiting, {str(pid) for (pid,) in over}, SystemClock().now())
            shares = [*_transfers(tx), *_shares(settings, tx, found)]
            data = [*kept_keys.checks(settings, tx), *_data(settings, tx)]
            damaged, whole = tx.damaged(_ROWS_SECONDS)
            counts = [*_counts(settings, tx, mechanisms), *_layers(settings, tx, mechanisms)]
    except (StoreUnavailable, ConfigurationInvalid) as exc:
        return [diagnose.database(exc.reason, entries=0)]
    now = SystemClock().now()
    return [
        diagnose.database("", entries=entries, unchecked=pages is None),
        diagnose.own_log(broken, entries, own_log.MEND),
        *_membership(settings, known, now),
        *diagnose.status_lists(lists, now),
        *peer_checks.peers(reputation.peers(settings, found, known, now, ask=ask_peers)),
        *peer_checks.clocks(_clocks(settings, found) if ask_peers else {}),
        *sent,
        *contracts,
        *waits,
        *shares,
        *short,
        *peer_checks.gone_back(back),
        *peer_checks.unproven(unproven),
        *data,
        *counts,
        *_budgets(settings, accountant),
        *diagnose.rows(damaged, whole=whole),
    ]


def _waits(settings: Settings, tx: Transaction) -> list[Check]:
    """Look for what waits for persons: decisions, and duties."""
    pending = readable(tx.approvals, state=ApprovalState.PENDING)
    owed = readable(tx.duties, state=Among(OPEN))
    ahead, now = timedelta(days=settings.duty_reminder_days), SystemClock().now()
    return [approvals(pending), *duties(owed, settings.did, ahead, now)]


def _recovery(settings: Settings, tx: Transaction) -> list[Check]:
    try:
        charges = HomeCharges(settings.home, settings.did)
        return diagnose.recovery(recovery.faults(tx, charges, settings.did))
    except RowDamaged as exc:
        return [Check("recovery", diagnose.FAIL, f"not known: {exc.reason}", diagnose.ROW_MEND)]


def _counts(settings: Settings, tx: Transaction, mechanisms: Mechanisms) -> list[Check]:
    charges = HomeCharges(settings.home, settings.did)
    return count_checks.counts(promises.miscount(tx, charges, mechanisms, _ROWS_SECONDS))


def _clocks(settings: Settings, peers: list[Participant]) -> dict[str, timedelta]:
    return reputation.skews(settings, [peer.did for peer in peers if not peer.blocked])


def _shares(settings: Settings, tx: Transaction, peers: list[Participant]) -> list[Check]:
    """Look for members at a limit of what they may leave with this node."""
    most = settings.max_negotiations_per_peer
    counts = {
        peer.did: max(tx.holdings.open_negotiations(peer.did, role) for role in Role)
        for peer in peers
    }
    crowded = {did: number for did, number in counts.items() if number >= most}
    stored = tx.holdings.bytes_by_member()
    return peer_checks.shares(stored, settings.member_stored_bytes, crowded)


def _transfers(tx: Transaction) -> list[Check]:
    """Look for transfers whose receipts differ, or never came."""
    differing = {each.subject for each in tx.audit.entries(kind="transfer.differs")}
    return transfers(streamed(tx.transfers), differing, SystemClock().now())


def _data(settings: Settings, tx: Transaction) -> list[Check]:
    """Look at the checks of published files, and at what their snapshots were taken of."""
    censuses = readable(tx.censuses)
    now = SystemClock().now()
    used = [
        each
        for each in streamed(tx.datasets)  # of others the snapshot may be gone
        if not each.file.source.stated or snapshots.wanted(tx, each.id, now)
    ]
    verdicts = _verdicts(used, censuses)
    found = data_checks.datasets(verdicts) if verdicts else []
    sourced = [each for each in used if each.file.source.stated]
    with suppress(ConfigurationInvalid):  # of which the check of connections tells
        held = sources_of(settings)
        states = {each.id: _source(held, each.file.source) for each in sourced}
        found += data_checks.sources(states) if states else []
        found += sources.hierarchies(held, tx)
    return found


def _source(held: HomeSources, source: Source) -> tuple[str, str]:
    """Return what became of a source, and when its snapshot was taken."""
    path = Path(source.path)
    small = source.connection or not path.is_file() or path.stat().st_size <= _READ_BYTES
    state = snapshots.state_of(held, source) if small else snapshots.LARGE
    return state, source.taken_at


def _verdicts(datasets: Sequence[Dataset], censuses: Sequence[Census]) -> dict[str, Verdict]:
    """Return what is on record of each file, or what became of it since."""
    found, room = {}, _READ_BYTES
    own = {each.dataset_id: each for each in censuses}
    overlapping = {each.dataset_id: each for each in censuses if each.open_overlaps}
    for each in datasets:
        record = own.get(each.id)
        said = verdict(each, ({**overlapping, each.id: record} if record else overlapping).values())
        found[each.id] = said
        if said.code:
            continue
        path = Path(each.file.path)
        try:
            room -= path.stat().st_size if path.exists() else 0
            same = room < 0 or FileSources().digest(path) == each.file.digest
        except PreauError as exc:
            found[each.id] = replace(said, code=exc.code, reasons=(exc.reason,))
            continue
        if not same:
            changed = f"`{path}` is no longer the file that was published"
            found[each.id] = replace(said, code=DataFileChanged.code, reasons=(changed,))
    return found


def _budgets(settings: Settings, accountant: Accountant) -> list[Check]:
    """Find contracts and registers that are beyond their rule."""
    try:
        with _opened(settings) as store:
            found = standing.beyond(store, accountant)
    except PreauError as exc:
        mend = diagnose.ROW_MEND if isinstance(exc, RowDamaged) else ""
        return diagnose.budgets({}, exc.reason, mend)
    return diagnose.budgets(found)


@contextmanager
def _opened(settings: Settings) -> Iterator[SqlStore]:
    store = SqlStore(settings.database_url, SystemClock(), wait=_LOOK_SECONDS)
    try:
        yield store
    finally:
        store.close()


def _layers(settings: Settings, tx: Transaction, mechanisms: Mechanisms) -> list[Check]:
    """Look at the own offers; at nothing without the own keys, of which another check tells."""
    if settings.kind != "participant":
        return []
    try:
        memberships = own.Identity(settings).membership
    except PreauError:
        return []
    return layer_checks.offers(settings, tx, memberships, mechanisms.profiles, SystemClock().now())


def _membership(settings: Settings, known: Evidence, now: datetime) -> list[Check]:
    """Look at the own membership; at nothing without the own keys, of which another check tells."""
    required = settings.kind == "participant"
    try:
        identity = own.Identity(settings)
    except PreauError:
        return []
    if not required:
        return [diagnose.membership(required, "", None, now)]
    return [_member(identity, settings.did, each, known, now) for each in settings.spaces]


def _member(
    identity: own.Identity, did: str, space: Space, known: Evidence, now: datetime
) -> Check:
    judge = partial(diagnose.membership, required=True, now=now, space=space.name)
    try:
        credential = identity.membership(space.id)
        if not credential:
            return judge(fault="", valid_until=None)
        document = documents.read(identity.document(), did)
        facts = judging.judged(space, credential, document, known, now)
    except PreauError as exc:
        said = f"{exc.code}: {exc.reason}"
        return judge(fault=said, valid_until=None)
    return judge(fault="", valid_until=facts.valid_until)


def _missing() -> list[str]:
    return [name for name in _EXTRA if importlib.util.find_spec(name) is None]


def _tier() -> str:
    """Let a process shut itself in as a worker would, and return what it says."""
    code = (
        "from pathlib import Path; "
        "from federated.confinement import confine, landlock, seccomp; "
        "tier = confine.confine(); "
        "tier += f'+{landlock.SEALED}' if landlock.seal(Path.cwd()) else ''; "
        "tier += confine.tier_of_rights(Path.cwd()); "
        "print(tier + f'+{seccomp.FILTERED}' if seccomp.close_calls() else tier)"
    )
    try:
        # The folder is given to the worker's user, hence one that is for this alone.
        with tempfile.TemporaryDirectory(prefix="preau-") as folder:
            done = subprocess.run(  # noqa: S603 - our own module
                [sys.executable, "-c", code],
                cwd=folder,
                env=environment(Path(folder)),
                capture_output=True,
                text=True,
                timeout=_WORKER_SECONDS,
                check=True,
            )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _versions() -> list[Check]:
    installed = {name: _version(name) for name in _DISTRIBUTIONS}
    return diagnose.versions(sys.version_info[:2], installed, _generated_fault())


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _generated_fault() -> str:
    """Return why the generated code does not load with this protobuf; empty if it does."""
    try:
        importlib.import_module("connector.peer.v1.negotiation_pb2_grpc")
    except (ImportError, RuntimeError, TypeError) as exc:
        return f"{type(exc).__name__}"
    return ""
