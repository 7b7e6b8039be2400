"""Uses of contracts from both ends: granted and refused, prepared, and what a fault leaves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from connector.domain.contract.duty import DeedKind
from connector.domain.contract.notice import Act
from connector.domain.transfer.extract import Extract, ExtractState, commitment
from connector.domain.transfer.task import Made, Task
from connector.enforcement.steps.minimise import RowTest
from connector.enforcement.steps.pseudonymise import Scope
from connector.enforcement.steps.request import Measure, TableRequest
from connector.errors import (
    DataFileUnreadable,
    Malformed,
    NotFound,
    PolicyInvalid,
    SignatureInvalid,
    TableRefused,
    UseRefused,
    WorkerFailed,
)
from connector.jsonld.canonical import parse_object, sha256_hex
from connector.management.render.contracts import approvals
from connector.protocol.use_messages import UseAnswer, UseRequest
from connector.services.approval import deciding as approving
from connector.services.approval import viewing
from connector.services.duties import stating
from connector.services.duties.stating import Said
from connector.services.negotiation import notices
from connector.services.publication import publish
from connector.services.use import asking, attesting, deciding, keys, preparing
from connector.services.use.asking import Answered, Wanted
from policies_odrl.model import ODRL
from policies_odrl.vocabulary import DPV, PREAU
from tests.support.link import CONTEXT, Link, description, limit, link
from tests.support.negotiating import ask as negotiated

END = "2027-06-30T00:00:00Z"
READ, AGGREGATE = ODRL + "read", ODRL + "aggregate"
COUNT = TableRequest(("grade",), (Measure("persons"),))
WANTED = Wanted(action=AGGREGATE, cells=COUNT)


def offer(*actions: str, **members: Any) -> dict[str, Any]:
    """An offer of rows and cells to members, for research, until 2027."""
    terms = [
        {
            "leftOperand": "odrl:purpose",
            "operator": "isA",
            "rightOperand": {"@id": DPV + "AcademicResearch"},
        },
        {
            "leftOperand": PREAU + "membership",
            "operator": "eq",
            "rightOperand": {"@id": "did:web:authority.example"},
        },
        limit("odrl:dateTime", "lteq", "2027-06-30T00:00:00Z", "dateTime"),
    ]
    return {
        "@context": CONTEXT,
        "@id": "urn:example:offer",
        "@type": "Offer",
        "profile": "https://w3id.org/preau/odrl/v1",
        "assigner": "did:web:school.example",
        "permission": [{"action": action, "constraint": terms} for action in actions],
        **members,
    }


class Scripted:
    """The port `preparing`: writes what a test says, or fails as it says."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.failing: Exception | None = None
        self.content = b'{"grade": 2, "persons": 12}\n'

    def __call__(self, task: Task, out: BinaryIO) -> Made:
        self.tasks.append(task)
        out.write(self.content)
        if self.failing is not None:
            raise self.failing
        return Made(rows=1, suppressed=3)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with linked(tmp_path, offer("odrl:read", "odrl:aggregate")) as pair:
        yield pair


@contextmanager
def linked(folder: Path, terms: dict[str, Any]) -> Iterator[Link]:
    """A school and a lab with a contract on these terms; no answer waits for what is prepared."""
    with link(folder) as pair, pytest.MonkeyPatch.context() as patch:
        patch.setattr(deciding, "WAIT_SECONDS", 0.0)
        for node in (pair.school, pair.lab):
            node.ports = replace(node.ports, preparing=Scripted())
        publish.publish(pair.school.ports, description(pair.folder, offer=terms))
        negotiated(pair)
        yield pair


def contract(pair: Link) -> str:
    (found,) = pair.lab.agreements()
    assert found.finalized
    return found.id


def wish(pair: Link, action: str = AGGREGATE, **changes: Any) -> Answered:
    cells = COUNT if action == AGGREGATE else None
    wanted = Wanted(**{"action": action, "cells": cells, **changes})
    return asking.ask(pair.lab.ports, contract(pair), wanted)


