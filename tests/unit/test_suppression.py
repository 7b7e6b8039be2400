"""Persons who objected or withdrew: none of their rows is used from the next step on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from connector.domain.federation.frames import RoundReply
from connector.errors import KeyUnusable, Malformed, NotFound
from connector.ports import Ports
from connector.services.privacy import suppression
from connector.services.privacy.merging import merge
from connector.services.publication import publish
from federated.persons import NOBODY_SUPPRESSED, Suppressed, digest
from federated.training.engine import Engine
from federated.training.recipes import initial
from federated.training.roles import site as site_role
from federated.training.rows.encode import encode
from federated.training.rows.parts import read_table
from federated.training.rows.persons import DIGEST
from tests.support.doubles import PersonKeys
from tests.support.federation import running
from tests.support.link import Link, description, link
from tests.support.site_rounds import Case
from tests.support.training_rig import SITES, ForeseenNoise, manifest, write_rows

KEY = bytes(range(32))
POPULATION = 100


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path) as pair:
        yield pair


@pytest.fixture
def ports(pair: Link) -> Ports:
    return replace(pair.school.ports, person_key=PersonKeys())


@pytest.fixture
def register(pair: Link, ports: Ports) -> str:
    """Of a file with the pupils 1 and 2."""
    return publish.publish(ports, description(pair.folder)).register_id


# The list


def test_a_list_holds_keyed_digests_and_counts_for_its_operator_alone(
    ports: Ports, register: str
) -> None:
    assert suppression.suppressed(ports, register) == NOBODY_SUPPRESSED
    listed = suppression.suppress(ports, register, ["1", " 01 ", "Amélie D."])
    assert (listed.persons, listed.known) == (2, 1)
    held = suppression.suppressed(ports, register)
    assert all(held.holds(name) for name in ("1", "1.0", "AMÉLIE D."))
    assert not held.holds("2")
    assert "digests" not in repr(held)
    with ports.store.read() as tx:
        (row,) = tx.suppressed.find()
        (entry,) = tx.audit.entries(subject=register, kind=suppression.SUPPRESSED)
    assert row.digests == b"".join(sorted(digest(name, KEY) for name in ("1", "amélie d.")))
    assert b"facts" not in entry.event or b'"facts":{}' in entry.event
    restored = suppression.restore(ports, register, ["1"])
    assert (restored.persons, restored.known) == (1, 0)
    assert not suppression.suppressed(ports, register).holds("1")
    assert suppression.lists(ports).values == (restored,)


@pytest.mark.parametrize("names", [[], ["1", " "], ["1", "NA"], ["1"] * 100_001])
def test_a_list_without_persons_is_refused_and_says_no_name(
    ports: Ports, register: str, names: list[str]
) -> None:
    with pytest.raises(Malformed) as refusal:
        suppression.suppress(ports, register, names)
    assert "NA" not in refusal.value.reason
    assert suppression.lists(ports).values == ()
    with pytest.raises(NotFound):
        suppression.suppress(ports, "urn:nobody", ["1"])


def test_a_list_whose_key_is_lost_stops_every_use_until_it_is_made_anew(
    ports: Ports, register: str
) -> None:
    suppression.suppress(ports, register, ["1"])
    keys = ports.person_key
    assert isinstance(keys, PersonKeys)
    for lost in (b"", bytes(32)):
        keys.key = lost
        for use in (suppression.suppressed, lambda *at: suppression.restore(*at, ["1"])):
            with pytest.raises(KeyUnusable):
                use(ports, register)
    with ports.store.write() as tx:  # as `preau register recount` does
        tx.persons.remove(register)
    with pytest.raises(KeyUnusable):
        suppression.suppress(ports, register, ["2"])
    suppression.suppress(ports, register, ["2"], anew=True)
    held = suppression.suppressed(ports, register)
    assert (held.key, held.digests) == (bytes(32), {digest("2", bytes(32))})


@pytest.mark.parametrize("same", [True, False])
def test_lists_are_united_where_registers_are_merged(
    pair: Link, ports: Ports, register: str, *, same: bool
) -> None:
    raw = description(pair.folder, id="urn:example:other")
    other = publish.publish(ports, raw, distinct="a test").register_id
    suppression.suppress(ports, register, ["1"])
    suppression.suppress(ports, other, ["2"])
    if not same:
        with ports.store.write() as tx:
            (_, row) = tx.suppressed.find()
            tx.suppressed.put(replace(row, key="ab" * 8))
    merge(ports, other, register)
    for name in (register, other):
        if same:
            held = suppression.suppressed(ports, name)
            assert held.holds("1")
            assert held.holds("2")
            continue
        with pytest.raises(KeyUnusable):  # nobody can tell whom the list means
            suppression.suppressed(ports, name)


# Training


def _file(folder: Path, keep: Callable[[str], bool] = lambda _: True) -> Path:
    lines = write_rows(folder / "rows.csv", 12).read_text(encoding="utf-8").splitlines()
    kept = [lines[0], *(line for line in lines[1:] if keep(line.split(",")[0]))]
    path = folder / f"{len(kept)}.csv"
    path.write_text("\n".join(kept) + "\n", encoding="utf-8")
    return path


def _update(path: Path, suppressed: Suppressed = NOBODY_SUPPRESSED) -> dict[str, bytes]:
    """Return the arrays of a round on a file, with noise and draws that can be foreseen."""
    job = manifest()
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    persons = encode(
        read_table(path, "csv", sha256, job.columns).whole(), job, "number", suppressed
    )
    found = Engine(job, POPULATION, persons, ForeseenNoise(7)).run(initial(job))
    return {name: np.ascontiguousarray(array).tobytes() for name, array in found.items()}


def test_a_suppressed_pupil_changes_no_gradient(tmp_path: Path) -> None:
    gone = Suppressed(KEY, frozenset({digest("03", KEY), digest("7", KEY), digest("99", KEY)}))
    whole, without = _file(tmp_path), _file(tmp_path, lambda pupil: pupil not in ("3", "7"))
    assert _update(whole, gone) == _update(without) == _update(without, gone)
    assert _update(whole) != _update(without)


def test_a_worker_reads_no_row_of_whom_its_node_names(tmp_path: Path) -> None:
    path, trained = _file(tmp_path), list[int]()
    data = {"path": str(path), "format": "csv", "person_format": "text"}
    data["digest"] = hashlib.sha256(path.read_bytes()).hexdigest()
    header: dict[str, object] = {"data": {**data, "rows": []}, "population": POPULATION}
    header |= {"site": SITES[0], "key": KEY.hex(), "row_key": ""}
    for names in ([], ["3"], ["3", "7", "99"]):
        payload = b"".join(digest(name, KEY) for name in names)
        assert len(payload) == DIGEST.itemsize * len(names)
        persons, _ = site_role._read(manifest(), header, site_role._suppressed(header, payload))
        trained.append(len(persons))
    assert trained == [12, 11, 10]


def test_a_running_job_follows_the_list_from_the_next_round_on(tmp_path: Path) -> None:
    case = Case(tmp_path)
    ports, script = case.site.ports, case.site.workers.site
    assert case.site.dataset is not None
    register = case.site.dataset.register_id
    with running(case.site):
        assert isinstance(case.ask(1), RoundReply)
        suppression.suppress(ports, register, ["p1"])
        assert isinstance(case.ask(2), RoundReply)
    one = digest("p1", ports.person_key(make=False))
    assert script.suppressed == [b"", one]
    with running(case.site):  # the node starts anew
        assert isinstance(case.ask(3), RoundReply)
    assert script.suppressed == [b"", one, one]
    starts = [each for each in script.orders if each["op"] == "start"]
    assert [each["key"] for each in starts] == ["", *[ports.person_key(make=False).hex()] * 2]


def test_a_job_whose_list_cannot_be_read_uses_no_row(tmp_path: Path) -> None:
    case = Case(tmp_path)
    assert case.site.dataset is not None
    suppression.suppress(case.site.ports, case.site.dataset.register_id, ["p1"])
    keys = case.site.ports.person_key
    assert isinstance(keys, PersonKeys)
    keys.key = bytes(32)
    with running(case.site):
        job = case.ended("FAILED")  # type: ignore[arg-type] - a state is a text
    assert job.code == "KEY_UNUSABLE"
    assert case.drawn == []
