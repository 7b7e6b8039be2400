"""One way to read: files, text, objects; contexts of all kinds; wrappers, dialects, profiles."""

from __future__ import annotations

import json
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connector.errors import Malformed, PolicyInvalid
from connector.jsonld.policy import identical, policy_document, read_policy
from policies_odrl import (
    Constraint,
    Facts,
    IllFormed,
    Knowledge,
    LimitExceeded,
    Literal,
    NotUnderstood,
    Operator,
    Policy,
    Request,
    evaluate,
    explain,
    from_sentences,
    read,
    write,
)
from policies_odrl.documents.contexts import MAX_TERMS, PINNED
from policies_odrl.documents.sources import MAX_DEPTH, MAX_EMBEDDED, nodes_of
from policies_odrl.model import ODRL, XSD, Iri, PolicyKind
from policies_odrl.reading.inventory import strange
from policies_odrl.reading.profiles import joined, profiles
from policies_odrl.reading.reader import load
from tests.support.each import over
from tests.support.policies import load_all, one_rule

CASES = json.loads((Path(__file__).parent / "data/load.json").read_text(encoding="utf-8"))
W3C = "http://www.w3.org/ns/odrl.jsonld"
NOTHING = Knowledge()
NOW = datetime(2026, 12, 1, tzinfo=UTC)
TURTLE = "@prefix o: <http://www.w3.org/ns/odrl/2/> . <urn:p> a o:Set ; o:permission [ {} ] ."


def small(context: Any = W3C, **more: Any) -> dict[str, Any]:
    rule = {"action": "read", "target": "urn:x:data"}
    return {"@context": context, "@type": "Set", "@id": "urn:p", "permission": [rule], **more}


def asked(policy: Policy, action: str = ODRL + "read", target: str = "urn:x:data") -> bool:
    return evaluate(policy, Request(action, "urn:x:ada", target), tentative=True).granted


def test_a_path_is_a_file_and_text_is_content(tmp_path: Path) -> None:
    text = json.dumps(small())
    file = tmp_path / "policy.json"
    file.write_text("\ufeff" + text, encoding="utf-8")
    wanted = load(small())
    assert load(file) == load(text) == load(text.encode()) == load([small()]) == wanted
    with pytest.raises(IllFormed):
        load(str(file))  # a name of a file is not Turtle
    with pytest.raises(OSError, match="missing"):
        load(tmp_path / "missing")
    assert load(TURTLE.format("o:action o:read ; o:target <urn:x:data>")) == wanted


def test_several_policies_are_read_by_load_all() -> None:
    both = {"@context": W3C, "@graph": [_bare("urn:a"), _bare("urn:b")]}
    assert [item.id for item in load_all(both)] == ["urn:a", "urn:b"]
    with pytest.raises(IllFormed, match="2 were found"):
        load(both)


def _bare(name: str) -> dict[str, Any]:
    return {key: value for key, value in small(**{"@id": name}).items() if key != "@context"}


@over("case", CASES["read"])
def test_what_others_write_is_read(case: dict[str, Any]) -> None:
    """Each case names what is granted, what is refused, and what a refusal has to name."""
    policy = load(case["policy"])
    for lang in ("en", "fr"):
        assert explain(policy, lang)
    for verdict in ("granted", "refused"):
        for ask in case.get(verdict, []):
            facts = {name: tuple(values) for name, values in ask.get("values", {}).items()}
            request = Request(
                ask["action"], ask.get("assignee", "urn:x:ada"), ask.get("target"), facts
            )
            decision = evaluate(policy, request, Facts(now=NOW), tentative=True)
            assert decision.granted is (verdict == "granted"), (ask, decision.reasons)
            assert ask.get("missing", "") in " ".join(decision.reasons)
    assert list(strange(policy, NOTHING)) == case.get("strange", [])


@over("case", CASES["refused"])
def test_what_nobody_should_read_is_refused_by_name(case: dict[str, Any]) -> None:
    with pytest.raises((IllFormed, LimitExceeded)) as caught:
        load(case["policy"])
    assert case["says"] in str(caught.value)


