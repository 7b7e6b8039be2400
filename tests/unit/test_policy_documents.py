"""Expansion: pinned contexts, nothing fetched, nothing dropped, bounded."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from itertools import count as count_from
from itertools import permutations
from pathlib import Path
from typing import Any

import pyoxigraph
import pytest
from pyld import jsonld
from pyld.context_resolver import ContextResolver

from connector.jsonld.policy import policy_document
from connector.jsonld.turtle import turtle_bytes
from policies_odrl.documents.contexts import PINNED
from policies_odrl.documents.graphs import flattened
from policies_odrl.documents.sources import MAX_BYTES, MAX_DEPTH, MAX_MEMBERS, _load
from policies_odrl.errors import IllFormed, LimitExceeded, Unreadable
from tests.support.each import over
from tests.support.policies import nodes, training_offer

ODRL_CONTEXT = "http://www.w3.org/ns/odrl.jsonld"
DSP = "https://w3id.org/dspace/2025/1/context.jsonld"
PROFILE = "https://w3id.org/dspace/2025/1/odrl-profile.jsonld"


def doc(**more: Any) -> dict[str, Any]:
    return {"@context": [DSP, PROFILE], "@id": "urn:a", "@type": "Offer", **more}


def test_a_document_becomes_nodes() -> None:
    found = nodes(doc(permission=[{"action": "use"}]))
    assert [sorted(node) for node in found] == [
        ["@id", "@type", "http://www.w3.org/ns/odrl/2/permission"],
        ["@id", "http://www.w3.org/ns/odrl/2/action"],
    ]


DATA = json.loads((Path(__file__).parent / "data" / "documents.json").read_text("utf-8"))
BAD, GOOD, FLAT = (DATA[name] for name in ("refused", "read", "flat"))


@over("name", BAD)
def test_what_would_be_lost_or_fetched_is_refused(name: str) -> None:
    value = BAD[name]
    with pytest.raises(IllFormed):
        nodes(value)


def test_a_document_without_a_context_is_told_that_it_has_none() -> None:
    with pytest.raises(IllFormed, match="`@context` is missing"):
        nodes(json.dumps(BAD["no context"]).encode())


@over("name", GOOD)
def test_what_keeps_its_meaning_is_read(name: str) -> None:
    assert nodes(GOOD[name]) or name == "an empty list"


def graph_of(found: list[dict[str, Any]]) -> pyoxigraph.Dataset:
    data = turtle_bytes(found, {})
    graph = pyoxigraph.Dataset(pyoxigraph.parse(data, format=pyoxigraph.RdfFormat.TURTLE))
    graph.canonicalize(pyoxigraph.CanonicalizationAlgorithm.UNSTABLE)
    return graph


@over("name", FLAT)
def test_flattening_agrees_with_the_slow_way(name: str) -> None:
    theirs = jsonld.flatten(FLAT[name], None, {"base": None})
    ours = flattened(FLAT[name])
    assert graph_of(ours) == graph_of(theirs)
    assert len(ours) == len(theirs)


def test_policies_flatten_alike() -> None:
    options = {"documentLoader": _load, "base": None}
    expanded = jsonld.expand(policy_document(training_offer()), options)
    assert graph_of(flattened(expanded)) == graph_of(jsonld.flatten(expanded, None, options))


def test_flat_nodes_stand_in_order_of_appearance() -> None:
    found = nodes(doc(permission=[{"@id": "urn:z:1"}, {"@id": "urn:b", "action": "use"}]))
    assert [node["@id"] for node in found] == ["urn:a", "urn:b"]


def test_many_values_of_one_property_are_read_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def calls(count: int) -> int:
        rules = [{"@id": f"urn:r:{n}", "action": "use"} for n in range(count)]
        made = count_from(0)
        sys.setprofile(lambda *_: next(made) and None)
        try:
            found = nodes(doc(permission=rules))
        finally:
            sys.setprofile(None)
        assert len(found) == count + 1
        return next(made)

    few = 500
    monkeypatch.setattr("policies_odrl.documents.sources.MAX_MEMBERS", few * 3 + 10)
    calls(1)  # what is kept from then on
    assert calls(few) < 2.5 * calls(few // 2)  # comparing each with each takes four times as many


def test_neq_is_neq_in_every_context_of_ours() -> None:
    for context in (PROFILE, ODRL_CONTEXT):
        found = nodes({"@context": context, "@type": "Constraint", "operator": "neq"})
        assert "http://www.w3.org/ns/odrl/2/neq" in json.dumps(found)


def test_the_loader_knows_no_other_context() -> None:
    with pytest.raises(ValueError, match="example"):
        _load("https://example.org/context.jsonld")


def test_both_policy_contexts_and_the_protocol_message_mean_the_same() -> None:
    """A bare policy inside a message of the protocol expands as it does alone."""
    alone = policy_document(training_offer())
    context = alone.pop("@context")
    message = {
        "@context": [context[0]],
        "@type": "ContractRequestMessage",
        "consumerPid": "urn:uuid:1",
        "offer": alone,
    }
    inside = [node for node in nodes(message) if "dspace" not in json.dumps(node)]
    outside = nodes({"@context": context, **alone})

    def shape(found: list[dict[str, Any]]) -> list[str]:
        return sorted(
            json.dumps({key: value for key, value in node.items() if key != "@id"})
            for node in found
            if not any("permission" in key or key.endswith("constraint") for key in node)
        )

    assert shape(inside) == shape(outside)
    assert len(inside) == len(outside)


ORDERS = list(permutations(range(3)))
MESSAGE = {"@context": [DSP], "@type": "Dataset", "@id": "urn:a", "hasPolicy": [{"@id": "b:c"}]}
DOCUMENTS = [MESSAGE, {"@context": PROFILE, "@id": "urn:a", "@type": "Offer"}, doc()]
EACH_ALONE = """
import json, sys
from multiprocessing import get_context
import pyld
from tests.support.policies import nodes

