"""Notices as e-mail: to a real server on loopback, encrypted elsewhere, each once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connector.config import from_mapping
from connector.domain.contract.letter import letter
from connector.errors import ConfigurationInvalid, WorldFault
from connector.peer.web import mail
from connector.peer.web.mail import SmtpMail
from connector.services.approval import timing
from tests.support.doubles import NOON, settings_for_tests
from tests.support.link import Link
from tests.support.mailbox import Mailbox, mailbox
from tests.unit.test_approve_contracts import DATASET, HOOK, Hook, ask, pair, waiting

__all__ = ["pair"]
TO = ("keeper@school.example", "dpo@school.example")
MAIL: dict[str, Any] = {"mail_from": "node@school.example", "mail_to": TO}


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as made:
        yield made


def sender(box: Mailbox, folder: Path) -> SmtpMail:
    settings = settings_for_tests(folder, "did:web:school.example", mail_server=box.address, **MAIL)
    found = SmtpMail.of(settings)
    assert found is not None
    return found


def test_what_waits_is_mailed_once_in_two_languages_without_a_person(
    pair: Link, box: Mailbox
) -> None:
    """The hook fails twice: it is asked again, and the letter is not sent again."""
    ports, hook = pair.school.ports, Hook(failing=2)
    settings = replace(ports.settings, notice_url=HOOK)
    pair.school.ports = replace(
        ports, web=hook, settings=settings, mail=sender(box, ports.settings.home)
    )
    ask(pair)
    for _ in range(4):
        timing.turn(pair.school.ports, steady=True)
        pair.clock.advance(120)
    assert (hook.tried, len(hook.posted), len(box.messages)) == (3, 1, 1)
    (found,) = box.messages
    assert found["To"] == ", ".join(TO)
    assert found["Subject"] == "Préau: a decision waits / une décision attend"
    text = found.get_content()
    asked = waiting(pair.school)
    for part in ("A decision waits: it was asked for.", "Une décision attend : elle est demandée."):
        assert part in text
    for part in (asked.id, pair.lab.did, DATASET, "preau approve list"):
        assert part in text
    assert (len(pair.school.log("approval.told")), pair.school.ports.told) == (1, set())


def test_a_server_that_refuses_is_named_and_no_address(box: Mailbox, tmp_path: Path) -> None:
    box.refusing = True
    with pytest.raises(WorldFault) as refused:
        sender(box, tmp_path).send("Préau", "a duty\n", NOON)
    assert box.address in refused.value.reason
    assert "keeper" not in str(refused.value)
    box.refusing = False
    sender(box, tmp_path).send("Préau", "a duty\n", NOON)
    assert len(box.messages) == 1


def test_nothing_goes_in_clear_beyond_loopback(
    box: Mailbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "_loopback", lambda _host: False)
    with pytest.raises(WorldFault):
        sender(box, tmp_path).send("Préau", "a duty\n", NOON)
    assert box.messages == []
    assert [mail.endpoint(each) for each in ("mail.example:587", "[::1]:25")] == [
        ("mail.example", 587),
        ("::1", 25),
    ]


def test_what_a_peer_named_makes_no_line_of_its_own() -> None:
    notice = {"type": "duty", "happening": "overdue", "node": "did:web:a", "duty": "x\nBcc: y"}
    subject, text = letter(notice)
    assert "\nduty: x?Bcc: y\n" in text
    assert subject == "Préau: a duty waits / une obligation attend"


@pytest.mark.parametrize(
    "changes",
    [
        {"mail_server": "mail.example"},
        {"mail_to": []},
        {"mail_from": ""},
        {"mail_to": ["a@b\nBcc: c@d"]},
    ],
)
def test_settings_that_lead_nowhere_are_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    whole = {"did": "did:web:a", "name": "a", "mail_server": "mail.example:587"}
    whole |= {"mail_from": "node@a.example", "mail_to": ["dpo@a.example"]}
    assert from_mapping(tmp_path, whole).mail_to == ("dpo@a.example",)
    with pytest.raises(ConfigurationInvalid, match="mail"):
        from_mapping(tmp_path, {**whole, **changes})
