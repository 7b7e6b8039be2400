"""What persons who decide see in the console: what is new, asked, spent, and what would leave."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.services.access import decisions
from connector.services.approval import deciding
from connector.services.publication import publish
from tests.support.console import browsers, person, text_of
from tests.support.federation import Federation
from tests.support.link import Link, description, entry, link, offer
from tests.support.negotiating import ask
from tests.unit.test_approve_uses import EACH, awaited, reviewed, waiting
from tests.unit.test_use_flow import AGGREGATE, READ, linked
from tests.unit.test_use_flow import offer as uses_offer
from tests.unit.test_use_outputs import held, named
from tests.unit.test_use_outputs import reviewed as outputs_reviewed


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Link]:
    with link(tmp_path) as pair:
        publish.publish(pair.school.ports, description(pair.folder, offer=entry(roles=["dpo"])))
        yield pair


def test_a_contract_is_shown_beside_the_last_one(pair: Link) -> None:
    school = pair.school.ports
    ask(pair)
    person(school, "dana", "approver", reviews=("dpo",))
    with browsers(school, "dana") as (dana,):
        first = text_of(dana.get(f"/approval?id={waiting(pair.school).id}"))
        assert "no contract on this dataset before" in first
        assert "days left" in first
        dana.do("/approval/accept", id=waiting(pair.school).id, role="dpo", reason="")
        pair.pump()
        ask(pair)
        same = text_of(dana.get(f"/approval?id={waiting(pair.school).id}"))
        assert "The terms are those of the last contract." in same
        dana.do("/approval/refuse", id=waiting(pair.school).id, role="dpo", reason="not twice")
        pair.pump()
        ask(pair, policy=offer(epsilon="1.5"))
        found = dana.get(f"/approval?id={waiting(pair.school).id}")
    (last,) = pair.school.agreements()
    assert f'href="/contract?id={last.id}"'.replace(":", "%3A") in found.text
    shown = text_of(found)
    assert "What the terms change of the last contract" in shown
    assert "promised with it" in shown
    assert "4.5" in shown  # 3.0 of the contract that stands, and 1.5


def test_a_job_is_said_in_sentences_with_what_it_costs(tmp_path: Path) -> None:
    federation = reviewed(Federation(tmp_path), EACH)
    _, body = federation.submission()
    awaited(federation, body)
    site = federation.site()
    person(site.ports, "dana", "approver", reviews=("dpo",))
    with browsers(site.ports, "dana") as (dana,):
        path = f"/approval?id={waiting(site).id}"
        english = text_of(dana.get(path))
        french = text_of(dana.get(path, accept_language="fr"))
    assert "What it would do" in english
    assert "trains a model" in english
    assert "ε left after it" in english
    assert "entraîne un modèle" in french


def test_what_would_leave_is_looked_at_by_who_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with linked(tmp_path, outputs_reviewed(uses_offer(READ, AGGREGATE))) as pair:
        named(pair)
        school = pair.school.ports
        waits, extract = held(pair)
        person(school, "dana", "approver", reviews=("dpo",))
        person(school, "henri", "approver", reviews=("head",))
        with browsers(school, "dana", "henri") as (dana, henri):
            shown = text_of(dana.get(f"/approval?id={waits.id}"))
            assert extract.digest in shown
            assert "Look at what would leave" in shown
            assert henri.do("/approval/look", id=waits.id, role="dpo").status_code == 403
            with monkeypatch.context() as patched:
                patched.setattr(decisions, "MOST_LOOKED_AT", 1)
                answer = dana.do("/approval/look", id=waits.id, role="dpo")
                assert answer.status_code == 413
                assert "preau approve show" in text_of(answer)
            answer = dana.do("/approval/look", id=waits.id, role="dpo")
            assert "attachment" in answer.headers["content-disposition"]
            assert hashlib.sha256(answer.content).hexdigest() == waits.request
        (viewed,) = [each for each in pair.school.log() if each.kind == "approval.viewed"]
        assert b'"account"' in viewed.event
        deciding.refuse(school, waits.id, "the test is over", "dpo")
