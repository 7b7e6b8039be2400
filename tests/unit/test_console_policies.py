"""The editor of policies: three views that stay equal, findings, what if, comparison, layers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from connector.console.pages.author import conditions, findings
from connector.console.parts import Link
from connector.console.sessions import IDLE
from connector.errors import Malformed
from connector.jsonld import mending
from connector.jsonld.policy import policy_document, read_policy
from connector.ports import Ports
from connector.services.layers import keeping
from connector.services.policies import drafting
from connector.services.publication import publish
from policies_odrl import (
    Policy,
    explain,
    fill,
    from_sentences,
    same_meaning,
    templates,
)
from policies_odrl.language.explain import numbered
from policies_odrl.model import ODRL
from policies_odrl.vocabulary import DPV, PREAU, PROFILE
from tests.support.console import browsers, text_of
from tests.support.doubles import FixedClock
from tests.support.each import over
from tests.support.forms import fields_of, saving, sent
from tests.support.link import Link as Pair
from tests.support.link import description, entry, link

HOSTILE = "<script>alert(1)</script>"
FORM, SENTENCES, DOCUMENT, ADD = "-form", "-sentences", "-document", "-add"
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with link(tmp_path_factory.mktemp("policies")) as pair:
        publish.publish(pair.school.ports, description(pair.folder, offer=entry()))
        yield pair


@pytest.fixture(scope="module")
def school(pair: Pair) -> Ports:
    ports: Ports = pair.school.ports
    return ports


def policies() -> list[Policy]:
    """Those of the templates, and of the examples that the node reads."""
    files = [
        *EXAMPLES.glob("contracts/*/contrat.json"),
        *EXAMPLES.glob("policies/meaning/o*.json"),
        *(EXAMPLES / "policies" / name for name in ("research.json", "lending.json")),
        *EXAMPLES.glob("policies/star/shelf/*.json"),
    ]
    assert len(files) > 12
    return [
        *(fill(each, each.example) for each in templates()),
        *(read_policy(each.read_bytes()) for each in sorted(files)),
    ]


def own_offer(school: Ports) -> str:
    (found,) = publish.datasets(school).values
    (offer,) = publish.offers(school, found.id)
    return offer.id  # type: ignore[union-attr]


def views(answer: httpx.Response) -> tuple[str, str]:
    """The sentences and the document of the page."""
    return tuple(fields_of(answer, "/policy/edit", name)["text"] for name in (SENTENCES, DOCUMENT))  # type: ignore[return-value]


def test_all_views_follow_the_one_that_was_changed(school: Ports) -> None:
    with browsers(school, "author") as (author,):
        shown = author.get(f"/policy?offer={own_offer(school)}")
        assert shown.status_code == 200, text_of(shown)
        said, _ = views(shown)
        assert "at least 3 sites" in said
        more = said.replace("at least 3 sites", "at least 4 sites")
        changed = sent(author, shown, "/policy/edit", SENTENCES, text=more)
        assert changed.status_code == 200, text_of(changed)
        now, written = views(changed)
        assert "at least 4 sites" in now
        assert '"@value": "4"' in written
        text = written.replace('"@value": "4"', '"@value": "5"')
        changed = sent(author, changed, "/policy/edit", DOCUMENT, text=text)
        assert "at least 5 sites" in views(changed)[0]
        form = fields_of(changed, "/policy/edit", FORM)
        place = next(name for name, value in form.items() if value == "5")
        changed = sent(author, changed, "/policy/edit", FORM, **{place: "6"})
        now, written = views(changed)
        assert "at least 6 sites" in now
        assert '"@value": "6"' in written
        out = place.replace("value:", "out:")
        gone = sent(author, changed, "/policy/edit", FORM, **{out: "yes"})
        assert "sites" not in views(gone)[0]
        assert "minimumSites" not in views(gone)[1]


def test_what_cannot_be_read_changes_no_view(school: Ports) -> None:
    with browsers(school, "author") as (author,):
        shown = author.get(f"/policy?offer={own_offer(school)}")
        before = views(shown)
        for view, text in ((SENTENCES, f"A. {HOSTILE}"), (DOCUMENT, '{"a": 1'), (DOCUMENT, "{}")):
            wrong = sent(author, shown, "/policy/edit", view, text=text)
            assert wrong.status_code in (400, 422), text_of(wrong)
            assert HOSTILE not in wrong.text
            now = views(wrong)
            left = (text, before[1]) if view == SENTENCES else (before[0], text)
            assert now == left, "what was typed stays in its view, the other as it was"
        wrong = sent(author, shown, "/policy/edit", DOCUMENT, text='{\n  "a": 1\n  "b": 2}')
        assert "in line 3, column 3" in text_of(wrong)
        place = next(each for each in fields_of(shown, "/policy/edit", FORM) if "value:" in each)
        wrong = sent(author, shown, "/policy/edit", FORM, **{place: ""})
        assert "has no value" in text_of(wrong)
        assert views(wrong) == before
        assert fields_of(wrong, "/policy/edit", FORM)[place] == "", "and so does a field"


@over("document", ["", "3", '{"permission": 3}', '{"permission": [3]}', '["a"]'])
def test_a_form_that_was_changed_by_hand_is_refused(school: Ports, document: str) -> None:
    with browsers(school, "author") as (author,):
        for path, view in (("edit", "form"), ("edit", "fixes"), ("what-if", ""), ("layers", "")):
            answer = author.do(f"/policy/{path}", document=document, view=view)
            assert 400 <= answer.status_code < 500, (path, view)


@over("policy", policies())
@over("language", ["en", "fr"])
def test_each_view_gives_back_what_it_was_given(policy: Policy, language: str) -> None:
    document, lines = policy_document(policy), numbered(policy, language)
    rows = conditions.form(document, lines, language, {}, Link("", "")).grid.rows  # type: ignore[union-attr]
    named = [name for name, _ in rows]
    assert [name for name in named if name in set(map(str, lines))] == list(map(str, lines))
    shown = [field for _, fields in rows for field in fields if field]
    assert len({field.name for field in shown}) == len(shown)
    constraints = json.dumps(document).count('"leftOperand"')
    assert sum(field.name.startswith("value:") for field in shown) == constraints
    given = {field.name: field.value for field in shown if field.kind != "box"}
    assert conditions.changed(document, given, language) == document
    # each value spelled anew, as a person copies it, means the same
    anew = {name: f"{text};" for name, text in given.items() if name.startswith("value:")}
    made = read_policy(conditions.changed(document, {**given, **anew}, language))
    assert same_meaning(made, policy)
    assert same_meaning(from_sentences("\n".join(explain(made, language)), language), policy)
    taken = [field.name for field in shown if field.kind == "box" and "constraint/" in field.name]
    for name in {*taken[:1], *taken[-1:]}:  # one condition less, and nothing else
        less = read_policy(conditions.changed(document, {**given, name: "yes"}, language))
        assert less != policy
        assert len(numbered(less, language)) < len(lines)


def test_what_is_joined_is_taken_out_as_a_whole() -> None:
    found = next(each for each in templates() if each.name == "adaptive-content")
    document = policy_document(fill(found, found.example))
    place = "/permission/0/constraint/2"
    both = {f"out:{place}/or/{number}": "yes" for number in (0, 1)}
    with pytest.raises(Malformed, match="take out the whole"):
        conditions.changed(document, both, "en")
    one = conditions.changed(document, {f"out:{place}/or/0": "yes"}, "en")
    assert len(one["permission"][0]["constraint"][2]["or"]) == 1
    whole = conditions.changed(document, {**both, f"out:{place}": "yes"}, "en")
    assert len(whole["permission"][0]["constraint"]) == 5
    for strange in (
        "out:/permission/7",
        "value:/permission/0",
        "value:/nothing/0",
        "operator:",
        "out:",
    ):
        with pytest.raises(Malformed, match="does not have"):
            conditions.changed(document, {strange: "1"}, "en")


@over(
    "typed",
    [
        ("retention", "P2Y", {"@value": "P2Y", "@type": "xsd:duration"}),
        ("dateTime", "2027-06-30", {"@value": "2027-06-30", "@type": "xsd:date"}),
        ("age", "12,5", {"@value": "12.5", "@type": "xsd:decimal"}),
        ("purpose", "publicité", {"@id": f"{DPV}Advertising"}),
        ("purpose", "advertising", {"@id": f"{DPV}Advertising"}),
        ("purpose", "dpv:Advertising", {"@id": f"{DPV}Advertising"}),
        ("columns", "a; b", ["a", "b"]),
    ],
)
def test_values_are_read_as_a_person_writes_them(typed: tuple[str, str, object]) -> None:
    left, text, value = typed
    found = next(each for each in templates() if each.name == "adaptive-content")
    document = policy_document(fill(found, found.example))
    nodes = {
        each.path: mending.at(document, each.path)
        for each in numbered(fill(found, found.example), "fr")
    }
    path = next(
        path
        for path, node in nodes.items()
        if isinstance(node, dict) and str(node.get("leftOperand", "")).endswith(left)
    )
    made = conditions.changed(document, {f"value:{path}": text}, "fr")
    assert mending.at(made, f"{path}/rightOperand") == value


def test_conditions_rules_and_duties_are_added(school: Ports) -> None:
    delete, distribute = f"{ODRL}delete", f"{ODRL}distribute"
    with browsers(school, "author") as (author,):
        shown = author.get("/policy")
        condition = {
            "new.holder": "/permission/0",
            "new.left": f"{PREAU}retention",
            "new.operator": "lteq",
            "new.value": "P1Y",
            "rule.kind": "prohibition",
            "rule.action": distribute,
        }
        added = sent(author, shown, "/policy/edit", ADD, **condition)
        assert added.status_code == 200, text_of(added)
        duty = {"rule.kind": "duty", "rule.above": "/permission/0", "rule.action": delete}
        added = sent(author, added, "/policy/edit", ADD, **duty)
        policy = read_policy(json.loads(views(added)[1]))
        assert len(policy.prohibitions) == 1
        assert policy.permissions[0].constraints
        assert [each.action.id for each in policy.permissions[0].duties] == [delete]
        for wrong in ({"new.holder": "/permission/7"}, {"new.holder": "/permission/0"}, {}):
            answer = sent(author, shown, "/policy/edit", ADD, **wrong)
            assert answer.status_code == 400, wrong
            assert "MALFORMED" in answer.text
            assert views(answer) == views(shown)


def test_a_policy_that_is_too_large_is_refused_in_one_line(school: Ports) -> None:
    with browsers(school, "author") as (author,):
        shown = author.get("/policy")
        for view in (SENTENCES, DOCUMENT):
            answer = sent(author, shown, "/policy/edit", view, text="{" * (drafting.MOST + 1))
            assert answer.status_code == 422
            assert f"at most {drafting.MOST} characters" in text_of(answer)


def test_what_is_typed_is_no_act(school: Ports) -> None:
    with browsers(school, "author") as (author,):
        shown = author.get("/policy")
        with school.store.read() as tx:
            before = tx.audit.size()
        form = fields_of(shown, "/policy/edit", SENTENCES)
        assert author.post("/policy/edit", form).status_code == 200
        assert author.post("/policy/edit", {**form, "word": "another"}).status_code == 401
        with school.store.read() as tx:
            assert tx.audit.size() == before


def test_findings_come_with_fixes_that_can_be_applied(school: Ports) -> None:
    with browsers(school, "author") as (author,):
        shown = author.get(f"/policy?offer={own_offer(school)}")
        document = json.loads(views(shown)[1])
        rule = document["permission"][0]
        rule["constraint"].append(rule["constraint"][0])
        twice = sent(author, shown, "/policy/edit", DOCUMENT, text=json.dumps(document))
        assert "Apply the fixes" in text_of(twice), text_of(twice)
        assert "findings: 1, of which errors: 0" in text_of(twice)
        place = len(rule["constraint"]) - 1
        link_to = f'href="#form-policy-edit-form-value:/permission/0/constraint/{place}"'
        assert link_to in twice.text
        assert link_to.replace('href="#', 'id="') in twice.text
        number = f"1.{place + 1}"
        line = next(each for each in views(twice)[0].splitlines() if each.startswith(f"{number}."))
        assert number in text_of(twice)
        assert line.removeprefix(number) in text_of(twice)
        mended = sent(author, twice, "/policy/edit", "-fixes")
        assert len(json.loads(views(mended)[1])["permission"][0]["constraint"]) + 1 == len(
            rule["constraint"]
        )


def test_each_part_of_a_document_has_its_line() -> None:
    for policy in policies():
        document = policy_document(policy)
        text = findings.written(document).splitlines()
        found = findings.places(document)
        assert max(found.values()) < len(text)
        for path, number in found.items():
            name, value = path.rpartition("/")[2], mending.at(document, path)
            if path and not name.isdigit():
                written = name.replace("~1", "/").replace("~0", "~")
                assert text[number - 1].strip().startswith(json.dumps(written)), path
            elif isinstance(value, str):
                assert json.dumps(value, ensure_ascii=False) in text[number - 1]


def test_what_this_node_cannot_uphold_is_a_finding(school: Ports) -> None:
    with browsers(school, "author") as (author,):
        shown = author.get("/policy")
        strange = {
            "new.holder": "/permission/0",
            "new.left": f"{ODRL}event",
            "new.operator": "eq",
            "new.value": "urn:example:fair",
        }
        answer = sent(author, shown, "/policy/edit", ADD, **strange)
        assert "CONSTRAINT_UNKNOWN" in text_of(answer)
        assert "of which errors: 1" in text_of(answer)


def test_a_request_is_tried_out(school: Ports) -> None:
    with browsers(school, "author") as (author,):
        shown = author.get(f"/policy?offer={own_offer(school)}")
        asked = {
            "now": "2026-12-01",
            "assignee": "urn:a",
            f"value:{ODRL}purpose": "dpv:Marketing",
        }
        refused = sent(author, shown, "/policy/what-if", **asked)
        assert "would be refused" in text_of(refused)
        assert "Sentence 1." in text_of(refused), "the rule that decides, by its number"
        kept = fields_of(refused, "/policy/what-if")
        assert {name: kept[name] for name in asked} == asked
        wrong = sent(author, shown, "/policy/what-if", now=HOSTILE)
        assert wrong.status_code == 422
        assert "POLICY_INVALID" in wrong.text
        assert HOSTILE not in wrong.text
        french = author.post(
            "/policy/what-if",
            {**fields_of(shown, "/policy/what-if"), "assignee": "urn:a"},
            accept_language="fr",
        )
        assert "serait refusée" in text_of(french)
        lending = (EXAMPLES / "policies" / "lending.json").read_text("utf-8")
        shown = sent(author, shown, "/policy/edit", DOCUMENT, text=lending)
        assert shown.status_code == 200, text_of(shown)
        about = {"assignee": "urn:example:ada", "target": "urn:example:atlas"}
        granted = sent(author, shown, "/policy/what-if", now="2026-12-01", **about)
        assert "Granted: sentence 1 permits it." in text_of(granted), text_of(granted)
        other = sent(author, shown, "/policy/what-if", now="2026-12-01", action=f"{ODRL}sell")
        assert "would be refused" in text_of(other), "of an action that the policy does not name"


def test_two_policies_are_compared(school: Ports) -> None:
    with browsers(school, "author") as (author,):
        shown = author.get(f"/policy?offer={own_offer(school)}")
        sentences, text = views(shown)
        for other in (text, sentences):
            same = sent(author, shown, "/policy/compare", other=other)
            assert "The same: both policies permit the same." in text_of(same)
            assert "No difference was found" in text_of(same)
        fewer = text.replace('"@value": "3"', '"@value": "1"', 1)
        more = sentences.replace("at least 3 sites", "at least 5 sites")
        for other, relation, where in (
            (fewer, "More: whatever the other", "permits more"),
            (more, "More: whatever the other", "permits more"),
            (sentences.replace("at least 3 sites", "at least 2 sites"), "Less: ", "permits less"),
        ):
            found = sent(author, shown, "/policy/compare", other=other)
            assert relation in text_of(found), text_of(found)
            assert where in text_of(found)
            assert fields_of(found, "/policy/compare")["other"] == other
            saved = author.post("/policy/compare", saving(found, "json", "comparison"))
            assert saved.headers["content-type"] == "application/json"
            assert where in {row["this policy"] for row in saved.json()}
        wrong = sent(author, shown, "/policy/compare", other=HOSTILE)
        assert wrong.status_code == 422
        assert HOSTILE not in wrong.text


def test_an_author_writes_and_a_steward_replaces(school: Ports) -> None:
    offer = own_offer(school)
    with browsers(school, "author", "steward", "auditor") as (author, steward, auditor):
        assert auditor.get("/policy").status_code == 403
        form = {"document": "{}", "offer": offer, "view": "document", "template": "research"}
        for path in ("edit", "template", "what-if", "compare", "layers", "replace"):
            assert auditor.do(f"/policy/{path}", **form).status_code == 403, path
        shown = author.get(f"/policy?offer={offer}")
        assert "/policy/replace" not in shown.text
        assert author.do("/policy/replace", **form).status_code == 403
        shown = steward.get(f"/policy?offer={offer}")
        text = views(shown)[0].replace("at least 3 sites", "at least 4 sites")
        changed = sent(steward, shown, "/policy/edit", SENTENCES, text=text)
        done = sent(steward, changed, "/policy/replace", reason="less is enough")
        assert done.status_code == 200, text_of(done)
    assert b'"4"' in publish.offer(school, offer).policy


def test_a_template_becomes_a_draft(school: Ports) -> None:
    with browsers(school, "author") as (author,):
        asked = sent(author, author.get("/policy"), "/policy/template", template="open-data")
        made = sent(author, asked, "/policy/template", **{"value.attribution": HOSTILE})
        assert made.status_code == 200, text_of(made)
        assert HOSTILE not in made.text
        assert HOSTILE in views(made)[1]
        form = fields_of(
            sent(author, author.get("/policy"), "/policy/template", template="statistics"),
            "/policy/template",
        )
        none = {name: text for name, text in form.items() if not name.startswith("value.purpose")}
        unticked = author.post("/policy/template", {**none, "value.until": "2030-06-30"})
        assert unticked.status_code == 422, "none is not the usual ones"
        assert "choose at least one" in text_of(unticked)
        missing = sent(author, asked, "/policy/template", **{"value.attribution": ""})
        assert missing.status_code == 422
        assert "attribution" in text_of(missing)


def test_each_line_says_which_layer_it_is_from(school: Ports) -> None:
    with browsers(school, "author") as (author,):
        shown = author.get(f"/policy?offer={own_offer(school)}")
        text = views(shown)[0].replace("at least 4 sites", "at least 2 sites")
        shown = sent(author, shown, "/policy/edit", SENTENCES, text=text)
        alone = sent(author, shown, "/policy/layers")
        assert "No layer is in force here." in text_of(alone)
        sites = {
            "leftOperand": f"{PREAU}minimumSites",
            "operator": "gteq",
            "rightOperand": {"@value": "4", "@type": "xsd:integer"},
        }
        charter = {
            "@context": json.loads(views(shown)[1])["@context"],
            "@id": "urn:example:charter",
            "@type": "Set",
            "profile": PROFILE,
            "permission": [{"action": f"{PREAU}federatedTraining", "constraint": [sites]}],
        }
        keeping.publish(school, charter)
        layered = sent(author, shown, "/policy/layers")
        assert "at least 4 sites" in text_of(layered)
        saved = author.post(
            "/policy/layers",
            {**fields_of(layered, "/policy/layers"), "as": "json", "table": "layers"},
        )
        lines = {row["sentence"].split(". ", 1)[1]: row["layer"] for row in saved.json()}
        assert lines["Condition: at least 4 sites take part."] == "charter"
        assert "offer" in lines.values()
        for form in ({"personal": "no"}, {"space": "urn:none"}):
            answer = sent(author, shown, "/policy/layers", **form)
            assert answer.status_code == (404 if "space" in form else 200)


def test_typing_lets_a_session_go_on(school: Ports) -> None:
    assert isinstance(school.clock, FixedClock)
    with browsers(school, "author") as (author,):
        form = fields_of(author.get("/policy"), "/policy/edit", SENTENCES)
        for _ in range(3):
            school.clock.advance(IDLE.total_seconds() - 60)
            answer = author.post("/policy/edit", form)
            assert "Policy editor" in text_of(answer)
            assert views(answer)[0]
