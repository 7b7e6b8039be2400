"""Faults that authors met: what a sentence, a form or a finding once left out."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import Result

from connector.cli.exits import Exit
from connector.cli.policy.lint import linted
from connector.cli.policy.new import in_french, not_upheld
from connector.cli.policy.simulate import facts_at
from connector.errors import ConfigurationInvalid, PolicyInvalid
from connector.jsonld.policy import policy_document, read_policy
from policies_odrl import (
    Action,
    AssetRef,
    Conflict,
    Constraint,
    Duty,
    Facts,
    Iri,
    Literal,
    NotUnderstood,
    Operator,
    PartyRef,
    Performed,
    Permission,
    Policy,
    PolicyKind,
    Prohibition,
    Request,
    evaluate,
    explain,
    fill,
    from_sentences,
    lint,
    resolve,
    same_meaning,
    simulate,
    tell,
    template,
)
from policies_odrl.errors import TemplateRefused
from policies_odrl.language.phrases import LANGUAGES
from policies_odrl.language.spelled import spelled
from policies_odrl.model import ODRL, XSD, Common
from policies_odrl.simulation.changes import applied
from policies_odrl.vocabulary import PREAU
from tests.support.command import invoked

READ: Final = Action(ODRL + "read")
PARENT: Final = Policy(
    kind=PolicyKind.SET,
    id="urn:parent",
    permissions=(Permission(action=READ, assignee=PartyRef("urn:bob")),),
)
PAID: Final = Constraint(ODRL + "payAmount", Operator.LTEQ, (Literal("5", XSD + "integer"),))
SHARED: Final = {
    "targets": Common(targets=(AssetRef("urn:t"), AssetRef("urn:u"))),
    "one target of two rules": Common(targets=(AssetRef("urn:t"),)),
    "assigners": Common(assigners=(PartyRef("urn:a"), PartyRef("urn:b"))),
    "assignees": Common(
        assignees=(PartyRef("urn:c"), PartyRef("", True, "urn:d", (PAID,)))  # noqa: FBT003
    ),
    "actions": Common(
        actions=(
            Action(
                ODRL + "archive",
                (PAID,),
                "urn:node",
                ((ODRL + "x", Literal("why")),),
            ),
        )
    ),
    "outputs": Common(outputs=(AssetRef("urn:made"),)),
    "functions": Common(functions=((ODRL + "informedParty", PartyRef("urn:dpo")),)),
}


def child(common: Common) -> Policy:
    rule = Permission(action=Action(ODRL + "print"), target=AssetRef("urn:own"))
    return Policy(
        kind=PolicyKind.SET,
        id="urn:child",
        permissions=(rule,),
        inherits=("urn:parent",),
        common=common,
    )


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("common", SHARED.values(), ids=SHARED)
def test_what_rules_taken_over_are_limited_to_is_said_and_read_back(
    common: Common, lang: str
) -> None:
    policy = child(common)
    found = from_sentences(explain(policy, lang), lang)
    assert found.common == spelled(policy).common
    family = {"urn:parent": PARENT}
    assert same_meaning(resolve(found, family), resolve(spelled(policy), family))
    assert explain(policy, lang) != explain(child(Common()), lang)


def test_a_policy_that_takes_over_nothing_says_it_in_its_rules_only() -> None:
    policy = replace(child(SHARED["targets"]), inherits=())
    assert explain(policy) == explain(replace(policy, common=Common()))


def test_a_mistake_below_what_is_shared_is_named() -> None:
    lines = [*explain(child(SHARED["actions"]))]
    lines[lines.index("D.3. More precisely: the amount paid is at most 5.")] = "D.3. More or less."
    with pytest.raises(NotUnderstood, match=r"sentence D\.3 is not understood"):
        from_sentences(lines)


# -- words ----------------------------------------------------------------------------------

ONE: Final = {
    (ODRL + "count", Operator.LTEQ): ("at most 1 time.", "au plus 1 fois."),
    (PREAU + "rowsPerPerson", Operator.LTEQ): (
        "at most 1 row of a person is used.",
        "au plus 1 ligne par personne est utilisée.",
    ),
    (PREAU + "minimumSites", Operator.GTEQ): (
        "at least 1 site takes part.",
        "au moins 1 site participe.",
    ),
}


def limited(left: str, operator: Operator, value: str) -> Policy:
    item = Constraint(left, operator, (Literal(value, XSD + "decimal"),))
    rule = Permission(action=READ, constraints=(item,))
    return Policy(kind=PolicyKind.SET, permissions=(rule,))


@pytest.mark.parametrize("key", ONE, ids=str)
def test_one_of_something_is_said_as_one(key: tuple[str, Operator]) -> None:
    for lang, said in zip(LANGUAGES, ONE[key], strict=True):
        lines = explain(limited(*key, "1"), lang)
        assert lines[2].endswith(said)
        assert from_sentences(lines, lang) == limited(*key, "1")
        more = explain(limited(*key, "2"), lang)
        assert from_sentences(more, lang) == limited(*key, "2")
        if said.split("1", 1)[1] not in more[2]:
            with pytest.raises(NotUnderstood):
                from_sentences([line.replace("2 ", "1 ") for line in more], lang)


def test_a_person_who_is_protected_is_not_nobody_in_french() -> None:
    item = Constraint(PREAU + "unitOfPrivacy", Operator.EQ, (Iri(PREAU + "Person"),))
    policy = Policy(
        kind=PolicyKind.SET, permissions=(Permission(action=READ, constraints=(item,)),)
    )
    said = "1.1. Condition : ce qui est protégé : chaque personne, avec toutes ses lignes."
    assert said in explain(policy, "fr")


# -- findings -------------------------------------------------------------------------------

BAN: Final = Prohibition(action=Action(ODRL + "sell"))
WORK: Final = Duty(action=Action(ODRL + "inform"))


@pytest.mark.parametrize(
    ("mine", "theirs", "rules", "differ"),
    [
        (Conflict.PERM, None, True, True),
        (None, Conflict.PERM, True, True),
        (Conflict.INVALID, None, True, False),
        (None, None, True, False),
        (Conflict.PERM, None, False, False),
    ],
)
def test_a_strategy_that_is_not_stated_counts_as_invalid_in_a_family(
    mine: Conflict | None,
    theirs: Conflict | None,
    rules: bool,  # noqa: FBT001
    differ: bool,  # noqa: FBT001
) -> None:
    parent = Policy(
        kind=PolicyKind.SET,
        id="urn:parent",
        prohibitions=(BAN,) if rules else (),
        obligations=(WORK,) if rules else (),
        conflict=theirs,
    )
    mixed = replace(child(Common()), conflict=mine)
    found = {item.code for item in lint({"child": mixed, "parent": parent})["child"]}
    assert ("strategies-differ" in found) is differ
    whole = resolve(mixed, {"urn:parent": parent})
    if rules and mine is not theirs:
        assert whole.conflict is Conflict.INVALID


# -- mending --------------------------------------------------------------------------------

CONTEXT: Final = "http://www.w3.org/ns/odrl.jsonld"


def until(year: int, **more: str) -> dict[str, Any]:
    at = {"@value": f"{year}-01-01T00:00:00Z", "@type": "xsd:dateTime"}
    return {"leftOperand": "dateTime", "operator": "lteq", "rightOperand": at, **more}


def fixed(tmp_path: Path, **parts: Any) -> tuple[Policy, Policy]:
    """Return a policy as it was read, and as `--fix` wrote it."""
    document = {"@context": CONTEXT, "uid": "urn:p", "@type": "Set", **parts}
    file, out = tmp_path / "in.jsonld", tmp_path / "out.jsonld"
    file.write_text(json.dumps(document), "utf-8")
    out.unlink(missing_ok=True)
    assert preau("check", file, "--fix", out).exit_code == 0
    return read_policy(document), read_policy(out.read_bytes())


@pytest.mark.parametrize("inherits", [{}, {"inheritFrom": "urn:parent"}], ids=["alone", "child"])
def test_mending_takes_a_condition_from_no_other_rule(
    inherits: dict[str, str], tmp_path: Path
) -> None:
    """A rule of a child is written once for two, so that the places of rules were others."""
    first = {"action": "print", "target": "urn:u", "constraint": [until(2028), until(2027)]}
    count = {"leftOperand": "count", "operator": "lteq", "rightOperand": 3}
    second = {"action": "read", "target": "urn:v", "constraint": [count]}
    before, after = fixed(tmp_path, target="urn:x", permission=[first, second], **inherits)
    assert [len(rule.constraints) for rule in before.permissions] == [2, 2, 1, 1]
    found = [len(rule.constraints) for rule in after.permissions]
    assert found == ([2, 2, 1, 1] if inherits else [1, 1, 1, 1])


def test_mending_still_changes_what_concerns_the_whole_of_a_child(tmp_path: Path) -> None:
    named = {"target": "urn:u", "assignee": "urn:bob"}
    before, after = fixed(
        tmp_path,
        target="urn:x",
        inheritFrom="urn:parent",
        permission=[{"action": "print", **named}],
        prohibition=[{"action": "sell", **named}],
    )
    assert len(before.permissions) == 2
    assert (before.conflict, after.conflict) == (None, Conflict.PROHIBIT)
    assert replace(after, conflict=None) == before


def test_mending_keeps_what_others_name(tmp_path: Path) -> None:
    """A prohibition on the members of a collection became one on the collection's name alone."""
    kind = {"leftOperand": "fileFormat", "operator": "eq", "rightOperand": "text/csv"}
    shelf = {
        "uid": "urn:shelf",
        "@type": "AssetCollection",
        "source": "urn:store",
        "refinement": [kind],
    }
    ban = {"conflict": "prohibit", "prohibition": [{"action": "read", "target": "urn:shelf"}]}
    covered = [{"action": "print", "target": shelf}, {"action": "print"}]
    before, after = fixed(tmp_path, permission=covered, **ban)
    assert after.prohibitions == before.prohibitions
    assert after.prohibitions[0].target == AssetRef(
        "urn:shelf",
        True,  # noqa: FBT003
        "urn:store",
        before.prohibitions[0].target.refinements if before.prohibitions[0].target else (),
    )
    covered = [{"action": "print", "target": "urn:t"}, {"action": "print"}]
    before, after = fixed(tmp_path, permission=covered, **ban)
    assert (len(before.permissions), len(after.permissions)) == (2, 1)


