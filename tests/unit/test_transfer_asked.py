"""Rows under a contract by one call: asked for once, prepared, fetched, and noted until then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from connector.domain.transfer.task import Made, Task
from connector.errors import UseRefused
from connector.sdk import Client, calls
from connector.services.publication import publish
from connector.services.use import deciding, preparing
from tests.support.link import CONTEXT, Link, description, limit, link
from tests.support.management import TOKEN, application_of, served
from tests.support.negotiating import ask as negotiated

ROWS = b"grade,reading\n2,410\n2,433\n"


@dataclass
class Rows:
    """The port `preparing`: writes rows, and notes what it was asked."""

    tasks: list[Task] = field(default_factory=list)

    def __call__(self, task: Task, out: BinaryIO) -> Made:
        self.tasks.append(task)
        out.write(ROWS)
        return Made(rows=2, suppressed=0)


def offer(action: str) -> dict[str, Any]:
    return {
        "@context": CONTEXT,
        "@id": "urn:example:offer",
        "@type": "Offer",
        "profile": "https://w3id.org/preau/odrl/v1",
        "assigner": "did:web:school.example",
        "permission": [
            {
                "action": action,
                "constraint": [limit("odrl:dateTime", "lteq", "2027-06-30T00:00:00Z", "dateTime")],
            }
        ],
    }


@dataclass
class Lab:
    """The consumer, while the provider works whenever the consumer waits."""

    pair: Link
    client: Client
    agreement: str
    folder: Path

    def get(self, **more: Any) -> bytes:
        return self.client.get(self.agreement, self.folder, **more).path.read_bytes()

    def files(self) -> list[str]:
        return sorted(each.suffix for each in self.folder.iterdir())

    def asked(self) -> list[Task]:
        found = self.pair.school.ports.preparing
        assert isinstance(found, Rows)
        return found.tasks


@contextmanager
def contracted(folder: Path, action: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setattr(deciding, "WAIT_SECONDS", 0.0)
    with link(folder) as pair:
        pair.school.ports = replace(pair.school.ports, preparing=Rows())
        publish.publish(pair.school.ports, description(pair.folder, offer=offer(action)))
        negotiated(pair)

        def work(_seconds: float) -> None:
            preparing.turn(pair.school.ports, steady=True)
            pair.deliver()

        monkeypatch.setattr(calls.time, "sleep", work)
        ports = pair.lab.ports
        (agreement,) = pair.lab.agreements()
        with (
            served(application_of(ports), ports.settings) as address,
            Client(url=address, token=TOKEN) as client,
        ):
            yield Lab(pair, client, agreement.id, folder / "out")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    with contracted(tmp_path, "odrl:read", monkeypatch) as made:
        yield made


def test_rows_come_by_one_call(lab: Lab) -> None:
    assert lab.get(columns=["grade"], format="csv") == ROWS
    (task,) = lab.asked()
    assert (task.columns, task.format) == (("grade",), "csv")
    assert lab.files() == [".csv"]


def test_who_is_ended_before_the_answer_asks_the_same(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request was counted by then, and nobody has heard of its id."""
    post: Any = Client._post

    def ended(client: Client, kind: Any, path: str, *rest: Any) -> Any:
        post(client, kind, path, *rest)
        raise KeyboardInterrupt

    monkeypatch.setattr(Client, "_post", ended)
    with pytest.raises(KeyboardInterrupt):
        lab.get()
    monkeypatch.setattr(Client, "_post", post)
    assert lab.files() == [".asked"]
    assert lab.get() == ROWS
    assert len(lab.asked()) == 1
    assert [each.kind for each in lab.pair.lab.log("use.asked")] == ["use.asked"]


def test_what_is_interrupted_is_asked_for_once(lab: Lab) -> None:
    def interrupted(_have: int, _whole: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lab.get(progress=interrupted)
    assert ".asked" in lab.files()
    assert lab.get() == ROWS
    assert len(lab.asked()) == 1
    assert len(lab.files()) == 1


def test_a_refused_request_is_not_noted(lab: Lab) -> None:
    with pytest.raises(UseRefused, match="pupil"):
        lab.get(columns=["pupil"])
    assert lab.files() == []
    assert lab.get() == ROWS


def test_a_contract_on_tables_lets_no_rows_leave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        contracted(tmp_path, "odrl:aggregate", monkeypatch) as lab,
        pytest.raises(UseRefused, match="no rows"),
    ):
        lab.get()