def worker(pair: Link) -> Scripted:
    found = pair.school.ports.preparing
    assert isinstance(found, Scripted)
    return found


def prepared(pair: Link) -> None:
    while preparing.turn(pair.school.ports, steady=True) == 0:
        pass


def extracts(pair: Link) -> list[Extract]:
    with pair.school.ports.store.read() as tx:
        return tx.extracts.find()


def files(pair: Link) -> list[Path]:
    return sorted(pair.school.ports.settings.path("extracts").glob("*"))


def test_a_table_is_asked_for_made_and_answered(pair: Link) -> None:
    first = wish(pair)
    assert (first.state, first.content) == ("preparing", None)
    prepared(pair)
    found = asking.again(pair.lab.ports, first.request_id)
    assert found.state == "ready"
    assert [json.loads(line) for line in found.data.splitlines()] == [{"grade": 2, "persons": 12}]
    assert found.content is not None
    assert (found.content.rows, found.content.suppressed) == (1, 3)
    (extract,), (file,) = extracts(pair), files(pair)
    assert extract.content == found.content
    whole = pair.school.ports.extracts.read(extract, 0, extract.bytes)
    assert (whole, sha256_hex(whole)) == (found.data, found.content.digest)
    assert b"grade" not in file.read_bytes()
    assert file.stat().st_mode & 0o777 == 0o600
    (dataset,) = publish.datasets(pair.school.ports).values
    assert found.content.source == commitment(dataset.file.digest, extract.salt)
    assert worker(pair).tasks[0].cells == COUNT.body()
    kinds = [e.kind for e in pair.school.log() if e.kind.startswith("use.")]
    assert kinds == ["use.accepted", "use.ready"]
    kinds = [e.kind for e in pair.lab.log() if e.kind.startswith("use.")]
    assert kinds == ["use.asked", "use.answered"]


def test_a_column_that_is_unknown_is_refused_before_anything_is_sent(pair: Link) -> None:
    for cells in (
        replace(COUNT, dimensions=("gradde",)),
        replace(COUNT, measures=(Measure("mean", "gradde"),)),
        replace(COUNT, filters=(RowTest("gradde", "anyOf", ("2",)),)),
    ):
        with pytest.raises(TableRefused, match="the dataset has no column `gradde`") as caught:
            wish(pair, cells=cells)
        assert caught.value.hint == "the contract allows grade, reading"
    with pair.lab.ports.store.read() as tx:
        assert tx.requests.find() == []
    assert wish(pair).state == "preparing"


def test_rows_are_made_and_wait_to_be_fetched(pair: Link) -> None:
    first = wish(pair, READ, columns=("grade",), format="csv")
    prepared(pair)
    found = asking.again(pair.lab.ports, first.request_id)
    assert (found.state, found.data, found.extract_id) == ("ready", b"", extracts(pair)[0].id)
    (task,) = worker(pair).tasks
    assert (task.columns, task.format, task.cells) == (("grade",), "csv", None)
    assert task.steps[1]["columns"] == ["grade", "reading"]


def test_the_same_request_gets_the_same_answer(pair: Link) -> None:
    first = wish(pair)
    prepared(pair)
    one, *others = [asking.again(pair.lab.ports, first.request_id) for _ in range(3)]
    assert others == [one, one]
    assert len(worker(pair).tasks) == len(extracts(pair)) == 1


def test_pseudonyms_of_a_cohort_are_one_consumers_over_contracts_and_years(pair: Link) -> None:
    ports = pair.school.ports

    def key(scope: Scope, agreement: str, register: str) -> bytes:
        return keys.scope_key(ports, scope, agreement, register)

    cohort, other = Scope("cohort", ("did:web:lab",)), Scope("cohort", ("did:web:other",))
    first = key(cohort, "urn:contract:1", "urn:register")
    pair.clock.advance(400 * 86_400)
    assert key(cohort, "urn:contract:2", "urn:register") == first
    found = {
        first,
        key(other, "urn:contract:1", "urn:register"),
        key(cohort, "urn:contract:1", "urn:register:other"),
        key(Scope("project", ("did:web:lab",)), "urn:contract:1", "urn:register"),
    }
    assert len(found) == 4


