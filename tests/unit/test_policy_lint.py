"""Vectors of the lint: each bad policy is found out, its twin is clean, edits do what they say."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from connector.cli.policy.check import SUGGESTED, Checked, checked, fixed
from connector.cli.policy.lint import linted
from connector.cli.speaking import language, speaking
from connector.jsonld.mending import at, mended
from policies_odrl import (
    Action,
    AssetRef,
    Conflict,
    Facts,
    Finding,
    Iri,
    Literal,
    OdrlError,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Request,
    evaluate,
    lint,
    validate,
)
from policies_odrl.checking.findings import Change, Severity, Step, table
from policies_odrl.checking.proofs import MAX_PAIRS
from policies_odrl.checking.written import pointer
from policies_odrl.evaluation.request import imagined
from policies_odrl.model import ODRL, XSD
from policies_odrl.reading.reader import load
from policies_odrl.reading.writer import write
from policies_odrl.vocabulary import DPV
from tests.support.each import each, over
from tests.support.policies import name_is, one_rule, purpose
from tests.support.tables import rows

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests" / "conformance" / "policies" / "lint"
EXPECTED: dict[str, str | dict[str, str]] = json.loads((VECTORS / "expected.json").read_text())
FILES = {code: path for code, path in EXPECTED.items() if isinstance(path, str)}
FOLDERS = {code: entry for code, entry in EXPECTED.items() if isinstance(entry, dict)}
# Only built in code: the reader, or the merging of nodes, lets no file come that far.
IN_CODE = {
    "more-findings", "node-twice", "over-the-limit", "repeated-value", "too-large",
    "too-many-conditions",
}  # fmt: skip
READ = one_rule("read")


def vector(code: str, kind: str) -> Path:
    (found,) = VECTORS.glob(f"{code}.{kind}.*")
    return found


@cache
def found_in_file(file: Path, lang: str = "en") -> Checked:
    with speaking(["--lang", lang]):
        return checked(file)


def in_bad(code: str, lang: str = "en") -> Checked:
    return found_in_file(vector(code, "bad"), lang)


def places(findings: tuple[Finding, ...]) -> set[tuple[str, str]]:
    return {(item.code, item.path) for item in findings}


def errors(findings: tuple[Finding, ...]) -> set[str]:
    return {item.code for item in findings if item.severity is Severity.ERROR}


def test_every_finding_has_a_vector() -> None:
    assert {code.partition(".")[0] for code in EXPECTED} | IN_CODE == set(table())


@over("code", FILES)
def test_found_in_the_bad_file(code: str) -> None:
    found = {(item.code, item.path): item for item in in_bad(code).findings}
    french = {(item.code, item.path): item for item in in_bad(code, "fr").findings}
    mine, other = found[code, FILES[code]], french[code, FILES[code]]
    assert mine.fix
    assert mine.sentence != other.sentence
    assert mine.fix != other.fix
    assert mine.severity is other.severity
    assert "{" not in mine.sentence + other.sentence


@over("code", FILES)
def test_not_found_in_its_twin(code: str) -> None:
    found = found_in_file(vector(code, "good"), "en").findings
    assert code not in {item.code for item in found}
    assert not errors(found)


@over("code", FOLDERS)
def test_found_between_the_files_of_a_folder(code: str) -> None:
    where, path = FOLDERS[code]["file"], FOLDERS[code]["path"]
    name = code.partition(".")[0]
    found = linted(VECTORS / f"{code}.bad").findings
    assert (name, path) in places(found[where])
    clean = linted(VECTORS / f"{code}.good").findings
    assert name not in {item.code for items in clean.values() for item in items}
    assert not any(errors(items) for items in clean.values())


def test_an_edit_mends_what_it_belongs_to_and_breaks_nothing() -> None:
    policies = [policy for code in FILES for policy in in_bad(code).policies]
    found = [(policy, validate(policy)) for policy in policies]
    edits = [(policy, item, before) for policy, before in found for item in before if item.edit]
    assert len(edits) > 8
    each(edits, it_mends_what_it_belongs_to_and_breaks_nothing)


def it_mends_what_it_belongs_to_and_breaks_nothing(
    edit: tuple[Policy, Finding, tuple[Finding, ...]],
) -> None:
    policy, item, before = edit
    after = validate(load(mended(write(policy), [item])))
    assert (item.code, item.path) not in places(after) or len(after) < len(before)
    gone = {item.code} if item.severity is Severity.ERROR else set()
    assert errors(after) <= errors(before) - gone


@rows("lint", "a mended file is clean of what was mended")
def test_a_mended_file_is_clean_of_what_was_mended(code: str, tmp_path: Path) -> None:
    bad = vector(code, "bad")
    before, out = in_bad(code), tmp_path / "mended.jsonld"
    out.write_bytes(fixed(bad, before, errors(before.findings)))
    found = checked(out).findings
    assert code not in {item.code for item in found}
    assert not errors(found)


@rows("lint", "a mended file is clean of what was mended")
def test_what_is_decided_stays_unless_a_person_confirms(code: str) -> None:
    bad = vector(code, "bad")
    before = in_bad(code)
    one, other = (read_if_any(it) for it in (bad.read_bytes(), fixed(bad, before)))
    assert grants(one) == grants(other)


def test_what_is_confirmed_is_decided_then() -> None:
    bad = vector("term-relative", "bad")
    before = in_bad("term-relative")
    assert not any(grants(read_if_any(fixed(bad, before, frozenset({"null-value"})))))
    assert any(grants(read_if_any(fixed(bad, before, frozenset({"term-relative"})))))


def read_if_any(text: bytes) -> Policy | None:
    try:
        return load(text)
    except OdrlError:
        return None


def grants(policy: Policy | None) -> list[bool]:
    """Return what is granted of requests for each action; nothing by what cannot be read."""
    facts = {ODRL + "purpose": (Iri(DPV + "AcademicResearch"),)}
    facts |= {ODRL + "dateTime": (Literal("2026-01-01T00:00:00Z", XSD + "dateTime"),)}
    asked = [
        Request(ODRL + action, assignee="urn:bob", target="urn:example:dataset", facts=stated)
        for action in ("read", "print", "sell", "use")
        for stated in ({}, facts)
    ]
    return [bool(policy and evaluate(policy, it, imagined(it, Facts()))) for it in asked]


def test_what_would_change_the_meaning_is_a_suggestion_only() -> None:
    refined = AssetRef("urn:a", refinements=(purpose("Marketing"),))
    ban = Prohibition(action=READ.permissions[0].action)
    for code, policy in (
        ("uid-with-refinement", replace(READ, target=refined)),
        ("mixed-without-conflict", replace(READ, prohibitions=(ban,))),
        ("deprecated-term", one_rule("export")),
        ("deprecated-term", one_rule("write")),
        ("deprecated-term", one_rule("read", name_is(ODRL + "system", "urn:example:a"))),
    ):
        (found,) = (item for item in validate(policy) if item.code == code)
        assert found.fix
        assert not found.edit
    (same,) = (item for item in validate(one_rule("copy")) if item.code == "deprecated-term")
    assert mended(write(one_rule("copy")), [same])["permission"][0]["action"] == ODRL + "reproduce"


DOCUMENT = {"a": [1, 2, 3], "b": {"c": 4}, "d/e~": 5}


@rows("lint", "steps of edits")
def test_steps_of_edits(steps: list[list[Any]], expected: object) -> None:
    findings = [
        Finding("", "no-rule", Severity.NOTE, "", "", (Step(Change(change), *parts),))
        for change, *parts in steps
    ]
    assert mended(DOCUMENT, findings) == expected
    assert DOCUMENT == {"a": [1, 2, 3], "b": {"c": 4}, "d/e~": 5}


def test_places_are_found() -> None:
    assert at(DOCUMENT, "") == DOCUMENT
    assert at(DOCUMENT, "/a/1") == 2
    assert at(DOCUMENT, "/a/b") is None
    assert at(DOCUMENT, "/b/c/d") is None
    assert pointer("/a", "d/e~") == "/a/d~1e~0"


# -- several policies -----------------------------------------------------------------------


def family(*links: str) -> dict[str, Policy]:
    """Policies of one letter each, given as child and the letters of its parents."""
    return {
        link[0]: replace(READ, id=f"urn:{link[0]}", inherits=tuple(f"urn:{x}" for x in link[1:]))
        for link in links
    }


def found_in(policies: dict[str, Policy], code: str) -> set[str]:
    return {name for name, items in lint(policies).items() if code in {i.code for i in items}}


@rows("lint", "circles of inheritance")
def test_circles_of_inheritance(links: list[str], circle: str) -> None:
    assert found_in(family(*links), "circular-inheritance") == set(circle)


def test_the_way_round_is_named() -> None:
    found = lint(family("ab", "bc", "ca"))["a"]
    sentences = [item.sentence for item in found if item.code == "circular-inheritance"]
    assert sentences == ["the policy inherits from itself: urn:a → urn:b → urn:c → urn:a"]


def test_parents_that_are_there_need_not_be_written_out() -> None:
    assert found_in(family("ab", "b"), "unresolved-inheritance") == set()
    assert found_in(family("ab"), "unresolved-inheritance") == {"a"}
    assert found_in(family("ab"), "missing-parent") == {"a"}


def test_parents_of_parents_are_needed_too() -> None:
    assert found_in(family("ab", "bc"), "unresolvable") == {"a"}
    assert found_in(family("ab", "bc", "cb"), "unresolvable") == {"a"}
    assert found_in(family("ab", "bc", "c"), "unresolvable") == set()


def test_policies_without_identifier_are_not_the_same() -> None:
    nameless = replace(READ, id="")
    assert found_in({"a": nameless, "b": nameless}, "duplicate-identifier") == set()
    assert found_in({"a": READ, "b": READ}, "duplicate-identifier") == {"b"}


@over(
    ("mine", "theirs", "differ"),
    [
        (Conflict.PERM, Conflict.PROHIBIT, True),
        (Conflict.PERM, Conflict.PERM, False),
        (None, Conflict.PERM, True),
        (Conflict.PERM, None, True),
        (None, Conflict.INVALID, False),
        (None, None, False),
    ],
)
def test_strategies_of_parent_and_child(
    mine: Conflict | None,
    theirs: Conflict | None,
    differ: bool,  # noqa: FBT001
) -> None:
    both = family("ab", "b")
    both["a"] = replace(both["a"], conflict=mine)
    both["b"] = replace(both["b"], conflict=theirs)
    assert found_in(both, "strategies-differ") == ({"a"} if differ else set())


def offer(name: str, *, ban: str = "", target: str = "urn:data", kind: str = "Offer") -> Policy:
    return Policy(
        kind=PolicyKind(kind),
        id=name,
        permissions=(Permission(action=Action(ODRL + "read")),),
        prohibitions=(Prohibition(action=Action(ODRL + ban)),) if ban else (),
        conflict=Conflict.PERM,
        target=AssetRef(target) if target else None,
    )


@over(
    ("policies", "contradict"),
    [
        ([offer("a"), offer("b", ban="use")], {"0"}),
        ([offer("a"), offer("b", ban="sell")], set()),
        ([offer("a"), offer("b", ban="use", target="urn:other")], set()),
        ([offer("a", target=""), offer("b", ban="use", target="")], set()),
        ([offer("a"), offer("b", ban="use", kind="Set")], set()),
        ([offer("a", ban="use")], set()),
        ([offer("a", ban="use"), offer("b", ban="read")], {"0", "1"}),
    ],
)
def test_offers_for_one_target(policies: list[Policy], contradict: set[str]) -> None:
    named = {str(place): policy for place, policy in enumerate(policies)}
    assert found_in(named, "offers-contradict") == contradict


def test_very_many_offers_for_one_target_are_bounded() -> None:
    many = {str(place): offer(f"urn:{place}", ban="sell") for place in range(200)}
    assert len(many) ** 2 > MAX_PAIRS
    assert found_in(many, "too-large") == {"0"}


# -- the page -------------------------------------------------------------------------------


def test_the_page_of_findings_is_what_the_check_says() -> None:
    file = ROOT / "docs" / "generate_findings.py"
    spec = importlib.util.spec_from_file_location("generate_findings", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.checked = lambda file: found_in_file(file, language())  # which other tests ask, too
    assert module.PAGE.read_text(encoding="utf-8") == module.render()


def test_accept_takes_each_code_of_an_error_that_has_a_fix() -> None:
    found = (item for code in FILES for item in checked(vector(code, "bad")).findings)
    assert {item.code for item in found if item.edit and not item.mechanical} == set(SUGGESTED)