@pytest.mark.parametrize("shared", [True, False])
def test_mending_takes_a_needless_connective_away_unless_it_is_named_elsewhere(
    shared: bool,  # noqa: FBT001
    tmp_path: Path,
) -> None:
    """The condition that was named twice had nothing said of it, and could not be read."""
    needless = {"uid": "urn:c", "or": [until(2027)]}
    other = "urn:c" if shared else until(2027)
    rules = [
        {"action": "print", "target": "urn:t", "constraint": [needless]},
        {"action": "read", "target": "urn:t", "constraint": [other]},
    ]
    before, after = fixed(tmp_path, permission=rules)
    assert (after == before) is shared
    assert explain(after)[-4:] == explain(before)[-4:] or not shared
    assert policy_document(after)


@pytest.mark.parametrize(
    ("value", "written"),
    [("1e999", False), ('"\\ud800"', False), ("1e9", True), ('"\\ud83c\\udfeb"', True)],
    ids=["infinite", "half a character", "a number", "a character"],
)
def test_mending_writes_json_or_nothing(value: str, *, written: bool, tmp_path: Path) -> None:
    """A number without a finite value was written as `Infinity`, which no reader of JSON knows."""
    document = {"@context": CONTEXT, "uid": "urn:p", "@type": "Set", "unknown": 0}
    file, out = tmp_path / "in.jsonld", tmp_path / "out.jsonld"
    text = json.dumps(document | {"permission": [{"action": "read", "target": "urn:t"}]})
    file.write_text(text.replace('"unknown": 0', f'"unknown": {value}'), "utf-8")
    result = preau("check", file, "--fix", out)
    assert out.exists() is written
    assert result.exit_code == (Exit.INVALID if written else Exit.REFUSED)
    assert written or "cannot be mended by itself" in result.stderr
    assert not written or json.loads(out.read_text("utf-8"))["unknown"] == json.loads(value)


