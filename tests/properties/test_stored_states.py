"""No stored state makes a list or a view fail: what cannot be read is shown as such."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from connector.bootstrap.diagnosis import probe
from connector.domain.catalog.dataset import Dataset, Offer, PrivacyCap
from connector.domain.contract.approval import Approval
from connector.domain.contract.negotiation import Agreement, Negotiation, Role
from connector.domain.contract.notice import Notice
from connector.domain.federation.job import Job, JobSide, JobSite, RoundRecord
from connector.domain.log.audit import Epoch, ReturnedHead
from connector.domain.membership import Membership
from connector.domain.participant import Participant
from connector.domain.privacy.budget import Reservation, ReservationState
from connector.domain.privacy.census import Census
from connector.domain.privacy.register import Register
from connector.domain.privacy.tally import Forfeit
from connector.ports import Ports
from connector.services.membership.authority import KIND
from federated.privacy.event import Events, sampled_gaussian
from federated.privacy.rule import Accounting, Rule
from tests.support import stored
from tests.support.command import invoked
from tests.support.doubles import NOON, ports_for_tests
from tests.support.federation_workers import AdditiveAccountant
from tests.support.management import SHOWN, TOKEN, application_of, served
from tests.support.stored import negotiation
from tests.support.values import values_of

# Where each kind of value is kept, and what it is called by.
KEPT = {
    Participant: ("participants", ("did",)),
    Register: ("registers", ("id",)),
    Dataset: ("datasets", ("id",)),
    Census: ("censuses", ("dataset_id",)),
    Offer: ("offers", ("id",)),
    Negotiation: ("negotiations", ("pid",)),
    Agreement: ("agreements", ("id",)),
    Approval: ("approvals", ("id",)),
    Notice: ("notices", ("agreement_id", "party", "number")),
    Reservation: ("reservations", ("job_id",)),
    Job: ("jobs", ("id",)),
    JobSite: ("sites", ("job_id", "site")),
    RoundRecord: ("rounds", ("job_id", "round")),
    ReturnedHead: ("returned_heads", ("peer",)),
    Epoch: ("epochs", ("origin", "number")),
    Forfeit: ("forfeits", ("id",)),
    Membership: ("members", ("did",)),
}
IDS = {"id": "urn:x:1", "pid": "urn:x:1", "job_id": "urn:x:1", "dataset_id": "urn:x:1"}
IDS |= {"register_id": "urn:x:1", "agreement_id": "urn:x:1", "did": "did:web:x.example"}
# What an older release, or a peer that it was laxer with, may have left where JSON is expected.
ODD = st.sampled_from(
    [b"", b"{", b"[]", b"{}", b'{"@type":"Offer"}', b'{"a":"\\ud800"}', b'{"a":1e999}', b"\xff"]
)
# Figures of our own registers and jobs are checked before they are kept.
SHARES = st.floats(1e-9, 0.5)
AMOUNTS = st.floats(1e-3, 50)
FIGURES: dict[type[Any], dict[str, st.SearchStrategy[Any]]] = {
    Register: {"cap": st.none() | st.builds(PrivacyCap, AMOUNTS, SHARES)},
    Agreement: {"epsilon": AMOUNTS, "delta": SHARES},
    Reservation: {"epsilon": AMOUNTS, "delta": SHARES},
}
LISTS = {
    "/peers": ("did", Participant),
    "/members": ("did", Membership),
    "/registers": ("id", Register),
    "/datasets": ("id", Dataset),
    "/negotiations": ("pid", Negotiation),
    "/agreements": ("id", Agreement),
    "/approvals?closed=true": ("id", Approval),
    "/jobs": ("id", Job),
    "/budget": ("id", Register),
    "/budget/agreements": ("agreement", Agreement),
}
CALLED = {"/budget/agreements": "id"}  # the key's name in the value, where it is another
PARTLY: dict[str, Callable[[Any], bool]] = {
    "/agreements": lambda agreement: agreement.finalized,
    "/budget/agreements": lambda agreement: agreement.role is Role.PROVIDER,
    "/budget": lambda register: register.cap is not None and not register.merged_into,
}
SHOWS = {
    "/dataset?id=urn:x:1": Dataset,
    "/negotiation?pid=urn:x:1": Negotiation,
    "/agreement?id=urn:x:1": Agreement,
    "/approval?id=urn:x:1": Approval,
    "/job?id=urn:x:1": Job,
    "/recovery": Epoch,
}
COMMANDS = (
    *(("peer", "list"), ("register", "list"), ("dataset", "list"), ("negotiation", "list")),
    *(("agreement", "list"), ("job", "status"), ("budget", "show"), ("audit", "log")),
    ("recovery", "show"),
    ("authority", "members"),
    *(("dataset", "show", "urn:x:1"), ("negotiation", "show", "urn:x:1")),
    *(("agreement", "show", "urn:x:1"), ("job", "status", "urn:x:1")),
    *(("approve", "list", "--all"), ("approve", "show", "urn:x:1")),
)


def states() -> st.SearchStrategy[list[Any]]:
    """One value of each kind, of one another: whatever fields its table can hold."""
    return st.tuples(*map(_state, KEPT)).map(list)


def _state(kind: type[Any]) -> st.SearchStrategy[Any]:
    names = {item.name for item in fields(kind)}
    own = {name: value for name, value in IDS.items() if name in names}
    read = [item.name for item in fields(kind) if item.type == "bytes"]
    odd = st.fixed_dictionaries(FIGURES.get(kind, {}), optional=dict.fromkeys(read, ODD))
    return st.builds(lambda value, part: replace(value, **own, **part), values_of(kind), odd)


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Ports:
    """Of an authority, whose node has every list."""
    ports = ports_for_tests(tmp_path_factory.mktemp("node"), accountant=AdditiveAccountant())
    return replace(ports, settings=replace(ports.settings, kind=KIND))


@pytest.fixture(scope="module")
def home(ports: Ports) -> Iterator[Path]:
    folder = ports.settings.home
    with served(application_of(ports), ports.settings) as address:
        (folder / "run").mkdir()
        (folder / "run" / "node.json").write_text(json.dumps({"management": address}))
        (folder / "run" / "management.token").write_text(TOKEN)
        yield folder


@pytest.fixture(scope="module")
def http(home: Path) -> Iterator[httpx.Client]:
    address = json.loads((home / "run" / "node.json").read_text())["management"]
    transport = httpx.HTTPTransport(uds=address.removeprefix("unix:"))
    with httpx.Client(transport=transport, base_url="http://node", headers=SHOWN) as client:
        yield client


def _is_listed(path: str, value: Any) -> bool:
    return path not in PARTLY or PARTLY[path](value)


def keep(ports: Ports, values: list[Any]) -> None:
    """Put these values into the store, in place of those that were there."""
    tables = [table_of(ports, type(value)) for value in values]
    run(ports, *(f"DELETE FROM {table}" for table in tables))  # noqa: S608 - our own
    with ports.store.write() as tx:
        for value in values:
            getattr(tx, KEPT[type(value)][0]).put(value)


def table_of(ports: Ports, kind: type[Any]) -> str:
    with ports.store.read() as tx:
        return str(getattr(tx, KEPT[kind][0])._table.name)


def run(ports: Ports, *statements: str) -> None:
    path = ports.settings.database_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as database, database:
        for statement in statements:
            database.execute(statement)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(values=states())
def test_every_list_names_every_value_whatever_it_holds(
    ports: Ports, http: httpx.Client, values: list[Any]
) -> None:
    keep(ports, values)
    found = {type(value): value for value in values}
    for path, (key, kind) in LISTS.items():
        answer = http.get(path)
        assert answer.status_code == 200, (path, answer.text)
        names = [row[key] for row in answer.json()]
        shown = _is_listed(path, found[kind])
        assert names == [getattr(found[kind], CALLED.get(path, key))] * shown, path
    for path in SHOWS:
        answer = http.get(path)
        assert answer.status_code == 200, (path, answer.text)


@settings(
    max_examples=4,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(values=states())
def test_every_command_shows_them(ports: Ports, home: Path, values: list[Any]) -> None:
    keep(ports, values)
    for words in COMMANDS:
        got = invoked([*words, "--home", str(home)])
        assert got.exit_code == 0, (words, got.output, got.exception)


# What a damaged disk, or another program, may leave in a column of SQLite, which takes any value.
SPOILED = (
    *("x'ff00'", "CAST(x'ff' AS TEXT)", "'NOPE'", "'{'", "'null'", "'[1]'", "'{\"a\": 1}'"),
    *("9e999", "-1.5", "'9999-99-99 00:00:00.000000'", "'\"\\ud800\"'", "'[[[]]]'", "''"),
)
DAMAGE = st.sampled_from(list(KEPT)).flatmap(
    lambda kind: st.tuples(
        st.just(kind),
        st.sampled_from([f.name for f in fields(kind) if f.name not in KEPT[kind][1]]),
        st.sampled_from(SPOILED),
    )
)
SELECTED = {"finalized", "role", "register_id", "dataset_id"}  # which rows a list is about


def spoil(ports: Ports, kind: type[Any], column: str, value: str) -> bool:
    """Put a value into a column, as no node would; return whether its row can still be read."""
    try:
        run(ports, f'UPDATE {table_of(ports, kind)} SET "{column}" = {value}')  # noqa: S608
    except sqlite3.IntegrityError:  # a check of the table refuses it
        reject()
    with ports.store.read() as tx:
        return bool(getattr(tx, KEPT[kind][0]).page().values)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(values=states(), damage=DAMAGE)
def test_a_spoiled_column_stops_no_list_and_is_named(
    ports: Ports, http: httpx.Client, values: list[Any], damage: tuple[type[Any], str, str]
) -> None:
    keep(ports, values)
    kind, column, value = damage
    found = {type(each): each for each in values}
    readable = spoil(ports, kind, column, value)
    for path, (key, listed) in LISTS.items():
        answer = http.get(path)
        assert answer.status_code == 200, (path, answer.text)
        rows = answer.json()
        if listed is not kind or column in SELECTED or not _is_listed(path, found[kind]):
            continue
        if readable:
            assert all(key in row for row in rows)
        else:
            (row,) = rows
            assert row["fault"].startswith("ROW_DAMAGED: column `"), row
            assert f"`{column}`" in row["fault"], row
    for path, shown in SHOWS.items():
        answer = http.get(path)
        whole = readable or shown is not kind or path == "/recovery"
        assert answer.status_code == (200 if whole else 503), (path, answer.text)
        assert whole or answer.json()["code"] == "ROW_DAMAGED"
    checks = probe.stored(ports.settings, AdditiveAccountant(), ask_peers=False)
    named = [check.finding for check in checks if check.name == "row"]
    assert bool(named) is not readable, (named, readable)


def test_a_part_that_cannot_be_read_is_named_and_hides_no_other_row(
    ports: Ports, home: Path, http: httpx.Client
) -> None:
    whole = negotiation("urn:whole", policy=b'{"@type":"Offer"}')
    odd = replace(whole, pid="urn:odd", policy=b'{"a":"\\ud800"}')
    keep(ports, [whole])
    with ports.store.write() as tx:
        tx.negotiations.put(odd)
    first, second = http.get("/negotiations").json()
    assert (first["pid"], first["policy"], first["fault"]) == ("urn:whole", {"@type": "Offer"}, "")
    assert (second["pid"], second["policy"]) == ("urn:odd", {})
    assert second["fault"] == "MALFORMED_MESSAGE: JSON /a: has a lone surrogate"
    shown = invoked(["negotiation", "list", "--home", str(home)]).stdout
    assert "urn:odd: a part cannot be shown: MALFORMED_MESSAGE" in shown
    assert "urn:whole: a part cannot be shown" not in shown


def test_figures_whose_sum_is_no_number_are_listed(ports: Ports, http: httpx.Client) -> None:
    """As contracts that cannot be read may have left them; nothing is left where they count."""
    most, events = sys.float_info.max, Events((sampled_gaussian(1.0, 0.5, 1),))
    keep(ports, [Register("urn:r", PrivacyCap(3.0, 1e-5), Accounting(Rule.SUMS), 0, NOON)])
    dataset = replace(stored.dataset("urn:d1", "urn:r"), population=4600)
    keep(ports, [dataset, stored.contract("urn:c1", epsilon=most, delta=0.5)])
    with ports.store.write() as tx:
        tx.agreements.put(stored.contract("urn:c2", epsilon=most, delta=0.5))
        for number in (1, 2):
            tx.reservations.put(
                Reservation(
                    *(f"urn:j{number}", "urn:c1", "urn:d1", "urn:r", events, 2, 1),
                    *(most, 0.25, ReservationState.CLOSED, NOON),
                )
            )
    (register,) = [each for each in http.get("/budget").json() if each["id"] == "urn:r"]
    assert (register["left"], register["beyond"], register["unpromised"]) == (0.0, True, 0.0)
    lines = http.get("/budget/agreements").json()
    assert {each["agreement"]: each["left"] for each in lines} == {"urn:c1": 0.0, "urn:c2": 0.0}


def test_a_refused_job_is_listed_and_shown_and_has_no_manifest(
    ports: Ports, http: httpx.Client
) -> None:
    """A site keeps the digest of what it refused, and nothing else of it."""
    digest = "ab" * 32
    refused = Job(
        id="urn:x:1",
        side=JobSide.SITE,
        peer="did:web:a.example",
        agreement_id="",
        manifest=b"",
        manifest_digest=digest,
        signature="",
        state="REFUSED",
        code="BUDGET_EXCEEDED",
        reason="the contract has ε 0 left",
        created_at=NOON,
        updated_at=NOON,
    )
    run(ports, f"DELETE FROM {table_of(ports, JobSite)}")  # noqa: S608 - our own
    keep(ports, [refused])
    for found in (*http.get("/jobs").json(), http.get("/job?id=urn:x:1").json()):
        assert (found["state"], found["code"], found["fault"]) == ("REFUSED", refused.code, "")
    answer = http.get("/job/manifest?id=urn:x:1")
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    keep(ports, [replace(refused, manifest=b"{}")])
    assert http.get("/job/manifest?id=urn:x:1").content == b"{}"
    assert http.get("/job?id=urn:x:1").json()["fault"].startswith("MALFORMED_MESSAGE: manifest")
