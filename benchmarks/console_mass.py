"""What 100,000 contracts and 10,000 datasets bring with them to the node that the console shows.

Beside contracts and datasets stand what they leave behind: a duty and three log entries for each
contract, decisions, messages, jobs, registers of persons, peers, accounts. All are written to the
node's database, the log through the port, so that it stays one that verifies.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import many_contracts
import many_datasets
import sqlalchemy
from negotiation import Pair

from audit.rig import job as manifest_of
from audit.rig import numbers
from connector import config
from connector.domain.account import Account, AccountRole
from connector.domain.contract.approval import Approval, ApprovalState
from connector.domain.contract.duty import Duty
from connector.domain.contract.negotiation import NegotiationState, Role
from connector.domain.delivery import OutgoingMessage
from connector.domain.federation.job import Job, JobSide, JobSite
from connector.domain.participant import Participant
from connector.domain.privacy.census import SuppressedPersons
from connector.domain.privacy.register import Register
from connector.domain.transfer.requested import Requested
from connector.enforcement.asked import Asked
from connector.enforcement.steps.request import Measure, TableRequest
from connector.enforcement.terms import AGGREGATE
from connector.identity import certificate, credential
from connector.identity import document as documents
from connector.jsonld.canonical import sha256_hex
from connector.store.files.keys import open_signer
from connector.store.mapping import to_row
from connector.store.tables.accounts import AccountRow
from connector.store.tables.approvals import ApprovalRow
from connector.store.tables.declared import Declared
from connector.store.tables.duties import DutyRow
from connector.store.tables.keyed import table_of
from connector.store.tables.messages import OutboxRow
from connector.store.tables.records import (
    AgreementRow,
    CensusRow,
    DatasetRow,
    JobRow,
    JobSiteRow,
    NegotiationRow,
    ParticipantRow,
    RegisterRow,
    SuppressedPersonsRow,
)
from connector.store.tables.transfers import RequestedRow
from federated.job import JobState, render
from federated.manifest import Privacy
from tests.support.keys import MemorySigner

_ROWS = 500
PEERS = 60  # more than a page; nobody answers there, so that more would keep the node busy
_DAYS, _FAR = 30, 10_000  # of their papers, and where these stand in the list of revoked ones
_AT_ONCE = 2_000  # contracts whose log entries are one transaction
ACTION = "http://www.w3.org/ns/odrl/2/inform"
OURS = 4  # of so many duties one is ours
STATES = ("fulfilled", "fulfilled", "fulfilled", "due", "fulfilled", "due", "fulfilled", "violated")


@dataclass(frozen=True)
class Known:
    """Ids of which the console can show a page.

    Attributes:
        duty: one that is open and ours.
        approval: one that waits.
        job: one that was led.
        waiting: a negotiation that waits for an answer of ours.
        asked: a table that was asked of a peer.
    """

    duty: str
    approval: str
    job: str
    waiting: str
    asked: str


def grown(pair: Pair, contracts: int, datasets: int) -> Known:
    """Write all of it to the provider's database while its node runs."""
    many_contracts.copied(pair, contracts)
    many_datasets.copied(pair, datasets)
    mass = _Mass(pair, contracts, datasets)
    try:
        return mass.written()
    finally:
        mass.close()


