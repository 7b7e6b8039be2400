"""The card of a model: what it says follows from manifest and receipts, and it is signed."""

from __future__ import annotations

import copy
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.domain import instant
from connector.errors import ContractExpired, Malformed, NotFound, SignatureInvalid, Unlawful
from connector.identity import document as documents
from connector.identity.card import read, seal
from connector.identity.document import DidDocument
from connector.identity.evidence.verdict import Standing
from connector.identity.receipts import job_receipts
from connector.jsonld.canonical import canonical, sha256_hex
from connector.sdk import picture
from connector.services.federation.lead import book, release
from connector.services.federation.lead import jobs as lead_jobs
from federated.job import JobState, is_final
from tests.support.command import invoked
from tests.support.federation import CODE, LEAD, RESEARCH, SITES, Federation, running, wait_for
from tests.support.federation_workers import VERSIONS
from tests.support.management import commanded

PAGE = Path(__file__).parents[2] / "docs/reference/model-card.md"


@dataclass
class Done:
    """A job that has completed with two of three sites."""

    federation: Federation
    job_id: str
    file: bytes
    model: bytes

    @property
    def document(self) -> DidDocument:
        return documents.read(self.federation.lead.member.data, LEAD)

    @property
    def card(self) -> dict[str, Any]:
        return read(self.file, self.document, self.model)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    federation = Federation(tmp_path_factory.mktemp("card"), sites="2")
    federation.site(1).workers.site.die_in = [2, 2, 3, 3]
    lead = federation.lead
    with running(*federation.sites, lead):
        job_id = lead_jobs.submit(lead.ports, federation.request(quorum=2)).id
        assert wait_for(lambda: is_final(lead.job(job_id).state))
    assert lead.job(job_id).state == JobState.COMPLETED, lead.job(job_id)
    model = lead_jobs.result(lead.ports, job_id).read_bytes()
    return Done(federation, job_id, lead_jobs.card(lead.ports, job_id), model)


def test_a_card_says_what_manifest_and_receipts_say(done: Done) -> None:
    card, job = done.card, done.federation.lead.job(done.job_id)
    manifest = json.loads(job.manifest)
    assert (card["job"], card["lead"], card["purpose"]) == (done.job_id, LEAD, RESEARCH)
    assert card["manifest"] == sha256_hex(job.manifest)
    assert card["model"]["sha256"] == sha256_hex(done.model)
    assert card["model"]["hidden"] == manifest["model"]["hidden"]
    assert [each["site"] for each in card["contracts"]] == list(SITES)
    for name, value in manifest["privacy"].items():
        assert card["privacy"][name] == value
    assert card["privacy"]["unit"] == manifest["unit"]
    for name in ("features", "target", "optimiser", "rounds", "quorum", "learningRate"):
        assert card[name] == manifest[name]


def test_a_card_says_what_its_privacy_means(done: Done) -> None:
    privacy = done.card["privacy"]
    assert privacy["adjacency"] == "add-or-remove-one"
    assert "one more person" in privacy["meaning"]
    assert privacy["replacement"]["epsilon"] == 2 * privacy["epsilon"]
    factor = 1 + math.exp(privacy["epsilon"])
    assert privacy["replacement"]["delta"] == pytest.approx(privacy["delta"] * factor)


def test_a_card_names_who_answered_which_round_with_what(done: Done) -> None:
    history, sites = done.card["history"], done.card["sites"]
    assert [each["answered"] for each in history] == [
        sorted(SITES),
        sorted((SITES[0], SITES[2])),
        sorted((SITES[0], SITES[2])),
    ]
    assert [len(each["sent"]) for each in history] == [1, 1, 1]
    kept = book.rounds(done.federation.lead.ports, done.job_id)
    for each, record in zip(history, kept, strict=True):
        assert each["state"] == record.request_digest
        assert each["receipts"] == [sha256_hex(token.encode()) for token in record.receipts]
    assert [(each["site"], each["rounds"]) for each in sites] == list(
        zip(SITES, (3, 1, 3), strict=True)
    )
    assert all(each["ran"] == [{"recipe": CODE, "versions": VERSIONS}] for each in sites)


def _other_card(file: dict[str, Any]) -> None:
    file["card"]["privacy"]["epsilon"] = 0.1


def _other_signature(file: dict[str, Any]) -> None:
    file["signed"] = file["signed"][:-4] + "AAAA"


def _unsigned(file: dict[str, Any]) -> None:
    del file["signed"]


def _more(file: dict[str, Any]) -> None:
    file["note"] = "trust me"


@pytest.mark.parametrize("change", [_other_card, _other_signature, _unsigned, _more])
def test_a_card_that_was_changed_does_not_count(
    done: Done, change: Callable[[dict[str, Any]], None]
) -> None:
    file = json.loads(done.file)
    assert read(canonical(file), done.document, done.model)
    change(file)
    with pytest.raises((SignatureInvalid, Malformed)):
        read(canonical(file), done.document, done.model)