def test_what_is_kept_is_written_and_read_again() -> None:
    """What nobody understands survives writing, and is still not decided."""
    kept = [case for case in CASES["read"] if case.get("strange") and not case.get("unwritable")]
    assert kept
    for case in kept:
        policy = load(case["policy"])
        again = read(nodes_of(write(policy)))
        assert identical(again, policy), case["name"]


def test_what_is_signed_is_read_strictly() -> None:
    for case in CASES["read"]:
        if case.get("strange"):
            with pytest.raises((PolicyInvalid, Malformed)):
                read_policy(json.dumps(case["policy"]))
    assert read_policy(json.dumps(small())) == load(small())


def test_metadata_is_compared_before_anything_is_signed() -> None:
    plain = load(small())
    with_license = load(small(**{"dct:license": {"@id": "urn:x:licence"}}))
    assert with_license.metadata == (("http://purl.org/dc/terms/license", Iri("urn:x:licence")),)
    assert asked(plain)
    assert asked(with_license)
    assert not identical(plain, with_license)
    assert identical(read_policy(policy_document(with_license)), with_license)


def test_obligations_alone_are_a_policy() -> None:
    alone = {**small(), "obligation": [{"action": "inform"}]}
    del alone["permission"]
    assert load(alone).obligations


def test_depth_contexts_and_terms_are_bounded() -> None:
    deep: Any = {"action": "read"}
    for _ in range(MAX_DEPTH + 1):
        deep = {"urn:x:in": deep}
    with pytest.raises(IllFormed, match="deeper"):
        load(small(**{"urn:x:deep": deep}))
    many = [{"@context": W3C, "@id": f"urn:x:{n}"} for n in range(MAX_EMBEDDED + 1)]
    with pytest.raises(LimitExceeded, match="contexts"):
        load(small(**{"urn:x:many": many}))
    words = {f"word{n}": f"urn:x:{n}" for n in range(MAX_TERMS + 1)}
    with pytest.raises(LimitExceeded, match="terms"):
        load(small([W3C, words]))
    tangled: Any = {"@id": "_:a", "urn:x:in": [{"@id": "_:a"}]}
    with pytest.raises(LimitExceeded, match="deeper"):
        load(small(**{"urn:x:circle": tangled}))
    layers = [
        {"@id": f"_:l{n}", "urn:x:in": [{"@id": f"_:l{n + 1}"}, {"@id": f"_:l{n + 1}"}]}
        for n in range(20)
    ]
    twice = [{**layer, "urn:x:also": [{"@id": f"_:l{n + 1}"}]} for n, layer in enumerate(layers)]
    with pytest.raises(LimitExceeded):
        load(small(**{"urn:x:bomb": twice}))


def test_nothing_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    for context in PINNED:
        load_all(small([context, {"odrl": ODRL}], **{"@type": ODRL + "Set"}))
    for context in ("https://example.org/c.jsonld", "file:///etc/passwd", "c.jsonld"):
        with pytest.raises(IllFormed, match="not one that is known"):
            load(small([W3C, context]))


def test_a_library_that_reads_nothing_loads_no_parser() -> None:
    for name in ("pyld", "pyoxigraph"):
        text = (Path(__file__).parents[2] / "policies_odrl").rglob("*.py")
        homes = [file.name for file in text if f'import_module("{name}' in file.read_text()]
        assert homes == ["sources.py"]


# -- profiles -------------------------------------------------------------------------------

HEAD = """@prefix o: <http://www.w3.org/ns/odrl/2/> .
@prefix s: <http://www.w3.org/2004/02/skos/core#> .
@prefix r: <http://www.w3.org/2000/01/rdf-schema#> . @prefix x: <urn:x:> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> . @prefix p: <https://w3id.org/preau/odrl/v1#> .
"""
PROFILE = (
    HEAD
    + """x:profile a o:Profile . x:hour a o:LeftOperand ; r:range xsd:integer ;
p:allowedOperator o:lteq, o:gteq . x:kind a o:LeftOperand ; r:range s:Concept .
x:dog a s:Concept ; s:broader x:animal . x:animal a s:Concept . x:train a o:Action ;
o:includedIn o:use . """
)


