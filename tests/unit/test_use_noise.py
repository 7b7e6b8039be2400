"""Tables with noise under a contract: charged before they leave, once, and refused by name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.domain.privacy.budget import Reservation, ReservationState
from connector.domain.transfer.extract import ExtractState
from connector.domain.transfer.held import Sink
from connector.domain.transfer.task import Made, Task
from connector.enforcement.steps.minimise import RowTest
from connector.enforcement.steps.request import Measure, TableRequest
from connector.errors import DataFileUnreadable, Malformed, PeerUnreachable
from connector.identity.evidence import verify
from connector.identity.evidence.verdict import Standing
from connector.identity.receipts import transfer_receipt
from connector.jsonld.canonical import parse_object
from connector.jsonld.policy import policy_document
from connector.services.continuity import custody, recovery
from connector.services.evidence.export import export
from connector.services.privacy import budget, standing
from connector.services.publication import publish
from connector.services.publication.checking import _recovered
from connector.services.use import asking, deciding, preparing
from connector.services.use.asking import Answered, Wanted
from federated.privacy import accountant
from federated.privacy.divergence import divergence
from federated.privacy.event import Events, Kind, event, to_mapping
from federated.privacy.question import Epsilon, Question
from policies_odrl import fill, template
from policies_odrl.model import ODRL
from policies_odrl.vocabulary import DPV
from tests.support.federation_workers import AdditiveAccountant
from tests.support.link import Fault, Link, description, link
from tests.support.negotiating import ask as negotiated
from tests.support.preparing import prepared

AGGREGATE = ODRL + "aggregate"
COUNT = TableRequest(("grade",), (Measure("count"),), epsilon=0.5)
DICTIONARY: dict[str, dict[str, Any]] = {
    "pupil": {},
    "grade": {"categories": ["1", "2", "3"]},
    "reading": {"lower": 0, "upper": 800},
}
MEAN = Measure("mean", "reading")
WANTED = Wanted(action=AGGREGATE, cells=COUNT)
ROWS = "".join(f"p{at},{at % 3 + 1},{400 + at % 7},F\n" for at in range(600))


def offer() -> dict[str, Any]:
    """An offer of tables with noise, as its template makes it: ε 1, two rows a person."""
    item = template("private-statistics")
    named = {
        name: text for name, text in item.example.items() if name not in ("dataset", "provider")
    }
    return policy_document(fill(item, {**named, "rows": "2"}))


def described(folder: Path) -> dict[str, Any]:
    """A description with that offer, and public values of the columns."""
    made = description(folder, offer=offer())
    for column in made["columns"]:
        column.update(DICTIONARY[column["name"]])
    return made


class Direct(AdditiveAccountant):
    """The port `Accountant`: the accountant itself, in this process."""

    def costs(self, questions: Sequence[Question]) -> list[float]:
        return [
            accountant.epsilon(each.events, each.delta)
            if isinstance(each, Epsilon)
            else divergence(each.events, each.order)
            for each in questions
        ]


class Making:
    """The port `preparing`, without a process of its own; fails, or is killed, as a test says."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.before: BaseException | None = None
        self.after: BaseException | None = None

    def __call__(self, task: Task, out: Sink) -> Made:
        self.tasks.append(task)
        if self.before:
            raise self.before
        made = prepared(task, out)
        if self.after:
            raise self.after
        return made


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Link]:
    monkeypatch.setattr(deciding, "WAIT_SECONDS", 0.0)
    (tmp_path / "pupils.csv").write_text(f"pupil,grade,reading,sex\n{ROWS}", encoding="utf-8")
    with link(tmp_path) as pair:
        equip(pair)
        publish.publish(pair.school.ports, described(tmp_path))
        negotiated(pair)
        yield pair


def equip(pair: Link) -> Making:
    making = Making()
    for node in (pair.school, pair.lab):
        node.ports = replace(node.ports, preparing=making, accountant=Direct())
        node.ports.asking.over.set()
    return making


def contract(pair: Link) -> str:
    (found,) = pair.lab.agreements()
    return found.id


def ask(pair: Link, **changes: Any) -> Answered:
    found = asking.ask(pair.lab.ports, contract(pair), replace(WANTED, **changes))
    while preparing.turn(pair.school.ports, steady=True) == 0:
        pass
    return asking.again(pair.lab.ports, found.request_id)


def rows_of(found: Answered) -> list[dict[str, Any]]:
    assert found.state == "ready", found.reasons
    return [json.loads(line) for line in found.data.splitlines()]


def charged(pair: Link) -> list[Reservation]:
    with pair.school.ports.store.read() as tx:
        return tx.reservations.find()


def charges(pair: Link) -> int:
    with pair.school.ports.store.read() as tx:
        return sum(each.charges for each in tx.registers.find())