def test_a_card_of_another_model_or_lead_does_not_count(done: Done) -> None:
    with pytest.raises(SignatureInvalid, match="another model"):
        read(done.file, done.document, done.model + b"\0")
    site = done.federation.site().member
    document = documents.read(site.data, SITES[0])
    for file in (done.file, seal(site.signer, done.card)):
        with pytest.raises(SignatureInvalid, match=f"names `{LEAD}` as its lead, not `{SITES[0]}`"):
            read(file, document, done.model)
    with pytest.raises(SignatureInvalid, match="the key is not one"):
        read(seal(site.signer, done.card), done.document, done.model)


def test_the_command_shows_a_card_that_verifies(done: Done, tmp_path: Path) -> None:
    model, lead = tmp_path / "model.npz", tmp_path / "lead.json"
    model.write_bytes(done.model)
    (tmp_path / "model.card.json").write_bytes(done.file)
    lead.write_bytes(done.federation.lead.member.data)
    words = ["audit", "card", str(model), "--lead", str(lead)]
    shown = invoked(words, env={"COLUMNS": "400"})
    assert shown.exit_code == 0, shown.output
    assert f"{SITES[1]} (1 rounds, left: WORKER_FAILED), ε 0.5 for a `pupil`" in shown.stdout
    assert json.loads(invoked([*words, "--json"]).stdout) == done.card
    part = {name: value for name, value in done.card.items() if name != "sites"}
    (tmp_path / "part.json").write_bytes(seal(done.federation.lead.ports.signer, part))
    bare = invoked([*words, "--card", str(tmp_path / "part.json")])
    assert (bare.exit_code, bare.stdout) == (5, "invalid: the card is not complete\n")
    receipts = lead_jobs.receipts(done.federation.lead.ports, done.job_id)
    (tmp_path / "model.receipts.json").write_bytes(receipts)
    assert "receipts: unproven: " in invoked(words).stdout
    for number, site in enumerate(SITES):
        (tmp_path / f"{number}.json").write_bytes(done.federation.nodes[site].member.data)
    known = [word for number in range(3) for word in ("--site", str(tmp_path / f"{number}.json"))]
    proven = invoked([*words, *known])
    assert (proven.exit_code, "receipts: proven" in proven.stdout) == (0, True)
    (tmp_path / "model.receipts.json").write_bytes(receipts.replace(b'"version":1', b'"version":2'))
    assert invoked([*words, *known]).exit_code == 5
    model.write_bytes(done.model + b"x")
    spoiled = invoked(words)
    assert spoiled.exit_code == 5
    assert "invalid: the card is of another model" in spoiled.stdout


def test_a_job_without_result_has_no_card(done: Done) -> None:
    lead = done.federation.lead
    waiting = lead_jobs.submit(lead.ports, done.federation.request(quorum=2)).id
    with pytest.raises(Unlawful):
        lead_jobs.card(lead.ports, waiting)
    with pytest.raises(NotFound):
        lead_jobs.card(lead.ports, "urn:none")


def test_a_card_says_which_data_were_agreed_on_and_what_each_site_spent(done: Done) -> None:
    card = done.card
    assert {each["description"] for each in card["contracts"]} == {"cd" * 32}
    delta, unit = card["privacy"]["delta"], card["privacy"]["unit"]["column"]
    for site, rounds in zip(card["sites"], (3, 1, 3), strict=True):
        spent = {"rounds": rounds, "epsilon": rounds * 0.5, "delta": delta, "unit": unit}
        assert site["spent"] == spent
        node = done.federation.nodes[site["site"]]
        assert site["documents"] == [node.member.document.digest]
        assert len(site["source"]) == 1
    assert len({site["source"][0] for site in card["sites"]}) == len(SITES)


def _documents(done: Done) -> list[DidDocument]:
    return [documents.read(done.federation.nodes[did].member.data, did) for did in SITES]


def test_receipts_beside_a_card_are_proven_by_the_documents_of_its_sites(done: Done) -> None:
    file = lead_jobs.receipts(done.federation.lead.ports, done.job_id)
    known = _documents(done)
    part = job_receipts.verify(file, done.card, done.document, known)
    assert part.standing is Standing.PROVEN, part
    assert [
        f"{rounds} rounds signed by `{site}`" in part.checks
        for site, rounds in zip(SITES, (3, 1, 3), strict=True)
    ] == [True] * 3
    less = job_receipts.verify(file, done.card, done.document, known[1:])
    assert (less.standing, less.finding.split(":")[:3]) == (
        Standing.UNPROVEN,
        SITES[0].split(":"),
    )


def _fewer(file: dict[str, Any], card: dict[str, Any]) -> None:
    card["history"][0]["receipts"].pop()
    file["rounds"][0].pop()


def _exchanged(file: dict[str, Any], card: dict[str, Any]) -> None:
    del card
    file["rounds"].reverse()


def _of_another_round(file: dict[str, Any], card: dict[str, Any]) -> None:
    file["rounds"].reverse()
    card["history"] = [{**each, "round": n} for n, each in enumerate(card["history"][::-1], 1)]


