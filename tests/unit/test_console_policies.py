"""The editor of policies: three views that stay equal, findings, what if, comparison, layers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import httpx
import pytest

from connector.console.pages.author import conditions
from connector.jsonld.policy import policy_document, read_policy
from connector.ports import Ports
from connector.services.publication import publish
from policies_odrl import fill, same_meaning, templates
from tests.support.console import browsers, text_of
from tests.support.each import over
from tests.support.forms import fields_of, sent
from tests.support.link import Link, description, entry, link

HOSTILE = "<script>alert(1)</script>"
FORM, SENTENCES, DOCUMENT = "-form", "-sentences", "-document"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Link]:
    with link(tmp_path_factory.mktemp("policies")) as pair:
        publish.publish(pair.school.ports, description(pair.folder, offer=entry()))
        yield pair


@pytest.fixture(scope="module")
def school(pair: Link) -> Ports:
    ports: Ports = pair.school.ports
    return ports


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
        place = next(name for name, value in form.items() if value == "5").split(".")[0]
        changed = sent(author, changed, "/policy/edit", FORM, **{f"{place}.value": "6"})
        now, written = views(changed)
        assert "at least 6 sites" in now
        assert '"@value": "6"' in written
        gone = sent(author, changed, "/policy/edit", FORM, **{f"{place}.keep": "no"})
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
            areas = re.findall(r"<textarea[^>]*>\n(.*?)</textarea>", wrong.text, re.DOTALL)
            assert len(areas) == 3, "both texts, and the other policy"
            other = 1 if view == SENTENCES else 0
            typed = views(wrong)
            assert typed[1 - other] == text, "what was typed stands where it was typed"
            assert typed[other] == before[other]


@over("document", ["", "3", '{"permission": 3}', '{"permission": [3]}', '["a"]'])
def test_a_form_that_was_changed_by_hand_is_refused(school: Ports, document: str) -> None:
    with browsers(school, "author") as (author,):
        for path, view in (("edit", "form"), ("edit", "fixes"), ("what-if", ""), ("layers", "")):
            answer = author.do(f"/policy/{path}", document=document, view=view)
            assert 400 <= answer.status_code < 500, (path, view)


@over("template", [each.name for each in templates()])
def test_the_form_gives_back_what_it_was_given(template: str) -> None:
    found = next(each for each in templates() if each.name == template)
    document = policy_document(fill(found, found.example))
    form = conditions.form(document, "en")
    rows = form.grid.rows if form.grid else []
    given = {field.name: field.value for _, fields in rows for field in fields}
    given |= {field.name: field.value for field in form.fields}
    assert conditions.changed(document, given) == document
    # each value spelled anew, as a person copies it, means the same
    anew = {name: f"{text};" for name, text in given.items() if name.endswith(".value")}
    spelled = {**given, **anew, "new.value": ""}
    made = read_policy(conditions.changed(document, spelled))
    assert same_meaning(made, read_policy(document))


def test_conditions_and_rules_are_added(school: Ports) -> None:
    with browsers(school, "author") as (author,):
        shown = author.get("/policy")
        added = sent(
            author,
            shown,
            "/policy/edit",
            FORM,
            **{
                "new.rule": "permission/0",
                "new.left": "https://w3id.org/preau/odrl/v1#retention",
                "new.operator": "lteq",
                "new.value": "P1Y",
                "rule.kind": "prohibition",
                "rule.action": "http://www.w3.org/ns/odrl/2/distribute",
            },
        )
        assert added.status_code == 200, text_of(added)
        policy = read_policy(json.loads(views(added)[1]))
        assert len(policy.prohibitions) == 1
        assert policy.permissions[0].constraints
        wrong = sent(author, shown, "/policy/edit", FORM, **{"new.rule": "permission/7"})
        assert wrong.status_code == 400


def test_findings_come_with_fixes_that_can_be_applied(school: Ports) -> None:
    with browsers(school, "author") as (author,):
        shown = author.get(f"/policy?offer={own_offer(school)}")
        document = json.loads(views(shown)[1])
        rule = document["permission"][0]
        rule["constraint"].append(rule["constraint"][0])
        twice = sent(author, shown, "/policy/edit", DOCUMENT, text=json.dumps(document))
        assert "Apply the fixes" in text_of(twice), text_of(twice)
        mended = sent(author, twice, "/policy/edit", "-fixes")
        assert len(json.loads(views(mended)[1])["permission"][0]["constraint"]) + 1 == len(
            rule["constraint"]
        )


def test_a_request_is_tried_out(school: Ports) -> None:
    with browsers(school, "author") as (author,):
        shown = author.get(f"/policy?offer={own_offer(school)}")
        refused = sent(
            author, shown, "/policy/what-if", now="2026-12-01T10:00:00Z", assignee="urn:a"
        )
        assert "would be refused" in text_of(refused)
        wrong = sent(author, shown, "/policy/what-if", now=HOSTILE)
        assert wrong.status_code == 422
        assert "POLICY_INVALID" in wrong.text
        assert HOSTILE not in wrong.text
        assert fields_of(wrong, "/policy/what-if")["now"] == HOSTILE
        french = author.post(
            "/policy/what-if",
            {**fields_of(shown, "/policy/what-if"), "assignee": "urn:a"},
            accept_language="fr",
        )
        assert "serait refusée" in text_of(french)


def test_two_policies_are_compared(school: Ports) -> None:
    with browsers(school, "author") as (author,):
        shown = author.get(f"/policy?offer={own_offer(school)}")
        text = views(shown)[1]
        same = sent(author, shown, "/policy/compare", other=text)
        assert "equivalent" in text_of(same)
        tighter = text.replace('"@value": "3"', '"@value": "1"', 1)
        wider = sent(author, shown, "/policy/compare", other=tighter)
        assert "wider: whatever the other grants" in text_of(wider)


def test_each_line_says_which_layer_it_is_from(school: Ports) -> None:
    with browsers(school, "author") as (author,):
        shown = author.get(f"/policy?offer={own_offer(school)}")
        layered = sent(author, shown, "/policy/layers")
        assert "Where each line comes from" in text_of(layered), text_of(layered)
        assert "As it would be offered" in text_of(layered)


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
        missing = sent(author, asked, "/policy/template", **{"value.attribution": ""})
        assert missing.status_code == 422
        assert "attribution" in text_of(missing)
