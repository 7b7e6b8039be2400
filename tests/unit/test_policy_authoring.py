"""What an author is told: words, choices, files, and what would have to change."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from click.testing import Result

from connector.cli.exits import Exit
from connector.cli.policy.lint import linted
from connector.cli.policy.new import in_french, not_upheld
from connector.cli.policy.simulate import facts_at
from connector.errors import ConfigurationInvalid, PolicyInvalid
from policies_odrl import (
    Action,
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
    Request,
    evaluate,
    explain,
    fill,
    from_sentences,
    simulate,
    tell,
    template,
)
from policies_odrl.errors import TemplateRefused
from policies_odrl.language.phrases import LANGUAGES
from policies_odrl.model import ODRL, XSD
from policies_odrl.simulation.changes import applied
from policies_odrl.vocabulary import PREAU
from tests.support.command import invoked

READ: Final = Action(ODRL + "read")
PAID: Final = Constraint(ODRL + "payAmount", Operator.LTEQ, (Literal("5", XSD + "integer"),))
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
    said = "1.1. Condition : la protection vaut pour chaque personne, avec toutes ses lignes."
    assert said in explain(policy, "fr")


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
    assert "ce que dit la phrase 1, « Il est permis de lire les données. »" in french.replace(
        "\n", " "
    )
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
    whole = TWO.rpartition("[]")[0].replace(
        "[] a odrl:Offer", "<urn:o> a odrl:Offer ; odrl:assigner <urn:a>"
    )
    (tmp_path / "one.ttl").write_text(whole, "utf-8")
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