def _forged(file: dict[str, Any], card: dict[str, Any]) -> None:
    token = file["rounds"][0][0]
    file["rounds"][0][0] = token[:-8] + ("AAAAAAAA" if token[-8:] != "AAAAAAAA" else "BBBBBBBB")
    card["history"][0]["receipts"][0] = sha256_hex(file["rounds"][0][0].encode())


def _other_manifest(file: dict[str, Any], card: dict[str, Any]) -> None:
    file["manifest"] = file["manifest"].replace('"learningRate":0.5', '"learningRate":0.25')
    card["manifest"] = sha256_hex(file["manifest"].encode())


def _other_document(file: dict[str, Any], card: dict[str, Any]) -> None:
    del card
    file["documents"][SITES[0]] = file["documents"][SITES[1]]


def _other_recipe(file: dict[str, Any], card: dict[str, Any]) -> None:
    del file
    card["sites"][0]["ran"][0]["recipe"] = "ab" * 32


def _other_rows(file: dict[str, Any], card: dict[str, Any]) -> None:
    del file
    card["sites"][0]["source"] = ["ab" * 32]


def _other_model(file: dict[str, Any], card: dict[str, Any]) -> None:
    del file
    card["history"][0]["sent"] = ["ab" * 32]


def _other_count(file: dict[str, Any], card: dict[str, Any]) -> None:
    del file
    card["sites"][0]["spent"]["rounds"] = 1


def _no_site(file: dict[str, Any], card: dict[str, Any]) -> None:
    del file
    card["sites"].pop()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (_fewer, "round 1 lacks the receipt of a site"),
        (_exchanged, "are not those that the card names"),
        (_of_another_round, "is not of round 1"),
        (_forged, ""),
        (_other_manifest, ""),
        (_other_document, "there is no DID document of the site"),
        (_other_recipe, "ran in round 1 a recipe or versions that the card does not name"),
        (_other_rows, "read in round 1 a source that the card does not name"),
        (_other_model, "was sent another model in round 1"),
        (_other_count, "does not count as many rounds"),
        (_no_site, "names other sites"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_receipts_that_do_not_bear_a_card_out_fail(
    done: Done, change: Callable[[dict[str, Any], dict[str, Any]], None], fault: str
) -> None:
    file = json.loads(lead_jobs.receipts(done.federation.lead.ports, done.job_id))
    card = copy.deepcopy(done.card)
    change(file, card)
    part = job_receipts.verify(canonical(file), card, done.document)
    assert part.standing is Standing.FAILED, part
    assert fault in part.finding


def test_a_picture_is_drawn_of_a_card(done: Done) -> None:
    said = picture.drawn(done.card).decode()
    assert all(f"{site}: ε " in said for site in SITES)
    assert "ε 1.5, 3 rounds" in said
    card = copy.deepcopy(done.card)
    for site in card["sites"]:
        del site["spent"]  # as in one of an earlier release
    assert "ε not known" in picture.drawn(card).decode()


def test_a_model_is_let_go_when_its_first_contract_ends(tmp_path: Path) -> None:
    federation = Federation(tmp_path)
    lead = federation.lead
    with running(*federation.sites, lead):
        job_id = lead_jobs.submit(lead.ports, federation.request()).id
        assert wait_for(lambda: is_final(lead.job(job_id).state))
    model, card = lead_jobs.result(lead.ports, job_id), lead_jobs.card(lead.ports, job_id)
    ends = [federation.agreements[did].valid_until for did in SITES]
    first = min(each for each in ends if each)
    assert json.loads(card)["card"]["terms"] == {"holder": LEAD, "until": instant.text(first)}
    federation.clock.set(first - timedelta(seconds=1))
    assert release.let_go(lead.ports) == 0
    assert lead_jobs.result(lead.ports, job_id) == model
    with commanded(lead.ports) as preau, commanded(federation.site().ports) as other:
        ours, theirs = tmp_path / "ours.npz", tmp_path / "theirs.npz"
        assert preau("job", "result", job_id, "--out", str(ours)).exit_code == 0
        assert ours.read_bytes() == model.read_bytes()
        refused = other("job", "result", job_id, "--out", str(theirs))  # it is no holder
        assert "NOT_FOUND" in refused.stderr
        federation.clock.set(first)
        over = preau("job", "result", job_id, "--out", str(theirs))
        assert "CONTRACT_EXPIRED" in over.stderr
        assert not theirs.exists()
    for _ in range(2):
        with pytest.raises(ContractExpired):
            lead_jobs.result(lead.ports, job_id)
        release.let_go(lead.ports)
        assert not model.exists()
    assert lead_jobs.card(lead.ports, job_id) == card
    assert lead.log(job_id).count("job.model-removed") == 1


def test_every_member_of_a_card_is_documented(done: Done) -> None:
    words = set(re.findall(r"`([A-Za-z0-9]+)`", PAGE.read_text()))
    card = done.card
    used = {
        *card,
        *card["privacy"],
        *card["terms"],
        *card["history"][0],
        *card["sites"][0],
        *card["sites"][0]["spent"],
        *card["contracts"][0],
        "recipe",
        "versions",
    }
    assert used - words == set()
