"""What was made is held until persons accept the very bytes, and is destroyed where they refuse."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.bootstrap.mechanisms import MECHANISMS
from connector.domain.contract.approval import Approval, ApprovalState, Subject
from connector.domain.contract.notice import Act
from connector.domain.privacy.budget import ReservationState
from connector.domain.transfer.extract import KEPT, Extract, ExtractState
from connector.enforcement.coverage import cover
from connector.enforcement.plan import Label
from connector.enforcement.steps import registry
from connector.enforcement.steps.minimise import RowTest
from connector.enforcement.steps.release import Release
from connector.enforcement.steps.request import Measure
from connector.enforcement.steps.review import Review
from connector.errors import (
    ApprovalClosed,
    ConstraintUnknown,
    ContractSuspended,
    ExtractUnavailable,
    NotFound,
    RoleForbidden,
    StepUnknown,
    TooManyRequests,
)
from connector.identity import document as documents
from connector.identity.receipts import transfer_receipt
from connector.jsonld.canonical import parse_object
from connector.jsonld.policy import read_policy
from connector.sdk import transfers
from connector.services.approval import deciding, timing, viewing
from connector.services.negotiation import notices
from connector.services.publication import publish
from connector.services.transfer import acts, consumer_side
from connector.services.use import answering, asking, preparing, releasing
from connector.services.use import deciding as use_deciding
from policies_odrl.vocabulary import PREAU
from tests.support.link import Link, description, limit, link
from tests.support.link import offer as training
from tests.support.management import commanded
from tests.support.negotiating import ask as negotiated
from tests.unit import test_use_noise as noise
from tests.unit.test_use_flow import AGGREGATE, READ, Scripted, contract, files, linked, offer, wish

HOUR = 3600.0
REVIEWERS = PREAU + "outputReviewers"
ROLES = ("dpo", "reviewer-1")


def reviewed(made: dict[str, Any], number: str = "2", operator: str = "gteq") -> dict[str, Any]:
    """Return an offer whose outputs are reviewed."""
    for rule in made["permission"]:
        rule["constraint"] = [*rule["constraint"], limit(REVIEWERS, operator, number, "decimal")]
    return made


@pytest.fixture(autouse=True)
def _not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(use_deciding, "WAIT_SECONDS", 0.0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Link]:
    """A lab that asks for tables, and a school where two look at what would leave."""
    folder = tmp_path_factory.mktemp("outputs")
    with linked(folder, reviewed(offer(READ, AGGREGATE))) as pair:
        yield pair


@pytest.fixture
def pair(whole: Link) -> Iterator[Link]:
    """The same, with nothing that waits."""
    named(whole)
    yield whole
    for each in deciding.approvals(whole.school.ports).values:
        deciding.refuse(whole.school.ports, each.id, "the test is over", "dpo")


def named(pair: Link) -> None:
    school = pair.school
    settings = replace(school.ports.settings, reviewers=("dpo",))
    school.ports = replace(school.ports, settings=settings, preparing=Scripted())


def held(pair: Link) -> tuple[Approval, Extract]:
    """Ask for a table, and return what waits and its extract."""
    asked = wish(pair)
    preparing.turn(pair.school.ports, steady=True)
    assert asking.again(pair.lab.ports, asked.request_id).state == "waiting"
    (waits,) = deciding.approvals(pair.school.ports).values
    return waits, extract_of(pair, waits)


def extract_of(pair: Link, waits: Approval) -> Extract:
    with pair.school.ports.store.read() as tx:
        found = releasing.extract_of(tx, waits)
    assert found
    return found


def again(pair: Link, extract: Extract) -> asking.Answered:
    return asking.again(pair.lab.ports, extract.request_id)


def said(pair: Link, kind: str, extract: Extract) -> list[dict[str, Any]]:
    """Return entries of the log about an extract."""
    found = [parse_object(it.event)["facts"] for it in pair.school.log() if it.kind == kind]
    return [each for each in found if each["digest"] == extract.digest]


def test_what_two_accepted_leaves_and_is_what_they_saw(pair: Link) -> None:
    waits, extract = held(pair)
    school = pair.school.ports
    assert (waits.subject, waits.roles, waits.request) == (Subject.OUTPUT, ROLES, extract.digest)
    assert (extract.state, extract.due_at, len(files(pair))) == (ExtractState.HELD, None, 1)
    shown = viewing.brief(school, waits.id)
    assert (shown.output, bool(shown.policy)) == (extract.content, True)
    whole = b"".join(releasing.content(school, waits.id, "dpo", 0))
    assert hashlib.sha256(whole).hexdigest() == waits.request
    assert said(pair, "approval.viewed", extract)[0]["role"] == "dpo"
    deciding.accept(school, waits.id, "dpo")
    with pytest.raises(RoleForbidden):
        deciding.accept(school, waits.id, "dpo")
    pair.school.restart()
    named(pair)
    school = pair.school.ports
    preparing.turn(school, steady=True)  # keeps the file
    assert again(pair, extract).state == "waiting"
    transfer = consumer_side.request(pair.lab.ports, extract.agreement_id, extract.id)
    pair.pump()
    assert acts.transfer(pair.lab.ports, transfer.pid).code == ExtractUnavailable.code
    decided = deciding.accept(school, waits.id, "reviewer-1")
    assert decided.state is ApprovalState.ACCEPTED
    after = extract_of(pair, waits)
    assert after == replace(extract, state=ExtractState.READY, due_at=pair.clock.now() + KEPT)
    found = again(pair, extract)
    assert (found.state, found.content) == ("ready", extract.content)
    (ready,) = said(pair, "use.ready", extract)
    assert (ready["approval"], ready["use"]) == (waits.id, extract.id)
    with pytest.raises(ApprovalClosed):
        deciding.accept(school, waits.id, "dpo")


def _refused(pair: Link, waits: Approval) -> str:
    deciding.refuse(pair.school.ports, waits.id, "two pupils can be told apart", "dpo")
    return "two pupils can be told apart"


def _lapsed(pair: Link, waits: Approval) -> str:
    pair.clock.advance(48 * HOUR)
    timing.turn(pair.school.ports, steady=True)
    reminded = deciding.approval(pair.school.ports, waits.id)
    assert (reminded.state, reminded.reminded) == (ApprovalState.PENDING, True)
    pair.clock.advance(96 * HOUR)
    timing.turn(pair.school.ports, steady=True)
    return "the provider did not decide within 144 h"


@pytest.mark.parametrize(
    ("act", "code"), [(_refused, "APPROVAL_REFUSED"), (_lapsed, "APPROVAL_LAPSED")]
)
def test_what_persons_do_not_accept_is_destroyed(
    pair: Link, act: Callable[[Link, Approval], str], code: str
) -> None:
    pair.school.ports.preparing.content = code.encode()  # type: ignore[attr-defined] - it is Scripted
    waits, extract = held(pair)
    reason = act(pair, waits)
    gone = replace(extract, state=ExtractState.FAILED, code=code, path="", sealed_key="")
    assert extract_of(pair, waits) == gone
    assert extract.path not in {each.name for each in files(pair)}
    found = again(pair, extract)
    assert (found.state, found.code, found.reasons) == ("failed", code, (reason,))
    assert said(pair, "use.ready", extract) == []
    assert said(pair, "use.gone", extract)[0]["cause"] == code
    with pytest.raises(ApprovalClosed):
        releasing.content(pair.school.ports, waits.id, "", 0)


def test_a_reviewer_gets_the_very_file_by_command(pair: Link, tmp_path: Path) -> None:
    waits, extract = held(pair)
    with commanded(pair.school.ports) as preau:
        shown = preau("approve", "show", waits.id, "--out", str(tmp_path), "--role", "dpo").output
        (file,) = tmp_path.iterdir()
        assert (extract.digest in shown, file.name in shown) == (True, True)
        assert hashlib.sha256(file.read_bytes()).hexdigest() == extract.digest
        other = preau("approve", "show", waits.id, "--out", str(tmp_path / "b"), "--role", "head")
        assert "ROLE_FORBIDDEN" in other.output
        deciding.refuse(pair.school.ports, waits.id, "too fine", "dpo")
        late = preau("approve", "show", waits.id, "--out", str(tmp_path / "c"))
        assert "error APPROVAL_CLOSED" in late.output


def test_who_fetches_what_waits_asks_for_the_same_again(
    pair: Link, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfers, "_PREPARING_SECONDS", 0.0)
    words = ("get", contract(pair), "--out", str(tmp_path))
    with commanded(pair.lab.ports) as preau:
        assert "still prepares it" in preau(*words).output
        preparing.turn(pair.school.ports, steady=True)
        for _ in range(2):
            assert "error APPROVAL_AWAITED" in preau(*words).output
    assert len(deciding.approvals(pair.school.ports).values) == 1
    with pair.lab.ports.store.read() as tx:
        assert len([each for each in tx.requests.find() if each.action == READ]) == 1


def test_what_is_lost_while_it_waits_leaves_nothing_to_decide(pair: Link) -> None:
    waits, extract = held(pair)
    pair.school.ports.extracts.remove(extract.path)
    preparing.turn(pair.school.ports, steady=True)
    assert extract_of(pair, waits).state is ExtractState.GONE
    assert deciding.approval(pair.school.ports, waits.id).state is ApprovalState.VOID


def test_a_contract_that_is_suspended_lets_nothing_go_and_one_that_ended_keeps_nothing(
    tmp_path: Path,
) -> None:
    with linked(tmp_path, reviewed(offer(READ, AGGREGATE), "1")) as pair:
        waits, extract = held(pair)
        notices.give(pair.school.ports, contract(pair), Act.SUSPENDED, "a question is open")
        with pytest.raises(ContractSuspended):
            deciding.accept(pair.school.ports, waits.id)
        preparing.turn(pair.school.ports, steady=True)
        assert (extract_of(pair, waits), len(files(pair))) == (extract, 1)
        notices.give(pair.school.ports, contract(pair), Act.ENDED, "the project is over")
        preparing.turn(pair.school.ports, steady=True)
        assert (extract_of(pair, waits).state, files(pair)) == (ExtractState.GONE, [])
        assert deciding.approval(pair.school.ports, waits.id).state is ApprovalState.VOID


def test_a_consumer_has_as_many_outputs_wait_as_jobs(pair: Link) -> None:
    for _ in range(pair.school.ports.settings.max_jobs_per_lead):
        wish(pair)
        preparing.turn(pair.school.ports, steady=True)
    with pytest.raises(TooManyRequests, match="2 outputs wait"):
        wish(pair)
    first, *_ = deciding.approvals(pair.school.ports).values
    deciding.refuse(pair.school.ports, first.id, "too fine", "dpo")
    assert wish(pair).state == "preparing"
    preparing.turn(pair.school.ports, steady=True)


def test_only_an_output_has_something_to_look_at(tmp_path: Path) -> None:
    with linked(tmp_path, {"policy": offer(READ), "decision": "review each use"}) as pair:
        assert wish(pair, READ).state == "waiting"
        (waits,) = deciding.approvals(pair.school.ports).values
        assert viewing.brief(pair.school.ports, waits.id).output is None
        with pytest.raises(NotFound, match="not an output"):
            releasing.content(pair.school.ports, waits.id, "", 0)


@contextmanager
def with_noise(folder: Path, entry: dict[str, Any] | None = None) -> Iterator[Link]:
    (folder / "pupils.csv").write_text(f"pupil,grade,reading,sex\n{noise.ROWS}", encoding="utf-8")
    with link(folder) as pair:
        noise.equip(pair)
        described = description(folder, offer=entry or reviewed(noise.offer(), "1"))
        for column in described["columns"]:
            column.update(noise.DICTIONARY[column["name"]])
        publish.publish(pair.school.ports, described)
        negotiated(pair)
        yield pair


def test_a_table_is_shown_in_words_with_its_noise_and_what_it_costs(tmp_path: Path) -> None:
    entry = {"policy": noise.offer(), "decision": "review each use", "roles": ["dpo"]}
    cells = replace(
        noise.COUNT,
        measures=(Measure("count"), noise.MEAN),
        filters=(RowTest("grade", "anyOf", (1, 2)),),
    )
    with with_noise(tmp_path, entry) as pair:
        assert noise.ask(pair, cells=cells).state == "waiting"
        (waits,) = deciding.approvals(pair.school.ports).values
        with commanded(pair.school.ports) as preau:
            english = preau("approve", "show", waits.id).output
            french = preau("approve", "show", waits.id, "--lang", "fr").output
            use = json.loads(preau("approve", "show", waits.id, "--json").output)["use"]
            assert use["request"]["cells"] == cells.body()
            assert (use["digest"], use["noise"], use["rows"]) == (waits.request, True, 2)
            assert use["epsilon"] == pytest.approx(0.5)
            (own,) = (each for each in use["budgets"] if not each["register_id"])
            assert (own["left"], own["after"]) == (1.0, pytest.approx(0.5))

            deciding.accept(pair.school.ports, waits.id)
            assert noise.ask(pair, cells=cells).state == "waiting"
            asking.again(pair.lab.ports, json.loads(waits.asked)["id"])
            still = json.loads(preau("approve", "show", waits.id, "--json").output)["use"]
            assert still["budgets"] == use["budgets"]  # it is not charged on top of itself
    for words in (
        "measures: number of rows, mean of `reading`",
        "a cell for each value of `grade`",
        "only rows where `grade` is one of 1, 2",
        "discrete Laplace noise in each figure, of standard deviation count 17",
        "at most 2 rows of one person count",
    ):
        assert words in english
    assert "mesures\N{NO-BREAK SPACE}: nombre de lignes, moyenne de `reading`" in french
    assert re.search(r"coûte ε +0.5", french)


def test_what_a_refused_table_was_charged_stays_charged_and_is_charged_once(
    tmp_path: Path,
) -> None:
    with with_noise(tmp_path) as pair:
        found = noise.ask(pair)
        assert found.state == "waiting"
        (before,) = noise.charged(pair)
        (waits,) = deciding.approvals(pair.school.ports).values
        deciding.refuse(pair.school.ports, waits.id, "not in July")
        for _ in range(2):
            assert asking.again(pair.lab.ports, found.request_id).code == "APPROVAL_REFUSED"
        assert noise.charged(pair) == [before]
        assert (before.state, before.committed_rounds) == (ReservationState.CLOSED, 1)
        other = noise.ask(pair)
        (waits,) = deciding.approvals(pair.school.ports).values
        deciding.accept(pair.school.ports, waits.id)
        assert noise.rows_of(asking.again(pair.lab.ports, other.request_id))
        assert len(noise.charged(pair)) == 2
        with pair.school.ports.store.read() as tx:
            known = tx.requests.get(pair.lab.did, other.request_id)
            extract = tx.extracts.get(other.extract_id or known.id if known else "")
        assert known
        assert extract
        signed = answering.answer(pair.school.ports, known)["statement"]
        holder = documents.read(pair.school.member.data, pair.school.did)
        assert transfer_receipt.read(signed, holder).content.digest == waits.request


@pytest.mark.parametrize(("number", "operator"), [("10", "gteq"), ("1.5", "gteq"), ("2", "eq")])
def test_what_no_approval_can_have_is_refused(number: str, operator: str) -> None:
    with pytest.raises(ConstraintUnknown, match="outputReviewers"):
        cover(read_policy(reviewed(offer(READ), number, operator)), MECHANISMS)


def test_a_review_of_what_training_makes_is_refused_with_the_reason() -> None:
    with pytest.raises(ConstraintUnknown, match="leaves as a whole, so that persons can look"):
        cover(read_policy(reviewed(training())), MECHANISMS)


@pytest.mark.parametrize("action", [READ, AGGREGATE, PREAU + "publish"])
def test_the_table_says_who_holds_what_was_made(action: str) -> None:
    lines = cover(read_policy(reviewed(offer(action))), MECHANISMS)
    (line,) = [each for each in lines if "outputReviewers" in each.constraint]
    assert (line.label, line.by.split(":")[0]) == (Label.ENFORCED, "review step")


def test_persons_look_before_the_release_and_nowhere_else() -> None:
    steps = [registry.signed(each) for each in (Release("Raw", ("csv",)), Review(2))]
    with pytest.raises(StepUnknown, match="cannot follow"):
        registry.ordered(tuple(steps))
    with pytest.raises(StepUnknown):
        registry.typed(replace(steps[1], body={"reviewers": 0}))