def test_a_value_that_the_dictionary_does_not_list_is_refused_before_it_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "WAIT_SECONDS", 0.0)
    with link(tmp_path) as pair:
        raw = description(pair.folder, offer=offer("odrl:aggregate"))
        raw["columns"][1]["categories"] = ["1", "2", "3"]
        publish.publish(pair.school.ports, raw)
        negotiated(pair)
        agreement = pair.lab.agreements()[0].id
        for test, value in (("anyOf", "2"), ("noneOf", "1"), ("atLeast", "9")):
            cells = replace(COUNT, filters=(RowTest("grade", test, (value,)),))
            assert asking.ask(pair.lab.ports, agreement, replace(WANTED, cells=cells)).extract_id
        before = pair.school.state_of_everything()
        for test in ("anyOf", "noneOf"):
            cells = replace(COUNT, filters=(RowTest("grade", test, ("2", "9")),))
            with pytest.raises(Malformed, match="`9` is not a value of `grade`") as caught:
                asking.ask(pair.lab.ports, agreement, replace(WANTED, cells=cells))
            assert "1, 2, 3" in caught.value.hint
        assert pair.school.state_of_everything() == before


def test_who_names_a_request_asks_for_it_once(pair: Link) -> None:
    name = "urn:uuid:00000000-0000-4000-8000-00000000aaaa"
    found = [wish(pair, request_id=name) for _ in range(2)]
    assert [each.request_id for each in found] == [name, name]
    assert len(extracts(pair)) == 1
    with pytest.raises(Malformed):
        wish(pair, request_id="urn:mine")


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "another purpose": (
        {"stated": {ODRL + "purpose": (DPV + "Marketing",)}},
        "PURPOSE_FORBIDDEN",
        "Marketing",
    ),
    "a column that the contract keeps": (
        {"cells": TableRequest(("pupil",), (Measure("count"),))},
        "TABLE_REFUSED",
        "pupil",
    ),
    "a filter by such a column": (
        {"cells": replace(COUNT, filters=(RowTest("pupil", "anyOf", ("1",)),))},
        "TABLE_REFUSED",
        "pupil",
    ),
    "a sum of it": (
        {"cells": TableRequest((), (Measure("sum", "pupil"),))},
        "TABLE_REFUSED",
        "pupil",
    ),
    "rows of a use of cells": ({"cells": None}, "USE_REFUSED", "no rows"),
    "rows with a column that is kept": (
        {"action": READ, "cells": None, "columns": ("pupil",)},
        "USE_REFUSED",
        "pupil",
    ),
    "cells of a use of rows": ({"action": READ, "cells": COUNT}, "USE_REFUSED", "no a table"),
    "a format that the plan lacks": ({"format": "csv"}, "USE_REFUSED", "csv"),
    "a statement that only the node can make": (
        {"stated": {PREAU + "membership": ("did:web:authority.example",)}},
        "USE_REFUSED",
        "membership",
    ),
}


def test_what_the_contract_does_not_allow_is_refused_once_and_for_all(pair: Link) -> None:
    for name, (changes, code, part) in REFUSED.items():
        found = wish(pair, **changes)
        assert (found.state, found.code) == ("refused", code), name
        assert part in " ".join(found.reasons), name
        assert asking.again(pair.lab.ports, found.request_id) == found
    assert extracts(pair) == []
    kinds = [e.kind for e in pair.school.log() if e.kind.startswith("use.")]
    assert kinds == ["use.refused"] * len(REFUSED)