class _Mass:
    def __init__(self, pair: Pair, contracts: int, datasets: int) -> None:
        self._pair, self._contracts, self._datasets = pair, contracts, datasets
        self._did, self._peer = pair.provider.did, pair.consumer.did
        self._now = datetime.now(UTC)
        url = config.load(pair.provider.home).database_url
        self._engine = sqlalchemy.create_engine(url)

    def close(self) -> None:
        """Close the database."""
        self._engine.dispose()

    def written(self) -> Known:
        """Write what contracts and datasets bring."""
        with self._pair.provider_store() as store, store.read() as tx:
            contract = tx.agreements.find(pid=_pid(0))[0]
            negotiation = tx.negotiations.get(_pid(0))
            (peer,) = (each for each in tx.participants.find() if each.did == self._peer)
        if negotiation is None:
            raise RuntimeError("the copies of contracts are not there")
        few = max(self._contracts // 100, 50)
        self._write(DutyRow, self._duties())
        self._write(ApprovalRow, self._approvals(contract.dataset_id, negotiation.offer_id))
        self._write(OutboxRow, self._messages())
        used = [replace(contract, id=f"urn:used:{n}", pid=f"urn:asked:{n}") for n in range(few)]
        self._write(AgreementRow, (replace(each, role=Role.CONSUMER) for each in used))
        offered = replace(
            negotiation, role=Role.CONSUMER, state=NegotiationState.OFFERED, agreement_id=""
        )
        waiting = [replace(offered, pid=f"urn:asked:{n}", peer_pid=f"urn:{n}") for n in range(few)]
        self._write(NegotiationRow, waiting)
        self._write(ParticipantRow, self._peers(peer, PEERS))
        self._write(AccountRow, self._accounts(min(few, 300)))
        self._write(JobRow, self._jobs(few))
        self._write(JobSiteRow, self._sites(few))
        self._write(RequestedRow, self._asked(few))
        self._registers()
        self._checked()
        self._log()
        duty = next(n for n in range(self._contracts) if _is_ours(n) and STATES[n % 8] == "due")
        named = f"{_contract(duty)}#/obligation/0"
        return Known(named, _pid(0), _job(0), waiting[0].pid, _request(0))

    def _write(self, row: type[Declared], values: Iterable[Any]) -> None:
        rows = iter(values)
        while part := [to_row(each) for each in islice(rows, _ROWS)]:
            with self._engine.begin() as connection:
                connection.execute(table_of(row).insert(), part)

    def _duties(self) -> Iterator[Duty]:
        for number in range(self._contracts):
            state = STATES[number % len(STATES)]
            owing = (self._did, self._peer) if _is_ours(number) else (self._peer, self._did)
            due = self._now + timedelta(hours=number * 7919 % 20_000 - 1_000)
            done = self._now if state == "fulfilled" else None
            yield Duty(
                *(_contract(number), "/obligation/0", ACTION, *owing, (), state),
                *(self._now, due if number % 5 else None, done, int(done is None), ""),
            )

    def _approvals(self, dataset: str, offer: str) -> Iterator[Approval]:
        for number in range(max(self._contracts // 10, 100)):
            pending = number % 20 == 0
            yield Approval(
                id=_pid(number),
                peer=self._peer,
                dataset_id=dataset,
                offer_id=offer,
                agreement_id="" if pending else _contract(number),
                roles=("dpo", "head"),
                state=ApprovalState.PENDING if pending else ApprovalState.ACCEPTED,
                asked_at=self._now,
                remind_at=self._now + timedelta(days=3),
                lapses_at=self._now + timedelta(days=7),
                closed_at=None if pending else self._now,
            )

    def _messages(self) -> Iterator[OutgoingMessage]:
        far = self._now + timedelta(days=300)
        for number in range(self._contracts):
            waits = number % 50 == 0
            yield OutgoingMessage(
                *(f"urn:message:{number}", self._peer, "negotiation", b"{}", _pid(number)),
                *(self._now, far, 1, None if waits else self._now),
                *("PEER_UNREACHABLE" if waits and number % 100 else "",),
            )

    def _peers(self, peer: Participant, many: int) -> Iterator[Participant]:
        """Admit further institutions to the space, with keys and papers of their own."""
        settings = config.load(self._pair.provider.home.parent / "authority")
        space = settings.did
        with self._pair.provider_store() as store, store.read() as tx:
            (issuer,), (revoked,) = tx.issuers.find(), tx.status_lists.find()
        (key,) = documents.read(issuer.document, space).assertion
        authority = open_signer(settings.signing_key, settings.home, key)
        until = self._now + timedelta(days=_DAYS)
        for number in range(many):
            did = f"did:web:peer-{number}.example"
            pem, _ = certificate.make_authority(did, self._now, _DAYS)
            data = documents.build(MemorySigner(did), did, (pem,))
            document = documents.read(data, did)
            membership = credential.issue_membership(
                authority,
                space,
                did,
                name=f"Institution {number}",
                role="member",
                space=space,
                key_thumbprints=sorted(document.thumbprints()),
                index=_FAR + number,
                status_url=revoked.url,
                valid_from=self._now,
                valid_until=until,
            )
            yield replace(
                peer,
                did=did,
                name=f"Institution {number}",
                document=data,
                document_digest=document.digest,
                membership=membership,
                tls_authorities=document.tls_authorities,
                grpc_endpoint=f"peer-{number}.example:1",
            )

    def _accounts(self, many: int) -> Iterator[Account]:
        for number in range(many):
            role = list(AccountRole)[number % len(AccountRole)]
            named = (f"urn:account:{number}", f"person-{number}", (role,), (), "")
            yield Account(*named, "", False, self._now, self._now)  # noqa: FBT003

    def _jobs(self, many: int) -> Iterator[Job]:
        privacy = Privacy(
            epsilon=1.0, delta=1e-6, noise_multiplier=3.0, sampling_rate=0.1, steps=10, clip=1.0
        )
        made = manifest_of(numbers(20), (8,), privacy, population=1_000)
        manifest = json.dumps(render(made)).encode()
        for number in range(many):
            side = JobSide.LEAD if number % 2 == 0 else JobSide.SITE
            state = JobState.CANCELLED if number % 3 else JobState.FAILED
            yield Job(
                id=_job(number),
                side=side,
                peer=self._did,
                agreement_id=_contract(number),
                manifest=manifest,
                manifest_digest="0" * 64,
                signature="",
                state=state,
                round=1,
                created_at=self._now,
                updated_at=self._now,
            )

    def _sites(self, many: int) -> Iterator[JobSite]:
        for number in range(0, many, 2):
            for site in range(3):
                name = f"did:web:peer-{site}.example"
                yield JobSite(_job(number), name, _contract(number), "accepted", last_round=1)

    def _asked(self, many: int) -> Iterator[Requested]:
        """Yield requests of ours for a table of a peer."""
        cells = TableRequest(("school",), (Measure("count"),))
        for number in range(many):
            asked = Asked(
                id=_request(number),
                agreement=f"urn:used:{number}",
                provider=self._peer,
                consumer=self._did,
                action=AGGREGATE,
                cells=cells,
                stated={},
                at=self._now,
            )
            data = asked.data()
            yield Requested(
                consumer=self._did,
                request_id=asked.id,
                id=asked.id,
                agreement_id=asked.agreement,
                action=asked.action,
                request=data,
                signature="",
                digest=sha256_hex(data),
                at=self._now,
            )

    def _registers(self) -> None:
        """Give half of the datasets a register each; the others share one."""
        with self._pair.provider_store() as store, store.read() as tx:
            register = tx.registers.find()[0]
        names = [many_datasets.name_of(number) for number in range(0, self._datasets, 2)]
        own: list[Register] = [replace(register, id=f"{each}:register") for each in names]
        self._write(RegisterRow, own)
        listed = (SuppressedPersons(each.id, "0" * 64, b"\0" * 96) for each in own[::10])
        self._write(SuppressedPersonsRow, listed)
        dataset = table_of(DatasetRow)
        moved = (
            dataset.update()
            .where(dataset.c.id == sqlalchemy.bindparam("named"))
            .values(register_id=sqlalchemy.bindparam("of"))
        )
        rows = iter([{"named": each, "of": f"{each}:register"} for each in names])
        while part := list(islice(rows, _ROWS)):
            with self._engine.begin() as connection:
                connection.execute(moved, part)

    def _checked(self) -> None:
        """Say of each copy that its file was checked, or the node would begin to do so."""
        with self._pair.provider_store() as store, store.read() as tx:
            (census,) = tx.censuses.find()
        names = map(many_datasets.name_of, range(self._datasets))
        self._write(CensusRow, (replace(census, dataset_id=each) for each in names))

    def _log(self) -> None:
        numbers_ = iter(range(self._contracts))
        with self._pair.provider_store() as store:
            while part := list(islice(numbers_, _AT_ONCE)):
                with store.write() as tx:
                    for number in part:
                        tx.audit.append("negotiation.requested", _pid(number), peer=self._peer)
                        tx.audit.append("negotiation.finalized", _pid(number), peer=self._peer)
                        tx.audit.append("duty.done", _contract(number), path="/obligation/0")


def _contract(number: int) -> str:
    return many_contracts.name_of("a", number)


def _pid(number: int) -> str:
    return many_contracts.name_of("b", number)


def _job(number: int) -> str:
    return f"urn:uuid:c0000000-0000-4000-8000-{number:012d}"


def _request(number: int) -> str:
    return f"urn:uuid:d0000000-0000-4000-8000-{number:012d}"


def _is_ours(number: int) -> bool:
    return number % OURS == OURS - 1