# -- commands -------------------------------------------------------------------------------


def preau(*words: object) -> Result:
    return invoked(["policy", *map(str, words)])


def test_a_choice_that_is_misspelled_is_named_as_it_would_be_written() -> None:
    chosen = template("federated-training")
    with pytest.raises(TemplateRefused) as caught:
        fill(chosen, {**chosen.example, "purpose": "education:ResearchManagment"})
    assert caught.value.reason.endswith("; did you mean `education:ResearchManagement`?")
    assert "https://" not in caught.value.reason
    with pytest.raises(TemplateRefused) as caught:
        fill(chosen, {**chosen.example, "purpose": "urn:1234567:z"})
    assert "did you mean" not in caught.value.reason


def test_what_a_node_cannot_publish_is_said_in_french_too() -> None:
    chosen = template("research")
    pairs = [f"{name}={line}" for name, text in chosen.example.items() for line in text.split("\n")]
    words = [word for pair in pairs for word in ("--set", pair)]
    french = preau("new", "research", *words, "--lang", "fr").stderr
    assert "ce que dit la phrase 1, « Il est permis de lire. »" in french.replace("\n", " ")
    assert "neither" not in french
    assert "neither checked, enforced nor audited" in preau("new", "research", *words).stderr


def test_the_sentence_that_a_node_cannot_uphold_is_the_one_that_says_it() -> None:
    train = Permission(action=Action(PREAU + "federatedTraining"), constraints=(PAID,))
    policy = Policy(kind=PolicyKind.OFFER, permissions=(train,))
    assert "la phrase 1.1, « Condition : le montant payé vaut au plus 5. »" in in_french(
        policy, not_upheld(policy)
    )
    whole = replace(policy, inherits=("urn:parent",))
    assert in_french(whole, not_upheld(whole)) == ""