def test_an_action_that_the_contract_does_not_permit_is_not_even_asked(pair: Link) -> None:
    with pytest.raises(UseRefused):
        wish(pair, ODRL + "distribute", cells=None)


def test_a_contract_that_was_taken_back_gives_nothing(pair: Link) -> None:
    first = wish(pair)
    notices.give(pair.school.ports, contract(pair), Act.SUSPENDED, "a review")
    prepared(pair)
    (extract,) = extracts(pair)
    assert (extract.state, extract.code) == (ExtractState.FAILED, "CONTRACT_SUSPENDED")
    assert (files(pair), worker(pair).tasks) == ([], [])
    found = answer_of(pair, first)
    assert (found.state, found.code) == ("failed", "CONTRACT_SUSPENDED")


def answer_of(pair: Link, asked: Answered) -> UseAnswer:
    """What the provider answers, whatever the consumer's node thinks of the contract."""
    with pair.lab.ports.store.read() as tx:
        kept = tx.requests.get(pair.lab.did, asked.request_id)
    assert kept is not None
    message = UseRequest(kept.request_id, kept.agreement_id, kept.request, kept.signature)
    return UseAnswer.from_body(pair.school.receive(pair.lab, message))


def test_a_failure_leaves_no_file_and_says_no_more_than_its_code(pair: Link) -> None:
    worker(pair).failing = DataFileUnreadable("line 7 holds `Dupont`")
    first = wish(pair)
    prepared(pair)
    found = asking.again(pair.lab.ports, first.request_id)
    assert (found.state, found.code) == ("failed", "DATA_FILE_UNREADABLE")
    assert "Dupont" not in str(found)
    assert files(pair) == []


def test_a_fault_that_nobody_foresaw_holds_up_no_other_use(pair: Link) -> None:
    first, second = wish(pair), wish(pair)
    worker(pair).failing = ValueError("a bug")
    for _ in range(2 * preparing.TRIES):
        with pytest.raises(ValueError, match="a bug"):
            preparing.turn(pair.school.ports, steady=True)
    assert files(pair) == []
    third = wish(pair)
    worker(pair).failing = None
    prepared(pair)
    states = [asking.again(pair.lab.ports, it.request_id) for it in (first, second, third)]
    assert [(it.state, it.code) for it in states] == [
        ("failed", "WORKER_FAILED"),
        ("failed", "WORKER_FAILED"),
        ("ready", ""),
    ]


def test_a_source_that_changes_on_the_way_is_seen(pair: Link) -> None:
    first = wish(pair)
    (pair.folder / "pupils.csv").write_text("pupil,grade,reading,sex\n", encoding="utf-8")
    prepared(pair)
    assert asking.again(pair.lab.ports, first.request_id).code == "DATA_FILE_CHANGED"
    assert worker(pair).tasks == []


def test_a_node_that_died_starts_without_what_was_half_made(pair: Link) -> None:
    first = wish(pair)
    prepared(pair)
    (whole,) = files(pair)
    for name in ("half.jsonl.part", "unknown.jsonl"):
        (whole.parent / name).write_bytes(b"half")
    prepared(pair)
    assert files(pair) == [whole]
    assert asking.again(pair.lab.ports, first.request_id).state == "ready"


def test_what_was_not_fetched_in_time_is_removed(pair: Link) -> None:
    first = wish(pair)
    prepared(pair)
    pair.clock.advance(preparing.KEPT.total_seconds() + 1)
    preparing.turn(pair.school.ports, steady=False)
    assert len(files(pair)) == 1
    for node in (pair.lab, pair.school):
        node.have_fresh_papers()
    prepared(pair)
    assert [each.state for each in extracts(pair)] == [ExtractState.GONE]
    assert files(pair) == []
    assert asking.again(pair.lab.ports, first.request_id).state == "gone"