def test_a_profile_declares_operands_actions_and_concepts() -> None:
    known = profiles(PROFILE)
    assert known.profiles == {"urn:x:profile"}
    text = (
        HEAD + "x:q a o:Set ; o:profile x:profile ; o:target x:t ; o:permission"
        " [ o:action x:train ; o:constraint"
        " [ o:leftOperand x:hour ; o:operator o:lteq ; o:rightOperand 18 ],"
        " [ o:leftOperand x:kind ; o:operator o:isA ; o:rightOperand x:animal ] ] ."
    )
    policy = load(text, known)
    assert list(strange(policy, known)) == []
    good = {"urn:x:hour": (10,), "urn:x:kind": (Iri("urn:x:dog"),)}
    late = {**good, "urn:x:hour": (20,)}
    assert _decided(policy, good, known)
    assert not _decided(policy, late, known)
    assert not _decided(policy, good, NOTHING)


def test_a_profile_that_is_added_later_lifts_no_ban() -> None:
    """A property of a rule is no constraint, also where the profile has an operand of its name."""
    known = profiles(PROFILE)
    text = (
        HEAD + "x:q a o:Set ; o:target x:t ; o:permission [ o:action x:train ] ;"
        " o:prohibition [ o:action x:train ; {} ] ."
    )
    as_property = load(text.format("x:hour 5"))
    as_operand = load(
        text.format("o:constraint [ o:leftOperand x:hour ; o:operator o:eq ; o:rightOperand 5 ]")
    )
    assert not _decided(as_property, {"urn:x:hour": (4,)}, known)
    assert _decided(as_operand, {"urn:x:hour": (4,)}, known)


def _decided(policy: Policy, values: dict[str, Any], known: Knowledge) -> bool:
    request = Request("urn:x:train", "urn:x:ada", "urn:x:t", values)
    return evaluate(policy, request, Facts(knowledge=known)).granted


@over(
    ("text", "says"),
    [
        ("x:nothing r:label 'x' .", "declares no"),
        ("o:read a o:Action ; o:includedIn o:transfer .", "does not change"),
        ("x:left a o:LeftOperand ; p:allowedOperator x:like .", "no operator of ODRL"),
    ],
)
def test_a_profile_adds_and_never_changes(text: str, says: str) -> None:
    with pytest.raises(IllFormed, match=says):
        profiles(HEAD + text)
    assert profiles(HEAD + "o:read a o:Action ; o:includedIn o:use . x:a a o:Action .").actions


def test_profiles_are_joined() -> None:
    other = profiles(HEAD + "x:other a o:LeftOperand . x:dog a s:Concept ; s:broader x:pet .")
    both = joined(profiles(PROFILE), other)
    assert {"urn:x:other", "urn:x:hour"} <= both.operands.keys()
    assert both.broader["urn:x:dog"] == ("urn:x:animal", "urn:x:pet")
    assert load(small(), both).kind is PolicyKind.SET


def test_terms_of_a_profile_go_by_its_labels() -> None:
    labels = ' x:hour r:label "hour of the day"@en, "heure du jour"@fr . x:dog s:prefLabel "dog" .'
    known = profiles(PROFILE + labels)
    value = Literal("5", XSD + "decimal")
    policy = one_rule("read", Constraint("urn:x:hour", Operator.LTEQ, (value,)))
    for lang, said in (("en", "hour of the day ["), ("fr", "heure du jour [")):
        sentences = explain(policy, lang, known)
        assert any(said in line for line in sentences)
        assert from_sentences(sentences, lang, known) == policy
        with pytest.raises(NotUnderstood):  # another label than any that is known would deceive
            from_sentences(sentences, lang)
        assert not any(said in line for line in explain(policy, lang))


def test_what_is_no_document_is_refused() -> None:
    for source in (None, 5):
        with pytest.raises(IllFormed, match=f"text, bytes or JSON, not `{type(source).__name__}`$"):
            load(source)  # type: ignore[arg-type]
