"""Typed calls to a running node, for scripts, notebooks and the `preau` command.

Rules: one method per route; answers are the models of `connector/management/views`; a refusal is
raised as the exception of its code. Leaves HTTP to `transport.py`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from connector.errors import Malformed
from connector.management.views.audits import EventView
from connector.management.views.contracts.agreements import AgreementDetailView, AgreementView
from connector.management.views.contracts.catalogs import CatalogView
from connector.management.views.contracts.negotiations import NegotiationView
from connector.management.views.contracts.uses import ReferralView, UseView
from connector.management.views.jobs import (
    CheckView,
    DraftView,
    EvaluationView,
    JobLineView,
    JobView,
)
from connector.management.views.members import MemberView
from connector.management.views.node import MembershipView, NodeView, PeerView
from connector.management.views.publishing.budgets import (
    AgreementBudgetView,
    BudgetView,
    RegisterView,
    RoomView,
    RuleView,
    SuppressionView,
)
from connector.management.views.publishing.datasets import DatasetView
from connector.management.views.publishing.offers import OfferView
from connector.management.views.recovery import ConfirmedView, RecoveryView
from connector.sdk.accounts import AccountCalls
from connector.sdk.answer import Answer
from connector.sdk.approvals import ApprovalCalls
from connector.sdk.calls import READING_SECONDS, Listing, until
from connector.sdk.duties import DutyCalls
from connector.sdk.layers import LayerCalls
from connector.sdk.protection import ProtectionCalls
from connector.sdk.statistics import AGGREGATE, NO_CELLS, StatisticCalls
from connector.sdk.transfers import TransferCalls
from connector.sdk.transport import Address, Transport, find

T = TypeVar("T")

NEGOTIATION_ENDS: Final = frozenset({"FINALIZED", "TERMINATED"})
JOB_ENDS: Final = frozenset({"COMPLETED", "FAILED", "CANCELLED", "REFUSED"})
_ACCESS_ELSEWHERE: Final = "https://w3id.org/preau/odrl/v1#accessElsewhere"
_PUBLISH: Final = "https://w3id.org/preau/odrl/v1#publish"
_SECONDS = 60.0
_PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 0.2
_PAGE = 100  # values that one request asks for where a whole list is wanted
_MOST_PAGES = 200  # of a peer's catalog


class Client(
    AccountCalls,
    ApprovalCalls,
    DutyCalls,
    LayerCalls,
    ProtectionCalls,
    StatisticCalls,
    TransferCalls,
):
    """A node, as its operator drives it. Lists come whole, or with `limit` a page at a time.

    Args:
        home: folder of a node on this machine.
        url: `unix:PATH` or `http://host:port` instead of `home`.
        token: management token; needed with `url`.
        seconds: longest wait for one answer.
        patience: seconds for which a node that has answered is waited for while it is away, for
            example while it starts again.

    Raises:
        NodeUnreachable: no node has started in `home`.
    """

    def __init__(
        self,
        home: Path | str | None = None,
        *,
        url: str = "",
        token: str = "",
        seconds: float = _SECONDS,
        patience: float = _PATIENCE_SECONDS,
    ) -> None:
        folder = Path(home or "preau-home")

        def where() -> Address:
            return Address(url, token) if url else find(folder)

        super().__init__(Transport(where, seconds=seconds, patience=patience))

    def __enter__(self) -> Self:
        """Return the client; `close` is called at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._wire.close()

    # --- node and peers
    def node(self) -> NodeView:
        """Return who the node is and where it listens."""
        return self._get(NodeView, "/node")

    def document(self) -> bytes:
        """Return the node's own DID document, as it is served."""
        return self._wire.call("GET", "/document")

    def peers(self, *, limit: int = 0, after: str = "") -> Listing[PeerView]:
        """Return the peers that the node has met, and whether each is in good standing."""
        return self._list(PeerView, "/peers", {}, limit, after)

    def meet(self, did: str, *, space: str = "") -> PeerView:
        """Meet a peer: verify its documents and membership, and let it verify ours.

        With `space`, an IRI or name, it is dealt with there from now on.
        """
        return self._post(PeerView, "/peers", {"did": did, "space": space})

    def pin(self, key: str, *, space: str = "") -> MembershipView:
        """Believe a space's authority under a key whose id the operator had from it."""
        return self._post(MembershipView, "/authority-key", {"key": key, "space": space})

    def membership(self, *, space: str = "", refresh: bool = False) -> MembershipView:
        """Return the node's own membership of a space; with `refresh`, fetch it now."""
        asked = {"space": space}
        if refresh:
            return self._post(MembershipView, "/membership", {}, asked)
        return self._get(MembershipView, "/membership", asked)

    def memberships(self) -> list[MembershipView]:
        """Return the node's own membership of each of its spaces."""
        return self._get(list[MembershipView], "/memberships")

    # --- registers, datasets and catalogs
    def declare_register(
        self, register: str, epsilon: float, delta: float, *, rule: str = "sums", order: int = 0
    ) -> RegisterView:
        """Declare a register of persons: its cap, and the rule by which jobs add up, for good."""
        body = {"id": register, "epsilon": epsilon, "delta": delta, "rule": rule, "order": order}
        return self._post(RegisterView, "/registers", body)

    def registers(self, *, limit: int = 0, after: str = "") -> Listing[RegisterView]:
        """Return the own registers of persons."""
        return self._list(RegisterView, "/registers", {}, limit, after)

    def recount_persons(self, reason: str) -> list[str]:
        """Take all persons anew, since `keys/persons.key` is lost; return what is checked anew."""
        return self._post(list[str], "/registers/recount", {"reason": reason})

    def suppressed(self) -> list[SuppressionView]:
        """Return of each register with a list how many persons have no row used."""
        return self._get(list[SuppressionView], "/persons/suppressed")

    def suppress(
        self, register: str, persons: Sequence[str], *, anew: bool = False
    ) -> SuppressionView:
        """Use no row of some persons from the next step on; `anew` drops the list before."""
        body = {"register_id": register, "persons": list(persons), "anew": anew}
        return self._post(SuppressionView, "/persons/suppress", body)

    def restore_persons(self, register: str, persons: Sequence[str]) -> SuppressionView:
        """Use the rows of some persons again, from the next step on."""
        body = {"register_id": register, "persons": list(persons)}
        return self._post(SuppressionView, "/persons/restore", body)

    def publish(
        self, description: Mapping[str, Any], *, distinct: str = "", raise_cap: bool = False
    ) -> DatasetView:
        """Publish a dataset with its offers; `docs/reference` says what a description states.

        The node reads the whole file first. `distinct` says why persons that another register
        holds too are not the same ones; `raise_cap` lets the register's cap rise.
        """
        query = {"distinct": distinct, "raise_cap": str(raise_cap).lower()}
        return self._post(DatasetView, "/datasets", description, query, seconds=READING_SECONDS)

    def withdraw_dataset(self, dataset: str, reason: str) -> DatasetView:
        """Offer a dataset to nobody any more; contracts on it run on."""
        return self._post(DatasetView, "/dataset/withdraw", {"reason": reason}, {"id": dataset})

    def own_offer(self, offer: str) -> OfferView:
        """Return an own offer: how each part is upheld, and which layer states it."""
        return self._get(OfferView, "/offer", {"id": offer})

    def withdraw_offer(self, offer: str, reason: str) -> OfferView:
        """Take an offer back; contracts on it keep their terms."""
        return self._post(OfferView, "/offer/withdraw", {"reason": reason}, {"id": offer})

    def replace_offer(self, offer: str, policy: Mapping[str, Any], reason: str) -> OfferView:
        """Put other terms in the place of an offer's; its id stays.

        An entry that says who decides may stand for the terms; see `dataset publish`.
        """
        body = {"policy": policy, "reason": reason}
        return self._post(OfferView, "/offer/replace", body, {"id": offer})

    def check(self, dataset: str, *, distinct: str = "") -> DatasetView:
        """Check the file of a published dataset again; `distinct` as in `publish`."""
        query = {"id": dataset, "distinct": distinct}
        return self._post(DatasetView, "/dataset/check", {}, query, seconds=READING_SECONDS)

    def refresh(self, dataset: str, *, distinct: str = "") -> DatasetView:
        """Read the rows of a published dataset anew; `distinct` as in `publish`."""
        query = {"id": dataset, "distinct": distinct}
        return self._post(DatasetView, "/dataset/refresh", {}, query, seconds=READING_SECONDS)

    def merge(self, dataset: str, register: str) -> DatasetView:
        """Count a dataset's register in another one, whose persons are the same."""
        return self._post(DatasetView, "/dataset/merge", {}, {"id": dataset, "register": register})

    def datasets(self, *, limit: int = 0, after: str = "") -> Listing[DatasetView]:
        """Return the own published datasets."""
        return self._list(DatasetView, "/datasets", {}, limit, after)

    def dataset(self, dataset: str) -> DatasetView:
        """Return one own dataset with its offers and their coverage."""
        return self._get(DatasetView, "/dataset", {"id": dataset})

    def catalog(
        self,
        peer: str,
        *,
        limit: int = 0,
        after: str = "",
        said: bool = True,
        **search: str,
    ) -> CatalogView:
        """Fetch and verify a peer's catalog, meeting the peer first when it is new.

        Args:
            peer: DID of the provider.
            limit: datasets of one page; 0: the whole catalog, up to 20,000 datasets.
            after: `next` of the page before.
            said: whether offers come in plain words too, which takes time.
            search: `words`, `territory`, `purpose`, `legal_basis`.

        Raises:
            Malformed: the catalog does not end.
        """
        query = {"peer": peer, "said": str(said).lower(), **search}
        page = self._catalog(query, limit, after)
        datasets = list(page.datasets)
        for _ in range(_MOST_PAGES):
            if limit or not page.next:
                return page.model_copy(update={"datasets": datasets})
            page = self._catalog(query, limit, page.next)
            datasets += page.datasets
        raise Malformed(f"the catalog of `{peer}` has more than {_MOST_PAGES} pages")

    def _catalog(self, query: Mapping[str, str], limit: int, after: str) -> CatalogView:
        asked: dict[str, str | int] = {**query, "after": after, "limit": limit or _PAGE}
        return self._get(CatalogView, "/catalog", asked)

    # --- negotiations and agreements
    def negotiate(
        self,
        peer: str,
        dataset: str,
        *,
        offer: str = "",
        policy: Mapping[str, Any] | None = None,
        https: bool = False,
    ) -> NegotiationView:
        """Ask a provider for a contract; returns at once, see `await_negotiation`.

        With `https` the Dataspace Protocol is spoken with a Préau node too; with others it is.
        """
        body: dict[str, Any] = {"peer": peer, "dataset": dataset, "offer": offer, "policy": policy}
        body |= {"https": True} if https else {}
        return self._post(NegotiationView, "/negotiations", body)

    def offer(self, peer: str, dataset: str, offer: str) -> NegotiationView:
        """Open a negotiation as the provider, with one of our offers."""
        body = {"peer": peer, "dataset": dataset, "offer": offer}
        return self._post(NegotiationView, "/offers", body)

    def negotiations(self, *, limit: int = 0, after: str = "") -> Listing[NegotiationView]:
        """Return all negotiations."""
        return self._list(NegotiationView, "/negotiations", {}, limit, after)

    def negotiation(self, pid: str) -> NegotiationView:
        """Return one negotiation."""
        return self._get(NegotiationView, "/negotiation", {"pid": pid})

    def answer(
        self, pid: str, act: str, *, policy: Mapping[str, Any] | None = None, reason: str = ""
    ) -> NegotiationView:
        """Do one of `accept`, `counter`, `terminate`, `reconcile` with what is on the table."""
        body = {"act": act, "policy": policy, "reason": reason}
        return self._post(NegotiationView, "/negotiation", body, {"pid": pid})

    def await_negotiation(self, pid: str, *, seconds: float = 30.0) -> NegotiationView:
        """Return a negotiation once nothing is to be expected of the peer, or after `seconds`.

        That is when it has ended, when the peer's offer waits for an answer of this side's, or
        when a person of the provider has yet to decide.
        """
        return until(lambda: self.negotiation(pid), _rests, seconds)

    def agreements(self, *, limit: int = 0, after: str = "") -> Listing[AgreementView]:
        """Return all contracts."""
        return self._list(AgreementView, "/agreements", {}, limit, after)

    def agreement(self, agreement: str) -> AgreementDetailView:
        """Return one contract with all that proves it."""
        return self._get(AgreementDetailView, "/agreement", {"id": agreement})

    def recount_agreements(self, reason: str) -> list[str]:
        """Count what contracts promise anew, from what was signed; return what was wrong."""
        return self._post(list[str], "/agreements/recount", {"reason": reason})

    def take_back(self, agreement: str, act: str, reason: str) -> AgreementDetailView:
        """Do one of `end`, `suspend`, `resume` with a contract; the other party is told why."""
        body = {"act": act, "reason": reason}
        return self._post(AgreementDetailView, "/agreement", body, {"id": agreement})

    # --- uses
    def query(
        self,
        agreement: str,
        cells: Mapping[str, Any],
        stated: Mapping[str, Sequence[str]] | None = None,
        *,
        publish: bool = False,
    ) -> Answer:
        """Ask for a table under a contract; a small one comes with the answer.

        Args:
            agreement: the contract.
            cells: `dimensions`, `measures` as {`function`, `column`}, `filters`, `totals`; what
                is left out is empty. Where cells have noise, `epsilon` that the table spends, and
                `delta`, 0 for Laplace noise. `bins` says of a dimension into how many equal bins
                of its public range it goes, `moments` of which columns sums of products are
                wanted.
            stated: operand to values, in place of what the contract demands.
            publish: whether it is to be published; else it is only used.
        """
        body = {
            "agreement": agreement,
            "action": _PUBLISH if publish else AGGREGATE,
            "cells": {**NO_CELLS, **cells},
            "stated": {left: list(values) for left, values in (stated or {}).items()},
        }
        return self._post(Answer, "/uses", body)

    def attest(
        self, agreement: str, operand: str, value: str, *, holds: bool = True
    ) -> dict[str, list[str]]:
        """Attest a charter, an opinion, consent or age, as the provider of a contract."""
        body = {"operand": operand, "value": value, "holds": holds}
        return self._post(dict[str, list[str]], "/agreement/attest", body, {"id": agreement})

    def refer(self, agreement: str, stated: Mapping[str, Sequence[str]] | None = None) -> UseView:
        """Ask for a referral to the third party of a contract; `stated` as of `query`."""
        found = {left: list(values) for left, values in (stated or {}).items()}
        body = {"agreement": agreement, "action": _ACCESS_ELSEWHERE, "stated": found}
        return self._post(UseView, "/uses", body)

    def present_referral(self, referral: str) -> ReferralView:
        """Present a referral of ours to its third party, where that is a node."""
        return self._post(ReferralView, "/referral/present", {"referral": referral})

    def accept_referral(self, referral: str, holder: str) -> ReferralView:
        """Take in a referral to this node, once, of a holder that its operator has identified."""
        body = {"referral": referral, "holder": holder}
        return self._post(ReferralView, "/referral/accept", body)

    def use_again(self, request: str) -> Answer:
        """Ask for the answer to a request that was made before."""
        return self._post(Answer, "/use/again", {}, {"id": request})

    # --- jobs
    def submit(self, request: Mapping[str, Any]) -> JobView:
        """Submit a federated job: purpose, agreements, model, features, target, privacy and more.

        The node fills in id, lead, contracts with their receipts and the recipe's hash, and signs.
        """
        return self._post(JobView, "/jobs", request)

    def draft_job(
        self, agreements: Sequence[str], target: str, *, epsilon: float | None = None
    ) -> DraftView:
        """Return a request for a job under contracts, written from their data dictionaries."""
        order = {"agreements": list(agreements), "target": target, "epsilon": epsilon}
        return self._post(DraftView, "/jobs/draft", order, seconds=READING_SECONDS)

    def check_job(
        self, request: Mapping[str, Any], *, rehearse: bool = True, seconds: float = 60.0
    ) -> CheckView:
        """Return what can be known of a request before anything is spent.

        Args:
            request: as `submit` takes it.
            rehearse: whether to run the job on made-up rows, too.
            seconds: after which the try begins no further round.
        """
        query = {"rehearse": str(rehearse).lower(), "seconds": str(seconds)}
        wait = seconds + READING_SECONDS
        return self._post(CheckView, "/jobs/check", request, query, seconds=wait)

    def jobs(self, *, limit: int = 0, after: str = "") -> Listing[JobView]:
        """Return all jobs, led or taken part in."""
        return self._list(JobView, "/jobs", {}, limit, after)

    def job(self, job: str) -> JobView:
        """Return one job with its sites."""
        return self._get(JobView, "/job", {"id": job})

    def watch(self, job: str, *, seconds: float = 600.0) -> Iterator[JobView]:
        """Yield the job each time it changed, until it has ended or `seconds` are over."""
        limit = time.monotonic() + seconds
        seen: JobView | None = None
        while time.monotonic() < limit:
            now = self.job(job)
            if now != seen:
                yield now
            seen = now
            if now.state in JOB_ENDS:
                return
            time.sleep(_LOOK_SECONDS)

    def job_log(self, job: str, *, start: int = 0) -> Listing[JobLineView]:
        """Return what happened to a job at this node, from an entry of the log on: one page."""
        return self._list(JobLineView, "/job/log", {"id": job, "start": start}, 0, "")

    def follow(self, job: str, *, seconds: float = 600.0) -> Iterator[JobLineView]:
        """Yield what happened to a job and what happens, until its end or for `seconds`."""
        limit, start = time.monotonic() + seconds, 0
        while True:
            over = time.monotonic() >= limit or self.job(job).state in JOB_ENDS
            while lines := self.job_log(job, start=start):
                yield from lines
                start = lines[-1].index + 1
            if over:
                return
            time.sleep(_LOOK_SECONDS)

    def await_job(self, job: str, *, seconds: float = 600.0) -> JobView:
        """Return a job once it has ended, or as it stands after `seconds`."""
        return until(lambda: self.job(job), lambda j: j.state in JOB_ENDS, seconds)

    def result(self, job: str) -> bytes:
        """Return the final model of a completed job, NumPy `.npz`."""
        return self._wire.call("GET", "/job/result", query={"id": job})

    def evaluation(self, job: str) -> EvaluationView:
        """Return how a job's models predict, on persons held out at the sites.

        Where its `dp` is false there is no noise, and the figures are of all sites together.
        """
        return self._get(EvaluationView, "/job/evaluation", {"id": job})

    def card(self, job: str) -> bytes:
        """Return the signed card of a completed job's model, JSON."""
        return self._wire.call("GET", "/job/card", query={"id": job})

    def job_receipts(self, job: str) -> bytes:
        """Return the receipts of a completed job, JSON; `preau audit card` verifies them."""
        return self._wire.call("GET", "/job/receipts", query={"id": job})

    def manifest(self, job: str) -> bytes:
        """Return the manifest of a job, the exact JSON bytes that its lead signed."""
        return self._wire.call("GET", "/job/manifest", query={"id": job})

    def cancel(self, job: str, *, reason: str = "") -> JobView:
        """Cancel a job that we lead."""
        return self._post(JobView, "/job/cancel", {"reason": reason} if reason else {}, {"id": job})

    # --- budget and audit
    def budget(self, dataset: str = "", *, limit: int = 0, after: str = "") -> Listing[BudgetView]:
        """Return ε promised and spent of the own registers, or of a dataset's.

        Where all are asked for, each has its contracts; a page leaves them to `contract_budgets`.
        """
        query = {"dataset": dataset}
        found = self._list(BudgetView, "/budget", query, limit, after)
        if limit:
            return found
        lines: dict[str, list[AgreementBudgetView]] = {each.id: [] for each in found}
        contracts = self.contract_budgets(dataset)
        for each in contracts:
            lines.setdefault(each.register_id, []).append(each)
        whole = (each.model_copy(update={"agreements": lines[each.id]}) for each in found)
        return Listing(whole, damaged=(*found.damaged, *contracts.damaged))

    def contract_budgets(
        self, dataset: str = "", *, limit: int = 0, after: str = ""
    ) -> Listing[AgreementBudgetView]:
        """Return ε spent and left of the contracts that this node provides, or of a dataset's."""
        query = {"dataset": dataset}
        return self._list(AgreementBudgetView, "/budget/agreements", query, limit, after)

    def plan(
        self, epsilon: float, delta: float, jobs: Sequence[Mapping[str, Any]]
    ) -> list[RuleView]:
        """Return what each rule would make of jobs under a contract of (ε, δ).

        Each is a request, of which `privacy`, `rounds` and `evaluation` count, or its `privacy`.
        """
        body = {"epsilon": epsilon, "delta": delta, "jobs": list(jobs)}
        return self._post(list[RuleView], "/budget/plan", body)

    def capacity(
        self,
        agreement: str = "",
        *,
        epsilon: float = 0.0,
        delta: float = 0.0,
        rounds: Mapping[str, float] | None = None,
        tables: Mapping[str, float] | None = None,
    ) -> list[RoomView]:
        """Return how many rounds of a job, or tables, fit.

        Args:
            agreement: contract that this node provides, of which the rest is planned; or else
            epsilon: of a contract that is thought of.
            delta: of that.
            rounds: `noise_multiplier`, `sampling_rate`, `steps` of a round, `delta` of the job;
                `evaluation_noise` where its models are evaluated, after `every` so many rounds.
            tables: `epsilon` and `delta` of each.
        """
        body = {"agreement": agreement, "epsilon": epsilon, "delta": delta}
        found = body | {"rounds": rounds, "tables": tables}
        return self._post(list[RoomView], "/budget/capacity", found)

    def events(self, *, start: int = 0, limit: int = 100, subject: str = "") -> Listing[EventView]:
        """Return events of the audit log."""
        query = {"start": str(start), "subject": subject}
        return self._list(EventView, "/audit/events", query, limit, "")

    def evidence(self, agreement: str) -> bytes:
        """Return the evidence bundle of a contract, JSON bytes to be kept as they are."""
        return self._wire.call("GET", "/audit/evidence", query={"agreement": agreement})

    def checkpoint(self) -> str:
        """Return the signed head of the audit log, as text."""
        return self._wire.call("GET", "/audit/checkpoint").decode()

    # --- recovery
    def recovery(self) -> RecoveryView:
        """Return whether the node went back to an older state, and what it then owes."""
        return self._get(RecoveryView, "/recovery")

    def confirm_recovery(self, *, charge_in_full: bool = False) -> ConfirmedView:
        """Charge what is owed, let the node work on, and return what was charged."""
        return self._post(ConfirmedView, "/recovery", {"charge_in_full": charge_in_full})

    # --- authority
    def admit(
        self, did: str, *, name: str = "", role: str = "member", days: int = 365
    ) -> MemberView:
        """Admit a member to the space; only on an authority's node."""
        body = {"did": did, "name": name, "role": role, "days": days}
        return self._post(MemberView, "/members", body)

    def readmit(self, did: str, reason: str) -> MemberView:
        """Admit a member anew that lost its signing key; only on an authority's node."""
        return self._post(MemberView, "/members/anew", {"did": did, "reason": reason})

    def revoke(self, did: str, reason: str) -> MemberView:
        """Revoke a membership; only on an authority's node."""
        return self._post(MemberView, "/revocations", {"did": did, "reason": reason})

    def members(self, *, limit: int = 0, after: str = "") -> Listing[MemberView]:
        """Return the members; only on an authority's node."""
        return self._list(MemberView, "/members", {}, limit, after)

    def openapi(self) -> dict[str, Any]:
        """Return the API's own description."""
        return self._get(dict[str, Any], "/openapi.json")


def _rests(negotiation: NegotiationView) -> bool:
    waits = (negotiation.role, negotiation.state) == ("consumer", "OFFERED")
    return waits or negotiation.awaits or negotiation.state in NEGOTIATION_ENDS