def test_other_content_under_the_same_id_is_refused(pair: Link) -> None:
    first = wish(pair)
    with pair.lab.ports.store.read() as tx:
        kept = tx.requests.get(pair.lab.did, first.request_id)
    assert kept is not None
    altered = kept.request.replace(b'"grade"', b'"sex"')
    with pytest.raises(Malformed, match="other content"):
        pair.school.receive(
            pair.lab, UseRequest(kept.request_id, kept.agreement_id, altered, kept.signature)
        )


def test_a_request_that_was_not_signed_so_is_refused(pair: Link) -> None:
    first = wish(pair)
    with pair.lab.ports.store.read() as tx:
        kept = tx.requests.get(pair.lab.did, first.request_id)
    assert kept is not None
    altered = kept.request.replace(first.request_id.encode(), b"urn:uuid:other")
    with pytest.raises(SignatureInvalid):
        pair.school.receive(
            pair.lab, UseRequest("urn:uuid:other", kept.agreement_id, altered, kept.signature)
        )
    with pytest.raises(Malformed, match="another message"):
        pair.school.receive(
            pair.lab, UseRequest("urn:uuid:other", kept.agreement_id, kept.request, kept.signature)
        )


def test_a_use_too_many_is_refused_and_one_that_failed_is_not_counted(tmp_path: Path) -> None:
    terms = offer("odrl:aggregate")
    terms["permission"][0]["constraint"].append(
        limit(PREAU + "usesThisMonth", "lteq", "2", "integer")
    )
    with linked(tmp_path, terms) as pair:
        for failing, state in ((True, "failed"), (False, "ready"), (False, "ready")):
            worker(pair).failing = WorkerFailed("no answer") if failing else None
            first = wish(pair)
            prepared(pair)
            assert asking.again(pair.lab.ports, first.request_id).state == state
        last = wish(pair)
        assert (last.state, last.code) == ("refused", "USE_REFUSED")
        assert "usesThisMonth" in last.reasons[0]
        with pair.lab.ports.store.read() as tx:
            assert tx.uses.count() == 2


def test_a_use_waits_for_a_person_where_the_offer_says_so(tmp_path: Path) -> None:
    entry = {"policy": offer("odrl:aggregate"), "decision": "review each use", "roles": ["dpo"]}
    with linked(tmp_path, entry) as pair:
        first, second = wish(pair), wish(pair)
        assert (first.state, second.state) == ("waiting", "waiting")
        assert asking.again(pair.lab.ports, first.request_id).state == "waiting"
        assert extracts(pair) == []
        one, other = approving.approvals(pair.school.ports).values
        assert "a table by grade of persons, as Aggregated, for " in one.figures
        shown = approvals.brief(viewing.brief(pair.school.ports, one.id))
        assert shown.use is not None
        assert (shown.use.noise, shown.use.epsilon, shown.use.budgets) == (False, None, [])
        assert "measures: number of persons" in shown.use.sentences["en"]
        assert shown.use.sentences["en"][-1].startswith("no noise")
        approving.accept(pair.school.ports, one.id)
        approving.refuse(pair.school.ports, other.id, "not now")
        assert asking.ask(pair.lab.ports, first.request_id, WANTED).state == "preparing"
        refused = asking.again(pair.lab.ports, second.request_id)
        assert (refused.state, refused.code, refused.reasons) == (
            "refused",
            "APPROVAL_REFUSED",
            ("not now",),
        )