def test_a_table_is_charged_and_told_with_its_noise(pair: Link) -> None:
    found = ask(pair)
    rows = rows_of(found)
    assert [row["grade"] for row in rows] == [1, 2, 3]
    assert all(abs(row["count"] - 200) < 150 for row in rows)  # of scale 4: beyond once in e³⁷
    assert found.spent is not None
    assert found.spent.deviations["count"] == pytest.approx(2**0.5 * 4, rel=0.01)
    laplace = event(Kind.DISCRETE_LAPLACE, 1, scale=4, sensitivity=2)
    (kept,) = charged(pair)
    assert (kept.events, kept.state) == (Events((laplace,)), ReservationState.CLOSED)
    assert (kept.epsilon, kept.delta, kept.committed_rounds) == (0.5, 0.0, 1)
    assert (charges(pair), kept.job_id) == (1, found.extract_id)
    kinds = [each.kind for each in pair.school.log() if each.kind.startswith("use.")]
    assert kinds == ["use.charged", "use.accepted", "use.ready"]
    (line,) = standing.contracts(pair.school.ports).values
    assert (line.standing.spent, line.standing.left, line.jobs) == (0.5, 0.5, (kept,))
    recorded = pair.school.ports.charges.recorded()
    assert recorded is not None
    assert recorded.jobs[kept.job_id].committed_rounds == 1  # outside the database, before it left
    with pair.school.ports.store.read() as tx:
        assert not _recovered(tx)  # it is not taken for the job of another history
    (said,) = pair.school.log("use.charged")
    assert parse_object(said.event)["facts"]["events"] == to_mapping(kept.events)["events"]
    parts = verify(export(pair.school.ports, contract(pair))).parts
    assert {each.name for each in parts if each.standing is Standing.PROVEN} >= {
        "contract",
        "log",
    }


def test_nothing_exact_is_told(pair: Link) -> None:
    found = ask(pair)
    (dataset,) = publish.datasets(pair.school.ports).values
    assert found.content is not None
    assert (found.content.rows, found.content.suppressed) == (3, 0)  # cells, all of them public
    told = str(found)
    assert dataset.file.digest not in told
    assert "600" not in re.sub(r"[0-9a-f-]{32,}", "", told)  # ids and digests have any digits
    again = ask(pair)
    assert again.content is not None
    assert again.content.source != found.content.source  # of the same rows


def test_the_same_request_gets_the_same_bytes_and_another_other_noise(pair: Link) -> None:
    wide = replace(COUNT, dimensions=(), epsilon=0.05)
    first = ask(pair, cells=wide)
    assert asking.again(pair.lab.ports, first.request_id).data == first.data
    assert len(charged(pair)) == 1
    others = {ask(pair, cells=wide).data for _ in range(5)}
    assert (len(charged(pair)), len(others | {first.data}) > 1) == (6, True)


NO_LIST = ("TABLE_REFUSED", "`reading` are not public")
REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "no epsilon": (
        {"cells": replace(COUNT, epsilon=0.0)},
        "TABLE_REFUSED",
        "states what it spends",
    ),
    "more than the contract has": (
        {"cells": replace(COUNT, epsilon=1.1)},
        "TABLE_REFUSED",
        "at most 1",
    ),
    "values of no list": ({"cells": replace(COUNT, dimensions=("reading",))}, *NO_LIST),
    "a measure without a range": (
        {"cells": replace(COUNT, measures=(Measure("mean", "grade"),))},
        "TABLE_REFUSED",
        "`grade` has no public range",
    ),
    "another purpose": (
        {"stated": {"odrl:purpose": (DPV + "Marketing",)}},
        "PURPOSE_FORBIDDEN",
        "Marketing",
    ),
}


def test_a_mean_is_of_the_public_range_and_other_values_are_named_in_a_filter(pair: Link) -> None:
    filters = (RowTest("reading", "anyOf", (400, 401)),)
    wanted = replace(COUNT, dimensions=("reading",), filters=filters)
    assert [row["reading"] for row in rows_of(ask(pair, cells=wanted))] == [400.0, 401.0]
    (row,) = rows_of(ask(pair, cells=replace(COUNT, dimensions=(), measures=(MEAN,))))
    assert 0 <= row["mean(reading)"] <= 800
    scale, count = (each["scale"] for each in charged(pair)[1].events.items)
    assert (scale, count) == (2 * 8000 * 2 / 0.5, 2 * 2 / 0.5)  # 8,000 units of a tenth