TWO: Final = """\
@prefix odrl: <http://www.w3.org/ns/odrl/2/> .
[] a odrl:Offer ; odrl:permission [ odrl:action odrl:read ; odrl:target <urn:t> ] .
[] a odrl:Offer ; odrl:prohibition [ odrl:action odrl:read ; odrl:target <urn:t> ] .
"""


def test_a_folder_without_policies_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "notes.json").write_text("{}", "utf-8")
    with pytest.raises(ConfigurationInvalid, match="holds no policy"):
        linted(tmp_path, "en")
    assert preau("lint", tmp_path).exit_code == Exit.REFUSED
    (tmp_path / "one.ttl").write_text(TWO.rpartition("[]")[0], "utf-8")
    assert preau("lint", tmp_path).exit_code == 0


def test_two_policies_of_one_file_are_both_held_against_each_other(tmp_path: Path) -> None:
    """Neither has a name, and that of the file holds the mark that divides the two."""
    (tmp_path / "a#b.ttl").write_text(TWO, "utf-8")
    found = linted(tmp_path, "en")
    assert found.policies == 2
    assert "offers-contradict" in {item.code for item in found.findings["a#b.ttl"]}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\x80", "is not UTF-8 text"),
        (b'{"action": }', "is not JSON: expecting value in line 1"),
        (b'{"a": 1, "a": 2}', "is not JSON: a key is stated twice"),
    ],
)
def test_facts_that_are_no_json_say_where(content: bytes, why: str, tmp_path: Path) -> None:
    facts = tmp_path / "facts.json"
    facts.write_bytes(content)
    with pytest.raises(PolicyInvalid) as caught:
        facts_at(facts)
    assert caught.value.reason == f"`{facts}` {why}"
    facts.write_text("{}", "utf-8")
    assert facts_at(facts) == Facts()


# -- what would have to change --------------------------------------------------------------

PAY: Final = Duty(action=Action(ODRL + "compensate"), assignee=PartyRef("urn:payer"))
PAYING: Final = Policy(
    kind=PolicyKind.SET, id="urn:p", permissions=(Permission(action=READ, duties=(PAY,)),)
)
ASKED: Final = Request(READ.id, "urn:bob")


@pytest.mark.parametrize("year", [1999, 2026, 9999])
def test_an_act_at_an_unknown_time_says_so_and_that_the_time_would_help(year: int) -> None:
    paid = Performed(PAY.action.id, datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC), "urn:payer")
    found = simulate(PAYING, ASKED, Facts(performed=(paid,)))
    told = tell(found)
    assert told[1].startswith("Sentence 1.1 cannot be judged: it is not known whether this was")
    assert told[3].startswith("- it is known when it is asked, for example: ")
    assert len(found.changes[0]) == 1 or year == 9999
    for changes in found.changes:
        asked, known = applied(changes, ASKED, found.facts)
        assert evaluate(PAYING, asked, known).granted
    known = Facts(now=datetime(2026, 1, 1, tzinfo=UTC), performed=())
    assert tell(simulate(PAYING, ASKED, known))[1] == "Sentence 1.1 was not done: pay."


def test_a_limit_below_nothing_has_no_way_out() -> None:
    for limit, ways in (("-P3D", False), ("P3D", True)):
        item = Constraint(ODRL + "elapsedTime", Operator.LTEQ, (Literal(limit, XSD + "duration"),))
        rule = Permission(action=READ, constraints=(item,))
        found = simulate(replace(PAYING, permissions=(rule,)), ASKED)
        assert bool(found.changes) is ways