def test_what_the_provider_attests_is_known_and_nothing_else(tmp_path: Path) -> None:
    opinion = {
        "leftOperand": PREAU + "ethicsOpinion",
        "operator": "eq",
        "rightOperand": {"@id": "urn:opinion:1"},
    }
    terms = offer("odrl:aggregate")
    terms["permission"][0]["constraint"].append(opinion)
    with linked(tmp_path, terms) as pair:
        name = contract(pair)
        for value, holds, state in (
            ("", True, "refused"),
            ("urn:opinion:2", True, "refused"),
            ("urn:opinion:1", True, "preparing"),
            ("urn:opinion:1", False, "refused"),
        ):
            if value:
                attesting.attest(pair.school.ports, name, "ethicsOpinion", value, holds=holds)
            assert wish(pair).state == state
        with pytest.raises(NotFound, match="not the provider"):
            attesting.attest(pair.lab.ports, name, "charter", "urn:c")
        for operand, value in (("membership", "urn:c"), ("charter", "no name")):
            with pytest.raises(PolicyInvalid):
                attesting.attest(pair.school.ports, name, operand, value)
        log = pair.school.log(attesting.EVENT)
        assert [parse_object(each.event)["facts"]["holds"] for each in log] == [True, True, False]


COUNTED = [
    ("odrl:count", "1", "integer", 0.0),
    ("odrl:elapsedTime", "P1D", "duration", 2 * 86_400.0),
    ("odrl:meteredTime", "PT60S", "duration", 0.0),
]


@pytest.mark.parametrize(("operand", "most", "kind", "wait"), COUNTED)
def test_an_account_of_uses_limits_them(
    tmp_path: Path, operand: str, most: str, kind: str, wait: float
) -> None:
    """Each use lasts two minutes, until what it asked for is ready."""
    terms = offer("odrl:aggregate")
    terms["permission"][0]["constraint"].append(limit(operand, "lteq", most, kind))
    with linked(tmp_path, terms) as pair:
        first = wish(pair)
        pair.clock.advance(120.0)
        prepared(pair)
        assert asking.again(pair.lab.ports, first.request_id).state == "ready"
        pair.clock.advance(wait)
        last = wish(pair)
        assert (last.state, last.code) == ("refused", "USE_REFUSED")


def test_duties_stand_in_the_way_of_uses_and_follow_them(tmp_path: Path) -> None:
    before = {
        "leftOperand": "odrl:event",
        "operator": "lt",
        "rightOperand": {"@id": ODRL + "policyUsage"},
    }
    owed = [
        {"action": "odrl:obtainConsent", "constraint": [before]},
        {"action": "odrl:delete", "constraint": [limit("odrl:dateTime", "lteq", END, "dateTime")]},
        {
            "action": "odrl:attribute",
            "constraint": [limit("odrl:elapsedTime", "lteq", "P5D", "duration")],
        },
    ]
    terms = offer("odrl:read")
    terms["permission"][0]["duty"] = owed
    with linked(tmp_path, terms) as pair:
        names = [f"{contract(pair)}#/permission/0/duty/{index}" for index in range(len(owed))]

        def stand() -> list[list[str]]:
            found = [[stating.duty(node.ports, name)[0].state for name in names] for node in both]
            return found if found[0] != found[1] else found[:1]

        both = (pair.school, pair.lab)
        assert stand() == [["missing", "due", "inactive"]]
        refused = wish(pair, READ)
        assert (refused.state, refused.code) == ("refused", "DUTY_OWED")
        stating.done(pair.lab.ports, names[0], Said(DeedKind.DONE, ""))
        pair.pump()
        first = wish(pair, READ)
        prepared(pair)
        assert asking.again(pair.lab.ports, first.request_id).state == "ready"
        assert stand() == [["fulfilled", "due", "due"]]
        pair.clock.advance(6 * 86_400.0)
        late = wish(pair, READ)
        assert (late.state, late.code) == ("refused", "DUTY_OWED")
        stating.waive(pair.school.ports, names[2], "the source is named elsewhere")
        pair.pump()
        stating.done(pair.lab.ports, names[1], Said(DeedKind.DONE, ""))
        pair.pump()
        assert stand() == [["fulfilled", "fulfilled", "inactive"]]
        pair.clock.advance(60.0)
        again = wish(pair, READ)
        prepared(pair)
        assert asking.again(pair.lab.ports, again.request_id).state == "ready"
        assert stand() == [["fulfilled", "due", "inactive"]]  # it has to be deleted in its turn