def read(documents):
    return [nodes(item) for item in documents]

with get_context("fork").Pool(1, maxtasksperchild=1) as pool:
    print(json.dumps(pool.map(read, json.loads(sys.argv[1]), chunksize=1)))
"""


@pytest.fixture(scope="module")
def read_in_each_order() -> list[Any]:
    """What is read in each order, each by a process that has read nothing before."""
    chosen = json.dumps([[DOCUMENTS[index] for index in order] for order in ORDERS])
    done = subprocess.run(
        [sys.executable, "-c", EACH_ALONE, chosen],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


@over("order", ORDERS)
def test_one_context_does_not_spoil_another(
    order: tuple[int, ...], read_in_each_order: list[Any]
) -> None:
    """pyld keeps parsed contexts; the order in which they are first used must not matter."""
    expected = [nodes(DOCUMENTS[index]) for index in order]
    assert read_in_each_order[ORDERS.index(order)] == expected


def test_too_many_members_are_refused_before_expansion() -> None:
    with pytest.raises(LimitExceeded):
        nodes(doc(permission=[{"action": "use"}] * MAX_MEMBERS))


def test_a_member_that_stands_twice_among_very_many_is_refused_at_once() -> None:
    members = ", ".join(f'"m{number}": 0' for number in (*range(100_000), 99_999))
    with pytest.raises(IllFormed, match="`m99999` stands twice"):
        nodes("{" + members + "}")


@over(
    ("number", "why"),
    [
        ("NaN", "`NaN` is no number"),
        ("-Infinity", "`-Infinity` is no number"),
        ("-1e999", "double"),
    ],
)
def test_a_number_that_json_does_not_have_is_named(number: str, why: str) -> None:
    with pytest.raises(IllFormed, match=why):
        nodes('{"@id": ' + number + "}")


def test_too_many_bytes_are_refused() -> None:
    with pytest.raises(LimitExceeded):
        nodes(json.dumps(doc(target="urn:" + "a" * MAX_BYTES)))


def test_depth_is_bounded_for_objects_and_lists() -> None:
    value: Any = {"action": "use"}
    for _ in range(MAX_DEPTH):
        value = [value]
    with pytest.raises(IllFormed, match="deeper"):
        nodes(doc(permission=value))


def test_a_hundred_thousand_levels_are_refused_without_recursion() -> None:
    value: Any = "x"
    for _ in range(100_000):
        value = [value]
    with pytest.raises(IllFormed, match="deeper"):
        nodes(doc(permission=value))


def test_many_threads_expand_at_once() -> None:
    wanted = nodes(policy_document(training_offer()))
    wrong: list[object] = []

    def work() -> None:
        for _ in range(5):
            found = nodes(policy_document(training_offer()))
            if found != wanted:
                wrong.append(found)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not wrong
    assert not any(thread.is_alive() for thread in threads)


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    for context in PINNED:
        nodes({"@context": context, "@id": "urn:a"})
    with pytest.raises(IllFormed):
        nodes({"@context": "https://w3id.org/dspace/2099/1/context.json", "@id": "urn:a"})


def test_pyld_is_imported_on_first_use_only() -> None:
    code = (
        "import sys, policies_odrl.documents.sources as s, connector.jsonld.policy;"
        "assert not [m for m in sys.modules if m.startswith('pyld')], 'pyld is loaded';"
        "s.nodes_of({'@context': 'http://www.w3.org/ns/odrl.jsonld',"
        " 'uid': 'urn:a'});"
        "assert 'pyld' in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_errors_are_ours() -> None:
    for value in BAD.values():
        with pytest.raises(Unreadable):
            nodes(value)


OFFICIAL = {DSP: "dspace.jsonld", PROFILE: "odrl.jsonld"}


@pytest.mark.reference
@over("url", OFFICIAL)
def test_our_contexts_define_what_the_official_ones_define(url: str) -> None:
    folder = Path(os.environ["PREAU_REFERENCE"]) / "dsp" / "contexts"
    official = json.loads((folder / OFFICIAL[url]).read_text("utf-8"))["@context"]
    ours = Path(__file__).parents[2] / "policies_odrl" / "documents" / "contexts" / PINNED[url]
    assert json.loads(ours.read_text("utf-8"))["@context"] == official


@pytest.mark.reference
def test_examples_expand_to_the_same_under_our_contexts_and_the_official_ones() -> None:
    folder = Path(os.environ["PREAU_REFERENCE"]) / "dsp"
    official = {
        url: json.loads((folder / "contexts" / name).read_text("utf-8"))
        for url, name in OFFICIAL.items()
    }

    def theirs(url: str, _options: object = None) -> dict[str, Any]:
        return {
            "contentType": "application/ld+json",
            "contextUrl": None,
            "documentUrl": url,
            "document": json.loads(json.dumps(official[url])),
        }

    own = ContextResolver({}, _load)

    def expanded(message: object, loader: Any) -> object:
        resolver = own if loader is _load else ContextResolver({}, loader)
        return jsonld.expand(
            message, {"documentLoader": loader, "contextResolver": resolver, "base": None}
        )

    names = [
        name
        for part in ("catalog", "negotiation", "transfer")
        for name in sorted((folder / "examples" / part).glob("*.json"))
    ]
    assert names
    for name in names:
        message = json.loads(name.read_text("utf-8"))
        assert expanded(message, _load) == expanded(message, theirs), name


@pytest.mark.reference
def test_the_protocols_own_example_loses_its_operand_and_is_refused() -> None:
    """The protocol's context defines no left operand, so a bare `dateTime` names nothing."""
    folder = Path(os.environ["PREAU_REFERENCE"]) / "dsp" / "examples" / "negotiation"
    message = json.loads((folder / "contract-offer-message.json").read_text("utf-8"))
    with pytest.raises(IllFormed, match="`dateTime`"):
        nodes(message)
    message["offer"]["permission"][0]["constraint"][0]["leftOperand"] = "odrl:dateTime"
    assert nodes(message)