def test_what_is_refused_is_charged_nothing(pair: Link) -> None:
    for name, (changes, code, part) in REFUSED.items():
        found = ask(pair, **changes)
        assert (found.state, found.code) == ("refused", code), name
        assert part in found.reasons[0], name
    assert not charged(pair)
    assert ask(pair, cells=replace(COUNT, epsilon=0.7)).state == "ready"
    refused = ask(pair)
    assert (refused.code, len(charged(pair))) == ("BUDGET_EXCEEDED", 1)
    assert "0.3 of 1 left, 0.5 asked for" in refused.reasons[0]
    gaussian = replace(COUNT, epsilon=0.2, delta=1e-6)
    found = ask(pair, cells=gaussian)
    assert found.state == "ready", found.reasons
    kept = charged(pair)[1]
    assert (kept.events.items[0].kind, kept.delta) == (Kind.DISCRETE_GAUSSIAN, 1e-6)
    assert 0 < kept.epsilon <= 0.2


def test_a_register_whose_cap_is_used_up_refuses(pair: Link) -> None:
    with pair.school.ports.store.write() as tx:
        for register in tx.registers.find():
            assert register.cap is not None
            tx.registers.put(replace(register, cap=replace(register.cap, epsilon=0.4)))
    assert ask(pair).code == "CAP_EXCEEDED"
    assert ask(pair, cells=replace(COUNT, epsilon=0.4)).state == "ready"


def begin(pair: Link) -> str:
    return asking.ask(pair.lab.ports, contract(pair), WANTED).request_id


@pytest.mark.parametrize("where", ["deposit", "commit", "record", "making", "made"])
def test_a_node_that_is_killed_charges_once_and_answers_once(
    pair: Link, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = begin(pair)
    making = pair.school.ports.preparing
    assert isinstance(making, Making)
    places = {
        "deposit": (custody, "deposit"),
        "commit": (budget, "commit_round"),
        "record": (recovery, "record"),
    }
    with monkeypatch.context() as patch:

        def killed(*_: Any, **__: Any) -> Any:
            raise Killed

        if where in places:
            patch.setattr(*places[where], killed)
        making.before = Killed() if where == "making" else None
        making.after = Killed() if where == "made" else None
        with pytest.raises(Killed):
            preparing.turn(pair.school.ports, steady=True)
    assert charges(pair) == int(where in ("record", "making", "made"))
    pair.school.restart()
    equip(pair)
    preparing.turn(pair.school.ports, steady=True)
    found = asking.again(pair.lab.ports, request)
    assert (found.state, charges(pair), len(charged(pair))) == ("ready", 1, 1)
    assert asking.again(pair.lab.ports, request).data == found.data


def test_what_fails_once_it_is_charged_has_one_code_and_stays_spent(pair: Link) -> None:
    making = pair.school.ports.preparing
    assert isinstance(making, Making)
    making.before = DataFileUnreadable("row 7 cannot be read")
    found = ask(pair)
    assert (found.state, found.code) == ("failed", "WORKER_FAILED")
    assert "row" not in str(found)
    assert charges(pair) == 1
    making.before = None
    assert ask(pair).state == "ready"
    assert ask(pair).code == "BUDGET_EXCEEDED"


def test_what_fails_before_it_is_charged_costs_nothing(pair: Link) -> None:
    pair.fault = lambda call: Fault.LOSE_REQUEST if call.kind == "HeadDeposit" else Fault.NONE
    found = ask(pair)
    assert (found.state, found.code, charges(pair)) == ("failed", PeerUnreachable.code, 0)
    pair.fault = lambda _: Fault.NONE
    for _ in range(2):
        assert ask(pair).state == "ready"


def test_two_tables_at_once_do_not_overspend(pair: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    """While one is accounted for another is granted: the first is decided anew."""
    costs = Direct.costs
    within: list[Answered] = []

    def overtaken(self: Direct, questions: Sequence[Question]) -> list[float]:
        found = costs(self, questions)
        if not within:
            within.append(Answered(agreement="", request_id="", state=""))
            within.append(asking.ask(pair.lab.ports, contract(pair), replace(WANTED, cells=large)))
        return found

    large = replace(COUNT, epsilon=0.8)
    monkeypatch.setattr(Direct, "costs", overtaken)
    outer = asking.ask(pair.lab.ports, contract(pair), replace(WANTED, cells=large))
    assert (outer.code, within[1].state) == ("BUDGET_EXCEEDED", "preparing")
    assert len(charged(pair)) == 1


def test_a_provider_that_charges_otherwise_is_not_believed(
    pair: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = begin(pair)
    preparing.turn(pair.school.ports, steady=True)
    make = transfer_receipt.make

    def other(signer: Any, said: transfer_receipt.Statement) -> str:
        return make(signer, replace(said, events=(said.events[0].times(2),)))

    with monkeypatch.context() as patch:
        patch.setattr(transfer_receipt, "make", other)
        with pytest.raises(Malformed, match="charged"):
            asking.again(pair.lab.ports, request)
    assert asking.again(pair.lab.ports, request).state == "ready"
    with pair.school.ports.store.read() as tx:
        (extract,) = tx.extracts.find()
    assert extract.state is ExtractState.READY
