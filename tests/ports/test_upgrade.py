"""Homes that an older release left open with the present code, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from connector import config
from connector.bootstrap.backups import archive, backup, upgrading
from connector.bootstrap.keys.own import Identity
from connector.bootstrap.state import HomeLock
from connector.domain.catalog.dataset import PrivacyCap
from connector.domain.contract.negotiation import Agreement
from connector.domain.log import merkle
from connector.enforcement.mechanisms import train
from connector.errors import PeerUnreachable, StepUnknown, StoreUnavailable, WorldFault
from connector.identity import agreement as agreements
from connector.identity import checkpoint as checkpoints
from connector.identity import document as documents
from connector.identity import evidence
from connector.identity.evidence import Outcome, Standing
from connector.jsonld.canonical import canonical
from connector.management.render import records as render
from connector.ports import Ports
from connector.services.evidence import export
from connector.services.federation.lead import jobs as lead_jobs
from connector.services.health import contracts as contract_checks
from connector.services.health import diagnose
from connector.services.negotiation.plans import plan_of
from connector.services.privacy import budget, standing
from connector.services.publication import checking
from connector.services.publication.verdicts import passed
from connector.store import SqlStore, migrations
from federated.privacy.event import Events, sampled_gaussian
from federated.privacy.process import ProcessAccountant
from federated.privacy.rule import Accounting, Rule, order_for
from tests.support.census import CensusWorkers
from tests.support.doubles import FixedClock, ports_for_tests
from tests.support.samples import MADE_AT, NODES, REVISION, copy_rows, first_generation


@dataclass
class Opened:
    """The sample's nodes, brought up to date.

    Attributes:
        folder: with homes and evidence.
        urls: of the databases, by node.
        ports: by node.
        copies: of the databases as they were, by node.
    """

    folder: Path
    urls: dict[str, str]
    ports: dict[str, Ports]
    copies: dict[str, Path | None]

    def __getitem__(self, name: str) -> Ports:
        return self.ports[name]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def space(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Opened]:
    folder = first_generation(tmp_path_factory.mktemp("space"))
    urls = {name: f"sqlite:///{folder / name / 'node.sqlite'}" for name in NODES}
    with ExitStack() as stack:
        if request.param == "postgresql":
            server = request.getfixturevalue("postgres_server")
            for name in NODES:
                urls[name] = server.create(migrated=False)
                stack.callback(server.drop, urls[name])
                copy_rows(folder / name / "node.sqlite", urls[name])
        opened = Opened(folder, urls, {}, {})
        for name, url in urls.items():
            assert _revision(url) == REVISION
            settings = replace(config.load(folder / name), database=url)
            opened.copies[name] = upgrading.upgrade(settings)
            opened.ports[name] = _ports(folder / name, url)
            stack.callback(opened.ports[name].store.close)
        yield opened


def test_the_schema_is_the_newest_and_what_comes_next_can_be_written(space: Opened) -> None:
    for name, ports in space.ports.items():
        assert migrations.schema(space.urls[name]) is migrations.Schema.CURRENT
        with ports.store.write() as tx:
            first = tx.audit.head()[0]
            assert tx.audit.append("node.upgraded", ports.settings.did).index == first
            for known in tx.participants.find():
                tx.participants.remove(known.did)
                tx.participants.put(known)  # takes a new row number


def test_the_database_was_copied_as_it_was_and_can_be_had_again(
    space: Opened, tmp_path: Path
) -> None:
    for name, copy in space.copies.items():
        assert copy is not None
        assert copy.stat().st_mode & 0o777 == 0o600
        with archive.opened(copy) as found:
            assert (found.manifest.schema, found.manifest.keys) == (REVISION, False)
            rows = found.manifest.rows
        if not space.urls[name].startswith("sqlite"):
            continue  # a second server would be needed
        backup.restore(copy, tmp_path / name)
        again = f"sqlite:///{tmp_path / name / 'node.sqlite'}"
        assert migrations.schema(again) is migrations.Schema.CURRENT
        with closing(SqlStore(again, FixedClock(MADE_AT))) as store, store.read() as tx:
            assert len(tx.negotiations.find()) == rows["negotiation"]
            assert rows["negotiation"] or name == "authority"


def test_the_log_is_whole_and_goes_on_from_what_the_peer_was_shown(space: Opened) -> None:
    for name, peer in (("school", "lab"), ("lab", "school")):
        own = space[name]
        with own.store.read() as tx, space[peer].store.read() as there:
            entries = tx.audit.entries()
            size, root = tx.audit.head()
            (held,) = there.checkpoints.find(origin=own.settings.did)
            proof = tx.audit.consistency(held.size, size)
        leaves = [merkle.leaf_hash(entry.event) for entry in entries]
        assert merkle.root(size, merkle.from_leaves(leaves)) == root
        assert merkle.verify_consistency(held.size, size, held.root, root, proof)
        assert checkpoints.verify(held.note, _document(own), held.at).root == held.root


def test_both_sides_read_the_same_contracts_and_their_signatures_hold(space: Opened) -> None:
    school, lab = space["school"], space["lab"]
    with school.store.read() as ours, lab.store.read() as theirs:
        held = {each.id: each for each in ours.agreements.find()}
        other = {each.id: each for each in theirs.agreements.find()}
    assert len(held) == 3
    assert sorted(each.dataset_id for each in held.values()) == [
        "urn:sample:pupils",
        "urn:sample:pupils",
        "urn:sample:pupils-again",
    ]
    for each in held.values():
        assert each.finalized
        assert other[each.id].document == each.document
        read = agreements.read(each.document)
        provider = documents.read(each.provider_document, school.settings.did)
        consumer = documents.read(each.consumer_document, lab.settings.did)
        agreements.verify_provider(read, each.provider_signature, provider)
        agreements.verify_consumer(read, each.consumer_signature, consumer)


def test_contracts_are_carried_over_with_a_plan_beside_their_signed_bytes(
    space: Opened, tmp_path: Path
) -> None:
    then = first_generation(tmp_path)
    for name in ("school", "lab"):
        engine = sa.create_engine(f"sqlite:///{then / name / 'node.sqlite'}")
        with closing(engine.connect()) as connection:
            rows = connection.execute(sa.text("select id, document from agreement"))
            signed = {row.id: bytes(row.document) for row in rows}
        engine.dispose()
        with space[name].store.read() as tx:
            held = [each for each in tx.agreements.find() if each.id != RESEARCH]
        assert {each.id: each.document for each in held} == signed
        for each in held:
            assert agreements.read(each.document).plan is None
            _, step = train.steps_of(plan_of(each))
            assert (step.epsilon, step.delta) == (each.epsilon, each.delta)
            assert step.minimum_sites >= 1
            with pytest.raises(StepUnknown):
                plan_of(replace(each, plan=b""))


def test_contracts_that_would_be_decided_otherwise_are_listed_with_the_clause(
    space: Opened,
) -> None:
    """Those of federated training are not; one with duties, in the same store, is."""
    school = space["school"]
    with school.store.read() as tx:
        held = tx.agreements.find()
    (good,) = contract_checks.contracts(held, MADE_AT)
    assert (good.verdict, good.finding) == ("ok", "3 running, evaluated as when they were signed")
    with school.store.write() as tx:
        tx.agreements.put(_with_duties(held[0]))
        found = contract_checks.contracts(tx.agreements.find(), MADE_AT)
        for each in tx.agreements.find():
            if each.id == RESEARCH:
                tx.agreements.remove(each.id)
    (listed,) = found
    assert listed.verdict == "warn"
    assert f"`{RESEARCH}` with `{held[0].consumer}`, signed under version 1" in listed.finding
    assert "`/permission/0/duty/0`: what can only be done after the use" in listed.finding
    assert "(record 0067)" in listed.finding
    assert listed.mend
    (ended,) = contract_checks.contracts([replace(_with_duties(held[0]), stands=False)], MADE_AT)
    assert ended.verdict == "ok"
    (lost,) = contract_checks.contracts([replace(held[0], document=b"{}")], MADE_AT)
    assert lost.verdict == "fail"
    assert "can no longer be read" in lost.finding


RESEARCH = "urn:sample:agreement:research"
STORED = Path(__file__).parents[1] / "samples" / "semantics-1" / "policies.jsonl"


def _with_duties(held: Agreement) -> Agreement:
    """Return a contract on the policy of the template for research, otherwise as one that is."""
    stated = json.loads(held.document)
    before = stated["agreement"]
    lines = map(json.loads, STORED.read_text("utf-8").splitlines())
    policy = next(item for item in lines if item["@id"] == RESEARCH)
    same = ("target", "assigner", "assignee", "dspace:timestamp")
    stated["agreement"] = {**policy, **{name: before[name] for name in same}}
    data = canonical(stated)
    return replace(held, id=RESEARCH, pid="urn:uuid:research", document=data)


class _Silent:
    """The port `PeerWire` where nobody answers."""

    def call(self, *_call: object, **_bounds: object) -> Any:
        raise PeerUnreachable("down")

    def participate(self, *_call: object) -> Any:
        raise PeerUnreachable("down")


def test_evidence_exported_then_and_now_is_proven_under_the_authority(space: Opened) -> None:
    key = (space.folder / "authority-key.json").read_bytes()
    stored = [space.folder / f"evidence-{number}.json" for number in (1, 2)]
    with space["school"].store.read() as tx:
        ids = [each.id for each in tx.agreements.find()]
    bundles = [file.read_bytes() for file in stored]
    alone = replace(space["school"], wire=_Silent())
    bundles += [export.export(alone, each) for each in ids]
    for bundle in bundles:
        found = evidence.verify(bundle, [key])
        assert found.outcome is Outcome.CONSISTENT
        assert found.part("contract").standing is found.part("membership").standing
        assert found.part("contract").standing is Standing.PROVEN
        assert "has not cosigned" in found.part("log").finding  # nodes did not, in those days
    wrong = evidence.verify(bundles[0], [space["school"].own_document()])
    assert wrong.part("membership").standing is Standing.FAILED


def test_what_was_spent_is_what_the_rounds_and_the_log_say(space: Opened) -> None:
    with space["school"].store.read() as tx:
        jobs = {each.id: each for each in tx.jobs.find()}
        spent = {each.job_id: each for each in tx.reservations.find()}
        logged = {job: tx.audit.entries(subject=job) for job in jobs}
        rounds = {job: len(tx.rounds.find(job_id=job)) for job in jobs}
    committed = {
        job: sum(entry.kind == "job.round.committed" for entry in entries)
        for job, entries in logged.items()
    }
    assert sorted(job.state for job in jobs.values()) == [
        "CANCELLED",
        "COMPLETED",
        "COMPLETED",
        "COMPLETED",
        "REFUSED",
    ]
    refused = {job for job, each in jobs.items() if each.state == "REFUSED"}
    assert set(spent) == set(jobs) - refused
    assert {job: each.committed_rounds for job, each in spent.items()} == {
        job: count for job, count in committed.items() if job not in refused
    }
    assert committed == rounds
    by_dataset = {
        name: sum(s.counted_rounds(Rule.RENYI) for s in spent.values() if s.dataset_id == name)
        for name in ("urn:sample:pupils", "urn:sample:pupils-again")
    }
    assert by_dataset == {"urn:sample:pupils": 6, "urn:sample:pupils-again": 5}


def test_what_both_ids_of_one_file_spent_counts_on_one_register(space: Opened) -> None:
    with space["school"].store.read() as tx:
        (register,) = tx.registers.find()
        datasets = tx.datasets.find()
        spent = tx.reservations.find()
    assert len({each.file.digest for each in datasets}) == 1
    assert {each.register_id for each in (*datasets, *spent)} == {register.id}
    assert {each.dataset_id for each in spent} == {each.id for each in datasets}
    assert register.charges == sum(each.committed_rounds for each in spent) == 11
    assert register.cap == PrivacyCap(6.0, 1e-4)
    assert register.accounting == Accounting(Rule.RENYI, order_for(6.0, 1e-4))
    with space["lab"].store.read() as tx:
        assert tx.registers.find() == []


def test_files_published_before_are_checked_before_a_job_runs_on_them(space: Opened) -> None:
    school = space["school"]
    names = ["urn:sample:pupils", "urn:sample:pupils-again"]
    assert checking.waiting(school) == names
    with school.store.read() as tx:
        assert [passed(tx, each) for each in tx.datasets.find()] == [False, False]
    assert checking.sweep(school) == []
    with school.store.read() as tx:
        assert [passed(tx, each) for each in tx.datasets.find()] == [True, True]
        (persons,) = tx.persons.find()
        first, second = (each.counts for each in tx.censuses.find())
    assert first == second
    assert first is not None
    assert persons.persons == first.persons > 0


def test_a_contract_that_is_beyond_its_rule_is_listed_and_runs_no_further_job(
    space: Opened,
) -> None:
    school, accountant = space["school"], ProcessAccountant()
    (found,) = standing.registers(replace(school, accountant=accountant)).values
    contracts = standing.contracts(replace(school, accountant=accountant)).values
    first, second = (
        next(each for each in contracts if len(each.jobs) == 2 and each.standing.beyond is it)
        for it in (True, False)
    )
    assert first.standing.spent > 3.0 > second.standing.spent  # 2.51 by PLD, which is no filter
    assert not found.standing.beyond
    beyond = standing.beyond(school.store, accountant)
    assert list(beyond) == [f"contract `{first.agreement_id}`"]
    (line,) = diagnose.budgets(beyond)
    assert (line.verdict, first.agreement_id in line.finding) == (diagnose.WARN, True)
    with school.store.read() as tx:
        (register,) = tx.registers.find()
        seen = budget.spending(tx, register)
        contracts = [tx.agreements.get(each.agreement_id) for each in (first, second)]
    events = Events((sampled_gaussian(100.0, 0.5, 2),))
    small = replace(first.jobs[0], job_id="urn:uuid:new", events=events, delta=1e-7)
    refusals = [
        budget.check_job(budget.account(accountant, seen, contract, small))
        for contract in contracts
        if contract is not None
    ]
    assert [each.code if each else "" for each in refusals] == ["BUDGET_EXCEEDED", ""]


def test_a_site_lists_all_its_jobs_also_the_one_that_it_refused(space: Opened) -> None:
    for name in ("school", "lab"):
        shown = {job.id: render.job(job) for job in lead_jobs.jobs(space[name]).values}
        states = sorted(each.state for each in shown.values())
        assert states == ["CANCELLED", "COMPLETED", "COMPLETED", "COMPLETED", "REFUSED"]
    refused = [each for each in shown.values() if each.state == "REFUSED"]
    assert [each.code for each in refused] == ["BUDGET_EXCEEDED"]


def _ports(home: Path, url: str) -> Ports:
    settings = config.load(home)
    identity = Identity(settings)
    clock = FixedClock(MADE_AT)
    return ports_for_tests(
        home,
        settings.did,
        settings=settings,
        clock=clock,
        signer=identity.signer,
        store=SqlStore(url, clock),
        workers=CensusWorkers(),
        own_document=identity.document,
        own_membership=identity.membership,
    )


def _document(ports: Ports) -> documents.DidDocument:
    return documents.read(ports.own_document(), ports.settings.did)


def _revision(url: str) -> str:
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        found = migrations.current(connection)
    engine.dispose()
    return found


@pytest.fixture
def old(tmp_path: Path) -> config.Settings:
    return config.load(first_generation(tmp_path) / "school")


def test_nothing_is_migrated_where_no_copy_can_be_written(old: config.Settings) -> None:
    (old.home / upgrading.FOLDER).write_text("in the way")
    with pytest.raises(WorldFault, match="no copy of the database") as caught:
        upgrading.upgrade(old)
    assert "free some disk" in caught.value.hint
    assert _revision(old.database_url) == REVISION
    (old.home / upgrading.FOLDER).unlink()
    assert upgrading.upgrade(old)
    assert migrations.schema(old.database_url) is migrations.Schema.CURRENT


def test_nothing_is_migrated_under_a_node_that_runs(old: config.Settings) -> None:
    running = HomeLock(old.home)  # of the release before
    with pytest.raises(WorldFault, match="runs in"):
        upgrading.upgrade(old)
    assert _revision(old.database_url) == REVISION
    assert not (old.home / upgrading.FOLDER).exists()
    running.release()
    assert upgrading.upgrade(old)


def test_one_copy_is_kept_of_a_step_however_often_it_was_tried(
    old: config.Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_url: str) -> None:
        raise StoreUnavailable("the database did not answer")

    with monkeypatch.context() as failing:
        failing.setattr(migrations, "upgrade", fails)
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                upgrading.upgrade(old)
    copied = upgrading.upgrade(old)
    assert copied
    assert list(copied.parent.iterdir()) == [copied]
    assert upgrading.upgrade(old) is None  # nothing is to be done, hence nothing copied
